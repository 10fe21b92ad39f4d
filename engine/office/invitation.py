"""A meeting as iCalendar (RFC 5545): a file that every calendar opens, and the event that is put
into the office's own. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from unicodedata import category
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

from engine.office.meeting import Meeting


def invitation(meeting: Meeting, *, zone: ZoneInfo, now: datetime) -> bytes:
    """A file `.ics` for people. Nobody's mail address is known, so it asks for no answer."""
    return _calendar(meeting, zone=zone, now=now, status="CONFIRMED", method="PUBLISH")


def cancellation(meeting: Meeting, *, zone: ZoneInfo, now: datetime) -> bytes:
    """The file that takes the invitation back: of the same event, a later one (RFC 5546, 3.2.5)."""
    return _calendar(meeting, zone=zone, now=now, status="CANCELLED", method="CANCEL", sequence=1)


def claim(meeting: Meeting, *, zone: ZoneInfo, now: datetime) -> bytes:
    """The event, for a calendar server, while it is not sure yet that the time is ours."""
    return _calendar(meeting, zone=zone, now=now, status="TENTATIVE")


def event(meeting: Meeting, *, zone: ZoneInfo, now: datetime) -> bytes:
    """The event, for a calendar server."""
    return _calendar(meeting, zone=zone, now=now, status="CONFIRMED")


def _calendar(
    meeting: Meeting,
    *,
    zone: ZoneInfo,
    now: datetime,
    status: str,
    method: str = "",
    sequence: int = 0,
) -> bytes:
    if meeting.start.tzinfo is None:
        raise ValueError(f"a start with a time zone was expected, came {meeting.start}")
    start, end = _in_zone(meeting.start, zone), _in_zone(meeting.end, zone)
    calendar = Calendar()
    calendar.add("prodid", "-//Kav//Kav//EN")
    calendar.add("version", "2.0")
    if method:  # RFC 4791, 4.1: what is stored on a server has none.
        calendar.add("method", method)
    if start.tzinfo is not UTC or end.tzinfo is not UTC:
        calendar.add_component(_timezone(zone, start.year))
    entry = _event(meeting, start, end, status, now)
    if sequence:
        entry.add("sequence", sequence)
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _event(meeting: Meeting, start: datetime, end: datetime, status: str, now: datetime) -> Event:
    entry = Event()
    entry.add("uid", meeting.uid)
    entry.add("dtstamp", now.astimezone(UTC))
    entry.add("dtstart", start)
    entry.add("dtend", end)
    entry.add("status", status)
    entry.add("summary", _plain(meeting.title))
    if meeting.about:
        entry.add("description", _plain(meeting.about))
    if meeting.caller:
        entry.add("contact", _plain(meeting.caller))
    return entry


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """An hour that comes twice when the clocks go back means its first coming in iCalendar (RFC
    5545, 3.3.5): the second can be told in UTC only."""
    local = moment.astimezone(zone)
    return local.astimezone(UTC) if local.fold or zone.key == "UTC" else local


@lru_cache
def _timezone(zone: ZoneInfo, year: int) -> Timezone:
    """What the zone does in that year and in those around it, one change of the clocks at a time.
    (`icalendar` has a function for this; it puts the spring change an hour late.)"""
    timezone = Timezone()
    timezone.add("tzid", zone.key)
    moment = datetime(year - 1, 1, 1, tzinfo=UTC)
    timezone.add_component(_from(moment, moment, zone))
    while moment.year < year + 2:
        later = moment + timedelta(days=1)
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            change = _change_between(moment, later, zone)
            timezone.add_component(_from(change, change - timedelta(minutes=1), zone))
        moment = later
    return timezone


def _from(
    change: datetime, before: datetime, zone: ZoneInfo
) -> TimezoneStandard | TimezoneDaylight:
    """The time that holds from that moment on, and what held before."""
    new, old = change.astimezone(zone), before.astimezone(zone)
    rule = TimezoneDaylight() if new.dst() else TimezoneStandard()
    # As the clocks showed that had not been changed yet (RFC 5545, 3.6.5).
    rule.add("dtstart", (change + _offset(old)).replace(tzinfo=None))
    rule.add("tzoffsetfrom", _offset(old))
    rule.add("tzoffsetto", _offset(new))
    rule.add("tzname", new.tzname())
    return rule


def _offset(local: datetime) -> timedelta:
    offset = local.utcoffset()
    assert offset is not None
    return offset


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """To the minute."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _plain(text: str) -> str:
    """Without control characters, which iCalendar has no way to tell (RFC 5545, 3.1)."""
    lines = text.splitlines()
    return "\n".join("".join(c for c in line if category(c) != "Cc") for line in lines)
