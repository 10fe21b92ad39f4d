"""Several agents' calendars, as a call sees them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.office.agents import Agents
from engine.store import Appointment, Appointments, SlotTaken

TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
DAY = TEN - timedelta(hours=5), TEN + timedelta(hours=10)


def at(minutes: int, long: int = 30, call: str = "other") -> Appointment:
    return Appointment(TEN + timedelta(minutes=minutes), long, f"{call} {minutes}")


def test_a_time_is_taken_only_while_nobody_has_it_free() -> None:
    office, dana = Appointments(at(0, 60), at(120)), Appointments(at(30, 60))
    agents = Agents({"main": office, "dana": dana})
    assert asyncio.run(agents.busy(*DAY)) == [(TEN + timedelta(minutes=30), 30)]


def test_the_usual_agent_is_booked_first_then_who_is_free_then_nobody() -> None:
    office, dana = Appointments(), Appointments()
    agents = Agents({"main": office, "dana": dana})
    for call in ("first", "second"):
        asyncio.run(agents.book(at(0, call=call)))
    assert [one.calendar for one in (*office.booked, *dana.booked)] == ["main", "dana"]
    with pytest.raises(SlotTaken):
        asyncio.run(agents.book(at(0, call="third")))


def test_who_asks_twice_has_one_meeting() -> None:
    office, dana = Appointments(), Appointments()
    agents = Agents({"main": office, "dana": dana})
    for _ in range(2):
        asyncio.run(agents.book(at(0, call="first")))
    assert len(office.booked) + len(dana.booked) == 1


def test_a_meeting_is_canceled_with_whoever_has_it() -> None:
    office, dana = Appointments(at(0)), Appointments()
    agents = Agents({"main": office, "dana": dana})
    asyncio.run(agents.book(at(0, call="first")))
    asyncio.run(agents.cancel(at(0, call="first")))
    assert (len(office.booked), len(dana.booked)) == (1, 0)


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=5)


@given(st.lists(SPANS, min_size=1, max_size=3))
def test_each_minute_is_taken_just_when_it_is_with_all(
    calendars: list[list[tuple[int, int]]],
) -> None:
    each = [Appointments(*(at(start, long) for start, long in one)) for one in calendars]
    told = asyncio.run(Agents({str(n): one for n, one in enumerate(each)}).busy(*DAY))
    for minute in range(80):
        moment = TEN + timedelta(minutes=minute)
        taken = any(start <= moment < start + timedelta(minutes=long) for start, long in told)
        assert taken == all(
            any(start <= minute < start + long for start, long in one) for one in calendars
        )
