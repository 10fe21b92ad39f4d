"""Laws of the ledger: whatever streams a call is heard by, each word is told once, in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.audio import FRAME_SAMPLES, RATE, silence
from engine.core.events import Final, Partial
from engine.ports import HearingResult
from engine.providers.google_ledger import Ledger, Patience, Result, Span, Tape, meaning

PATIENT = Patience(final=1e9, mute=1e9, repair=1e9)
STEP = 0.1
SEGMENT_END = 0.5
LAG = 0.2


@dataclass
class Service:
    """Hears words without a fault: those that are whole in its sound, and the torn ones as torn."""

    words: Sequence[Span]
    base: float
    exact: bool
    told: int = 0
    """Words of it that are final."""

    def heard(self, position: float, *, ended: bool) -> list[Result]:
        position -= 0 if ended else LAG
        mine = [
            self._as_heard(word, position) for word in self.words if self._sounds(word, position)
        ]
        open_words = mine[self.told :]
        if not open_words:
            return []
        cut = next(
            (
                n + 1
                for n, (word, following) in enumerate(pairwise(open_words))
                if following.start - word.end >= SEGMENT_END
            ),
            len(open_words) if ended or position - open_words[-1].end >= SEGMENT_END else 0,
        )
        if not cut:
            whole = [word for word in open_words if word.end <= position]
            return [self._result(whole, final=False)] if whole else []
        self.told += cut
        return [self._result(open_words[:cut], final=True)]

    def _sounds(self, word: Span, position: float) -> bool:
        return word.end > self.base + 0.02 and word.start < position - 0.02

    def _as_heard(self, word: Span, position: float) -> Span:
        whole = word.start >= self.base and word.end <= position
        return word if whole else Span(f"torn-{word.text}", word.start, word.end)

    def _result(self, words: Sequence[Span], *, final: bool) -> Result:
        shifted = [Span(w.text, w.start - self.base, w.end - self.base) for w in words]
        return Result(
            " ".join(word.text for word in words),
            end=shifted[-1].end,
            final=final,
            stability=1.0 if final else 0.1,
            spans=tuple(shifted) if final and self.exact else (),
        )


@dataclass
class Call:
    """A caller, a tape, streams and a ledger; time passes in steps of 100 ms."""

    words: Sequence[Span]
    exact: bool
    ledger: Ledger = field(default_factory=lambda: Ledger(PATIENT))
    tape: Tape = field(default_factory=lambda: Tape(10.0))
    streams: dict[int, Service] = field(default_factory=dict)
    results: list[HearingResult] = field(default_factory=list)
    current: int = 0

    def open(self) -> tuple[int, int]:
        number = len(self.streams) + 1
        base, since = self.ledger.resume_at(self.tape)
        self.ledger.opened(number, base)
        self.streams[number] = Service(self.words, base / RATE, self.exact)
        return number, since

    def take_over(self, number: int, since: int, *, dead: bool) -> None:
        old, self.current = self.current, number
        self.ledger.believe(number, since, self.tape.position)
        if old and not dead:
            self.hear(old, ended=True)

    def hear(self, number: int, *, ended: bool = False) -> None:
        while results := self.streams[number].heard(self.tape.position / RATE, ended=ended):
            self.ledger.heard(number, results, self.tape.position, 0.0)
            self.results += [*self.ledger.partial(), *self.ledger.answers(0.0)]
            if not results[-1].final:
                break

    def heard(self) -> list[str]:
        last = {told.utterance: told for told in self.results if isinstance(told, Final)}
        return [text for number in sorted(last) for text in last[number].text.split()]


def spoken(lengths: Sequence[tuple[int, int]]) -> list[Span]:
    """Words from their lengths and the pauses before them, in hundredths of a second."""
    starts = accumulate((pause + length for pause, length in lengths), initial=0)
    return [
        Span(f"w{n}", (start + pause) / 100, (start + pause + length) / 100)
        for n, ((pause, length), start) in enumerate(zip(lengths, starts, strict=False))
    ]


PAUSES = st.sampled_from([0, 0, 0, 5, 10, 30, 60, 150])
WORDS = st.lists(st.tuples(PAUSES, st.integers(20, 45)), min_size=1, max_size=60).map(spoken)
ROTATIONS = st.lists(st.tuples(st.integers(25, 120), st.booleans()), max_size=4)


@settings(deadline=None, max_examples=100)
@given(words=WORDS, rotations=ROTATIONS, exact=st.booleans(), length=st.integers(10, 45))
def test_each_word_is_told_once_whatever_the_streams(
    words: list[Span], rotations: list[tuple[int, bool]], exact: bool, length: int
) -> None:
    """`rotations`: steps after the last one, and whether the old stream dies without a word;
    `length`: steps of an utterance, which is cut there whatever is said."""
    call = Call(words, exact)
    call.take_over(*call.open(), dead=True)
    at = dict(zip(accumulate(steps for steps, _ in rotations), rotations, strict=True))
    coming: tuple[int, int] | None = None
    utterance = 0
    for step in range(round(words[-1].end / STEP) + 30):
        if step % length == 0:
            if utterance:
                call.ledger.end(utterance, 5 * length, call.tape.position, 0.0)
            utterance += 1
            call.ledger.begin(utterance, call.tape.position)
        call.tape.append(silence(STEP))
        call.hear(call.current)
        if step in at and at[step][1]:
            call.take_over(*call.open(), dead=True)
        elif step in at:
            coming = call.open()
        elif coming and step - 10 in at:
            call.take_over(*coming, dead=False)
            coming = None
    call.ledger.end(utterance, 1, call.tape.position, 0.0)
    call.results += call.ledger.answers(2e9)
    assert call.heard() == [word.text for word in words]


@given(st.lists(st.binary(max_size=200).map(lambda raw: raw[: len(raw) // 2 * 2])))
def test_a_tape_gives_back_what_it_was_given(pieces: list[bytes]) -> None:
    tape = Tape(0.01)
    for piece in pieces:
        tape.append(piece)
    whole = b"".join(pieces)
    assert tape.position == len(whole) // 2
    for position in range(tape.start, tape.position):
        assert tape.since(position) == whole[2 * position :]


def test_punctuation_and_the_spelling_of_numbers_mean_nothing() -> None:
    assert meaning("Three rooms, in Haifa!") == meaning("3 rooms in haifa")
    assert meaning("שלושה חדרים.") == meaning("3 חדרים")
    assert meaning("3 rooms") != meaning("4 rooms")
    assert meaning("1,500,000") == meaning("1500000")


@given(cut=st.integers(25, 125), at=st.integers(0, 10), left_out=st.booleans(), exact=st.booleans())
def test_words_do_not_move_to_another_utterance_when_others_are_put_in_or_left_out(
    cut: int, at: int, left_out: bool, exact: bool
) -> None:
    """Ten words of 300 ms, cut in two after so many frames; both are answered before the service
    puts another word in, or leaves one out."""
    ledger = Ledger(Patience(repair=1e9))
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.begin(1, 0)
    words = [Span(f"w{n}", n * 0.3, n * 0.3 + 0.3) for n in range(10)]
    told: list[HearingResult] = []
    for n in range(1, 11):
        text = " ".join(word.text for word in words[:n])
        ledger.heard(1, [Result(text, n * 0.3, final=False)], 4 * RATE, n * 0.3)
        if n == 5:
            ledger.end(1, cut, cut * FRAME_SAMPLES, 1.5)
            ledger.begin(2, cut * FRAME_SAMPLES)
    ledger.end(2, 150 - cut, 4 * RATE, 3.0)
    told += ledger.answers(5.0)
    first = told[:]
    words[at : at + 1] = [] if left_out else [Span("oh", at * 0.3, at * 0.3), *words[at : at + 1]]
    text = " ".join(word.text for word in words)
    spans = tuple(words) if exact else ()
    for final in (False, True):
        result = Result(text, 3.1, final=final, spans=spans if final else ())
        ledger.heard(1, [result], 4 * RATE, 5.1)
        told += ledger.answers(5.2)
    assert [one.utterance for one in first] == [1, 2]
    last = {one.utterance: one.text for one in told if isinstance(one, Final)}
    assert f"{last[1]} {last[2]}".split() == text.split()
    for one in first:
        assert isinstance(one, Final)
        assert set(last[one.utterance].split()) - {"oh"} == set(one.text.split()) & set(
            text.split()
        )


def test_results_of_an_unknown_stream_are_dropped() -> None:
    ledger = Ledger(PATIENT)
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.begin(1, 0)
    ledger.heard(9, [Result("ghost", 0.5, final=True)], RATE, 0.0)
    assert ledger.partial() == []
    ledger.heard(1, [Result("word", 0.5, final=False)], RATE, 0.0)
    assert ledger.partial() == [Partial(1, "word")]


@pytest.mark.parametrize(
    ("told_to", "too_early", "believed"),
    [
        (0.9, 1.2, 1.3),  # some of the silence was heard: no word will follow
        (0.7, 1.5, 1.55),  # none of it: the last word may be on its way for 0.65 s
        (0.6, 99.0, None),
    ],
)
def test_an_interim_that_stays_the_same_is_believed(
    told_to: float, too_early: float, believed: float | None
) -> None:
    ledger = Ledger(Patience(final=1e9, steady=0.3))
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.begin(1, 0)
    ledger.heard(1, [Result("word", told_to, final=False)], RATE, 1.0)
    ledger.end(1, RATE // FRAME_SAMPLES - 1, RATE, 1.1)
    assert ledger.answers(too_early) == []
    if believed:
        assert ledger.answers(believed) == [Final(1, "word", 0.0)]


def patient_for(frames: int, results: Sequence[Result], preroll: int = 0) -> Iterator[bool]:
    """Whether an utterance is left without an answer: after 1.3 s, and after 4.1 s."""
    ledger = Ledger(Patience())
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.heard(1, [Result("before", 0.9, final=True)], RATE, 0.0)
    ledger.begin(1, RATE, preroll * FRAME_SAMPLES)
    ledger.heard(1, results, 2 * RATE, 1.0)
    ledger.end(1, frames, 3 * RATE, 2.0)
    for now in (3.3, 6.1):
        answers = ledger.answers(now)
        assert answers in ([], [Final(1, "", 0.0)])
        yield not answers


def test_of_a_mute_service_nothing_is_taken_for_an_answer_until_others_were_asked() -> None:
    assert list(patient_for(40, [])) == [True, False]
    assert list(patient_for(40, [Result("again", 0.9, final=False)])) == [True, False]


def test_a_service_that_hears_no_words_has_answered() -> None:
    assert next(patient_for(40, [Result("", 1.8, final=True)])) is False
    assert next(patient_for(40, [Result("", 0.0, final=False)])) is False


def test_a_cough_needs_no_answer_of_the_service() -> None:
    assert next(patient_for(34, [])) is False
    assert next(patient_for(60, [], preroll=26)) is False


def test_a_final_that_comes_twice_or_late_is_told_once() -> None:
    ledger = Ledger(PATIENT)
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.begin(1, 0)
    yes = Result("yes", 0.4, final=True)
    for result in (yes, yes, Result("please", 0.9, final=True), yes):
        ledger.heard(1, [result], RATE, 0.0)
    ledger.end(1, 40, RATE, 0.0)
    assert ledger.answers(0.0) == [Final(1, "yes please", 0.0)]


def test_a_new_stream_that_lags_takes_back_nothing_that_the_one_before_it_has_settled() -> None:
    end = round(2.2 * RATE)
    ledger = Ledger(PATIENT)
    ledger.opened(1, 0)
    ledger.believe(1, 0, 0)
    ledger.begin(1, 0)
    ledger.end(1, 60, 60 * FRAME_SAMPLES, 0.0)
    ledger.begin(2, 60 * FRAME_SAMPLES)
    ledger.end(2, 30, end, 0.0)
    ledger.heard(1, [Result("a b c", 1.2, final=False)], end, 0.0)
    ledger.heard(1, [Result("a b c d", 1.65, final=False)], end, 0.0)
    ledger.opened(2, 0)
    ledger.believe(2, 0, end)
    ledger.heard(1, [Result("a b c d", 2.2, final=True)], end, 0.0)
    answers = ledger.answers(0.0)
    # In the middle of the last word, as the older stream has placed it.
    ledger.heard(2, [Result("a b c", 1.45, final=False)], end, 0.0)
    answers += ledger.answers(0.0)
    ledger.heard(2, [Result("a b c d", 2.2, final=True)], end, 0.0)
    answers += ledger.answers(0.0)
    assert [(told.utterance, told.text) for told in answers if isinstance(told, Final)] == [
        (1, "a b c"),
        (2, "d"),
    ]
