"""What the caller has heard: what the lines say of it, against the ear at the far end.

The far ends are simulated in virtual time: Twilio behind a network that delays and jitters, with
marks that are lost, late, doubled or out of order; and a telephone behind Asterisk.
"""

import base64
import heapq
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audiosocket.playout import WAY
from bridge.audiosocket.playout import Playout as AudioSocketPlayout
from bridge.twilio_media.playout import TwilioPlayout
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, RATE, SILENCE
from engine.core.events import Played
from engine.core.reply import Reply
from engine.ports import Playout

VOICE = b"\x01\x00"
BEAT = FRAME_SECONDS
SLACK = FRAME_SECONDS + 0.001
"""A line is asked every 20 ms and tells milliseconds."""
SAMPLE = 1.5 / RATE
UNEVEN = 0.04
"""Seconds by which packets of one direction may be late."""
LATE = 0.5
"""Seconds by which a mark may be late beyond that."""
MOST_BEATS = 400


@dataclass(frozen=True)
class Fate:
    """What becomes of a mark on its way back: it comes so many times, so much late."""

    times: int = 1
    late: float = 0.0


@dataclass(frozen=True)
class Scene:
    """One reply: at which beats so many samples of it come, and at which it is cleared."""

    pieces: list[tuple[int, int]]
    ends: bool
    cleared: int | None


class Network:
    """One direction: late by a fixed part and an uneven one, in order."""

    def __init__(self, delay: float, uneven: Sequence[float] = ()) -> None:
        self._delay = delay
        self._uneven = itertools.cycle(uneven or [0.0])
        self._last = 0.0

    def arrival(self, now: float) -> float:
        self._last = max(self.soonest(now), now + self._delay + next(self._uneven))
        return self._last

    def soonest(self, now: float) -> float:
        """When what is sent now arrives, if the network is at its best."""
        return max(self._last, now + self._delay)


@dataclass
class Ear:
    """What is heard of one reply: its pieces, from when to when."""

    pieces: list[tuple[float, float]] = field(default_factory=list)

    def heard(self, now: float) -> float:
        """Seconds of the reply."""
        return sum(max(0.0, min(now, end) - start) for start, end in self.pieces)

    def cut(self, now: float) -> None:
        self.pieces = [(start, min(end, now)) for start, end in self.pieces if start < now]


class Line(Protocol):
    ear: Ear

    @property
    def playout(self) -> Playout: ...

    def send(self, now: float) -> None:
        """What is due goes to the far end."""
        ...

    def returns(self, now: float) -> Iterator[float]:
        """The times, up to now, at which something came back from the far end."""
        ...

    def reach(self, now: float) -> float:
        """How much of the reply is heard if it is cleared now."""
        ...


class TwilioLine:
    def __init__(self, out: Network, back: Network, fates: Sequence[Fate] = ()) -> None:
        self.playout = TwilioPlayout("MZ0")
        self.ear = Ear()
        self._out = out
        self._back = back
        self._fates = itertools.cycle(fates or [Fate()])
        self._end = 0.0
        self._marks: list[tuple[float, str]] = []
        """When Twilio reaches each."""
        self._returning: list[tuple[float, str]] = []

    def send(self, now: float) -> None:
        for text in self.playout.due(now):
            there = self._out.arrival(now)
            message = json.loads(text)
            match message["event"]:
                case "media":
                    length = len(base64.b64decode(message["media"]["payload"])) / RATE
                    start = max(self._end, there)
                    self._end = start + length
                    self.ear.pieces.append((start, self._end))
                case "mark":
                    self._marks.append((max(self._end, there), message["mark"]["name"]))
                case "clear":
                    self._end = min(self._end, there)
                    self.ear.cut(there)
                    self._marks = [(min(at, there), name) for at, name in self._marks]

    def returns(self, now: float) -> Iterator[float]:
        while self._marks and self._marks[0][0] <= now:
            reached, name = self._marks.pop(0)
            fate = next(self._fates)
            for _ in range(fate.times):
                heapq.heappush(self._returning, (self._back.arrival(reached) + fate.late, name))
        while self._returning and self._returning[0][0] <= now:
            at, name = heapq.heappop(self._returning)
            self.playout.mark(name, at)
            yield at

    def reach(self, now: float) -> float:
        return self.ear.heard(self._out.soonest(now))


class AudioSocketLine:
    """Asterisk and a telephone that plays without a gap: so much later each frame is heard."""

    def __init__(self, way: float) -> None:
        self.playout = AudioSocketPlayout(0.0)
        self.ear = Ear()
        self._end = way
        self.send(0.0)

    def send(self, now: float) -> None:
        for message in self.playout.due(now):
            start, self._end = self._end, self._end + FRAME_SECONDS
            if message[-FRAME_BYTES:] != SILENCE:
                self.ear.pieces.append((start, self._end))

    def returns(self, now: float) -> Iterator[float]:
        return iter(())

    def reach(self, now: float) -> float:
        return self.ear.heard(math.inf)


