"""The judge finds what is wrong: agents that do it on purpose."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta

import pytest

from bridge.evaluation.callers import Caller, Goal, Purpose, Temper, Time, read_set
from bridge.evaluation.conversation import Conversation, NewBrain, converse, monday_morning
from bridge.evaluation.report import figures
from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Transfer
from engine.ports import Brain
from engine.profile import shipped_profile
from engine.store import Appointment, Appointments

SHAI = shipped_profile("shai")
TOMORROW = monday_morning(SHAI).replace(hour=10, minute=0) + timedelta(days=1)
OFFER = "I have tomorrow at ten. Does that suit you?"
GREETING = "I'm automated. How can I help?"

Part = str | HangUp | Transfer | Appointment


class Scripted:
    """Says what it is told to. Keeps the port `Brain`."""

    def __init__(self, store: Appointments, replies: Sequence[Sequence[Part]]) -> None:
        self._store = store
        self._replies = iter(replies)

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer | Awaits]:
        for part in next(self._replies, [HangUp("over")]):
            if isinstance(part, Appointment):
                await self._store.book(part)
            else:
                yield part

    def expected(self) -> Sequence[str]:
        return ()

    async def guess(self, words: str) -> None: ...


def scripted(*replies: Sequence[Part]) -> NewBrain:
    def new_brain(store: Appointments, clock: Callable[[], datetime], number: str) -> Brain:
        return Scripted(store, replies)

    return new_brain


def booking(
    start: datetime = TOMORROW, wish: dict[str, str | int | None] | None = None
) -> Appointment:
    return Appointment(start=start, minutes=30, call="own", wish={**(wish or {})})


def caller(purpose: Purpose = "meeting") -> Caller:
    """A plain one, who wants a shop in Jaffa."""
    goal = Goal("shop", "jaffa", 7_000, Time("tomorrow"), "John Miller", "0521234567")
    words = read_set("tuning", "en")[0].words
    return Caller("plain", words, goal, Temper(tells=2), purpose, busy=0)


def called(*replies: Sequence[Part], who: Caller | None = None) -> Conversation:
    return asyncio.run(converse(SHAI, who or caller(), scripted(*replies)))


def wish_of(who: Caller) -> dict[str, str | int | None]:
    return {"kind": who.goal.kind, "area": who.goal.area, "budget": who.goal.budget}


def test_a_call_that_goes_well_has_no_flaw() -> None:
    who = caller()
    call = called(
        [GREETING],
        [OFFER],
        [booking(wish=wish_of(who)), "You're booked: tomorrow at ten. Goodbye!", HangUp("goodbye")],
        who=who,
    )
    assert (call.flaws, call.wrong, call.right, call.turns) == ((), (), True, 3)


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("long", "word " * 21),
        ("questions", "Really? Which area?"),
        ("known", "In Jaffa. Which area?"),
        ("invented", "I have tomorrow at three in the shop, today at nine. Which suits you?"),
        ("invented", "Up to four million shekels. Which area?"),
        ("invented", "בנוה צדק. איזה אזור מעניין אתכם?"),
        ("unannounced", "What is your name?"),
        ("unannounced", "באיזה טלפון אפשר לחזור אליכם?"),
    ],
)
def test_a_flaw_of_a_reply_is_found(what: str, reply: str) -> None:
    call = called([reply])
    assert what in {kind for kind, _ in call.flaws}


@pytest.mark.parametrize(
    "replies",
    [
        ([GREETING], [booking(), "You're booked: tomorrow at ten. Goodbye!"]),
        ([OFFER], [booking(), booking(TOMORROW + timedelta(hours=1)), "Goodbye!"]),
        ([GREETING], ["One moment.", Transfer("sales")]),
    ],
    ids=["without consent", "twice", "a transfer"],
)
def test_a_forbidden_act_is_found(replies: Sequence[Sequence[Part]]) -> None:
    assert "forbidden" in {kind for kind, _ in called(*replies).flaws}


def test_a_caller_who_asks_for_a_person_may_get_one() -> None:
    call = called(
        *[[GREETING]] * 3, ["One moment.", Transfer("sales")], who=caller(purpose="human")
    )
    assert (call.flaws, call.transferred, call.right) == ((), True, True)


@pytest.mark.parametrize("slot", ["kind", "area", "budget"])
def test_a_wrong_slot_is_no_right_meeting(slot: str) -> None:
    who = caller()
    call = called([OFFER], [booking(wish={**wish_of(who), slot: "castle"}), "Goodbye!"], who=who)
    assert not call.right
    assert call.wrong[0].startswith(f"{slot}: castle for")


def test_another_window_than_the_chosen_one_is_no_right_meeting() -> None:
    who = caller()
    later = TOMORROW + timedelta(hours=1)
    call = called([OFFER], [booking(later, wish_of(who)), "Goodbye!"], who=who)
    assert call.wrong == ("booked Tue 11:00, chosen Tue 10:00",)


def test_no_meeting_is_right_only_for_who_wants_none() -> None:
    wanting, leaving = called([GREETING]), called([GREETING], who=caller(purpose="wrong_number"))
    assert (wanting.right, leaving.right) == (False, True)
    (told,) = figures([wanting, leaving])
    assert (told.want_meeting, told.booked_right, told.others_right) == (1, 0, 1)
    assert not told.meets_the_bars
