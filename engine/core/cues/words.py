"""How the words of a text are told apart and compared with phrases, and what a language lists."""

import re
from collections.abc import Container
from dataclasses import dataclass, fields
from functools import reduce
from operator import or_
from unicodedata import normalize

Words = tuple[str, ...]
Phrases = frozenset[Words]

LONGEST = 5
"""Words of a phrase."""

_MARKS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7’‘'׳\"״“”„`]")
"""Hebrew points, and what stands inside words: apostrophes, geresh and gershayim."""
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")


def words_of(text: str) -> Words:
    """“Yesss, I'm” -> ("yes", "im"); a sound of one letter is kept as two: “mm”."""
    text = _MARKS.sub("", normalize("NFKC", text).lower())
    return tuple(_DRAWN_OUT.sub(_shortened, word) for word in _WORD.findall(text))


def _shortened(run: re.Match[str]) -> str:
    return run[1] * 2 if run[0] == run.string else run[1]


def phrases(text: str) -> Phrases:
    """One phrase between bars."""
    found = frozenset(words_of(phrase) for phrase in text.split("|"))
    assert max(map(len, found)) <= LONGEST, "a phrase is too long to be looked for"
    return found


def at_start(words: Words, phrases: Container[Words], start: int = 0) -> int:
    """The length of the longest of the phrases that stands here; 0: none does."""
    lengths = range(min(LONGEST, len(words) - start), 0, -1)
    return next((n for n in lengths if words[start : start + n] in phrases), 0)


def anywhere(words: Words, phrases: Container[Words]) -> bool:
    return any(at_start(words, phrases, start) for start in range(len(words)))


def at_end(words: Words, phrases: Container[Words]) -> int:
    lengths = range(min(LONGEST, len(words)), 0, -1)
    return next((n for n in lengths if words[-n:] in phrases), 0)


def after(words: Words, phrases: Container[Words]) -> Words:
    """What is left behind all of the phrases that stand at the beginning."""
    start = 0
    while length := at_start(words, phrases, start):
        start += length
    return words[start:]


def before(words: Words, phrases: Container[Words]) -> Words:
    """What is left in front of a phrase at the end."""
    return words[: len(words) - at_end(words, phrases)]


@dataclass(frozen=True, slots=True)
class Language:
    """What callers say in one language that tells about the turn."""

    stop: Phrases
    """The beginning of words that ask the agent to stop."""
    company: Phrases
    """They keep the one who talks company; to a question of yes or no they are a yes."""
    hesitation: Phrases
    """Sounds that fill a pause."""
    yes_no: Phrases
    settled: Phrases
    """Whole answers, whatever was asked: goodbyes, “I don't mind”."""
    courtesy: Phrases
    """They may end any answer."""
    dangling: Phrases
    """Words at the end that need another."""
    finished: Phrases
    """Ends that only look like those."""
    amounts: Phrases
    """Words in which an amount ends: scales and units."""
    remainders: Phrases
    """What an amount may end in after those: “seven thousand five *hundred*”."""
    tails: Phrases
    """What follows an amount and changes nothing: “or so”."""
    choices: Phrases
    """The end of words that choose one of several."""
    hours: Phrases
    """The end of words that tell a time, whatever day they begin with."""
    digits: dict[Words, str]
    """Digits, and the pairs in which telephone numbers are said."""


def together(*languages: Language) -> Language:
    """All of them as one: callers mix them."""
    names = [field.name for field in fields(Language)]
    return Language(
        **{name: reduce(or_, (getattr(one, name) for one in languages)) for name in names}
    )
