"""What a call leaves: who called, what was said, what is wanted, what was agreed to.

Noting it down never blocks a call nor fails in it: one task writes, and what it cannot write in
time is counted and given up. What may be asked for again soon is remembered besides."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Never
from uuid import uuid4

from sqlalchemy import ColumnElement, Executable, Row, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.ports import Back, CallFacts, Exchange
from engine.store.appointment import Appointment, StoreFailed
from engine.store.bookings import booked_by
from engine.store.database import Clock, Database, Refused
from engine.store.identifiers import without_identifiers
from engine.store.outbound import end_on_line, opt_out
from engine.store.outbox import Kind, Outbox
from engine.store.tables import calls, consents, kept, leads, turns

log = logging.getLogger(__name__)

STOPPED, DIED = "stopped", "bridge died"
"""Why a call has ended: because the bridge was told to stop, or was killed."""
FRESH = timedelta(minutes=10)
"""So long what was known of a call is good for one that comes back."""
COMES_BACK = timedelta(minutes=1)
"""Whoever has not come back after so long is not waited for: then the office is told."""
PATIENCE = 1.0
"""Seconds that a call which comes back waits for what is known of it."""
MOST_WAITING = 2_000
MOST_AT_ONCE = 50
"""Entries in one transaction: each has to reach the disk, and a meeting waits behind it."""
AGAIN = 1.0
"""Seconds until a database that could not be written is tried again."""
_TOLD: tuple[Kind, ...] = ("lead", "call")
"""Of a call, when it has ended."""
_BROKEN_OFF = (STOPPED, DIED)

Entry = Callable[[AsyncConnection], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Left:
    """What a call has left that is not over."""

    call: str
    """Its key."""
    facts: CallFacts
    reason: str | None
    """Why it has ended, if it has."""
    at: datetime
    """When the talk was kept."""
    talk: Mapping[str, object]
    started: datetime
    wish: Mapping[str, object] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    booked: Appointment | None = None
    back: Back = ""
    """Why it comes back, when it does."""


class Records:
    """All that are not asynchronous return at once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        *,
        several: bool = False,
        most: int = MOST_WAITING,
        again: float = AGAIN,
    ) -> None:
        """`several`: other processes answer the same calls, and may know more of them."""
        self.lost = 0
        """Entries that were given up."""
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._several = several
        self._again = again
        self._own: dict[str, Left] = {}
        """Key -> what is known of the calls that this process has, or had until just now."""
        self._left: dict[tuple[str, str], Left] = {}
        """(line, id there) -> what the bridge before this one left."""
        self._waiting: asyncio.Queue[Entry | asyncio.Event] = asyncio.Queue(most)
        """An event is set when all before it is in the database."""
        self._in_hand: list[Entry | asyncio.Event] = []
        """What is being written."""

    def open_call(self, facts: CallFacts) -> str:
        """The call's key here, and in all that it leaves. The line's own id is not one: a dialplan
        may give each call the same."""
        key, now = uuid4().hex, self._clock()
        self._own[key] = Left(key, facts, reason=None, at=now, talk={}, started=now)
        self._note(
            self._database.insert(calls).values(
                id=key,
                line_id=facts.id,
                line=facts.line,
                caller=facts.caller,
                called=facts.called,
                started=now,
            )
        )
        return key

    async def left(self, facts: CallFacts) -> Left | None:
        """What a call has left that comes back with this one. Waits for a moment at most, and only
        for a call that this process does not know, or others may know better."""
        known = self._left.pop((facts.line, facts.id), None)
        if known is None and facts.back:
            known = self._remembered(facts)
            if known is None or self._several:
                known = await self._looked_up(facts, otherwise=known)
        if known is None or known.at <= self._clock() - FRESH:
            return None
        back = _back(facts, known)
        return replace(known, back=back) if back else None

    def reopen_call(self, left: Left) -> None:
        """It was not over: it is told outside when it is."""
        # Of what it has booked, who books for it knows better from now on.
        self._own[left.call] = replace(left, reason=None, booked=None)
        self._put(lambda connection: self._reopen(connection, left.call))

    def keep(self, call: str, talk: Mapping[str, object]) -> None:
        """What must be known of the talk, should the call come back."""
        now = self._clock()
        self._remember(call, at=now, talk=talk)
        row = {"at": now, "talk": dict(talk)}
        new = self._database.insert(kept).values(row | {"call": call})
        self._note(new.on_conflict_do_update(index_elements=["call"], set_=row))

    def turn(self, call: str, *, said: str, heard: str, instead: bool = False) -> None:
        """What the caller heard of the agent's words, then what the agent heard; `instead` of the
        call's last turn."""
        said, heard = without_identifiers(said), without_identifiers(heard)
        if (own := self._own.get(call)) is not None:
            before = own.exchanges[:-1] if instead else own.exchanges
            self._remember(call, exchanges=(*before, Exchange(said, heard)))
        row = {"call": call, "at": self._clock(), "said": said, "heard": heard}
        last = select(func.max(turns.c.id)).where(turns.c.call == call).scalar_subquery()
        replaced = update(turns).where(turns.c.id == last).values(row)
        self._note(replaced if instead else self._database.insert(turns).values(row))

    def lead(self, call: str, wish: Mapping[str, object]) -> None:
        """What is wanted so far; told outside when the call has ended."""
        self._remember(call, wish=wish)
        row = {"at": self._clock(), "wish": dict(wish)}
        new = self._database.insert(leads).values(row | {"call": call})
        self._note(new.on_conflict_do_update(index_elements=["call"], set_=row))

    def consent(self, call: str, what: str, heard_at: datetime) -> None:
        """The caller has heard an announcement to its end; the first time counts."""
        new = self._database.insert(consents).values(call=call, what=what, heard_at=heard_at)
        self._note(new.on_conflict_do_nothing())

    def close_call(
        self,
        call: str,
        reason: str,
        summary: Mapping[str, object],
        booked: Appointment | None = None,
    ) -> None:
        """`booked`: the meeting that it has."""
        now = self._clock()
        self._remember(call, reason=reason, booked=booked)
        self._own = {key: one for key, one in self._own.items() if _may_be_needed(one, now)}
        self._put(lambda connection: self._close(connection, call, reason, dict(summary), now))

    def placed_ended(self, line_id: str, outcome: str) -> None:
        """As `end_on_line`."""
        self._note(end_on_line(line_id, outcome))

    def opt_out(self, number: str) -> None:
        """As `OutboundCalls.opt_out`."""
        self._note(opt_out(self._database, number, self._clock()))

    async def reconcile(self) -> int:
        """Closes the calls that a dead bridge has left open; tells how many. They are known, should
        they come back; if they do not, their leads are told like any other's. Only a bridge does
        this, before its first call: it would close the live calls of another one. Raises
        `StoreFailed`."""
        now = self._clock()
        async with self._database.writing() as connection:
            rows = await connection.execute(select(calls.c.id).where(calls.c.ended.is_(None)))
            left = [row.id for row in rows]
            for call in left:
                await self._close(connection, call, DIED, {}, now)
        broken_off = await self._database.whole(self._read(calls.c.reason.in_(_BROKEN_OFF)))
        self._left = {(one.facts.line, one.facts.id): one for one in broken_off}
        return len(left)

    async def write(self) -> Never:
        """The one task that writes, as long as it is let."""
        while True:
            self._in_hand = [await self._waiting.get()]
            while len(self._in_hand) < MOST_AT_ONCE and not self._waiting.empty():
                self._in_hand.append(self._waiting.get_nowait())
            await self._write(self._in_hand)
            for _ in self._in_hand:
                self._waiting.task_done()
            self._in_hand = []

    async def written(self) -> None:
        """All that was noted down so far is kept, or given up."""
        await self._waiting.join()

    def give_up(self) -> None:
        """What still waits is lost."""
        left = self._in_hand
        while not self._waiting.empty():
            left.append(self._waiting.get_nowait())
        for entry in left:
            if not isinstance(entry, asyncio.Event):
                self._lose("the bridge ends")

    async def _write(self, entries: Sequence[Entry | asyncio.Event]) -> None:
        while True:
            try:
                await self._database.whole(self._entered(entries))
                return
            except (SQLAlchemyError, Refused, ValueError) as error:
                if len(entries) == 1:
                    # Its text may quote the caller.
                    self._lose(type(error).__name__)
                    return
                break
            except StoreFailed as error:
                facts = {"why": str(error), "waiting": self._waiting.qsize() + len(entries)}
                log.warning("store_waits", extra={"facts": facts})
                await asyncio.sleep(self._again)
        for entry in entries:  # one of them cannot be written; nothing of any has been
            await self._write([entry])

    async def _entered(self, entries: Sequence[Entry | asyncio.Event]) -> None:
        to_write = [entry for entry in entries if not isinstance(entry, asyncio.Event)]
        if to_write:
            async with self._database.writing() as connection:
                for entry in to_write:
                    await entry(connection)
        for reached in entries:
            if isinstance(reached, asyncio.Event):
                reached.set()

    async def _caught_up(self) -> None:
        """What was noted down until now is in the database."""
        reached = asyncio.Event()
        self._put(reached)
        await reached.wait()

    def _remembered(self, facts: CallFacts) -> Left | None:
        found = [
            one
            for one in self._own.values()
            if one.talk and (one.facts.line, one.facts.id) == (facts.line, facts.id)
        ]
        return max(found, key=lambda one: one.at, default=None)

    def _remember(self, call: str, **news: Any) -> None:
        if (own := self._own.get(call)) is not None:
            self._own[call] = replace(own, **news)

    async def _looked_up(self, facts: CallFacts, otherwise: Left | None) -> Left | None:
        """In the database; `otherwise` if that does not answer."""
        which = (calls.c.line == facts.line) & (calls.c.line_id == facts.id)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._caught_up()
                found = await self._database.whole(self._read(which))
        except (StoreFailed, TimeoutError) as error:
            why = str(error) or "no answer in time"
            facts_of_it = {"why": why, "remembered": otherwise is not None}
            log.warning("call_not_recalled", extra={"call": facts.id, "facts": facts_of_it})
            return otherwise
        return found[-1] if found else None

    async def _read(self, which: ColumnElement[bool]) -> list[Left]:
        """Of those calls, what may still be needed; the latest last."""
        fresh = kept.c.at > self._clock() - FRESH
        rows = select(kept.c.at, kept.c.talk, calls).join(calls).where(which & fresh)
        async with self._database.reading() as connection:
            found = (await connection.execute(rows.order_by(kept.c.at))).all()
            return [await _whole(connection, row) for row in found]

    async def _reopen(self, connection: AsyncConnection, call: str) -> None:
        nothing = {"ended": None, "reason": None, "summary": None}
        await connection.execute(update(calls).where(calls.c.id == call).values(nothing))
        for kind in _TOLD:
            await self._outbox.take_back(connection, kind, call)

    async def _close(
        self,
        connection: AsyncConnection,
        call: str,
        reason: str,
        summary: dict[str, object],
        now: datetime,
    ) -> None:
        end = {"ended": now, "reason": reason, "summary": summary}
        await connection.execute(update(calls).where(calls.c.id == call).values(end))
        who = (await connection.execute(select(calls).where(calls.c.id == call))).one()
        over = kept.c.at <= now - FRESH
        if _in_order(reason):
            over |= kept.c.call == call
        await connection.execute(delete(kept).where(over))
        after = timedelta(0) if _in_order(reason) else COMES_BACK
        told: dict[str, object] = {"call": call, "caller": who.caller, "reason": reason}
        rows = await connection.execute(select(leads.c.wish).where(leads.c.call == call))
        for row in rows.all():
            await self._outbox.write(
                connection, "lead", call, told | {"wish": row.wish}, after=after
            )
        whole = told | {"started": who.started.isoformat(), "ended": now.isoformat()}
        whole |= {"summary": summary}
        await self._outbox.write(connection, "call", call, whole, after=after)

    def _note(self, statement: Executable) -> None:
        self._put(lambda connection: connection.execute(statement))

    def _put(self, entry: Entry | asyncio.Event) -> None:
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self._lose("too much waits to be written")

    def _lose(self, why: str) -> None:
        self.lost += 1
        log.error("store_lost", extra={"facts": {"why": why, "lost": self.lost}})


