"""The calls that were placed, so that caps survive a restart, and who does not want to be called.

A call is noted down before it is placed: what cannot be noted is not placed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Executable, Update, delete, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.database import Clock, Database
from engine.store.tables import outbound_calls, outbound_opt_outs

Check = Callable[[Sequence[datetime], bool], None]
"""Raises what it will if a call must not be placed, given when others were in the last day, and
whether this number has opted out."""

UNKNOWN = "unknown"
"""An outcome that a better one may still replace."""
_DAY = timedelta(days=1)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('kav outbound'))")


@dataclass(frozen=True, slots=True)
class PlacedCall:
    number: str
    at: datetime
    consent: str
    outcome: str | None


class OutboundCalls:
    """All methods raise `StoreFailed`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def place(self, number: str, consent: str, check: Check) -> int:
        """The key of a call that may be placed now, and counts from now on. Raises what `check`
        does; of several at once each sees those before it."""
        return await self._database.whole(self._place(number, consent, check))

    async def on_line(self, key: int, line_id: str) -> None:
        """What the line calls it."""
        await self._database.whole(self._set(outbound_calls.c.id == key, line_id=line_id))

    async def ended(self, key: int, outcome: str) -> None:
        """The first outcome that is known counts; told twice, it is the same."""
        await self._database.whole(self._write(_end(outbound_calls.c.id == key, outcome)))

    async def opt_out(self, number: str) -> None:
        """This number is called no more."""
        await self._database.whole(self._write(opt_out(self._database, number, self._clock())))

    async def opt_in(self, number: str) -> None:
        """It may be called after all."""
        is_it = outbound_opt_outs.c.number == number
        await self._database.whole(self._write(delete(outbound_opt_outs).where(is_it)))

    async def last(self, many: int) -> list[PlacedCall]:
        """The latest first."""
        return await self._database.whole(self._last(many))

    async def _place(self, number: str, consent: str, check: Check) -> int:
        now = self._clock()
        async with self._database.writing() as connection:
            if not self._database.is_sqlite:
                await connection.execute(_ONE_AT_A_TIME)
            check(await _placed(connection, now - _DAY), await _opted_out(connection, number))
            row = self._database.insert(outbound_calls).values(
                number=number, at=now, consent=consent
            )
            key: int = (await connection.execute(row.returning(outbound_calls.c.id))).scalar_one()
            return key

    async def _last(self, many: int) -> list[PlacedCall]:
        columns = (outbound_calls.c[one.name] for one in fields(PlacedCall))
        latest = select(*columns).order_by(outbound_calls.c.id.desc()).limit(many)
        async with self._database.reading() as connection:
            return [PlacedCall(*row) for row in await connection.execute(latest)]

    async def _set(self, which: ColumnElement[bool], **values: str) -> None:
        await self._write(update(outbound_calls).where(which).values(**values))

    async def _write(self, statement: Executable) -> None:
        async with self._database.writing() as connection:
            await connection.execute(statement)


def end_on_line(line_id: str, outcome: str) -> Executable:
    """As `OutboundCalls.ended`, of what the line calls so; nothing, if it was not placed."""
    return _end(outbound_calls.c.line_id == line_id, outcome)


def opt_out(database: Database, number: str, at: datetime) -> Executable:
    """As `OutboundCalls.opt_out`."""
    row = database.insert(outbound_opt_outs).values(number=number, at=at)
    return row.on_conflict_do_nothing()


def _end(which: ColumnElement[bool], outcome: str) -> Update:
    known = outbound_calls.c.outcome
    open_yet = or_(known.is_(None), known == UNKNOWN)
    return update(outbound_calls).where(which & open_yet).values(outcome=outcome)


async def _placed(connection: AsyncConnection, since: datetime) -> list[datetime]:
    rows = await connection.execute(select(outbound_calls.c.at).where(since < outbound_calls.c.at))
    return [row.at for row in rows]


async def _opted_out(connection: AsyncConnection, number: str) -> bool:
    rows = await connection.execute(
        select(outbound_opt_outs.c.number).where(outbound_opt_outs.c.number == number)
    )
    return rows.first() is not None
