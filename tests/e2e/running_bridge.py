"""A bridge as its users have it: `kav serve` in a process of its own, with local speech."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.lab import free_port

TOKEN = "a token for tests"
PUBLIC_URL = "https://kav.example"


@dataclass(frozen=True, slots=True)
class RunningBridge:
    audiosocket_port: int
    http_port: int
    data: Path
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        """The structured log lines of one kind so far."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, name: str, count: int, within: float = 10.0) -> None:
        """Until that many lines of one kind are in the log."""
        deadline = time.monotonic() + within
        while len(self.events(name)) < count:
            assert time.monotonic() < deadline, f"no {name} within {within} s"
            time.sleep(0.02)

    def trace(self, call: int = -1) -> str:
        """A call's trace, with its words; the last one's by default."""
        return sorted((self.data / "traces").glob("*.txt"))[call].read_text()

    def bookings(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.data / "kav.sqlite")) as database:
            rows = database.execute("SELECT wish FROM appointments ORDER BY id")
            return [{"wish": json.loads(wish)} for (wish,) in rows]

    def only_booking_after(self, count: int) -> dict[str, Any]:
        """What the one caller wanted who has booked since there were `count` bookings."""
        (booking,) = self.bookings()[count:]
        wish: dict[str, Any] = booking["wish"]
        return wish


@contextmanager
def running_bridge(
    data: Path, cache: Path, *, warm: str = "Phrases: all", **settings: str
) -> Generator[RunningBridge]:
    """Ready when it has printed `warm`: by default when every phrase has been rendered, so that
    latencies are those of a warm bridge."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    (data / "cache").symlink_to(cache.resolve(), target_is_directory=True)
    bridge = RunningBridge(
        free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM), data, data / "log.jsonl"
    )
    environment = {
        "KAV_AUDIOSOCKET_PORT": str(bridge.audiosocket_port),
        "KAV_HTTP_PORT": str(bridge.http_port),
        "KAV_DATA": str(data),
        "KAV_LOG": "json",
        "KAV_TRACE_TEXT": "true",
        "TWILIO_AUTH_TOKEN": TOKEN,
        "KAV_PUBLIC_URL": PUBLIC_URL,
        "KAV_DRAIN_SEC": "0",
    }
    with (
        bridge.log.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "serve"],
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | environment | settings,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            _wait_until_warm(process.stdout, bridge.log, warm)
            yield bridge
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _wait_until_warm(output: Any, log: Path, warm: str) -> None:
    told = []
    for line in output:
        told.append(line)
        if line.startswith(warm):
            return
    raise AssertionError("".join(told) + log.read_text())
