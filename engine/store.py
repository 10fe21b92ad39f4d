"""Keeps the booked meetings: one JSON line each, on the disk before the caller is told.

One process writes the file. What is not an appointment does not belong here."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import BinaryIO

log = logging.getLogger(__name__)


class SlotTaken(Exception):
    """Somebody has booked this time already."""


class StoreBroken(Exception):
    """The file holds something that is no appointment; the message names the line."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """A booked meeting and what it is about."""

    start: datetime
    minutes: int
    call: str
    """The call that booked it: the same call may book the same time twice, and has it once."""
    caller: str = ""
    wish: dict[str, str | int | float | None] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


class Appointments:
    """Thread-safe. Without a path it keeps them in memory."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises `StoreBroken`."""
        self.torn = 0
        """Bytes of a last line that a crash had cut short; they were dropped."""
        self._path = path
        self._lock = Lock()
        self._booked: tuple[Appointment, ...] = ()
        if path is not None and path.exists():
            self._read_back(path)

    def booked(self) -> tuple[Appointment, ...]:
        """Never waits: not even while another call is being booked."""
        return self._booked

    def book(self, appointment: Appointment) -> None:
        """On the disk when it returns. Raises `SlotTaken`; `OSError` when nothing was booked
        because the disk failed."""
        if appointment.start.tzinfo is None:
            raise ValueError(f"a start with a time zone was expected, came {appointment.start}")
        with self._lock:
            for other in self._booked:
                if not (other.start < appointment.end and appointment.start < other.end):
                    continue
                if other.call == appointment.call and other.start == appointment.start:
                    return
                raise SlotTaken(f"{appointment.start.isoformat()} is taken")
            if self._path is not None:
                _append(self._path, _line(appointment))
            self._booked = (*self._booked, appointment)

    def _read_back(self, path: Path) -> None:
        content = path.read_bytes()
        whole, _, rest = content.rpartition(b"\n")
        if rest:
            self.torn = len(rest)
            log.warning("%s: its last line was torn, %d bytes dropped", path, self.torn)
            with path.open("r+b") as file:
                _cut(file, len(content) - len(rest))
        self._booked = tuple(_appointments(path, whole))


def _appointments(path: Path, lines: bytes) -> Iterator[Appointment]:
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            record = json.loads(line)
            yield Appointment(**{**record, "start": datetime.fromisoformat(record["start"])})
        except (ValueError, TypeError, KeyError) as error:
            raise StoreBroken(f"{path}: line {number} is no appointment ({error})") from error


def _line(appointment: Appointment) -> bytes:
    record = asdict(appointment) | {"start": appointment.start.isoformat()}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            if file.write(line) != len(line):
                raise OSError(f"{path}: the disk took only part of a line")
            os.fsync(file.fileno())
        except OSError:
            _cut(file, before)
            raise
    if is_new:
        _sync_directory(path.parent)


def _cut(file: BinaryIO, size: int) -> None:
    file.truncate(size)
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    """A new file survives a crash only when its directory does."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
