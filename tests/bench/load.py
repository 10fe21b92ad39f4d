"""Many calls at once against a running bridge: is every frame in time, how soon does an
interrupted agent fall silent, and what does one more call cost in memory?"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from bridge.audiosocket.playout import LEAD, WAY
from engine.core.audio import FRAME_SECONDS
from engine.core.rules import Rules
from tests.bench.bridge_process import BridgeProcess, Holdings
from tests.bench.callers import PAUSE, Caller, Interrupter, Silent, Talker
from tests.bench.far_ends import AudioSocketEnd, Crowd, TwilioEnd, crowd, spread
from tests.bench.figures import percentile, slope

LEAD_FRAMES = 3
"""Sent at once when a call is accepted; after these each frame has its own 20 ms."""
GAP_SECONDS = 0.06
"""More than this between two frames is heard, whatever the jitter buffer."""
SILENT_WITHIN = 1.0
"""An interruption that has not silenced the agent by then did not work."""
_SETTLE_SECONDS = 5.0

End = TypeVar("End")


@dataclass(frozen=True, slots=True)
class Conditions:
    """How far the machine let us measure: much here, and the figures beside it are its own."""

    own_lateness_p99: float
    """Seconds, of the calling process's timers."""
    own_lateness_most: float
    bridge_waited: float
    """The share of the time in which the bridge could have run and had no processor."""
    bridge_cpu: float
    """Processor seconds of the bridge per call and minute."""


@dataclass(frozen=True, slots=True)
class AudioSocketLoad:
    conditions: Conditions
    gaps: int
    lateness: tuple[float, ...]
    """Seconds, of every frame, against its call's own grid."""
    fewest_turns: int
    """Utterances of the caller who got the fewest answers."""
    listening: tuple[float, ...]
    """Seconds from the end of each reply at the phone to the bridge's leaving it."""


@dataclass(frozen=True, slots=True)
class TwilioLoad:
    conditions: Conditions
    dry: int
    """How often a buffer was empty in the middle of a reply."""
    margins: tuple[float, ...]
    fewest_turns: int
    listening: tuple[float, ...]
    """Seconds from the return of each reply's last mark to the bridge's leaving it."""


@dataclass(frozen=True, slots=True)
class Interruptions:
    conditions: Conditions
    audiosocket: tuple[float, ...]
    """Seconds from the caller's first voiced frame to the last of the agent."""
    twilio: tuple[float, ...]
    """Seconds from the caller's first voiced frame to the `clear`."""


@dataclass(frozen=True, slots=True)
class Memory:
    points: tuple[tuple[int, float], ...]
    """Calls, and megabytes of the process."""
    before: Holdings
    after: Holdings

    @property
    def per_call(self) -> float:
        return slope(self.points)


async def audiosocket_load(bridge: BridgeProcess, calls: int, seconds: float) -> AudioSocketLoad:
    callers = [Talker() for _ in range(calls)]
    async with _measured(bridge) as (them, conditions):
        ends = await _all_call(them.call_audiosocket, callers, seconds)
    return AudioSocketLoad(
        conditions(),
        sum(gaps(end.arrivals) for end in ends),
        tuple(late for end in ends for late in lateness(end.arrivals)),
        min(len(caller.turns) for caller in callers),
        _listening(bridge, {end.call: _reply_ends(end) for end in ends}),
    )


async def twilio_load(bridge: BridgeProcess, calls: int, seconds: float) -> TwilioLoad:
    callers = [Talker() for _ in range(calls)]
    async with _measured(bridge) as (them, conditions):
        ends = await _all_call(them.call_twilio, callers, seconds)
    margins = tuple(margin for end in ends for margin in end.margins)
    return TwilioLoad(
        conditions(),
        sum(margin < 0 for margin in margins),
        margins,
        min(len(caller.turns) for caller in callers),
        _listening(bridge, {end.call: end.ends for end in ends}),
    )


async def interruptions(bridge: BridgeProcess, calls: int, each: int) -> Interruptions:
    """So many calls on each line, both lines at once, and so many interruptions in each call."""
    limit = 10.0 + 6.0 * each
    ours = [Interrupter(each, number) for number in range(calls)]
    theirs = [Interrupter(each, number) for number in range(calls, 2 * calls)]
    async with _measured(bridge) as (them, conditions), asyncio.TaskGroup() as tasks:
        our_ends = tasks.create_task(_all_call(them.call_audiosocket, ours, limit))
        their_ends = tasks.create_task(_all_call(them.call_twilio, theirs, limit))
    return Interruptions(
        conditions(),
        _halts(ours, our_ends.result(), _audiosocket_halt),
        _halts(theirs, their_ends.result(), _twilio_halt),
    )


