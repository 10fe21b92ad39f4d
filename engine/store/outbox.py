"""What is to be told outside: written in the transaction of what it tells, sent later, at least
once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.database import Clock, Database
from engine.store.tables import outbox

Kind = Literal["booking", "canceled", "lead", "call"]


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    key: str
    """Tells a message from the others, however often it is sent."""
    kind: Kind
    payload: dict[str, Any]
    attempts: int


class Outbox:
    """All methods raise `StoreFailed`."""

    def __init__(self, database: Database, clock: Clock, *, is_read: bool) -> None:
        """`is_read`: somebody is there to be told; else nothing is written, for it would wait
        forever."""
        self._database = database
        self._clock = clock
        self._is_read = is_read

    async def write(
        self,
        connection: AsyncConnection,
        kind: Kind,
        which: str,
        payload: Mapping[str, object],
        *,
        after: timedelta = timedelta(0),
    ) -> None:
        """Within a transaction; told after so long. A message of that kind is told once, whatever
        is written twice."""
        if not self._is_read:
            return
        now = self._clock()
        row = self._database.insert(outbox).values(
            key=_key(kind, which),
            kind=kind,
            payload=payload,
            created=now,
            attempts=0,
            due=now + after,
        )
        await connection.execute(row.on_conflict_do_nothing())

    async def take_back(self, connection: AsyncConnection, kind: Kind, which: str) -> None:
        """Within a transaction: what is not told yet will be told otherwise."""
        unsent = (outbox.c.key == _key(kind, which)) & outbox.c.sent.is_(None)
        await connection.execute(delete(outbox).where(unsent))

    async def pending(self, now: datetime, limit: int) -> list[Row]:
        """What is due, oldest first."""
        return await self._database.whole(self._pending(now, limit))

    async def told(self, message_id: int) -> None:
        """Its key is kept, what it said is not."""
        await self._database.whole(self._set(message_id, sent=self._clock(), payload={}))

    async def failed(self, message_id: int, due: datetime) -> None:
        values = {"attempts": outbox.c.attempts + 1, "due": due}
        await self._database.whole(self._set(message_id, **values))

    async def _pending(self, now: datetime, limit: int) -> list[Row]:
        columns = (outbox.c[name] for name in ("id", "key", "kind", "payload", "attempts"))
        due = select(*columns).where(outbox.c.sent.is_(None), outbox.c.due <= now)
        async with self._database.reading() as connection:
            rows = await connection.execute(due.order_by(outbox.c.id).limit(limit))
            return [Row(*row) for row in rows]

    async def _set(self, message_id: int, **values: object) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(outbox).where(outbox.c.id == message_id).values(**values)
            )


def _key(kind: Kind, which: str) -> str:
    return f"{kind}:{which}"
