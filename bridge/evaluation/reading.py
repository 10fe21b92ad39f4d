"""What a person makes of the agent's spoken words: what is asked, which windows are named, what is
said back. Pure. It knows the languages and the office's names, and nothing of how the agent works:
the agent's own understanding is not used here."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from bridge.evaluation.office import areas, kinds
from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import number_at
from engine.dialogue.profile import Choice, Language, Profile

Topic = Literal[
    "open",
    "area",
    "kind",
    "budget",
    "when",
    "name",
    "phone",
    "other",
    "amount",
    "offer",
    "places",
    "menu",
    "human",
    "wait",
    "booked",
    "bye",
]
_HOURS: dict[Language, str] = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "he": "אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע עשר אחת_עשרה שתים_עשרה",
}
_HOUR = {
    name.replace("_", " "): number
    for names in _HOURS.values()
    for number, name in enumerate(names.split(), 1)
}
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK_HE = ("יום שני", "יום שלישי", "יום רביעי", "יום חמישי", "יום שישי", "שבת", "יום ראשון")
_DAYS = {day: number for week in (_WEEK, _WEEK_HE) for number, day in enumerate(week)}
_AHEAD = {"today": 0, "tomorrow": 1, "היום": 0, "מחר": 1}
_OR = "|".join
_WINDOW = re.compile(
    rf"(?<!\w)[בל]?({_OR([*_DAYS, *_AHEAD])}),? (?:בשעה |at )?ב?"
    rf"({_OR(sorted(_HOUR, key=len, reverse=True))})\b( וחצי| thirty)?"
)
_TOPICS: tuple[tuple[Topic, str], ...] = (
    ("human", r"\b(?:person|colleague|somebody|human)\b|אדם|נציג|מישהו"),
    ("places", r"^the first|^הראשון"),
    ("name", r"\bname\b|\bשם\b|\bשמכם\b|\bהשם\b"),
    ("phone", r"\bphone\b|\bnumber\b|טלפון|\bהמספר\b|\bמספר\b"),
    ("budget", r"\bbudget\b|\bshekels at most\b|\bspend\b|תקציב|כמה שקלים|להוציא"),
    ("area", r"\barea\b|\bneighborhood\b|אזור|שכונה"),
    ("other", r"\brooms?\b|\bstreet\b|\bbuy or rent\b|חדרים|רחוב|לקנות או"),
    ("kind", r"\blooking for\b|\bproperty\b|\bkind of\b|\bis it an?\b|מחפשים|נכס"),
    ("when", r"\bwhen\b|\bday\b|\btime\b|\bmeet\b|מתי|יום|הזמן|שעה"),
    ("open", r"\bhelp\b|\bsay that again\b|לעזור|הבקשה"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """A meeting window as it was spoken."""

    start: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    topic: Topic | None
    """Of its question; None: there was none, or it was not heard."""
    windows: tuple[Named, ...]
    amount: int | None
    """Of a question whether this is the amount."""
    items: tuple[tuple[str, str], ...]
    """Of a menu: what is said, and its key."""
    said_back: tuple[str, ...]
    """Keys of areas and kinds in what is no question."""
    amounts: tuple[int, ...]
    """Likewise."""


def read(spoken: str, profile: Profile, now: datetime) -> Reading:
    text = without_points(spoken).strip()
    sentences = re.split(r"(?<=[.?!])\s+", text)
    told = " ".join(s for s in sentences if not s.endswith("?") and not _is_menu(s))
    topic = _topic(sentences, profile)
    return Reading(
        topic=topic,
        windows=tuple(windows_in(text, now)),
        amount=next(iter(amounts_in(sentences[-1])), None) if topic == "amount" else None,
        items=tuple(_items(sentences)),
        said_back=named_in(told, profile),
        amounts=tuple(amounts_in(told)),
    )


def _is_menu(sentence: str) -> bool:
    return bool(re.search(r"\bpress\b|הקישו", sentence, re.IGNORECASE))


def _topic(sentences: Sequence[str], profile: Profile) -> Topic | None:
    last = sentences[-1].lower()
    text = " ".join(sentences).lower()
    if any(_is_menu(sentence) for sentence in sentences):
        return "menu"
    if re.search(r"you're booked|קבענו", text):
        return "booked"
    if re.search(r"goodbye|להתראות", last):
        return "bye"
    if not last.endswith("?"):
        return "wait" if re.search(r"take your time|קחו את הזמן", last) else None
    if re.search(r"suit|מתאים\?", last) and _WINDOW.search(text):
        return "offer"
    if re.search(r"(?:shekels|שקלים)\?$", last) and any(amounts_in(last)):
        return "amount"
    for part in (last, text):
        for topic, pattern in _TOPICS:
            if re.search(pattern, part):
                return topic
        if named_in(part, profile):
            return "kind"
    return None


def windows_in(text: str, now: datetime) -> Iterator[Named]:
    """With the office's hours in mind: nobody meets at four in the morning."""
    for found in _WINDOW.finditer(without_points(text).lower()):
        day, hour, half = found.groups()
        ahead = _AHEAD[day] if day in _AHEAD else (_DAYS[day] - now.weekday()) % 7
        clock = _HOUR[hour] + (12 if _HOUR[hour] < 7 else 0)
        start = now.replace(hour=clock, minute=30 if half else 0, second=0, microsecond=0)
        yield Named(start + timedelta(days=ahead), found[0])


def amounts_in(text: str) -> Iterator[int]:
    """Numbers of a hundred and more: hours, keys and rooms are less."""
    plain = without_points(text).lower().replace("'", "")
    for clause in re.split(r"[;,.?!](?!\d)", plain):
        tokens = re.findall(r"\d[\d,.]*\d|\d|[^\W\d_]+", clause)
        yield from _numbers([token.replace(",", "") for token in tokens])


def _numbers(tokens: Sequence[str]) -> Iterator[int]:
    position = 0
    while position < len(tokens):
        number = number_at(tokens, position)
        if number is not None and number.value >= 100:
            yield int(number.value)
        position = position + 1 if number is None else number.end


def named_in(text: str, profile: Profile) -> tuple[str, ...]:
    """Areas and kinds, by their keys; not those in the name of the business itself."""
    words = without_points(text).lower()
    for own in profile.name.values():
        words = words.replace(without_points(own).lower(), "")
    return tuple(
        choice.key
        for choices in (areas(profile), kinds(profile))
        for choice in choices
        if _pattern(choice).search(words)
    )


@lru_cache(maxsize=128)
def _pattern(choice: Choice) -> re.Pattern[str]:
    names = {without_points(name).lower() for name in (choice.he, choice.en, *choice.aliases)}
    bare = {re.sub(r"^(?:an?|the) ", "", name) for name in names}
    bare |= {name.removeprefix("ה") for name in bare}
    return re.compile(rf"(?<!\w)[בלוהמש]{{0,2}}(?:{_OR(map(re.escape, bare))})(?!\w)")


def _items(sentences: Collection[str]) -> Iterator[tuple[str, str]]:
    """“For Florentin, press one; Jaffa, two.”, «לפלורנטין הקישו אחת, ליפו שתיים.»"""
    for sentence in sentences:
        if not _is_menu(sentence):
            continue
        plain = re.sub(r",? (?:press|הקישו)", "", sentence.lower().strip("."))
        for item in re.split(r"[;]|,(?= ?ל)", plain):
            words = item.replace(",", " ").split()
            if words and words[-1] in _HOUR:
                yield " ".join(words[:-1]), str(_HOUR[words[-1]])
