"""The texts that Asterisk says, and the files that are made of them."""

import re
import wave
from pathlib import Path

import pytest

from bridge import prompts
from engine.core.audio import SILENCE
from engine.dialogue.numerals import digit_in_words
from engine.providers import hebrew_sounds
from engine.providers.jobs import Piece

DIALPLAN = Path(prompts.__file__).parents[1] / "asterisk" / "conf" / "extensions.conf.in"


@pytest.mark.parametrize("name", prompts.PROMPTS)
def test_what_asterisk_says_in_hebrew_is_pointed(name: str) -> None:
    assert hebrew_sounds.pointed(prompts.PROMPTS[name]["he"], {}) is not None


def test_the_dialplan_plays_no_prompt_that_is_not_made() -> None:
    played = set(re.findall(r"kav/([a-z-]+)[),]", DIALPLAN.read_text()))

    assert played == set(prompts.PROMPTS)


def test_each_language_has_every_prompt_and_digit(tmp_path: Path) -> None:
    asked: list[Piece] = []

    def say(piece: Piece) -> bytes:
        asked.append(piece)
        return SILENCE

    prompts.make(tmp_path / "sounds", say)

    texts = {piece.text for piece in asked}
    assert digit_in_words(7, "he") in texts
    assert prompts.PROMPTS["sorry"]["en"] in texts
    for language in prompts.LANGUAGES:
        made = {path.stem for path in (tmp_path / "sounds" / language).rglob("*.wav")}
        assert made == {*prompts.PROMPTS, *map(str, range(10))}
    with wave.open(str(tmp_path / "sounds" / "he" / "kav" / "sorry.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
