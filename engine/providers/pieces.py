"""A reply's text in the pieces that are spoken one by one, and the time of each word.

Pure. The first piece is short, so that the reply begins soon."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.events import Word
from engine.providers.hebrew_sounds import is_hebrew, unpointed

_SENTENCE_MARKS = ".?!…"
_CLAUSE_MARKS = ",;:–—"
_TITLES = frozenset({"Mr.", "Mrs.", "Ms.", "Dr.", "St."})
_FIRST, _LATER = 12, 45
"""Letters from which on a clause mark ends the first piece, and a later one."""
_TOO_LONG, _EARLIEST = 48, 14
"""A first piece longer than this is cut before a small word, but not before so many letters."""
_SMALL_WORDS = frozenset(
    {"or", "and", "but", "to", "in", "for", "with", "at", "on", "that", "which", "because"}
    | {"או", "אבל", "כי", "עם", "על"}
)


@dataclass(frozen=True, slots=True)
class Span:
    """Words to be spoken in one breath, all in one language."""

    text: str
    language: str


def spans(text: str) -> list[Span]:
    """Nothing is lost: the spans' words are the text's words."""
    found: list[Span] = []
    for language, words in _by_script(text.split()):
        breaths = list(_breaths(words, first=not found))
        found += [Span(" ".join(piece), language) for piece in breaths]
    return found


def word_times(text: str, lead: float, until: float) -> tuple[Word, ...]:
    """The words between two seconds, each with a share by its letters."""
    words = text.split()
    weights = [len(unpointed(word)) + 1 for word in words]
    each = (until - lead) / max(sum(weights), 1)
    before = 0
    timed: list[Word] = []
    for word, weight in zip(words, weights, strict=True):
        timed.append(Word(word, round(lead + before * each, 3)))
        before += weight
    return tuple(timed)


def _by_script(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Words without letters go with those before them."""
    run: list[str] = []
    language = ""
    for word in words:
        script = _script(word)
        if run and script and language and script != language:
            yield language, run
            run = []
        language = script or language
        run.append(word)
    if run:
        yield language or "en", run


def _script(word: str) -> str:
    if is_hebrew(word):
        return "he"
    return "en" if any(letter.isalpha() for letter in word) else ""


def _breaths(words: list[str], first: bool) -> Iterator[list[str]]:
    piece: list[str] = []
    for word in words:
        piece.append(word)
        if _ends_piece(piece, _FIRST if first else _LATER):
            yield from _begun_soon(piece) if first else [piece]
            piece, first = [], False
    if piece:
        yield from _begun_soon(piece) if first else [piece]


def _ends_piece(piece: list[str], enough: int) -> bool:
    last = piece[-1].rstrip("\"'”’)")
    if last[-1:] in _SENTENCE_MARKS and last[-1:]:
        return last not in _TITLES
    return last[-1:] in _CLAUSE_MARKS and last[-1:] != "" and _length(piece) >= enough


def _begun_soon(piece: list[str]) -> list[list[str]]:
    if _length(piece) <= _TOO_LONG:
        return [piece]
    for cut in range(len(piece) - 1, 0, -1):
        head = _length(piece[:cut])
        if _EARLIEST <= head <= _TOO_LONG * 2 // 3 and piece[cut].lower() in _SMALL_WORDS:
            return [piece[:cut], piece[cut:]]
    return [piece]


def _length(piece: list[str]) -> int:
    return len(unpointed(" ".join(piece)))
