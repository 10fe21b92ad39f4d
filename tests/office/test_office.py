import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.office import PAUSE, CallRecord, described, ended, kept_up
from bridge.outbound import NotAllowed, OutboundRequest, OutboundRules, checked
from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard
from engine.dialogue.acts import Ending
from engine.office.desk import Desk
from engine.ports import CallFacts
from engine.profile import shipped_profile
from engine.receptionist import Receptionist
from engine.store import Appointment
from engine.store.opening import Store, open_store
from engine.store.tables import calls
from tests.virtual_time import run

TEN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FACTS = CallFacts("line-1", "twilio", "+972501234567")
SHAI = shipped_profile("shai")


def test_a_defect_beside_the_calls_is_logged_and_begun_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun: list[float] = []

    async def work() -> None:
        begun.append(asyncio.get_running_loop().time())
        if len(begun) < 3:
            raise OverflowError("what +972501234567 said")

    run(kept_up(work))
    assert begun == pytest.approx([begun[0], begun[0] + PAUSE, begun[0] + 2 * PAUSE])
    assert [record.message for record in caplog.records] == ["office_task_broke"] * 2
    assert "+972" not in caplog.text


def test_a_calendar_shows_what_is_wanted_as_people_write_it() -> None:
    wish: dict[str, str | int | float | None] = {
        "language": "he",
        "area": "florentin",
        "kind": "apartment",
        "budget": 7_000,
        "rooms": 3.5,
        "name": "דני",
        "phone": FACTS.caller,
    }
    meeting = described(SHAI, Appointment(TEN, 30, "one", FACTS.caller, wish))
    assert meeting.title == "פגישה: דירה בפלורנטין, עד שבעת אלפים שקלים"
    about = "".join(c for c in meeting.about if c not in "\u200f\u2066\u2068\u2069").split("\n")
    assert "אזור: פלורנטין" in about
    assert "שם: דני" in about
    assert "חדרים: 3.5" in about
    assert about[-1] == "מספר: +972501234567"
    assert not any(line.startswith("טלפון") for line in about)


def test_topics_of_another_business_have_the_names_that_its_profile_gives() -> None:
    wish: dict[str, str | int | float | None] = {"language": "en", "bike": "road", "limit": 90}
    meeting = described(shipped_profile("spokes"), Appointment(TEN, 30, "one", "", wish))
    about = "".join(c for c in meeting.about if c not in "\u2066\u2068\u2069").split("\n")
    assert [line.partition(":")[0] for line in about] == ["Bike", "Budget"]


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("goodbye", "goodbye"),
        ("goodbye: the caller said nothing for too long", "goodbye"),
        ("call limit", "goodbye"),
        ("transferred", "transferred"),
        ("stopped", "failed"),
        ("hangup", "hung_up"),
    ],
)
def test_of_the_end_of_a_call_the_office_is_told_what_it_can_use(why: str, told: str) -> None:
    assert ended(why) == told


async def record(store: Store, desk: Desk) -> CallRecord:
    one = CallRecord(store.records, desk, SHAI, FACTS, {})
    assert await one.recall() is None
    return one


def test_the_summary_has_the_meeting_of_a_caller_who_hung_up_while_it_was_booked(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            desk = Desk(store.bookings)
            call = await record(store, desk)
            booking = asyncio.create_task(desk.book(Appointment(TEN, 30, call.key)))
            await asyncio.sleep(0)
            booking.cancel()
            call.close("hangup")
            await desk.close()
            await store.records.written()
            async with store.bookings._database.reading() as connection:
                summary = (await connection.execute(select(calls.c.summary))).scalar_one()
            assert summary["meeting"] == {"start": TEN.isoformat(), "minutes": 30}

    asyncio.run(go())


NOON = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


async def refused_on(facts: CallFacts, store: Store, heard: Heard) -> object:
    """The end of a call to whoever does not want to be called."""
    journal = CallRecord(store.records, Desk(store.bookings), SHAI, facts, {})
    brain = Receptionist(
        SHAI,
        store.bookings,
        lambda: NOON,
        keypad=bool(heard.digits),
        outbound=facts.outbound,
        journal=journal,
    )
    parts = [part async for part in brain.reply(heard)]
    await store.records.written()
    return parts[-1]


@pytest.mark.parametrize(
    "heard", [Heard(words="אל תתקשרו אליי יותר", confidence=0.9), Heard(digits="*")]
)
def test_who_does_not_want_to_be_called_is_refused_by_the_rules_from_then_on(
    heard: Heard, tmp_path: Path
) -> None:
    caller = "+97235550100"
    here = replace(FACTS, caller=caller)
    rules = OutboundRules(enabled=True, prefixes=("+972",))
    check = checked(OutboundRequest(caller, "asked for it"), rules, NOON)

    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            # Who calls us may show any number as his.
            assert isinstance(await refused_on(here, store, heard), Awaits)
            await store.outbound.place(caller, "asked for it", check)
            end = await refused_on(replace(here, outbound=True), store, heard)
            assert end == HangUp(f"goodbye: {Ending.UNWANTED.value}")
            with pytest.raises(NotAllowed, match="does not want to be called"):
                await store.outbound.place(caller, "asked for it", check)

    asyncio.run(go())


def test_what_was_announced_is_noted_down_once(tmp_path: Path) -> None:
    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            call = await record(store, Desk(store.bookings))
            await store.records.written()
            for _ in range(3):
                call.announced("automated")
            assert store.records._waiting.qsize() == 1

    asyncio.run(go())
