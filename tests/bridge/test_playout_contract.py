"""One contract for both lines: what a line sends and what it says was heard (engine.ports.Playout).

The same scripts run against the AudioSocket metronome and against Twilio's marks. At the far end
of each is what wire facts say of it: Asterisk plays a frame when it comes, Twilio buffers, plays
in real time and returns the marks.
"""

import base64
import json
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import pytest

from bridge.audiosocket import playout as audiosocket
from bridge.audiosocket.codec import audio_header
from bridge.twilio_media.playout import TwilioPlayout
from engine.core.audio import (
    FRAME_BYTES,
    FRAME_SECONDS,
    SILENCE,
    mulaw_to_pcm,
    pcm_to_mulaw,
    seconds,
)
from engine.core.events import Played
from engine.ports import Playout

VOICE = mulaw_to_pcm(pcm_to_mulaw(b"\x10\x27" * 160))


class Line(Protocol):
    ear: bytearray
    """What the caller has heard of us, silence left out."""

    @property
    def playout(self) -> Playout: ...

    def beat(self, now: float) -> None:
        """20 ms have passed: send what is due, and let the far end play."""
        ...


class AudioSocketLine:
    def __init__(self) -> None:
        self.playout = audiosocket.Playout(0.0)
        self.ear = bytearray()

    def beat(self, now: float) -> None:
        for message in self.playout.due(now):
            assert message[:3] == audio_header(FRAME_BYTES)
            assert len(message) == 3 + FRAME_BYTES, "one message is one frame of 20 ms"
            if message[3:] != SILENCE:
                self.ear += message[3:]


class TwilioLine:
    """Twilio's side of the stream, on the beat's own clock."""

    def __init__(self) -> None:
        self.playout = TwilioPlayout("MZ0")
        self.ear = bytearray()
        self._buffer: deque[bytes | str] = deque()

    def beat(self, now: float) -> None:
        for text in self.playout.due(now):
            message = json.loads(text)
            if message["event"] == "media":
                mulaw = base64.b64decode(message["media"]["payload"])
                self._buffer.extend(mulaw[at : at + 160] for at in range(0, len(mulaw), 160))
            elif message["event"] == "mark":
                self._buffer.append(message["mark"]["name"])
            else:
                marks = [one for one in self._buffer if isinstance(one, str)]
                self._buffer.clear()
                self._return(marks, now)
        self._play(now)

    def _play(self, now: float) -> None:
        self._return_leading_marks(now)
        if self._buffer:
            frame = self._buffer.popleft()
            assert isinstance(frame, bytes)
            self.ear += mulaw_to_pcm(frame)

    def _return_leading_marks(self, now: float) -> None:
        while self._buffer and isinstance(self._buffer[0], str):
            self._return([str(self._buffer.popleft())], now)

    def _return(self, marks: list[str], now: float) -> None:
        for name in marks:
            self.playout.mark(name, now)


