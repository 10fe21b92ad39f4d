"""A process that books is killed at any moment: what it has announced is stored, and once.

    python -m tests.bench.booking_kills --kills 200

The next process opens the same database and asks again for what was not announced."""

import argparse
import asyncio
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from engine.store import Appointment
from engine.store.opening import open_store

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LATEST = 0.3
"""Seconds from a process's first announcement to its end: some dozens of bookings."""


@dataclass(slots=True)
class Found:
    announced: int
    lost: int
    twice: int
    sound: bool

    @property
    def is_right(self) -> bool:
        return self.announced > 0 and self.lost == 0 and self.twice == 0 and self.sound


def kill_and_look(file: Path, kills: int, seed: int) -> Found:
    moments = random.Random(seed)
    announced: list[int] = []
    for _ in range(kills):
        announced += _killed(file, len(announced), moments.uniform(0, LATEST))
    with closing(sqlite3.connect(file)) as database:
        starts = [call for (call,) in database.execute("SELECT call FROM appointments")]
        told = [key for (key,) in database.execute("SELECT key FROM outbox")]
        sound = database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    lost = {str(number) for number in announced} - set(starts)
    twice = len(starts) - len(set(starts)) + len(announced) - len(set(announced))
    return Found(len(announced), len(lost), twice, sound and len(told) == len(starts))


def _killed(file: Path, first: int, after: float) -> list[int]:
    """What a process has announced from its start to its end."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.booking_kills",
        "--book",
        str(file),
        "--first",
        str(first),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        _pass(after)
        process.kill()
        return _whole(first_line, process.stdout)


def _pass(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def _whole(first_line: str, rest: IO[str]) -> list[int]:
    lines = [first_line, *rest]
    return [int(line) for line in lines if line.endswith("\n")]


async def _book(file: Path, first: int) -> None:
    async with open_store(f"sqlite:///{file}", tells=True) as store:
        number = first
        while True:
            start = FIRST + timedelta(hours=number)
            await store.bookings.book(Appointment(start, 30, str(number)))
            print(number, flush=True)
            number += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--book", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.book:
        asyncio.run(_book(args.book, args.first))
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_look(Path(folder) / "kav.sqlite", args.kills, args.seed)
    print(
        f"{args.kills} kills, {found.announced} announced: {found.lost} not stored, "
        f"{found.twice} stored twice, database {'sound' if found.sound else 'damaged'}"
    )
    return 0 if found.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
