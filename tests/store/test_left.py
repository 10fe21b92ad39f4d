"""What a call has left that comes back, on both databases."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, select

from bridge.office import CallRecord
from engine.core.effects import Heard
from engine.dialogue.hebrew import without_points
from engine.office.desk import Desk
from engine.ports import Back, CallFacts, Exchange
from engine.profile import shipped_profile
from engine.receptionist import Receptionist
from engine.store import Appointment, Appointments
from engine.store.opening import Store, open_store
from engine.store.records import COMES_BACK, FRESH, STOPPED
from engine.store.tables import calls, kept, turns

SHAI = shipped_profile("shai")
TEN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FACTS = CallFacts("line-1", "audiosocket")
DROPPED = replace(FACTS, back="dropped")
TALK = {"version": 1, "said": "שלום"}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = TEN

    def __call__(self) -> datetime:
        return self.now


class Bridge:
    """The records of one process's calls."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.desk = Desk(store.bookings)
        self._live: dict[str, CallRecord] = {}

    def call(self, facts: CallFacts = FACTS) -> CallRecord:
        return CallRecord(self.store.records, self.desk, SHAI, facts, self._live)

    async def talked(self, facts: CallFacts = FACTS) -> CallRecord:
        """A call in which something was said."""
        call = self.call(facts)
        assert await call.recall() is None
        call.keep(TALK)
        call.wants({"language": "he", "area": "jaffa"})
        call.exchange("במה אפשר לעזור?", "דירה ביפו", instead=False)
        return call

    async def told(self, after: timedelta) -> list[str]:
        """What the office is told by then."""
        await self.desk.close()
        await self.store.records.written()
        rows = await self.store.outbox.pending(TEN + after, 20)
        return sorted(row.key.partition(":")[0] for row in rows)

    async def count(self) -> tuple[int, int, int]:
        """Calls, turns and talks that are in the store."""
        await self.store.records.written()
        async with self.store.bookings._database.reading() as connection:
            one, two, three = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (calls, turns, kept)
            ]
        return one, two, three


def killed(address: str) -> str:
    """A bridge that talks, and dies; the call's key."""

    async def go() -> str:
        async with open_store(address, tells=True, clock=Clock()) as store:
            return (await Bridge(store).talked()).key

    return asyncio.run(go())


