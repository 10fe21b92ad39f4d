"""What the checks of one road share: placing calls, how often to try what, the agent's greeting as
it is when nobody interrupts, and from trials to findings.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from bridge.rehearsal.callers import Cast, Clip
from bridge.rehearsal.ear import Reply, first_sound, last_sound, percentile
from bridge.rehearsal.phone import CallOver, Echo, Phone, WaitedTooLong, comfort_noise
from bridge.rehearsal.results import Finding, Moment, Recording, Span
from bridge.rehearsal.roads import Road
from bridge.rehearsal.told import Told, Traces
from engine.core.audio import RATE
from engine.dialogue.profile import Language
from engine.ports import Recognizer

GREETING_SECONDS = 20.0
"""How long the agent may take to begin its greeting."""
ANSWER_SECONDS = 6.0
"""How long callers wait for an answer before they give up; the bar is another matter."""
SETTLED = 0.9
"""A silence of the agent that means: your turn."""
GRACE = 0.45
"""No interruption is tried sooner after the agent's first sound (the grace may last 0.25 s)."""
QUIET_LINE = comfort_noise(-60.0)
"""What a telephone hears of a quiet room."""
SHOWN_FAULTS = 4
"""Recordings kept of trials that failed, of each check."""
TRACE_SECONDS = 1.0
NO_TRACE = "no trace of the calls was found: say where the bridge's KAV_DATA is with --data"

Facts = TypeVar("Facts")
Tell = Callable[[str], None]


class CannotJudge(Exception):
    """The check is not done; the message says why and what to do about it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, or how long, each check tries."""

    interruptions: int
    short_answers: int
    monologues: int
    conversations: int
    minutes: float
    names: int
    """Areas of each language that are said."""
    sounds: int
    """Of each kind that must not stop the agent."""
    echoes: int
    cuts: int
    """Interruptions after which the words that were heard are counted."""
    acks: int
    quiet: float
    """Seconds."""
    weak: int
    noise: float
    """Seconds at each level."""


QUICK = Plan(4, 4, 1, 1, 0.7, 2, 1, 3, 3, 2, 12.0, 1, 14.0)
MEDIUM = Plan(24, 24, 4, 4, 2.0, 8, 8, 10, 12, 8, 60.0, 4, 30.0)
FULL = Plan(100, 100, 10, 10, 15.0, 8, 50, 24, 60, 40, 300.0, 10, 60.0)


