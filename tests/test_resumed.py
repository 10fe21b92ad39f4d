"""A caller who is back with Leah after the line, or the bridge, broke."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.core.effects import Heard, Occasion
from engine.ports import Back, Before, Exchange
from engine.store import Appointment, Appointments
from tests.test_receptionist import GREETING, Leah, Pages

CUT = "סליחה על הניתוק. נמשיך:"
CUT_EN = "We got disconnected. Sorry, let's go on:"


@dataclass
class Named(Pages):
    """The call has a name, which it keeps."""

    key = "call-7"


def called(*lines: str, keypad: bool = False) -> Leah:
    leah = Leah(keypad=keypad, journal=Named())
    leah.reply(None)
    for line in lines:
        leah.answer(line)
    return leah


def back(leah: Leah, why: Back = "dropped", meeting: Appointment | None = None) -> Leah:
    """The same caller in a new call, whose bridge knows only what was kept."""
    kept = json.loads(json.dumps(leah.journal.kept))
    booked = None if meeting is None else (meeting.start, meeting.minutes)
    before = Before(why, kept, tuple(Exchange("", heard) for heard in leah.journal.exchanges))
    journal = Named(before=Before(before.back, before.talk, before.exchanges, booked))
    return Leah(keypad=leah.keypad, appointments=leah.appointments, journal=journal)


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["דירה בפלורנטין"], f"{CUT} דירה בפלורנטין. מה התקציב שלכם?"),
        (["an office in Jaffa"], f"{CUT_EN} An office in Jaffa. What is your budget?"),
        (["דירה ביפו", "(…)"], f"{CUT} מה התקציב שלכם?"),
        (["דירה ביפו", "רגע"], f"{CUT} מה התקציב שלכם?"),
        (
            ["דירה בפלורנטין", "שבעת אלפים", "בבוקר"],
            f"{CUT} אפשר מחר בתשע, ביום שלישי בתשע או ביום רביעי בתשע. מה מתאים?",
        ),
    ],
)
def test_the_open_question_is_asked_again_in_the_language_of_the_call(
    lines: Sequence[str], reply: str
) -> None:
    assert back(called(*lines)).reply(None) == reply


@pytest.mark.parametrize(
    ("line", "said", "reply"),
    [
        ("דירה ביפו", "סליחה, אני לא יכולה להמשיך כעת.", f"{CUT} מה התקציב שלכם?"),
        ("a flat in Jaffa", "Sorry, I can't go on just now.", f"{CUT_EN} What is your budget?"),
    ],
)
def test_who_was_told_that_the_bridge_closes_goes_on_where_he_was(
    line: str, said: str, reply: str
) -> None:
    leah = called(line)
    closing = Heard(said=leah.last, occasion=Occasion.CLOSING)
    assert leah.reply(closing) == said, "nobody hangs up"
    assert back(leah).reply(None) == reply


def test_the_call_goes_on_to_the_meeting_under_its_old_name() -> None:
    leah = back(called("דירה בפלורנטין"))
    leah.reply(None)
    leah.answer("שבעת אלפים")
    leah = back(leah)
    leah.reply(None)
    leah.answer("בבוקר")
    assert leah.answer("השני") == (
        "קבענו: יום שלישי בתשע, דירה בפלורנטין, עד שבעת אלפים שקלים. תודה ולהתראות! ⏹"
    )
    (booked,) = leah.appointments.booked
    assert booked.call == "call-7"


def test_who_was_cut_off_in_the_greeting_is_not_greeted_again_and_hears_who_speaks() -> None:
    leah = back(called())
    assert leah.reply(None) == f"אני עוזרת אוטומטית. {CUT} איזה אזור מעניין אתכם?"
    assert leah.answer("ביפו") == "ביפו. מה מחפשים: דירה, משרד או חנות?"


def test_what_was_announced_is_not_announced_again_and_what_was_not_heard_is() -> None:
    heard = called("an office in Jaffa")
    assert "automated" not in back(heard).reply(None)
    unheard = Leah(journal=Named())
    unheard.reply(None)
    unheard.answer("Hello/an office in Jaffa")
    told = back(unheard).reply(None)
    assert told.startswith("I'm an automated assistant.")
    assert told.endswith("What is your budget?")


def test_keys_go_on_where_they_were() -> None:
    leah = called("#2", keypad=True)
    assert leah.last.startswith("For Florentin, press one")
    told = back(leah).reply(None)
    assert told.startswith("We got disconnected. For Florentin, press one")
    fresh = back(called(keypad=True)).reply(None)
    assert fresh == f"{CUT} לעברית הקישו אחת. For English, press two."


BOOKED = "קבענו: יום שלישי בתשע, דירה בפלורנטין, עד שבעת אלפים שקלים. תודה ולהתראות! ⏹"


def test_a_meeting_whose_confirmation_was_cut_off_is_confirmed_again_and_booked_once() -> None:
    leah = called("דירה בפלורנטין", "שבעת אלפים", "בבוקר", "השני")
    again = back(leah, meeting=leah.appointments.booked[0])
    assert again.reply(None) == f"{CUT} {BOOKED}"
    assert len(again.appointments.booked) == 1


def test_a_meeting_that_is_stored_is_confirmed_though_the_talk_was_kept_before_it() -> None:
    leah = called("דירה בפלורנטין", "שבעת אלפים", "בבוקר")
    before = leah.journal.kept
    leah.answer("השני")
    leah.journal.kept = before
    again = back(leah, meeting=leah.appointments.booked[0])
    assert again.reply(None) == f"{CUT} {BOOKED}"
    leah.journal.kept = {}
    unreadable = back(leah, meeting=leah.appointments.booked[0])
    assert unreadable.reply(None) == f"{CUT} קבענו: יום שלישי בתשע. תודה ולהתראות! ⏹"


@dataclass
class Dying(Appointments):
    """The process ends before it is stored."""

    booked: tuple[Appointment, ...] = field(default_factory=tuple)

    async def book(self, appointment: Appointment) -> None:
        raise asyncio.CancelledError


def test_a_meeting_that_was_chosen_and_not_stored_is_booked_when_the_caller_is_back() -> None:
    leah = called("דירה בפלורנטין", "שבעת אלפים", "בבוקר")
    leah.brain._calendar = Dying()
    with pytest.raises(asyncio.CancelledError):
        leah.answer("השני")
    again = back(leah)
    assert again.reply(None) == f"{CUT} {BOOKED}"
    assert [one.call for one in again.appointments.booked] == ["call-7"]


def test_to_whom_nobody_answered_she_apologizes_and_takes_the_details() -> None:
    told = back(called("דירה בפלורנטין"), "unanswered").reply(None)
    assert told == "סליחה, אין מענה. ארשום פרטים למשרד: דירה בפלורנטין. מה התקציב שלכם?"
    english = back(called("an office in Jaffa"), "unanswered").reply(None)
    assert english == (
        "Sorry, nobody answered. I'll take a message: An office in Jaffa. What is your budget?"
    )


@pytest.mark.parametrize("talk", [{}, {"version": 0}, {"version": 1, "language": "fr"}])
def test_what_cannot_be_read_is_greeted_as_new(talk: dict[str, object]) -> None:
    leah = Leah(journal=Named(before=Before("dropped", talk)))
    assert leah.reply(None) == GREETING


def test_who_speaks_before_the_first_word_is_known_as_well() -> None:
    leah = back(called("דירה בפלורנטין"))
    assert leah.reply(Heard("שבעת אלפים", confidence=0.9, cut=True)) == (
        "עד שבעת אלפים שקלים. מתי נוח להיפגש, בבוקר או אחרי הצהריים?"
    )


def test_nothing_that_the_caller_said_is_kept_but_what_it_means() -> None:
    leah = called("דירה בפלורנטין, הכרטיס שלי 4111 1111 1111 1111")
    assert "4111" not in json.dumps(leah.journal.kept)


def test_who_did_not_want_to_be_recorded_still_does_not() -> None:
    leah = called("בלי הקלטה")
    again = back(leah)
    again.reply(None)
    again.answer("דירה ביפו")
    assert (leah.journal.recording, again.journal.recording) == (["no"], ["no"])
