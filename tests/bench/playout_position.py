"""What the bridge believes a caller has heard, against the telephone's own recording.

    python -m tests.bench.playout_position --calls 8

Real: our AudioSocket door and AMI, Asterisk, a SIP telephone. The agent says noise that is like no
other, is broken off at random moments, and notes what it is told. The recording is what the
telephone gives its sound card, behind its jitter buffer and its sound buffer: 20 ms every 20 ms, on
the clock that the bridge has too. It comes by a pipe in lumps of a quarter of a second, and when a
lump came tells when its last frame was played; the earliest of them all sets the recording's clock.
How far the others are from it is in the table."""

import argparse
import asyncio
import itertools
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import uvloop
from baresip import Account as SipAccount
from baresip import Config, Runtime, UserAgent

from bridge.audiosocket import serve
from bridge.audiosocket.ami import Account
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.server import Line
from bridge.lab import AMI_USER, Asterisk, free_port
from bridge.rehearsal.ear import ALIKE, find, last_sound
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, RATE
from engine.core.events import Played
from engine.core.reply import Reply
from engine.ports import CallFacts
from tests.bench.bridge_process import ROOT
from tests.bench.figures import Figure, percentile, table

MOST_OFF_MS = 60.0
LEAST_POSITIONS = 100
MOST_LOST = 5.0
"""Per cent. A telephone that gets no processor in time drops sound."""
WAV_HEADER = 44
"""Bytes."""
PIECE = 0.06
"""Seconds of sound by which a position is found."""
FAR = 2.0
"""Seconds from when a position was told, in which it is looked for."""
PAUSE = 0.6
LENGTHS = (1.5, 3.5)


def noise(seed: int) -> bytes:
    """Sound that is like no other, and nowhere silent."""
    numbers = np.random.default_rng(seed)
    samples = round(numbers.uniform(*LENGTHS) * RATE)
    loud = np.clip(numbers.normal(0, 3000, samples), -20000, 20000)
    return bytes(loud.astype("<i2").tobytes())


@dataclass(frozen=True, slots=True)
class Told:
    """A position that the engine was told of, or has taken for the truth."""

    kind: str
    at: float
    seconds: float


@dataclass(slots=True)
class Said:
    """One reply."""

    pcm: bytes
    way: float | None
    """As RTCP has measured it, when the reply began."""
    told: list[Told]
    cut: Told | None = None
    """What the ledger took for heard when the reply was broken off."""


class Agent:
    """`engine.ports.Call`: says one thing after the other; keeps the ledger as a conversation
    does."""

    def __init__(self, facts: CallFacts, line: Line, pbx: AsteriskPbx, seed: int) -> None:
        self.said: list[Said] = []
        self._call = UUID(facts.id)
        self._line = line
        self._pbx = pbx
        self._seed = seed
        self._random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._ledger = Reply(0)
        self._heard = asyncio.Event()
        self._over = asyncio.Event()
        self._way: float | None = None

    def answered(self) -> None: ...
    def frame(self, pcm: bytes) -> None: ...
    def dtmf(self, digit: str) -> None: ...

    def played(self, told: Played) -> None:
        self._ledger.played(told.seconds, self._loop.time(), told.on_the_way)
        kind = "at its end" if told.done else "while it is heard"
        self.said[-1].told.append(Told(kind, time.monotonic(), told.seconds))
        if told.done:
            self._heard.set()

    def hung_up(self, why: str) -> None:
        self._over.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(self._talk())
            await self._over.wait()
            talking.cancel()

    async def _talk(self) -> None:
        for turn in itertools.count(1):
            await self._say(turn)
            await asyncio.sleep(PAUSE)

    async def _say(self, turn: int) -> None:
        pcm = noise(1000 * self._seed + turn)
        # As of the reply before: the line has looked at it since.
        way, self._way = self._way, self._pbx.way(self._call)
        self.said.append(Said(pcm, way, []))
        self._ledger = Reply(turn)
        self._ledger.add(pcm, (), "")
        self._heard.clear()
        self._line.play(turn, pcm)
        self._line.end_reply(turn)
        patience = self._random.uniform(0.4, 2 * len(pcm) / 2 / RATE)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._heard.wait()
        if not self._heard.is_set():
            reached = self._ledger.reach(self._loop.time())
            self._line.clear()
            self.said[-1].cut = Told("when it is broken off", time.monotonic(), reached)


