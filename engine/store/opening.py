"""Opens the database, brings it up to date, and closes it with nothing left unwritten."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from sqlalchemy.exc import DatabaseError

from engine.store.appointment import StoreBroken, StoreFailed
from engine.store.bookings import Bookings
from engine.store.database import Clock, Database, database_url, utc_now
from engine.store.migrate import migrate
from engine.store.older import take_over
from engine.store.outbound import OutboundCalls
from engine.store.outbox import Outbox
from engine.store.records import Records

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds at the end for what still waits to be written."""


@dataclass(frozen=True, slots=True)
class Store:
    """One object serves all calls."""

    bookings: Bookings
    records: Records
    outbox: Outbox
    outbound: OutboundCalls


@asynccontextmanager
async def open_store(
    address: str,
    *,
    older: Path | None = None,
    tells: bool = False,
    several: bool = False,
    clock: Clock = utc_now,
) -> AsyncGenerator[Store]:
    """`older`: the file of an earlier version, if there is one. `tells`: somebody outside is told
    of what is kept. `several`: other processes answer the same calls. Raises `StoreBroken`."""
    database = Database(database_url(address))
    try:
        outbox = Outbox(database, clock, is_read=tells)
        bookings = Bookings(database, clock, outbox)
        records = Records(database, clock, outbox, several=several)
        await _prepare(database, older, clock)
        async with _writing(records):
            yield Store(bookings, records, outbox, OutboundCalls(database, clock))
    finally:
        await database.close()


async def _prepare(database: Database, older: Path | None, clock: Clock) -> None:
    try:
        async with database.writing() as connection:
            await connection.run_sync(migrate)
        taken = await take_over(database, older, clock()) if older else 0
    except (StoreFailed, DatabaseError, OSError) as error:
        why = str(error.orig if isinstance(error, DatabaseError) else error)
        raise StoreBroken(f"{database.name}: {why}") from error
    log.info("store_opened", extra={"facts": {"taken_over": taken}})


@asynccontextmanager
async def _writing(records: Records) -> AsyncGenerator[None]:
    writer = asyncio.create_task(records.write())
    try:
        yield
    finally:
        # However it ends: a bridge that is told to stop has just noted down its calls' ends.
        await _end(records, writer)


async def _end(records: Records, writer: asyncio.Task[Never]) -> None:
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(records.written(), PATIENCE)
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
        records.give_up()
