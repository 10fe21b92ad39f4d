"""Which of the profile's choices were named, however they are spelled; without denied ones."""

from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from itertools import chain, pairwise

from engine.dialogue import vocabulary as say
from engine.dialogue.profile import Choice
from engine.dialogue.spelling import distance_of, fold
from engine.dialogue.tokens import Key, Match, Text, tokens_of

_Names = dict[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""(key, words of one of its names), by their first letter."""


@lru_cache(maxsize=64)
def names_of(choices: tuple[Choice, ...]) -> _Names:
    names: set[tuple[str, tuple[str, ...]]] = set()
    for choice in choices:
        for name in (choice.he, choice.en, *choice.aliases):
            words = [fold(word) for word in tokens_of(name)]
            if len(words) > 1 and words[0] in ("the", "a", "an"):
                words = words[1:]
            if words:
                names.add((choice.key, tuple(words)))
    letters = {words[0][0] for _, words in names}
    return {
        letter: tuple(sorted(name for name in names if name[1][0].startswith(letter)))
        for letter in letters
    }


def choices_in(text: Text, choices: tuple[Choice, ...]) -> tuple[str, ...]:
    """The keys that were named, in that order; after a correction only the last."""
    matches = sorted(_best_matches(text, names_of(choices)), key=lambda match: match.start)
    for match in matches:
        text.take(match.start, match.end)
    kept = affirmed(text, matches)
    wide = {choice.key for choice in choices if choice.wide}
    if any(match.key not in wide for match in kept):
        kept = [match for match in kept if match.key not in wide]
    return tuple(dict.fromkeys(match.key for match in kept))


def _best_matches(text: Text, names: _Names) -> list[Match[str]]:
    """Matches that do not overlap: exact before misspelt, long before short. A stretch that fits
    two names equally well, and neither exactly, fits none."""
    found = sorted(
        _all_matches(text, names), key=lambda m: (m.distance > 0, m.start - m.end, m.distance)
    )
    best: list[Match[str]] = []
    for match in found:
        if any(match.start < other.end and other.start < match.end for other in best):
            continue
        rivals = [m for m in found if (m.start, m.end) == (match.start, match.end)]
        tied = {m.key for m in rivals if m.distance == match.distance}
        if len(tied) == 1:
            best.append(match)
    return best


def _all_matches(text: Text, names: _Names) -> Iterable[Match[str]]:
    heard = [fold(token) for token in text.tokens]
    for start, token in enumerate(heard):
        for key, name in _candidates(token, names):
            # “Ramatgan” and “Flor entin”: a name may also be heard as one word less or more.
            for end in range(start + max(1, len(name) - 1), start + len(name) + 2):
                if not text.is_free(start, end):
                    break
                distance = distance_of(heard[start:end], name)
                if distance is not None:
                    yield Match(key, start, end, distance)


def _candidates(token: str, names: _Names) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Names that can begin with this word, by its first letter: even misspelt ones keep that."""
    letters = {token[0]}
    if token[0] in "בלמהושכ":
        # After one or two prefixes; «ה» may have been swallowed by one.
        letters |= {*token[1:3], "ה"}
    return chain.from_iterable(names.get(letter, ()) for letter in letters)


def affirmed(text: Text, matches: list[Match[Key]]) -> list[Match[Key]]:
    """Without what was denied («לא ביפו, בפלורנטין», “an office, not a shop”) or taken back
    (“Jaffa, no, Florentin”)."""
    denials = {match: _denial(text, match) for match in matches}
    kept = [match for match in matches if denials[match] not in (_Denial.YES, _Denial.EXCEPT)]
    if any(denials[match] is None for match in kept):
        # The comma of “no, Florentin” was lost: a plain «לא» denies only if something else is left.
        kept = [match for match in kept if denials[match] is None]
    denied = {match.key for match in matches} - {match.key for match in kept}
    if any(
        token in say.CORRECTIONS
        for one, other in pairwise(kept)
        for token in text.tokens[one.end : other.start]
    ):
        kept = kept[-1:]
        text.contrast = True
    if kept and denied and _Denial.EXCEPT not in denials.values():
        text.contrast = True
    return kept


class _Denial(Enum):
    YES = auto()
    PERHAPS = auto()
    EXCEPT = auto()


def _denial(text: Text, match: Match[Key]) -> _Denial | None:
    before = match.start - 1
    while text.at(before) in say.BESIDE_DENIAL:
        before -= 1
    if (text.at(before - 1), text.at(before)) in _EXCEPTIONS:
        return _Denial.EXCEPT
    if text.at(before) in say.DENIED or _is_refused(text, match.end):
        return _Denial.YES
    wanted = text.at(before) in say.WANTED
    if wanted or text.at(before) in say.SAID:
        before -= 1
    if text.at(before) != "לא":
        return None
    return _Denial.YES if wanted or text.at(before - 1) not in ("", "לא") else _Denial.PERHAPS


def _is_refused(text: Text, after: int) -> bool:
    """“Tomorrow doesn't work”, «מחר לא מתאים»."""
    return (text.at(after), text.at(after + 1)) in _UNSUITABLE


_UNSUITABLE = frozenset(phrase for phrases in say.UNSUITABLE.values() for phrase in phrases)


_EXCEPTIONS = frozenset(chain.from_iterable(say.ONLY_NOT.values()))
