"""What is kept of a talk is the talk, and a caller who is back is asked what stood open."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue import booking, kept, policy, texts
from engine.dialogue.acts import (
    Act,
    AnotherTime,
    Ask,
    Book,
    Cancel,
    Confirm,
    ConfirmCancel,
    Ending,
    Goodbye,
    HandOver,
    Lead,
    Menu,
    Offer,
    OfferPerson,
)
from engine.dialogue.hours import Window, free_windows
from engine.dialogue.phrases import in_short, sentences, too_long
from engine.dialogue.profile import Profile
from engine.dialogue.talk import Talk, Turn
from engine.dialogue.understand import Understood
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
NOW = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))
PROFILES = (SHAI, replace(SHAI, people=("sales",)), shipped_profile("spokes"))
FREE = {profile.name["en"]: free_windows(profile, NOW, ()) for profile in PROFILES}
WHOLE = Understood(
    language="en",
    choices=(("area", ("jaffa",)), ("kind", ("shop",)), ("bike", ("road",)), ("work", ("gears",))),
    budget=7_000,
    name="Dana Levi",
    phone="+12125550123",
    when=When(),
)
MEANINGS = (
    WHOLE,
    Understood(),
    Understood(language="he", hello=True),
    Understood(language="en", answer="yes"),
    Understood(language="en", answer="no"),
    Understood(language="en", choices=(("area", ("jaffa",)),)),
    Understood(language="he", choices=(("area", ("jaffa", "florentin")),)),
    Understood(language="he", choices=(("kind", ("shop",)),), budget=7_000),
    Understood(language="en", choices=(("bike", ("road",)), ("work", ("gears",)))),
    Understood(language="en", maybe_name="Dana Levi", phone="+12125550123"),
    Understood(language="en", counts=(("rooms", 3.5),)),
    Understood(unclear_budget=True, budget_guess=7_000),
    Understood(language="he", when=When(weekday=1, part="morning")),
    Understood(language="en", when=When()),
    Understood(language="en", ordinals=(1,)),
    Understood(language="en", human=True),
    Understood(language="en", abuse=True),
    Understood(language="en", wait=True),
    Understood(language="en", no_matter=True),
    Understood(language="en", answer="no", cancel=True),
    Understood(language="en", move=True),
    Understood(language="he", keep=True),
)
TURNS = st.builds(Turn, st.sampled_from(MEANINGS), st.sampled_from(["", "", "1", "2", "9"]))


def talked(profile: Profile, keypad: bool, turns: list[Turn], *, outbound: bool = False) -> Talk:
    """Every window is heard, and whatever is chosen can be booked."""
    free = FREE[profile.name["en"]]
    talk = policy.start(profile, keypad, "+972501234567", outbound=outbound)
    for turn in turns:
        heard = talk.act.windows if isinstance(talk.act, Offer) else ()
        heard = (talk.act.window,) if isinstance(talk.act, ConfirmCancel) else heard
        talk = policy.answer(talk, replace(turn, heard=heard), free)
        if isinstance(talk.act, Book) and len(turns) % 2:
            talk = booking.booked(talk, talk.act.window)
        if isinstance(talk.act, Cancel) and len(turns) % 2:
            talk = booking.canceled(talk)
    return replace(talk, announced=frozenset(talk.profile.languages[: len(turns) % 3]))


SEVERAL = st.lists(TURNS, max_size=7)
TALKS = st.builds(
    talked,
    st.sampled_from(PROFILES),
    st.booleans(),
    # Half of the callers say all at once, and are offered times.
    SEVERAL | SEVERAL.map(lambda turns: [Turn(WHOLE), *turns]),
    outbound=st.booleans(),
)


def written(talk: Talk) -> dict[str, Any]:
    """As a database gives it back."""
    data: dict[str, Any] = json.loads(json.dumps(kept.keep(talk)))
    return data


@given(TALKS)
def test_what_was_kept_is_the_same_talk_without_the_callers_words(talk: Talk) -> None:
    words = "my card is 4111 1111 1111 1111"
    said = replace(talk, words=words, before=(words,), lead=Lead.ABUSE)
    assert kept.again(talk.profile, written(said), NOW) == replace(
        talk, words="", before=(), lead=None
    )
    assert "4111" not in json.dumps(kept.keep(said))


def leaves(data: object) -> Iterator[tuple[Any, Any]]:
    """Where something stands that could be something else."""
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from leaves(data[key])


ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, -1, 10**30, 0.5, "", "nonsense", "2026-11-24T10:00", [], [[]], {}]
)


@given(TALKS, st.data())
def test_what_was_damaged_is_no_talk_or_one_that_goes_on(talk: Talk, data: st.DataObject) -> None:
    whole = written(talk)
    inside, key = data.draw(st.sampled_from(list(leaves(whole))))
    inside[key] = data.draw(ODD)
    read = kept.again(talk.profile, whole, NOW)
    if read is not None:
        back = policy.resumed(read, Lead.DROPPED, FREE[talk.profile.name["en"]])
        assert said(back)


def said(talk: Talk) -> tuple[str, ...]:
    lead = "" if talk.lead is None else texts.LEADS[talk.lead][talk.language]
    return sentences(
        talk.profile, talk.act, talk.language, wish=talk.wish, keypad=talk.keypad, lead=lead
    )


@given(TALKS, st.sampled_from([Lead.DROPPED, Lead.UNANSWERED]))
def test_who_is_back_hears_why_and_the_open_question(talk: Talk, lead: Lead) -> None:
    back = policy.resumed(talk, lead, FREE[talk.profile.name["en"]])
    told = said(back)
    assert back.lead is not None
    why = texts.LEADS[back.lead][talk.language]
    assert not too_long(told)
    # Some menus fill a whole reply.
    assert told[0] in why or too_long((in_short(why), *told))


NINE, TEN = (next(w for w in FREE[SHAI.name["en"]] if w.start.hour == hour) for hour in (9, 10))
OFFERED = replace(policy.start(SHAI, False), act=Offer((NINE, TEN)), question=Offer((NINE, TEN)))

BOOKED = booking.booked(OFFERED, TEN)
CANCELING = replace(BOOKED, act=ConfirmCancel(TEN), question=ConfirmCancel(TEN))
MOVING = replace(BOOKED, booked=None, leaving=TEN, act=Offer((NINE,)), question=Offer((NINE,)))


@pytest.mark.parametrize(
    ("talk", "stored", "act"),
    [
        (MOVING, TEN, Offer((NINE,))),
        (MOVING, NINE, Confirm(NINE)),
        (MOVING, None, AnotherTime(TEN)),
        (CANCELING, TEN, ConfirmCancel(TEN)),
        (CANCELING, None, AnotherTime(TEN)),
        (OFFERED, None, OFFERED.act),
        (OFFERED, NINE, Confirm(NINE)),
    ],
)
def test_of_who_is_back_the_store_knows_which_meeting_stands(
    talk: Talk, stored: Window | None, act: Act
) -> None:
    back = booking.as_stored(talk, stored)
    assert (back.act, back.meeting) == (act, stored)


@pytest.mark.parametrize(
    ("talk", "lead", "act"),
    [
        (policy.start(SHAI, False), Lead.DROPPED, Ask("area")),
        (replace(OFFERED, act=Goodbye(Ending.CALLER)), Lead.DROPPED, OFFERED.act),
        (booking.booked(OFFERED, TEN), Lead.DROPPED, Confirm(TEN)),
        (booking.booked(OFFERED, TEN), Lead.UNANSWERED, Goodbye(Ending.STANDS)),
        (CANCELING, Lead.DROPPED, ConfirmCancel(TEN)),
        (MOVING, Lead.DROPPED, Offer((NINE,))),
        (MOVING, Lead.UNANSWERED, Goodbye(Ending.STANDS)),
        (replace(OFFERED, act=HandOver("sales")), Lead.DROPPED, HandOver("sales")),
        (replace(OFFERED, act=HandOver("sales")), Lead.UNANSWERED, OFFERED.act),
    ],
)
def test_who_is_back_gets_what_was_left_undone(talk: Talk, lead: Lead, act: Act) -> None:
    assert policy.resumed(talk, lead, FREE[SHAI.name["en"]]).act == act


def test_to_whom_nobody_answered_no_person_is_offered_again() -> None:
    free = FREE[SHAI.name["en"]]
    talk = talked(PROFILES[1], False, [Turn(Understood())] * 3)
    assert talk.act == OfferPerson()
    back = policy.resumed(talk, Lead.UNANSWERED, free)
    assert back.act == Menu("area")
    assert not isinstance(policy.answer(back, Turn(Understood()), free).act, OfferPerson)


def test_a_day_that_has_passed_meanwhile_changes_the_name_of_a_window() -> None:
    data = written(booking.booked(OFFERED, NINE))
    read = kept.again(SHAI, data, NOW + timedelta(hours=15))
    assert read is not None
    assert read.booked == replace(NINE, days_ahead=NINE.days_ahead - 1)


@pytest.mark.parametrize("missing", ["area", "time"])
def test_a_business_that_has_changed_begins_anew(missing: str) -> None:
    talk = talked(SHAI, False, [Turn(WHOLE)])
    topics = tuple(topic for topic in SHAI.topics if topic.key != missing)
    assert kept.again(SHAI, written(talk), NOW) is not None
    assert kept.again(replace(SHAI, topics=topics), written(talk), NOW) is None
    assert kept.again(SHAI, written(talk) | {"version": 0}, NOW) is None
