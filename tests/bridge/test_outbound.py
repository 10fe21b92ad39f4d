"""Whom the agent may call, and when: each rule refuses what it is there for, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from bridge.outbound import (
    Allowed,
    History,
    NotAllowed,
    OutboundRequest,
    OutboundRules,
    Quiet,
    Refused,
    checked,
    decide,
    read_quiet,
)
from bridge.settings import Settings

JERUSALEM = "+97235550100"
WANTED = "asked for a call back on the site, 2026-11-20"
SABBATH = "20:00-09:00, fri 13:00-24:00, sat"
RULES = OutboundRules(
    enabled=True, prefixes=("+972", "+1212", "+7"), per_hour=3, per_day=5, quiet=read_quiet(SABBATH)
)
NOTHING = History()
SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
"""12:00 in Israel, where it is an ordinary day."""


def why(
    number: str = JERUSALEM,
    *,
    consent: str = WANTED,
    rules: OutboundRules = RULES,
    history: History = NOTHING,
    now: datetime = SUNDAY,
) -> str:
    """Why this call is refused; empty: it is allowed."""
    match decide(OutboundRequest(number, consent), rules, history, now):
        case Refused(reason):
            assert not number or number not in reason
            return reason
        case Allowed(called, longest):
            assert (called, longest) == (number, rules.longest)
            return ""


def test_a_call_that_all_rules_let_through_is_allowed() -> None:
    assert why() == ""


def test_nobody_is_called_unless_it_is_switched_on() -> None:
    assert "KAV_OUTBOUND=true" in why(rules=OutboundRules())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("035550100", "no telephone number"),
        ("+972 3 555 0100", "no telephone number"),
        ("+97235550100\n", "no telephone number"),
        ("+٩٧٢٣٥٥٥٠١٠٠", "no telephone number"),
        ("+0035550100", "no telephone number"),
        ("", "no telephone number"),
        ("sip:leah@example.org", "no telephone number"),
        ("+9991234567", "no telephone number"),
        ("+972035550100", "no such number"),
        ("+9723555010", "no such number"),
        ("+9721900123456", "premium"),
        ("+9721800123456", "premium"),
        ("+9721700123456", "premium"),
        ("+447011234567", "premium"),
        ("+19002345678", "premium"),
        ("+870773123456", "satellite"),
        ("+881612345678", "satellite"),
        ("+883510012345678", "satellite"),
        ("+979123456789", "satellite"),
        ("+390698765432", "KAV_OUTBOUND_PREFIXES"),
        ("+442079460000", "KAV_OUTBOUND_PREFIXES"),
        ("+18765551234", "KAV_OUTBOUND_PREFIXES"),
        ("+12025550123", "KAV_OUTBOUND_PREFIXES"),
    ],
)
def test_a_number_that_is_never_called(number: str, reason: str) -> None:
    assert reason in why(number)


def test_without_prefixes_nobody_is_called() -> None:
    assert "KAV_OUTBOUND_PREFIXES" in why(rules=replace(RULES, prefixes=()))


def test_whoever_opted_out_is_not_called_whatever_they_agreed_to_before() -> None:
    assert "does not want" in why(history=History(opted_out=True))


@pytest.mark.parametrize("consent", ["", "  "])
def test_nobody_is_called_without_consent(consent: str) -> None:
    assert "consent" in why(consent=consent)


@pytest.mark.parametrize(
    ("local", "allowed"),
    [
        ("2026-11-22T08:59", False),
        ("2026-11-22T09:00", True),
        ("2026-11-22T19:59", True),
        ("2026-11-22T20:00", False),
        ("2026-11-22T23:59", False),
        ("2026-11-23T00:00", False),
        ("2026-11-27T12:59", True),
        ("2026-11-27T13:00", False),
        ("2026-11-28T12:00", False),
        ("2026-11-29T00:00", False),
        ("2026-11-29T09:00", True),
        # Summer time begins in this night.
        ("2026-03-26T19:59", True),
        ("2026-03-27T08:59", False),
        ("2026-03-27T09:00", True),
    ],
)
def test_the_hours_are_those_of_whoever_is_called(local: str, allowed: bool) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Asia/Jerusalem"))
    assert (why(now=now.astimezone(UTC)) == "") is allowed


def test_a_number_of_many_time_zones_is_called_when_it_is_day_in_all_of_them() -> None:
    russia = "+79161234567"
    nine_in_kaliningrad = SUNDAY.replace(hour=7)
    eight_in_the_evening_in_anadyr = SUNDAY.replace(hour=8)
    assert "time of rest" in why(russia, now=nine_in_kaliningrad - timedelta(minutes=1))
    assert why(russia, now=nine_in_kaliningrad) == ""
    assert "time of rest" in why(russia, now=eight_in_the_evening_in_anadyr)


def test_a_stretch_over_midnight_ends_on_the_next_day() -> None:
    assert read_quiet("sun 22:00-06:00") == (Quiet(6 * 1440 + 22 * 60, 8 * 60),)
    monday_five = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert read_quiet("sun 22:00-06:00")[0].covers(monday_five)
    assert not read_quiet("sun 22:00-06:00")[0].covers(monday_five + timedelta(hours=1))


def test_no_quiet_hours_at_all_can_be_asked_for() -> None:
    assert read_quiet("") == ()


@pytest.mark.parametrize(
    "written", ["9-20", "25:00-26:00", "09:00-09:00", "fri-sat", "24:30-01:00"]
)
def test_quiet_hours_that_cannot_be_read_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=written):
        read_quiet(written)


def test_a_call_leaves_the_hour_s_cap_when_it_is_an_hour_old() -> None:
    placed = [SUNDAY - timedelta(minutes=minutes) for minutes in (1, 30, 59)]
    assert "KAV_OUTBOUND_PER_HOUR" in why(history=History(placed))
    assert why(history=History(placed), now=SUNDAY + timedelta(minutes=1)) == ""


def test_a_call_leaves_the_day_s_cap_when_it_is_a_day_old() -> None:
    placed = [SUNDAY - timedelta(hours=hours) for hours in (2, 3, 4, 5, 23)]
    assert "KAV_OUTBOUND_PER_DAY" in why(history=History(placed))
    assert why(history=History(placed), now=SUNDAY + timedelta(hours=1)) == ""


@effort(max_examples=50)
@given(st.from_regex(r"\+?[\d ]{0,16}", fullmatch=True))
def test_whatever_is_called_begins_with_an_allowed_prefix(number: str) -> None:
    match decide(OutboundRequest(number, WANTED), RULES, History(), SUNDAY):
        case Allowed(called):
            assert called == number
            assert called.startswith(RULES.prefixes)
            assert called[1:].isdecimal()


def test_the_store_is_told_no_by_an_exception() -> None:
    check = checked(OutboundRequest(JERUSALEM, WANTED), RULES, SUNDAY)
    check([], False)
    with pytest.raises(NotAllowed, match="does not want"):
        check([], True)


def test_the_settings_become_rules() -> None:
    told = Settings.model_validate(
        {
            "kav_outbound": "true",
            "kav_outbound_prefixes": "+972, +1212",
            "kav_outbound_from": JERUSALEM,
            "kav_outbound_per_hour": 3,
            "kav_outbound_per_day": 5,
            "kav_outbound_quiet": "22:00-08:00",
            "kav_outbound_longest_sec": 60,
        }
    )
    expected = OutboundRules(True, ("+972", "+1212"), 3, 5, read_quiet("22:00-08:00"), 60)
    assert told.outbound_rules() == expected


def test_by_default_nobody_is_called_and_the_sabbath_is_kept() -> None:
    rules = Settings.model_validate({}).outbound_rules()
    assert not rules.enabled
    assert rules.quiet == read_quiet(SABBATH)
    never = Settings.model_validate({"kav_outbound_quiet": "none"})
    assert never.outbound_rules().quiet == ()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kav_outbound": True}, "KAV_OUTBOUND_PREFIXES .* are needed"),
        ({"kav_outbound_quiet": "always"}, "KAV_OUTBOUND_QUIET: 'always': expected"),
        ({"kav_outbound_prefixes": "972"}, "kav_outbound_prefixes"),
        ({"kav_outbound_prefixes": "+"}, "kav_outbound_prefixes"),
        ({"kav_outbound_from": "Leah"}, "kav_outbound_from"),
    ],
)
def test_settings_that_would_let_too_much_through_are_refused(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings.model_validate(settings)


def test_numbers_are_not_in_a_repr() -> None:
    request = OutboundRequest(JERUSALEM, WANTED)
    assert JERUSALEM not in repr(request) + repr(decide(request, RULES, History(), SUNDAY))
