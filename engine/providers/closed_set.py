"""Which of the phrases that a caller may well say comes nearest to what was written down.

Pure. It must rather find none than a wrong one."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

REJECT = 0.54
"""Farther than this (share of letters to change) is another sentence. Read off synthetic speech:
phrases of the set came to 0.06-0.60, others to 0.56-0.81."""


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


def nearest(heard: str, phrases: Sequence[str], reject: float = REJECT) -> Nearest | None:
    """The first of the nearest phrases; `None` if all are farther than `reject`."""
    letters = plain(heard)
    if not letters:
        return None
    found = min(
        (Nearest(phrase, distance(letters, plain(phrase))) for phrase in phrases),
        key=lambda candidate: candidate.distance,
        default=None,
    )
    return found if found and found.distance <= reject else None


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
