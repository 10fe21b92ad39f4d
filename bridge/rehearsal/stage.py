"""What the checks of one road share: placing calls, how often to try what, and the agent's greeting
as it is when nobody interrupts.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bridge.rehearsal.callers import Area, Cast, Clip
from bridge.rehearsal.ear import Reply, first_sound, last_sound
from bridge.rehearsal.held import Facts, Held, holes
from bridge.rehearsal.phone import CallOver, Echo, Phone, WaitedTooLong, comfort_noise
from bridge.rehearsal.roads import Road
from bridge.rehearsal.told import Traces
from bridge.rehearsal.verdicts import CannotJudge
from engine.core.audio import RATE
from engine.ports import Recognizer

GREETING_SECONDS = 20.0
"""How long the agent may take to begin its greeting."""
ANSWER_SECONDS = 6.0
"""How long callers wait for an answer before they give up; the bar is another matter."""
SETTLED = 0.9
"""A silence of the agent that means: your turn."""
GRACE = 0.45
"""No interruption is tried sooner after the agent's first sound (the grace may last 0.25 s)."""
QUIET_LINE = comfort_noise(-60.0, seconds=20.0)
"""What a telephone hears of a quiet room."""
REST = 0.9
"""Seconds of the greeting that are left after an interruption, so that it is one."""
TRACE_SECONDS = 1.0
PROGRESS_SECONDS = 2.0

Tell = Callable[[str], None]


def now_and_then(tell: Tell) -> Tell:
    """The same, but not more often than a reader wants to see it."""
    last = 0.0

    def told(text: str) -> None:
        nonlocal last
        now = asyncio.get_running_loop().time()
        if now - last >= PROGRESS_SECONDS:
            last = now
            tell(text)

    return told


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
    areas: tuple[Area, ...] = ()
    lateness: list[float] = field(default_factory=list)
    far_speech: bool = False
    """The bridge neither hears nor speaks on this machine."""
    calls: int = 0
    """Held so far, and how many of them had a hole in the agent's sound."""
    broken: int = 0

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)
        self._dialing = asyncio.Lock()
        self._seldom = now_and_then(self.tell)
        self._greeting: Reply | None = None
        self._busy: list[float] = []

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
        held = await self.hold("greeting", hears_out)
        start, end = first_sound(held.heard), last_sound(held.heard)
        if start is not None and end is not None and not held.trouble:
            self._greeting = Reply(held.heard[2 * round(start * RATE) : 2 * round(end * RATE)])
            self._busy = self._greeting.busy_places(GRACE, self._greeting.length - REST)
        return held

    def places(self, purpose: str, count: int) -> list[float]:
        """Seconds of the greeting at which the agent is in the middle of talking: random, but the
        same each time. Raises `CannotJudge`."""
        if not self._busy:
            length = self.greeting.length
            raise CannotJudge(f"the greeting is too short to be interrupted: {length:.1f} s")
        chosen = self.random(purpose)
        return [chosen.choice(self._busy) for _ in range(count)]

    async def hold(
        self,
        name: str,
        act: Callable[[Phone], Awaitable[Facts]],
        *,
        echo: Echo | None = None,
        rtt: float | None = None,
        jitter: float | None = None,
    ) -> Held[Facts]:
        """One call, in which the caller does what `act` says. Raises `CallFailed`."""
        facts, trouble = None, ""
        delay = (self.rtt if rtt is None else rtt) / 2
        way = {"delay": delay, "jitter": (self.jitter if jitter is None else jitter) / 2}
        one_way = self.road.own_delay / 2 + (delay if self.road.far else 0.0)
        async with self._slots:
            async with self._open(echo, way) as (phone, call):
                try:
                    facts = await act(phone)
                except (CallOver, WaitedTooLong) as why:
                    trouble = str(why)
            self.lateness.extend(phone.lateness)
            self.calls += 1
            self.broken += bool(holes(phone))
        named = f"{self.road.name}-{name}".replace(" ", "-")
        direct = self.road.named
        return Held(
            named, self.road.name, phone, facts, trouble, call, self.traces, direct, one_way
        )

    @asynccontextmanager
    async def _open(
        self, echo: Echo | None, way: dict[str, float]
    ) -> AsyncGenerator[tuple[Phone, str]]:
        """A phone, and the name by which the bridge knows its call."""
        opened = self.road.open(background=QUIET_LINE, echo=echo, **way)
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

    def progress(self, text: str) -> None:
        self._seldom(f"{self.road.name:12}{text}")

    async def all(
        self, check: str, calls: Sequence[Coroutine[None, None, Held[Facts]]]
    ) -> list[Held[Facts]]:
        """As many at once as there are lines, with the progress told."""
        done = 0

        async def one(call: Coroutine[None, None, Held[Facts]]) -> Held[Facts]:
            nonlocal done
            held = await call
            done += 1
            self.progress(f"{check}: {done} of {len(calls)} calls")
            return held

        async with asyncio.TaskGroup() as group:
            work = [group.create_task(one(call)) for call in calls]
        return [task.result() for task in work]

    async def timed(
        self, check: str, calls: Sequence[Coroutine[None, None, Held[Facts]]]
    ) -> list[Held[Facts]]:
        """One after the other, unless speech is far away: what is timed must not wait for a
        recognizer that all share."""
        if self.far_speech:
            return await self.all(check, calls)
        held = []
        try:
            for call in calls:
                held.append(await call)
                self.progress(f"{check}: {len(held)} of {len(calls)} calls")
        finally:
            for call in calls:
                call.close()  # those that were not held any more
        return held


async def hears_out(phone: Phone) -> None:
    """Until the agent has finished its greeting."""
    await phone.quiet(after=SETTLED, limit=GREETING_SECONDS + 20.0)


async def in_time(waiting: Awaitable[None]) -> bool:
    """Whether it happened; else the ear will tell what was missing."""
    try:
        await waiting
    except (CallOver, WaitedTooLong):
        return False
    return True


async def greets(phone: Phone) -> float:
    """Waits for the agent's first sound; when it came."""
    await phone.agent_speaks(limit=GREETING_SECONDS, since=0.0)
    return first_sound(phone.heard) or phone.now


@dataclass(frozen=True, slots=True)
class Said:
    """When a clip was said, by its voice."""

    what: str
    onset: float
    end: float


async def says(phone: Phone, clip: Clip, onset: float | None = None) -> Said:
    """The clip, so that its first voiced sample falls on `onset` (to the frame; now, if it is
    past); returns when it has been said."""
    if onset is not None:
        await phone.until(onset - clip.onset)
    start = phone.say(clip.pcm)
    await phone.said()
    return Said(clip.name, start + clip.onset, start + clip.end)
