from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue.hours import NOTICE, Fit, Window, choose, free_windows
from engine.dialogue.wish import Part, When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
ZONE = ZoneInfo(SHAI.timezone)
SUNDAY = datetime(2026, 11, 22, 9, 10, tzinfo=ZONE)
SATURDAY_NIGHT = datetime(2026, 11, 21, 23, 0, tzinfo=ZONE)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def offered(now: datetime, when: When, *, refused: frozenset[datetime] = frozenset()) -> list[str]:
    windows, _ = choose(free_windows(SHAI, now, ()), when, refused)
    return [_name(window) for window in windows]


def _name(window: Window) -> str:
    return f"{WEEKDAYS[window.start.weekday()]} {window.start:%H:%M}"


@pytest.mark.parametrize(
    ("when", "windows"),
    [
        (When(), ["Sun 12:00", "Mon 09:00", "Tue 09:00"]),
        (When(part="morning"), ["Mon 09:00", "Tue 09:00", "Wed 09:00"]),
        (When(part="afternoon"), ["Sun 12:00", "Mon 12:00", "Tue 12:00"]),
        (When(days_ahead=1), ["Mon 09:00", "Mon 12:00", "Mon 14:00"]),
        (When(weekday=1, part="afternoon"), ["Tue 12:00", "Tue 14:00", "Tue 16:00"]),
        (When(weekday=1, clock=600), ["Tue 10:00", "Tue 09:00", "Tue 11:00"]),
        (When(clock=4 * 60), ["Sun 16:00", "Mon 16:00", "Tue 16:00"]),
        (When(clock=16 * 60), ["Sun 16:00", "Mon 16:00", "Tue 16:00"]),
        (When(weekday=4), ["Fri 09:00", "Fri 10:00", "Fri 12:00"]),
    ],
)
def test_windows_offered_on_a_sunday_morning(when: When, windows: list[str]) -> None:
    assert offered(SUNDAY, when) == windows


def test_nothing_is_free_on_a_saturday_and_the_offer_says_so() -> None:
    windows, fit = choose(free_windows(SHAI, SUNDAY, ()), When(weekday=5), frozenset())
    assert fit is Fit.OTHER
    assert len(windows) == 3


def test_next_week_cannot_be_booked_on_a_sunday_and_the_offer_says_so() -> None:
    _, fit = choose(free_windows(SHAI, SUNDAY, ()), When(next_week=True), frozenset())
    assert fit is Fit.BEYOND


def test_on_a_saturday_next_week_begins_tomorrow() -> None:
    windows, fit = choose(free_windows(SHAI, SATURDAY_NIGHT, ()), When(next_week=True), frozenset())
    assert fit is Fit.ASKED
    assert _name(windows[0]) == "Sun 09:00"


def test_a_booked_window_is_not_free_nor_one_that_overlaps_it() -> None:
    booked = [(datetime(2026, 11, 23, 9, 45, tzinfo=ZONE), 30)]
    monday = [w for w in free_windows(SHAI, SUNDAY, booked) if w.days_ahead == 1]
    assert [_name(window) for window in monday[:3]] == ["Mon 09:00", "Mon 10:30", "Mon 11:00"]


def test_refused_windows_are_not_offered_again() -> None:
    first, _ = choose(free_windows(SHAI, SUNDAY, ()), When(), frozenset())
    refused = frozenset(window.start for window in first)
    again, _ = choose(free_windows(SHAI, SUNDAY, ()), When(), refused)
    assert refused & {window.start for window in again} == set()


def test_no_window_is_offered_when_all_are_booked() -> None:
    booked = [(SUNDAY.replace(hour=0) + timedelta(days=day), 24 * 60) for day in range(8)]
    assert choose(free_windows(SHAI, SUNDAY, booked), When(), frozenset()) == ((), Fit.OTHER)


PARTS: list[Part | None] = [None, "morning", "noon", "afternoon", "evening"]
WHENS = st.builds(
    When,
    weekday=st.none() | st.integers(0, 6),
    days_ahead=st.none() | st.integers(0, 2),
    next_week=st.booleans(),
    part=st.sampled_from(PARTS),
    clock=st.none() | st.integers(1, 23 * 60),
)
MOMENTS = st.integers(0, 14 * 24 * 60).map(lambda minutes: SUNDAY + timedelta(minutes=minutes))


@given(MOMENTS, WHENS)
def test_an_offer_is_always_of_free_windows_within_opening_hours(now: datetime, when: When) -> None:
    free = free_windows(SHAI, now, ())
    windows, _ = choose(free, when, frozenset())
    assert 2 <= len(windows) <= 3
    assert set(windows) <= set(free)
    for window in windows:
        assert now + NOTICE <= window.start <= now + timedelta(days=7)
        assert any(
            opening.weekday == window.start.weekday()
            and opening.opens <= window.minute_of_day
            and window.minute_of_day + window.minutes <= opening.closes
            for opening in SHAI.hours
        )
