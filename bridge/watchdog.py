"""Ends a process whose event loop is stuck: its callers would stay with it in silence, as nobody
else can tell. Its end is a crash to Asterisk and Twilio, after which they bring the callers back.

What it hung on is written down: names of files and functions, no values.
"""

import asyncio
import faulthandler
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)

SLOW = 0.5
"""Seconds without a beat of the loop that are worth a line in the log."""
BEAT = 0.25
"""Seconds between beats."""
_DEPTH = 6
"""Of the calls that the loop is in, so many are told."""


@contextmanager
def watched(
    limit: float, record: Path, *, given_up: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """The running loop, while the context lasts. When it has been stuck for `limit` seconds, or a
    fifth less, the process ends with exit code 1, and `record` tells where it was; 0: never.

    `given_up`: somebody else sees to the end of the process by now (the timer is one for all)."""
    if not limit:
        yield
        return
    _tell_of_the_last(record)
    with record.open("w") as file:
        watch = _Watch(limit, file, given_up)
        try:
            yield
        finally:
            watch.stop()


def _tell_of_the_last(record: Path) -> None:
    if not record.exists() or not record.stat().st_size:
        return
    kept = record.with_suffix(".last.txt")
    record.replace(kept)
    log.error("was_stuck", extra={"facts": {"see": str(kept)}})


class _Watch:
    def __init__(self, limit: float, file: TextIO, given_up: Callable[[], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._file = file
        self._given_up = given_up
        self._every = min(BEAT, limit / 5)
        self._thread_of_loop = threading.get_ident()
        self._seen = self._wind_at = 0.0
        self._stopped = threading.Event()
        self._beat()
        self._observer = threading.Thread(target=self._observe, name="watchdog", daemon=True)
        self._observer.start()

    def stop(self) -> None:
        self._timer.cancel()
        self._stopped.set()
        self._observer.join()
        if not self._given_up():
            faulthandler.cancel_dump_traceback_later()

    def _beat(self) -> None:
        self._seen = now = time.monotonic()
        self._timer = self._loop.call_later(self._every, self._beat)
        if now >= self._wind_at and not self._given_up():
            self._wind_at = now + self._limit / 5
            # Python's own timer, in C: it needs neither the interpreter, which whatever hangs may
            # hold, nor our log, which may be what it hangs on. It starts a thread each time, which
            # costs a busy machine milliseconds: so not at each beat.
            faulthandler.dump_traceback_later(self._limit, exit=True, file=self._file)

    def _observe(self) -> None:
        """In a thread of its own: each time that the loop is stuck is told once."""
        told = 0.0
        while not self._stopped.wait(self._every):
            seen = self._seen
            if seen != told and time.monotonic() - seen > SLOW:
                told = seen
                log.warning("loop_stuck", extra={"facts": {"in": self._where()}})

    def _where(self) -> str:
        frame = sys._current_frames().get(self._thread_of_loop)
        calls = traceback.extract_stack(frame)[-_DEPTH:]
        return " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in calls)
