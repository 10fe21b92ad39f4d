"""What is decided for callers who want what they have just booked canceled, or at another time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.effects import Occasion
from engine.dialogue import booking, policy
from engine.dialogue.acts import (
    Act,
    AnotherTime,
    Book,
    Cancel,
    Confirm,
    ConfirmCancel,
    Ending,
    Goodbye,
    HandOver,
    Lead,
    Offer,
    Wait,
    Why,
)
from engine.dialogue.hours import Window, free_windows, is_at
from engine.dialogue.phrases import sentences, too_long, windows_heard
from engine.dialogue.profile import Language
from engine.dialogue.talk import Talk, Turn
from engine.dialogue.texts import LEADS
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
ALL = free_windows(SHAI, datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone)), ())
WHOLE = Understood("en", choices=(("area", ("jaffa",)), ("kind", ("shop",))), budget=7_000)
ASKED = replace(WHOLE, when=When())
SILENT = Turn(Understood(), occasion=Occasion.SILENCE)


def windows(talk: Talk) -> tuple[Window, ...]:
    assert isinstance(talk.act, Offer)
    return talk.act.windows


def after(talk: Talk, *turns: Turn | str, free: Sequence[Window] | None = None) -> Talk:
    """Every reply is heard to its end; what the store is asked to do, it does."""
    for turn in turns:
        if isinstance(turn, str):
            turn = Turn(understand(turn, SHAI), words=turn)
        turn = replace(turn, heard=windows_heard(talk.act, talk.language, "", cut=False))
        left = [one for one in ALL if one != talk.meeting] if free is None else free
        talk = policy.answer(talk, turn, left)
        match talk.act:
            case Book(window):
                talk = booking.booked(talk, window)
            case Cancel():
                talk = booking.canceled(talk)
    return talk


OFFERED = policy.answer(policy.start(SHAI, False), Turn(ASKED), ALL)
FIRST, SECOND, THIRD = windows(OFFERED)
BOOKED = after(OFFERED, "the first")
ASKED_TO_CANCEL = after(BOOKED, "cancel it")
CANCELED = after(ASKED_TO_CANCEL, "yes")
MOVING = after(BOOKED, "can we move it")


def test_these_calls_have_got_so_far() -> None:
    assert (BOOKED.act, BOOKED.booked) == (Confirm(FIRST), FIRST)
    assert (ASKED_TO_CANCEL.act, ASKED_TO_CANCEL.booked) == (ConfirmCancel(FIRST), FIRST)
    assert (CANCELED.act, CANCELED.meeting) == (AnotherTime(FIRST), None)
    assert (MOVING.booked, MOVING.leaving, MOVING.meeting) == (None, FIRST, FIRST)


@pytest.mark.parametrize(
    "words",
    [
        "לא, רגע, תבטלי את הפגישה",
        "תבטלי בבקשה",
        "אני רוצה לבטל את הפגישה",
        "בעצם לבטל",
        "סליחה, אפשר לבטל?",
        "actually, cancel that",
        "no wait, please cancel the meeting",
        "can you cancel my appointment",
    ],
)
def test_who_wants_it_canceled_is_asked_whether_it_is_that_one(words: str) -> None:
    asked = after(BOOKED, words)
    assert (asked.act, asked.booked) == (ConfirmCancel(FIRST), FIRST)


@pytest.mark.parametrize(
    "words",
    [
        "אפשר לדחות לשעה אחרת?",
        "אפשר להזיז את הפגישה?",
        "רגע, אפשר להקדים?",
        "תבטלי ותני לי מועד אחר",
        "can I reschedule",
        "could we change the time",
        "cancel it and give me another time",
        "something later please",
    ],
)
def test_who_wants_another_time_is_offered_others_and_keeps_the_meeting(words: str) -> None:
    moving = after(BOOKED, words)
    assert FIRST not in windows(moving)
    assert (moving.meeting, moving.booked) == (FIRST, None)


@pytest.mark.parametrize(
    ("words", "when"),
    [
        ("אפשר להזיז ליום רביעי?", When(weekday=2)),
        ("לא, התכוונתי למחר אחרי הצהריים", When(days_ahead=1, part="afternoon")),
        ("no, I said Thursday at eleven", When(weekday=3, clock=660)),
        ("לא, באחת וחצי", When(days_ahead=FIRST.days_ahead, clock=810)),
    ],
)
def test_who_names_another_time_is_offered_that(words: str, when: When) -> None:
    assert is_at(windows(after(BOOKED, words))[0], when)


def test_who_meant_another_of_the_windows_is_offered_that_and_has_it_on_a_yes() -> None:
    offered = after(BOOKED, "no, the second")
    assert (offered.act, offered.meeting) == (Offer((SECOND,)), FIRST)
    moved = after(offered, "yes")
    assert (moved.act, moved.lead, moved.booked) == (Confirm(SECOND), Lead.MOVED, SECOND)
    assert moved.leaving is None


@pytest.mark.parametrize(
    ("talk", "words", "act"),
    [
        (ASKED_TO_CANCEL, "yes, cancel it", AnotherTime(FIRST)),
        (ASKED_TO_CANCEL, "כן, תבטלי את הפגישה", AnotherTime(FIRST)),
        (ASKED_TO_CANCEL, "תבטלי", AnotherTime(FIRST)),
        (ASKED_TO_CANCEL, "no", Confirm(FIRST)),
        (ASKED_TO_CANCEL, "no, keep it", Confirm(FIRST)),
        (ASKED_TO_CANCEL, "תשאירי", Confirm(FIRST)),
        (ASKED_TO_CANCEL, "אל תבטלי", Confirm(FIRST)),
        (ASKED_TO_CANCEL, "ביי", Confirm(FIRST)),
        (ASKED_TO_CANCEL, "לא, תבטלי", ConfirmCancel(FIRST)),
        (ASKED_TO_CANCEL, "yes, but my wife may still come", ConfirmCancel(FIRST)),
        (ASKED_TO_CANCEL, "mmm the cat", ConfirmCancel(FIRST)),
        (ASKED_TO_CANCEL, "רגע", Wait()),
        (CANCELED, "no thanks", Goodbye(Ending.CALLER)),
        (CANCELED, "לא", Goodbye(Ending.CALLER)),
        (CANCELED, "תודה", Goodbye(Ending.CALLER)),
        (CANCELED, "mmm the cat", AnotherTime(FIRST)),
        (MOVING, "leave it", Confirm(FIRST)),
        (MOVING, "bye", Confirm(FIRST)),
        (MOVING, "cancel it", ConfirmCancel(FIRST)),
        (BOOKED, "no", AnotherTime()),
        (after(BOOKED, "no"), "no", Confirm(FIRST)),
        (after(BOOKED, "no"), "mmm the cat", Confirm(FIRST)),
        (after(BOOKED, "no"), "תבטלי", ConfirmCancel(FIRST)),
        (BOOKED, "thanks", Goodbye(Ending.CALLER)),
        (BOOKED, "today at twelve, right?", Confirm(FIRST)),
        (BOOKED, "נציג בבקשה", Goodbye(Ending.STANDS)),
    ],
)
def test_what_follows(talk: Talk, words: str, act: Act) -> None:
    assert after(talk, words).act == act


@pytest.mark.parametrize("talk", [CANCELED, after(BOOKED, "no")])
@pytest.mark.parametrize(
    ("words", "days"),
    [("yes", {0, 1, 6}), ("מועד אחר", {0, 1, 6}), ("Wednesday", {2}), ("כן, ביום רביעי", {2})],
)
def test_who_wants_another_time_instead_is_offered_some_but_never_the_old_one(
    talk: Talk, words: str, days: set[int]
) -> None:
    offered = windows(after(talk, words))
    assert FIRST not in offered
    assert {window.start.weekday() for window in offered} <= days


def test_only_a_question_that_was_heard_is_answered_with_a_yes() -> None:
    yes = Turn(understand("yes", SHAI), words="yes")
    again = policy.answer(ASKED_TO_CANCEL, yes, ALL)
    assert again.act == ConfirmCancel(FIRST)
    assert after(again, "yes").act == AnotherTime(FIRST)


def test_who_does_not_say_whether_it_shall_be_canceled_keeps_it() -> None:
    unclear = after(ASKED_TO_CANCEL, "mmm", "mmm")
    assert unclear.act == ConfirmCancel(FIRST)
    assert after(unclear, "mmm").act == after(unclear, SILENT).act == Goodbye(Ending.STANDS)


def test_at_the_end_of_the_time_what_was_not_canceled_stands() -> None:
    over = Turn(Understood(), occasion=Occasion.OVER)
    assert after(ASKED_TO_CANCEL, over).act == Confirm(FIRST)
    assert after(MOVING, over).act == Goodbye(Ending.STANDS)


@pytest.mark.parametrize(("digit", "act"), [("1", AnotherTime(FIRST)), ("2", Confirm(FIRST))])
def test_a_key_is_a_yes_or_a_no(digit: str, act: Act) -> None:
    assert after(ASKED_TO_CANCEL, Turn(Understood(), digits=digit)).act == act


@pytest.mark.parametrize("words", ["Thursday", "what", "yes"])
def test_that_it_is_canceled_is_told_until_it_is_heard(words: str) -> None:
    unheard = policy.answer(CANCELED, Turn(understand(words, SHAI), words=words), ALL)
    assert unheard.act == AnotherTime(FIRST)
    assert FIRST not in windows(after(unheard, "yes"))


@pytest.mark.parametrize(
    ("words", "act"),
    [("bye", Goodbye(Ending.CALLER)), ("a human please", HandOver("sales"))],
)
def test_who_goes_before_hearing_that_it_is_canceled_hears_it_then(words: str, act: Act) -> None:
    talk = replace(CANCELED, profile=replace(SHAI, people=("sales",)))
    gone = policy.answer(talk, Turn(understand(words, SHAI), words=words), ALL)
    assert (gone.act, gone.lead) == (act, Lead.CANCELED)


def test_a_move_that_fails_leaves_the_meeting_and_says_so() -> None:
    full = after(BOOKED, "can we move it", free=())
    assert (full.act, full.lead, full.booked) == (Goodbye(Ending.STANDS), Lead.FULL, FIRST)
    chosen = replace(MOVING, act=Book(SECOND))
    assert booking.unstored(chosen).act == Goodbye(Ending.STANDS)
    assert booking.unstored(chosen).booked == FIRST
    taken = booking.taken(chosen, SECOND, ALL)
    assert SECOND not in windows(taken)
    assert taken.meeting == FIRST
    assert booking.taken(chosen, SECOND, ()).act == Goodbye(Ending.STANDS)
    lost = after(MOVING, *[Turn(Understood())] * 6)
    assert (lost.act, lost.booked) == (Goodbye(Ending.STANDS), FIRST)


def test_a_meeting_that_cannot_be_canceled_stands() -> None:
    failed = booking.unstored(replace(ASKED_TO_CANCEL, act=Cancel(FIRST)))
    assert (failed.act, failed.booked) == (Goodbye(Ending.STANDS), FIRST)


def test_before_anything_is_booked_to_cancel_is_to_refuse() -> None:
    refused = after(OFFERED, "cancel that")
    assert (isinstance(refused.act, Offer) and refused.act.why) == Why.OTHERS
    one = after(OFFERED, "not the third")
    assert not isinstance(after(one, "yes, cancel it").act, Confirm)


LINES = """
    cancel it | תבטלי | כן, תבטלי | yes | no | אפשר לדחות? | another time | leave it | the first
    | השני | Wednesday | at ten | bye | thanks | wait | what | mmm the cat
