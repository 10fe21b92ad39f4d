import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from engine.office.calendar import CalendarAway
from engine.office.diary import EVERY, OLDEST, PATIENCE, Agenda, Diary
from engine.office.meeting import Meeting, meeting_uid
from engine.store import Appointment, SlotTaken, StoreFailed
from tests.virtual_time import run

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
WEEK = (NOW, NOW + timedelta(days=7))


@dataclass
class Paper:
    """A calendar that answers after `takes` seconds, or not at all."""

    events: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    takes: float = 0.1
    away: bool = False
    asked: int = 0

    async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        self.asked += 1
        await self._answer()
        return list(self.events.values())

    async def book(self, meeting: Meeting) -> None:
        await self._answer()
        if (meeting.start, meeting.minutes) in self.events.values():
            raise SlotTaken
        self.events[meeting.uid] = (meeting.start, meeting.minutes)

    async def cancel(self, uid: str) -> None:
        await self._answer()
        self.events.pop(uid, None)

    async def _answer(self) -> None:
        await asyncio.sleep(self.takes)
        if self.away:
            raise CalendarAway("no answer in time")


def diary_of(paper: Paper) -> Diary:
    return Diary(paper, lambda: NOW)


def meeting(call: str = "one", start: datetime = TOMORROW) -> Meeting:
    return Meeting(meeting_uid(call, "1"), start, 30, "meeting")


