"""Log lines: one JSON object a line for machines, or one readable line for people.

A line about a call carries its id, and a structured event its facts:
`log.info("turn_latency", extra={"call": id, "facts": {...}})`.
"""

import json
import logging
import sys
import time

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


def set_up(style: str, level: str) -> None:
    """`auto`, `json` or `pretty`, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
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