class Caller:
    """Runs a line and remembers what was reported, and when."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.now = 0.0
        self.news: list[tuple[float, Played]] = []

    def run(self, length: float) -> None:
        for _ in range(round(length / FRAME_SECONDS)):
            self.now = round(self.now + FRAME_SECONDS, 3)
            self.line.beat(self.now)
            while (news := self.line.playout.news(self.now)) is not None:
                self.news.append((self.now, news))

    def play(self, turn: int, length: float) -> None:
        frames = round(length / FRAME_SECONDS)
        self.line.playout.play(turn, VOICE * frames, self.now)

    def of(self, turn: int) -> list[Played]:
        return [news for _, news in self.news if news.turn == turn]

    def done(self, turn: int) -> list[float]:
        return [at for at, news in self.news if news.turn == turn and news.done]


LINES: list[Callable[[], Line]] = [AudioSocketLine, TwilioLine]


@pytest.fixture(params=LINES, ids=["audiosocket", "twilio"])
def caller(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param())


def test_all_of_a_reply_is_heard_and_its_end_reported_once(caller: Caller) -> None:
    caller.play(1, 1.0)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(3.0)
    assert caller.line.ear == VOICE * 50
    assert len(caller.done(1)) == 1
    assert caller.of(1)[-1] == Played(1, 1.0, done=True)


def test_the_end_is_not_reported_before_it_can_have_been_heard(caller: Caller) -> None:
    began = caller.now
    caller.play(1, 2.0)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(4.0)
    assert began + 2.0 <= caller.done(1)[0] <= began + 2.0 + 0.3


def test_the_position_moves_with_the_clock_and_never_ahead_of_what_was_sent(
    caller: Caller,
) -> None:
    caller.play(1, 3.0)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(4.0)
    positions = [(at, news.seconds) for at, news in caller.news]
    assert positions == sorted(positions)
    assert all(position <= at for at, position in positions)
    assert all(at - position <= 0.3 for at, position in positions)


def test_news_comes_early_and_often(caller: Caller) -> None:
    caller.play(1, 2.0)
    caller.run(2.0)
    times = [at for at, _ in caller.news]
    assert times[0] <= 0.2
    assert max(later - one for one, later in pairwise(times)) <= 0.121


def test_sound_that_comes_in_pieces_is_one_reply(caller: Caller) -> None:
    for _ in range(10):
        caller.play(1, 0.1)
        caller.run(0.1)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(1.0)
    assert caller.line.ear == VOICE * 50
    assert caller.of(1)[-1] == Played(1, 1.0, done=True)


def test_a_cleared_reply_falls_silent_and_is_never_done(caller: Caller) -> None:
    caller.play(1, 3.0)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(1.0)
    caller.line.playout.clear(caller.now)
    heard = seconds(bytes(caller.line.ear))
    caller.run(3.0)
    assert seconds(bytes(caller.line.ear)) == heard <= 1.1
    assert caller.done(1) == []


def test_the_reply_after_a_clear_is_heard_whole(caller: Caller) -> None:
    caller.play(1, 3.0)
    caller.run(1.0)
    caller.line.playout.clear(caller.now)
    caller.run(0.2)
    caller.line.ear.clear()
    caller.play(2, 0.5)
    caller.line.playout.end_reply(2, caller.now)
    caller.run(2.0)
    assert caller.line.ear == VOICE * 25
    assert len(caller.done(2)) == 1
    assert caller.of(2)[-1].seconds == 0.5


def test_a_reply_that_waits_for_its_maker_is_reported_when_its_end_was_heard(
    caller: Caller,
) -> None:
    caller.play(1, 0.5)
    caller.run(2.0)
    assert caller.done(1) == []
    caller.play(1, 0.5)
    caller.line.playout.end_reply(1, caller.now)
    caller.run(2.0)
    assert caller.line.ear == VOICE * 50
    assert len(caller.done(1)) == 1


def test_a_clear_with_nothing_playing_changes_nothing(caller: Caller) -> None:
    caller.run(0.5)
    caller.line.playout.clear(caller.now)
    caller.run(0.5)
    assert caller.news == []


# What only the metronome has.


def test_after_a_stall_the_line_goes_on_from_now_and_sends_no_burst() -> None:
    playout = audiosocket.Playout(0.0)
    assert len(playout.due(0.0)) == 1 + audiosocket.LEAD
    assert len(playout.due(0.06)) == 3  # so late is not heard
    assert len(playout.due(5.0)) == 1 + audiosocket.LEAD
    assert playout.skipped == 245
    assert [len(playout.due(5.0 + beat * FRAME_SECONDS)) for beat in range(1, 50)] == [1] * 49


def test_the_position_is_known_within_a_frame_too_as_the_way_is_no_number_of_beats() -> None:
    playout = audiosocket.Playout(0.0, lead=0, way=0.05)
    playout.play(1, bytes(10 * FRAME_BYTES), 0.0)
    for beat in range(10):
        playout.due(beat * FRAME_SECONDS)
    assert playout.news(0.045) is None
    assert playout.news(0.06) == Played(1, 0.01, on_the_way=0.19)
    assert playout.news(0.165) == Played(1, 0.115, on_the_way=0.085)


@pytest.mark.parametrize(("measured", "taken"), [(0.2, 0.2), (0.0, 0.02), (7.0, 1.0)])
def test_the_way_that_was_measured_counts_for_what_is_sent_from_then_on(
    measured: float, taken: float
) -> None:
    playout = audiosocket.Playout(0.0, lead=0)
    playout.due(0.0)
    playout.way = measured
    playout.play(1, VOICE, 0.0)
    playout.end_reply(1, 0.0)
    playout.due(0.02)
    done = Played(1, 0.02, done=True)
    told = next(ms for ms in range(2000) if playout.news(ms / 1000) == done)
    assert told == round(1000 * (0.02 + FRAME_SECONDS + taken))
