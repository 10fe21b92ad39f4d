from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unicodedata import category
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]  # it has no types
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Event

from engine.office.invitation import claim, event, invitation
from engine.office.meeting import Meeting, meeting_uid

JERUSALEM = ZoneInfo("Asia/Jerusalem")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
TITLE = "פגישה: דירה בפלורנטין, עד שבעת אלפים שקלים לחודש; שניים וחצי חדרים"


def meeting(
    start: datetime = datetime(2026, 11, 24, 10, 0, tzinfo=JERUSALEM),
    title: str = TITLE,
    about: str = "אזור: פלורנטין\nסוג: דירה",
) -> Meeting:
    return Meeting(meeting_uid("call", "1"), start, 30, title, about, "+972501234567")


def made(meeting: Meeting) -> bytes:
    return invitation(meeting, zone=JERUSALEM, now=NOW)


def read_back(content: bytes) -> Event:
    calendar = Calendar.from_ical(content)
    assert isinstance(calendar, Calendar)
    (entry,) = calendar.events
    assert not calendar.errors
    assert not entry.errors
    return entry


def unfolded(content: bytes) -> Iterator[str]:
    return iter(content.replace(b"\r\n ", b"").decode().split("\r\n"))


def test_what_was_booked_is_read_back() -> None:
    entry = read_back(made(meeting()))
    assert entry["SUMMARY"] == TITLE
    assert entry["DESCRIPTION"] == "אזור: פלורנטין\nסוג: דירה"
    assert entry["CONTACT"] == "+972501234567"
    assert entry["STATUS"] == "CONFIRMED"
    assert entry.start == datetime(2026, 11, 24, 10, 0, tzinfo=JERUSALEM)
    assert entry.end - entry.start == timedelta(minutes=30)


def test_every_line_is_short_ends_as_it_must_and_cuts_no_letter() -> None:
    content = made(meeting(title=TITLE * 5))
    assert content.endswith(b"END:VCALENDAR\r\n")
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    for line in lines:
        line.decode()


def test_the_time_is_the_business_s_own_with_its_zone_beside_it() -> None:
    lines = list(unfolded(made(meeting(datetime(2026, 11, 24, 8, 0, tzinfo=UTC)))))
    assert "DTSTART;TZID=Asia/Jerusalem:20261124T100000" in lines
    assert "DTEND;TZID=Asia/Jerusalem:20261124T103000" in lines
    assert "DTSTAMP:20261122T200000Z" in lines
    assert lines.index("TZID:Asia/Jerusalem") < lines.index("BEGIN:VEVENT")


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 26, 23, 30, tzinfo=UTC),  # 01:30, the last before summer time
        datetime(2026, 3, 27, 0, 30, tzinfo=UTC),  # 03:30, in summer time
        datetime(2026, 10, 24, 22, 30, tzinfo=UTC),  # 01:30, for the first time
        datetime(2026, 10, 24, 23, 30, tzinfo=UTC),  # 01:30, for the second time
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # 02:30, in winter time
        datetime(2026, 10, 25, 1, 45, tzinfo=JERUSALEM),  # until 01:15
        datetime(2027, 7, 1, 7, 0, tzinfo=UTC),
        datetime(2026, 1, 1, 7, 0, tzinfo=UTC),
    ],
)
def test_at_the_edges_of_summer_time_the_moment_stays_the_same(moment: datetime) -> None:
    entry = read_back(made(meeting(moment)))
    assert isinstance(entry.start, datetime)
    assert isinstance(entry.end, datetime)
    assert entry.start.astimezone(UTC) == moment.astimezone(UTC)
    assert entry.end.astimezone(UTC) == moment.astimezone(UTC) + timedelta(minutes=30)


def test_the_rules_of_the_zone_are_those_of_the_zone() -> None:
    """Read by another library, which knows nothing but what stands in the file."""
    lines = list(unfolded(made(meeting())))
    own = lines[lines.index("BEGIN:VTIMEZONE") : lines.index("END:VTIMEZONE") + 1]
    zone = tzical(_Text("\r\n".join(own))).get()
    moment = datetime(2025, 6, 1, tzinfo=UTC)
    while moment < datetime(2027, 12, 1, tzinfo=UTC):
        local = moment.astimezone(JERUSALEM)
        if not local.fold:
            assert local.replace(tzinfo=zone).utcoffset() == local.utcoffset(), local
        moment += timedelta(hours=1)


def test_the_clocks_change_when_the_unchanged_clock_shows_two() -> None:
    lines = list(unfolded(made(meeting())))
    assert "DTSTART:20260327T020000" in lines
    assert "DTSTART:20261025T020000" in lines


def test_the_uid_follows_from_call_and_act_alone_and_tells_neither() -> None:
    uid = meeting_uid("call-7", "book-1")
    assert uid == meeting_uid("call-7", "book-1")
    assert uid != meeting_uid("call-7", "book-2")
    assert "call-7" not in uid


@settings(deadline=None, max_examples=50)
@given(
    st.text(st.one_of(st.characters(categories=["Cc"]), st.characters(exclude_categories=["Cs"])))
)
def test_no_text_becomes_a_line_of_its_own(text: str) -> None:
    names = [line.partition(":")[0] for line in unfolded(made(meeting(title="x", about="x")))]
    attacked = made(meeting(title=f"x{text}", about=f"x{text}\r\nATTENDEE:mailto:a@b.example"))
    assert [line.partition(":")[0] for line in unfolded(attacked)] == names
    assert not any(category(letter) == "Cc" for line in unfolded(attacked) for letter in line)
    read_back(attacked)


def test_what_is_stored_on_a_server_has_no_method_and_a_claim_is_tentative() -> None:
    on_server = event(meeting(), zone=JERUSALEM, now=NOW)
    assert b"METHOD" not in on_server
    assert b"METHOD:PUBLISH\r\n" in made(meeting())
    claimed = claim(meeting(), zone=JERUSALEM, now=NOW)
    assert on_server == claimed.replace(b"STATUS:TENTATIVE", b"STATUS:CONFIRMED")


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        made(meeting(datetime(2026, 11, 24, 10, 0)))  # noqa: DTZ001 - this is what is tested


class _Text:
    """As `tzical` reads: a file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> str:
        return self._text
