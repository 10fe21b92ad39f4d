"""The callers of a set, read from its files: what each wants, how each one is, and their words.

Two sets, made by different hands in different words: the dialogue may be improved with `tuning`;
`reporting` only tells how good it is."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from engine.dialogue.profile import Language

Set = Literal["tuning", "reporting"]
SETS: tuple[Set, ...] = get_args(Set)
LANGUAGES: tuple[Language, ...] = get_args(Language)
Slot = Literal["area", "kind", "budget", "when"]
SLOTS: tuple[Slot, ...] = get_args(Slot)
Purpose = Literal["meeting", "human", "leaves", "wrong_number"]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AHEAD = ("today", "tomorrow")
NOON = 12 * 60
_FOLDER = Path(__file__).parent / "callers"


@dataclass(frozen=True, slots=True)
class Time:
    """When the meeting shall be; what is empty does not matter."""

    day: str = ""
    part: str = ""
    minute: int | None = None
    """Of the day."""

    def fits(self, start: datetime, now: datetime) -> bool:
        minute = start.hour * 60 + start.minute
        if self.day in AHEAD and (start.date() - now.date()).days != AHEAD.index(self.day):
            return False
        if self.day in DAYS and start.weekday() != DAYS.index(self.day):
            return False
        if self.part and (minute < NOON) != (self.part == "morning"):
            return False
        return self.minute is None or minute == self.minute


@dataclass(frozen=True, slots=True)
class Goal:
    """None: the caller does not mind."""

    kind: str | None
    area: str | None
    budget: int | None
    when: Time
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Temper:
    """How a caller behaves besides."""

    likes: frozenset[str] = frozenset()
    """asks (back), chatty, hesitates, interrupts, keys, mumbles, places (names windows by their
    place), raced (somebody else takes the window first), repeats (asks to), unlisted (their number
    does not come with the call)."""
    tells: int = 0
    """Facts in the first sentence."""
    corrects: Slot | None = None
    """Says it wrong, and corrects it in a later turn."""
    slips: Slot | None = None
    """Says it wrong, and corrects it in the same breath."""
    refuses: int = 0
    """Offers that are refused although they would do."""


@dataclass(frozen=True, slots=True)
class Words:
    """A set's wordings in one language."""

    language: Language
    areas: dict[str, list[str]]
    kinds: dict[str, list[str]]
    amounts: list[str]
    days: dict[str, list[str]]
    parts: dict[str, list[str]]
    any_time: list[str]
    hours: list[str]
    half: str
    places: list[str]
    fillers: list[str]
    phrases: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    id: str
    words: Words
    goal: Goal
    temper: Temper
    purpose: Purpose
    busy: int
    """Of a hundred windows, those that are taken."""


@cache
def read_set(name: Set, language: Language) -> tuple[Caller, ...]:
    told = yaml.safe_load((_FOLDER / f"{name}_{language}.yaml").read_text(encoding="utf-8"))
    rows = told.pop("callers")
    words = Words(language=language, **told)
    return tuple(
        _caller(f"{name}-{language}-{number:02}", words, row) for number, row in enumerate(rows, 1)
    )


def _caller(name: str, words: Words, row: dict[str, Any]) -> Caller:
    goal = Goal(
        kind=_unless_open(row["kind"]),
        area=_unless_open(row["area"]),
        budget=_unless_open(row["budget"]),
        when=_time(row["when"]),
        name=row["name"],
        phone=row["phone"],
    )
    temper = Temper(
        likes=frozenset(row.get("likes", ())),
        tells=row["tells"],
        corrects=row.get("corrects"),
        slips=row.get("slips"),
        refuses=row.get("refuses", 0),
    )
    return Caller(name, words, goal, temper, row.get("does", "meeting"), row["busy"])


def _unless_open(value: Any) -> Any:  # what a file holds
    return None if value == "open" else value


def _time(told: str) -> Time:
    """`any`, `morning`, `tuesday`, `tuesday morning`, `tuesday 15:30`."""
    if told == "any":
        return Time()
    day, _, rest = told.rpartition(" ")
    if not day and rest not in ("morning", "afternoon"):
        return Time(day=rest)
    if ":" in rest:
        hour, minute = rest.split(":")
        return Time(day, minute=int(hour) * 60 + int(minute))
    return Time(day, part=rest)
