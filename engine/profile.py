"""Reads a business profile from its YAML file and checks it: a broken file is one clear sentence
that names the line and the field. What it means is in `engine.dialogue.profile`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, product
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from engine.dialogue.acts import Ask, Distress, Introduce, Manner
from engine.dialogue.expected import fixed_phrases
from engine.dialogue.hebrew import is_hebrew, unpointed_words
from engine.dialogue.hours import free_windows
from engine.dialogue.phrases import announcement, greeting_in, sentences, too_long
from engine.dialogue.profile import (
    Answers,
    Choice,
    Choices,
    Count,
    Language,
    Money,
    Name,
    Opening,
    Phone,
    Profile,
    Texts,
    Time,
    Topic,
)

SHIPPED = Path(__file__).parent / "profiles"
RESERVED = {"language", "day", "part_of_day", "clock", "choice", "answer", "no_matter", "wait"} | {
    *("goodbye", "repeat", "hello", "purpose", "thanks", "human", "correction", "abuse")
}
"""Words that a model uses for other things than topics."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_BACK = {"choice": {"name", "in"}, "money": {"amount"}, "number": {"number"}}
"""What a topic of that type is said back with."""
_ANY_WEEK = datetime(2026, 1, 5, tzinfo=UTC)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""With libyaml, which PyYAML's wheels have: Python alone takes 0.2 s for a profile."""
Place = tuple[str | int, ...]
"""Of a field in the file: its keys and places in lists, from the top."""


class ProfileBroken(Exception):
    """The message names the file, the line, the field and what is wrong with it."""


def _pointed(text: str) -> str:
    bare = unpointed_words(text)
    if bare:
        raise ValueError(f"every spoken Hebrew word needs its points, {bare[0]} has none")
    return text


def _hebrew(text: str) -> str:
    if not is_hebrew(text):
        raise ValueError(f"expected Hebrew, came “{text}”")
    return _pointed(text)


def _latin(text: str) -> str:
    if is_hebrew(text):
        raise ValueError(f"expected English, came {text}")
    return text


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not a known time zone")
    return str(ZoneInfo(name))


