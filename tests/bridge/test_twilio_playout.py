import json
from base64 import b64decode
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.twilio_media.playout import TwilioPlayout
from engine.core.audio import RATE, mulaw_to_pcm, pcm_to_mulaw
from engine.core.events import Played

TICK = 0.02
TONE = bytes(range(64)) * 5  # 20 ms


def speech(seconds: float) -> bytes:
    return (TONE * (round(seconds / 0.02) + 1))[: 2 * round(seconds * RATE)]


@dataclass
class Twilio:
    """The far end: plays what comes in order at 8 kHz, and returns marks."""

    rtt: float = 0.1
    buffer_end: float = 0.0
    played: bytearray = field(default_factory=bytearray)
    marks: list[tuple[float, str]] = field(default_factory=list)
    """When each mark's echo reaches us."""
    sent: dict[str, bytearray] = field(default_factory=dict)
    ahead: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    _pending: list[tuple[float, str]] = field(default_factory=list)

    def receive(self, messages: list[str], now: float) -> None:
        there = now + self.rtt / 2
        for text in messages:
            message = json.loads(text)
            match message["event"]:
                case "media":
                    sound = b64decode(message["media"]["payload"])
                    assert sound
                    self.buffer_end = max(self.buffer_end, there) + len(sound) / RATE
                    self.played += sound
                    self.ahead.append(self.buffer_end - there)
                case "mark":
                    name = message["mark"]["name"]
                    self.names.append(name)
                    self._pending.append((max(self.buffer_end, there), name))
                case "clear":
                    self.buffer_end = there
                    self._pending = [(min(at, there), name) for at, name in self._pending]
        self.marks += [(at + self.rtt / 2, name) for at, name in self._pending if at <= there]
        self._pending = [it for it in self._pending if it[0] > there]

    def echoes(self, now: float) -> list[str]:
        """The marks that come back by now."""
        self.marks += [(at + self.rtt / 2, name) for at, name in self._pending]
        self._pending = []
        back = sorted(it for it in self.marks if it[0] <= now)
        self.marks = [it for it in self.marks if it[0] > now]
        return [name for _, name in back]


def run(
    playout: TwilioPlayout, twilio: Twilio, seconds: float, start: float = 0.0
) -> list[tuple[float, Played]]:
    """A line that ticks; what it reported, and when."""
    reports = []
    for tick in range(round(seconds / TICK)):
        now = start + tick * TICK
        for name in twilio.echoes(now):
            playout.mark(name, now)
        twilio.receive(playout.due(now), now)
        if (news := playout.news(now)) is not None:
            reports.append((now, news))
    return reports


def test_a_reply_goes_out_whole_and_once() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio()
    playout.play(3, speech(0.7), 0.0)
    playout.play(3, speech(0.33), 0.0)
    playout.end_reply(3, 0.0)
    run(playout, twilio, 2.0)
    assert mulaw_to_pcm(bytes(twilio.played)) == mulaw_to_pcm(
        pcm_to_mulaw(speech(0.7) + speech(0.33))
    )


def test_marks_are_at_the_start_every_200_ms_and_at_the_end() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio()
    playout.play(3, speech(0.5), 0.0)
    playout.end_reply(3, 0.0)
    run(playout, twilio, 1.0)
    assert twilio.names == ["3:0", "3:1600", "3:3200", "3:end"]


def test_twilio_is_kept_150_to_250_ms_ahead() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.0)
    playout.play(1, speech(3.0), 0.0)
    least = []
    for tick in range(120):
        now = tick * TICK
        if tick:
            least.append(twilio.buffer_end - now)
        twilio.receive(playout.due(now), now)
    assert min(least) >= 0.15 - 1e-9
    assert max(twilio.ahead) <= 0.25 + 1e-9


def test_crumbs_wait_for_more() -> None:
    playout = TwilioPlayout("MZ1")
    playout.play(1, speech(0.019), 0.0)
    assert playout.due(0.0) == []
    playout.play(1, speech(0.001), 0.02)
    assert len(playout.due(0.02)) == 2


def test_the_first_report_is_when_twilio_began_to_play() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(1.0), 0.0)
    first = run(playout, twilio, 0.5)[0]
    assert first == (0.1, Played(3, 0.0, on_the_way=0.1))


def test_reports_come_every_100_ms_and_end_with_done_once() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(2.0), 0.0)
    playout.end_reply(3, 0.0)
    reports = run(playout, twilio, 4.0)
    times = [at for at, _ in reports]
    assert all(later - earlier <= 0.1 + 1e-9 for earlier, later in pairwise(times))
    assert [news.done for _, news in reports] == [False] * (len(reports) - 1) + [True]
    assert reports[-1][1] == Played(3, 2.0, done=True)
    assert reports[-1][0] == pytest.approx(2.1, abs=0.021)


