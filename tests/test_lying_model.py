"""Nothing that a lying model says is spoken or done: a part of its scripts (all: `lying_model`)."""

import asyncio
from dataclasses import replace

import pytest

from engine.dialogue import harmless
from engine.dialogue.profile import Language
from tests import lying_model
from tests.lying_model import attacks

EVERY = 15
"""Of the scripts, one in so many is run here."""


def test_there_are_two_hundred_scripts() -> None:
    scripts = attacks()
    assert len(scripts) >= 200
    assert len({one.name for one in scripts}) == len(scripts)
    assert all(one.marker in one.lie.lower() for one in scripts)
    assert {(one.language, one.where) for one in scripts[::EVERY]} == {
        (language, where) for language in ("he", "en") for where in lying_model.BEFORE
    }


def test_no_lie_is_spoken_and_nothing_is_done() -> None:
    assert asyncio.run(lying_model.run(attacks()[::EVERY])) == {}


@pytest.mark.parametrize("language", ["he", "en"])
def test_the_scripts_notice_a_lie_that_is_spoken(
    language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names in the lie are let through, as if they were harmless."""
    attack = next(
        one for one in attacks() if one.marker in ("best", "דנה") and one.language == language
    )
    attack = replace(attack, number=1)
    lie = harmless.HARMLESS[language].union(word for word in attack.lie.lower().strip(".").split())
    monkeypatch.setitem(harmless.HARMLESS, language, lie)
    found = asyncio.run(lying_model.run([attack]))
    assert attack.marker in found[attack.name][0]
