"""What ends our part of a call, and how: goodbye, or a person who takes it over."""

from dataclasses import replace

from engine.core.effects import Occasion
from engine.dialogue import menu
from engine.dialogue.acts import (
    AnotherTime,
    Ending,
    Goodbye,
    HandOver,
    Introduce,
    Lead,
    OfferPerson,
)
from engine.dialogue.questions import plainly
from engine.dialogue.talk import Talk, Turn, acting
from engine.dialogue.understand import Understood
from engine.dialogue.unwanted import never_again, not_now

MOST_TURNS = 300
"""About an hour of talk: nobody is kept, or keeps us, for ever."""
MOST_ECHOES = 3
"""Long turns in a row that say what a recent one said: nobody talks like that but a machine."""
MOST_IDLE = 40
"""Spoken turns in a row that add nothing to the wish."""
SILENCES_BEFORE_GOODBYE = 3


def enough(talk: Talk, occasion: Occasion) -> Ending | None:
    """Why the call ends, whatever was said."""
    if occasion is Occasion.OVER and talk.booked is None:
        return Ending.TIME
    if talk.echoes >= MOST_ECHOES:
        return Ending.MACHINE
    if talk.turns > MOST_TURNS or talk.idle >= MOST_IDLE:
        return Ending.LOST
    if talk.silences >= SILENCES_BEFORE_GOODBYE and talk.booked is None:
        return Ending.SILENT
    return Ending.NOISE if talk.noisy and occasion is Occasion.NOISE else None


def called_off(talk: Talk, turn: Turn) -> Ending | None:
    """Why the call ends in the middle of the talk."""
    away = turned_away(talk, turn.words, turn.digits)
    return Ending.CLOSING if away is None and turn.occasion is Occasion.CLOSING else away


def turned_away(talk: Talk, words: str, digits: str = "") -> Ending | None:
    """How whom we have called ends it, if he does."""
    if not talk.outbound or talk.greetings:
        return None
    if never_again(words) or (talk.keypad and menu.NO_MORE_CALLS in digits):
        return Ending.UNWANTED
    asked = isinstance(talk.question, Introduce)
    return Ending.BAD_TIME if asked and not_now(words) else None


def parted(talk: Talk, meaning: Understood) -> Talk | None:
    """What may end our part of the call, whatever else was said."""
    if meaning.abuse:
        return _after_abuse(talk)
    accepted = isinstance(talk.question, OfferPerson) and meaning.answer == "yes"
    if meaning.human or accepted:
        return hand_over(talk)
    declined = meaning.answer == "no" and not meaning.tells_a_wish
    if isinstance(talk.question, Introduce) and declined:
        return acting(talk, Goodbye(Ending.BAD_TIME))
    if isinstance(talk.question, AnotherTime) and (
        declined or (meaning.thanks and not meaning.answer)
    ):
        return acting(talk, farewell(talk))
    return acting(talk, farewell(talk)) if meaning.goodbye else None


def _after_abuse(talk: Talk) -> Talk:
    if talk.abused:
        return acting(talk, Goodbye(Ending.ABUSE))
    return acting(replace(talk, abused=True, lead=Lead.ABUSE), plainly(talk))


def hand_over(talk: Talk) -> Talk:
    if talk.profile.people:
        return acting(talk, HandOver(talk.profile.people[0]))
    return acting(replace(talk, lead=Lead.NO_PERSON), plainly(talk))


def farewell(talk: Talk) -> Goodbye:
    return Goodbye(Ending.CALLED if talk.outbound else Ending.CALLER)
