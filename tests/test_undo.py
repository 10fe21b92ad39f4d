"""Whole calls of callers who want what they have just booked canceled, or at another time."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.core.cues import Awaits, Ending, ending
from engine.core.effects import Heard
from engine.dialogue.hebrew import hebrew_words, point, unpointed_words
from engine.dialogue.profile import Profile
from engine.dialogue.understand import understand
from engine.ports import Before
from engine.profile import shipped_profile
from engine.receptionist import lexicon
from engine.store import Appointment, Appointments, StoreFailed
from tests.test_receptionist import SUNDAY, Leah, offered
from tests.test_resumed import CUT_EN, Named, back

SHAI: Profile = shipped_profile("shai")
TUESDAY, TOMORROW = (SUNDAY.replace(day=day, hour=9, minute=0) for day in (24, 23))
WHAT = "an office in Jaffa, up to eight thousand shekels"
BOOKED = f"You're booked: Tuesday at nine, {WHAT}. Thank you, goodbye! ⏹"
STANDS = "The meeting stands. To change or cancel it, please contact the office. Goodbye! ⏹"


def starts(leah: Leah) -> list[object]:
    return [one.start for one in leah.appointments.booked]


@pytest.mark.parametrize(
    "conversation",
    [
        [
            ("לא, רגע, תבטלי את הפגישה", "לבטל את הפגישה ביום שלישי בתשע?"),
            ("כן, תבטלי", "ביטלנו את הפגישה. לקבוע מועד אחר?"),
            ("לא תודה", "תודה שהתקשרתם, להתראות! ⏹"),
        ],
        [
            ("actually, cancel that", "Shall I cancel your meeting, Tuesday at nine?"),
            ("yes please", "Your meeting is canceled. Shall I find another time?"),
            (
                "yes",
                "No problem. I have today at twelve, tomorrow at nine, or Tuesday at ten. "
                "Which suits you?",
            ),
            ("the second", f"You're booked: tomorrow at nine, {WHAT}. Thank you, goodbye! ⏹"),
        ],
        [
            (
                "אפשר לדחות לשעה אחרת?",
                "אין בעיה. אפשר היום בשתים עשרה, מחר בתשע או ביום שלישי בעשר. מה מתאים?",
            ),
            (
                "השני",
                "העברנו את הפגישה. קבענו: מחר בתשע, משרד ביפו, עד שמונת אלפים שקלים. "
                "תודה ולהתראות! ⏹",
            ),
        ],
        [
            (
                "can we make it at eleven",
                "I have Tuesday at eleven, Tuesday at ten, or Tuesday at twelve. Which suits you?",
            ),
            ("never mind", BOOKED),
        ],
    ],
)
def test_a_meeting_is_canceled_or_moved_in_the_call_that_booked_it(
    conversation: list[tuple[str, str]],
) -> None:
    leah = offered("the third")
    for line, reply in conversation:
        assert leah.answer(line) == reply
        assert not leah.last or unpointed_words(leah.last) == []


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["cancel it"], [TUESDAY]),
        (["cancel it", "yes"], []),
        (["cancel it", "no"], [TUESDAY]),
        (["cancel it", "Shall I cancel/yes"], [TUESDAY]),
        (["cancel it", "Shall I cancel your meeting Tuesday at nine/yes"], []),
        (["move it"], [TUESDAY]),
        (["move it", "the second"], [TOMORROW]),
        (["move it", "bye"], [TUESDAY]),
        (["move it", "the second", "no, cancel it", "yes"], []),
        (["cancel it", "yes", "yes", "the second", "can we move it", "the third"], None),
    ],
)
def test_a_caller_never_has_two_meetings_nor_loses_one_unasked(
    lines: Sequence[str], left: list[object] | None
) -> None:
    leah = offered("the third")
    for line in lines:
        leah.answer(line)
        assert len(starts(leah)) <= 1
    assert left is None or starts(leah) == left


def test_a_confirmation_that_was_never_heard_is_taken_back_as_well() -> None:
    leah = offered()
    asked = leah.last
    leah.reply(Heard("the first", confidence=0.9, said=asked))
    whole = Heard("the first, no sorry, the second", confidence=0.9, said=asked, instead=True)
    assert leah.reply(whole) == "I have tomorrow at nine. Does that suit you?"
    leah.answer("yes")
    assert starts(leah) == [TOMORROW]


def test_a_cancellation_that_was_never_heard_is_told_whatever_was_said_instead() -> None:
    leah = offered("the third", "cancel it")
    asked = leah.last
    leah.reply(Heard("yes", confidence=0.9, said=asked))
    whole = Heard("yes well, no", confidence=0.9, said=asked, instead=True)
    assert leah.reply(whole) == "Your meeting is canceled. Shall I find another time?"
    assert starts(leah) == []


def test_a_wish_to_move_that_was_not_one_is_forgotten() -> None:
    leah = offered("the third")
    confirmed = leah.last
    leah.reply(Heard("move it", confidence=0.9, said=confirmed))
    whole = Heard("thank you, bye", confidence=0.9, said=confirmed, instead=True)
    assert leah.reply(whole) == "Thank you for calling, goodbye! ⏹"
    assert starts(leah) == [TUESDAY]


@dataclass
class Stuck(Appointments):
    """Nothing more is kept, nor taken out."""

    booked: tuple[Appointment, ...] = field(default_factory=tuple)

    async def book(self, appointment: Appointment) -> None:
        raise StoreFailed("the disk is full")

    async def cancel(self, appointment: Appointment) -> None:
        raise StoreFailed("the disk is full")


@pytest.mark.parametrize("lines", [["cancel it", "yes"], ["move it", "the second"]])
def test_what_the_store_cannot_change_stands_and_is_said_to(lines: Sequence[str]) -> None:
    leah = offered("the third")
    leah.brain._calendar = Stuck(leah.appointments.booked)
    assert [leah.answer(line) for line in lines][-1] == STANDS
    assert starts(leah) == [TUESDAY]


def test_the_time_that_is_moved_to_may_have_been_taken_and_the_old_one_stands() -> None:
    leah = offered("the third", "move it")
    other = Appointment(TOMORROW, 30, "another call")
    asyncio.run(leah.appointments.book(other))
    assert leah.answer("the second").startswith("Sorry, just taken. I have ")
    assert starts(leah) == [TUESDAY, TOMORROW]
    assert leah.answer("keep it") == BOOKED


@dataclass
class Dying(Appointments):
    """The process ends after it has canceled, before anybody is told."""

    booked: tuple[Appointment, ...] = field(default_factory=tuple)

    async def cancel(self, appointment: Appointment) -> None:
        await super().cancel(appointment)
        raise asyncio.CancelledError


def test_a_cancellation_on_which_the_line_broke_is_told_when_the_caller_is_back() -> None:
    leah = offered("the third", "cancel it")
    before = json.loads(json.dumps(leah.journal.kept))
    leah.appointments = leah.brain._calendar = Dying(leah.appointments.booked)
    with pytest.raises(asyncio.CancelledError):
        leah.answer("yes")
    told = f"{CUT_EN} Your meeting is canceled. Shall I find another time?"
    assert back(leah).reply(None) == told
    older = Leah(appointments=leah.appointments, journal=Named(before=Before("dropped", before)))
    assert older.reply(None) == told


def test_a_move_goes_on_when_the_caller_is_back() -> None:
    leah = offered("the third", "move it")
    again = back(leah, meeting=leah.appointments.booked[0])
    assert again.reply(None).startswith("We got disconnected. I have ")
    assert again.answer("the second").startswith("Your meeting is moved. You're booked: tomorrow")


def test_what_may_be_said_of_a_booked_meeting_is_expected_and_has_its_points() -> None:
    leah = offered("the third")
    expected = leah.brain.expected()
    assert {"לבטל את הפגישה", "cancel the meeting"} <= set(expected)
    words = lexicon(SHAI)
    for phrase in expected:
        assert all(word in words for word in hebrew_words(phrase)), phrase
        assert unpointed_words(point(phrase, words)) == [], phrase
        assert understand(phrase, SHAI).move or understand(phrase, SHAI), phrase
        assert ending(phrase, Awaits.YES_NO) is not Ending.UNFINISHED, phrase