@dataclass
class Caller:
    """Goes through scenes, and keeps how far a line's word was from the truth, in seconds."""

    line: Line
    now: float = 0.0
    ahead: list[float] = field(default_factory=list)
    """Of each position that was told: how far beyond what had been heard."""
    early: list[float] = field(default_factory=list)
    """Of each end that was told: how much had not been heard yet."""
    off: list[float] = field(default_factory=list)
    """At each beat of a reply: how far the ledger was beyond what a clear would have left of it."""

    def go_through(self, scenes: list[Scene]) -> None:
        for turn, scene in enumerate(scenes, 1):
            self.line.ear = Ear()
            self._play(turn, scene)
            self._beat()

    def _play(self, turn: int, scene: Scene) -> None:
        ledger, told = Reply(turn), False
        for beat in range(MOST_BEATS):
            if beat == scene.cleared:
                break
            for pcm in _due(scene, beat):
                ledger.add(pcm, (), "")
                self.line.playout.play(turn, pcm, self.now)
            if scene.ends and beat == scene.pieces[-1][0]:
                self.line.playout.end_reply(turn, self.now)
            self.line.send(self.now)
            for at, news in self._beat():
                told = True
                ledger.played(news.seconds, at, news.on_the_way)
                self.ahead.append(news.seconds - self.line.ear.heard(at))
                if news.done:
                    self.early.append(ledger.length - self.line.ear.heard(at))
                    return
            if told:
                self.off.append(ledger.reach(self.now) - self.line.reach(self.now))
        self.line.playout.clear(self.now)
        self.line.send(self.now)

    def _beat(self) -> list[tuple[float, Played]]:
        """20 ms pass, as in the lines' servers: what the line tells, and when."""
        self.now = round(self.now + BEAT, 6)
        told = [(at, self.line.playout.news(at)) for at in self.line.returns(self.now)]
        self.line.send(self.now)
        told.append((self.now, self.line.playout.news(self.now)))
        return [(at, news) for at, news in told if news is not None]


def _due(scene: Scene, beat: int) -> list[bytes]:
    return [VOICE * samples for at, samples in scene.pieces if at == beat]


SCENE = st.builds(
    lambda pieces, ends, cleared: Scene(sorted(pieces), ends, cleared),
    pieces=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 12_000)), min_size=1, max_size=4),
    ends=st.booleans(),
    cleared=st.integers(0, 200) | st.none(),
)
SCENES = st.lists(SCENE, min_size=1, max_size=3)
DELAY = st.floats(0.0, 0.15)
UNEVENNESS = st.lists(st.floats(0.0, UNEVEN), max_size=7)
FATE = st.sampled_from([Fate(), Fate(0), Fate(2)])
LATE_FATE = st.builds(Fate, st.integers(0, 2), st.floats(0.0, LATE))


@settings(deadline=None)
@given(DELAY, DELAY, SCENES)
def test_on_an_even_network_twilio_is_known_to_the_beat(
    out: float, back: float, scenes: list[Scene]
) -> None:
    caller = Caller(TwilioLine(Network(out), Network(back)))
    caller.go_through(scenes)
    assert max([*caller.ahead, *caller.early], default=0.0) <= SAMPLE
    assert all(abs(off) <= SLACK for off in caller.off)


@settings(deadline=None)
@given(DELAY, DELAY, UNEVENNESS, UNEVENNESS, st.lists(FATE, max_size=5), SCENES)
def test_on_an_uneven_network_it_is_known_to_a_syllable_though_marks_are_lost_or_doubled(
    out: float,
    back: float,
    uneven_out: list[float],
    uneven_back: list[float],
    fates: list[Fate],
    scenes: list[Scene],
) -> None:
    line = TwilioLine(Network(out, uneven_out), Network(back, uneven_back), fates)
    caller = Caller(line)
    caller.go_through(scenes)
    assert max(caller.early, default=0.0) <= SAMPLE
    assert max(caller.ahead, default=0.0) <= UNEVEN + SAMPLE
    # The sound, the mark and the clear are each early or late for themselves.
    assert max(caller.off, default=0.0) <= 2 * UNEVEN + SLACK
    assert min(caller.off, default=0.0) >= -3 * UNEVEN - SLACK


@settings(deadline=None)
@given(DELAY, DELAY, st.lists(LATE_FATE, max_size=5), SCENES)
def test_a_late_mark_never_makes_the_caller_have_heard_more(
    out: float, back: float, fates: list[Fate], scenes: list[Scene]
) -> None:
    caller = Caller(TwilioLine(Network(out), Network(back), fates))
    caller.go_through(scenes)
    assert max([*caller.ahead, *caller.early], default=0.0) <= SAMPLE
    assert all(-LATE - SLACK <= off <= SLACK for off in caller.off)


@settings(deadline=None)
@given(st.floats(0.0, 0.2), SCENES)
def test_behind_asterisk_a_reply_is_known_to_the_beat_however_long_the_way(
    way: float, scenes: list[Scene]
) -> None:
    caller = Caller(AudioSocketLine(way))
    caller.go_through(scenes)
    # Nobody has measured the way: what it is longer than is assumed, the line is ahead.
    assert max([*caller.ahead, *caller.early], default=0.0) <= max(0.0, way - WAY) + SAMPLE
    assert all(abs(off) <= WAY + SLACK for off in caller.off)
