"""A call so far, as the policy knows it, and what the caller does in a turn."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import assert_never

from engine.core.effects import Occasion
from engine.dialogue.acts import (
    Act,
    AnotherTime,
    Ask,
    Book,
    Cancel,
    Confirm,
    ConfirmBudget,
    ConfirmCancel,
    Distress,
    Goodbye,
    Greet,
    HandOver,
    Introduce,
    Lead,
    LeaveMessage,
    Menu,
    Narrow,
    Offer,
    OfferPerson,
    Question,
    Rest,
    StillThere,
    Wait,
    WhichOne,
    WindowMenu,
)
from engine.dialogue.hours import Window
from engine.dialogue.profile import Language, Profile, Slot
from engine.dialogue.understand import Understood
from engine.dialogue.wish import Wish

SILENCES_OF_A_MOMENT = 3
"""So many more go unnoticed after the caller asked for a moment."""


class Recording(Enum):
    """What the caller knows of a recording of the call, and thinks of it."""

    UNTOLD = "nothing"
    TOLD = "that there is one"
    REFUSED = "that there shall be none"


@dataclass(frozen=True, slots=True)
class Talk:
    """A call so far."""

    profile: Profile = field(repr=False)
    language: Language
    keypad: bool = False
    """Questions are menus: nothing can be recognized here, or this caller answers with keys."""
    wish: Wish = field(default_factory=Wish)
    learned: frozenset[Slot] = frozenset()
    """What the caller's last words have told."""
    act: Act = field(default_factory=Greet)
    question: Question = field(default_factory=Greet)
    """The question that stands; an answer is an answer to it."""
    heard: tuple[Window, ...] = ()
    """Those of the windows on offer that reached the caller's ear."""
    booked: Window | None = None
    leaving: Window | None = None
    """What was booked, and stands until another time is booked instead of it."""
    refused: frozenset[datetime] = frozenset()
    refusals: int = 0
    misses: int = 0
    """Turns in a row of which nothing useful was understood."""
    announced: frozenset[Language] = frozenset()
    """The languages in which the caller has heard who speaks."""
    lead: Lead | None = None
    """What comes before the question."""
    abused: bool = False
    refused_person: bool = False
    words: str = ""
    """The caller's last."""
    before: tuple[str, ...] = ()
    """Those of the few turns before, the newest first."""
    echoes: int = 0
    """Turns in a row that said what one of the few before had said."""
    silences: int = 0
    """Times in a row that the caller was silent for long; below zero: he may be."""
    noisy: bool = False
    """For long there was only noise, and the caller was told."""
    outbound: bool = False
    """We have called: a machine may answer."""
    greetings: int = 0
    """Turns of a machine's greeting so far."""
    messages: int = 0
    """Times that a message for it was begun."""
    idle: int = 0
    """Spoken turns since the wish last grew."""
    turns: int = 0
    recording: Recording = Recording.UNTOLD

    @property
    def meeting(self) -> Window | None:
        """The one that the caller has."""
        return self.booked or self.leaving


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller did."""

    meaning: Understood
    digits: str = ""
    heard: tuple[Window, ...] = ()
    """The windows of our last reply that reached the caller."""
    announced: frozenset[Language] = frozenset()
    """The languages in which it has announced who speaks."""
    words: str = ""
    occasion: Occasion = Occasion.ANSWER
    recorded: bool = False
    """What has announced who speaks has announced a recording, too."""


def acting(talk: Talk, act: Act) -> Talk:
    """The talk with this as its next act, and with what that changes of the standing question."""
    match act:
        case Offer() | WhichOne() | WindowMenu():
            heard = tuple(window for window in talk.heard if window in act.windows)
            return replace(talk, act=act, question=act, heard=heard)
        case Greet() | Introduce() | Ask() | Narrow() | ConfirmBudget() | Menu() | OfferPerson():
            return replace(talk, act=act, question=act, heard=())
        case ConfirmCancel() | AnotherTime():
            heard = talk.heard if talk.question == act else ()
            return replace(talk, act=act, question=act, heard=heard)
        case Wait():
            return replace(talk, act=act, silences=-SILENCES_OF_A_MOMENT)
        case Book() | Cancel() | Confirm() | HandOver() | Goodbye():
            return replace(talk, act=act)
        case Rest() | StillThere() | Distress() | LeaveMessage():
            return replace(talk, act=act)
        case _:
            assert_never(act)
