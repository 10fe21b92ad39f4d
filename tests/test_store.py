import resource
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.store import Appointment, Appointments, SlotTaken, StoreBroken

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def meeting(start: datetime = TEN, call: str = "one") -> Appointment:
    return Appointment(start, 30, call, "0501234567", {"area": "florentin", "budget": 7_000})


def test_a_booked_time_is_refused_to_another_call() -> None:
    appointments = Appointments()
    appointments.book(meeting())
    with pytest.raises(SlotTaken, match="2026-11-22T10:00"):
        appointments.book(meeting(call="two"))


@pytest.mark.parametrize("minutes", [-29, 29])
def test_a_time_that_overlaps_is_taken(minutes: int) -> None:
    appointments = Appointments()
    appointments.book(meeting())
    with pytest.raises(SlotTaken):
        appointments.book(meeting(TEN + timedelta(minutes=minutes), "two"))


def test_the_next_time_is_free() -> None:
    appointments = Appointments()
    appointments.book(meeting())
    appointments.book(meeting(TEN + timedelta(minutes=30), "two"))
    assert len(appointments.booked()) == 2


def test_the_same_call_that_asks_twice_has_it_once(tmp_path: Path) -> None:
    appointments = Appointments(tmp_path / "booked")
    appointments.book(meeting())
    appointments.book(meeting())
    assert len((tmp_path / "booked").read_bytes().splitlines()) == 1


def test_what_is_booked_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Appointments(tmp_path / "booked")
    first.book(meeting())
    second = Appointments(tmp_path / "booked")
    assert second.booked() == (meeting(),)
    with pytest.raises(SlotTaken):
        second.book(meeting(call="two"))


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_dropped_and_reported(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "booked"
    first = Appointments(path)
    first.book(meeting())
    first.book(meeting(TEN + timedelta(hours=1)))
    path.write_bytes(path.read_bytes()[:-cut])

    second = Appointments(path)
    second.book(meeting(TEN + timedelta(hours=2)))

    assert second.torn > 0
    assert "torn" in caplog.text
    starts = [one.start for one in Appointments(path).booked()]
    assert starts == [TEN, TEN + timedelta(hours=2)]


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"start": "10:00"}', "[]"])
def test_a_broken_line_in_the_middle_is_not_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "booked"
    Appointments(path).book(meeting())
    path.write_bytes(f"{line}\n".encode() + path.read_bytes())
    with pytest.raises(StoreBroken, match="line 1 "):
        Appointments(path)


def test_a_disk_that_fails_books_nothing(tmp_path: Path) -> None:
    appointments = Appointments(tmp_path / "missing" / "booked")
    with pytest.raises(OSError, match="missing"):
        appointments.book(meeting())
    assert appointments.booked() == ()


def test_a_disk_that_fills_up_within_a_line_leaves_no_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "booked"
    appointments = Appointments(path)
    appointments.book(meeting())
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="only part of a line"):
            appointments.book(meeting(TEN + timedelta(hours=1)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert appointments.booked() == (meeting(),)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Appointments().book(meeting(datetime(2026, 11, 22, 10)))  # noqa: DTZ001 - the point


def test_of_many_calls_at_once_exactly_one_has_the_time(tmp_path: Path) -> None:
    appointments = Appointments(tmp_path / "booked")

    def wins(call: int) -> bool:
        try:
            appointments.book(meeting(call=str(call)))
        except SlotTaken:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(wins, range(100))) == 1
    assert len((tmp_path / "booked").read_bytes().splitlines()) == 1
