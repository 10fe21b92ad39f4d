"""The office's calendar, remembered: what takes time in it is read in the background, so that a
turn of a call waits for the network once at most. While the calendar is away, what was last read
holds: windows are then offered by the store alone, and nothing can be booked."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Protocol

from engine.office.calendar import Calendar, CalendarAway
from engine.office.meeting import Meeting
from engine.store import Appointment, SlotTaken, StoreFailed

log = logging.getLogger(__name__)

AHEAD = timedelta(days=8)
EVERY = 30.0
"""Seconds from one reading to the next."""
OLDEST = 120.0
"""Only when readings have failed for so long does a turn wait for one, up to `PATIENCE`."""
PATIENCE = 1.0
PAUSES = (5.0, 30.0, 300.0, 0.0)
"""Seconds between the tries to give a time back to a calendar that is away."""
LAST = 3.0
"""Seconds for it at the end."""


class Diary:
    """Implements `Calendar`; its `busy` never fails. `run` must be running."""

    def __init__(self, calendar: Calendar, clock: Callable[[], datetime]) -> None:
        self.away = False
        """The last reading failed."""
        self._calendar = calendar
        self._clock = clock
        self._busy: tuple[tuple[datetime, int], ...] = ()
        self._read_at = -inf
        self._tried_at = -inf
        self._reading = asyncio.Lock()

    async def run(self) -> None:
        while True:
            async with self._reading:
                await self._read()
            await asyncio.sleep(EVERY)

    async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        if self._is_due():
            try:
                async with asyncio.timeout(PATIENCE), self._reading:
                    if self._is_due():
                        await self._read()
            except TimeoutError:
                self._tried_at = _now()
        return [
            (start, minutes)
            for start, minutes in self._busy
            if start < until and since < start + timedelta(minutes=minutes)
        ]

    async def book(self, meeting: Meeting) -> None:
        try:
            await self._calendar.book(meeting)
        except SlotTaken:
            self._remember(meeting)
            raise
        self._remember(meeting)

    async def cancel(self, uid: str) -> None:
        await self._calendar.cancel(uid)

    def _is_due(self) -> bool:
        is_old = _now() - self._read_at > OLDEST
        return is_old and _now() - self._tried_at > EVERY

    async def _read(self) -> None:
        now = self._clock()
        try:
            self._busy = tuple(await self._calendar.busy(now, now + AHEAD))
        except CalendarAway as error:
            self._tried_at = _now()
            if not self.away:
                log.warning("calendar_away", extra={"facts": {"why": str(error)}})
            self.away = True
            return
        self._read_at = _now()
        if self.away:
            log.warning("calendar_back")
        self.away = False

    def _remember(self, meeting: Meeting) -> None:
        """Until the next reading finds it."""
        self._busy = (*self._busy, (meeting.start, meeting.minutes))


class Store(Protocol):
    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]: ...

    async def book(self, appointment: Appointment) -> None: ...

    async def cancel(self, appointment: Appointment) -> None: ...


class Agenda:
    """Store and calendar as one: a time is free, and booked, in both or not at all."""

    def __init__(
        self, store: Store, diary: Calendar, describe: Callable[[Appointment], Meeting]
    ) -> None:
        self._store = store
        self._diary = diary
        self._describe = describe
        self._returning: dict[str, asyncio.Task[None]] = {}

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return [*await self._store.busy(since, until), *await self._diary.busy(since, until)]

    async def book(self, appointment: Appointment) -> None:
        """Raises `SlotTaken`, `CalendarAway`, and what the store raises. The calendar comes first:
        what the store has may have been told to others already."""
        meeting = self._describe(appointment)
        if (returning := self._returning.get(meeting.uid)) is not None:
            # Else what is booked now would be taken away.
            returning.cancel()
            await asyncio.wait([returning])
        try:
            await self._diary.book(meeting)
        except CalendarAway:
            self._give_back(meeting.uid)  # our claim may stand there
            raise
        try:
            await self._store.book(appointment)
        except (SlotTaken, StoreFailed):
            self._give_back(meeting.uid)
            raise
        if appointment.replaced is not None:
            self._give_back(self._describe(appointment.replaced).uid)

    async def cancel(self, appointment: Appointment) -> None:
        """Raises what the store raises: then it stands in both. The store comes first, for it
        alone tells who has a meeting; the calendar follows, however long it is away."""
        await self._store.cancel(appointment)
        self._give_back(self._describe(appointment).uid)

    async def close(self) -> None:
        """What cannot be given back soon is left there: the log has it."""
        if not self._returning:
            return
        _, late = await asyncio.wait(self._returning.values(), timeout=LAST)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _give_back(self, uid: str) -> None:
        """In the background: no caller waits for it."""
        if uid in self._returning:
            return
        task = self._returning[uid] = asyncio.create_task(self._given_back(uid))
        task.add_done_callback(lambda _: self._returning.pop(uid))

    async def _given_back(self, uid: str) -> None:
        why = "the bridge ends"
        try:
            for pause in PAUSES:
                try:
                    await self._diary.cancel(uid)
                    why = ""
                    return
                except CalendarAway as error:
                    why = str(error)
                await asyncio.sleep(pause)
        finally:
            if why:
                log.error("calendar_event_left", extra={"facts": {"uid": uid, "why": why}})


def _now() -> float:
    return asyncio.get_running_loop().time()
