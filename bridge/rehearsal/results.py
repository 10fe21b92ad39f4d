"""What a rehearsal found, as plain values: the checks make them, the table and the report show
them."""

from dataclasses import dataclass, field
from typing import Literal

Side = Literal["caller", "agent", "wire", "bridge"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a call, on the phone's time axis."""

    second: float
    side: Side
    """`wire`: marks, clears, keys. `bridge`: what its trace or log told."""
    what: str
    """A word or two: `mark 3:1600`, `clear`, `voice begins`, `agent silent`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a call: a state of the agent, or a latency that was measured."""

    start: float
    end: float
    what: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One rehearsed call. Both sides are PCM (16-bit little-endian mono, 8,000 Hz) of one length
    on one time axis."""

    name: str
    road: str
    caller: bytes
    agent: bytes
    moments: tuple[Moment, ...] = ()
    states: tuple[Span, ...] = ()
    latencies: tuple[Span, ...] = ()
    file: str = ""
    """The stereo WAV beside the report."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    check: str
    road: str
    bar: str
    measured: str
    verdict: Literal["passed", "failed", "not done"]
    why: str = ""
    """What failed, or why it was not done, and what to do about it."""
    recordings: tuple[str, ...] = field(default=())
    """Names of the calls that show it."""