class Recording:
    """What the telephone's ear hears."""

    def __init__(self, lumps: list[tuple[float, bytes]]) -> None:
        self.pcm = b"".join(lump for _, lump in lumps)[WAV_HEADER:]
        begins = []
        length = -WAV_HEADER
        for at, lump in lumps[:-1]:  # the last one comes at the end of the call
            length += len(lump)
            begins.append(at - (length - 1) // FRAME_BYTES * FRAME_SECONDS)
        self._began = min(begins)
        self.spread = [at - self._began for at in begins]

    def when(self, part: bytes, around: float) -> float | None:
        """The time near `around` at which this sound was over."""
        first = max(0, round((around - FAR - self._began) * RATE))
        last = max(0, round((around + FAR - self._began) * RATE))
        at, alike = find(part, self.pcm[2 * first : 2 * last])
        return self._began + first / RATE + at + len(part) / 2 / RATE if alike >= ALIKE else None

    def last_before(self, moment: float) -> bytes:
        """The last sound before then, as long as a piece is."""
        end = last_sound(self.pcm, moment - self._began) or 0.0
        return part(self.pcm, max(0.0, end - PIECE), end)


@contextmanager
def recording(pipe: Path) -> Iterator[list[tuple[float, bytes]]]:
    """What the telephone's player writes, with the times; whole when the block has ended."""
    lumps: list[tuple[float, bytes]] = []

    def listen() -> None:
        with pipe.open("rb", buffering=0) as speaker:  # waits for the player
            while lump := speaker.read(1 << 16):
                lumps.append((time.monotonic(), lump))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield lumps
    thread.join()


def part(pcm: bytes, start: float, end: float) -> bytes:
    return pcm[2 * round(start * RATE) : 2 * round(end * RATE)]


@dataclass(frozen=True, slots=True)
class Off:
    """How many seconds the bridge was ahead of the ear."""

    kind: str
    way: float | None
    seconds: float | None
    """None: its sound is not in the recording."""


def compare(said: Said, heard: Recording) -> Iterator[Off]:
    length = len(said.pcm) / 2 / RATE
    for told in said.told:
        if told.seconds < PIECE:
            continue  # too little to be found by
        end = min(told.seconds, length)  # the silence that fills its last frame is not to be found
        when = heard.when(part(said.pcm, end - PIECE, end), told.at)
        ahead = None if when is None else when + told.seconds - end - told.at
        yield Off(told.kind, said.way, ahead)
    if said.cut is not None and said.cut.seconds >= PIECE:
        reached = _reached(said.pcm, heard.last_before(said.cut.at + PAUSE / 2))
        ahead = None if reached is None else said.cut.seconds - reached
        yield Off(said.cut.kind, said.way, ahead)


def _reached(reply: bytes, last: bytes) -> float | None:
    """The second of the reply at which this part of it is over."""
    at, alike = find(last, reply)
    return at + PIECE if alike >= ALIKE else None


@asynccontextmanager
async def telephone(args: argparse.Namespace, speaker: Path) -> AsyncIterator[UserAgent]:
    runtime = Runtime()
    buffers = f"audio_jitter_buffer_ms {args.jitter_buffer}\naudio_buffer {args.sound_buffer}"
    config = Config(
        net_interface="127.0.0.1", audio_player=f"aufile,{speaker}", extra_config_text=buffers
    )
    await runtime.start(config)
    try:
        account = SipAccount("caller", "127.0.0.1", "", reg_interval=0, audio_codecs=(args.codec,))
        yield await UserAgent.create(runtime, account)
    finally:
        await runtime.close()


@dataclass(frozen=True, slots=True)
class Measured:
    offs: list[Off]
    spread: list[float]
    """Of the recordings' clocks, in seconds."""


async def measure(args: argparse.Namespace, folder: Path) -> Measured:
    port, speaker = free_port(socket.SOCK_STREAM), folder / "speaker"
    os.mkfifo(speaker)
    asterisk = Asterisk(ROOT / "var" / "asterisk", bridge_port=port, settings={"RETRY": "yes"})
    account = Account(AMI_USER, asterisk.ami_secret, port=asterisk.ami_port)
    agents: list[Agent] = []
    offs: list[Off] = []
    spread: list[float] = []
    async with asterisk, open_pbx(account) as pbx, telephone(args, speaker) as phone:

        def take(facts: CallFacts, line: Line) -> Agent:
            agents.append(Agent(facts, line, pbx, args.seed + len(agents)))
            return agents[-1]

        async with serve(take, port=port, pbx=pbx):
            for number in range(args.calls):
                with recording(speaker) as lumps:
                    call = await phone.dial(f"sip:100@127.0.0.1:{asterisk.sip_port}")
                    await asyncio.sleep(args.seconds)
                    if len(agents) <= number:
                        raise RuntimeError("the call has not reached the bridge")
                    said = list(agents[-1].said[:-1])  # the last one may be broken off by the end
                    await call.hangup()
                heard = Recording(lumps)
                spread += heard.spread
                offs += [off for one in said for off in compare(one, heard)]
    return Measured(offs, spread)


def figures(measured: Measured) -> Iterator[Figure]:
    known = [off for off in measured.offs if off.way is not None]
    for kind in dict.fromkeys(off.kind for off in known):
        yield from _distances(kind, [off for off in known if off.kind == kind])
    yield from _distances("all with RTCP", known, MOST_OFF_MS)
    yield Figure("positions too few", max(0, LEAST_POSITIONS - len(known)), "", 0)
    lost = 100 * sum(off.seconds is None for off in known) / max(1, len(known))
    yield Figure("positions whose sound the telephone lost", lost, "%", MOST_LOST)
    ways = [1000 * off.way for off in known if off.way is not None]
    yield Figure("the way by RTCP, p50", percentile(ways, 0.5), "ms")
    first = [off for off in measured.offs if off.way is None]
    yield from _distances("before RTCP has told the way", first)
    spread = [1000 * seconds for seconds in measured.spread]
    yield Figure("the recording's clock, p95", percentile(spread, 0.95), "ms")


def _distances(kind: str, offs: list[Off], bar: float | None = None) -> Iterator[Figure]:
    ahead = [1000 * off.seconds for off in offs if off.seconds is not None]
    apart = [abs(ms) for ms in ahead]
    yield Figure(f"{kind}: positions", len(offs), "")
    yield Figure(f"{kind}: ahead of the ear, median", percentile(ahead, 0.5), "ms")
    yield Figure(f"{kind}: off, p50", percentile(apart, 0.5), "ms")
    yield Figure(f"{kind}: off, p95", percentile(apart, 0.95), "ms", bar)
    yield Figure(f"{kind}: off, most", max(apart, default=float("nan")), "ms")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.playout_position")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=25.0, help="that each lasts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codec", default="pcmu", choices=("pcmu", "pcma"))
    parser.add_argument("--jitter-buffer", default="20-100", help="the telephone's, in ms")
    parser.add_argument("--sound-buffer", default="20-160", help="the telephone's, in ms")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kav-bench-") as folder:
        found = list(figures(uvloop.run(measure(args, Path(folder)))))
    print(table(found))
    return 1 if any(figure.failed for figure in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