Text = Annotated[str, Field(min_length=1)]
PointedText = Annotated[str, Field(min_length=1), AfterValidator(_hebrew)]
LatinText = Annotated[str, Field(min_length=1), AfterValidator(_latin)]
HoursText = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Amount = Annotated[int, Field(gt=0, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Texts(_Strict):
    he: PointedText | None = None
    en: LatinText | None = None


class _Templates(_Strict):
    he: Annotated[str, AfterValidator(_pointed)] | None = None
    en: LatinText | None = None


class _Written(_Strict):
    he: Text | None = None
    en: LatinText | None = None


class _Choice(_Strict):
    key: Key
    he: PointedText | None = None
    he_in: Annotated[PointedText, Field(pattern="^ב")] | None = None
    en: LatinText | None = None
    aliases: list[Text] = []
    wide: bool = False
    scale: Amount | None = None


class _Topic(_Strict):
    key: Key
    required: bool = True
    label: _Written = _Written()
    ask: _Templates = _Templates()
    again: _Templates = _Templates()
    other_words: _Templates = _Templates()
    back: _Templates = _Templates()
    about: str = ""
    also_about: str = ""


class _ChoiceTopic(_Topic):
    type: Literal["choice"]
    narrow: _Templates = _Templates()
    choices: Annotated[list[_Choice], Field(min_length=2)]

    def answers(self) -> Answers:
        return Choices(tuple(_choice(choice) for choice in self.choices), _by_language(self.narrow))


class _MoneyTopic(_Topic):
    type: Literal["money"]
    confirm: _Templates = _Templates()
    currency: LatinText
    least: Amount
    most: Amount
    scale: Amount = 1
    amounts: Annotated[list[Amount], Field(min_length=2)]

    def answers(self) -> Answers:
        return Money(
            self.least,
            self.most,
            tuple(self.amounts),
            self.scale,
            self.currency,
            _by_language(self.confirm),
        )


class _CountTopic(_Topic):
    type: Literal["number"]
    units: Text
    least: Amount
    most: Amount

    def answers(self) -> Answers:
        return Count(self.least, self.most, frozenset(self.units.split()))


class _TimeTopic(_Topic):
    type: Literal["time"]
    another_day: _Templates = _Templates()

    def answers(self) -> Answers:
        return Time(_by_language(self.another_day))


class _NameTopic(_Topic):
    type: Literal["name"]

    def answers(self) -> Answers:
        return Name()


class _PhoneTopic(_Topic):
    type: Literal["phone"]

    def answers(self) -> Answers:
        return Phone()


AnyTopic = Annotated[
    _ChoiceTopic | _MoneyTopic | _CountTopic | _TimeTopic | _NameTopic | _PhoneTopic,
    Field(discriminator="type"),
]


class _Hint(_Strict):
    boost: Annotated[float, Field(gt=0, le=20)]
    phrases: list[Text]


class _File(_Strict):
    languages: Annotated[list[Language], Field(min_length=1, max_length=2)]
    name: _Texts
    agent: _Texts
    greeting: _Texts
    timezone: Annotated[str, AfterValidator(_timezone)]
    topics: Annotated[list[AnyTopic], Field(min_length=2)]
    summary: list[list[Key]]
    callers_say: list[Annotated[str, AfterValidator(_pointed)]] = []
    also_said: list[Annotated[str, AfterValidator(_pointed)]] = []
    hints: list[_Hint] = []
    people: list[Key] = []
    emergency: _Texts = _Texts()
    outbound_opening: _Texts = _Texts()
    calendars: Annotated[list[Key], Field(min_length=1)] = ["office"]
    hours: Annotated[dict[Weekday, list[HoursText]], Field(min_length=1)]
    meeting_minutes: Annotated[int, Field(ge=10, le=240, strict=True)]


def load_profile(path: Path) -> Profile:
    """Raises `ProfileBroken`."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_Loader)
        parsed = _File.model_validate(yaml.load(text, Loader=_Loader))
    except OSError as error:
        raise ProfileBroken(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProfileBroken(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise _broken(path, tree, first["loc"], message) from error
    for place, message in _complaints(parsed):
        raise _broken(path, tree, place, message)
    profile = _profile(parsed)
    for place, message in chain(_never_open(parsed, profile), _too_long(profile)):
        raise _broken(path, tree, place, message)
    return profile


def shipped_profile(name: str) -> Profile:
    """A profile that comes with the engine, by its name: `shai`."""
    return load_profile(SHIPPED / f"{name}.yaml")


def _broken(path: Path, tree: yaml.Node | None, place: Place, message: str) -> ProfileBroken:
    line, field = _found(tree, place)
    return ProfileBroken(f"{path}:{line}: {field}: {message}" if field else f"{path}: {message}")


def _found(node: yaml.Node | None, place: Place) -> tuple[int, str]:
    """The line of a field, and its name; a type's own name is no part of it."""
    line, names = 1, []
    for number, part in enumerate(place):
        under: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, under = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            under = node.value[part]
            line = under.start_mark.line + 1
        if under is not None or number == len(place) - 1:
            names.append(str(part))
        node = under or node
    return line, ".".join(names)


def _complaints(parsed: _File) -> Iterator[tuple[Place, str]]:
    """What is wrong with one field in the light of another."""
    yield from _twice(("languages",), parsed.languages)
    for field in ("name", "agent", "greeting"):
        yield from _lacking((field,), getattr(parsed, field), parsed.languages)
    yield from _twice(("people",), parsed.people)
    yield from _twice(("calendars",), parsed.calendars)
    yield from _twice(("topics",), [topic.key for topic in parsed.topics])
    for type_, least in (("time", 1), ("money", 0), ("name", 0), ("phone", 0)):
        number = sum(topic.type == type_ for topic in parsed.topics)
        if not least <= number <= 1:
            yield ("topics",), f"one topic of type {type_} is expected, there are {number}"
    for number, topic in enumerate(parsed.topics):
        yield from _of_topic(("topics", number), topic, parsed.languages)
    keys = {topic.key for topic in parsed.topics}
    for place, one in enumerate(parsed.summary):
        for key in one:
            if key not in keys:
                yield ("summary", place), f"there is no topic {key}"
    choices = {topic.key for topic in parsed.topics if topic.type == "choice"}
    for place, said in enumerate(parsed.callers_say):
        yield from _fillable(("callers_say", place), said, choices)


def _twice(place: Place, keys: Sequence[str]) -> Iterator[tuple[Place, str]]:
    if len(set(keys)) != len(keys):
        yield place, "the same one stands there twice"


def _lacking(
    place: Place, texts: _Texts | _Templates, languages: Sequence[Language]
) -> Iterator[tuple[Place, str]]:
    for language in languages:
        if getattr(texts, language) is None:
            yield (*place, language), "Field required"


def _of_topic(
    place: Place, topic: AnyTopic, languages: Sequence[Language]
) -> Iterator[tuple[Place, str]]:
    if topic.key in RESERVED:
        yield (*place, "key"), f"{topic.key} has a meaning of its own"
    spoken: dict[str, set[str]] = {"ask": set(), "again": set(), "other_words": set()}
    match topic:
        case _ChoiceTopic():
            spoken = {field: {"choices"} for field in spoken} | {"narrow": set()}
            yield from _twice((*place, "choices"), [choice.key for choice in topic.choices])
            for number, choice in enumerate(topic.choices):
                for field in ("he", "he_in") if "he" in languages else ():
                    if getattr(choice, field) is None:
                        yield (*place, "choices", number, field), "Field required"
                if "en" in languages and choice.en is None:
                    yield (*place, "choices", number, "en"), "Field required"
        case _MoneyTopic():
            spoken["confirm"] = {"amount"}
            for amount in topic.amounts:
                if not topic.least <= amount <= topic.most:
                    yield (*place, "amounts"), f"{amount} is not between least and most"
        case _TimeTopic():
            spoken["another_day"] = set()
            if not topic.required:
                yield (*place, "required"), "the time must be asked for"
    yield from _of_texts(place, topic, languages, spoken | {"back": _BACK.get(topic.type, set())})


def _of_texts(
    place: Place, topic: AnyTopic, languages: Sequence[Language], spoken: dict[str, set[str]]
) -> Iterator[tuple[Place, str]]:
    for field, gaps in spoken.items():
        texts: _Templates = getattr(topic, field)
        if field != "back" and topic.required:
            yield from _lacking((*place, field), texts, languages)
        for language, text in _by_language(texts).items():
            yield from _fillable((*place, field, language), text, gaps)


def _fillable(place: Place, text: str, gaps: set[str]) -> Iterator[tuple[Place, str]]:
    try:
        wanted = [one[1:] for one in Formatter().parse(text) if one[1] is not None]
    except ValueError as error:
        yield place, str(error)
        return
    for name, form, conversion in wanted:
        if name not in gaps:
            yield place, f"there is nothing to put for {{{name}}}"
        elif form or conversion:
            # Words are put there, never numbers: «{amount:d}» would break when it is spoken.
            yield place, f"{{{name}}} is expected, without more in its braces"


def _minutes(stretch: str) -> tuple[int, int]:
    opens, closes = (
        int(hour) * 60 + int(minute)
        for hour, minute in (end.split(":") for end in stretch.split("-"))
    )
    return opens, closes


def _never_open(parsed: _File, profile: Profile) -> Iterator[tuple[Place, str]]:
    """Stretches that no caller is ever offered anything of."""
    for day, stretches in parsed.hours.items():
        for stretch in stretches:
            opening = Opening(_WEEKDAYS.index(day), *_minutes(stretch))
            if not free_windows(replace(profile, hours=(opening,)), _ANY_WEEK, ()):
                yield (
                    ("hours", day),
                    f"{stretch} has no room for a meeting: it must begin between 07:00 and 18:59, "
                    "on the hour or the half hour",
                )


def _too_long(profile: Profile) -> Iterator[tuple[Place, str]]:
    for keypad, recorded in ((False, False), (False, True), (True, False)):
        if too_long(greeting_in(profile, keypad, recorded)):
            yield ("greeting",), "it is over 20 words or has several questions"
    for language, slot, manner in product(profile.languages, profile.asked, Manner):
        before = announcement(language, recorded=True, keypad=False)
        if too_long(sentences(profile, Ask(slot, manner), language, before=before)):
            number = [topic.key for topic in profile.topics].index(slot)
            yield ("topics", number), f"a question of over 14 words leaves no room for “{before}”"
    for language, recorded in product(profile.outbound_opening, (False, True)):
        if too_long(sentences(profile, Introduce(), language, recorded=recorded)):
            yield ("outbound_opening", language), "with the question after it it is over 20 words"
    for language in profile.emergency:
        if too_long(sentences(profile, Distress(key="a person"), language)):
            yield ("emergency", language), "with what is said besides it is over 20 words"
    for phrase in fixed_phrases(profile):
        if too_long((phrase,)):
            yield ("topics",), f"this is over 20 words or has several questions: {phrase}"


def _profile(parsed: _File) -> Profile:
    return Profile(
        languages=tuple(parsed.languages),
        name=_by_language(parsed.name),
        agent=_by_language(parsed.agent),
        greeting=_by_language(parsed.greeting),
        timezone=parsed.timezone,
        topics=tuple(_topic(topic) for topic in parsed.topics),
        summary=tuple(tuple(group) for group in parsed.summary),
        callers_say=tuple(parsed.callers_say),
        also_said=tuple(parsed.also_said),
        hints=tuple((phrase, hint.boost) for hint in parsed.hints for phrase in hint.phrases),
        people=tuple(parsed.people),
        emergency=_by_language(parsed.emergency),
        outbound_opening=_by_language(parsed.outbound_opening),
        calendars=tuple(parsed.calendars),
        hours=tuple(
            Opening(_WEEKDAYS.index(day), *_minutes(stretch))
            for day, stretches in parsed.hours.items()
            for stretch in stretches
        ),
        meeting_minutes=parsed.meeting_minutes,
    )


def _topic(topic: AnyTopic) -> Topic:
    return Topic(
        key=topic.key,
        required=topic.required,
        answers=topic.answers(),
        label=_by_language(topic.label),
        ask=_by_language(topic.ask),
        again=_by_language(topic.again),
        other_words=_by_language(topic.other_words),
        back=_by_language(topic.back),
        about=frozenset(topic.about.split()),
        also_about=frozenset(topic.also_about.split()),
    )


def _by_language(texts: _Texts | _Templates | _Written) -> Texts:
    found: Texts = {}
    if texts.he is not None:
        found["he"] = texts.he
    if texts.en is not None:
        found["en"] = texts.en
    return found


def _choice(choice: _Choice) -> Choice:
    return Choice(
        key=choice.key,
        he=choice.he or "",
        he_in=choice.he_in or "",
        en=choice.en or "",
        aliases=tuple(choice.aliases),
        wide=choice.wide,
        scale=choice.scale or 0,
    )
