"""What the caller wants so far, and what is still missing."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

Slot = Literal["area", "kind", "budget", "time"]
SLOTS: tuple[Slot, ...] = ("area", "kind", "budget", "time")

Part = Literal["morning", "noon", "afternoon", "evening"]
Deal = Literal["rent", "buy"]


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


@dataclass(frozen=True, slots=True)
class Wish:
    area: str | None = None
    kind: str | None = None
    budget: int | None = None
    """At most this many shekels."""
    time: When | None = None
    rooms: float | None = None
    deal: Deal | None = None
    open: frozenset[Slot] = frozenset()
    """The caller has no preference about these: they are filled."""


def is_filled(wish: Wish, slot: Slot) -> bool:
    if slot in wish.open:
        return True
    match slot:
        case "area":
            return wish.area is not None
        case "kind":
            return wish.kind is not None
        case "budget":
            return wish.budget is not None
        case "time":
            return wish.time is not None
        case _:
            assert_never(slot)


def missing(wish: Wish) -> Slot | None:
    """The slot to ask for next."""
    return next((slot for slot in SLOTS if not is_filled(wish, slot)), None)


def leave_open(wish: Wish, slot: Slot) -> Wish:
    return replace(wish, open=wish.open | {slot})


def forget(wish: Wish, slot: Slot) -> Wish:
    """The caller wants something else, and it is not known yet what."""
    wish = replace(wish, open=wish.open - {slot})
    match slot:
        case "area":
            return replace(wish, area=None)
        case "kind":
            return replace(wish, kind=None)
        case "budget":
            return replace(wish, budget=None)
        case "time":
            return replace(wish, time=None)
        case _:
            assert_never(slot)
