"""What is decided, turn by turn, on meanings alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from zoneinfo import ZoneInfo

import pytest

from engine.dialogue import booking, policy, questions
from engine.dialogue.acts import (
    Act,
    Ask,
    Ending,
    Goodbye,
    HandOver,
    Lead,
    Manner,
    Menu,
    Offer,
    OfferPerson,
    WindowMenu,
)
from engine.dialogue.hours import free_windows
from engine.dialogue.talk import Talk, Turn
from engine.dialogue.understand import Understood
from engine.dialogue.wish import When, is_filled
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
SPOKES = shipped_profile("spokes")
STAFFED = replace(SHAI, people=("sales", "support"))
FREE = free_windows(SHAI, datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone)), ())
NOTHING = Understood()
HELLO = Understood(language="en", hello=True)
HUMAN = Understood(language="en", human=True)
ABUSE = Understood(language="en", abuse=True)
YES, NO = Understood(language="en", answer="yes"), Understood(language="en", answer="no")
JAFFA = Understood(language="en", choices=(("area", ("jaffa",)),))


def after(talk: Talk, *meanings: Understood) -> Talk:
    return reduce(lambda so_far, one: policy.answer(so_far, Turn(one), FREE), meanings, talk)


def said(talk: Talk, lines: Sequence[str]) -> Talk:
    """The caller's words, of which nothing is understood but that they ask for the question."""
    for line in lines:
        talk = policy.answer(talk, Turn(Understood("en", repeat=True), words=line), FREE)
    return talk


@pytest.mark.parametrize(
    ("meanings", "act"),
    [
        ([HUMAN], HandOver("sales")),
        ([HELLO, JAFFA, HUMAN], HandOver("sales")),
        ([HELLO, NOTHING], Ask("area", Manner.AGAIN)),
        ([HELLO, NOTHING, NOTHING], Ask("area", Manner.OTHER_WORDS)),
        ([HELLO, NOTHING, NOTHING, NOTHING], OfferPerson()),
        ([HELLO, NOTHING, NOTHING, NOTHING, YES], HandOver("sales")),
        ([HELLO, NOTHING, NOTHING, NOTHING, NO], Menu("area")),
        ([HELLO, *[NOTHING] * 3, NO, NOTHING], Menu("area")),
        ([HELLO, *[NOTHING] * 6], Goodbye(Ending.LOST)),
        ([HELLO, *[NOTHING] * 3, JAFFA], Ask("kind")),
        ([HELLO, ABUSE], Ask("area")),
        ([HELLO, ABUSE, JAFFA, ABUSE], Goodbye(Ending.ABUSE)),
    ],
)
def test_an_office_with_people_gives_callers_to_them(
    meanings: Sequence[Understood], act: Act
) -> None:
    assert after(policy.start(STAFFED, False), *meanings).act == act


@pytest.mark.parametrize("meaning", [NO, HUMAN, Understood("en", correction=True)])
def test_who_wants_a_booked_meeting_otherwise_is_given_to_a_person(meaning: Understood) -> None:
    nine = next(window for window in FREE if window.start.hour == 9)
    talk = booking.booked(after(policy.start(STAFFED, False), HELLO), nine)
    assert after(talk, meaning).act == HandOver("sales")


def test_where_there_is_nobody_the_wish_for_a_person_is_answered_and_the_question_stays() -> None:
    talk = after(policy.start(SHAI, False), HELLO, HUMAN)
    assert (talk.act, talk.lead) == (Ask("area"), Lead.NO_PERSON)
    assert after(talk, JAFFA).lead is None


def test_abuse_is_answered_once_and_then_the_call_ends() -> None:
    talk = after(policy.start(SHAI, False), HELLO, ABUSE)
    assert (talk.act, talk.lead) == (Ask("area"), Lead.ABUSE)


def test_who_refuses_a_person_is_not_asked_for_what_is_known() -> None:
    whole = replace(JAFFA, choices=(("area", ("jaffa",)), ("kind", ("shop",))), budget=7_000)
    offered = after(policy.start(STAFFED, False), replace(whole, when=When()))
    assert isinstance(offered.act, Offer)
    refused = after(offered, NOTHING, NOTHING, NOTHING, NO)
    assert refused.act == WindowMenu(offered.act.windows)