def test_a_pause_in_the_voice_is_not_counted_as_heard() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(0.3), 0.0)
    run(playout, twilio, 1.0)
    playout.play(3, speech(1.0), 1.0)
    reports = run(playout, twilio, 0.2, start=1.0)
    assert reports[0] == (1.0, Played(3, 0.3))
    assert all(news.seconds <= 0.3 + max(0.0, now - 1.1) + 0.001 for now, news in reports)


def test_marks_of_a_clear_prove_nothing() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(0.4), 0.0)
    playout.end_reply(3, 0.0)
    run(playout, twilio, 0.3)
    playout.clear(0.3)
    assert run(playout, twilio, 2.0, start=0.3) == []
    assert twilio.names[-1] == "c-1"
    assert playout.idle


def test_every_clear_is_sent_even_when_nothing_plays() -> None:
    playout = TwilioPlayout("MZ1")
    for number in (1, 2):
        playout.clear(0.0)
        assert [json.loads(text)["event"] for text in playout.due(0.0)] == ["clear", "mark"]
        assert not playout.idle
        playout.mark(f"c-{number}", 0.1)
        assert playout.idle


def test_sound_of_the_same_turn_after_a_clear_is_a_new_reply() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(1.0), 0.0)
    run(playout, twilio, 0.5)
    playout.clear(0.5)
    playout.play(3, speech(0.2), 0.5)
    playout.end_reply(3, 0.5)
    playout.mark("3:1600", 0.5)  # of the first take, late
    reports = [news for _, news in run(playout, twilio, 1.0, start=0.5)]
    assert reports[0] == Played(3, 0.0, on_the_way=0.1)
    assert reports[-1] == Played(3, 0.2, done=True)
    assert len(set(twilio.names)) == len(twilio.names)


def test_a_reply_without_sound_ends_when_its_mark_comes_back() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.end_reply(3, 0.0)
    assert run(playout, twilio, 0.5) == [(0.1, Played(3, 0.0, done=True))]


def test_an_end_that_is_said_twice_is_one_end() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(0.1), 0.0)
    playout.end_reply(3, 0.0)
    playout.end_reply(3, 0.0)
    reports = run(playout, twilio, 0.5)
    playout.end_reply(3, 0.5)
    reports += run(playout, twilio, 0.5, start=0.5)
    assert [news.done for _, news in reports].count(True) == 1


def test_an_end_after_a_clear_proves_nothing() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(0.5), 0.0)
    run(playout, twilio, 0.3)
    playout.clear(0.3)
    playout.end_reply(3, 0.3)
    assert run(playout, twilio, 1.0, start=0.3) == []


def test_an_end_that_comes_back_too_early_waits_for_the_clock() -> None:
    playout = TwilioPlayout("MZ1")
    playout.play(3, speech(0.1), 0.0)
    playout.end_reply(3, 0.0)
    playout.due(0.0)
    playout.mark("3:0", 0.01)
    playout.mark("3:end", 0.01)
    news = playout.news(0.05)
    assert news is not None
    assert not news.done
    assert playout.news(0.11) == Played(3, 0.1, done=True)
    assert playout.news(0.2) is None


def test_a_reply_whose_end_never_came_back_gives_way_to_the_next() -> None:
    playout, twilio = TwilioPlayout("MZ1"), Twilio(rtt=0.1)
    playout.play(3, speech(0.2), 0.0)
    playout.end_reply(3, 0.0)
    twilio.receive(playout.due(0.0), 0.0)
    twilio.marks = [it for it in twilio.marks if it[1] != "3:end"]
    twilio._pending = [it for it in twilio._pending if it[1] != "3:end"]
    run(playout, twilio, 1.0)
    playout.play(4, speech(0.2), 1.0)
    playout.end_reply(4, 1.0)
    reports = [news for _, news in run(playout, twilio, 1.0, start=1.0)]
    assert {news.turn for news in reports} == {4}
    assert reports[-1].done


@dataclass(frozen=True)
class Mark:
    """What becomes of one mark: None, it is lost; else it is late by so much, so many times."""

    late: float | None
    times: int


