"""A hundred callers want the same time at once: exactly one has it, whatever the database.

    python -m tests.bench.bookings --rounds 1000

Each caller has connections of its own. All have read that the time is free before any of them
books: a barrier stands between reading and writing."""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

from engine.store import Appointment, SlotTaken
from engine.store.bookings import Bookings
from engine.store.database import Database, database_url, utc_now
from engine.store.opening import open_store
from engine.store.outbox import Outbox
from tests.store.postgres import postgres

FIRST = datetime(2026, 11, 22, tzinfo=UTC)
LONG = 120.0
"""Seconds after which a caller that does not come is a failure."""


def won(address: str, *, processes: int, threads: int, rounds: int) -> tuple[list[int], int]:
    """Of each round, how many callers were told that they have it; and what is stored."""
    asyncio.run(_opened(address))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes * threads)
    counts = context.Array("i", rounds)
    arguments = (address, barrier, counts, threads)
    crowd = [context.Process(target=_crowd, args=arguments) for _ in range(processes)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    assert all(process.exitcode == 0 for process in crowd)
    return [counts[number] for number in range(rounds)], asyncio.run(_stored(address))


async def _opened(address: str) -> None:
    async with open_store(address):
        pass


async def _stored(address: str) -> int:
    async with open_store(address) as store:
        return len(await store.bookings.booked())


def _crowd(address: str, barrier: Barrier, counts: "Sequence[int]", threads: int) -> None:
    broken: list[BaseException] = []

    def caller(number: int) -> None:
        try:
            asyncio.run(_caller(address, barrier, counts, f"{id(barrier)}-{number}"))
        except BaseException as error:
            broken.append(error)
            barrier.abort()
            raise

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(threads)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    sys.exit(len(broken) > 0)


async def _caller(address: str, barrier: Barrier, counts: "Sequence[int]", name: str) -> None:
    database = Database(database_url(address))
    bookings = Bookings(database, utc_now, Outbox(database, utc_now, is_read=True))
    name = f"{multiprocessing.current_process().pid}-{name}"
    for number in range(len(counts)):
        start = FIRST + timedelta(hours=number)
        # The loop of this thread has nothing else to do.
        barrier.wait(LONG)
        assert not await bookings.busy(start, start + timedelta(minutes=30))
        barrier.wait(LONG)
        try:
            await bookings.book(Appointment(start, 30, name))
        except SlotTaken:
            continue
        with counts.get_lock():  # type: ignore[attr-defined]  # of multiprocessing.Array
            counts[number] += 1  # type: ignore[index]
    await database.close()


def _tell(title: str, counts: list[int], stored: int, seconds: float) -> bool:
    wrong = sum(count != 1 for count in counts) + (stored != len(counts))
    print(f"{title}: {len(counts)} rounds, {stored} stored, {wrong} wrong, {seconds:.0f} s")
    return wrong == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    rounds = parser.parse_args().rounds
    right = True
    for processes, threads in ((1, 100), (2, 50)):
        title = f"{processes} process(es) of {threads} threads"
        with tempfile.TemporaryDirectory() as folder, postgres() as server:
            file = f"sqlite:///{Path(folder) / 'kav.sqlite'}"
            for name, address in (("SQLite", file), ("PostgreSQL", server)):
                began = time.monotonic()
                counts, stored = won(address, processes=processes, threads=threads, rounds=rounds)
                taken = time.monotonic() - began
                right &= _tell(f"{name}, {title}", counts, stored, taken)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
