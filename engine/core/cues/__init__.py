"""What words say about the turn: does the caller stop us, keep us company, has he finished?

Pure and small: one module per language with its words, tables in the tests. Texts come from a
recognizer's partial results, so they may be half of a word, unpunctuated, or in any language.
"""

import re
from enum import StrEnum
from itertools import takewhile
from typing import assert_never
from unicodedata import normalize

from engine.core.cues import english, hebrew
from engine.core.cues.words import Words, after, at_end, at_start, before, together, words_of


class Awaits(StrEnum):
    """What the agent's last question asks for: it tells when an answer is complete."""

    ANYTHING = "anything"
    YES_NO = "yes-no"
    NUMBER = "number"
    CHOICE = "choice"
    PHONE = "phone"
    TIME = "time"


class Over(StrEnum):
    """What words mean that are said while the agent speaks."""

    STOP = "stop"
    """«רגע», "wait": the agent stops at once."""
    COMPANY = "company"
    """«אהה», "mm-hm": the agent goes on."""
    WORDS = "words"
    """Anything else: an interruption like any other."""


class Ending(StrEnum):
    """How near an utterance is to its end, by its words so far."""

    COMPLETE = "complete"
    """A whole short answer: a shorter silence ends it."""
    UNFINISHED = "unfinished"
    """Something must follow: a longer silence is waited for."""
    OPEN = "open"
    """It can't be told: the usual silence."""


_SAY = together(hebrew.LANGUAGE, english.LANGUAGE)  # another language is another module here
_NODS = _SAY.company | _SAY.hesitation
_BEFORE_STOP = _NODS | _SAY.yes_no | _SAY.courtesy
_DANGLING = _SAY.dangling | _SAY.hesitation
_WHOLE = _NODS | _SAY.yes_no | _SAY.settled
_ANSWERS = {
    Awaits.ANYTHING: _SAY.settled | _SAY.yes_no,
    Awaits.YES_NO: _SAY.settled | _SAY.yes_no | _SAY.company,
    # «כן» is no number and no choice: what the caller says yes to is still to come.
    Awaits.NUMBER: _SAY.settled,
    Awaits.CHOICE: _SAY.settled,
    Awaits.PHONE: _SAY.settled,
    Awaits.TIME: _SAY.settled,
}
_TRAILING_OFF = ("..", "-", "–", "—", "־")
_AMOUNT_DIGITS = 4
_COUNTRY = re.compile("^(?:00)?972")
_PHONE = re.compile(r"0(?:[57]\d{8}|[23489]\d{7})|[1-9]\d{9}")
"""Israeli numbers, mobile and fixed; of others ten digits."""
_PHONE_DIGITS = 10


def over(text: str) -> Over:
    """What this means while the agent speaks. No words at all are company: a sound in which
    nothing was recognized interrupts nobody."""
    words = words_of(text)
    if not after(words, _NODS):
        return Over.COMPANY
    # “No, wait”: a stop may have a word before it.
    return Over.STOP if at_start(after(words, _BEFORE_STOP), _SAY.stop) else Over.WORDS


def ending(text: str, awaits: Awaits) -> Ending:
    """How near these words are to the end of an answer to the agent's question."""
    words = _without_trimmings(words_of(text))
    if not words:
        return Ending.OPEN
    if _trails_off(text):
        return Ending.UNFINISHED
    if awaits is Awaits.PHONE and (digits := _dictated(words)):
        return _phone(digits)
    if _is_whole_answer(words, awaits):
        return Ending.COMPLETE
    if at_end(words, _DANGLING) and not at_end(words, _SAY.finished):
        return Ending.UNFINISHED
    return Ending.COMPLETE if _gives(words, awaits) else Ending.OPEN


def _without_trimmings(words: Words) -> Words:
    """Without what may follow an answer and changes nothing: “please”, “or so”."""
    words = before(words, _SAY.courtesy) or words
    amount = before(words, _SAY.tails)
    return amount if _is_amount(amount) else words


def _trails_off(text: str) -> bool:
    return normalize("NFKC", text).rstrip(" \n,?!\"'”»").endswith(_TRAILING_OFF)


def _is_whole_answer(words: Words, awaits: Awaits) -> bool:
    """Nothing but accompanying words and answers, the last of which answers this question."""
    return bool(at_end(words, _ANSWERS[awaits])) and not after(words, _WHOLE)


def _gives(words: Words, awaits: Awaits) -> bool:
    """Do they end in what was asked for?"""
    match awaits:
        case Awaits.NUMBER:
            return _is_amount(words)
        case Awaits.CHOICE:
            return _is_amount(words) or _is_choice(words)
        case Awaits.TIME:
            return bool(at_end(words, _SAY.hours))
        case Awaits.ANYTHING | Awaits.YES_NO | Awaits.PHONE:
            return False
        case _:
            assert_never(awaits)


def _is_choice(words: Words) -> bool:
    """A place in a list, a key or an hour at the end: «השני», “number two”, «בתשע וחצי»."""
    ends = (_SAY.choices, _SAY.digits, _SAY.remainders)
    return words[-1].isdecimal() or any(at_end(words, phrases) for phrases in ends)


def _is_amount(words: Words) -> bool:
    """A full number at the end. “Seven” may still become “seven thousand”, and so may “seven
    hundred”; «שבעת» must."""
    if at_end(words, _SAY.amounts) or len(_written_number(words)) >= _AMOUNT_DIGITS:
        return True
    rest = before(words, _SAY.remainders)
    return rest != words and any((word,) in _SAY.amounts for word in rest)


def _written_number(words: Words) -> str:
    """The digits at the end: “7 000” is one number."""
    parts = takewhile(lambda word: word[0].isdecimal(), reversed(words))
    return "".join(re.sub(r"\D", "", part) for part in parts)


def _dictated(words: Words) -> str:
    """The digits of a telephone number, whatever is said around them."""
    digits, start = "", 0
    while start < len(words):
        length = at_start(words, _SAY.digits, start) or 1
        said = words[start : start + length]
        digits += _SAY.digits.get(said) or re.sub(r"\D", "", said[0])
        start += length
    return digits


def _phone(digits: str) -> Ending:
    digits = _COUNTRY.sub("0", digits)
    if _PHONE.fullmatch(digits):
        return Ending.COMPLETE
    return Ending.UNFINISHED if len(digits) < _PHONE_DIGITS else Ending.OPEN
