import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from engine.office.desk import Desk
from engine.store import Appointment, SlotTaken

TEN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ONE = Appointment(TEN, 30, "one")


@dataclass
class Slow:
    """A calendar that books when it is let."""

    taken: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    booked: list[Appointment] = field(default_factory=list)

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return []

    async def book(self, appointment: Appointment) -> None:
        self.begun.set()
        await self.let.wait()
        if self.taken:
            raise SlotTaken
        self.booked.append(appointment)

    async def cancel(self, appointment: Appointment) -> None:
        await self.let.wait()
        self.booked = [one for one in self.booked if one.act != appointment.act]


def booked_at_once() -> Slow:
    slow = Slow()
    slow.let.set()
    return slow


async def hung_up_meanwhile(desk: Desk, slow: Slow) -> None:
    booking = asyncio.create_task(desk.book(ONE))
    await slow.begun.wait()
    booking.cancel()
    await asyncio.wait([booking])


def test_a_caller_who_hangs_up_while_it_is_booked_has_the_meeting_in_the_summary() -> None:
    async def scenario() -> None:
        slow, told = Slow(), list[Appointment | None]()
        desk = Desk(slow)
        await hung_up_meanwhile(desk, slow)
        desk.settle("one", told.append)
        desk.settle("another", told.append)
        assert told == [None]  # of the other call
        slow.let.set()
        await desk.close()
        assert slow.booked == [ONE]
        assert told == [None, ONE]

    asyncio.run(scenario())


def test_a_caller_who_hangs_up_before_it_is_refused_has_none() -> None:
    async def scenario() -> None:
        slow, told = Slow(taken=True), list[Appointment | None]()
        desk = Desk(slow)
        await hung_up_meanwhile(desk, slow)
        desk.settle("one", told.append)
        slow.let.set()
        await desk.close()
        assert told == [None]

    asyncio.run(scenario())


def test_what_is_asked_for_again_meanwhile_or_later_is_booked_once() -> None:
    async def scenario() -> None:
        slow, news = Slow(), list[str]()
        desk = Desk(slow, lambda: news.append("booked"))
        await hung_up_meanwhile(desk, slow)
        slow.let.set()
        await desk.book(ONE)
        await desk.book(ONE)
        assert slow.booked == [ONE]
        assert news == ["booked"]

    asyncio.run(scenario())


def test_a_refusal_is_told_to_who_asks_again() -> None:
    async def scenario() -> None:
        slow = Slow(taken=True)
        desk = Desk(slow)
        await hung_up_meanwhile(desk, slow)
        slow.let.set()
        with pytest.raises(SlotTaken):
            await desk.book(ONE)
        slow.taken = False
        await desk.book(ONE)
        assert slow.booked == [ONE]

    asyncio.run(scenario())


def test_a_caller_who_hangs_up_while_it_is_canceled_has_no_meeting_in_the_summary() -> None:
    async def scenario() -> None:
        slow, told, news = booked_at_once(), list[Appointment | None](), list[str]()
        desk = Desk(slow, lambda: news.append("told"))
        await desk.book(ONE)
        slow.let.clear()
        canceling = asyncio.create_task(desk.cancel(ONE))
        await asyncio.sleep(0)
        canceling.cancel()
        await asyncio.wait([canceling])
        desk.settle("one", told.append)
        slow.let.set()
        await desk.close()
        assert (slow.booked, told, news) == ([], [None], ["told", "told"])

    asyncio.run(scenario())


def test_of_a_meeting_that_was_moved_the_summary_has_the_new_time() -> None:
    async def scenario() -> None:
        slow, told = booked_at_once(), list[Appointment | None]()
        desk = Desk(slow)
        await desk.book(ONE)
        moved = Appointment(TEN + timedelta(hours=1), 30, "one", instead_of=TEN)
        await desk.book(moved)
        desk.settle("one", told.append)
        assert told == [moved]

    asyncio.run(scenario())


def test_what_a_call_had_booked_before_it_came_back_can_be_canceled() -> None:
    async def scenario() -> None:
        told = list[Appointment | None]()
        desk = Desk(booked_at_once())
        desk.go_on(ONE)
        assert desk.booked("one") == ONE
        await desk.cancel(ONE)
        desk.settle("one", told.append)
        assert told == [None]

    asyncio.run(scenario())
