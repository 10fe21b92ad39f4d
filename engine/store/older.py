"""Takes over what an earlier version kept: one JSON line for each appointment."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from engine.store.appointment import Appointment, StoreBroken
from engine.store.bookings import is_stored, stored
from engine.store.database import Database

log = logging.getLogger(__name__)

SUFFIX = ".imported"


async def take_over(database: Database, path: Path, now: datetime) -> int:
    """Once: the file is kept under another name. Raises `StoreBroken`, `StoreFailed`, `OSError`."""
    booked = _read(path)
    for number, one in enumerate(booked, 1):
        if not await _take_over(database, one, now):
            raise StoreBroken(f"{path}: line {number} overlaps a meeting that is booked already")
    _put_aside(path)
    return len(booked)


async def _take_over(database: Database, one: Appointment, now: datetime) -> bool:
    try:
        async with database.writing() as connection:
            if await is_stored(connection, one):
                return True
            return await stored(database, connection, one, now)
    except IntegrityError:
        return False


def _read(path: Path) -> list[Appointment]:
    return list(_appointments(path)) if path.exists() else []


def _put_aside(path: Path) -> None:
    if path.exists():
        path.rename(path.with_name(path.name + SUFFIX))


def _appointments(path: Path) -> Iterator[Appointment]:
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    if rest:
        log.warning("%s: its last line was torn, %d bytes dropped", path, len(rest))
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = json.loads(line)
            yield Appointment(**{**record, "start": datetime.fromisoformat(record["start"])})
        except (ValueError, TypeError, KeyError) as error:
            raise StoreBroken(f"{path}: line {number} is no appointment ({error})") from error
