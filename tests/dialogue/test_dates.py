"""Dates as they are said, and what of them can be booked."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.dialogue import policy
from engine.dialogue.acts import Book, Offer, Why
from engine.dialogue.hours import Fit, choose, free_windows, is_at
from engine.dialogue.phrases import time_name
from engine.dialogue.talk import Turn
from engine.dialogue.understand import understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
NOW = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))
FREE = free_windows(SHAI, NOW, ())


@pytest.mark.parametrize(
    ("words", "when"),
    [
        ("ב-25 לחודש", {"day": 25}),
        ("25 בחודש", {"day": 25}),
        ("בעשרים וחמישה לחודש", {"day": 25}),
        ("בעשירי לחודש", {"day": 10}),
        ("ה-25", {"day": 25}),
        ("בתאריך 7", {"day": 7}),
        ("ב-3 בדצמבר", {"day": 3, "month": 12}),
        ("בשלושה לדצמבר", {"day": 3, "month": 12}),
        ("בחמישה עשר בדצמבר", {"day": 15, "month": 12}),
        ("הראשון בדצמבר", {"day": 1, "month": 12}),
        ("ה-15.12", {"day": 15, "month": 12}),
        ("ה-10.10", {"day": 10, "month": 10}),
        ("15.12.2026", {"day": 15, "month": 12}),
        ("ב-29 בפברואר", {"day": 29, "month": 2}),
        ("ב-25 לחודש בעשר", {"day": 25, "clock": 600}),
        ("ה-25 בבוקר", {"day": 25, "part": "morning"}),
        ("ביום רביעי ה-25 בנובמבר", {"weekday": 2, "day": 25, "month": 11}),
        ("לא ב-25 לחודש, ב-26 לחודש", {"day": 26}),
        ("on the 25th", {"day": 25}),
        ("the twenty-fifth", {"day": 25}),
        ("the 25th at 10 works", {"day": 25, "clock": 600}),
        ("the second of the month", {"day": 2}),
        ("December 3rd", {"day": 3, "month": 12}),
        ("December the third, please", {"day": 3, "month": 12}),
        ("the third of December at four", {"day": 3, "month": 12, "clock": 240}),
        ("3 December 2026", {"day": 3, "month": 12}),
        ("Wednesday the 25th at 10:30", {"weekday": 2, "day": 25, "clock": 630}),
        ("not on the 25th, on the 26th", {"day": 26}),
        ("the 25th, no sorry, the 26th", {"day": 26}),
        ("בעוד שבועיים", {"days_ahead": 14}),
        ("בעוד שלושה שבועות", {"days_ahead": 21}),
        ("in two weeks", {"days_ahead": 14}),
        ("in three weeks", {"days_ahead": 21}),
    ],
)
def test_a_date_is_understood(words: str, when: dict[str, Any]) -> None:
    assert understand(words, SHAI).when == When(**when)


@pytest.mark.parametrize(
    "words",
    [
        "ב-31 בנובמבר",
        "ב-45 לחודש",
        "ב-30 בפברואר",
        "32.12",
        "the 31st of November",
        "on the 45th",
        "February 30th",
        "the fifth floor",
        "7.5",
        "7.5 מיליון",
        "שלושה חדרים וחצי",
        "שבעת אלפים לחודש",
        "may I have an office",
        "דירה עם כניסה ב-1 בדצמבר",
        "דירה מה-1 בדצמבר",
        "an office from December 1st",
        "we want to move in on December 1st",
    ],
)
def test_what_is_no_date_of_a_meeting_is_none(words: str) -> None:
    assert understand(words, SHAI).when is None


@pytest.mark.parametrize(
    ("words", "clock"), [("ב-15.30", 930), ("10.30", 630), ("at 12.10", 730), ("9:05", 545)]
)
def test_what_may_be_an_hour_is_one(words: str, clock: int) -> None:
    assert understand(words, SHAI).when == When(clock=clock)


@pytest.mark.parametrize(("words", "place"), [("the third", 3), ("on the 3rd", 3), ("השלישי", 3)])
def test_a_place_in_a_list_is_no_date(words: str, place: int) -> None:
    found = understand(words, SHAI)
    assert found.ordinals == (place,)
    assert found.when is None or found.when.day is None


def test_an_amount_a_month_is_one() -> None:
    assert understand("7,000 לחודש", SHAI).budget == 7_000
    assert understand("עד 20 אלף לחודש", SHAI).budget == 20_000


@pytest.mark.parametrize(
    ("when", "fit"),
    [
        (When(day=25), Fit.ASKED),
        (When(day=25, month=11), Fit.ASKED),
        (When(day=22), Fit.ASKED),
        (When(day=25, clock=600), Fit.ASKED),
        (When(day=28), Fit.OTHER),  # a Saturday
        (When(weekday=1, day=25), Fit.OTHER),
        (When(day=29), Fit.BEYOND),
        (When(day=21), Fit.BEYOND),
        (When(day=31), Fit.BEYOND),
        (When(day=25, month=12), Fit.BEYOND),
        (When(days_ahead=14), Fit.BEYOND),
    ],
)
def test_the_next_such_date_is_meant_and_only_a_week_can_be_booked(when: When, fit: Fit) -> None:
    windows, found = choose(FREE, when, ())
    assert found is fit
    assert (fit is Fit.ASKED) == is_at(windows[0], when)


def test_at_the_end_of_a_month_the_first_is_in_the_next_one() -> None:
    late = NOW.replace(day=29)
    windows, fit = choose(free_windows(SHAI, late, ()), When(day=1), ())
    assert fit is Fit.ASKED
    assert {window.start.date() for window in windows} == {datetime(2026, 12, 1).date()}  # noqa: DTZ001 - a day


def test_a_date_chooses_among_the_windows_on_offer_and_beyond_the_week_is_told_so() -> None:
    words = "משרד ביפו, 8000, בכל זמן"
    talk = policy.answer(policy.start(SHAI, False), Turn(understand(words, SHAI)), FREE)
    assert isinstance(talk.act, Offer)
    window = talk.act.windows[-1]
    chosen = Turn(understand(f"ב-{window.start.day} לחודש", SHAI), heard=talk.act.windows)
    assert policy.answer(talk, chosen, FREE).act == Book(window)
    later = Turn(understand("ב-15 בדצמבר", SHAI), heard=talk.act.windows)
    offered = policy.answer(talk, later, FREE)
    assert isinstance(offered.act, Offer)
    assert offered.act.why is Why.BEYOND


def test_the_office_reads_the_date() -> None:
    assert time_name(When(day=25), "en") == "on the 25th of the month"
    assert time_name(When(day=3, month=12, clock=600), "en") == "on the 3rd of December at 10:00"
