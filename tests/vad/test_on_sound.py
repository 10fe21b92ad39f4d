"""The energy detector and the rules of turn taking on telephone sound that is made here. The whole
set, with people and Silero, is judged by `python -m tests.vad`."""

import numpy as np
import pytest

from tests.vad import sounds
from tests.vad.judge import Count, by_energy, judge
from tests.vad.lines import SILENT, SPEECH, Line, line, noises, walks_into

SAID = sounds.syllables(1.5, 1)


def judged(told: Line) -> Count:
    count = Count()
    judge(told, by_energy(), count)
    return count


@pytest.mark.parametrize("db", [-20, -30, -40])
def test_what_is_said_is_heard_from_its_first_syllable_to_its_end(db: float) -> None:
    count = judged(line([SAID, SAID], db=db, noise=sounds.at(-65, sounds.pink(2, 1))))
    assert (count.opened, count.closed, count.interrupting) == (2, 2, 2)
    assert count.hits / count.speech > 0.85
    assert max(count.delays) <= 0.1


@pytest.mark.parametrize("make", [sounds.pink, sounds.street])
@pytest.mark.parametrize("below", [20, 10])
def test_noise_that_begins_in_the_call_neither_interrupts_nor_latches(
    make: "sounds.Noise", below: float
) -> None:
    noise = sounds.at(sounds.SPEECH_DB - below, make(60, 3))
    count = judged(walks_into(noise, SAID))
    assert count.false_interruptions == 0
    assert count.listened / count.length < 0.15
    assert (count.opened, count.closed) == (1, 1)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(sounds.at(-65, sounds.pink(60, 1)), id="line noise"),
        pytest.param(sounds.at(-55, sounds.hum(20)), id="hum"),
    ],
)
def test_a_quiet_line_has_no_ghosts(sound: sounds.Sound) -> None:
    count = judged(noises(sound))
    assert count.listened == count.false_holds == 0


def test_comfort_noise_whose_level_jumps_interrupts_nobody() -> None:
    assert judged(noises(sounds.comfort_noise(60, 1))).false_interruptions == 0


def test_keys_and_clicks_interrupt_nobody() -> None:
    clicks = [part for seed in range(10) for part in (sounds.click(seed), sounds.quiet(0.3))]
    count = judged(noises(np.concatenate([sounds.quiet(1), sounds.keys("159D", 0.3), *clicks])))
    assert count.false_interruptions == 0


def test_a_line_is_labelled_by_its_clean_sound() -> None:
    told = line([SAID], db=-40, noise=sounds.at(-30, sounds.pink(2, 1)))
    ((begin, end),) = told.utterances
    assert 0.9 * 75 < end - begin <= 75
    assert set(told.labels[:60]) == {SILENT}
    assert told.labels[begin] == told.labels[end - 1] == SPEECH
