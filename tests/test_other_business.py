"""Whole calls with a business that is no real-estate office: nothing of those is in the code. And
what every caller hears first, whatever the business."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Transfer
from engine.dialogue.acts import Ask, Menu, Narrow
from engine.dialogue.hebrew import without_points
from engine.dialogue.phrases import count_words
from engine.dialogue.profile import Profile
from engine.dialogue.wish import is_filled
from engine.profile import shipped_profile
from engine.receptionist import Receptionist
from engine.store import Appointments

SPOKES = shipped_profile("spokes")
SHAI = shipped_profile("shai")
STAFFED = replace(SHAI, people=("sales",))
TUESDAY = datetime(2026, 11, 24, 9, 10, tzinfo=ZoneInfo(SPOKES.timezone))


@dataclass
class Call:
    profile: Profile = SPOKES
    caller: str = "+12125550123"
    recorded: bool = False
    keypad: bool = False
    last: str = ""
    appointments: Appointments = field(default_factory=Appointments)

    def __post_init__(self) -> None:
        self.brain = Receptionist(
            self.profile,
            self.appointments,
            lambda: TUESDAY,
            self.keypad,
            caller=self.caller,
            recorded=self.recorded,
        )
        self.last = self.reply(None)

    def reply(self, heard: Heard | None) -> str:
        async def collected() -> list[str]:
            return [_shown(part) async for part in self.brain.reply(heard)]

        self.last = " ".join(asyncio.run(collected())).strip()
        return without_points(self.last)

    def answer(self, words: str) -> str:
        return self.reply(Heard(words=words, confidence=0.9, said=self.last))

    def interrupt(self, heard: int, words: str) -> str:
        said = " ".join(self.last.split()[:heard])
        return self.reply(Heard(words=words, confidence=0.9, said=said, cut=True))


def _shown(part: str | HangUp | Transfer | Awaits) -> str:
    match part:
        case Awaits():
            return ""
        case HangUp():
            return "⏹"
        case Transfer():
            return "➡"
        case _:
            return part


CALLS = {
    "from the bike to the visit": [
        (
            "Hi, my road bike needs new brakes",
            "A brake repair for a road bike. May I have your name, please?",
        ),
        ("Dana Levi", "When would you like to bring it, in the morning or afternoon?"),
        (
            "Thursday at three",
            "I have Thursday at three, Thursday at two, or Thursday at four. Which suits you?",
        ),
        (
            "the second one",
            "You're booked: Thursday at two, a brake repair for a road bike. Thank you, goodbye! ⏹",
        ),
    ],
    "one thing at a time": [
        (
            "Hello",
            "What kind of bike is it?",
        ),
        (
            "My daughter's bike",
            "For a children's bike. "
            "What does it need: a full service, a flat tire, or a brake repair?",
        ),
        ("a puncture and the brakes", "Let's start with one thing. Which one?"),
        ("the puncture", "A flat tire. May I have your name, please?"),
        ("...", "Sorry, I didn't hear well. Could you repeat your name?"),
    ],
    "a person is given at the first wish for one": [
        ("Hello", "What kind of bike is it?"),
        (
            "Can I talk to a real person, please?",
            "Of course, I'm putting you through to a colleague. ➡",
        ),
    ],
    "abuse is answered once, and then the call ends": [
        ("Hello", "What kind of bike is it?"),
        ("you stupid idiot", "Let's keep this polite, please. What kind of bike is it?"),
        ("you stupid idiot", "I'm ending this call now. Goodbye! ⏹"),
    ],
    "what is told unasked is kept": [
        (
            "a full service for a mountain bike, up to 100 dollars",
            "A full service for a mountain bike. May I have your name, please?",
        ),
    ],
}


@pytest.mark.parametrize("title", CALLS)
def test_a_call_to_the_workshop_goes_like_this(title: str) -> None:
    call = Call()
    assert call.last == (
        "Hello, this is Robin, the automated assistant of Spoke and Wheel. How can I help?"
    )
    for line, expected in CALLS[title]:
        assert call.answer(line) == expected


def test_the_meeting_has_the_name_and_the_number_of_the_caller() -> None:
    call = Call()
    for line, _ in CALLS["from the bike to the visit"]:
        call.answer(line)
    (visit,) = call.appointments.booked
    assert visit.wish == {
        "language": "en",
        "bike": "road",
        "work": "brakes",
        "owner": "Dana Levi",
        "mobile": "+12125550123",
    }


def test_a_number_that_is_not_known_is_asked_for() -> None:
    call = Call(caller="")
    call.answer("My road bike needs new brakes")
    assert call.answer("Dana Levi") == "On which number can we reach you?"
    assert call.answer("it's two one two five five five oh one two three").startswith("When")
    assert call.brain._talk.wish.get("mobile") == "+12125550123"


def test_an_office_with_nobody_at_hand_says_so_and_goes_on() -> None:
    call = Call(profile=SHAI)
    call.answer("אני מחפשת דירה ביפו")
    assert call.answer("אני רוצה לדבר עם נציג") == (
        "סליחה, אי אפשר להעביר אתכם כעת. מה התקציב שלכם?"
    )


def test_who_is_not_understood_is_given_to_a_person_by_a_key() -> None:
    call = Call()
    call.answer("Hello")
    told = [call.answer("...") for _ in range(3)]
    assert told[-1] == "Sorry, I didn't understand. Shall I put you through to a colleague?"
    assert call.answer("yes") == "Of course, I'm putting you through to a colleague. ➡"


@pytest.mark.parametrize("recorded", [False, True])
def test_a_greeting_that_was_cut_short_is_made_up_for_before_any_question(recorded: bool) -> None:
    call = Call(recorded=recorded)
    told = call.interrupt(3, "a road bike")
    announced = "I'm automated, and we" if recorded else "I'm an automated assistant."
    assert told.startswith(announced)
    assert call.interrupt(2, "new brakes").startswith(announced)
    assert not call.answer("Dana").startswith(announced)


def test_a_greeting_that_was_heard_is_not_said_again() -> None:
    call = Call()
    assert call.interrupt(12, "a road bike").startswith("For a road bike.")


def test_a_recording_is_announced_in_the_language_that_is_spoken_then() -> None:
    call = Call(profile=SHAI, recorded=True)
    assert "השיחה מקלטת" in without_points(call.last)
    assert call.answer("an office").startswith("I'm automated, and we record calls.")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("בלי הקלטה", "אין בעיה, השיחה לא מקלטת."),
        ("don't record me", "I'm an automated assistant. All right, this call isn't recorded."),
    ],
)
def test_who_does_not_want_to_be_recorded_is_answered_and_not_told_of_it_again(
    line: str, reply: str
) -> None:
    call = Call(profile=SHAI, recorded=True)
    assert call.answer(line).startswith(reply)
    assert call.last.endswith("?")
    other = call.answer("דירה" if line.isascii() else "an office")
    assert "record" not in other
    assert "מקלטת" not in other


def test_who_does_not_let_her_finish_is_told_that_she_is_automated_all_the_same() -> None:
    call = Call(profile=SHAI, recorded=True)
    answer = call.interrupt(2, "בלי הקלטה")
    assert answer.startswith("אני עוזרת אוטומטית. אין בעיה, השיחה לא מקלטת.")


def test_who_presses_the_key_of_another_language_is_told_in_it_that_the_call_is_recorded() -> None:
    call = Call(profile=SHAI, recorded=True, keypad=True)
    call.reply(Heard(digits="2", said=call.last))
    told = call.reply(Heard(digits="1", said=call.last))
    assert "we record calls" in call.last or "we record calls" in told


def test_the_longest_question_leaves_room_for_the_answer() -> None:
    call = Call(profile=SHAI, recorded=True)
    for line in ("דירה ביפו עד שבעת אלפים", "מחר בבוקר"):
        call.answer(line)
    assert call.last.count(",") >= 1, "several windows are offered"
    answer = call.answer("בלי הקלטה")
    assert answer.startswith("אין בעיה, השיחה לא מקלטת.")
    assert count_words([call.last]) <= 20


LINES = st.sampled_from(
    [line for call in CALLS.values() for line, _ in call]
    + ["", "yes", "no", "two", "forty", "wait", "goodbye", "tomorrow", "Jaffa", "דירה ביפו", "שבע"]
    + ["בלי הקלטה", "please don't record me"]
    + ["office in Jaffa, 8,000, tomorrow", "דירה ביפו עד שבעת אלפים מחר"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["workshop", "staffed office"]),
    st.booleans(),
    st.sampled_from(["", "+12125550123"]),
    st.lists(st.tuples(LINES, st.integers(0, 25)), max_size=12),
)
def test_whatever_is_said_and_wherever_it_is_cut_replies_keep_to_the_rules(
    business: str, recorded: bool, caller: str, lines: list[tuple[str, int]]
) -> None:
    call = Call(SPOKES if business == "workshop" else STAFFED, caller, recorded)
    for words, heard in lines:
        told = call.interrupt(heard, words)
        assert 1 <= count_words([told]) <= 20
        assert told.count("?") <= 1
        talk = call.brain._talk
        if isinstance(talk.act, Ask | Menu | Narrow):
            assert not is_filled(talk.wish, talk.act.slot)
            heard_it = talk.language in talk.announced
            assert heard_it or told.startswith(("I'm a", "אני עוזרת אוטומטית", "אני אוטומטית"))
        if told.endswith(("⏹", "➡")):
            break
