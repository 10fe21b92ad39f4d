"""How a question is put: for the first time, again when it was not answered, and with keys."""

from dataclasses import replace
from typing import assert_never

from engine.dialogue import menu
from engine.dialogue.acts import (
    AnotherTime,
    Ask,
    ConfirmBudget,
    ConfirmCancel,
    Ending,
    Goodbye,
    Greet,
    Introduce,
    Manner,
    Menu,
    Narrow,
    Offer,
    OfferPerson,
    Question,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.answers import budget_slot
from engine.dialogue.profile import Slot
from engine.dialogue.talk import Talk, acting
from engine.dialogue.wish import missing

MISSES_BEFORE_MENU = 3
MISSES_BEFORE_GOODBYE = 6


def question_for(talk: Talk, slot: Slot) -> Question:
    return menu_for(talk, slot) if talk.keypad else Ask(slot)


def menu_for(talk: Talk, slot: Slot) -> Question:
    """Names and numbers have none."""
    return Menu(slot) if has_menu(talk, slot) else Ask(slot, Manner.OTHER_WORDS)


def has_menu(talk: Talk, slot: Slot) -> bool:
    return menu.pages(talk.profile, slot) > 0


def next_slot(talk: Talk) -> Slot:
    """What is asked for next; of a wish that is complete, the first."""
    return missing(talk.wish, talk.profile.asked) or talk.profile.asked[0]


def plainly(talk: Talk) -> Question:
    """The standing question once more, without an apology."""
    match talk.question:
        case Greet():
            return Greet() if talk.keypad else question_for(talk, next_slot(talk))
        case Introduce():
            heard = talk.language in talk.announced
            return Introduce(Manner.AGAIN if heard else Manner.PLAIN)
        case Ask(slot) | Narrow(slot):
            return Ask(slot)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN)
        case ConfirmBudget() | OfferPerson() | Menu() | WindowMenu():
            return talk.question
        case ConfirmCancel() | AnotherTime():
            return talk.question
        case _:
            assert_never(talk.question)


def open_question(talk: Talk) -> Question:
    question = plainly(talk)
    return Offer(question.windows) if isinstance(question, Offer) else question


def in_short(talk: Talk) -> Talk:
    """The question in a form that leaves room for what must be announced before it."""
    match talk.question:
        case Offer(windows) | WhichOne(windows):
            return acting(talk, Offer(windows[:1]))
        case WindowMenu(windows):
            return acting(talk, WindowMenu(windows[:1]))
        case Menu(slot):
            return acting(talk, Ask(slot))
        case _:
            return talk


def miss(talk: Talk) -> Talk:
    return miss_with(talk, _gently(talk, talk.misses + 1))


def miss_with(talk: Talk, question: Question) -> Talk:
    """Another turn that did not help; after some of them keys do, after more it is goodbye."""
    misses = talk.misses + 1
    talk = replace(talk, misses=misses)
    unheard = isinstance(question, Introduce) and misses >= MISSES_BEFORE_MENU
    if misses >= MISSES_BEFORE_GOODBYE or unheard:
        return acting(talk, Goodbye(Ending.LOST))
    offers = talk.profile.people and not talk.refused_person and not talk.keypad
    if misses >= MISSES_BEFORE_MENU and offers and not isinstance(talk.question, OfferPerson):
        return acting(talk, OfferPerson())
    if misses >= MISSES_BEFORE_MENU or talk.keypad:
        return acting(talk, _with_keys(talk, question))
    return acting(talk, question)


def _gently(talk: Talk, misses: int) -> Question:
    """The same question for the first and the second time that it is not answered."""
    first, question = misses == 1, talk.question
    match question:
        case Greet():
            return Greet(Manner.AGAIN) if first else Ask(next_slot(talk), Manner.OTHER_WORDS)
        case Introduce():
            return Introduce(Manner.PLAIN if first else Manner.AGAIN)
        case Ask(slot) | Narrow(slot):
            return Ask(slot, Manner.AGAIN if first else Manner.OTHER_WORDS)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN) if first else WhichOne(windows)
        case ConfirmBudget() | OfferPerson() | Menu() | WindowMenu():
            return question
        case ConfirmCancel() | AnotherTime():
            return question
        case _:
            assert_never(question)


def _with_keys(talk: Talk, question: Question) -> Question:
    match question:
        case Greet():
            return Greet() if talk.keypad else menu_for(talk, next_slot(talk))
        case OfferPerson() | Introduce() | ConfirmCancel() | AnotherTime():
            return question
        case Ask(slot) | Narrow(slot):
            return menu_for(talk, slot)
        case ConfirmBudget():
            return Menu(budget_slot(talk))
        case Offer(windows) | WhichOne(windows):
            return WindowMenu(windows)
        case Menu() | WindowMenu():
            return question
        case _:
            assert_never(question)
