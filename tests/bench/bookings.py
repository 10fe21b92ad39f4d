"""A hundred callers want the same time at once: exactly one has it, whatever the database.

    python -m tests.bench.bookings --rounds 1000

Each caller has connections of its own. All have read that the time is free before any of them
books: a barrier stands between reading and writing."""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

from engine.store import Appointment, SlotTaken, StoreFailed
from engine.store.bookings import Bookings
from engine.store.database import Database, database_url, utc_now
from engine.store.opening import open_store
from engine.store.outbox import Outbox
from tests.store.postgres import postgres

FIRST = datetime(2026, 11, 22, tzinfo=UTC)
LONG = 120.0
"""Seconds after which a caller that does not come is a failure."""


@dataclass(frozen=True, slots=True)
class Won:
    counts: list[int]
    """Of each round, how many callers were told that they have it."""
    stored: int
    unserved: int
    """How often a caller was told that the database could not do it in time."""


def won(address: str, *, processes: int, callers: int, rounds: int) -> Won:
    """`callers` in each process."""
    asyncio.run(_opened(address))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    counts = context.Array("i", rounds + 1)
    arguments = (address, barrier, counts, callers)
    crowd = [context.Process(target=_crowd, args=arguments) for _ in range(processes)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    assert all(process.exitcode == 0 for process in crowd)
    *told, unserved = [counts[number] for number in range(rounds + 1)]
    return Won(told, asyncio.run(_stored(address)), unserved)


async def _opened(address: str) -> None:
    async with open_store(address):
        pass


async def _stored(address: str) -> int:
    async with open_store(address) as store:
        return len(await store.bookings.booked())


def _crowd(address: str, barrier: Barrier, counts: "Sequence[int]", callers: int) -> None:
    async def all_of_them() -> None:
        together = _Together(asyncio.Barrier(callers), barrier)
        async with asyncio.TaskGroup() as tasks:
            for number in range(callers):
                name = f"{multiprocessing.current_process().pid}-{number}"
                tasks.create_task(_caller(address, together, counts, name))

    asyncio.run(all_of_them())


@dataclass(frozen=True, slots=True)
class _Together:
    """All callers of all processes go on at the same moment."""

    here: asyncio.Barrier
    everywhere: Barrier

    async def wait(self) -> None:
        if await self.here.wait() == 0:
            await asyncio.to_thread(self.everywhere.wait, LONG)
        await self.here.wait()


async def _caller(address: str, together: _Together, counts: "Sequence[int]", name: str) -> None:
    database = Database(database_url(address))
    bookings = Bookings(database, utc_now, Outbox(database, utc_now, is_read=True))
    for number in range(len(counts) - 1):
        start = FIRST + timedelta(hours=number)
        await together.wait()
        assert not await bookings.busy(start, start + timedelta(minutes=30))
        await together.wait()
        result = number
        try:
            await bookings.book(Appointment(start, 30, name))
        except SlotTaken:
            continue
        except StoreFailed:
            result = -1
        with counts.get_lock():  # type: ignore[attr-defined]  # of multiprocessing.Array
            counts[result] += 1  # type: ignore[index]
    await database.close()


def _tell(title: str, result: Won, seconds: float) -> bool:
    rounds = len(result.counts)
    wrong = sum(count != 1 for count in result.counts) + (result.stored != rounds)
    unserved = f", {result.unserved} unserved" if result.unserved else ""
    print(
        f"{title}: {rounds} rounds, {result.stored} stored, {wrong} wrong{unserved}, "
        f"{seconds:.0f} s",
        flush=True,
    )
    return wrong == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    rounds = parser.parse_args().rounds
    right = True
    for processes, callers in ((1, 100), (2, 50)):
        title = f"{processes} process(es) of {callers} callers"
        with tempfile.TemporaryDirectory() as folder, postgres() as server:
            file = f"sqlite:///{Path(folder) / 'kav.sqlite'}"
            for name, address in (("SQLite", file), ("PostgreSQL", server)):
                began = time.monotonic()
                result = won(address, processes=processes, callers=callers, rounds=rounds)
                right &= _tell(f"{name}, {title}", result, time.monotonic() - began)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
