"""Voice or silence by the levels of frames; `tests/vad` judges it on sound."""

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import UNKNOWN
from engine.core.vad import Vad

BASE, CALIBRATION = 45, 30
INTERRUPTION = 10
SYLLABLE = (0.5, 0.8, 1.0, 0.9, 1.1, 0.7, 0.4, 0.1)
WEAK = 330
"""-40 dBFS."""
SECOND = 50


def new() -> Vad:
    return Vad(BASE, CALIBRATION)


def noise(level: float, length: int, seed: int = 0) -> list[int]:
    """Steady noise, as narrow as a telephone's."""
    return _rounded(level * np.random.default_rng(seed).normal(1, 0.08, length))


def street(level: float, length: int) -> list[int]:
    """Noise that swells and ebbs by 5 dB."""
    at = np.arange(length) / SECOND
    swell = 10 ** ((3 * np.sin(1.9 * at) + 2 * np.sin(4.1 * at)) / 20)
    return _rounded(swell * noise(level, length))


def uneven(level: float, length: int) -> list[int]:
    """Noise that never stays the same."""
    return _rounded(level * np.random.default_rng(0).choice([1, 1.9], length))


def words(level: float, syllables: int, pause: int = 0) -> list[int]:
    """Syllables as loud as this, with pauses of so many frames; the line is quiet."""
    said = [round(level * part) for part in SYLLABLE] + noise(12, pause)
    return said * syllables


def hear(vad: Vad, levels: Iterable[int]) -> list[bool]:
    return [vad.hear(level) for level in levels]


def longest_run(voiced: Sequence[bool]) -> int:
    """As the rules of turn taking count it: two quiet frames do not end it."""
    longest = run = quiet = 0
    for one in voiced:
        quiet = 0 if one else quiet + 1
        run = 0 if quiet > 2 else run + one
        longest = max(longest, run)
    return longest


def _rounded(levels: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[int]:
    return [round(level) for level in levels.tolist()]


def test_five_quiet_minutes_have_no_ghosts() -> None:
    assert not any(hear(new(), noise(25, 300 * SECOND)))


@pytest.mark.parametrize("line_noise", [0, 10, 25])
def test_a_weak_speaker_is_heard(line_noise: int) -> None:
    vad = new()
    hear(vad, noise(line_noise, 2 * SECOND))
    assert sum(hear(vad, words(WEAK, 5))) >= 5 * 6


@pytest.mark.parametrize("make", [noise, street])
@pytest.mark.parametrize("level", [33, 105, 330, 1040])
def test_noise_that_begins_later_interrupts_nobody_and_the_next_words_end(
    make: Callable[[float, int], list[int]], level: int
) -> None:
    vad = new()
    hear(vad, noise(10, 2 * SECOND))
    assert longest_run(hear(vad, make(level, 60 * SECOND))) < INTERRUPTION
    assert longest_run(hear(vad, words(5 * level, 4))) >= INTERRUPTION
    assert longest_run(hear(vad, make(level, SECOND))[10:]) < INTERRUPTION


def test_when_the_noise_is_gone_a_weak_speaker_is_heard_again() -> None:
    vad = new()
    hear(vad, noise(400, 20 * SECOND))
    hear(vad, noise(12, 3))
    assert sum(hear(vad, words(WEAK, 5))) >= 5 * 6


def test_who_speaks_at_once_is_not_taken_for_noise() -> None:
    vad = new()
    assert longest_run(hear(vad, words(1500, 10, pause=2))) >= INTERRUPTION
    assert vad.threshold <= 3 * BASE


def test_slow_speech_is_not_eaten() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    for _ in range(20):
        assert sum(hear(vad, words(600, 1, pause=30))) >= 6


def test_a_click_begins_no_utterance() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    assert longest_run(hear(vad, [4000, 900, *noise(12, 30)] * 10)) < 3


def test_the_neural_detector_has_the_last_word_on_what_is_loud() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    assert not vad.hear(1500, speech=5)
    assert vad.opened
    assert vad.hear(1500, speech=90)
    assert vad.hear(1500, speech=20)  # a voice goes on
    assert not vad.hear(1500, speech=10)
    assert not vad.hear(1500, speech=20)  # but does not begin
    assert vad.hear(1500, speech=UNKNOWN)
    assert not vad.hear(20, speech=90)
    assert not vad.opened


def test_a_held_vowel_goes_on_when_the_detector_is_sure_of_it() -> None:
    vowel = noise(1500, SECOND)
    vad = new()
    hear(vad, noise(12, SECOND))
    assert all(vad.hear(level, speech=90) for level in vowel)


def test_a_level_that_never_changes_is_no_noise() -> None:
    """So that a trace may tell a voice as one level."""
    vad = new()
    hear(vad, noise(12, SECOND))
    assert all(hear(vad, [1500] * SECOND))


def test_the_gate_is_where_a_frame_is_loud() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    assert vad.gate == BASE
    vad.hear(BASE)
    assert vad.opened
    assert vad.gate < BASE  # what has begun may become softer
    vad.hear(int(vad.gate))
    assert not vad.opened


def test_our_own_echo_is_not_loud_but_the_caller_above_it_is() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    echo = islice(cycle(words(400, 1)), 10 * SECOND)
    assert not any(vad.hear(level, echo=level + 20) or vad.opened for level in echo)
    assert vad.hear(900, echo=400)


def test_our_own_echo_is_not_taken_for_the_noise_of_the_line() -> None:
    vad = new()
    for level in noise(500, 10 * SECOND):
        vad.hear(level, echo=500)
    assert vad.threshold == BASE
    assert vad.hear(WEAK)


def test_noise_that_begins_while_we_speak_interrupts_nobody() -> None:
    vad = new()
    hear(vad, noise(12, SECOND))
    assert longest_run([vad.hear(level, echo=60) for level in noise(400, SECOND)]) < INTERRUPTION


def test_a_lost_packet_in_noise_is_not_its_floor() -> None:
    vad = new()
    hear(vad, uneven(300, 3 * SECOND))
    assert not any(hear(vad, [0, *uneven(300, 3 * SECOND)]))


def test_a_frame_that_never_came_says_nothing() -> None:
    vad = new()
    hear(vad, noise(100, 10))
    before = vad.threshold
    assert not any(hear(vad, [UNKNOWN] * 200))
    assert vad.threshold == before
    assert not vad.calibrated


def test_the_line_is_known_when_it_is_quiet_or_was_heard_for_long_enough() -> None:
    quiet, loud = new(), new()
    hear(quiet, noise(12, 8))
    hear(loud, noise(500, CALIBRATION))
    assert quiet.calibrated
    assert not loud.calibrated
    hear(loud, noise(500, 5))
    assert loud.calibrated


@given(
    st.lists(st.integers(UNKNOWN, 20_000), max_size=150),
    st.sampled_from([noise, uneven]),
    st.integers(0, 17_000),
)
def test_whatever_was_heard_it_never_latches(
    before: list[int], make: Callable[[float, int], list[int]], level: int
) -> None:
    vad = new()
    hear(vad, before)
    assert not any(hear(vad, make(level, 130))[110:])
