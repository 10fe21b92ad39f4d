"""Tells the office's own systems what came of a call: the outbox, one signed POST for each row, at
least once, and in order for each call.

It decides nothing about calls, and no call waits for it."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import aiohttp

from engine.office.address import checked_address
from engine.office.signature import signed_headers, signing_key
from engine.store import StoreFailed

log = logging.getLogger(__name__)

PATIENCE = 10.0
EVERY = 5.0
"""Seconds until it looks again for what is due."""
_AT_ONCE = 20
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=5), timedelta(hours=1)


class News(Protocol):
    """A row of the outbox."""

    @property
    def id(self) -> int: ...
    @property
    def key(self) -> str:
        """Tells a receiver that it has had this already."""
        ...

    @property
    def kind(self) -> str:
        """`booking`, `canceled`, `lead` or `call`."""
        ...

    @property
    def payload(self) -> Mapping[str, object]:
        """JSON. Rows with the same `call` in it are told in their order."""
        ...

    @property
    def attempts(self) -> int:
        """How often it has failed."""
        ...


class Outbox(Protocol):
    """What is to be told, kept by the store. Its methods raise `OSError` if they cannot."""

    async def pending(self, now: datetime, limit: int) -> Sequence[News]:
        """What is due, in the order in which it was written."""
        ...

    async def told(self, message_id: int) -> None: ...

    async def failed(self, message_id: int, due: datetime) -> None: ...


class _NotTold(Exception):
    """The message says why; it has nothing of the address or of the answer's text in it."""

    def __init__(self, why: str, retry_after: int = 0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


@asynccontextmanager
async def open_webhook(
    outbox: Outbox,
    url: str,
    secret: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    jitter: Callable[[], float] = random.random,
    patience: float = PATIENCE,
    every: float = EVERY,
) -> "AsyncIterator[Webhook]":
    """Raises `BadAddress` or `BadSecret`. `jitter`: 0 to 1."""
    address, key = checked_address(url), signing_key(secret)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=4),
        timeout=aiohttp.ClientTimeout(total=patience),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Webhook(outbox, address, key, session, clock, jitter, every)


class Webhook:
    """Made by `open_webhook`."""

    def __init__(
        self,
        outbox: Outbox,
        url: str,
        key: bytes,
        session: aiohttp.ClientSession,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        every: float,
    ) -> None:
        self.gone = False
        """The receiver has answered 410: nothing more is sent until the next start."""
        self._outbox = outbox
        self._url = url
        self._key = key
        self._session = session
        self._clock = clock
        self._jitter = jitter
        self._every = every
        self._written = asyncio.Event()
        self._not_before: dict[str, datetime] = {}
        """call -> when what failed of it is due: what came later of that call waits for it."""

    def wake(self) -> None:
        """Something was written: it is told now, not at the next look."""
        self._written.set()

    async def run(self) -> None:
        """Until it is cancelled, or the receiver wants no more."""
        while not self.gone:
            self._written.clear()
            if not await self._deliver_or_warn():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._written.wait()

    async def deliver(self) -> int:
        """Tries once all that is due; returns how many those were."""
        rows = await self._outbox.pending(self._clock(), _AT_ONCE)
        by_call: dict[str, list[News]] = {}
        for row in rows:
            by_call.setdefault(_call_of(row), []).append(row)
        async with asyncio.TaskGroup() as group:
            for call, of_call in by_call.items():
                group.create_task(self._tell_in_order(call, of_call))
        return len(rows)

    async def _deliver_or_warn(self) -> int:
        try:
            return await self.deliver()
        except* (OSError, StoreFailed) as errors:
            log.error("outbox_failed", extra={"facts": {"why": str(errors.exceptions[0])}})
        return 0

    async def _tell_in_order(self, call: str, rows: Sequence[News]) -> None:
        for row in rows:
            due = self._not_before.get(call)
            if due is None or due <= self._clock():
                due = await self._tell(row)
            if self.gone:
                return
            if due is None:
                self._not_before.pop(call, None)
                await self._outbox.told(row.id)
            else:
                self._not_before[call] = due
                await self._outbox.failed(row.id, due)

    async def _tell(self, row: News) -> datetime | None:
        """When to try again, if it was not told."""
        try:
            await self._post(row)
        except _NotTold as error:
            facts = {"kind": row.kind, "id": row.id, "attempts": row.attempts + 1}
            log.warning("webhook_failed", extra={"facts": facts | {"why": str(error)}})
            wait = max(_delay(row.attempts, self._jitter()), timedelta(seconds=error.retry_after))
            return self._clock() + wait
        return None

    async def _post(self, row: News) -> None:
        """Raises `_NotTold`."""
        body = json.dumps({"type": row.kind, "data": row.payload}, ensure_ascii=False).encode()
        headers = signed_headers(self._key, row.key, int(self._clock().timestamp()), body)
        headers["content-type"] = "application/json"
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise _NotTold("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not its text: the address may be in it.
            raise _NotTold(type(error).__name__) from None
        if status == 410 and not self.gone:
            self.gone = True
            log.error("webhook_gone", extra={"facts": {"why": "it wants no more (410)"}})
        if not 200 <= status < 300:
            raise _NotTold(f"status {status}", _seconds(retry_after))


def _call_of(row: News) -> str:
    call = row.payload.get("call")
    return call if isinstance(call, str) else row.key


def _delay(attempts: int, jitter: float) -> timedelta:
    longest: timedelta = min(_FIRST_DELAY * 2 ** min(attempts, 20), _LONGEST_DELAY)
    return longest * (0.5 + 0.5 * jitter)


def _seconds(text: str) -> int:
    """Up to a day; a date, which may stand there too, is not read."""
    return min(int(text), 86_400) if text.isascii() and text.isdigit() and len(text) < 9 else 0
