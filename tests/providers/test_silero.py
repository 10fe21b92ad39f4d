"""Silero, with the model that is installed here."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.core.audio import level
from engine.core.events import UNKNOWN
from engine.core.vad import Vad
from engine.providers import silero
from engine.providers.jobs import Piece, open_mouth
from tests.vad import sounds
from tests.vad.lines import Line, line, noises

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not silero.installed(), reason="silero-vad is not installed: tools/setup"),
]
SPEAKS, INTERRUPTS = 3, 10
"""Frames of voice that begin an utterance, and that interrupt."""


@pytest.fixture(scope="module")
def words() -> dict[str, sounds.Sound]:
    joe = open_mouth({}, True)
    told = [("en", "yes"), ("en", "no"), ("he", "כֵּן"), ("he", "לֹא"), ("he", "רֶגַע")]
    return {
        text: sounds.narrow(sounds.samples(joe(Piece(text, language, 0.95))))
        for language, text in told
    }


def voiced(told: Line) -> Iterator[bool]:
    """As a session asks it, from the start of a call on."""
    vad, detector = Vad(45, 30), silero.open_detector()
    for pcm in told.frames:
        loudness = level(pcm)
        yield vad.hear(loudness, detector.hear(pcm, loudness >= vad.gate))


def longest_run(told: Line) -> int:
    longest = run = 0
    for one in voiced(told):
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("db", [-20, -30, -40])
def test_a_short_word_is_heard_at_once_however_soft(
    words: dict[str, sounds.Sound], db: float
) -> None:
    for text, sound in words.items():
        told = line([sound], db=db, noise=sounds.at(-65, sounds.pink(1, 1)))
        ((begin, _),) = told.utterances
        heard = list(voiced(told))
        assert not any(heard[: begin - 3]), text
        assert sum(heard) >= 8, text
        assert any(all(heard[at : at + SPEAKS]) for at in range(begin - 3, begin + 8)), text


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(sounds.at(-24, sounds.pink(4, 1)), id="noise"),
        pytest.param(sounds.at(-24, sounds.street(4, 1)), id="street"),
        pytest.param(sounds.keys("159D", 0.3), id="keys"),
        pytest.param(sounds.hum(3), id="hum"),
        pytest.param(np.concatenate([sounds.click(seed) for seed in range(20)]), id="clicks"),
        pytest.param(np.concatenate([sounds.cough(seed) for seed in range(5)]), id="coughs"),
    ],
)
def test_what_is_no_voice_does_not_interrupt(sound: sounds.Sound) -> None:
    assert longest_run(noises(np.concatenate([sounds.quiet(1), sound]))) < SPEAKS


def test_someone_who_speaks_interrupts(words: dict[str, sounds.Sound]) -> None:
    assert longest_run(line([words["רֶגַע"]], db=-24)) >= INTERRUPTS


def test_it_is_asked_only_about_what_is_loud(words: dict[str, sounds.Sound]) -> None:
    detector = silero.open_detector()
    told = line([words["yes"]], db=-24)
    assert {detector.hear(pcm, loud=False) for pcm in told.frames} == {UNKNOWN}


def test_calls_do_not_hear_each_other(words: dict[str, sounds.Sound]) -> None:
    told, other = line([words["yes"]], db=-24), line([words["no"]], db=-24)
    alone, one, two = (silero.open_detector() for _ in range(3))
    expected = [alone.hear(pcm, loud=True) for pcm in told.frames]
    heard = []
    for pcm, of_other in zip(told.frames, other.frames, strict=False):
        heard.append(one.hear(pcm, loud=True))
        two.hear(of_other, loud=True)
    assert heard == expected[: len(heard)]
    assert max(heard) > 90


def test_a_word_long_after_another_is_judged_as_if_it_were_the_first(
    words: dict[str, sounds.Sound],
) -> None:
    def ask(detector: silero.Silero, sound: sounds.Sound) -> list[int]:
        told = line([sound], db=-24)
        return [detector.hear(pcm, level(pcm) >= 45) for pcm in told.frames]

    detector = silero.open_detector()
    first = ask(detector, words["no"])
    ask(detector, words["yes"])
    assert ask(detector, words["no"]) == first