@dataclass(frozen=True, slots=True)
class Held(Generic[Facts]):
    """A call that was held to its end."""

    name: str
    phone: Phone
    heard: bytes
    facts: Facts | None
    """What the caller did and saw; None if there was trouble."""
    trouble: str
    """Why the caller could not do what was wanted."""
    told: Told | None

    def second(self, traced: float) -> float:
        """A time of the bridge's trace on the phone's axis."""
        return traced - (self.told.behind(self.phone.spoken) if self.told else 0.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt of a check."""

    recording: Recording
    fault: str = ""
    """Why it failed; empty if it did not."""
    figure: float = 0.0
    """What was measured, for the choice of what is shown: higher is worse."""


@dataclass(frozen=True, slots=True)
class Judged:
    finding: Finding
    recordings: tuple[Recording, ...] = ()


@dataclass
class Stage:
    """One road's rehearsal. Made by the runner."""

    road: Road
    cast: Cast
    plan: Plan
    traces: Traces
    log: Path | None
    """The bridge's log, as JSON lines."""
    tell: Tell
    at_once: int = 6
    rtt: float = 0.0
    jitter: float = 0.0
    seed: int = 1
    recognizer: Recognizer | None = None
    phrases: tuple[str, ...] = ()
    """What the agent may well say."""
    areas: tuple[tuple[Language, str, str], ...] = ()
    """Names that must be caught: the language, as callers say it, as it is written."""
    lateness: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)
        self._dialing = asyncio.Lock()
        self._told_at = 0.0
        self._greeting: Reply | None = None

    @property
    def line_delay(self) -> float:
        """What the line itself takes, for both ways together."""
        return self.road.own_delay + (self.rtt + self.jitter if self.road.far else 0.0)

    @property
    def line_note(self) -> str:
        """To be added to a bar."""
        return f" + {1000 * self.line_delay:.0f} ms of the line" if self.line_delay else ""

    def random(self, purpose: str) -> random.Random:
        """The same for each run with the same seed."""
        return random.Random(f"{self.seed} {purpose}")

    @property
    def greeted(self) -> bool:
        return self._greeting is not None

    @property
    def greeting(self) -> Reply:
        """Raises `CannotJudge`."""
        if self._greeting is None:
            raise CannotJudge("the agent greets nobody: it said nothing when it was called")
        return self._greeting

    async def learn_greeting(self) -> Held[None]:
        """What the agent says when nobody interrupts."""
        held = await self.hold("greeting", self.hears_greeting)
        start, end = first_sound(held.heard), last_sound(held.heard)
        if start is not None and end is not None and not held.trouble:
            self._greeting = Reply(held.heard[2 * round(start * RATE) : 2 * round(end * RATE)])
        return held

    async def hears_greeting(self, phone: Phone) -> None:
        await phone.quiet(after=SETTLED, limit=GREETING_SECONDS + 20.0)

    async def hold(
        self,
        name: str,
        act: Callable[[Phone], Awaitable[Facts]],
        *,
        background: bytes = QUIET_LINE,
        echo: Echo | None = None,
        rtt: float | None = None,
        jitter: float | None = None,
    ) -> Held[Facts]:
        """One call, in which the caller does what `act` says. Raises `CallFailed`."""
        facts, trouble = None, ""
        delay = (self.rtt if rtt is None else rtt) / 2
        way = {"delay": delay, "jitter": (self.jitter if jitter is None else jitter) / 2}
        async with self._slots:
            async with self._open(background, echo, way) as (phone, call):
                try:
                    facts = await act(phone)
                except (CallOver, WaitedTooLong) as why:
                    trouble = str(why)
            self.lateness.extend(phone.lateness)
        told = await self.traces.of(call) if call else None
        return Held(f"{self.road.name}-{name}", phone, phone.heard, facts, trouble, told)

    @asynccontextmanager
    async def _open(
        self, background: bytes, echo: Echo | None, way: dict[str, float]
    ) -> AsyncGenerator[tuple[Phone, str]]:
        """A phone, and the name by which the bridge knows its call."""
        opened = self.road.open(background=background, echo=echo, **way)
        if self.road.named or not self.traces.there():
            async with opened as phone:
                yield phone, phone.name
            return
        async with AsyncExitStack() as stack:
            async with self._dialing:  # one at a time: the new trace is that of the new call
                known = self.traces.names()
                phone = await stack.enter_async_context(opened)
                name = await self._new_trace(known)
            yield phone, name

    async def _new_trace(self, known: set[str]) -> str:
        deadline = asyncio.get_running_loop().time() + TRACE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if new := self.traces.names() - known:
                return new.pop()
            await asyncio.sleep(0.02)
        return ""

    async def each(
        self, check: str, trials: Iterable[Awaitable[Facts]], done: Callable[[int], str]
    ) -> list[Facts]:
        """All of them, as many at once as there are lines, with the progress told."""
        results: list[Facts] = []

        async def one(trial: Awaitable[Facts]) -> None:
            results.append(await trial)
            self.progress(f"{check}: {done(len(results))}")

        async with asyncio.TaskGroup() as group:
            for trial in trials:
                group.create_task(one(trial))
        return results

    def progress(self, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= 2.0:
            self._told_at = now
            self.tell(f"{self.road.name:12}{text}")


async def greets(phone: Phone) -> float:
    """Waits for the agent's first sound; when it came."""
    await phone.agent_speaks(limit=GREETING_SECONDS, since=0.0)
    return first_sound(phone.heard) or phone.now


@dataclass(frozen=True, slots=True)
class Said:
    """When a clip was said, by its voice."""

    onset: float
    end: float


async def says(phone: Phone, clip: Clip, onset: float | None = None) -> Said:
    """The clip, so that its first voiced sample falls on `onset` (to the frame; now, if it is
    past); returns when it has been said."""
    if onset is not None:
        await phone.until(onset - clip.onset)
    start = phone.say(clip.pcm)
    await phone.said()
    return Said(start + clip.onset, start + clip.end)


def recording(
    held: Held[Facts],
    road: str,
    moments: Sequence[Moment] = (),
    latencies: Sequence[Span] = (),
) -> Recording:
    wire = [Moment(second, "wire", what) for second, what in held.phone.happened]
    return Recording(
        name=held.name,
        road=road,
        caller=held.phone.spoken,
        agent=held.heard,
        moments=tuple(sorted([*moments, *wire], key=lambda moment: moment.second)),
        states=_states(held),
        latencies=tuple(latencies),
        file=f"{held.name}.wav",
    )


def _states(held: Held[Facts]) -> tuple[Span, ...]:
    if held.told is None:
        return ()
    length = len(held.heard) / 2 / RATE
    behind = held.told.behind(held.phone.spoken)
    told = [(max(0.0, second - behind), what) for second, what in held.told.states]
    ends = [*[second for second, _ in told[1:]], length]
    return tuple(
        Span(start, min(end, length), what)
        for (start, what), end in zip(told, ends, strict=True)
        if start < min(end, length)
    )


def judged(
    check: str,
    road: str,
    bar: str,
    measured: str,
    trials: Sequence[Trial],
    *,
    passed: bool,
    why: str = "",
) -> Judged:
    """The finding, with the recordings that show it: what failed, and the worst that did not."""
    worst = sorted(trials, key=lambda trial: -trial.figure)
    failed = [trial for trial in worst if trial.fault]
    shown = [*failed[:SHOWN_FAULTS], *[trial for trial in worst if not trial.fault][:1]]
    faults = [f"{trial.recording.name}: {trial.fault}" for trial in failed[:SHOWN_FAULTS]]
    finding = Finding(
        check=check,
        road=road,
        bar=bar,
        measured=measured,
        verdict="passed" if passed else "failed",
        why="; ".join([text for text in (why, *faults) if text]),
        recordings=tuple(trial.recording.name for trial in shown),
    )
    return Judged(finding, tuple(trial.recording for trial in shown))


def not_done(check: str, road: str, why: str, bar: str = "") -> Judged:
    return Judged(Finding(check, road, bar, "", "not done", why))


def spread(values: Sequence[float]) -> str:
    """Milliseconds: the median, the 95th of a hundred, and the most."""
    parts = [("p50", 0.5), ("p95", 0.95), ("most", 1.0)]
    return ", ".join(f"{name} {ms(percentile(values, part))}" for name, part in parts)


def ms(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{1000 * seconds:.0f} ms"
