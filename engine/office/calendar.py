"""The office's own calendar, over CalDAV (RFC 4791): what stands in it, and a time booked in it
once, however many bridges and people write to it.

Plain requests: the `caldav` library finds calendars, speaks to each server in its dialect, and
brings an HTTP client of its own for it; we need one query, a conditional PUT and a DELETE."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp

from engine.office.address import BadAddress, checked_address
from engine.office.entries import NoCalendar, Reading, Verdict, query, read, verdict
from engine.office.invitation import claim, event
from engine.office.meeting import OURS, Meeting
from engine.store import SlotTaken, StoreFailed

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds for one request; a booking is three, and may take twice as long."""
PAUSE = 0.2
_LOOKS = 10
_MOST = 16_000_000
_MEANINGS = {
    401: "the user or the password is refused (401)",
    403: "this user may not do that (403)",
    404: "there is no calendar at this address (404)",
    405: "there is no calendar at this address (405)",
    507: "it is full (507)",
}


class CalendarAway(StoreFailed):
    """The office's calendar cannot be asked or written now; the message says why, and has neither
    its address nor anything of what stands in it."""


class Calendar(Protocol):
    """A calendar outside of the house."""

    async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """(start, minutes) of all that takes time between the two. Raises `CalendarAway`."""
        ...

    async def book(self, meeting: Meeting) -> None:
        """The same meeting again is booked once. Raises `SlotTaken`; `CalendarAway`, after which
        it may stand there as tentative: the same meeting again goes on from there."""
        ...

    async def cancel(self, uid: str) -> None:
        """It need not be there. Raises `CalendarAway`."""
        ...


@asynccontextmanager
async def open_calendar(
    url: str,
    user: str,
    password: str,
    *,
    zone: ZoneInfo,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    patience: float = PATIENCE,
    pause: float = PAUSE,
) -> "AsyncIterator[CalDav]":
    """`url`: the calendar itself. `zone`: the business's. Raises `BadAddress`."""
    address = checked_address(url)
    if "?" in address:
        raise BadAddress("the address of a calendar was expected, without a query")
    login = base64.b64encode(f"{user}:{password.strip()}".encode()).decode()
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Basic {login}"},
        timeout=aiohttp.ClientTimeout(total=patience),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield CalDav(address.rstrip("/") + "/", session, zone, clock, 2 * patience, pause)


class CalDav:
    """Implements `Calendar`. Made by `open_calendar`."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        patience: float,
        pause: float,
    ) -> None:
        self._url = url
        self._session = session
        self._zone = zone
        self._clock = clock
        self._patience = patience
        self._pause = pause

    async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        reading = await self._read(since, until)
        if reading.unread:
            log.warning("calendar_events_not_read", extra={"facts": {"events": reading.unread}})
        return [(entry.start, _minutes(entry.end - entry.start)) for entry in reading.entries]

    async def book(self, meeting: Meeting) -> None:
        try:
            async with asyncio.timeout(self._patience):
                booked = await self._claim_and_confirm(meeting)
        except TimeoutError:
            raise CalendarAway("no answer in time") from None
        if not booked:
            await self._take_back(meeting.uid)
            raise SlotTaken(f"{meeting.start.isoformat()} is taken in the office's calendar")

    async def cancel(self, uid: str) -> None:
        status, _ = await self._ask("DELETE", uid)
        if status not in {404, 410}:
            _expect(status, 200, 204)

    async def _claim_and_confirm(self, meeting: Meeting) -> bool:
        claimed = claim(meeting, zone=self._zone, now=self._clock())
        status, _ = await self._put(meeting.uid, claimed, {"If-None-Match": "*"})
        if status != 412:  # 412: it is there, from the last time
            _expect(status, 200, 201, 204)
        for _ in range(_LOOKS):
            reading = await self._read(meeting.start, meeting.end)
            etag = next((one.etag for one in reading.entries if one.uid == meeting.uid), "")
            match verdict(meeting.uid, reading.entries):
                case Verdict.BOOKED:
                    return True
                case Verdict.TAKEN:
                    return False
                case Verdict.MISSING:
                    raise CalendarAway("what was written to it is not there")
                case Verdict.FREE if await self._confirm(meeting, etag):
                    return True
            # A rival is giving way: the server has nothing that would tell us when.
            await asyncio.sleep(self._pause)
        return False

    async def _confirm(self, meeting: Meeting, etag: str) -> bool:
        confirmed = event(meeting, zone=self._zone, now=self._clock())
        status, _ = await self._put(meeting.uid, confirmed, {"If-Match": etag} if etag else {})
        if status == 412:
            return False
        _expect(status, 200, 201, 204)
        return True

    async def _take_back(self, uid: str) -> None:
        try:
            await self.cancel(uid)
        except CalendarAway as error:
            log.warning("calendar_claim_left", extra={"facts": {"uid": uid, "why": str(error)}})

    async def _read(self, since: datetime, until: datetime) -> Reading:
        kind = {"Content-Type": "application/xml; charset=utf-8", "Depth": "1"}
        status, answer = await self._ask("REPORT", "", query(since, until), kind)
        _expect(status, 207)
        try:
            # In a thread: a full calendar takes a while.
            return await asyncio.to_thread(read, answer, zone=self._zone, since=since, until=until)
        except NoCalendar as error:
            raise CalendarAway(str(error)) from None

    async def _put(
        self, uid: str, content: bytes, condition: Mapping[str, str]
    ) -> tuple[int, bytes]:
        kind = {"Content-Type": "text/calendar; charset=utf-8"}
        return await self._ask("PUT", uid, content, {**kind, **condition})

    async def _ask(
        self, method: str, uid: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """About the event of that uid; without one, about the calendar."""
        url = self._url + (quote(uid.removesuffix(OURS), safe="") + ".ics" if uid else "")
        try:
            async with self._session.request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await _content(answer)
        except TimeoutError:
            raise CalendarAway("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not its text: the address may be in it.
            raise CalendarAway(f"the connection failed ({type(error).__name__})") from None


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_chunked(65_536):
        content += piece
        if len(content) > _MOST:
            raise CalendarAway("the answer is too long")
    return bytes(content)


def _expect(status: int, *expected: int) -> None:
    if status not in expected:
        raise CalendarAway(_MEANINGS.get(status, f"the request failed (status {status})"))


def _minutes(length: timedelta) -> int:
    """Rounded up."""
    return -(-length // timedelta(minutes=1))
