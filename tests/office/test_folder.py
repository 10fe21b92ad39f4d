import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from engine.office.folder import Invitations
from engine.office.meeting import OURS, Meeting, meeting_uid
from engine.store import Appointment, SlotTaken

TEN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@dataclass
class Shelf:
    """A store in memory with room for one meeting."""

    booked: list[Appointment] = field(default_factory=list)

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return [(one.start, one.minutes) for one in self.booked]

    async def book(self, appointment: Appointment) -> None:
        if self.booked and self.booked[0].call != appointment.call:
            raise SlotTaken
        self.booked = [appointment]

    async def cancel(self, appointment: Appointment) -> None:
        self.booked = []


def invitations(shelf: Shelf, folder: Path) -> Invitations:
    return Invitations(
        shelf,
        folder,
        lambda one: Meeting(meeting_uid(one.call, one.act), one.start, one.minutes, "פגישה"),
        zone=ZoneInfo("Asia/Jerusalem"),
        clock=lambda: TEN,
    )


def test_a_booked_meeting_has_one_file_and_a_refused_one_has_none(tmp_path: Path) -> None:
    async def book() -> None:
        store = invitations(Shelf(), tmp_path / "new")
        await store.book(Appointment(TEN, 30, "one"))
        await store.book(Appointment(TEN, 30, "one"))
        with pytest.raises(SlotTaken):
            await store.book(Appointment(TEN, 30, "two"))
        assert await store.busy(TEN, TEN) == [(TEN, 30)]

    asyncio.run(book())
    (file,) = (tmp_path / "new").iterdir()
    calendar = Calendar.from_ical(file.read_bytes())
    assert isinstance(calendar, Calendar)
    assert calendar.events[0].start == TEN
    assert file.suffix == ".ics"


def test_a_disk_that_fails_takes_no_meeting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    shelf = Shelf()
    asyncio.run(invitations(shelf, tmp_path / "file").book(Appointment(TEN, 30, "one")))
    assert len(shelf.booked) == 1
    assert caplog.records[0].message == "invitation_not_written"


def read(folder: Path, start: datetime) -> Calendar:
    """The file of the meeting at that time."""
    act = Appointment(start, 30, "one").act
    name = meeting_uid("one", act).removesuffix(OURS)
    calendar = Calendar.from_ical((folder / f"{name}.ics").read_bytes())
    assert isinstance(calendar, Calendar)
    return calendar


def test_of_a_canceled_meeting_the_file_takes_the_invitation_back(tmp_path: Path) -> None:
    async def go() -> None:
        store = invitations(Shelf(), tmp_path)
        await store.book(Appointment(TEN, 30, "one"))
        before = read(tmp_path, TEN)
        await store.cancel(Appointment(TEN, 30, "one"))
        after = read(tmp_path, TEN)
        (was,), (now,) = before.events, after.events
        assert (before["METHOD"], after["METHOD"]) == ("PUBLISH", "CANCEL")
        assert (now["UID"], now.start, now["STATUS"]) == (was["UID"], was.start, "CANCELLED")
        assert now["SEQUENCE"] > was.get("SEQUENCE", 0)

    asyncio.run(go())


def test_of_a_moved_meeting_the_old_file_is_taken_back_and_the_new_one_stands(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        later = TEN + timedelta(hours=1)
        store = invitations(Shelf(), tmp_path)
        await store.book(Appointment(TEN, 30, "one"))
        await store.book(Appointment(later, 30, "one", instead_of=TEN))
        assert [read(tmp_path, start)["METHOD"] for start in (TEN, later)] == ["CANCEL", "PUBLISH"]

    asyncio.run(go())