async def _whole(connection: AsyncConnection, row: Row[Any]) -> Left:
    wish = select(leads.c.wish).where(leads.c.call == row.id)
    said = select(turns.c.said, turns.c.heard).where(turns.c.call == row.id).order_by(turns.c.id)
    return Left(
        call=row.id,
        facts=CallFacts(row.line_id, row.line, row.caller, row.called),
        reason=row.reason,
        at=row.at,
        talk=row.talk,
        started=row.started,
        wish=(await connection.execute(wish)).scalar_one_or_none() or {},
        exchanges=tuple(Exchange(*one) for one in await connection.execute(said)),
        booked=await booked_by(connection, row.id),
    )


def _may_be_needed(one: Left, now: datetime) -> bool:
    """It lives, or its caller may yet come back."""
    return one.reason is None or (not _in_order(one.reason) and one.at > now - FRESH)


def _in_order(reason: str) -> bool:
    """We have said goodbye: what comes back is another call."""
    return reason.partition(":")[0] in ("goodbye", "call limit")


def _back(facts: CallFacts, left: Left) -> Back:
    """Whether it is that call which comes back, and why. A line that knows says so. Else only a
    bridge that ended in the middle of a call tells: one that broke off otherwise may have been
    hung up, and a dialplan may give its next call the same id."""
    if facts.caller and left.facts.caller and facts.caller != left.facts.caller:
        return ""
    return facts.back or ("dropped" if left.reason in _BROKEN_OFF else "")
