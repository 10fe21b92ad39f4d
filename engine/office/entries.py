"""What stands in a CalDAV calendar (RFC 4791), read from the server's answer; and whether a time
that we claim there is ours. Pure."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum, auto
from zoneinfo import ZoneInfo

import recurring_ical_events  # type: ignore[import-untyped]  # it has no types
from icalendar import Calendar, Event

from engine.office.meeting import OURS

_DAV, _CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">
<d:prop><d:getetag/><c:calendar-data/></d:prop>
<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">
<c:time-range start="{since:%Y%m%dT%H%M%SZ}" end="{until:%Y%m%dT%H%M%SZ}"/>
</c:comp-filter></c:comp-filter></c:filter>
</c:calendar-query>"""


class NoCalendar(Exception):
    """The answer is not one to our question; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that takes time; of a series, one occurrence."""

    uid: str
    start: datetime
    end: datetime
    tentative: bool = False
    etag: str = ""

    @property
    def is_claim(self) -> bool:
        """Of a bridge that is still making sure that the time is free."""
        return self.tentative and self.uid.endswith(OURS)


@dataclass(frozen=True, slots=True)
class Reading:
    entries: tuple[Entry, ...]
    unread: int
    """Events that nobody could make sense of."""


class Verdict(Enum):
    """On a time that we claim, after a look at what else is there."""

    BOOKED = auto()
    FREE = auto()
    """Whoever comes later sees our claim: it may be confirmed."""
    RIVALED = auto()
    """By a claim that has to give way to ours: unless it is confirmed."""
    TAKEN = auto()
    MISSING = auto()
    """Our claim is not there."""


def query(since: datetime, until: datetime) -> bytes:
    return _QUERY.format(since=since.astimezone(UTC), until=until.astimezone(UTC)).encode()


def read(answer: bytes, *, zone: ZoneInfo, since: datetime, until: datetime) -> Reading:
    """What takes time between the two. `zone`: of whole days, and of times without a zone. Raises
    `NoCalendar`."""
    entries: list[Entry] = []
    unread = 0
    for etag, content in _objects(answer):
        try:
            entries += _entries(content, etag, zone, since, until)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
            # What people and their programs write; `icalendar` fails in all these ways.
            unread += 1
    return Reading(tuple(entries), unread)


def verdict(uid: str, entries: Sequence[Entry]) -> Verdict:
    """`entries`: all at the time of ours, asked for after our claim was there. Two that claim the
    same time cannot both find it free: the later one has seen the earlier."""
    ours = next((entry for entry in entries if entry.uid == uid), None)
    rivals = [entry for entry in entries if entry.uid != uid]
    if ours is None:
        return Verdict.MISSING
    if not ours.tentative:
        return Verdict.BOOKED
    if any(not rival.is_claim or rival.uid < uid for rival in rivals):
        return Verdict.TAKEN
    return Verdict.RIVALED if rivals else Verdict.FREE


def _objects(answer: bytes) -> Iterator[tuple[str, str]]:
    """(etag, calendar) of each."""
    try:
        root = ET.fromstring(answer)
    except (ET.ParseError, ValueError, LookupError):
        raise NoCalendar("the answer is no XML") from None
    if root.tag != f"{_DAV}multistatus":
        raise NoCalendar("the answer is no list of events")
    for response in root.iter(f"{_DAV}response"):
        content = response.find(f".//{_CALDAV}calendar-data")
        if content is not None and content.text:
            yield response.findtext(f".//{_DAV}getetag", ""), content.text


def _entries(
    content: str, etag: str, zone: ZoneInfo, since: datetime, until: datetime
) -> list[Entry]:
    series = recurring_ical_events.of(Calendar.from_ical(content))
    found = (_entry(event, etag, zone) for event in series.between(since, until) if _counts(event))
    return [one for one in found if max(one.start, since) < min(one.end, until)]


def _counts(event: Event) -> bool:
    return not (event.get("TRANSP") == "TRANSPARENT" or event.get("STATUS") == "CANCELLED")


def _entry(event: Event, etag: str, zone: ZoneInfo) -> Entry:
    return Entry(
        uid=str(event["UID"]),
        start=_moment(event.start, zone),
        end=_moment(event.end, zone),
        tentative=event.get("STATUS") == "TENTATIVE",
        etag=etag,
    )


def _moment(when: date, zone: ZoneInfo) -> datetime:
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)
