"""Log lines: one JSON object a line for machines, or one readable line for people.

A line about a call carries its id, and a structured event its facts:
`log.info("turn_latency", extra={"call": id, "facts": {...}})`.
"""

import atexit
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from queue import Full, Queue
from typing import TextIO

import orjson


class JsonLines(logging.Formatter):
    """UTC times; what a caller may have put into a text cannot begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _utc(record),
            "level": record.levelname,
            "event": record.getMessage(),
            "from": record.name,
        }
        if call := getattr(record, "call", None):
            line["call"] = call
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # half a surrogate pair, from somewhere outside
            return json.dumps(line, default=str)


class PrettyLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        parts = [_utc(record)[11:23], f"{record.levelname:7}", record.getMessage()]
        parts += [f"{name}={value}" for name, value in getattr(record, "facts", {}).items()]
        if call := getattr(record, "call", None):
            parts.append(f"call={str(call)[:8]}")
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class Aside:
    """A text stream that a thread writes, so that no call waits for whoever reads the log. What is
    too much for him is dropped, and its number told."""

    MOST = 10_000
    """Lines that wait."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: Queue[str | None] = Queue(self.MOST)
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except Full:
            self._dropped += 1

    def flush(self) -> None:
        """The thread does."""

    def close(self, patience: float = 1.0) -> None:
        """What waits is written, if anybody reads it."""
        with suppress(Full):
            self._lines.put_nowait(None)
        self._thread.join(patience)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            # Nobody is there to be told that nobody reads.
            with suppress(OSError, ValueError):
                self._stream.write(line)
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._stream.write(f'{{"event":"log_lines_dropped","lines":{dropped}}}\n')
                self._stream.flush()


def set_up(style: str, level: str) -> None:
    """`auto`, `json` or `pretty`, to standard error."""
    aside = Aside(sys.stderr)
    atexit.register(aside.close)
    handler = logging.StreamHandler(aside)
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    handler.setFormatter(PrettyLines() if pretty else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The access log would name callers' requests; our own events say what matters.
    # Those of the providers' clients would tell what callers say.
    for name in ("aiohttp.access", "httpx2", "httpcore2", "openai", "google", "grpc"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _utc(record: logging.LogRecord) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{stamp}.{int(record.msecs):03d}Z"
