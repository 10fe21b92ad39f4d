"""What is decided for callers who are silent, a noise, without end, machines, or in despair."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from engine.core.effects import Occasion
from engine.dialogue import booking, policy
from engine.dialogue.acts import (
    Act,
    Ask,
    Confirm,
    Distress,
    Ending,
    Goodbye,
    Greet,
    Lead,
    LeaveMessage,
    Menu,
    Offer,
    Rest,
    StillThere,
    Wait,
    Why,
)
from engine.dialogue.hours import free_windows
from engine.dialogue.machine import takes_messages
from engine.dialogue.phrases import sentences, too_long
from engine.dialogue.profile import Language
from engine.dialogue.talk import Talk, Turn
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
FREE = free_windows(SHAI, datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone)), ())
NOTHING = Understood()
HELLO, YES = Understood("en", hello=True), Understood("en", answer="yes")
JAFFA = Understood("en", choices=(("area", ("jaffa",)),))
WHOLE = Understood("en", choices=(("area", ("jaffa",)), ("kind", ("shop",))), budget=7_000)
SILENT = Turn(NOTHING, occasion=Occasion.SILENCE)
NOISE = Turn(NOTHING, occasion=Occasion.NOISE)


def after(*turns: Turn | Understood | str, talk: Talk | None = None, keypad: bool = False) -> Talk:
    """What was understood of a turn, or its words."""
    talk = talk or policy.start(SHAI, keypad)
    for turn in turns:
        if isinstance(turn, str):
            turn = Turn(understand(turn, SHAI), words=turn)
        elif isinstance(turn, Understood):
            turn = Turn(turn, words="something")
        talk = policy.answer(talk, turn, FREE)
    return talk


@pytest.mark.parametrize(
    ("turns", "act"),
    [
        ([SILENT], StillThere()),
        ([SILENT, SILENT], Ask("area")),
        ([SILENT, SILENT, SILENT], Goodbye(Ending.SILENT)),
        ([HELLO, SILENT], StillThere()),
        ([JAFFA, SILENT, SILENT], Ask("kind")),
        ([JAFFA, SILENT, SILENT, HELLO, SILENT], StillThere()),
        ([SILENT, "כן"], Ask("area")),
        ([SILENT, "כן אני כאן"], Ask("area")),
        ([SILENT, "I'm here"], Ask("area")),
        ([SILENT, JAFFA], Ask("kind")),
        ([SILENT, "goodbye"], Goodbye(Ending.CALLER)),
    ],
)
def test_a_silent_caller_is_asked_for_twice_and_then_let_go(
    turns: Sequence[Turn | Understood | str], act: Act
) -> None:
    assert after(*turns).act == act


def test_the_second_time_the_question_is_said_again_and_no_apology() -> None:
    assert after(JAFFA, SILENT, SILENT).lead is Lead.STILL_HERE
    assert after(JAFFA, SILENT, SILENT).misses == 0


def test_a_yes_to_whether_he_is_there_books_nothing() -> None:
    offered = after(WHOLE, replace(HELLO, when=When(weekday=1, clock=600)))
    assert isinstance(offered.act, Offer)
    window = offered.act.windows[:1]
    one = replace(offered, act=Offer(window), question=Offer(window), heard=window)
    assert not isinstance(after(SILENT, YES, talk=one).act, Confirm)
    assert after(SILENT, YES, talk=one).act == Offer(window, Why.AGAIN)


def test_who_has_asked_for_a_moment_has_it() -> None:
    wait = Understood("en", wait=True)
    talk = after(HELLO, wait)
    assert talk.act == Wait()
    acts = []
    for _ in range(6):
        talk = after(SILENT, talk=talk)
        acts.append(talk.act)
    assert acts[:3] == [Rest()] * 3
    assert acts[3:] == [StillThere(), Ask("area"), Goodbye(Ending.SILENT)]


def test_of_who_answers_with_keys_the_menu_is_said_again() -> None:
    talk = after(Turn(NOTHING, digits="1"), keypad=True)
    assert talk.act == Menu("area")
    assert after(SILENT, talk=talk).act == after(SILENT, SILENT, talk=talk).act == Menu("area")
    assert after(SILENT, SILENT, SILENT, talk=talk).act == Goodbye(Ending.SILENT)
    assert after(SILENT, keypad=True).act == Greet()


def test_after_a_booking_silence_hears_the_confirmation_again() -> None:
    talk = booking.booked(after(WHOLE), FREE[0])
    assert after(SILENT, talk=talk).act == Confirm(FREE[0])


def test_of_a_noise_the_caller_is_told_once_and_then_let_go() -> None:
    told = after(JAFFA, NOISE)
    assert (told.act, told.lead) == (Ask("kind"), Lead.NOISE)
    assert after(NOISE, talk=told).act == Goodbye(Ending.NOISE)


def test_who_is_understood_again_is_told_of_the_next_noise() -> None:
    told = after(JAFFA, NOISE, Turn(NOTHING, digits="1"))
    assert after(NOISE, talk=told).lead is Lead.NOISE
    assert after(NOISE, HELLO, NOISE).lead is Lead.NOISE


def test_where_nothing_can_be_recognized_a_noise_is_no_news() -> None:
    talk = after(Turn(NOTHING, digits="1"), NOISE, NOISE, keypad=True)
    assert (talk.act, talk.lead) == (Menu("area"), None)


def test_who_talks_without_end_is_answered_and_asked() -> None:
    talk = after(HELLO, Turn(JAFFA, words="well, Jaffa", occasion=Occasion.MONOLOGUE))
    assert (talk.act, talk.lead) == (Ask("kind"), Lead.MONOLOGUE)
    assert after(JAFFA, talk=talk).lead is None


def test_near_the_end_the_caller_is_told_and_at_the_end_it_is_goodbye() -> None:
    late = after(JAFFA, Turn(NOTHING, occasion=Occasion.LATE))
    assert (late.act, late.lead, late.misses) == (Ask("kind"), Lead.LATE, 0)
    answered = after(HELLO, Turn(JAFFA, words="Jaffa", occasion=Occasion.LATE))
    assert (answered.act, answered.lead) == (Ask("kind"), Lead.LATE)
    assert after(Turn(JAFFA, occasion=Occasion.OVER)).act == Goodbye(Ending.TIME)


def test_a_meeting_that_is_booked_is_confirmed_at_the_end_of_the_time_too() -> None:
    talk = booking.booked(after(WHOLE), FREE[0])
    assert after(Turn(NOTHING, occasion=Occasion.OVER), talk=talk).act == Confirm(FREE[0])


def test_when_the_bridge_closes_that_is_said_unless_whom_we_called_wants_no_calls() -> None:
    closing = Turn(JAFFA, words="Jaffa", occasion=Occasion.CLOSING)
    assert after(HELLO, closing).act == Goodbye(Ending.CLOSING)
    talk = booking.booked(after(WHOLE), FREE[0])
    assert after(closing, talk=talk).act == Goodbye(Ending.CLOSING)
    ours = policy.start(SHAI, False, outbound=True)
    unwanted = replace(closing, words="do not call me again")
    assert after(unwanted, talk=ours).act == Goodbye(Ending.UNWANTED)


def test_machines_that_say_two_things_in_turn_are_let_go() -> None:
    talk = policy.start(SHAI, False)
    acts = []
    for line in ["sorry, I did not hear well", "which area do you want to look in"] * 4:
        talk = after(line, talk=talk)
        acts.append(talk.act)
    assert Goodbye(Ending.MACHINE) in acts[:6]
    assert Goodbye(Ending.MACHINE) not in acts[:4]


GREETINGS = [
    "שלום הגעתם לתא הקולי של משפחת כהן",
    "אנחנו לא בבית, השאירו הודעה לאחר הצפצוף",
    "הגעתם למשרד עורכי דין לוי, נא להשאיר הודעה",
    "המנוי אינו זמין כעת",
    "אפשר להשאיר לי הודעה אחרי הביפ ואחזור אליכם",
    "זו המזכירה האלקטרונית של דנה",
    "Hi, you've reached Dana. Leave a message after the tone.",
    "Please leave your name and number at the beep",
    "I can't take your call right now",
    "The person you are calling is unable to take your call",
    "You have reached the voicemail of 5 5 5",
    "Your call has been forwarded to an automatic voice mail system",
]
PEOPLE = [
    "הלו?",
    "כן, מדברת",
    "שלום, מי זה?",
    "אני עכשיו בפגישה, אפשר לחזור אליי אחר כך?",
    "הוא לא נמצא",
    "קיבלתי את ההודעה שלך",
    "Hello?",
    "Speaking, who is this?",
    "I got your message about the apartment",
    "He is not available at the moment",
    "Can you call me back in ten minutes?",
]


@pytest.mark.parametrize("words", GREETINGS)
def test_a_machine_that_answers_is_known_by_its_words(words: str) -> None:
    assert takes_messages(words)
    called = after(words, talk=policy.start(SHAI, False, outbound=True))
    assert called.act == Rest()
    assert after(Turn(NOTHING), talk=called).act == after(SILENT, talk=called).act == LeaveMessage()
    assert after(words).act != Rest()


@pytest.mark.parametrize("words", PEOPLE)
def test_a_person_who_answers_is_no_machine(words: str) -> None:
    assert not takes_messages(words)


def test_a_message_that_was_cut_is_begun_once_more() -> None:
    talk = after(GREETINGS[0], Turn(NOTHING), talk=policy.start(SHAI, False, outbound=True))
    again = after(Turn(NOTHING), talk=talk)
    assert again.act == LeaveMessage()
    assert after(Turn(NOTHING), talk=again).act == Goodbye(Ending.MACHINE)


def test_a_machines_greeting_is_heard_out_but_not_for_ever() -> None:
    talk, acts = policy.start(SHAI, False, outbound=True), []
    for line in [GREETINGS[0], *map(str, range(10))]:
        talk = after(line, talk=talk)
        acts.append(talk.act)
    assert acts[:6] == [Rest()] * 6
    assert acts[6] == LeaveMessage()


DESPAIR = [
    "אני רוצה למות",
    "אני הולך להתאבד",
    "בא לי למות כבר",
    "נמאס לי לחיות",
    "אני לא רוצה לחיות יותר",
    "לא רוצה לחיות",
    "אני אפגע בעצמי",
    "אין לי בשביל מה לחיות",
    "I want to kill myself",
    "I'm going to end my life",
    "I am thinking about suicide",
    "I just want to die",
    "I don't want to live anymore",
    "there is no reason to live",
    "I might hurt myself",
]
NO_DESPAIR = [
    "אני לא רוצה לחיות ליד כביש",
    "אני מת לגור בפלורנטין",
    "נמאס לי מהדירה שלי",
    "הדירה הזאת הורגת אותי",
    "אני רוצה לסיים את השיחה",
    "I don't want to live in Jaffa",
    "I'm dying to see that apartment",
    "my lease ends in May",
    "I'd kill for a balcony",
    "somewhere quiet to live",
]


@pytest.mark.parametrize("words", DESPAIR)
def test_words_of_despair_are_heard(words: str) -> None:
    assert understand(words, SHAI).distress
    assert after(words).act == Distress("")
    staffed = policy.start(replace(SHAI, people=("sales",)), False)
    assert after(words, talk=staffed).act == Distress("sales")
    assert after(words, words, words, words).act == Distress("")
    booked = booking.booked(after(WHOLE), FREE[0])
    assert after(words, talk=booked).act == Distress("")


@pytest.mark.parametrize("words", NO_DESPAIR)
def test_words_that_only_sound_like_it_are_none(words: str) -> None:
    assert not understand(words, SHAI).distress


@pytest.mark.parametrize("language", ["he", "en"])
@pytest.mark.parametrize("key", ["", "sales"])
def test_despair_is_told_whom_to_call_as_the_profile_says(language: Language, key: str) -> None:
    said = sentences(SHAI, Distress(key), language)
    assert SHAI.emergency[language] in said
    assert len(said) == 2 + bool(key)
    assert not too_long(said)
    nobody = sentences(replace(SHAI, emergency={}), Distress(key), language)
    assert not any(letter.isdigit() for sentence in nobody for letter in sentence)
    assert len(nobody) == 1 + bool(key)


@pytest.mark.parametrize("language", ["he", "en"])
@pytest.mark.parametrize("act", [StillThere(), LeaveMessage(), *map(Goodbye, Ending)])
def test_what_is_said_is_short(language: Language, act: Act) -> None:
    assert not too_long(sentences(SHAI, act, language))
