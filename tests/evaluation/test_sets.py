"""The callers' files: many, complete, and without a wording in both sets."""

from collections.abc import Iterator
from string import Formatter

import pytest

from bridge.evaluation.callers import LANGUAGES, SETS, Caller, Words, read_set
from bridge.evaluation.office import areas, kinds
from engine.dialogue.profile import Language
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
ALL = [(name, language, read_set(name, language)) for name in SETS for language in LANGUAGES]


def test_there_are_enough_callers() -> None:
    sizes = {(name, language): len(callers) for name, language, callers in ALL}
    assert sizes["reporting", "he"] == sizes["reporting", "en"] == 60
    assert sizes["tuning", "he"] == sizes["tuning", "en"] >= 30


def phrases(words: Words) -> Iterator[str]:
    for some in words.phrases.values():
        yield from some


def has_words(phrase: str) -> bool:
    """More than what is filled in."""
    return any(letter.isalpha() for text, *_ in Formatter().parse(phrase) for letter in text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wording_is_in_both_sets(language: Language) -> None:
    tuning, reporting = (
        {phrase.lower() for phrase in phrases(read_set(name, language)[0].words)}
        for name in ("tuning", "reporting")
    )
    assert {phrase for phrase in tuning & reporting if has_words(phrase)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_sets_can_say_the_same_things(language: Language) -> None:
    tuning, reporting = (read_set(name, language)[0].words for name in ("tuning", "reporting"))
    assert tuning.phrases.keys() == reporting.phrases.keys()
    for words in (tuning, reporting):
        assert words.areas.keys() == {area.key for area in areas(SHAI) if not area.wide}
        assert words.kinds.keys() == {kind.key for kind in kinds(SHAI)}


@pytest.mark.parametrize(
    "callers", [callers for *_, callers in ALL], ids=[f"{n}-{lang}" for n, lang, _ in ALL]
)
def test_each_set_has_every_kind_of_caller(callers: tuple[Caller, ...]) -> None:
    assert {one.purpose for one in callers} == {"meeting", "human", "leaves", "wrong_number"}
    likes = frozenset().union(*(one.temper.likes for one in callers))
    assert likes == {
        *("asks", "chatty", "hesitates", "interrupts", "keys", "mumbles", "places", "raced"),
        *("repeats", "unlisted"),
    }
    for what in ("corrects", "slips", "refuses"):
        assert any(getattr(one.temper, what) for one in callers)
    assert any(one.goal.area is None or one.goal.budget is None for one in callers)
    assert len({one.goal.budget for one in callers}) > 5
