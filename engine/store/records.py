"""What a call leaves: who called, what was said, what is wanted, what was agreed to.

Noting it down never blocks a call nor fails in it: one task writes, and what it cannot write in
time is counted and given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Never
from uuid import uuid4

from sqlalchemy import Executable, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.ports import CallFacts
from engine.store.appointment import StoreFailed
from engine.store.database import Clock, Database, Refused
from engine.store.identifiers import without_identifiers
from engine.store.outbox import Outbox
from engine.store.tables import calls, consents, leads, turns

log = logging.getLogger(__name__)

DIED = "bridge died"
MOST_WAITING = 2_000
AGAIN = 1.0
"""Seconds until a database that could not be written is tried again."""

Entry = Callable[[AsyncConnection], Awaitable[object]]


class Records:
    """All but `write`, `written` and `reconcile` return at once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        *,
        most: int = MOST_WAITING,
        again: float = AGAIN,
    ) -> None:
        self.lost = 0
        """Entries that were given up."""
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._again = again
        self._waiting: asyncio.Queue[Entry] = asyncio.Queue(most)

    def open_call(self, facts: CallFacts) -> str:
        """The call's key here, and in all that it leaves. The line's own id is not one: a dialplan
        may give each call the same."""
        key = uuid4().hex
        self._note(
            self._database.insert(calls).values(
                id=key,
                line_id=facts.id,
                line=facts.line,
                caller=facts.caller,
                called=facts.called,
                started=self._clock(),
            )
        )
        return key

    def turn(self, call: str, *, said: str, heard: str) -> None:
        """What the caller heard of the agent's words, then what the agent heard."""
        said, heard = without_identifiers(said), without_identifiers(heard)
        row = {"call": call, "at": self._clock(), "said": said, "heard": heard}
        self._note(self._database.insert(turns).values(row))

    def lead(self, call: str, wish: Mapping[str, object]) -> None:
        """What is wanted so far; told outside when the call has ended."""
        row = {"at": self._clock(), "wish": dict(wish)}
        new = self._database.insert(leads).values(row | {"call": call})
        self._note(new.on_conflict_do_update(index_elements=["call"], set_=row))

    def consent(self, call: str, what: str, heard_at: datetime) -> None:
        """The caller has heard an announcement to its end; the first time counts."""
        new = self._database.insert(consents).values(call=call, what=what, heard_at=heard_at)
        self._note(new.on_conflict_do_nothing())

    def close_call(self, call: str, reason: str, summary: Mapping[str, object]) -> None:
        now = self._clock()
        self._put(lambda connection: self._close(connection, call, reason, dict(summary), now))

    async def reconcile(self) -> int:
        """Closes the calls that a dead bridge has left open; tells how many. Their leads are told
        like any other's. Only a bridge does this, before its first call: it would close the live
        calls of another one. Raises `StoreFailed`."""
        now = self._clock()
        async with self._database.writing() as connection:
            rows = await connection.execute(select(calls.c.id).where(calls.c.ended.is_(None)))
            left = [row.id for row in rows]
            for call in left:
                await self._close(connection, call, DIED, {}, now)
        return len(left)

    async def write(self) -> Never:
        """The one task that writes, as long as it is let."""
        while True:
            entry = await self._waiting.get()
            try:
                await self._write(entry)
            finally:
                self._waiting.task_done()

    async def written(self) -> None:
        """All that was noted down so far is kept, or given up."""
        await self._waiting.join()

    def give_up(self) -> None:
        """What still waits is lost."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
            self._lose("the bridge ends")

    async def _write(self, entry: Entry) -> None:
        while True:
            try:
                await self._database.whole(self._entered(entry))
                return
            except (SQLAlchemyError, Refused, ValueError) as error:
                # Its text may quote the caller.
                self._lose(type(error).__name__)
                return
            except StoreFailed as error:
                facts = {"why": str(error), "waiting": self._waiting.qsize() + 1}
                log.warning("store_waits", extra={"facts": facts})
                await asyncio.sleep(self._again)

    async def _entered(self, entry: Entry) -> None:
        async with self._database.writing() as connection:
            await entry(connection)

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
        told: dict[str, object] = {"call": call, "caller": who.caller, "reason": reason}
        rows = await connection.execute(select(leads.c.wish).where(leads.c.call == call))
        for row in rows.all():
            await self._outbox.write(connection, "lead", call, told | {"wish": row.wish})
        whole = told | {"started": who.started.isoformat(), "ended": now.isoformat()}
        await self._outbox.write(connection, "call", call, whole | {"summary": summary})

    def _note(self, statement: Executable) -> None:
        self._put(lambda connection: connection.execute(statement))

    def _put(self, entry: Entry) -> None:
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self._lose("too much waits to be written")

    def _lose(self, why: str) -> None:
        self.lost += 1
        log.error("store_lost", extra={"facts": {"why": why, "lost": self.lost}})
