"""Hebrew writing: points (niqqud) on and off, and the prefixes that are written as one word with
their noun. Spoken texts carry points, because the local voice can read nothing else; where
the stress is not what the points suggest, an ole (U+05AB) marks it."""

import re

_POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
_HEBREW_WORD = re.compile("[\u0591-\u05f4]*[א-ת][\u0591-\u05f4]*")
_DAGESH = "\u05bc"
_SHEVA, _HIRIQ = "\u05b0", "\u05b4"
_HATAF = {"\u05b1": "\u05b6", "\u05b2": "\u05b7", "\u05b3": "\u05b8"}


def without_points(text: str) -> str:
    return _POINTS.sub("", text)


def is_hebrew(text: str) -> bool:
    return any("א" <= letter <= "ת" for letter in text)


def hebrew_words(text: str) -> list[str]:
    return _HEBREW_WORD.findall(text)


def unpointed_words(text: str) -> list[str]:
    """The Hebrew words in it that carry no point at all."""
    return [word for word in hebrew_words(text) if without_points(word) == word]


def point(sentence: str, lexicon: dict[str, str]) -> str:
    """The sentence with the points of every word that the lexicon knows."""
    return _HEBREW_WORD.sub(lambda word: lexicon.get(word[0], word[0]), sentence)


def to(place: str) -> str:
    """«בְּיָ֫פוֹ» -> «לְיָ֫פוֹ»: both prefixes take the same vowel; only the bet has a dagesh."""
    head = re.match("ב[\u0591-\u05c7]*", place)
    if head is None:
        return place
    return "ל" + head[0][1:].replace(_DAGESH, "") + place[head.end() :]


def conjoin(word: str) -> str:
    """The word with «and» before it: the hataf's vowel, וּ before labials and a sheva, else וְ."""
    marks = _first_marks(word)
    vowel = _vowel_before(marks)
    if vowel in _HATAF.values():
        return "ו" + vowel + word
    return "ו" + (_DAGESH if _SHEVA in marks or word[0] in "במפ" else _SHEVA) + word


def toward(word: str) -> str:
    """The word with «to» before it, without an article: «לְשִׁבְעָה», «לַחֲמִישָּׁה», «לִשְׁנֵי»."""
    return "ל" + _vowel_before(_first_marks(word)) + word


def _first_marks(word: str) -> str:
    marks = re.match("[א-ת]([\u0591-\u05c7]*)", word)
    return marks[1] if marks else ""


def _vowel_before(marks: str) -> str:
    """What a prefix with a sheva becomes before a letter with these marks."""
    for mark in marks:
        if mark in _HATAF:
            return _HATAF[mark]
    return _HIRIQ if _SHEVA in marks else _SHEVA
