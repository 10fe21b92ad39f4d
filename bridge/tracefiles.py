"""Traces on disk: one file a call, written by a thread, so that no call waits for a disk."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import IO

log = logging.getLogger(__name__)

TOGETHER = 40
"""Lines of a call that are given to the thread at once: to wake it for each costs a call more than
all else that it does with them."""


class TraceFiles:
    """`open` a call's trace, give its lines to the function returned, `close` all at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: SimpleQueue[tuple[str, list[str] | None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def open(self, call: str) -> tuple[Callable[[str], None], Callable[[], None]]:
        """The functions that write a line and that end the file."""
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{call}.txt"
        put = self._lines.put
        put((name, []))  # so that the file is there
        gathered: list[str] = []

        def write(line: str) -> None:
            gathered.append(line)
            if len(gathered) == TOGETHER:
                hand_on()

        def hand_on() -> None:
            nonlocal gathered
            put((name, gathered))
            gathered = []

        def end() -> None:
            hand_on()
            put((name, None))

        return write, end

    def close(self) -> None:
        """Returns when everything is on disk."""
        self._lines.put(None)
        self._thread.join()

    def _work(self) -> None:
        files: dict[str, IO[str] | None] = {}
        while (item := self._lines.get()) is not None:
            name, lines = item
            try:
                if lines is None:
                    _close(files.pop(name, None))
                    continue
                if name not in files:
                    files[name] = self._open(name)
                if (file := files[name]) is not None:
                    file.writelines(line + "\n" for line in lines)
            except OSError as error:
                # Once for each call: the rest of its lines is dropped.
                files[name] = None
                log.warning("trace_not_written", extra={"facts": {"why": str(error)}})
        for file in files.values():
            _close(file)

    def _open(self, name: str) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Whatever a caller's name or a provider's text contains can be written.
        return (self._folder / name).open("a", encoding="utf-8", errors="backslashreplace")


def _close(file: IO[str] | None) -> None:
    if file is not None:
        file.close()
