"""Who does not want to be recorded, and how the call goes on then."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.core.effects import Occasion
from engine.dialogue import booking, policy
from engine.dialogue.acts import Act, Ask, Confirm, HandOver, Introduce, Lead, Menu, Offer
from engine.dialogue.expected import NO_RECORDING
from engine.dialogue.hours import free_windows
from engine.dialogue.talk import Recording, Talk, Turn
from engine.dialogue.understand import understand
from engine.dialogue.unrecorded import refuses_recording
from engine.profile import shipped_profile

SHAI = replace(shipped_profile("shai"), people=("sales",))
FREE = free_windows(SHAI, datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone)), ())
BOTH = frozenset(SHAI.languages)

REFUSALS = [
    NO_RECORDING,
    "בלי הקלטה",
    "בלי הקלטות בבקשה",
    "אפשר בלי הקלטה?",
    "אל תקליטו אותי",
    "אל תקליטי בבקשה",
    "לא להקליט אותי",
    "אני לא רוצה שתקליטו את השיחה",
    "אני לא רוצה להיות מוקלטת",
    "לא מסכימה להקלטה",
    "אני לא מאשר הקלטה",
    "אני מבקש לא להקליט",
    "תפסיקי להקליט",
    "תפסיקו את ההקלטה",
    "תכבו את ההקלטה",
    "תמחקו את ההקלטה",
    "don't record me",
    "Do not record this call, please.",
    "I don't want to be recorded",
    "I'd rather not be recorded",
    "please stop recording",
    "can we do it without recording?",
    "no recording",
    "turn off the recording",
    "turn that recording off",
    "you're not allowed to record me",
    "I do not consent to being recorded",
    "I don't want you to record this",
    "delete the recording",
    "I don't want this call to be recorded",
]
OTHERS = [
    "",
    "לא",
    "no",
    "כן, אפשר להקליט",
    "תקליטו כמה שאתם רוצים",
    "למה מקליטים?",
    "השיחה מוקלטת?",
    "בלי מרפסת",
    "אל תתקשרו אליי",
    "yes, you may record it",
    "is this recorded?",
    "I don't mind the recording",
    "go ahead and record",
    "no, go ahead and record",
    "I didn't know that you record",
    "an apartment for a record shop",
    "לא אכפת לי שתקליטו",
    "לא, אפשר להקליט",
    "לא שמעתי, השיחה מוקלטת?",
    "אני לא יודעת מה זאת ההקלטה הזאת",
]


@pytest.mark.parametrize("words", REFUSALS)
def test_who_does_not_want_to_be_recorded_says_so(words: str) -> None:
    assert refuses_recording(words)


@pytest.mark.parametrize("words", OTHERS)
def test_everybody_else_does_not_mind(words: str) -> None:
    assert not refuses_recording(words)


def after(*words: str, talk: Talk | None = None, announced: frozenset[str] = BOTH) -> Talk:
    """What was said first has announced a recording, in these languages."""
    talk = talk or policy.start(SHAI, False, "+97235550100")
    for one in words:
        heard = talk.question.windows if isinstance(talk.question, Offer) else ()
        turn = Turn(
            understand(one, SHAI),
            heard=heard,
            announced=announced,  # type: ignore[arg-type]  # languages
            words=one,
            recorded=True,
        )
        talk = policy.answer(talk, turn, FREE)
    return talk


@pytest.mark.parametrize(
    ("words", "announced", "knows"),
    [
        (["שלום"], BOTH, Recording.TOLD),
        (["שלום"], frozenset(), Recording.UNTOLD),
        (["בלי הקלטה"], BOTH, Recording.REFUSED),
        (["בלי הקלטה"], frozenset(), Recording.REFUSED),
        (["שלום", "בלי הקלטה", "דירה ביפו"], BOTH, Recording.REFUSED),
    ],
)
def test_a_recording_is_told_once_heard_and_once_refused_stays_so(
    words: list[str], announced: frozenset[str], knows: Recording
) -> None:
    assert after(*words, announced=announced).recording is knows


def test_who_was_told_of_no_recording_has_not_been_told_of_one() -> None:
    turn = Turn(understand("שלום", SHAI), announced=frozenset({"he"}), words="שלום")
    talk = policy.answer(policy.start(SHAI, False), turn, FREE)
    assert talk.recording is Recording.UNTOLD
    # Nor do later words of his that no announcement came before.
    again = policy.answer(talk, replace(turn, announced=frozenset(), recorded=True), FREE)
    assert again.recording is Recording.UNTOLD


@pytest.mark.parametrize(
    ("words", "act"),
    [
        (["בלי הקלטה"], Ask("area")),
        (["שלום", "לא רוצה הקלטה"], Ask("area")),
        (["בלי הקלטה, אני מחפשת דירה ביפו"], Ask("budget")),
        (["שלום", "don't record me, I need an office in Jaffa"], Ask("budget")),
        (["בלי הקלטה, תני לי נציג"], HandOver("sales")),
    ],
)
def test_the_call_goes_on_unrecorded(words: list[str], act: Act) -> None:
    talk = after(*words)
    assert (talk.act, talk.lead, talk.misses) == (act, Lead.UNRECORDED, 0)


def test_a_no_to_the_recording_is_a_no_to_nothing_else() -> None:
    """Neither to the windows, nor to the amount, nor to the call; and nobody's name."""
    offered = after("דירה ביפו עד שבעת אלפים שקל", "מחר בבוקר")
    assert isinstance(offered.act, Offer)
    again = after("לא, אני לא רוצה שתקליטו", talk=offered)
    assert isinstance(again.act, Offer)
    assert (again.act.windows, again.refused) == (offered.act.windows, frozenset())
    called = policy.start(SHAI, False, "+97235550100", outbound=True)
    assert isinstance(after("לא רוצה הקלטה", talk=called).act, Introduce)


@pytest.mark.parametrize(
    ("words", "turn"),
    [
        ("אל תתקשרו אליי ואל תקליטו אותי", {}),
        ("don't record me", {"occasion": Occasion.OVER}),
        ("בלי הקלטה", {"digits": "1"}),
    ],
)
def test_it_is_heard_whatever_else_ends_the_call_or_goes_on(
    words: str, turn: dict[str, Any]
) -> None:
    talk = policy.start(SHAI, False, "+97235550100", outbound=True)
    told = Turn(understand(words, SHAI), words=words, **turn)
    assert policy.answer(talk, told, FREE).recording is Recording.REFUSED


def test_a_moment_is_asked_for_another_time() -> None:
    offered = after("דירה ביפו עד שבעת אלפים שקל", "מחר בבוקר")
    assert isinstance(after("רגע, בלי הקלטה, דירה ביפו", talk=offered).act, Offer)


def test_a_meeting_that_is_booked_stays_so() -> None:
    window = FREE[0]
    talk = after("בלי הקלטה", talk=booking.booked(after("דירה ביפו"), window))
    assert (talk.act, talk.lead) == (Confirm(window), Lead.UNRECORDED)


def test_keys_are_asked_for_on() -> None:
    talk = replace(after("שלום"), keypad=True, question=Menu("area"))
    assert after("בלי הקלטה", talk=talk).act == Menu("area")
