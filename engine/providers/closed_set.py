"""Which of the phrases that a caller may well say was written down, nearly to the letter.

Pure. It must rather find none than a wrong one. By their sounds they are compared in
`sound_alike`."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

TO_THE_LETTER = 0.2
"""Share of the letters that may be others."""


@dataclass(frozen=True, slots=True)
class Nearest:
    phrase: str
    distance: float
    """0: the same letters; 1: nothing in common."""


def plain(text: str) -> str:
    """Letters, digits and single spaces only: no case, points or punctuation."""
    kept = (
        " " if unicodedata.category(letter)[0] in "PSZC" else letter
        for letter in unicodedata.normalize("NFD", text.lower())
        if not unicodedata.combining(letter)
    )
    return " ".join("".join(kept).split())


def nearest(hypotheses: Sequence[str], phrases: Sequence[str]) -> Nearest | None:
    """The phrase that any of the hypotheses is nearly to the letter, the first of equals. Where
    words end is not compared: it is what is heard worst."""
    heard = [letters for text in hypotheses if (letters := _letters(text))]
    candidates = [
        Nearest(phrase, min(distance(letters, expected) for letters in heard))
        for phrase, expected in ((phrase, _letters(phrase)) for phrase in phrases)
        if heard
    ]
    found = min(candidates, key=lambda candidate: candidate.distance, default=None)
    return found if found and found.distance <= TO_THE_LETTER else None


def _letters(text: str) -> str:
    return plain(text).replace(" ", "")


def distance(one: str, other: str) -> float:
    """Levenshtein's, as a share of the longer text."""
    row = list(range(len(other) + 1))
    for above, letter in enumerate(one):
        diagonal, row[0] = above, above + 1
        for column, against in enumerate(other):
            change = diagonal + (letter != against)
            diagonal = row[column + 1]
            row[column + 1] = min(change, diagonal + 1, row[column] + 1)
    return row[-1] / max(len(one), len(other), 1)
