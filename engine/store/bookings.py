"""Books meetings. That no two overlap is the schema's doing; here its refusal becomes
`SlotTaken`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.appointment import MAIN, Appointment, SlotTaken, StoreFailed
from engine.store.database import Clock, ConnectionLost, Database
from engine.store.outbox import Outbox
from engine.store.tables import appointments

log = logging.getLogger(__name__)

PATIENCE = 0.3
"""Seconds that a turn waits for what is booked: an older answer will do."""


class Bookings:
    """Implements `Calendar`."""

    def __init__(
        self, database: Database, clock: Clock, outbox: Outbox, calendar: str = MAIN
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._calendar = calendar
        self._known: tuple[Appointment, ...] = ()

    def of(self, calendar: str) -> "Bookings":
        """Those of another calendar."""
        return Bookings(self._database, self._clock, self._outbox, calendar)

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        is_ours = appointments.c.calendar == self._calendar
        within = (appointments.c.starts < until) & (since < appointments.c.ends)
        try:
            async with asyncio.timeout(PATIENCE):
                self._known = await self._database.whole(self._read(is_ours & within))
        except (StoreFailed, TimeoutError) as error:
            # What has been taken since is refused when it is booked.
            log.warning(
                "busy_windows_not_read", extra={"facts": {"why": str(error) or "no answer in time"}}
            )
        return [(one.start, one.minutes) for one in self._known]

    async def booked(self) -> tuple[Appointment, ...]:
        """All of them, in every calendar. Raises `StoreFailed`."""
        return await self._database.whole(self._read(true()))

    async def book(self, appointment: Appointment) -> None:
        await self._database.whole(self._surely(self._book, appointment))

    async def cancel(self, appointment: Appointment) -> None:
        """In whichever calendar it is."""
        await self._database.whole(self._surely(self._cancel, appointment))

    async def _surely(
        self, act: Callable[[Appointment], Awaitable[None]], appointment: Appointment
    ) -> None:
        for _ in range(2):
            # Lost in the middle: it may be done, so it is asked for again, and done once.
            with suppress(ConnectionLost):
                await act(appointment)
                return
        raise StoreFailed("the connection to the database was lost twice")

    async def _book(self, appointment: Appointment) -> None:
        with suppress(IntegrityError):
            async with self._database.writing() as connection:
                if await stored(self._database, connection, appointment, self._clock()):
                    which = f"{appointment.call}:{appointment.act}"
                    await self._outbox.write(connection, "booking", which, _told(appointment))
                    if appointment.replaced is not None:
                        await self._taken_out(connection, appointment.replaced)
                    return
        async with self._database.writing() as connection:
            if not await is_stored(connection, appointment):
                raise SlotTaken(f"{appointment.start.isoformat()} is taken")

    async def _cancel(self, appointment: Appointment) -> None:
        async with self._database.writing() as connection:
            await self._taken_out(connection, appointment)

    async def _taken_out(self, connection: AsyncConnection, appointment: Appointment) -> None:
        """Within a transaction; it is told if it was there."""
        rows = delete(appointments).where(_is(appointment)).returning(appointments)
        row = (await connection.execute(rows)).first()
        if row is not None:
            one = _appointment(row)
            await self._outbox.write(connection, "canceled", f"{one.call}:{one.act}", _told(one))

    async def _read(self, which: ColumnElement[bool]) -> tuple[Appointment, ...]:
        rows = select(appointments).where(which).order_by(appointments.c.starts)
        async with self._database.reading() as connection:
            return tuple(_appointment(row) for row in await connection.execute(rows))


async def stored(
    database: Database, connection: AsyncConnection, one: Appointment, now: datetime
) -> bool:
    """Whether it could be: if not, its time is taken, perhaps by itself. In SQLite an overlap
    raises `IntegrityError` instead."""
    row = database.insert(appointments).values(
        calendar=one.calendar,
        starts=one.start,
        ends=one.end,
        call=one.call,
        act=one.act,
        caller=one.caller,
        wish=one.wish,
        created=now,
    )
    # Not a plain INSERT: two that exclude each other would be a deadlock in PostgreSQL.
    new = row.on_conflict_do_nothing().returning(appointments.c.id)
    return (await connection.execute(new)).first() is not None


async def booked_by(connection: AsyncConnection, call: str) -> Appointment | None:
    """The meeting that a call has; its last one, should there be several."""
    own = select(appointments).where(appointments.c.call == call)
    rows = await connection.execute(own.order_by(appointments.c.id.desc()).limit(1))
    row = rows.first()
    return None if row is None else _appointment(row)


def _appointment(row: Row[Any]) -> Appointment:
    return Appointment(
        start=row.starts,
        minutes=int((row.ends - row.starts).total_seconds() // 60),
        call=row.call,
        caller=row.caller,
        wish=row.wish,
        calendar=row.calendar,
    )


async def is_stored(connection: AsyncConnection, one: Appointment) -> bool:
    rows = await connection.execute(select(appointments.c.id).where(_is(one)))
    return rows.first() is not None


def _is(one: Appointment) -> ColumnElement[bool]:
    return (appointments.c.call == one.call) & (appointments.c.act == one.act)


def _told(one: Appointment) -> dict[str, object]:
    return {
        "call": one.call,
        "calendar": one.calendar,
        "start": one.act,
        "minutes": one.minutes,
        "caller": one.caller,
        "wish": one.wish,
    }
