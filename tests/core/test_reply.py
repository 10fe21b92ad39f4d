"""What the ledger of a reply promises, however the line reports and however often it is held."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.audio import RATE, level_of, seconds
from engine.core.cues import Awaits
from engine.core.events import Word
from engine.core.reply import Reply

TAIL = 0.2


@dataclass(frozen=True)
class Told:
    """A reply's words, each as long as it says, in pieces of so many words; first a silence."""

    silence: float
    words: tuple[float, ...]
    piece: int

    @property
    def starts(self) -> list[float]:
        return [round(at, 3) for at in accumulate(self.words, initial=self.silence)]


LENGTHS = st.sampled_from([0.02, 0.1, 0.205, 0.5])
TOLD = st.builds(
    Told,
    st.sampled_from([0.0, 0.1]),
    st.lists(LENGTHS, min_size=1, max_size=8).map(tuple),
    st.integers(1, 8),
)
PLACES = st.floats(0, 1).map(lambda part: round(part, 2))
WAYS = st.sampled_from([0.0, 0.1])
UNTIMED = settings(deadline=None)


def reply_of(told: Told) -> Reply:
    """Each sample is its own number, so that sound can be found again."""
    reply, starts = Reply(1), told.starts
    for first in range(0, len(told.words), told.piece):
        last = min(first + told.piece, len(told.words))
        begin = starts[first] if first else 0.0
        words = tuple(Word(f"w{n}", starts[n] - begin) for n in range(first, last))
        reply.add(samples(begin, starts[last]), words, "")
    reply.finish(TAIL, None, Awaits.ANYTHING)
    return reply


def samples(begin: float, end: float) -> bytes:
    return np.arange(round(begin * RATE), round(end * RATE), dtype="<i2").tobytes()


def spoken(reply: Reply, position: float) -> list[str]:
    return reply.words_heard(position).split()


@given(TOLD, st.lists(st.tuples(PLACES, st.sampled_from([0.0, 0.02, 0.3]), WAYS)))
@UNTIMED
def test_what_was_heard_is_between_the_best_report_and_the_length(
    told: Told, reports: list[tuple[float, float, float]]
) -> None:
    """Lost, late, doubled and reordered as they may be; only a newer report takes back what the
    clock presumed."""
    reply, now, best = reply_of(told), 5.0, 0.0
    for part, later, way in reports:
        before = reply.heard(now)
        now += later
        assert before <= reply.heard(now) <= reply.length
        position = part * reply.length
        presumed = reply.heard(now)
        reply.played(position, now, way)
        assert reply.heard(now) == (position if position >= best else presumed)
        best = max(best, position)
        assert best <= reply.heard(now) <= reply.reach(now) <= reply.length


@given(TOLD, PLACES, PLACES, st.sampled_from([0.0, 0.3]))
@UNTIMED
def test_a_report_that_comes_again_or_too_late_changes_nothing(
    told: Told, part: float, older: float, later: float
) -> None:
    once, again = reply_of(told), reply_of(told)
    for reply in (once, again):
        reply.played(part * reply.length, 5.0, 0.1)
    again.played(min(part, older) * again.length - 1e-6, 5.0 + later, 0.0)
    assert again.heard(5.5) == once.heard(5.5)
    assert again.reach(5.5) == once.reach(5.5)


@given(TOLD, PLACES, PLACES)
@UNTIMED
def test_the_words_heard_are_the_first_ones_and_become_more(
    told: Told, one: float, other: float
) -> None:
    reply = reply_of(told)
    words = [f"w{n}" for n in range(len(told.words))]
    earlier = spoken(reply, min(one, other) * reply.length)
    later = spoken(reply, max(one, other) * reply.length)
    assert earlier == later[: len(earlier)]
    assert later == words[: len(later)]
    assert spoken(reply, reply.length - TAIL + 1e-6) == words


@given(TOLD, st.lists(st.tuples(PLACES, WAYS), min_size=1, max_size=5))
@UNTIMED
def test_held_as_often_as_you_like_it_goes_on_with_a_word_and_skips_none(
    told: Told, holds: list[tuple[float, float]]
) -> None:
    reply, begin, now = reply_of(told), 0.0, 5.0
    for turn, (part, way) in enumerate(holds, 2):
        now += 10
        position = part * (reply.length - begin)
        reply.played(position, now, way)
        assert near(reply.heard(now), [begin + position]), "the line counts from zero again"
        place = reply.reach(now)
        reply.hold(now)
        assert place == reply.heard(now) == reply.heard(now + 9), "it is kept"
        heard = len(spoken(reply, place))
        rest = reply.go_on(turn)
        begin = reply.length - seconds(rest)
        first = sum(start < begin - 1e-3 for start in told.starts[:-1])
        assert first == heard, "what was not heard to its end is said again, and nothing before"
        assert begin <= place + 1e-3
        assert place >= told.starts[-1] or place < told.silence or near(begin, told.starts)
        assert rest == (samples(begin, told.starts[-1]) + bytes(2 * RATE))[: len(rest)]
        assert reply.turn == turn
        assert near(reply.reach(now + 1), [begin]), "the clock waits for the line"


@given(TOLD, PLACES)
@UNTIMED
def test_a_report_that_comes_while_it_is_held_does_not_move_the_place(
    told: Told, part: float
) -> None:
    reply = reply_of(told)
    reply.played(0.02, 5.0, 0.0)
    reply.hold(5.1)
    place = reply.heard(5.1)
    reply.played(part * reply.length, 5.2, 0.0)
    assert reply.heard(5.3) == place


def near(place: float, starts: list[float]) -> bool:
    return min(abs(place - start) for start in starts) < 1e-3


def test_without_the_times_of_words_it_goes_on_where_it_was_held() -> None:
    reply = Reply(1)
    reply.add(samples(0, 2), (), "")
    reply.played(0.5, 5.0, 0.0)
    reply.hold(5.25)
    assert reply.go_on(1) == samples(0.75, 2)


def test_sound_that_came_while_it_was_held_follows() -> None:
    reply = Reply(1)
    reply.add(samples(0, 1), (Word("one", 0.0), Word("two", 0.6)), "")
    reply.played(0.5, 5.0, 0.0)
    reply.hold(5.2)
    reply.add(samples(1, 2), (Word("three", 0.0),), "")
    assert reply.go_on(1) == samples(0.6, 2)
    assert spoken(reply, 2.0) == ["one", "two", "three"]


def test_a_line_that_begins_late_is_heard_from_when_it_begins() -> None:
    reply = reply_of(Told(0.0, (0.5, 0.5), 1))
    assert reply.began_at is None
    assert reply.heard(9.0) == 0.0
    reply.played(0.02, 9.0, 0.0)
    assert reply.began_at == 9.0 - 0.02


def test_the_level_is_that_of_the_frame_which_is_heard_and_none_in_silence() -> None:
    reply = Reply(1)
    reply.add(samples(0, 0.04), (), "AZ")
    assert reply.level(5.0) == 0, "nobody hears it yet"
    reply.played(0.0, 5.0, 0.0)
    assert [reply.level(at) for at in (5.01, 5.03, 5.05)] == [level_of("A"), level_of("Z"), 0]
    reply.hold(5.01)
    assert reply.level(5.01) == 0


def test_what_is_left_are_the_seconds_of_speech_without_the_tail() -> None:
    reply = reply_of(Told(0.0, (0.5, 0.5), 1))
    reply.played(0.4, 5.0, 0.1)
    assert abs(reply.left(5.0) - 0.5) < 1e-9
    assert reply.left(9.0) == 0.0
