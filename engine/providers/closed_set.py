"""Which of the phrases that a caller may well say comes nearest to what was written down.

Pure. It must rather find none than a wrong one."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

REJECT = 0.54
"""Farther than this (share of letters to change) is another sentence. Read off synthetic speech:
27 of 28 phrases came to 0.50 at most, 31 of 32 sentences outside of the set to 0.57 at least."""

NEAR = 0.35
"""So near, it is no chance find."""


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


def nearest(
    hypotheses: Sequence[str], phrases: Sequence[str], reject: float = REJECT
) -> Nearest | None:
    """The phrase that is nearest to any of the hypotheses, the first of equals; `None` if all
    are farther than `reject`, or if it is not near and another is as near as it. Where words end
    is not compared: it is what is heard worst."""
    heard = [letters for text in hypotheses if (letters := _letters(text))]
    candidates = [
        Nearest(phrase, min(distance(letters, expected) for letters in heard))
        for phrase, expected in ((phrase, _letters(phrase)) for phrase in phrases)
        if heard
    ]
    found = min(candidates, key=lambda candidate: candidate.distance, default=None)
    if found is None or found.distance > reject:
        return None
    equals = sum(candidate.distance == found.distance for candidate in candidates)
    return found if equals == 1 or found.distance <= NEAR else None


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