async def memory(bridge: BridgeProcess, most: int, step: int, hold: float) -> Memory:
    """Step by step more calls, half of them on each line, half of them talking."""
    before = await bridge.holdings()
    points = []
    until = time.monotonic() + hold * (most / step + 1)
    async with _measured(bridge) as (them, _), asyncio.TaskGroup() as tasks:
        for calls in range(step, most + 1, step):
            for number in range(step):
                call = them.call_twilio if number % 2 else them.call_audiosocket
                tasks.create_task(call(Talker() if number % 4 < 2 else Silent(), until))
                await asyncio.sleep(FRAME_SECONDS)
            await asyncio.sleep(hold)
            points.append((calls, bridge.private_mb))
    return Memory(tuple(points), before, await _settled(bridge, before))


async def _settled(bridge: BridgeProcess, before: Holdings) -> Holdings:
    """What the bridge holds as soon as it is as before, or after a while."""
    give_up = time.monotonic() + _SETTLE_SECONDS
    while True:
        after = await bridge.holdings()
        if after == before or time.monotonic() > give_up:
            return after
        await asyncio.sleep(FRAME_SECONDS)


@asynccontextmanager
async def _measured(
    bridge: BridgeProcess,
) -> AsyncGenerator[tuple[Crowd, Callable[[], Conditions]]]:
    began, cpu, waited = time.monotonic(), bridge.cpu_seconds, bridge.waited_seconds
    found: list[Conditions] = []
    async with crowd(bridge) as them:
        yield them, found.pop
        took = time.monotonic() - began
        call_minutes = len(them.lateness) * FRAME_SECONDS / 60
        found.append(
            Conditions(
                percentile(them.lateness, 0.99),
                max(them.lateness),
                (bridge.waited_seconds - waited) / took,
                (bridge.cpu_seconds - cpu) / call_minutes,
            )
        )


async def _all_call(
    call: Callable[[Caller, float], Awaitable[End]], callers: Sequence[Caller], seconds: float
) -> list[End]:
    """Each for so long, one a little after the other, so that the calls' beats differ."""

    async def one(number: int, caller: Caller) -> End:
        await asyncio.sleep(spread(number, len(callers)))
        return await call(caller, time.monotonic() + seconds)

    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(one(*numbered)) for numbered in enumerate(callers)]
    return [call.result() for call in calls]


def _listening(bridge: BridgeProcess, ends: dict[str, list[float]]) -> tuple[float, ...]:
    left: dict[str, list[float]] = {call: [] for call in ends}
    for line in bridge.told("playout_ack"):
        if line.call in left:
            left[line.call].append(line.at)
    return tuple(
        there - end for call in ends for end, there in zip(ends[call], left[call], strict=False)
    )


def _reply_ends(end: AudioSocketEnd) -> list[float]:
    """When the phone has played each reply and the silence that ends it."""
    spoke = [at for at, voiced in zip(end.arrivals, end.voiced, strict=True) if voiced]
    last = [at for at, following in pairwise([*spoke, math.inf]) if following - at > PAUSE]
    return [at + Rules().tail_silence + (LEAD + 1) * FRAME_SECONDS + WAY for at in last]


def lateness(arrivals: Iterable[float]) -> list[float]:
    """Of each frame after the lead, against a grid of 20 ms that no frame is ahead of."""
    offsets = [at - number * FRAME_SECONDS for number, at in enumerate(arrivals)][LEAD_FRAMES:]
    earliest = min(offsets, default=0.0)
    return [offset - earliest for offset in offsets]


def gaps(arrivals: Iterable[float]) -> int:
    """Pauses that are heard, and frames that never came (a late last one is not missing)."""
    times = list(arrivals)[LEAD_FRAMES:]
    pauses = sum(b - a > GAP_SECONDS for a, b in pairwise(times))
    slots = int((times[-1] - times[0]) / FRAME_SECONDS) if times else 0
    return pauses + max(0, slots - len(times))


def _halts(
    callers: Sequence[Interrupter], ends: Sequence[End], halt: Callable[[End, float], float]
) -> tuple[float, ...]:
    return tuple(
        halt(end, began)
        for caller, end in zip(callers, ends, strict=True)
        for began in caller.interruptions
    )


def _audiosocket_halt(end: AudioSocketEnd, began: float) -> float:
    spoke = zip(end.arrivals, end.voiced, strict=True)
    last = max(at for at, voiced in spoke if voiced and at <= began + SILENT_WITHIN)
    return last - began


def _twilio_halt(end: TwilioEnd, began: float) -> float:
    return next((at - began for at in end.clears if at > began), math.inf)