STEP = st.one_of(
    st.tuples(st.just("play"), st.integers(1, 6000)),
    st.tuples(st.just("end"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("next"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("stranger"), st.integers(0, 3)),
)
FATE = st.builds(
    Mark,
    late=st.none() | st.just(0.0) | st.floats(0.0, 0.5),
    times=st.sampled_from([1, 1, 1, 2]),
)


@dataclass
class World:
    """A line with a bad memory for marks, and what is true about it."""

    rtt: float
    fates: list[Mark]
    playout: TwilioPlayout = field(default_factory=lambda: TwilioPlayout("MZ1"))
    now: float = 0.0
    turn: int = 1
    take: int = 0
    """Replies, told apart where turns are not."""
    there_end: float = 0.0
    echoes: list[tuple[float, str]] = field(default_factory=list)
    sent: int = 0
    given: int = 0
    ended: bool = False
    first_sent: float | None = None
    pieces: list[tuple[float, int]] = field(default_factory=list)
    """When Twilio begins to play each piece of this reply, and its length."""
    last: Played | None = None
    done: set[int] = field(default_factory=set)

    def begin(self) -> None:
        self.take += 1
        self.sent = self.given = 0
        self.ended = False
        self.first_sent = self.last = None
        self.pieces = []

    def step(self, kind: str, number: int) -> None:
        match kind:
            case "play" if not self.ended:
                self.given += number
                self.playout.play(self.turn, bytes(2 * number), self.now)
            case "end" if self.given:
                self.ended = True
                self.playout.end_reply(self.turn, self.now)
            case "clear":
                self.playout.clear(self.now)
                self.begin()
            case "next":
                # The core goes on only after a clear or after all has had its time.
                self.playout.clear(self.now)
                self.turn += 1
                self.begin()
            case "wait":
                for _ in range(number):
                    self.tick()
            case "stranger":
                names = ["c-1", f"{self.turn + 1}:end", "7:0", ""]
                self.playout.mark(names[number], self.now)
            case _:
                pass
        self.exchange()

    def tick(self) -> None:
        self.now += TICK
        self.echoes.sort()
        while self.echoes and self.echoes[0][0] <= self.now:
            self.playout.mark(self.echoes.pop(0)[1], self.now)
        self.exchange()
        if (news := self.playout.news(self.now)) is not None:
            self.check(news)

    def exchange(self) -> None:
        there = self.now + self.rtt / 2
        for text in self.playout.due(self.now):
            message = json.loads(text)
            match message["event"]:
                case "media":
                    length = len(b64decode(message["media"]["payload"]))
                    if self.first_sent is None:
                        self.first_sent = self.now
                    begins = max(self.there_end, there)
                    self.there_end = begins + length / RATE
                    self.sent += length
                    self.pieces.append((begins, length))
                case "mark":
                    self.return_mark(message["mark"]["name"], max(self.there_end, there))
                case "clear":
                    self.there_end = there
                    self.echoes = [(min(at, there + self.rtt / 2), n) for at, n in self.echoes]

    def return_mark(self, name: str, reached: float) -> None:
        fate = self.fates[len(self.echoes) % len(self.fates)] if self.fates else Mark(0.0, 1)
        if fate.late is not None:
            self.echoes += [(reached + self.rtt / 2 + fate.late, name)] * fate.times

    def truly_played(self) -> float:
        return sum(min(max(0.0, self.now - at) * RATE, n) for at, n in self.pieces)

    def check(self, news: Played) -> None:
        position = round(news.seconds * RATE)
        assert news.turn == self.turn
        assert self.first_sent is not None
        assert position <= self.sent
        assert news.seconds <= self.now - self.first_sent + 1 / RATE
        # A mark takes the way back, so nobody has heard less than what it proves.
        assert position <= self.truly_played() + 1
        if self.last is not None:
            assert not self.last.done
            assert news.seconds >= self.last.seconds
        if news.done:
            assert self.ended
            assert self.take not in self.done
            assert position == self.given == self.sent
            assert self.truly_played() >= self.given - 1
            self.done.add(self.take)
        self.last = news


@given(
    rtt=st.floats(0.0, 0.3),
    fates=st.lists(FATE, max_size=6),
    steps=st.lists(STEP, max_size=30),
)
def test_nothing_is_heard_that_was_not_played(
    rtt: float, fates: list[Mark], steps: list[tuple[str, int]]
) -> None:
    world = World(rtt, fates)
    for kind, number in steps:
        world.step(kind, number)
    for _ in range(50):
        world.tick()


@given(
    rtt=st.floats(0.0, 0.3),
    pieces=st.lists(st.integers(1, 4000), min_size=1, max_size=8),
    every=st.integers(0, 20),
)
def test_a_reply_is_done_once_when_its_marks_come_back(
    rtt: float, pieces: list[int], every: int
) -> None:
    world = World(rtt, [])
    for samples in pieces:
        world.step("play", samples)
        world.step("wait", every)
    world.step("end", 0)
    for _ in range(250):
        world.tick()
    assert world.done == {world.take}
    assert world.last == Played(1, sum(pieces) / RATE, done=True)
    assert world.playout.idle
