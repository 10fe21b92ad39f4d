"""What the dialogue knows about a business, as plain frozen data. Reading and checking the file
it comes from is done elsewhere (`engine.profile`)."""

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["he", "en"]
Texts = dict[Language, str]
"""In the languages of the business; Hebrew with points."""
Slot = str
"""The key of a topic."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to a topic, with its names as they are spoken; a name in a language
    that the business does not speak is empty."""

    key: str
    he: str = ""
    """With points."""
    he_in: str = ""
    """The same with the prefix ב («בִּפְלוֹרֶנְטִין»), with points."""
    en: str = ""
    """As it stands in a sentence: "the Old North", "an office"."""
    aliases: tuple[str, ...] = ()
    """Other ways in which callers name it, in any language, without points."""
    wide: bool = False
    """A city: it gives way to a neighborhood named in the same breath."""
    scale: int = 0
    """What money counts that is named without a scale once this was chosen; 0: as always."""

    def name(self, language: Language) -> str:
        return self.he if language == "he" else self.en


@dataclass(frozen=True, slots=True)
class Choices:
    """Answered by one of these."""

    choices: tuple[Choice, ...]
    narrow: Texts = field(default_factory=dict)
    """Asks for one of the several that were named."""


@dataclass(frozen=True, slots=True)
class Money:
    """Answered by an amount: at most so much."""

    least: int
    most: int
    amounts: tuple[int, ...]
    """Those that the keypad menu and the recognizer's hints name."""
    scale: int
    """What “seven” most likely counts: thousands, or ones."""
    currency: str
    """In English, for a model."""
    confirm: Texts
    """Asks whether an `{amount}` is meant."""


@dataclass(frozen=True, slots=True)
class Count:
    """Answered by a number of something."""

    least: int
    most: int
    units: frozenset[str]
    """The words that follow such a number, without points."""


@dataclass(frozen=True, slots=True)
class Time:
    """Answered by a day, a part of it, an hour: when the meeting shall be."""

    another_day: Texts
    """Asks for another day, when the windows offered did not suit."""


@dataclass(frozen=True, slots=True)
class Name:
    """Answered by the name of a person."""


@dataclass(frozen=True, slots=True)
class Phone:
    """Answered by a telephone number."""


Answers = Choices | Money | Count | Time | Name | Phone


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that a caller may be asked about, or tells unasked."""

    key: Slot
    required: bool
    """It is asked for; else it is kept when told."""
    answers: Answers
    label: Texts = field(default_factory=dict)
    """Its name in what the office reads; without points."""
    ask: Texts = field(default_factory=dict)
    again: Texts = field(default_factory=dict)
    other_words: Texts = field(default_factory=dict)
    back: Texts = field(default_factory=dict)
    """How it is said back: of `{name}`, `{in}` (with the prefix ב), `{amount}`, `{number}`."""
    about: frozenset[str] = frozenset()
    """Words that show that a question is about this."""
    also_about: frozenset[str] = frozenset()
    """The same, for a question that is about nothing else."""


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
    name: Texts
    agent: Texts
    greeting: Texts
    """One sentence each: who speaks, that she is automated, and for whom. No question."""
    timezone: str
    topics: tuple[Topic, ...]
    """In the order in which they are asked for. One of them is the time; money comes once at most,
    so do a name and a telephone number."""
    summary: tuple[tuple[Slot, ...], ...]
    """What is said back of a wish: topics that belong together, those that matter most first."""
    callers_say: tuple[str, ...]
    """How callers begin, `{topic}` as it is said back; with points."""
    also_said: tuple[str, ...]
    """What callers say now and then; with points."""
    hints: tuple[tuple[str, float], ...]
    """What a recognizer should expect besides, and how strongly (0 to 20)."""
    people: tuple[str, ...]
    """Keys of those to whom a caller can be given, the usual one first; whom a key calls is known
    to the line alone."""
    calendars: tuple[str, ...]
    """Keys of the agents' calendars, the usual one first."""
    hours: tuple[Opening, ...]
    meeting_minutes: int
    emergency: Texts = field(default_factory=dict)
    """Whom a caller in despair can call: a sentence with its number; empty: nobody is named."""
    outbound_opening: Texts = field(default_factory=dict)
    """The greeting of a call that we place: it says why we call besides. Empty: the greeting."""

    def topic(self, slot: Slot) -> Topic:
        return next(topic for topic in self.topics if topic.key == slot)

    def choice(self, slot: Slot, key: str) -> Choice:
        return next(choice for choice in self.choices[slot] if choice.key == key)

    @property
    def choices(self) -> dict[Slot, tuple[Choice, ...]]:
        """Of each topic that has some."""
        return {
            topic.key: topic.answers.choices
            for topic in self.topics
            if isinstance(topic.answers, Choices)
        }

    def labels(self, language: Language) -> dict[Slot, str]:
        """Of the topics that have one."""
        return {t.key: t.label[language] for t in self.topics if language in t.label}

    @property
    def asked(self) -> tuple[Slot, ...]:
        """What must be known, in the order in which it is asked for."""
        return tuple(topic.key for topic in self.topics if topic.required)

    @property
    def time(self) -> Slot:
        return next(topic.key for topic in self.topics if isinstance(topic.answers, Time))

    @property
    def money(self) -> Money | None:
        return next((t.answers for t in self.topics if isinstance(t.answers, Money)), None)

    def slot_of(self, answers: type[Answers]) -> Slot | None:
        """The topic that is answered in this way."""
        return next((t.key for t in self.topics if isinstance(t.answers, answers)), None)
