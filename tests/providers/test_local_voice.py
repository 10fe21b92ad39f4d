"""The voice that is installed here: how it sounds, in figures."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from engine.core.audio import seconds
from engine.ports import ProviderFailed, Speech
from engine.providers import espeak
from engine.providers.jobs import Piece, open_mouth
from engine.providers.local import Local, LocalVoice
from engine.providers.mouth import Mouth
from engine.providers.shelf import Shelf

pytestmark = pytest.mark.models

GREETING = "Hello, this is Leah, the automated assistant of Shai Apartments. How can I help?"
HEBREW = "שָׁלוֹם, מְדַבֶּרֶת לֵאָה. אֵיךְ אֶפְשָׁר לַעֲזוֹר?"


def spoken(voice: LocalVoice, text: str) -> list[Speech]:
    async def collect() -> list[Speech]:
        return [speech async for speech in voice.speak(text)]

    return asyncio.run(collect())


def loudness(pcm: bytes) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Of each 10 ms, of full scale."""
    sound = np.frombuffer(pcm, np.int16).astype(np.float64) / 32768
    whole = sound[: len(sound) // 80 * 80].reshape(-1, 80)
    return np.asarray(np.sqrt(np.mean(whole**2, axis=1)))


@pytest.mark.parametrize("text", [GREETING, HEBREW])
def test_speech_has_the_level_of_a_telephone_and_never_clips(voice: LocalVoice, text: str) -> None:
    for speech in spoken(voice, text):
        loud = loudness(speech.pcm)
        active = loud[loud > 0.1 * loud.max()]
        level = 20 * np.log10(np.sqrt(np.mean(active**2)))
        assert -23 < level < -19
        assert np.abs(np.frombuffer(speech.pcm, np.int16).astype(int)).max() < 31000


@pytest.mark.parametrize("text", [GREETING, HEBREW])
def test_speech_begins_at_once_and_lasts_as_long_as_a_person_would_take(
    voice: LocalVoice, text: str
) -> None:
    pieces = spoken(voice, text)
    for speech in pieces:
        loud = loudness(speech.pcm)
        assert np.flatnonzero(loud > 0.05 * loud.max())[0] <= 3
    assert 0.25 < sum(seconds(speech.pcm) for speech in pieces) / len(text.split()) < 0.6


def test_the_first_piece_is_short(voice: LocalVoice) -> None:
    assert seconds(spoken(voice, GREETING)[0].pcm) < 2.0


@pytest.mark.parametrize("text", [GREETING, HEBREW, "שָׁלוֹם Leah, Tel Aviv."])
def test_words_cover_the_text_within_their_pieces(voice: LocalVoice, text: str) -> None:
    pieces = spoken(voice, text)
    assert [word.text for speech in pieces for word in speech.words] == text.split()
    for speech in pieces:
        assert all(0 <= word.at < seconds(speech.pcm) for word in speech.words)


def test_hebrew_words_without_points_come_from_the_lexicon(voice: LocalVoice) -> None:
    (speech,) = spoken(voice, "שָׁלוֹם חיפה")
    assert seconds(speech.pcm) > 0.6


def test_hebrew_that_nobody_pointed_is_spoken_all_the_same(voice: LocalVoice) -> None:
    (speech,) = spoken(voice, "זה משפט שאיש לא ניקד")
    assert seconds(speech.pcm) > 0.6


def test_what_was_spoken_once_is_not_rendered_again(local: Local, voice: LocalVoice) -> None:
    first = spoken(voice, "This was said before.")
    assert voice.worker.pid
    os.kill(voice.worker.pid, signal.SIGSTOP)
    again = spoken(voice, "This was said before.")
    os.kill(voice.worker.pid, signal.SIGCONT)
    assert again == first


def test_phrases_are_ready_from_disk_after_a_restart(voice: LocalVoice, tmp_path: Path) -> None:
    def restarted() -> LocalVoice:
        return LocalVoice(voice.worker, Shelf(tmp_path), engine="test", rate=0.95)

    told: list[str] = []
    before = restarted()
    asyncio.run(before.prepare(["Good morning. Good morning.", "Goodbye."], told.append))
    before.finish_writing()
    assert told == ["Speech: 1 of 2 pieces are ready", "Speech: 2 of 2 pieces are ready"]
    assert voice.worker.pid
    os.kill(voice.worker.pid, signal.SIGSTOP)
    after = spoken(restarted(), "Goodbye.")
    os.kill(voice.worker.pid, signal.SIGCONT)
    assert after


def test_a_faster_voice_takes_less_time(voice: LocalVoice) -> None:
    def length(rate: float) -> float:
        shelf = Shelf(None)
        other = LocalVoice(voice.worker, shelf, engine="test", rate=rate)
        return sum(seconds(speech.pcm) for speech in spoken(other, GREETING))

    assert length(1.2) < 0.9 * length(0.8)


def test_without_joe_espeak_speaks_both_languages(voice: LocalVoice) -> None:
    mouth = Mouth(None, {})
    for text, language in (("Good morning.", "en"), ("שָׁלוֹם לֵאָה.", "he")):
        slow = seconds(mouth.say(Piece(text, language, 0.8)))
        assert 0.4 < seconds(mouth.say(Piece(text, language, 1.2))) < slow < 3


def test_espeak_is_told_the_sounds_of_pointed_hebrew() -> None:
    assert espeak.hebrew_by_sounds("ʃalˈom, lˈea.") == "[[Sal'om]], [[l'ea]]."


def test_without_espeak_english_fails_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    espeak.ipa.cache_clear()
    with pytest.raises(ProviderFailed, match="apt-get install espeak-ng"):
        open_mouth({}, True)(Piece("Good morning.", "en", 1.0))
