"""A caller's words as tokens, of which each is understood once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.dialogue import vocabulary as say
from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import Number, number_at
from engine.dialogue.profile import Language
from engine.dialogue.telephone import PLUS

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Match(Generic[Key]):
    key: Key
    start: int
    end: int
    distance: int


@dataclass(slots=True)
class Text:
    """The tokens, and which of them have been understood: a word is taken once."""

    tokens: list[str]
    taken: list[bool] = field(default_factory=list)
    contrast: bool = False
    """Something was named and denied, and something else of its kind was not."""

    def __post_init__(self) -> None:
        self.taken = [False] * len(self.tokens)

    def copy(self) -> "Text":
        other = Text(self.tokens)
        other.taken = list(self.taken)
        return other

    def take(self, start: int, end: int) -> None:
        self.taken[start:end] = [True] * (end - start)

    def is_free(self, start: int, end: int) -> bool:
        return 0 <= start < end <= len(self.tokens) and not any(self.taken[start:end])

    def take_phrase(self, phrases: say.Phrases) -> int | None:
        """Where the longest of the phrases is, and of equally long ones the first."""
        found = [(end - start, -start) for start, end in self.find(phrases)]
        if not found:
            return None
        length, start = max(found)
        self.take(-start, -start + length)
        return -start

    def takes_any(self, phrases: say.Phrases) -> bool:
        found = False
        while self.take_phrase(phrases) is not None:
            found = True
        return found

    def find(self, phrases: say.Phrases) -> list[tuple[int, int]]:
        """Where any of them begins and ends."""
        return [
            (start, start + len(phrase))
            for start, token in enumerate(self.tokens)
            for phrase in phrases.get(token, ())
            if tuple(self.tokens[start : start + len(phrase)]) == phrase
            and self.is_free(start, start + len(phrase))
        ]

    def take_all(self, table: dict[Key, say.Phrases]) -> list[Match[Key]]:
        """Every phrase of the table that is here, long before short, in the order of the words."""
        found = [
            Match(key, start, end, 0)
            for key, phrases in table.items()
            for start, end in self.find(phrases)
        ]
        best: list[Match[Key]] = []
        for match in sorted(found, key=lambda one: one.start - one.end):
            if self.is_free(match.start, match.end):
                self.take(match.start, match.end)
                best.append(match)
        return sorted(best, key=lambda one: one.start)

    def at(self, position: int) -> str:
        return self.tokens[position] if 0 <= position < len(self.tokens) else ""


def tokens_of(words: str) -> list[str]:
    text = without_points(words).lower().replace("\u05be", " ")
    text = re.sub("[’‘'׳\"״“”„`]", "", text)
    text = re.sub("[₪$€]", " shekels ", text).replace("+", f" {PLUS} ")
    # “7 000”, “7,000”, “7.000” are one number; so is “1 250 000”.
    text = re.sub(
        r"(?<![\d.,:])\d{1,3}(?:[ ,.]\d{3})+(?![\d:])",
        lambda number: re.sub(r"\D", "", number[0]),
        text,
    )
    text = re.sub(r"(\d),(?=\d)", r"\1.", text)
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", text)
    text = re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)", " ", text)
    return re.findall(r"\d+(?:[.:]\d+)?|[^\W\d_]+", text)


def language_of(words: str, tokens: Sequence[str]) -> Language | None:
    for name, language in say.LANGUAGE_NAMES.items():
        if name in tokens:
            return language
    hebrew = len(re.findall("[א-ת]+", words))
    latin = len(re.findall("[A-Za-z]+", words))
    if hebrew == latin == 0:
        return None
    return "he" if hebrew >= latin else "en"


def free_numbers(text: Text) -> list[Number]:
    found: list[Number] = []
    position = 0
    while position < len(text.tokens):
        number = None if text.taken[position] else number_at(text.tokens, position)
        if (
            number is None
            or not text.is_free(number.start, number.end)
            or _is_that_one(text, number)
        ):
            position += 1
            continue
        found.append(number)
        position = number.end
    return found


def _is_that_one(text: Text, number: Number) -> bool:
    """“The early one”: no number."""
    alone = number.value == 1 and number.end == number.start + 1
    before = text.at(number.start - 1)
    return alone and text.at(number.start) == "one" and before in say.BEFORE_THAT_ONE
