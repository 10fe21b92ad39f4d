"""Many calls through a real Asterisk to a bridge of our own: SIPp calls, one more phone listens.

    python -m tests.bench.pbx_calls --calls 1000 --rate 5 --seconds 10

Calls at `rate` a second that last `seconds` each are rate x seconds at once. With the right to
capture packets (root), it also tells how evenly the agents' sound leaves Asterisk."""

import argparse
import asyncio
import csv
import socket
import struct
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvloop

from bridge.lab import Asterisk
from bridge.rehearsal.ear import ALIKE, find
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE, pcm_to_mulaw
from tests.bench.bridge_process import ROOT, ToneVoice, bridge_process
from tests.bench.figures import Figure, percentile, table
from tests.bench.sipp import SCENARIO, Load, fetch, sipp

RTP_PORTS = range(20000, 21000)
LATENESS_MS = 10.0
GAP = 0.06
"""Seconds; what is later than this has outlasted a phone's jitter buffer."""
MOST_HEADER = 128
TIMESTAMP_NS = 35
"""Of the kernel: SO_TIMESTAMPNS."""
MONITOR_SECONDS = 8.0


@dataclass
class Wire:
    """RTP as it leaves Asterisk, captured on the loopback."""

    lateness: list[float] = field(default_factory=list)
    """Of each packet against the one before, in seconds."""
    lost: int = 0
    _last: dict[int, tuple[int, int, float]] = field(default_factory=dict)

    def take(self, rtp: bytes, at: float) -> None:
        kind, sequence, stamp, stream = struct.unpack_from(">xBHII", rtp)
        before = self._last.get(stream)
        self._last[stream] = (sequence, stamp, at)
        if before is None or kind & 0x80:  # marked: a new spurt of sound
            return
        self.lost += (sequence - before[0] - 1) & 0xFFFF
        self.lateness.append(at - before[2] - ((stamp - before[1]) & 0xFFFFFFFF) / RATE)

    def figures(self) -> list[Figure]:
        late_ms = 1000 * percentile(self.lateness, 0.99)
        gaps = sum(late > GAP for late in self.lateness)
        return [
            Figure("at the wire: packets", len(self.lateness), ""),
            Figure("at the wire: late, p99", late_ms, "ms", LATENESS_MS),
            Figure("at the wire: late, most", 1000 * max(self.lateness, default=0.0), "ms"),
            Figure("at the wire: gaps", gaps + self.lost, "", 0),
        ]


def capture(wire: Wire, over: threading.Event) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as packets:
        packets.bind(("lo", 0x0800))
        packets.setsockopt(socket.SOL_SOCKET, TIMESTAMP_NS, 1)
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        packets.settimeout(0.5)
        while not over.is_set():
            try:
                packet, told, _, _ = packets.recvmsg(MOST_HEADER, 64)
            except TimeoutError:
                continue
            header = 4 * (packet[0] & 15)
            if packet[9] != socket.IPPROTO_UDP:
                continue
            port: int = struct.unpack_from(">H", packet, header)[0]
            if port in RTP_PORTS and port % 2 == 0:  # the odd ones are RTCP
                seconds, nanoseconds = struct.unpack("qq", told[0][2])
                wire.take(packet[header + 8 :], seconds + nanoseconds / 1e9)


def caller_file(folder: Path) -> None:
    """Two seconds of speech-like noise, four of silence."""
    noise = np.random.default_rng(7).normal(0, 2500, 2 * RATE)
    sound = np.concatenate([noise, np.zeros(4 * RATE)]).astype("<i2").tobytes()
    (folder / "caller.ulaw").write_bytes(pcm_to_mulaw(sound))


async def run_sipp(folder: Path, port: int, args: argparse.Namespace) -> tuple[int, int]:
    """Calls that came about and ended in order, and those that did not."""
    caller_file(folder)
    load = Load(args.calls, args.at_once, args.rate, args.seconds)
    more = ("-mi", "127.0.0.1", "-mp", 40000, "-trace_stat", "-stf", "calls.csv", "-fd", 1)
    async with sipp(folder, port, load, SCENARIO, *more) as process:
        await process.wait()
    with (folder / "calls.csv").open() as file:
        *_, last = csv.DictReader(file, delimiter=";")
    return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])


async def hears_agents(uri: str, over: asyncio.Event) -> tuple[int, int]:
    """Calls as well, one after the other, as long as the load lasts: how many, and in how many of
    them the agent was not heard."""
    made = deaf = 0
    async with SipStack() as telephone:
        while not over.is_set():
            async with telephone.call(uri, within=20) as phone:
                made += 1
                deaf += not await _hears(phone)
    return made, deaf


async def _hears(phone: Phone) -> bool:
    sound = b"".join([speech.pcm async for speech in ToneVoice().speak("")])
    await phone.until(MONITOR_SECONDS)
    return find(sound[: RATE // 2 * 2], phone.heard)[1] >= ALIKE


async def measured(folder: Path, args: argparse.Namespace) -> list[Figure]:
    wire, captured = Wire(), threading.Event()
    sniffing = threading.Thread(target=_capture_if_allowed, args=(wire, captured))
    async with (
        bridge_process(folder) as bridge,
        Asterisk(ROOT / "var" / "asterisk", bridge_port=bridge.audiosocket) as asterisk,
        asyncio.TaskGroup() as tasks,
    ):
        sniffing.start()
        over = asyncio.Event()
        uri = f"sip:100@127.0.0.1:{asterisk.sip_port}"
        listening = tasks.create_task(hears_agents(uri, over))
        try:
            good, failed = await run_sipp(folder, asterisk.sip_port, args)
        finally:
            over.set()
            captured.set()
        made, deaf = await listening
    sniffing.join()
    return [
        Figure("calls", good, ""),
        Figure("calls that failed", failed + args.calls - good - failed, "", 0),
        Figure("calls of the phone that listens", made, ""),
        Figure("of them without the agent's voice", deaf, "", 0),
        *(wire.figures() if wire.lateness else []),
    ]


def _capture_if_allowed(wire: Wire, over: threading.Event) -> None:
    try:
        capture(wire, over)
    except PermissionError:
        print("Packets may not be captured here: nothing is told of the wire.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pbx_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5.0, help="new calls a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="that each lasts")
    parser.add_argument("--at-once", type=int, default=50, help="never more than this")
    args = parser.parse_args()
    fetch()
    with tempfile.TemporaryDirectory(prefix="kav-bench-") as folder:
        figures = uvloop.run(measured(Path(folder), args))
    print(table(figures))
    return 1 if any(figure.failed for figure in figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