"""
MEANINGS = {line: understand(line, SHAI) for line in map(str.strip, LINES.split("|"))}


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(MEANINGS)), st.booleans(), st.booleans()), max_size=12
    )
)
def test_whatever_is_said_the_talk_knows_the_one_meeting_that_is_stored(
    turns: list[tuple[str, bool, bool]],
) -> None:
    talk, stored = BOOKED, BOOKED.booked
    for line, is_heard, works in turns:
        heard = windows_heard(talk.act, talk.language, "", cut=False) if is_heard else ()
        free = [one for one in ALL if one != stored]
        before = talk.question
        talk = policy.answer(talk, Turn(MEANINGS[line], words=line, heard=heard), free)
        match talk.act:
            case Book(window) if works:
                assert talk.leaving == stored
                talk, stored = booking.booked(talk, window), window
            case Cancel(window) if works:
                assert (window, before) == (stored, ConfirmCancel(window))
                talk, stored = booking.canceled(talk), None
            case Book() | Cancel():
                talk = booking.unstored(talk)
        assert talk.meeting == stored
        assert None in (talk.booked, talk.leaving)


@pytest.mark.parametrize("language", ["he", "en"])
def test_what_is_said_of_it_is_short_and_asks_one_thing(language: Language) -> None:
    lead = LEADS[Lead.DROPPED][language]
    for window in ALL:
        for act in (ConfirmCancel(window), AnotherTime(window), AnotherTime()):
            said = sentences(SHAI, act, language, before=LEADS[Lead.ABUSE][language], lead=lead)
            assert not too_long(said)
            assert sum(sentence.count("?") for sentence in said) == 1
        moved = sentences(SHAI, Confirm(window), language, lead=LEADS[Lead.MOVED][language])
        assert not too_long(moved)
        assert moved[0] == LEADS[Lead.MOVED][language]
    full = sentences(SHAI, Goodbye(Ending.STANDS), language, lead=LEADS[Lead.FULL][language])
    assert not too_long(full)
    assert len(full) == 2