def test_a_call_whose_bridge_was_killed_goes_on_as_the_same_call(address: str) -> None:
    key = killed(address)

    async def go() -> None:
        async with open_store(address, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            assert await store.records.reconcile() == 1
            call = bridge.call()
            before = await call.recall()
            assert before is not None
            assert (call.key, before.back, before.talk) == (key, "dropped", TALK)
            assert before.exchanges == (Exchange("במה אפשר לעזור?", "דירה ביפו"),)
            assert await call.recall() == before
            assert await bridge.told(FRESH) == []
            call.exchange("מה התקציב?", "שבעת אלפים", instead=False)
            call.wants({"language": "he", "area": "jaffa", "budget": 7_000})
            call.close("goodbye")
            assert await bridge.told(timedelta(0)) == ["call", "lead"]
            assert await bridge.count() == (1, 2, 0)
            lead, end = await store.outbox.pending(TEN, 9)
        assert lead.payload["wish"] == {"language": "he", "area": "jaffa", "budget": 7_000}
        assert (end.payload["reason"], end.payload["started"]) == ("goodbye", TEN.isoformat())
        assert [one["heard"] for one in end.payload["summary"]["transcript"]] == [
            "דירה ביפו",
            "שבעת אלפים",
        ]

    asyncio.run(go())


def test_a_call_that_never_comes_back_is_told_a_minute_later(address: str) -> None:
    killed(address)

    async def go() -> None:
        async with open_store(address, tells=True, clock=Clock()) as store:
            assert await store.records.reconcile() == 1
            assert await Bridge(store).told(COMES_BACK - timedelta(seconds=1)) == []
            assert await Bridge(store).told(COMES_BACK) == ["call", "lead"]

    asyncio.run(go())


def test_the_meeting_that_a_dead_bridge_has_stored_belongs_to_the_call(address: str) -> None:
    key = killed(address)

    async def go() -> None:
        async with open_store(address, tells=True, clock=Clock()) as store:
            await store.bookings.book(Appointment(TEN, 30, key))
            await store.records.reconcile()
            call = Bridge(store).call()
            before = await call.recall()
            assert before is not None
            assert before.booked == (TEN, 30)
            call.close("hangup")
            await store.records.written()
            *_, end = await store.outbox.pending(TEN + COMES_BACK, 9)
            assert end.payload["summary"]["meeting"] == {"start": TEN.isoformat(), "minutes": 30}

    asyncio.run(go())


@pytest.mark.parametrize(
    ("ended", "came", "goes_on"),
    [
        # A line that knows it says so.
        ("connection reset", DROPPED, "dropped"),
        ("the peer closed the connection", DROPPED, "dropped"),
        ("transferred", replace(FACTS, back="unanswered"), "unanswered"),
        # Else only a bridge that was stopped in the middle tells it.
        (STOPPED, FACTS, "dropped"),
        ("the peer closed the connection", FACTS, None),
        ("transferred", FACTS, None),
        # What was closed in order is over, whoever says what.
        ("goodbye", DROPPED, None),
        ("goodbye", FACTS, None),
        ("goodbye: the caller said nothing for too long", DROPPED, None),
        ("call limit", DROPPED, None),
        # Another call, or another caller.
        (STOPPED, replace(DROPPED, id="line-2"), None),
        (STOPPED, replace(DROPPED, line="twilio"), None),
        (STOPPED, replace(FACTS, caller="0507654321"), None),
    ],
)
def test_whether_a_call_goes_on(
    sqlite: str, ended: str, came: CallFacts, goes_on: Back | None
) -> None:
    async def go() -> None:
        async with open_store(sqlite, clock=Clock()) as store:
            bridge = Bridge(store)
            caller = "0501234567" if came.caller else ""
            (await bridge.talked(replace(FACTS, caller=caller))).close(ended)
            await store.records.written()
            assert await store.records.reconcile() == 0
            before = await bridge.call(came).recall()
            assert (before and before.back) == goes_on
            assert await bridge.count() == (
                1 if goes_on else 2,
                1,
                0 if ended.startswith(("goodbye", "call limit")) else 1,
            )

    asyncio.run(go())


def test_a_call_that_is_back_at_once_waits_for_what_was_just_noted_down(address: str) -> None:
    async def go() -> None:
        async with open_store(address, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            first = await bridge.talked()
            first.exchange("מה התקציב?", "שש", instead=False)
            first.exchange("מה התקציב?", "שבע", instead=True)
            first.close("connection reset")
            again = bridge.call(DROPPED)
            before = await again.recall()
            assert before is not None
            assert [one.heard for one in before.exchanges] == ["דירה ביפו", "שבע"]
            assert again.key == first.key
            assert await bridge.told(FRESH) == []

    asyncio.run(go())


def test_an_old_line_that_ends_after_the_caller_is_back_ends_nothing(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            first = await bridge.talked()
            again = bridge.call(DROPPED)
            assert await again.recall() is not None
            first.close("connection reset")
            assert await bridge.told(FRESH) == []
            again.close("goodbye")
            first.close("connection reset")
            assert await bridge.told(timedelta(0)) == ["call", "lead"]
            assert await bridge.count() == (1, 1, 0)

    asyncio.run(go())


class Slow(Appointments):
    """Books when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def book(self, appointment: Appointment) -> None:
        await self.go.wait()
        await super().book(appointment)


def test_a_meeting_that_was_being_booked_as_the_line_broke_is_in_the_summary(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            calendar = Slow()
            bridge.desk = Desk(calendar)
            first = await bridge.talked()
            booking = asyncio.create_task(bridge.desk.book(Appointment(TEN, 30, first.key)))
            await asyncio.sleep(0)
            first.close("connection reset")
            again = bridge.call(DROPPED)
            assert await again.recall() is not None
            calendar.go.set()
            await booking
            again.close("goodbye")
            await store.records.written()
            *_, end = await store.outbox.pending(TEN, 9)
            assert end.payload["summary"]["meeting"] == {"start": TEN.isoformat(), "minutes": 30}

    asyncio.run(go())


def test_what_a_call_cancels_after_it_came_back_is_in_no_summary(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            first = await bridge.talked()
            meeting = Appointment(TEN, 30, first.key)
            await bridge.desk.book(meeting)
            first.close("connection reset")
            second = bridge.call(DROPPED)
            before = await second.recall()
            assert before is not None
            assert before.booked == (TEN, 30)
            await bridge.desk.cancel(meeting)
            third = bridge.call(DROPPED)  # before the second is known to be gone
            again = await third.recall()
            assert again is not None
            assert again.booked is None
            third.close("goodbye")
            await store.records.written()
            *_, end = await store.outbox.pending(TEN, 9)
            assert end.payload["summary"]["meeting"] is None

    asyncio.run(go())


def test_a_call_that_was_told_already_is_not_told_twice(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True, clock=Clock()) as store:
            bridge = Bridge(store)
            (await bridge.talked()).close("connection reset")
            await store.records.written()
            for row in await store.outbox.pending(TEN + COMES_BACK, 9):
                await store.outbox.told(row.id)
            again = bridge.call(DROPPED)
            assert await again.recall() is not None
            again.close("goodbye")
            assert await bridge.told(FRESH) == []

    asyncio.run(go())


@pytest.mark.parametrize(("late", "is_known"), [(-1, True), (0, False)])
def test_what_is_older_than_ten_minutes_is_not_known_and_goes(
    sqlite: str, late: int, *, is_known: bool
) -> None:
    async def go() -> None:
        clock = Clock()
        async with open_store(sqlite, clock=clock) as store:
            bridge = Bridge(store)
            await bridge.talked()
            clock.now += FRESH + timedelta(seconds=late)
            call = bridge.call(DROPPED)
            assert (await call.recall() is not None) == is_known
            other = await bridge.talked(replace(FACTS, id="line-2"))
            other.close("hangup")
            assert (await bridge.count())[2] == (2 if is_known else 1)

    asyncio.run(go())


def test_a_caller_who_hangs_up_before_the_first_word_leaves_a_call(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, clock=Clock()) as store:
            bridge = Bridge(store)
            bridge.call().close("hangup")
            assert await bridge.count() == (1, 0, 0)

    asyncio.run(go())


def test_a_call_of_this_process_is_known_without_the_database(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, clock=Clock()) as store:
            bridge = Bridge(store)
            first = await bridge.talked()
            meeting = Appointment(TEN, 30, first.key)
            await bridge.desk.book(meeting)
            async with store.bookings._database.writing():
                second = bridge.call(DROPPED)
                before = await second.recall()
                assert before is not None
                assert before.talk == TALK
                assert [one.heard for one in before.exchanges] == ["דירה ביפו"]
                assert before.booked == (TEN, 30)
                first.close("connection reset")
                second.close("connection reset")
                assert await bridge.call(DROPPED).recall() == before

    asyncio.run(go())


def test_where_several_answer_the_one_that_had_the_call_last_knows_best(sqlite: str) -> None:
    async def go() -> None:
        async with (
            open_store(sqlite, several=True, clock=Clock()) as ours,
            open_store(sqlite, several=True, clock=Clock()) as theirs,
        ):
            (await Bridge(ours).talked()).close("connection reset")
            await ours.records.written()
            there = Bridge(theirs).call(DROPPED)
            assert await there.recall() is not None
            there.keep({"version": 1, "said": "להתראות"})
            await theirs.records.written()
            before = await Bridge(ours).call(DROPPED).recall()
            assert before is not None
            assert before.talk["said"] == "להתראות"
            async with ours.bookings._database.writing():
                assert await Bridge(ours).call(DROPPED).recall() is not None

    asyncio.run(go())


def test_what_is_noted_down_at_once_is_one_transaction(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, clock=Clock()) as store:
            commits: list[object] = []
            writer = store.bookings._database._writer.sync_engine
            event.listen(writer, "commit", commits.append)
            await Bridge(store).talked()
            await store.records.written()
            assert len(commits) == 1

    asyncio.run(go())


def test_a_database_that_does_not_answer_holds_no_greeting_up(
    sqlite: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> None:
        async with open_store(sqlite, clock=Clock()) as store:
            bridge = Bridge(store)
            async with store.bookings._database.writing():
                await bridge.talked(replace(FACTS, id="line-2"))  # waits to be written
                assert await bridge.call(DROPPED).recall() is None

    asyncio.run(go())
    assert "call_not_recalled" in caplog.text


async def told(leah: Receptionist, *lines: str | None) -> str:
    """Her reply to the last of them, or first of all."""
    reply: list[str] = []
    for words in lines:
        heard = words and Heard(words, confidence=0.9, said=" ".join(reply))
        reply = [str(part) async for part in leah.reply(heard or None)]
    return without_points(" ".join(reply))


def test_a_socket_that_breaks_costs_the_caller_nothing_and_books_once(address: str) -> None:
    sunday = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))

    def leah(bridge: Bridge, call: CallRecord) -> Receptionist:
        return Receptionist(SHAI, bridge.desk, lambda: sunday, journal=call)

    async def go() -> None:
        async with open_store(address, clock=Clock()) as store:
            bridge = Bridge(store)
            first = bridge.call()
            asked = await told(leah(bridge, first), None, "דירה בפלורנטין עד שבעת אלפים", "בבוקר")
            assert "מחר בתשע" in asked
            first.close("connection reset")
            second = bridge.call(DROPPED)
            brain = leah(bridge, second)
            assert (await told(brain, None)).startswith("סליחה על הניתוק. נמשיך: אפשר מחר בתשע")
            assert "קבענו: מחר בתשע" in await told(brain, "הראשון")
            second.close("connection reset")
            third = bridge.call(DROPPED)
            assert "נמשיך: קבענו: מחר בתשע" in await told(leah(bridge, third), None)
            third.close("goodbye")
            (booked,) = await store.bookings.booked()
            assert booked.call == first.key == second.key == third.key
            assert (await bridge.count())[0] == 1

    asyncio.run(go())
