"""What a turn tells of the wish, given the question that it answers."""

from dataclasses import replace
from typing import assert_never

from engine.dialogue import menu
from engine.dialogue.acts import (
    AnotherTime,
    Ask,
    ConfirmBudget,
    ConfirmCancel,
    Greet,
    Introduce,
    Menu,
    Narrow,
    Offer,
    Offering,
    OfferPerson,
    WhichOne,
    WindowMenu,
)
from engine.dialogue.amounts import budget_guess, scale_of
from engine.dialogue.profile import Choices, Count, Money, Name, Phone, Profile, Slot, Time
from engine.dialogue.talk import Talk
from engine.dialogue.understand import Understood
from engine.dialogue.wish import Value, When, Wish, fill, leave_open


def in_answer(talk: Talk, meaning: Understood) -> Understood:
    """What words alone leave open, the question that they answer may tell."""
    slot, number = slot_asked(talk), meaning.number
    if isinstance(talk.question, AnotherTime) and meaning.move:
        # «מועד אחר» refuses a time that is offered; here it is what was asked.
        meaning = replace(meaning, answer="yes")
    if meaning.unclear_budget and budget_slot(talk) not in talk.profile.asked:
        # Nobody has asked for it.
        meaning = replace(meaning, unclear_budget=False, budget_guess=None)
    if slot is None:
        return meaning
    if isinstance(talk.question, Menu) and number is not None:
        # “One” for the first choice: keys may be spoken.
        key = menu.choice(talk.profile, slot, talk.question.page, f"{number:g}")
        if key is not None:
            return key
    match talk.profile.topic(slot).answers:
        case Money() as money if number is not None:
            return _as_amount(talk, money, meaning, number)
        case Count(least, most) if number is not None and least <= number <= most:
            return replace(meaning, number=None, counts=((slot, number),))
        case Name() if meaning.name is None:
            return replace(meaning, name=meaning.maybe_name)
        case _:
            return meaning


def _as_amount(talk: Talk, money: Money, meaning: Understood, number: float) -> Understood:
    """“What is your budget?” “Seven.”"""
    if meaning.budget is not None or meaning.unclear_budget or meaning.ordinals:
        return meaning
    chosen = {slot: (str(value),) for slot, value in talk.wish.values}
    chosen = {slot: keys for slot, keys in chosen.items() if slot in talk.profile.choices}
    scale = scale_of(talk.profile, {**chosen, **dict(meaning.choices)}.items())
    return replace(meaning, unclear_budget=True, budget_guess=budget_guess(number, money, scale))


def learn(talk: Talk, meaning: Understood) -> Wish:
    wish = talk.wish
    for slot, value in values_told(talk, meaning).items():
        wish = wish if value is None else fill(wish, slot, value)
    asked = slot_asked(talk)
    if meaning.no_matter and asked is not None:
        wish = leave_open(wish, asked)
    return wish


def values_told(talk: Talk, meaning: Understood) -> dict[Slot, Value | None]:
    budget = meaning.budget
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "yes":
        budget = budget or talk.question.amount
    told: dict[Slot, Value | None] = {}
    for topic in talk.profile.topics:
        match topic.answers:
            case Choices():
                keys = meaning.chosen(topic.key)
                told[topic.key] = keys[0] if len(keys) == 1 else None
            case Money():
                told[topic.key] = None if meaning.unclear_budget else budget
            case Count():
                told[topic.key] = dict(meaning.counts).get(topic.key)
            case Time():
                told[topic.key] = meaning.when or bare_clock(talk, meaning)
            case Name():
                told[topic.key] = meaning.name
            case Phone():
                told[topic.key] = meaning.phone
            case other:
                assert_never(other)
    return told


def bare_clock(talk: Talk, meaning: Understood) -> When | None:
    """“At what time?” “Ten.”"""
    asked_time = slot_asked(talk) == talk.profile.time or isinstance(talk.question, Offering)
    number = meaning.number
    if not asked_time or number is None or not 1 <= number < 24 or number * 4 % 1:
        return None
    return When(clock=int(number * 60))


def news(before: Wish, after: Wish) -> frozenset[Slot]:
    return frozenset(slot for slot, _ in set(before.values) ^ set(after.values))


def ambiguous(profile: Profile, meaning: Understood) -> Slot | None:
    """Of what must be known, that of which several were named."""
    return next((slot for slot in profile.asked if len(meaning.chosen(slot)) > 1), None)


def slot_asked(talk: Talk) -> Slot | None:
    match talk.question:
        case Ask(slot) | Narrow(slot) | Menu(slot):
            return slot
        case ConfirmBudget():
            return budget_slot(talk)
        case Greet() | Introduce() | OfferPerson() | ConfirmCancel() | AnotherTime():
            return None
        case Offer() | WhichOne() | WindowMenu():
            return None
        case _:
            assert_never(talk.question)


def budget_slot(talk: Talk) -> Slot:
    """Only where there is one can an amount be understood."""
    slot = talk.profile.slot_of(Money)
    assert slot is not None
    return slot
