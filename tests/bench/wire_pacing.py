"""How evenly the agents' sound leaves Asterisk, with calls that are up and talking.

    python -m tests.bench.wire_pacing --calls 1 50

Real: a whole bridge in a process of its own, and Asterisk. SIPp sets the calls up and has nothing
to do with their sound, which comes to one socket of ours: the kernel stamps each packet when it is
sent, so it does not matter when we look. From there, too, every caller's own sound is sent, silence
at an even pace (`--mute`: none). A packet is late against its stream's own grid: its RTP time stamp
since the most punctual packet of that stream.

What `tests.bench.audiosocket_pacing` tells of the bridge alone is a part of this; the rest is
Asterisk's. On a machine that others work on, both are lines of waiting: see the last figures."""

import argparse
import asyncio
import gc
import itertools
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import uvloop

from bridge.lab import Asterisk
from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS, RATE
from tests.bench.bridge_process import ROOT, bridge_process
from tests.bench.figures import Figure, percentile, table
from tests.bench.pbx_calls import GAP, LATENESS_MS, TIMESTAMP_NS
from tests.bench.sipp import SCENARIO, Load, fetch, sipp

CALLS_A_SECOND = 10
SETUP_SECONDS = 20.0
SETTLED = 3.0
"""Seconds after the last call's first packet."""
LOOK_EVERY = 0.004
_RECEIVE_BUFFER_FORCE = 33
"""Linux: SO_RCVBUFFORCE, for root alone; Python has no name for it."""
_MOST_WAITING = 1 << 23
"""Bytes that may wait in the socket, for when we get no processor."""


@dataclass(frozen=True, slots=True)
class Packet:
    sequence: int
    stamp: int
    begins: bool
    """Marked: the time stamps begin anew, after a stall."""
    at: float


@dataclass(frozen=True, slots=True)
class Stream:
    """One call's RTP, as it left Asterisk."""

    packets: list[Packet]

    def lateness(self) -> list[float]:
        """Of each packet, in seconds."""
        stamps = np.unwrap([packet.stamp for packet in self.packets], period=1 << 32)
        behind = np.array([packet.at for packet in self.packets]) - stamps / RATE
        begins = [number for number, packet in enumerate(self.packets) if packet.begins and number]
        grids = np.split(behind, begins)
        return [float(late) for grid in grids for late in grid - grid.min()]

    def intervals(self) -> list[float]:
        return [later.at - one.at for one, later in pairwise(self.packets)]

    def missing(self) -> int:
        pairs = pairwise(self.packets)
        return sum((later.sequence - one.sequence - 1) & 0xFFFF for one, later in pairs)


