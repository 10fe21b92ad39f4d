"""A call of a rehearsal that is over: what was heard in it, and what the bridge tells of it in its
trace, on the phone's time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from bridge.rehearsal.phone import Phone
from bridge.rehearsal.results import Moment, Recording, Span
from bridge.rehearsal.told import Told, Traces
from engine.core.audio import RATE

SLIP = 0.025
"""Seconds of a hole that nobody hears."""
STALL = 0.03
"""Seconds: a caller's timer that is later makes holes in what is heard."""

Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Held(Generic[Facts]):
    """A call that was held to its end. What it was like is worked out when it is asked for: while
    calls are held, the callers' timers need the time."""

    name: str
    road: str
    phone: Phone
    facts: Facts | None
    """What the caller did and saw; None if there was trouble."""
    trouble: str
    """Why the caller could not do what was wanted."""
    call: str
    """By that name the bridge knows it; empty if that is not known."""
    traces: Traces
    direct: bool
    """The bridge has the very frames that the phone sent."""
    one_way: float
    """Seconds of the line from the phone to the bridge."""

    @cached_property
    def heard(self) -> bytes:
        return self.phone.heard

    @cached_property
    def told(self) -> Told | None:
        return self.traces.of(self.call)

    @cached_property
    def lag(self) -> int:
        """The bridge's number of the phone's first frame."""
        if self.direct or self.told is None:
            return 0
        # No sound is sent while a key is down: what comes after it lies elsewhere.
        keys = [second for second, what in self.phone.happened if what.startswith("key")]
        spoken = self.phone.spoken
        return self.told.lag(spoken[: 2 * round(keys[0] * RATE)] if keys else spoken)

    @cached_property
    def behind(self) -> float:
        """The phone's second 0 on the bridge's clock."""
        return self.told.behind(self.lag) - self.one_way if self.told else 0.0

    @property
    def steady(self) -> bool:
        """The caller's own timer never stalled: what is missing in the sound is the bridge's."""
        return max(self.phone.lateness, default=0.0) <= STALL

    def second(self, traced: float) -> float:
        """A time of the bridge's trace on the phone's axis."""
        return traced - self.behind


def holes(phone: Phone) -> list[tuple[float, float]]:
    """Where the agent's sound came too late, from when to when. A single late frame is hidden by
    the jitter buffer of any telephone."""
    return [(start, end) for start, end in phone.gaps if end - start > SLIP]


def recording(
    held: Held[Facts],
    moments: Sequence[Moment] = (),
    latencies: Sequence[Span] = (),
) -> Recording:
    wire = [Moment(second, "wire", what) for second, what in held.phone.happened]
    return Recording(
        name=held.name,
        road=held.road,
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
    told = [(max(0.0, held.second(second)), what) for second, what in held.told.states]
    ends = [*[second for second, _ in told[1:]], length]
    return tuple(
        Span(start, min(end, length), what)
        for (start, what), end in zip(told, ends, strict=True)
        if start < min(end, length)
    )