async def waited(diary: Diary) -> float:
    """Seconds that a turn waits."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    await diary.busy(*WEEK)
    return loop.time() - before


class Running:
    def __init__(self, diary: Diary) -> None:
        self._diary = diary

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._diary.run())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def test_the_first_turn_waits_for_the_first_reading_and_no_later_one_waits() -> None:
    async def scenario() -> None:
        paper = Paper({"x": (TOMORROW, 30)})
        diary = diary_of(paper)
        async with Running(diary):
            assert await waited(diary) == pytest.approx(paper.takes)
            assert await diary.busy(*WEEK) == [(TOMORROW, 30)]
            await asyncio.sleep(10 * OLDEST)
            assert await waited(diary) == 0.0
            assert paper.asked == pytest.approx(10 * OLDEST / EVERY, abs=2)

    run(scenario())


def test_what_the_office_writes_is_known_a_moment_later() -> None:
    async def scenario() -> None:
        paper = Paper()
        diary = diary_of(paper)
        async with Running(diary):
            assert await diary.busy(*WEEK) == []
            paper.events["x"] = (TOMORROW, 30)
            await asyncio.sleep(EVERY + 1)
            assert await diary.busy(*WEEK) == [(TOMORROW, 30)]
            assert await diary.busy(WEEK[0], TOMORROW) == []
            assert await diary.busy(TOMORROW + timedelta(minutes=30), WEEK[1]) == []

    run(scenario())


def test_while_it_does_not_answer_a_turn_waits_once_and_what_was_known_holds() -> None:
    async def scenario() -> None:
        paper = Paper({"x": (TOMORROW, 30)})
        diary = diary_of(paper)
        async with Running(diary):
            await diary.busy(*WEEK)
            paper.takes = 1e9
            await asyncio.sleep(OLDEST + EVERY)
            assert await waited(diary) == pytest.approx(PATIENCE)
            assert await waited(diary) == 0.0
            assert await diary.busy(*WEEK) == [(TOMORROW, 30)]

    run(scenario())


def test_turns_that_begin_together_wait_for_one_reading() -> None:
    async def scenario() -> None:
        paper = Paper({"x": (TOMORROW, 30)})
        diary = diary_of(paper)
        async with asyncio.TaskGroup() as group:
            turns = [group.create_task(diary.busy(*WEEK)) for _ in range(5)]
        assert all(turn.result() == [(TOMORROW, 30)] for turn in turns)
        assert paper.asked == 1

    run(scenario())


def test_it_is_said_once_that_it_is_away_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        paper = Paper(away=True)
        diary = diary_of(paper)
        async with Running(diary):
            assert await waited(diary) == pytest.approx(paper.takes)
            assert await waited(diary) == 0.0
            assert await diary.busy(*WEEK) == []
            assert diary.away
            await asyncio.sleep(3 * EVERY)
            paper.away = False
            await asyncio.sleep(3 * EVERY)
            assert not diary.away

    run(scenario())
    assert [record.message for record in caplog.records] == ["calendar_away", "calendar_back"]


def test_a_time_that_was_booked_or_refused_is_not_offered_before_the_next_reading() -> None:
    async def scenario() -> None:
        paper = Paper()
        diary = diary_of(paper)
        await diary.busy(*WEEK)
        paper.events["somebody"] = (TOMORROW, 30)
        with pytest.raises(SlotTaken):
            await diary.book(meeting())
        assert await diary.busy(*WEEK) == [(TOMORROW, 30)]
        await diary.cancel("somebody")
        later = Meeting("b@kav", TOMORROW + timedelta(hours=1), 30, "meeting")
        await diary.book(later)
        assert (later.start, 30) in await diary.busy(*WEEK)
        assert paper.asked == 1

    run(scenario())


@dataclass
class Shelf:
    """A store in memory."""

    booked: list[Appointment] = field(default_factory=list)
    broken: bool = False

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return [(one.start, one.minutes) for one in self.booked]

    async def book(self, appointment: Appointment) -> None:
        if any(one.start == appointment.start for one in self.booked):
            raise SlotTaken
        self.booked.append(appointment)

    async def cancel(self, appointment: Appointment) -> None:
        if self.broken:
            raise StoreFailed
        self.booked = [one for one in self.booked if one.start != appointment.start]


def appointment(call: str = "one") -> Appointment:
    return Appointment(TOMORROW, 30, call)


def agenda_of(shelf: Shelf, paper: Paper) -> Agenda:
    return Agenda(shelf, diary_of(paper), lambda one: meeting(one.call))


async def is_emptied_once_back(paper: Paper) -> None:
    """Not before: until then the calendar keeps what it has."""
    await asyncio.sleep(1)
    assert paper.events
    paper.away = False
    await asyncio.sleep(10)
    assert paper.events == {}


def test_a_time_is_free_only_where_both_say_so() -> None:
    async def scenario() -> None:
        later = TOMORROW + timedelta(hours=1)
        shelf, paper = Shelf([appointment()]), Paper({"x": (later, 30)})
        assert await agenda_of(shelf, paper).busy(*WEEK) == [(TOMORROW, 30), (later, 30)]

    run(scenario())


def test_what_is_booked_is_in_both() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper()
        await agenda_of(shelf, paper).book(appointment())
        assert shelf.booked == [appointment()]
        assert paper.events == {meeting().uid: (TOMORROW, 30)}

    run(scenario())


def test_what_the_calendar_refuses_is_not_stored() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper({"x": (TOMORROW, 30)})
        with pytest.raises(SlotTaken):
            await agenda_of(shelf, paper).book(appointment())
        assert shelf.booked == []

    run(scenario())


def test_what_cannot_be_asked_is_not_stored() -> None:
    async def scenario() -> None:
        shelf = Shelf()
        with pytest.raises(CalendarAway):
            await agenda_of(shelf, Paper(away=True)).book(appointment())
        assert shelf.booked == []

    run(scenario())


def test_what_the_store_refuses_does_not_stay_in_the_calendar() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf([appointment("other")]), Paper()
        with pytest.raises(SlotTaken):
            await agenda_of(shelf, paper).book(appointment())
        await asyncio.sleep(1)
        assert paper.events == {}

    run(scenario())


def test_a_claim_is_given_back_when_the_calendar_is_there_again_and_no_caller_waits() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper({meeting().uid: (TOMORROW, 30)}, away=True)
        agenda = agenda_of(shelf, paper)
        with pytest.raises(CalendarAway):
            await agenda.book(appointment())
        await is_emptied_once_back(paper)
        await agenda.close()

    run(scenario())


def test_what_is_booked_after_all_is_not_taken_away() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper(away=True)
        agenda = agenda_of(shelf, paper)
        with pytest.raises(CalendarAway):
            await agenda.book(appointment())
        await asyncio.sleep(1)
        paper.away = False
        await agenda.book(appointment())
        await asyncio.sleep(1000)
        assert paper.events == {meeting().uid: (TOMORROW, 30)}

    run(scenario())


def test_a_claim_that_is_left_at_the_end_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        agenda = agenda_of(Shelf(), Paper(away=True))
        with pytest.raises(CalendarAway):
            await agenda.book(appointment())
        await agenda.close()

    run(scenario())
    assert [record.message for record in caplog.records] == ["calendar_event_left"]


def test_what_is_canceled_is_in_neither_also_when_the_calendar_was_away() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper()
        agenda = agenda_of(shelf, paper)
        broken = list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _, told: broken.append(told))
        await agenda.book(appointment())
        paper.away = True
        await agenda.cancel(appointment())
        await agenda.cancel(appointment())
        assert shelf.booked == []
        await is_emptied_once_back(paper)
        await agenda.close()
        assert broken == []

    run(scenario())


def test_what_the_store_cannot_cancel_stands_in_both() -> None:
    async def scenario() -> None:
        shelf, paper = Shelf(), Paper()
        agenda = agenda_of(shelf, paper)
        await agenda.book(appointment())
        shelf.broken = True
        with pytest.raises(StoreFailed):
            await agenda.cancel(appointment())
        await asyncio.sleep(1)
        assert (len(shelf.booked), len(paper.events)) == (1, 1)

    run(scenario())


def test_what_is_moved_leaves_its_old_time_in_the_calendar_only_once_the_new_one_is_stored() -> (
    None
):
    async def scenario() -> None:
        later = TOMORROW + timedelta(hours=1)
        shelf, paper = Shelf(), Paper()
        agenda = Agenda(shelf, diary_of(paper), lambda one: meeting(one.act, one.start))
        await agenda.book(appointment())
        shelf.booked.append(Appointment(later, 30, "other"))
        with pytest.raises(SlotTaken):
            await agenda.book(Appointment(later, 30, "one", instead_of=TOMORROW))
        await asyncio.sleep(1)
        assert list(paper.events.values()) == [(TOMORROW, 30)]
        shelf.booked.pop()
        await agenda.book(Appointment(later, 30, "one", instead_of=TOMORROW))
        await asyncio.sleep(1)
        assert list(paper.events.values()) == [(later, 30)]

    run(scenario())
