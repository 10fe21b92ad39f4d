"""What the agent can do next in a call. The policy chooses one, `phrases` words it."""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from engine.core.cues import Awaits
from engine.dialogue.hours import Window
from engine.dialogue.profile import Count, Money, Phone, Profile, Slot, Time


class Manner(Enum):
    """How a question is put."""

    PLAIN = "plain"
    AGAIN = "not heard well: please repeat"
    OTHER_WORDS = "still not understood"
    ANOTHER_DAY = "the times offered did not suit"


class Why(Enum):
    """Why these windows are offered now."""

    ASKED = "they are what the caller asked for"
    OTHERS = "the caller refused the last ones"
    AGAIN = "the caller did not hear, or did not choose one"
    TAKEN = "the chosen one has just been taken"
    NOTHING_THEN = "nothing is free when the caller asked for it"
    BEYOND = "the caller asked for a day that cannot be booked yet"


@dataclass(frozen=True, slots=True)
class Greet:
    manner: Manner = Manner.PLAIN


@dataclass(frozen=True, slots=True)
class Introduce:
    """We have called: who we are and why, and whether it is a good time; AGAIN: only that."""

    manner: Manner = Manner.PLAIN


@dataclass(frozen=True, slots=True)
class Ask:
    slot: Slot
    manner: Manner = Manner.PLAIN


@dataclass(frozen=True, slots=True)
class Narrow:
    """Several were named: which one?"""

    slot: Slot


@dataclass(frozen=True, slots=True)
class ConfirmBudget:
    amount: int


@dataclass(frozen=True, slots=True)
class Menu:
    """A question that keys answer."""

    slot: Slot
    page: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    windows: tuple[Window, ...]
    why: Why = Why.ASKED


@dataclass(frozen=True, slots=True)
class WhichOne:
    """The windows were not chosen from in the usual words: the first, the second, the third?"""

    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class WindowMenu:
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class OfferPerson:
    """Shall the caller speak with a person instead?"""


@dataclass(frozen=True, slots=True)
class ConfirmCancel:
    """Shall what is booked be canceled?"""

    window: Window


@dataclass(frozen=True, slots=True)
class AnotherTime:
    """Shall another time be found?"""

    canceled: Window | None = None
    """That this one is, is told first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The caller asked for a moment; the question stays open."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is said: the caller has asked for a moment, and has it."""


@dataclass(frozen=True, slots=True)
class StillThere:
    """The caller is silent: is he there? The question stays open."""


@dataclass(frozen=True, slots=True)
class Distress:
    """The caller speaks of dying: a person is what he needs, ours or one who is there for that."""

    key: str = ""
    """Of ours; empty: there is none."""


@dataclass(frozen=True, slots=True)
class LeaveMessage:
    """We have called, and a machine takes messages."""


@dataclass(frozen=True, slots=True)
class Book:
    """Not spoken: the store is asked first."""

    window: Window


@dataclass(frozen=True, slots=True)
class Cancel:
    """Not spoken either."""

    window: Window


@dataclass(frozen=True, slots=True)
class Confirm:
    """It is booked: the summary that ends the call."""

    window: Window


@dataclass(frozen=True, slots=True)
class HandOver:
    """The caller is given to a person: a key of the profile, never a number."""

    key: str


class Lead(Enum):
    """What is said before a question that stays as it is."""

    NO_PERSON = "the caller wants a person, and there is none"
    ABUSE = "the caller is abusive, for the first time"
    DROPPED = "the caller is back after the line broke"
    UNANSWERED = "the caller is back: nobody answered to whom we gave the call"
    STILL_HERE = "the caller has been silent for long, and for the second time"
    NOISE = "there was a noise for long, and no word"
    MONOLOGUE = "the caller talks without end"
    LATE = "the longest time of a call is nearly over"
    MOVED = "the meeting has another time now"
    CANCELED = "the meeting is canceled, and the caller has not heard it yet"
    FULL = "there is no other time for the meeting"
    UNRECORDED = "the caller does not want to be recorded"


class Ending(Enum):
    CALLER = "the caller said goodbye"
    LOST = "nothing was understood for too long"
    FULL = "there is no window that the caller wants"
    BROKEN = "the meeting could not be stored"
    ABUSE = "the caller went on being abusive"
    STANDS = "the caller wants what is booked otherwise, and it could not be changed"
    SILENT = "the caller said nothing for too long"
    NOISE = "there was a noise and no word for too long"
    MACHINE = "the caller says the same again and again, as a machine does"
    CALLED = "whom we have called said goodbye"
    BAD_TIME = "whom we have called has no time"
    UNWANTED = "whom we have called does not want to be called"
    TIME = "the longest time of a call is over"
    CLOSING = "the bridge closes in the middle of the call"


@dataclass(frozen=True, slots=True)
class Goodbye:
    ending: Ending


Offering = Offer | WhichOne | WindowMenu
Question = (
    Greet
    | Introduce
    | Ask
    | Narrow
    | ConfirmBudget
    | Menu
    | OfferPerson
    | Offering
    | ConfirmCancel
    | AnotherTime
)
Act = (
    Question
    | Wait
    | Rest
    | StillThere
    | Distress
    | LeaveMessage
    | Book
    | Cancel
    | Confirm
    | HandOver
    | Goodbye
)


def awaited(profile: Profile, question: Question) -> Awaits:
    """What the question asks for."""
    match question:
        case ConfirmBudget() | OfferPerson() | Introduce() | ConfirmCancel() | AnotherTime():
            return Awaits.YES_NO
        case Offer(windows) | WhichOne(windows) if len(windows) == 1:
            return Awaits.YES_NO
        case Offer() | WhichOne() | WindowMenu() | Menu():
            return Awaits.CHOICE
        case Ask(slot):
            return _awaited_of(profile, slot)
        case Greet() | Narrow():
            return Awaits.ANYTHING
        case _:
            assert_never(question)


def _awaited_of(profile: Profile, slot: Slot) -> Awaits:
    match profile.topic(slot).answers:
        case Money() | Count():
            return Awaits.NUMBER
        case Phone():
            return Awaits.PHONE
        case Time():
            return Awaits.TIME
        case _:
            return Awaits.ANYTHING
