"""`kav evaluate --voice`: callers who speak."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.evaluation.callers import read_set
from bridge.evaluation.conversation import converse
from bridge.evaluation.mishearing import SURE
from bridge.evaluation.telephone import over_the_line, telephone
from engine.core.audio import FRAME_BYTES, level, silence
from engine.core.effects import Heard
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")


def test_all_that_a_caller_says_goes_over_the_line() -> None:
    caller = next(one for one in read_set("tuning", "en") if not one.temper.likes)
    said: list[str] = []

    async def listen(words: str, _: Sequence[str]) -> Heard:
        said.append(words)
        return Heard(words=words, confidence=SURE)

    spoken = asyncio.run(converse(SHAI, caller, listen=listen))
    assert spoken.lines == asyncio.run(converse(SHAI, caller)).lines
    assert said == [line.text for line in spoken.lines if line.caller]


def test_a_line_has_whole_frames_and_is_never_quite_silent() -> None:
    voice = over_the_line(bytes([0, 0, 0, 40] * 801))
    assert len(voice) % FRAME_BYTES == 0
    assert level(voice[:FRAME_BYTES]) > level(silence(0.02)) + 20


@pytest.mark.models
def test_spoken_words_are_heard(tmp_path: Path) -> None:
    async def heard() -> Heard:
        async with telephone(tmp_path, lambda _: None) as line:
            return await line.hear("I am looking for an apartment in Jaffa.", ("in Jaffa",))

    told = asyncio.run(heard())
    assert "apartment" in told.words.lower()
    assert told.confidence > 0