def test_keys_take_or_refuse_a_person() -> None:
    talk = after(policy.start(STAFFED, False), HELLO, NOTHING, NOTHING, NOTHING)
    assert policy.answer(talk, Turn(NOTHING, "1"), FREE).act == HandOver("sales")
    assert policy.answer(talk, Turn(NOTHING, "2"), FREE).act == Menu("area")


def test_a_machine_that_says_the_same_again_and_again_is_let_go() -> None:
    line = "Thank you for calling, how may I help you"
    talk = said(after(policy.start(SHAI, False), HELLO), [line, line + "?", line])
    assert not isinstance(talk.act, Goodbye)
    assert said(talk, [line]).act == Goodbye(Ending.MACHINE)
    assert not isinstance(said(talk, ["what did you say to me", line]).act, Goodbye)


def test_a_person_may_say_what_again_and_again() -> None:
    talk = said(after(policy.start(SHAI, False), HELLO), ["what?"] * 38)
    assert talk.act == Ask("area")
    assert said(policy.answer(talk, Turn(JAFFA, words="Jaffa"), FREE), ["what?"] * 38).act == Ask(
        "kind"
    )


def test_talk_that_leads_nowhere_ends_after_forty_turns() -> None:
    talk = said(after(policy.start(SHAI, False), HELLO), ["what?", "pardon"] * 20)
    assert talk.act == Goodbye(Ending.LOST)


def test_keys_that_only_turn_pages_are_no_idle_talk() -> None:
    talk = after(policy.start(SHAI, False), HELLO)
    for _ in range(100):
        talk = policy.answer(talk, Turn(NOTHING, "9"), FREE)
    assert isinstance(talk.act, Menu)


ASKS_PHONE = after(
    policy.start(SPOKES, False),
    Understood("en", choices=(("bike", ("road",)), ("work", ("gears",)))),
    Understood("en", maybe_name="Dana Levi"),
)


def test_a_name_is_what_could_be_one_where_a_name_was_asked_for() -> None:
    assert ASKS_PHONE.wish.get("owner") == "Dana Levi"
    assert ASKS_PHONE.act == Ask("mobile")
    elsewhere = after(policy.start(SPOKES, False), Understood("en", maybe_name="Dana Levi"))
    assert elsewhere.wish.get("owner") is None


@pytest.mark.parametrize(
    ("turn", "phone"),
    [
        (Turn(Understood("en", phone="+12125550123")), "+12125550123"),
        (Turn(NOTHING, "2125550123#"), "2125550123"),
    ],
)
def test_a_number_is_said_or_typed(turn: Turn, phone: str) -> None:
    talk = policy.answer(ASKS_PHONE, turn, FREE)
    assert talk.wish.get("mobile") == phone
    assert talk.act == Ask("visit")


def test_a_name_or_number_that_cannot_be_heard_is_done_without() -> None:
    assert after(ASKS_PHONE, NOTHING, NOTHING).act == Ask("mobile", Manner.OTHER_WORDS)
    assert after(ASKS_PHONE, NOTHING, NOTHING, NOTHING).act == Ask("visit")


@pytest.mark.parametrize(("caller", "known"), [("+12125550123", True), ("101", False), ("", False)])
def test_a_caller_whose_number_is_known_is_not_asked_for_it(caller: str, known: bool) -> None:
    talk = policy.start(SPOKES, False, caller)
    assert is_filled(talk.wish, "mobile") is known


def test_keys_spell_no_names() -> None:
    assert is_filled(policy.start(SPOKES, True).wish, "owner")


def test_an_amount_that_nobody_asked_for_is_asked_about_only_when_it_can_be_guessed() -> None:
    unclear = Understood("en", unclear_budget=True, purpose=True)
    assert after(policy.start(SPOKES, False), unclear).act == Ask("bike")


def test_what_must_be_announced_leaves_room_for_one_window() -> None:
    talk = after(
        policy.start(SHAI, False),
        replace(JAFFA, choices=(("area", ("jaffa",)), ("kind", ("shop",))), budget=7_000),
        Understood("en", when=When()),
    )
    assert isinstance(talk.act, Offer)
    assert questions.in_short(talk).act == Offer(talk.act.windows[:1])
    menu = replace(talk, act=WindowMenu(FREE[:3]), question=WindowMenu(FREE[:3]))
    assert questions.in_short(menu).act == WindowMenu(FREE[:1])
