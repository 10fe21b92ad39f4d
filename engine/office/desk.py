"""Books and cancels for the calls. What has begun goes to its end in the calendar, the store and
the folder, whether the caller stays or hangs up; and what a call has booked is known when it
closes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from engine.store import Appointment, Calendar

Act = tuple[str, str, bool]
"""(call, act, whether it is taken back): done once, however often it is asked for."""


class Desk:
    """Implements `engine.store.Calendar`."""

    def __init__(self, calendar: Calendar, done: Callable[[], None] = lambda: None) -> None:
        """`done` is called after each meeting that was booked or canceled."""
        self._calendar = calendar
        self._done = done
        self._at_work: dict[Act, asyncio.Future[None]] = {}
        self._booked: dict[str, Appointment] = {}

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return await self._calendar.busy(since, until)

    async def book(self, appointment: Appointment) -> None:
        """Raises what the calendar raises."""
        had = self._booked.get(appointment.call)
        if had is not None and had.act == appointment.act:
            return
        await self._to_the_end(appointment, self._calendar.book, taken_back=False)

    async def cancel(self, appointment: Appointment) -> None:
        """Raises what the calendar raises."""
        await self._to_the_end(appointment, self._calendar.cancel, taken_back=True)

    async def _to_the_end(
        self,
        appointment: Appointment,
        deed: Callable[[Appointment], Awaitable[None]],
        *,
        taken_back: bool,
    ) -> None:
        act = appointment.call, appointment.act, taken_back
        task = self._at_work.get(act)
        if task is None:
            task = self._at_work[act] = asyncio.ensure_future(deed(appointment))
            task.add_done_callback(partial(self._ended, act, appointment))
        await asyncio.shield(task)

    def booked(self, call: str) -> Appointment | None:
        """What a call has booked that has not ended."""
        return self._booked.get(call)

    def go_on(self, booked: Appointment) -> None:
        """The call that has booked it is not over."""
        self._booked.setdefault(booked.call, booked)

    def settle(self, call: str, then: Callable[[Appointment | None], None]) -> None:
        """The call has ended: `then` is told what it has booked; at once, or when what is being
        booked for it has come to its end."""

        def settled(_: object = None) -> None:
            then(self._booked.pop(call, None))

        at_work = [task for (of, *_), task in self._at_work.items() if of == call]
        if not at_work:
            settled()
            return
        at_work[-1].add_done_callback(settled)

    async def close(self) -> None:
        """Waits for what is being booked or canceled."""
        if self._at_work:
            await asyncio.wait(self._at_work.values())

    def _ended(self, act: Act, appointment: Appointment, task: asyncio.Future[None]) -> None:
        del self._at_work[act]
        # Looked at even if nobody waits for it any more: a failure is told to who does.
        if task.cancelled() or task.exception() is not None:
            return
        _, _, taken_back = act
        if taken_back:
            self._booked.pop(appointment.call, None)
        else:
            self._booked[appointment.call] = appointment
        self._done()
