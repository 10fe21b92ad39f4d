"""How far the words that were heard are from a name: recognizers misspell, and Hebrew writes its
prefixes with the word."""

from collections.abc import Sequence
from functools import lru_cache

from engine.dialogue.hebrew import is_hebrew

_PREFIXES = ("ב", "ל", "מ", "ה", "ו", "ש", "וב", "שב", "בה", "לה", "מה", "שה", "כש")
_FAR = 99


def fold(word: str) -> str:
    """Full and short Hebrew spelling alike: «נווה» and «נוה», «גבעתיים» and «גבעתים»."""
    return word.replace("וו", "ו").replace("יי", "י")


def distance_of(heard: Sequence[str], name: tuple[str, ...]) -> int | None:
    """How misspelt the name is here; None: it is not this name."""
    same_length = len(heard) == len(name)
    distance = _word_by_word(heard, name) if same_length else _FAR
    if distance and (len(name) > 1 or len(heard) > 1):
        # “Old south” is two letters from “old north”: the words must differ in number for that.
        limit = 1 if same_length else _tolerance("".join(name))
        distance = min(distance, _as_one_word("".join(heard), "".join(name), limit))
    return distance if distance < _FAR else None


def _word_by_word(heard: Sequence[str], name: Sequence[str]) -> int:
    total = 0
    for position, (one, other) in enumerate(zip(heard, name, strict=True)):
        # «הצפון הישן»: an article inside a name is not preceded by anything.
        inner = position > 0 and other.startswith("ה")
        total += 0 if one == other else _misspelling(one, other, _tolerance(other), inner)
        if total >= _FAR:
            return _FAR
    return total if total <= _tolerance("".join(name)) else _FAR


def _as_one_word(heard: str, name: str, limit: int) -> int:
    if len(name) < 6:
        return 0 if heard in _spellings(name) else _FAR
    return _misspelling(heard, name, limit, False)


def _misspelling(heard: str, name: str, limit: int, inner: bool) -> int:
    """Edit distance up to the limit, Hebrew prefixes aside; beyond it is far."""
    if heard in _spellings(name) and not inner:
        return 0
    if not limit or abs(len(heard) - len(name)) > limit + 2:
        return _FAR
    rests = [heard]
    if is_hebrew(name[0]) and not inner:
        rests += [heard[len(prefix) :] for prefix in _PREFIXES if heard.startswith(prefix)]
    return min(_near(rest, name, limit) for rest in rests)


@lru_cache(maxsize=1024)
def _spellings(name: str) -> frozenset[str]:
    """The name as it is written in a sentence: «בצפון» is «ב» and «הצפון»."""
    if not is_hebrew(name[0]):
        return frozenset({name, name + "s"})
    swallowed = {prefix + name[1:] for prefix in "בלמ"} if name.startswith("ה") else set()
    return frozenset({name, *(prefix + name for prefix in _PREFIXES), *swallowed})


def _tolerance(word: str) -> int:
    if len(word) < 6:
        return 0
    return 1 if len(word) < 8 else 2


def _near(one: str, other: str, limit: int) -> int:
    """Edit distance (a swap of neighbors counts one), or far; the first letter must be right."""
    if abs(len(one) - len(other)) > limit or one[:1] != other[:1]:
        return _FAR
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row = row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (letter != wanted))
            swapped = i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted
            row.append(min(cost, before[j - 2] + 1) if swapped else cost)
        before = previous
    return row[-1] if row[-1] <= limit else _FAR