class FarEnds:
    """The other end of every call's sound."""

    def __init__(self, mute: bool) -> None:
        self.heard: dict[tuple[str, int], list[Packet]] = {}
        """By Asterisk's address."""
        self._mute = mute
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, TIMESTAMP_NS, 1)
        with suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _MOST_WAITING)
        self.port: int = self._socket.getsockname()[1]
        self._over = threading.Event()

    def streams(self, start: float, end: float) -> list[Stream]:
        """What came between these times of the real-time clock."""
        return [
            Stream([packet for packet in packets if start <= packet.at < end])
            for packets in self.heard.values()
        ]

    @contextmanager
    def working(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._socket.close()

    def _work(self) -> None:
        due = time.monotonic()
        for beat in itertools.count():
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            due += LOOK_EVERY
            self._take_all()
            if not self._mute:
                self._speak(beat)

    def _take_all(self) -> None:
        with suppress(BlockingIOError):
            while True:
                packet, told, _, source = self._socket.recvmsg(8, 64)
                kind, sequence, stamp = struct.unpack(">xBHI", packet)
                seconds, nanoseconds = struct.unpack("qq", told[0][2])
                at = seconds + nanoseconds / 1e9
                self.heard.setdefault(source, []).append(
                    Packet(sequence, stamp, bool(kind & 0x80), at)
                )

    def _speak(self, beat: int) -> None:
        """One in five of the callers at each look, so that each has its 20 ms."""
        every = round(FRAME_SECONDS / LOOK_EVERY)
        frame = beat // every
        silence = b"\xff" * FRAME_SAMPLES
        for number, address in enumerate(list(self.heard)):
            if number % every == beat % every:
                header = struct.pack(">BBHII", 0x80, 0, frame & 0xFFFF, frame * 160, number)
                self._socket.sendto(header + silence, address)


@asynccontextmanager
async def callers(folder: Path, server: int, sound: int, load: Load) -> AsyncIterator[None]:
    """So many calls, whose sound goes to our port, up while the block lasts."""
    told = SCENARIO.read_text()
    plays = '<nop><action><exec rtp_stream="caller.ulaw,-1,0,PCMU/8000" /></action></nop>'
    assert plays in told
    scenario = folder / "sipp.xml"
    scenario.write_text(told.replace(plays, "").replace("[rtpstream_audio_port]", str(sound)))
    async with sipp(folder, server, load, scenario) as process:
        yield
        if process.returncode is not None:
            raise RuntimeError(f"SIPp has ended with status {process.returncode}")


def waited(pid: int) -> float:
    """Seconds that a process's threads wanted to run and had no processor."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has just ended
            total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


def busy() -> float:
    """Seconds that all processors together have worked, for whomever."""
    user, nice, system, _, _, *interrupts = (
        Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    calls: int
    streams: list[Stream]
    seconds: float
    bridge_waited: float
    asterisk_waited: float
    busy: float


async def measure(calls: int, args: argparse.Namespace, folder: Path) -> Measured:
    gc.collect()
    gc.freeze()
    far_ends = FarEnds(args.mute)
    lasts = calls / CALLS_A_SECOND + SETUP_SECONDS + SETTLED + args.seconds
    load = Load(calls, at_once=calls, rate=CALLS_A_SECOND, seconds=lasts)
    async with (
        bridge_process(folder) as bridge,
        Asterisk(ROOT / "var" / "asterisk", bridge_port=bridge.audiosocket) as asterisk,
        callers(folder, asterisk.sip_port, far_ends.port, load),
    ):
        with far_ends.working():
            async with asyncio.timeout(SETUP_SECONDS + calls / CALLS_A_SECOND):
                while len(far_ends.heard) < calls:  # noqa: ASYNC110 - a thread counts them
                    await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLED)
            start, before = time.time(), (bridge.waited_seconds, waited(asterisk.pid), busy())
            await asyncio.sleep(args.seconds)
            end, after = time.time(), (bridge.waited_seconds, waited(asterisk.pid), busy())
    spent = [later - one for one, later in zip(before, after, strict=True)]
    return Measured(calls, far_ends.streams(start, end), end - start, *spent)


def figures(measured: Measured) -> Iterator[Figure]:
    name = f"{measured.calls} calls: " if measured.calls > 1 else "1 call: "
    streams = [stream for stream in measured.streams if stream.packets]
    late = [1000 * late for stream in streams for late in stream.lateness()]
    intervals = [interval for stream in streams for interval in stream.intervals()]
    gaps = sum(interval > GAP for interval in intervals)
    too_few = measured.calls * measured.seconds / FRAME_SECONDS - len(late)
    yield Figure(name + "packets", len(late), "")
    yield Figure(name + "late, p50", percentile(late, 0.5), "ms")
    yield Figure(name + "late, p99", percentile(late, 0.99), "ms", LATENESS_MS)
    yield Figure(name + "late, p99.9", percentile(late, 0.999), "ms")
    yield Figure(name + "late, most", max(late, default=float("nan")), "ms")
    yield Figure(name + "interval, p99", 1000 * percentile(intervals, 0.99), "ms")
    yield Figure(name + f"gaps of {GAP:g} s", gaps, "", 0)
    yield Figure(name + "packets missing", sum(stream.missing() for stream in streams), "", 0)
    yield Figure(name + "packets fewer than time", max(0.0, too_few / measured.calls), "a call")
    share = measured.busy / measured.seconds / (os.cpu_count() or 1)
    yield Figure(name + "the processors worked", 100 * share, "%")
    yield Figure(name + "the bridge waited for one", measured.bridge_waited, "s")
    yield Figure(name + "Asterisk's threads waited for one", measured.asterisk_waited, "s")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.wire_pacing")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--mute", action="store_true", help="the callers' phones send nothing")
    args = parser.parse_args()
    fetch()
    found: list[Figure] = []
    for calls in args.calls:
        with tempfile.TemporaryDirectory(prefix="kav-bench-") as folder:
            found += figures(uvloop.run(measure(calls, args, Path(folder))))
    print(table(found))
    return 1 if any(figure.failed for figure in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
