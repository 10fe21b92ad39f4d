"""The keypad menus: up to four choices a page, 9 for the next page; and the key that is none of a
menu's."""

from dataclasses import dataclass
from typing import assert_never

from engine.dialogue.profile import Choice, Choices, Count, Money, Name, Phone, Profile, Slot, Time
from engine.dialogue.understand import Understood
from engine.dialogue.wish import When

PER_PAGE = 4
MORE = "9"
NO_MORE_CALLS = "*"
"""Whom we have called does not want to be called again."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a key stands for."""

    choice: Choice | None = None
    amount: int | None = None
    number: int | None = None
    time: When | None = None

    def as_said(self, slot: Slot) -> Understood:
        """The key as if it had been words."""
        if self.choice is not None:
            return Understood(choices=((slot, (self.choice.key,)),))
        if self.number is not None:
            return Understood(counts=((slot, self.number),))
        return Understood(budget=self.amount, when=self.time)


TIMES = (When(part="morning"), When(part="afternoon"), When())


def _items(profile: Profile, slot: Slot) -> tuple[Item, ...]:
    match profile.topic(slot).answers:
        case Choices(choices):
            return tuple(Item(choice=choice) for choice in choices)
        case Money() as money:
            return tuple(Item(amount=amount) for amount in money.amounts)
        case Count(least, most):
            return tuple(Item(number=number) for number in range(least, most + 1))
        case Time():
            return tuple(Item(time=time) for time in TIMES)
        case Name() | Phone():
            return ()
        case other:
            assert_never(other)


def pages(profile: Profile, slot: Slot) -> int:
    return -(-len(_items(profile, slot)) // PER_PAGE)


def has_more(profile: Profile, slot: Slot) -> bool:
    return pages(profile, slot) > 1


def page_items(profile: Profile, slot: Slot, page: int) -> tuple[Item, ...]:
    return _items(profile, slot)[page * PER_PAGE : (page + 1) * PER_PAGE]


def choice(profile: Profile, slot: Slot, page: int, digit: str) -> Understood | None:
    items = page_items(profile, slot, page)
    if not digit.isdecimal() or not 1 <= int(digit) <= len(items):
        return None
    return items[int(digit) - 1].as_said(slot)
