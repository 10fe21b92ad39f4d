"""Reads a business profile from its YAML file and checks it: a broken file is one clear sentence
that names the field. What it means is in `engine.dialogue.profile`."""

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.dialogue.expected import fixed_phrases
from engine.dialogue.hebrew import is_hebrew, unpointed_words
from engine.dialogue.phrases import greeting_in, too_long
from engine.dialogue.profile import Choice, Language, Opening, Profile

SHIPPED = Path(__file__).parent / "profiles"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class ProfileBroken(Exception):
    """The message names the file, the field and what is wrong with it."""


def _pointed(text: str) -> str:
    bare = unpointed_words(text)
    if not is_hebrew(text):
        raise ValueError(f"expected Hebrew, came “{text}”")
    if bare:
        raise ValueError(f"every spoken Hebrew word needs its points, {bare[0]} has none")
    return text


def _latin(text: str) -> str:
    if is_hebrew(text):
        raise ValueError(f"expected English, came {text}")
    return text


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not a known time zone")
    return str(ZoneInfo(name))


Text = Annotated[str, Field(min_length=1)]
PointedText = Annotated[str, Field(min_length=1), AfterValidator(_pointed)]
LatinText = Annotated[str, Field(min_length=1), AfterValidator(_latin)]
HoursText = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
Shekels = Annotated[int, Field(gt=0, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Names(_Strict):
    he: PointedText
    en: LatinText


class _Choice(_Strict):
    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    he: PointedText
    he_in: Annotated[PointedText, Field(pattern="^ב")]
    en: LatinText
    aliases: list[Text] = []
    wide: bool = False


class _File(_Strict):
    languages: Annotated[list[Language], Field(min_length=1, max_length=2)]
    name: _Names
    agent: _Names
    greeting: _Names
    timezone: Annotated[str, AfterValidator(_timezone)]
    areas: Annotated[list[_Choice], Field(min_length=2)]
    kinds: Annotated[list[_Choice], Field(min_length=2)]
    budgets: Annotated[list[Shekels], Field(min_length=2)]
    least_budget: Shekels
    most_budget: Shekels
    hours: Annotated[dict[Weekday, list[HoursText]], Field(min_length=1)]
    meeting_minutes: Annotated[int, Field(ge=10, le=240, strict=True)]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        for field, keys in (
            ("languages", list(self.languages)),
            ("areas", [area.key for area in self.areas]),
            ("kinds", [kind.key for kind in self.kinds]),
        ):
            if len(set(keys)) != len(keys):
                raise ValueError(f"{field}: the same one stands there twice")
        for budget in self.budgets:
            if not self.least_budget <= budget <= self.most_budget:
                raise ValueError(f"budgets: {budget} is not between least and most_budget")
        for day, stretches in self.hours.items():
            for stretch in stretches:
                opens, closes = _minutes(stretch)
                if closes - opens < self.meeting_minutes:
                    raise ValueError(f"hours.{day}: {stretch} has no room for a meeting")
        return self


def _minutes(stretch: str) -> tuple[int, int]:
    opens, closes = (
        int(hour) * 60 + int(minute)
        for hour, minute in (end.split(":") for end in stretch.split("-"))
    )
    return opens, closes


def load_profile(path: Path) -> Profile:
    """Raises `ProfileBroken`."""
    try:
        parsed = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ProfileBroken(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProfileBroken(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise ProfileBroken(f"{path}: {_first_complaint(error)}") from error
    profile = _profile(parsed)
    for keypad in (False, True):
        if too_long(greeting_in(profile, keypad)):
            raise ProfileBroken(f"{path}: greeting: it is over 20 words or has several questions")
    for phrase in fixed_phrases(profile):
        if too_long((phrase,)):
            raise ProfileBroken(f"{path}: names are too long, this is over 20 words: {phrase}")
    return profile


def shipped_profile(name: str) -> Profile:
    """A profile that comes with the engine, by its name: `shai`."""
    return load_profile(SHIPPED / f"{name}.yaml")


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _profile(parsed: _File) -> Profile:
    return Profile(
        languages=tuple(parsed.languages),
        name=_by_language(parsed.name),
        agent=_by_language(parsed.agent),
        greeting=_by_language(parsed.greeting),
        timezone=parsed.timezone,
        areas=tuple(_choice(area) for area in parsed.areas),
        kinds=tuple(_choice(kind) for kind in parsed.kinds),
        budgets=tuple(parsed.budgets),
        least_budget=parsed.least_budget,
        most_budget=parsed.most_budget,
        hours=tuple(
            Opening(_WEEKDAYS.index(day), *_minutes(stretch))
            for day, stretches in parsed.hours.items()
            for stretch in stretches
        ),
        meeting_minutes=parsed.meeting_minutes,
    )


def _by_language(names: _Names) -> dict[Language, str]:
    return {"he": names.he, "en": names.en}


def _choice(choice: _Choice) -> Choice:
    return Choice(
        key=choice.key,
        he=choice.he,
        he_in=choice.he_in,
        en=choice.en,
        aliases=tuple(choice.aliases),
        wide=choice.wide,
    )
