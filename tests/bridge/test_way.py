"""The way from our socket to the caller's ear, by RTCP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audiosocket.way import LEAST, MOST, Way


def test_it_is_half_a_round_trip_and_the_telephones_buffer() -> None:
    way = Way()
    assert way.seconds(0) is None
    way.report(1.0, round_trip=0.1, jitter=8)
    assert way.seconds(1.0) == pytest.approx(0.05 + 0.04)
    way.report(2.0, round_trip=0.1, jitter=240)  # 30 ms
    assert way.seconds(2.0) == pytest.approx(0.05 + 0.06)


def test_a_round_trip_of_less_than_nothing_is_none() -> None:
    way = Way()
    way.report(1.0, round_trip=65535.9997, jitter=8)
    assert way.round_trip(1.0) == 0
    assert way.seconds(1.0) == pytest.approx(0.04)


def test_the_quickest_of_half_a_minute_counts_and_then_is_forgotten() -> None:
    way = Way()
    way.report(0.0, round_trip=0.02, jitter=0)
    way.report(20.0, round_trip=0.2, jitter=0)
    assert way.round_trip(29.0) == 0.02
    assert way.round_trip(31.0) == 0.2
    assert way.round_trip(600.0) == 0.2  # the last that was heard


@given(st.lists(st.tuples(st.floats(), st.floats())))
def test_whatever_is_reported_it_stays_within_bounds(reports: list[tuple[float, float]]) -> None:
    way = Way()
    for now, (trip, jitter) in enumerate(reports):
        way.report(float(now), round_trip=trip, jitter=jitter)
    told = way.seconds(float(len(reports)))
    assert told is None or LEAST <= told <= MOST
