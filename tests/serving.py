"""`kav serve` as a process, with the smallest voice there is, and callers on bare sockets."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from bridge.audiosocket.codec import HANG_UP
from bridge.lab import free_port

ROOT = Path(__file__).parents[1]
FRAME = 3 + 320
SMALLEST = {"KAV_VOICE": "espeak", "KAV_RECOGNIZER": "none", "KAV_VAD": "energy"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Bridge:
    process: subprocess.Popen[str]
    audiosocket: int
    http: int
    log: Path

    def ask(self, path: str, form: bytes | None = None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)) as asking:
            asking.request("GET" if form is None else "POST", path, form, FORM)
            answer = asking.getresponse()
            return answer.status, answer.read().decode()

    def call(self, call: UUID | None = None) -> socket.socket:
        caller = socket.create_connection(("127.0.0.1", self.audiosocket), timeout=10)
        caller.sendall(b"\x01\x00\x10" + (call or uuid4()).bytes)
        return caller

    def wait_for(self, event: str, count: int, within: float = 60.0) -> None:
        """Until that many lines of one kind, or of `one|another`, are in the log."""
        deadline = time.monotonic() + within
        while len(re.findall(f'"event":"(?:{event})"', self.log.read_text())) < count:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def drains(self) -> None:
        """Returns when it says so."""
        self.process.send_signal(signal.SIGTERM)
        while self.ask("/version")[0] != 503:
            pass


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Generator[Bridge]:
    ports = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    doors = {"KAV_AUDIOSOCKET_PORT": str(ports[0]), "KAV_HTTP_PORT": str(ports[1])}
    log = folder / "log.jsonl"
    with (
        log.open("w") as log_file,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "serve", *arguments],
            env=os.environ | SMALLEST | doors | {"KAV_DATA": str(folder)} | settings,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert any("Ctrl-C ends it" in line for line in process.stdout), log.read_text()
            yield Bridge(process, *ports, log)
        finally:
            process.send_signal(signal.SIGINT)  # nothing, if it has ended
            process.wait(timeout=30)


def heard(caller: socket.socket, sound: int) -> bytes:
    whole = b""
    while len(whole) < sound and (part := caller.recv(sound - len(whole))):
        whole += part
    return whole


def until_hung_up(caller: socket.socket) -> bytes:
    """The last message, when nothing but whole frames came before it."""
    while (message := heard(caller, 3)) not in (HANG_UP, b""):
        assert len(heard(caller, FRAME - 3)) == FRAME - 3
    return message
