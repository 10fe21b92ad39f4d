"""What the caller wants so far, and what is still missing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from engine.dialogue.profile import Slot

Part = Literal["morning", "noon", "afternoon", "evening"]


@dataclass(frozen=True, slots=True)
class When:
    """A time as it was said; what was not said is None. `When()` is: any time."""

    weekday: int | None = None
    """Monday is 0."""
    days_ahead: int | None = None
    """Today is 0, tomorrow 1."""
    next_week: bool = False
    part: Part | None = None
    clock: int | None = None
    """Minutes; below 12 hours it says nothing about morning or afternoon."""
    day: int | None = None
    """Of a month: the next such day, today among them."""
    month: int | None = None
    """January is 1; never without the day."""


Value = str | int | float | When
"""The key of a choice, an amount, a number, a time, a name, a telephone number."""


@dataclass(frozen=True, slots=True)
class Wish:
    values: tuple[tuple[Slot, Value], ...] = ()
    """Sorted by slot."""
    open: frozenset[Slot] = frozenset()
    """The caller has no preference about these: they are filled."""

    def get(self, slot: Slot) -> Value | None:
        return dict(self.values).get(slot)


def is_filled(wish: Wish, slot: Slot) -> bool:
    return slot in wish.open or wish.get(slot) is not None


def missing(wish: Wish, asked: Iterable[Slot]) -> Slot | None:
    """The slot to ask for next."""
    return next((slot for slot in asked if not is_filled(wish, slot)), None)


def fill(wish: Wish, slot: Slot, value: Value) -> Wish:
    values = {**dict(wish.values), slot: value}
    return Wish(tuple(sorted(values.items())), wish.open - {slot})


def leave_open(wish: Wish, slot: Slot) -> Wish:
    return replace(wish, open=wish.open | {slot})


def forget(wish: Wish, slot: Slot) -> Wish:
    """The caller wants something else, and it is not known yet what."""
    values = tuple(pair for pair in wish.values if pair[0] != slot)
    return Wish(values, wish.open - {slot})
