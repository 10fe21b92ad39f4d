"""What the dialogue knows about a business, as plain frozen data. Reading and checking the file
it comes from is done elsewhere (`engine.profile`)."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["he", "en"]


@dataclass(frozen=True, slots=True)
class Choice:
    """An area or a property type, with its names as they are spoken."""

    key: str
    he: str
    """With points."""
    he_in: str
    """The same with the prefix ב («בִּפְלוֹרֶנְטִין»), with points."""
    en: str
    """Areas as after "in" ("the Old North"), property types with their article ("an office")."""
    aliases: tuple[str, ...] = ()
    """Other ways in which callers name it, in any language, without points."""
    wide: bool = False
    """A city: it gives way to a neighborhood named in the same breath."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of opening hours; minutes are counted from midnight."""

    weekday: int
    """Monday is 0, as in `datetime`."""
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Profile:
    languages: tuple[Language, ...]
    """The first one is spoken until the caller speaks another."""
    name: dict[Language, str]
    agent: dict[Language, str]
    greeting: dict[Language, str]
    """One sentence each: who speaks, that she is automated, and for whom. No question."""
    timezone: str
    areas: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    """Property types."""
    budgets: tuple[int, ...]
    """Shekels; the amounts that the keypad menu and the recognizer's hints name."""
    least_budget: int
    most_budget: int
    hours: tuple[Opening, ...]
    meeting_minutes: int

    def area(self, key: str) -> Choice:
        return next(area for area in self.areas if area.key == key)

    def kind(self, key: str) -> Choice:
        return next(kind for kind in self.kinds if kind.key == key)
