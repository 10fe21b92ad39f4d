"""What the office is told after a call: who called, what they want, which meeting they have, and
what was said. As JSON for programs, and as a short text for people. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from unicodedata import bidirectional, category
from zoneinfo import ZoneInfo

from engine.dialogue.hebrew import without_points
from engine.dialogue.profile import Language
from engine.dialogue.texts import WEEKDAYS
from engine.ports import Exchange

Ended = Literal["goodbye", "hung_up", "transferred", "failed"]
_RIGHT_TO_LEFT = "\u200f"
_LEFT, _EITHER, _END = "\u2066", "\u2068", "\u2069"
"""Isolates: what stands in them has its own direction, and changes nothing around it."""
_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

_TOPICS: dict[Language, dict[str, str]] = {
    "he": {
        "area": "אזור",
        "kind": "סוג הנכס",
        "budget": "תקציב",
        "time": "זמן מועדף",
        "rooms": "חדרים",
        "deal": "סוג העסקה",
        "street": "רחוב",
        "name": "שם",
        "phone": "טלפון",
    },
    "en": {
        "area": "Area",
        "kind": "Property type",
        "budget": "Budget",
        "time": "Preferred time",
        "rooms": "Rooms",
        "deal": "Deal",
        "street": "Street",
        "name": "Name",
        "phone": "Telephone",
    },
}
_ENDED: dict[Language, dict[Ended, str]] = {
    "he": {
        "goodbye": "השיחה הסתיימה בברכת שלום",
        "hung_up": "השיחה נותקה מהצד השני",
        "transferred": "השיחה הועברה למשרד",
        "failed": "השיחה נקטעה בגלל תקלה",
    },
    "en": {
        "goodbye": "it ended with a goodbye",
        "hung_up": "the caller hung up",
        "transferred": "it was passed on to the office",
        "failed": "it was broken off by a fault",
    },
}
_WORDS: dict[Language, dict[str, str]] = {
    "he": {
        "call": "שיחה",
        "number": "מספר",
        "unknown": "חסוי",
        "meeting": "פגישה",
        "none": "לא נקבעה",
        "end": "סיום",
        "caller": "מתקשר/ת",
    },
    "en": {
        "call": "Call",
        "number": "Number",
        "unknown": "withheld",
        "meeting": "Meeting",
        "none": "none",
        "end": "End",
        "caller": "Caller",
    },
}


@dataclass(frozen=True, slots=True)
class Report:
    """A call, after it."""

    call: str
    line: str
    caller: str
    """The number; empty: withheld."""
    agent: str
    """Her name, as it is spoken."""
    started: datetime
    seconds: float
    ended: Ended
    wish: Mapping[str, str]
    """Topic -> what the caller wants, as it is spoken."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """Topic -> its name, where it is not one of the common ones."""
    meeting: tuple[datetime, int] | None = None
    """Start and minutes."""
    exchanges: Sequence[Exchange] = ()


def as_json(report: Report) -> dict[str, object]:
    return {
        "call": report.call,
        "line": report.line,
        "caller": report.caller,
        "started": report.started.isoformat(),
        "seconds": round(report.seconds, 1),
        "ended": report.ended,
        "wish": {topic: _clean(value) for topic, value in report.wish.items()},
        "meeting": None
        if report.meeting is None
        else {"start": report.meeting[0].isoformat(), "minutes": report.meeting[1]},
        "transcript": [
            {"said": _clean(one.said), "heard": _clean(one.heard)} for one in report.exchanges
        ],
    }


def as_text(report: Report, language: Language, zone: ZoneInfo) -> str:
    words = _WORDS[language]
    started = report.started.astimezone(zone)
    lines = [
        (words["call"], f"{_date(started, language)}, {_ltr(_length(report.seconds))}"),
        (words["number"], _ltr(_clean(report.caller)) if report.caller else words["unknown"]),
        *wish_lines(report.wish, report.topics, language),
        (words["meeting"], _meeting(report.meeting, language, zone)),
        (words["end"], _ENDED[language][report.ended]),
    ]
    spoken = [
        line
        for one in report.exchanges
        for line in ((_clean(report.agent), one.said), (words["caller"], one.heard))
        if line[1].strip()
    ]
    mark = _RIGHT_TO_LEFT if language == "he" else ""
    told = [f"{mark}{name}: {value}" for name, value in lines]
    said = [f"{mark}{name}: {_own_direction(_clean(text))}" for name, text in spoken]
    return "\n".join([*told, "", *said] if said else told)


def wish_lines(
    wish: Mapping[str, str], topics: Mapping[str, str], language: Language
) -> list[tuple[str, str]]:
    """(topic's name, what the caller wants)."""
    names = {**_TOPICS[language], **topics}
    return [
        (_clean(names.get(topic, topic)), _own_direction(_clean(value)))
        for topic, value in wish.items()
    ]


def meeting_title(wanted: str, language: Language) -> str:
    """For a calendar: «פגישה: דירה בפלורנטין»."""
    meeting = _WORDS[language]["meeting"]
    return f"{meeting}: {_clean(wanted)}" if wanted else meeting


def meeting_about(
    wish: Mapping[str, str], topics: Mapping[str, str], caller: str, language: Language
) -> str:
    """For a calendar, below the title; lines."""
    number = [(_WORDS[language]["number"], _ltr(_clean(caller)))] if caller else []
    mark = _RIGHT_TO_LEFT if language == "he" else ""
    lines = [*wish_lines(wish, topics, language), *number]
    return "\n".join(f"{mark}{name}: {value}" for name, value in lines)


def _meeting(meeting: tuple[datetime, int] | None, language: Language, zone: ZoneInfo) -> str:
    if meeting is None:
        return _WORDS[language]["none"]
    start, minutes = meeting
    end = (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone)
    return _date(start.astimezone(zone), language, f"–{end:%H:%M}")


def _date(moment: datetime, language: Language, until: str = "") -> str:
    weekday = without_points(WEEKDAYS[language][moment.weekday()])
    return f"{weekday} {_ltr(f'{moment:%d.%m.%Y}')}, {_ltr(f'{moment:%H:%M}{until}')}"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _ltr(text: str) -> str:
    return f"{_LEFT}{text}{_END}"


def _own_direction(text: str) -> str:
    return f"{_EITHER}{text}{_END}"


def _clean(text: str) -> str:
    """One line, as it is read: no points, and nothing that turns the text around it."""
    line = " ".join(without_points(text).split())
    return "".join(c for c in line if category(c) != "Cc" and bidirectional(c) not in _CONTROLS)
