"""`python -m tests.bench.audiosocket_pacing --calls 1 50`: how evenly a bridge's frames leave.

A whole bridge in a process of its own, and callers that send a frame every 20 ms. Each frame's time
is the kernel's, when it came to the caller's socket, so that our own delays hardly count: only
frames that wait there together share the time of the last."""

import argparse
import asyncio
import gc
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import uvloop

from bridge.audiosocket.codec import audio_header
from bridge.ticker import Ticker
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, SILENCE
from tests.bench.bridge_process import bridge_process
from tests.bench.figures import Figure, percentile, table

MOST_LATE_MS = 10.0
GAP = 0.1
"""Seconds between two frames, from which on RTP's timestamps jump (wire facts)."""
_SETTLED = 25
"""Frames until all callers are there."""
_MESSAGE = 3 + FRAME_BYTES
_SO_TIMESTAMPNS = 35  # Linux; Python has no name for it


class Caller:
    """One call: says nothing, and notes when each frame came."""

    def __init__(self, port: int) -> None:
        self.arrivals: list[float] = []
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._socket.send(b"\x01\x00\x10" + uuid4().bytes)

    def __enter__(self) -> "Caller":
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def speak(self, now: float) -> None:
        self._socket.send(audio_header(FRAME_BYTES) + SILENCE)

    def _read(self) -> None:
        # One message in each call: the time that is told is that of its last byte.
        data, told, _, _ = self._socket.recvmsg(_MESSAGE, 128)
        if len(data) != _MESSAGE:
            raise RuntimeError(f"a piece of {len(data)} bytes came, not one frame of {_MESSAGE}")
        (stamp,) = (time for _, kind, time in told if kind == _SO_TIMESTAMPNS)
        seconds, nanoseconds = struct.unpack("@qq", stamp)
        self.arrivals.append(seconds + nanoseconds / 1e9)


@dataclass(frozen=True, slots=True)
class Measured:
    arrivals: list[list[float]]
    """For each call, when its frames came."""
    waited: float
    """Seconds that the bridge wanted to run and had no processor."""


async def measure(calls: int, seconds: float, folder: Path) -> Measured:
    gc.collect()
    gc.freeze()
    async with bridge_process(folder) as bridge:
        ticker = Ticker()
        with ExitStack() as stack:
            callers = [stack.enter_context(Caller(bridge.audiosocket)) for _ in range(calls)]
            for caller in callers:
                ticker.add(caller.speak)
            await asyncio.sleep(_SETTLED * FRAME_SECONDS)
            waited = bridge.waited_seconds
            await asyncio.sleep(seconds)
            waited = bridge.waited_seconds - waited
            for caller in callers:
                ticker.remove(caller.speak)
    return Measured([caller.arrivals[_SETTLED:] for caller in callers], waited)


def figures(measured: Measured) -> Iterator[Figure]:
    calls = measured.arrivals
    intervals = [later - one for call in calls for one, later in pairwise(call)]
    name = f"{len(calls)} calls: " if len(calls) > 1 else "1 call: "
    late = [(interval - FRAME_SECONDS) * 1000 for interval in intervals]
    yield Figure(name + "interval p50", 20 + percentile(late, 0.5), "ms")
    yield Figure(name + "later than 20 ms, p99", percentile(late, 0.99), "ms", MOST_LATE_MS)
    yield Figure(name + "later than 20 ms, most", max(late), "ms")
    gaps = sum(interval >= GAP for interval in intervals)
    yield Figure(name + f"gaps of {GAP:g} s among {len(intervals)} frames", gaps, "", 0.0)
    missing = [lacking(call) for call in calls]
    yield Figure(name + "frames too few or too many, worst call", max(missing), "", 5.0)
    yield Figure(name + "the bridge waited for a processor", measured.waited, "s")


def lacking(call: Sequence[float]) -> float:
    """How far the count of frames is from the time that went by."""
    return abs(len(call) - 1 - (call[-1] - call[0]) / FRAME_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audiosocket_pacing")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    found: list[Figure] = []
    for calls in args.calls:
        with tempfile.TemporaryDirectory(prefix="kav-bench-") as folder:
            found += figures(uvloop.run(measure(calls, args.seconds, Path(folder))))
    print(table(found))
    return 1 if any(figure.failed for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
