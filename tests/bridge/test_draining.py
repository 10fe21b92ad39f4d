"""`kav serve` is told to stop: as a process, by its signals, with a caller on the line."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.audiosocket.codec import HANG_UP
from bridge.lab import free_port

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
FRAME = 3 + 320
SMALLEST = {"KAV_VOICE": "espeak", "KAV_RECOGNIZER": "none", "KAV_VAD": "energy"}
CALL = b"CallSid=CA" + 32 * b"0" + b"&AccountSid=AC" + 32 * b"0"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Bridge:
    process: subprocess.Popen[str]
    audiosocket: int
    http: int

    def ask(self, path: str, form: bytes | None = None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)) as asking:
            asking.request("GET" if form is None else "POST", path, form, FORM)
            answer = asking.getresponse()
            return answer.status, answer.read().decode()

    def call(self) -> socket.socket:
        caller = socket.create_connection(("127.0.0.1", self.audiosocket), timeout=10)
        caller.sendall(b"\x01\x00\x10" + uuid4().bytes)
        return caller

    def drains(self) -> None:
        """Returns when it says so."""
        self.process.send_signal(signal.SIGTERM)
        while self.ask("/version")[0] != 503:
            pass


@contextmanager
def bridge(folder: Path, **settings: str) -> Generator[Bridge]:
    ports = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    doors = {"KAV_AUDIOSOCKET_PORT": str(ports[0]), "KAV_HTTP_PORT": str(ports[1])}
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "serve"],
        env=os.environ | SMALLEST | doors | {"KAV_DATA": str(folder)} | settings,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert any("Ctrl-C ends it" in line for line in process.stdout)
            yield Bridge(process, *ports)
        finally:
            process.kill()


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


def test_a_live_call_goes_on_to_its_end_and_no_other_comes_in(tmp_path: Path) -> None:
    with bridge(tmp_path) as it, it.call() as caller:
        assert len(heard(caller, FRAME)) == FRAME
        assert it.ask("/version")[0] == 200
        it.drains()
        assert it.ask("/version") == (503, '{"name": "kav", "status": "draining"}')
        assert it.ask("/live")[0] == 200
        assert '<Reject reason="busy" />' in it.ask("/twilio/voice", CALL)[1]
        with pytest.raises(ConnectionRefusedError):
            it.call()
        assert len(heard(caller, 10 * FRAME)) == 10 * FRAME
        caller.close()
        assert it.process.wait(timeout=30) == 0


def test_at_the_limit_a_caller_goes_on_in_the_dialplan(tmp_path: Path) -> None:
    with bridge(tmp_path, KAV_DRAIN_SEC="0.5") as it, it.call() as caller:
        it.process.send_signal(signal.SIGTERM)
        assert until_hung_up(caller) == HANG_UP
        caller.close()
        assert it.process.wait(timeout=30) == 0


def test_told_twice_it_ends_in_order_at_once(tmp_path: Path) -> None:
    with bridge(tmp_path) as it, it.call() as caller:
        it.drains()
        it.process.send_signal(signal.SIGTERM)
        assert until_hung_up(caller) == HANG_UP
        caller.close()
        assert it.process.wait(timeout=30) == 0
