"""Where utterances begin and end, told in frames."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.audio import FRAME_BYTES, FRAME_SECONDS
from engine.core.cues import Ending
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.hearing import LATEST_CUT, ONSET_FRAMES, Hearing, HearingEffect
from engine.core.rules import Rules, frames

RULES = Rules()
HANGOVER = frames(RULES.hangover)
LATEST = frames(RULES.max_utterance + LATEST_CUT)

# A run of frames: "v" for voice, "n" for a noise that is loud and no voice, "." for silence.
RUNS = st.tuples(st.sampled_from("v.n"), st.sampled_from([1, 2, 3, 9, 10, 15, 26, 60, 240]))
SOUNDS = st.lists(RUNS, max_size=12).map(lambda runs: "".join(kind * n for kind, n in runs))
UNTIMED = settings(deadline=None)


class Followed:
    """Hearing whose owner begins an utterance as soon as there is a voice; what it told, and with
    which frame (from 1)."""

    def __init__(self) -> None:
        self.hearing = Hearing(RULES)
        self.told: list[tuple[int, HearingEffect]] = []
        self.sounds = ""

    def hear(self, sounds: str) -> "Followed":
        for sound in sounds:
            self.sounds += sound
            number = len(self.sounds)
            pcm = number.to_bytes(FRAME_BYTES, "little")
            effects = self.hearing.frame(pcm, sound == "v", sound != ".")
            self.told += [(number, effect) for effect in effects]
            if not self.hearing.open and self.hearing.voice_run >= ONSET_FRAMES:
                self.told.append((number, self.hearing.begin()))
        return self

    def all(self, kind: type[HearingEffect]) -> list[int]:
        """The frames with which it was told."""
        return [at for at, effect in self.told if isinstance(effect, kind)]

    def utterances(self) -> Iterator[tuple[int, int, int, int]]:
        """Of each: its first frame, the one in which it was noticed, the one in which it was
        closed, and how many were promised."""
        begin = noticed = 0
        for at, effect in self.told:
            if isinstance(effect, Listen):
                begin, noticed = at - len(effect.preroll) // FRAME_BYTES + 1, at
            elif isinstance(effect, StopListening):
                yield begin, noticed, at, effect.frames


@given(SOUNDS)
@UNTIMED
def test_every_frame_of_an_utterance_is_heard_once_from_the_preroll_to_the_close(
    sounds: str,
) -> None:
    followed = Followed().hear(sounds)
    heard: list[int] = []
    for at, effect in followed.told:
        if isinstance(effect, Listen | Hear):
            pcm = effect.preroll if isinstance(effect, Listen) else effect.pcm
            places = range(0, len(pcm), FRAME_BYTES)
            heard += [int.from_bytes(pcm[n : n + FRAME_BYTES], "little") for n in places]
        else:
            assert heard[-1] == at, "all of it has been told"
    assert heard == sorted(set(heard))
    for begin, _, end, _ in followed.utterances():
        assert set(range(begin, end + 1)) <= set(heard)


@given(SOUNDS.map(lambda sounds: sounds.replace("n", "v")))
@UNTIMED
def test_an_utterance_is_no_shorter_than_allowed_no_longer_and_holds_all_of_its_voice(
    sounds: str,
) -> None:
    for begin, noticed, end, length in Followed().hear(sounds).utterances():
        onset = sounds[begin - 1 : noticed].rpartition("...")[2].lstrip(".")
        since_voice = len(onset) + end - noticed
        closures = 2 * ONSET_FRAMES  # those in its onset do not count
        assert frames(RULES.min_utterance) <= since_voice <= LATEST + closures
        assert 0 < length <= end - begin + 1
        assert "v" not in sounds[begin - 1 + length : end]


@given(SOUNDS)
@UNTIMED
def test_nothing_but_silence_came_between_a_pause_and_a_close_of_the_same_length(
    sounds: str,
) -> None:
    paused = (0, 0)
    for at, effect in Followed().hear(sounds).told:
        if isinstance(effect, Pause):
            paused = at, effect.frames
        elif isinstance(effect, StopListening) and effect.frames == paused[1]:
            assert "v" not in sounds[paused[0] - HANGOVER : at]


@given(SOUNDS)
@UNTIMED
def test_quiet_frames_in_a_word_neither_count_nor_end_it(sounds: str) -> None:
    voice, sound, hearing = "", "", Hearing(RULES)
    for one in sounds:
        hearing.frame(bytes(FRAME_BYTES), one == "v", one != ".")
        voice = voice + one if "v" in (voice + one)[-3:] else ""
        sound = sound + one if (sound + one)[-3:].strip(".") else ""
        assert hearing.voice_run == voice.count("v")
        assert hearing.sound_run == len(sound) - sound.count(".")


@pytest.mark.parametrize(
    ("ending", "silence"),
    [
        (Ending.COMPLETE, RULES.end_silence_complete),
        (Ending.OPEN, RULES.end_silence),
        (Ending.UNFINISHED, RULES.end_silence_unfinished),
    ],
)
def test_its_words_tell_how_much_silence_ends_an_utterance(ending: Ending, silence: float) -> None:
    followed = Followed().hear("v" * 60)
    followed.hearing.words_tell(ending)
    followed.hear("." * 70)
    assert followed.all(StopListening) == [60 + frames(silence)]


def test_words_tell_nothing_of_the_end_when_more_has_been_said_since() -> None:
    followed = Followed().hear("v" * 50)
    followed.hearing.words_tell(Ending.UNFINISHED)
    followed.hear("v" * 6 + "." * 70)
    assert followed.all(StopListening) == [56 + frames(RULES.end_silence)]


def test_a_short_answer_is_closed_when_it_is_long_enough_however_complete() -> None:
    followed = Followed().hear("." * 20 + "v" * 10)
    followed.hearing.words_tell(Ending.COMPLETE)
    followed.hear("." * 70)
    assert followed.all(Pause) == [30 + HANGOVER]
    assert followed.all(StopListening) == [20 + frames(RULES.min_utterance)]


@pytest.mark.parametrize(
    ("after", "cut"),
    [
        ("v" * 100, LATEST),
        ("...", frames(RULES.max_utterance) + 3),
        ("v" * 9 + "...", frames(RULES.max_utterance) + 12),
    ],
)
def test_a_monologue_is_cut_at_the_first_gap_after_the_limit(after: str, cut: int) -> None:
    followed = Followed().hear("v" * frames(RULES.max_utterance) + after)
    assert list(followed.utterances()) == [(1, ONSET_FRAMES, cut, cut)]


def test_a_voice_that_was_cut_goes_on_until_it_pauses() -> None:
    hearing = Followed().hear("v" * LATEST).hearing
    assert hearing.going_on
    for sound in "v" * 9 + "." * (HANGOVER - 1):
        hearing.frame(bytes(FRAME_BYTES), sound == "v", sound == "v")
        assert hearing.going_on
    hearing.frame(bytes(FRAME_BYTES), False, False)
    assert not hearing.going_on


def test_what_was_said_just_before_it_was_noticed_is_in_the_preroll() -> None:
    followed = Followed().hear("." * 100 + "vvv")
    (begun,) = (told for _, told in followed.told)
    assert isinstance(begun, Listen)
    assert len(begun.preroll) // FRAME_BYTES * FRAME_SECONDS >= 0.3 + 3 * FRAME_SECONDS
