"""`python -m tests.bench.start_up`: from the start of `kav serve` to its first caller.

Twice with each equipment: the first start fills the caches. Told: until Asterisk's connection is
accepted, with the processor's seconds for it (of the bridge, and of its processes with models,
which load beside each other), and until such a caller hears the agent's first word. Fails when a
start with its caches takes longer than the bar."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bridge.lab import free_port
from engine.core.audio import FRAME_BYTES, level
from tests.bench.bridge_process import ROOT

BAR = 3.0
"""Seconds to the first accept."""
LOUD = 200
PATIENCE = 300.0
EQUIPMENT: dict[str, dict[str, str]] = {
    "keypad and espeak": {"KAV_RECOGNIZER": "none", "KAV_VOICE": "espeak"},
    "local models": {},
}


@dataclass(frozen=True, slots=True)
class Start:
    """In seconds."""

    accepted: float
    own_cpu: float
    models_cpu: float
    word: float


def start(folder: Path, equipment: dict[str, str]) -> Start:
    ports = [free_port(socket.SOCK_STREAM) for _ in range(2)]
    doors = {"KAV_AUDIOSOCKET_PORT": str(ports[0]), "KAV_HTTP_PORT": str(ports[1])}
    began = time.monotonic()
    with (
        (folder / "log").open("a") as log,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "serve", "--quiet"],
            env=os.environ | doors | equipment | {"KAV_DATA": str(folder), "KAV_DRAIN_SEC": "0"},
            cwd=ROOT,
            stderr=log,
        ) as bridge,
    ):
        try:
            caller = _connect(ports[0], bridge)
            accepted = time.monotonic() - began
            own, models = _cpu(bridge.pid), sum(map(_cpu, _children(bridge.pid)))
            _wait_for_a_word(caller)
            return Start(accepted, own, models, time.monotonic() - began)
        finally:
            bridge.terminate()


def _connect(port: int, bridge: "subprocess.Popen[bytes]") -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and bridge.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise SystemExit(f"the bridge did not start: {bridge.poll()}")


def _wait_for_a_word(caller: socket.socket) -> None:
    caller.sendall(b"\x01\x00\x10" + uuid4().bytes)
    with caller, caller.makefile("rb") as sound:
        while message := sound.read(3 + FRAME_BYTES):
            if level(message[3:]) > LOUD:
                return
    raise SystemExit("the caller heard nothing")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    argparse.ArgumentParser(prog="python -m tests.bench.start_up", description=__doc__).parse_args()
    late = False
    print("equipment          start   accepted   its CPU   models' CPU   first word")
    for name, settings in EQUIPMENT.items():
        with tempfile.TemporaryDirectory(prefix="kav-start-") as folder:
            for which in ("first", "second"):
                it = start(Path(folder), settings)
                cpu = f"{it.own_cpu:7.2f} s {it.models_cpu:10.2f} s"
                told = f"{name:18} {which:6} {it.accepted:7.2f} s {cpu} {it.word:10.2f} s"
                print(told, flush=True)
        late |= it.accepted > BAR
    print("too late" if late else "ok")
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
