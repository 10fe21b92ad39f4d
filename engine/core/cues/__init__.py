"""What words say about the turn: does the caller stop us, keep us company, has he finished?

Pure and small: one module per language with its words, tables in the tests. Texts come from a
recognizer's partial results, so they may be half of a word, unpunctuated, or in any language.
"""

from enum import StrEnum


class Awaits(StrEnum):
    """What the agent's last question asks for: it tells when an answer is complete."""

    ANYTHING = "anything"
    YES_NO = "yes-no"
    NUMBER = "number"
    CHOICE = "choice"
    PHONE = "phone"


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
