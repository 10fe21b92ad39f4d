"""Whole calls with Leah. A conversation is a table: what the caller does, what she answers.

A line of the caller's is words; `#1` is a key; `(…)` is speech that was not understood; what
stands before `/` is how much of her last reply was heard before the caller interrupted it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.cues import Awaits, Ending, ending
from engine.core.effects import HangUp, Heard, Transfer
from engine.dialogue.acts import Ask, Book, ConfirmBudget, Menu, Narrow
from engine.dialogue.hebrew import hebrew_words, is_hebrew, point, unpointed_words, without_points
from engine.dialogue.phrases import count_words
from engine.dialogue.understand import understand
from engine.dialogue.wish import is_filled
from engine.ports import Brain
from engine.profile import shipped_profile
from engine.receptionist import Receptionist, lexicon, spoken_forms
from engine.store import Appointment, Appointments

SHAI = shipped_profile("shai")
SUNDAY = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))


@dataclass
class Leah:
    """A call with her; remembers what she said last."""

    keypad: bool = False
    appointments: Appointments = field(default_factory=Appointments)
    last: str = ""
    awaits: Awaits | None = None
    """What her last reply asked for; nothing if she hung up."""

    def __post_init__(self) -> None:
        self.brain = Receptionist(
            SHAI, self.appointments, lambda: SUNDAY, self.keypad, caller="0501234567"
        )

    def reply(self, heard: Heard | None) -> str:
        """Her reply in one line, Hebrew without its points, ⏹ where she hangs up."""
        said, end = asyncio.run(_collected(self.brain, heard))
        self.last = " ".join(said)
        self.awaits = end if isinstance(end, Awaits) else None
        return without_points(self.last) + (" ⏹" if isinstance(end, HangUp) else "")

    def answer(self, line: str) -> str:
        before, cut, words = line.rpartition("/")
        said = before if cut else self.last
        if words.startswith("#"):
            return self.reply(Heard(digits=words[1:], said=said, cut=bool(cut)))
        if words.startswith("("):
            words = ""
        return self.reply(Heard(words=words, confidence=0.9, said=said, cut=bool(cut)))


async def _collected(
    brain: Receptionist, heard: Heard | None
) -> tuple[list[str], HangUp | Awaits | None]:
    return await _collected_from(brain.reply(heard))


async def _collected_from(
    reply: AsyncIterator[str | HangUp | Transfer | Awaits],
) -> tuple[list[str], HangUp | Awaits | None]:
    said: list[str] = []
    end: HangUp | Awaits | None = None
    async for part in reply:
        assert end is None, "nothing may follow a hang-up, or what is awaited"
        if isinstance(part, Awaits):
            end = part
        elif isinstance(part, HangUp):
            assert part.why == "goodbye"
            end = part
        else:
            assert isinstance(part, str)
            said.append(part)
    return said, end


GREETING = (
    "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים. "
    "I'm automated and speak English too. How can I help?"
)

CALLS: dict[str, list[tuple[str, str]]] = {
    "a Hebrew call from the wish to the meeting": [
        ("אני מחפשת דירה בפלורנטין", "דירה בפלורנטין. מה התקציב שלכם?"),
        (
            "עד שבעת אלפים",
            "עד שבעת אלפים שקלים. מתי נוח להיפגש, בבוקר או אחרי הצהריים?",
        ),
        (
            "בבוקר",
            "אפשר מחר בתשע, ביום שלישי בתשע או ביום רביעי בתשע. מה מתאים?",
        ),
        (
            "השני",
            "קבענו: יום שלישי בתשע, דירה בפלורנטין, עד שבעת אלפים שקלים. תודה ולהתראות! ⏹",
        ),
    ],
    "an English call, one thing at a time": [
        ("Hello", "Which area are you interested in?"),
        (
            "Florentine",
            "In Florentin. What are you looking for: an apartment, an office, or a shop?",
        ),
        ("An office", "An office. What is your budget?"),
        (
            "7 000",
            "Up to seven thousand shekels. "
            "When would you like to meet, in the morning or afternoon?",
        ),
        (
            "Tuesday afternoon",
            "I have Tuesday at twelve, Tuesday at two, or Tuesday at four. Which suits you?",
        ),
        (
            "at four",
            "You're booked: Tuesday at four, an office in Florentin, "
            "up to seven thousand shekels. Thank you, goodbye! ⏹",
        ),
    ],
    "everything at once": [
        (
            "A flat in Jaffa for up to nine thousand, Monday at ten",
            "Up to nine thousand shekels. "
            "I have tomorrow at ten, tomorrow at nine, or tomorrow at eleven. Which suits you?",
        ),
        (
            "Yes, please.",
            "You're booked: tomorrow at ten, an apartment in Jaffa, "
            "up to nine thousand shekels. Thank you, goodbye! ⏹",
        ),
    ],
    "the caller changes language and she follows": [
        ("אני מחפש משרד", "משרד. איזה אזור מעניין אתכם?"),
        ("Sorry, do you speak English?", "Which area are you interested in?"),
        ("Ramat Gan", "In Ramat Gan. What is your budget?"),
        ("עשרת אלפים", "עד עשרת אלפים שקלים. מתי נוח להיפגש, בבוקר או אחרי הצהריים?"),
    ],
    "not understood: again, in other words, with keys, and goodbye in the end": [
        ("אני מחפשת משהו", "איזה אזור מעניין אתכם?"),
        ("(…)", "לא שמעתי טוב, אפשר לחזור על האזור?"),
        ("(…)", "סליחה, עדיין לא הבנתי. באיזו שכונה לחפש?"),
        (
            "(…)",
            "לפלורנטין הקישו אחת, ליפו שתיים, לצפון הישן שלוש, לנוה צדק ארבע, לעוד אפשרויות תשע.",
        ),
        (
            "#9",
            "למרכז העיר הקישו אחת, לרמת גן שתיים, לגבעתיים שלוש, לתל אביב ארבע, לעוד אפשרויות תשע.",
        ),
        ("#2", "ברמת גן. לדירה הקישו אחת, למשרד שתיים, לחנות שלוש, לבית ארבע."),
        ("חנות", "חנות. מה התקציב שלכם?"),
        ("(…)", "לא שמעתי טוב, אפשר לחזור על התקציב?"),
        ("פיצה", "סליחה, עדיין לא הבנתי. כמה שקלים לכל היותר?"),
        *[
            (
                "(…)",
                "לחמשת אלפים הקישו אחת, לשבעת אלפים שתיים, לעשרת אלפים שלוש, "
                "לחמישה עשר אלף ארבע, לעוד אפשרויות תשע.",
            )
        ]
        * 3,
        ("(…)", "סליחה, לא הצלחתי להבין. אפשר להתקשר שוב. להתראות! ⏹"),
    ],
    "the windows again when the answer was not understood": [
        (
            "office in Jaffa, 8,000, tomorrow",
            "Up to eight thousand shekels. "
            "I have tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        (
            "(…)",
            "Once more: tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        ("(…)", "The first, the second, or the third?"),
        (
            "(…)",
            "For tomorrow at nine, press one; tomorrow at twelve, two; "
            "tomorrow at two, three; others, nine.",
        ),
        (
            "#3",
            "You're booked: tomorrow at two, an office in Jaffa, "
            "up to eight thousand shekels. Thank you, goodbye! ⏹",
        ),
    ],
    "interrupted before the second window: only the first can be chosen": [
        (
            "דירה ביפו עד שבעת אלפים, מחר",
            "דירה ביפו, עד שבעת אלפים שקלים. "
            "אפשר מחר בתשע, מחר בשתים עשרה או מחר בשתיים. מה מתאים?",
        ),
        (
            "דירה ביפו, עד שבעת אלפים שקלים. אפשר מחר בתשע, מחר/השני",
            "שוב: מחר בתשע, מחר בשתים עשרה או מחר בשתיים. מה מתאים?",
        ),
        (
            "שוב: מחר בתשע, מחר בשתים עשרה או/השני",
            "קבענו: מחר בשתים עשרה, דירה ביפו, עד שבעת אלפים שקלים. תודה ולהתראות! ⏹",
        ),
    ],
    "«רגע» into the offer: she waits, and what was heard stays on offer": [
        (
            "דירה ביפו עד שבעת אלפים, מחר",
            "דירה ביפו, עד שבעת אלפים שקלים. "
            "אפשר מחר בתשע, מחר בשתים עשרה או מחר בשתיים. מה מתאים?",
        ),
        ("דירה ביפו, עד שבעת אלפים שקלים. אפשר מחר בתשע/רגע", "בטח, קחו את הזמן."),
        ("השלישי", "שוב: מחר בתשע, מחר בשתים עשרה או מחר בשתיים. מה מתאים?"),
        (
            "שוב:/הראשון",
            "קבענו: מחר בתשע, דירה ביפו, עד שבעת אלפים שקלים. תודה ולהתראות! ⏹",
        ),
    ],
    "“wait” into a question leaves the question open": [
        ("an apartment", "An apartment. Which area are you interested in?"),
        ("An apartment. Which/Wait!", "Of course, take your time."),
        ("Givatayim", "In Givatayim. What is your budget?"),
    ],
    "no to the windows: others, then another day": [
        (
            "office in Jaffa, 8,000, tomorrow",
            "Up to eight thousand shekels. "
            "I have tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        (
            "No.",
            "No problem. I have tomorrow at ten, tomorrow at one, or tomorrow at three. "
            "Which suits you?",
        ),
        ("None of them", "No problem. Which day would be better?"),
        (
            "Thursday at 3",
            "I have Thursday at three, Thursday at two, or Thursday at four. Which suits you?",
        ),
    ],
    "a day without windows is not promised": [
        (
            "דירה ביפו עד שבעת אלפים בשבת",
            "עד שבעת אלפים שקלים. "
            "בזמן הזה אין פנוי. אפשר היום בשתים עשרה, מחר בתשע או ביום שלישי בתשע. מה מתאים?",
        ),
    ],
    "“Sunday” when two windows are on that day: which of the two": [
        (
            "office in Jaffa, 8,000, any time",
            "Up to eight thousand shekels. "
            "I have today at twelve, tomorrow at nine, or Tuesday at nine. Which suits you?",
        ),
        ("at nine", "Once more: tomorrow at nine or Tuesday at nine. Which suits you?"),
        (
            "Tuesday",
            "You're booked: Tuesday at nine, an office in Jaffa, "
            "up to eight thousand shekels. Thank you, goodbye! ⏹",
        ),
    ],
    "“not the first” books nothing before it is sure": [
        (
            "office in Jaffa, 8,000, tomorrow",
            "Up to eight thousand shekels. "
            "I have tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        ("Not the first", "Once more: tomorrow at nine. Does that suit you?"),
        (
            "No",
            "No problem. I have tomorrow at ten, tomorrow at twelve, or tomorrow at two. "
            "Which suits you?",
        ),
    ],
    "half an amount is confirmed, never taken": [
        ("דירה בגבעתיים", "דירה בגבעתיים. מה התקציב שלכם?"),
        ("שבע", "כלומר, שבעת אלפים שקלים?"),
        ("לא", "מה התקציב שלכם?"),
        ("מיליון מאתיים", "כלומר, מיליון מאתיים אלף שקלים?"),
        (
            "כן",
            "עד מיליון מאתיים אלף שקלים. מתי נוח להיפגש, בבוקר או אחרי הצהריים?",
        ),
    ],
    "a budget that is changed by half an amount is not kept": [
        (
            "דירה ביפו עד שבעת אלפים",
            "דירה ביפו, עד שבעת אלפים שקלים. מתי נוח להיפגש, בבוקר או אחרי הצהריים?",
        ),
        ("התקציב בעצם שמונה", "כלומר, שמונת אלפים שקלים?"),
        ("מחר", "מה התקציב שלכם?"),
    ],
    "two areas in one breath: one is asked for": [
        ("Florentin or Jaffa", "Let's start with one area. Which one?"),
        (
            "Jaffa",
            "In Jaffa. What are you looking for: an apartment, an office, or a shop?",
        ),
    ],
    "no preference fills the slot": [
        ("An apartment", "An apartment. Which area are you interested in?"),
        ("It doesn't matter", "What is your budget?"),
        (
            "No limit",
            "When would you like to meet, in the morning or afternoon?",
        ),
        (
            "Whenever",
            "I have today at twelve, tomorrow at nine, or Tuesday at nine. Which suits you?",
        ),
        (
            "Tomorrow at nine",
            "You're booked: tomorrow at nine, an apartment. Thank you, goodbye! ⏹",
        ),
    ],
    "a correction replaces what was said": [
        ("דירה בפלורנטין", "דירה בפלורנטין. מה התקציב שלכם?"),
        ("לא, ביפו", "ביפו. מה התקציב שלכם?"),
    ],
    "asked to repeat, she repeats the question": [
        ("דירה", "דירה. איזה אזור מעניין אתכם?"),
        ("מה?", "איזה אזור מעניין אתכם?"),
    ],
    "goodbye ends the call politely": [
        ("I'm looking for an office", "An office. Which area are you interested in?"),
        ("Actually, goodbye", "Thank you for calling, goodbye! ⏹"),
    ],
    "interrupted in the summary: it is said again, and booked once": [
        (
            "office in Jaffa, 8,000, tomorrow",
            "Up to eight thousand shekels. "
            "I have tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        (
            "the second",
            "You're booked: tomorrow at twelve, an office in Jaffa, "
            "up to eight thousand shekels. Thank you, goodbye! ⏹",
        ),
        (
            "You're booked:/okay",
            "You're booked: tomorrow at twelve, an office in Jaffa, "
            "up to eight thousand shekels. Thank you, goodbye! ⏹",
        ),
        (
            "You're booked: tomorrow at twelve, an/Thanks",
            "Thank you for calling, goodbye! ⏹",
        ),
    ],
    "a key in a spoken call brings the menu": [
        ("an apartment", "An apartment. Which area are you interested in?"),
        (
            "#1",
            "For Florentin, press one; Jaffa, two; the Old North, three; "
            "Neve Tzedek, four; more, nine.",
        ),
        (
            "#1",
            "In Florentin. Up to five thousand, press one; seven thousand, two; "
            "ten thousand, three; fifteen thousand, four; more, nine.",
        ),
    ],
    "a key may be spoken": [
        ("דירה", "דירה. איזה אזור מעניין אתכם?"),
        (
            "#5",
            "לפלורנטין הקישו אחת, ליפו שתיים, לצפון הישן שלוש, לנוה צדק ארבע, לעוד אפשרויות תשע.",
        ),
        ("שתיים", "ביפו. מה התקציב שלכם?"),
    ],
    "keys choose a window that was spoken": [
        (
            "office in Jaffa, 8,000, tomorrow",
            "Up to eight thousand shekels. "
            "I have tomorrow at nine, tomorrow at twelve, or tomorrow at two. Which suits you?",
        ),
        (
            "#2",
            "You're booked: tomorrow at twelve, an office in Jaffa, "
            "up to eight thousand shekels. Thank you, goodbye! ⏹",
        ),
    ],
}


@pytest.mark.parametrize("title", CALLS)
def test_a_call_goes_like_this(title: str) -> None:
    leah = Leah()
    assert leah.reply(None) == GREETING
    for line, expected in CALLS[title]:
        assert leah.answer(line) == expected


def test_a_call_by_keys_alone_ends_with_a_meeting() -> None:
    leah = Leah(keypad=True)
    conversation = [
        (
            None,
            "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים. לעברית הקישו אחת. "
            "For English, press two.",
        ),
        (
            "#2",
            "For Florentin, press one; Jaffa, two; the Old North, three; "
            "Neve Tzedek, four; more, nine.",
        ),
        (
            "(…)",
            "For Florentin, press one; Jaffa, two; the Old North, three; "
            "Neve Tzedek, four; more, nine.",
        ),
        (
            "#2",
            "In Jaffa. For an apartment, press one; an office, two; a shop, three; a house, four.",
        ),
        (
            "#1",
            "An apartment. Up to five thousand, press one; seven thousand, two; "
            "ten thousand, three; fifteen thousand, four; more, nine.",
        ),
        (
            "#2",
            "Up to seven thousand shekels. "
            "For mornings, press one; afternoons, two; any time, three.",
        ),
        (
            "#3",
            "For today at twelve, press one; tomorrow at nine, two; "
            "Tuesday at nine, three; others, nine.",
        ),
        (
            "#9",
            "For today at one, press one; tomorrow at ten, two; "
            "Tuesday at ten, three; others, nine.",
        ),
        (
            "#3",
            "You're booked: Tuesday at ten, an apartment in Jaffa, "
            "up to seven thousand shekels. Thank you, goodbye! ⏹",
        ),
    ]
    for line, expected in conversation:
        assert (leah.reply(None) if line is None else leah.answer(line)) == expected


def test_the_meeting_is_in_the_store_before_it_is_confirmed(tmp_path: Path) -> None:
    leah = Leah(appointments=Appointments(tmp_path / "booked"))
    leah.reply(None)
    leah.answer("a three room apartment to rent in Jaffa, 8,000, tomorrow at ten")
    leah.answer("the first")
    (meeting,) = Appointments(tmp_path / "booked").booked()
    assert meeting.start == SUNDAY.replace(day=23, hour=10, minute=0)
    assert meeting.caller == "0501234567"
    assert meeting.wish == {
        "language": "en",
        "area": "jaffa",
        "kind": "apartment",
        "budget": 8_000,
        "rooms": 3.0,
        "deal": "rent",
    }


def test_a_window_that_somebody_else_took_is_not_confirmed() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    nine = SUNDAY.replace(day=23, hour=9, minute=0)
    leah.appointments.book(Appointment(nine, 30, "another call"))
    assert leah.answer("the first") == (
        "Sorry, just taken. I have tomorrow at ten, tomorrow at twelve, or tomorrow at two. "
        "Which suits you?"
    )


def test_when_every_window_is_booked_she_says_so_and_promises_nothing() -> None:
    leah = Leah()
    leah.appointments.book(Appointment(SUNDAY, 8 * 24 * 60, "a fair"))
    leah.reply(None)
    assert leah.answer("office in Jaffa, 8,000, tomorrow") == (
        "Sorry, I have no other time free this week. Goodbye! ⏹"
    )


def test_a_disk_that_fails_confirms_nothing(tmp_path: Path) -> None:
    leah = Leah(appointments=Appointments(tmp_path / "gone" / "booked"))
    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    told = leah.answer("the first")
    assert told == "Sorry, I cannot save the meeting now. Please call again later. Goodbye! ⏹"


def test_a_low_confidence_is_not_understood_and_none_given_is() -> None:
    leah = Leah()
    leah.reply(None)
    assert "לחזור" in leah.reply(Heard(words="דירה ביפו", confidence=0.2))
    assert "דירה ביפו" in leah.reply(Heard(words="דירה ביפו", confidence=0.0))


def test_a_reply_that_is_abandoned_at_its_first_sentence_is_not_forgotten() -> None:
    leah = Leah()

    async def abandon() -> None:
        reply = leah.brain.reply(Heard(words="an apartment in Jaffa", confidence=0.9))
        async for _ in reply:
            break

    leah.reply(None)
    asyncio.run(abandon())
    assert leah.answer("7,000") == (
        "Up to seven thousand shekels. When would you like to meet, in the morning or afternoon?"
    )


def test_a_booking_whose_reply_was_abandoned_is_confirmed_in_the_next_one() -> None:
    leah = Leah()

    async def abandon() -> None:
        async with asyncio.TaskGroup() as tasks:
            with leah.appointments._lock:
                answer = leah.brain.reply(Heard(words="the first", confidence=0.9))
                task = tasks.create_task(_collected_from(answer))
                await asyncio.sleep(0)
                assert isinstance(leah.brain._talk.act, Book)
                task.cancel()
                await asyncio.sleep(0)

    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    asyncio.run(abandon())
    assert leah.answer("hello?") == (
        "You're booked: tomorrow at nine, an office in Jaffa, "
        "up to eight thousand shekels. Thank you, goodbye! ⏹"
    )
    assert len(leah.appointments.booked()) == 1


def test_it_is_a_brain() -> None:
    brain: Brain = Leah().brain
    assert brain.expected()


def test_an_endless_call_ends() -> None:
    leah = Leah()
    leah.reply(None)
    for _ in range(1_000):
        if leah.answer("what?").endswith("⏹"):
            return
    pytest.fail("she would repeat herself for ever")


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ([], "אני מחפשת דירה בפלורנטין"),
        (["שלום"], "בפלורנטין"),
        (["דירה ביפו"], "עד שבעת אלפים"),
        (["דירה ביפו"], "עד שבעת אלפים שקלים"),
        (["דירה ביפו", "שבע"], "כן"),
        (["דירה ביפו", "שבעת אלפים"], "מחר בבוקר"),
        (["דירה ביפו", "שבעת אלפים", "מחר"], "השני"),
        (["דירה ביפו", "שבעת אלפים", "ביום שלישי"], "ביום שלישי בתשע"),
        (["דירה ביפו"], "רגע"),
        (["דירה ביפו"], "להתראות"),
    ],
)
def test_the_recognizer_is_told_what_may_be_said_next(lines: Sequence[str], hint: str) -> None:
    leah = Leah()
    leah.reply(None)
    for line in lines:
        leah.answer(line)
    assert hint in leah.brain.expected()


def test_yes_and_no_are_the_likeliest_answers_to_a_question_of_yes_or_no() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("דירה ביפו")
    leah.answer("שבע")
    assert leah.brain.expected()[:2] == ["כן", "לא"]


@pytest.mark.parametrize(
    ("lines", "awaits"),
    [
        ([], Awaits.ANYTHING),
        (["שלום"], Awaits.ANYTHING),
        (["דירה ביפו"], Awaits.NUMBER),
        (["דירה ביפו", "(…)"], Awaits.NUMBER),
        (["דירה ביפו", "רגע"], Awaits.NUMBER),
        (["דירה ביפו", "#5"], Awaits.CHOICE),
        (["דירה ביפו", "שבע"], Awaits.YES_NO),
        (["דירה ביפו", "שבע", "לא"], Awaits.NUMBER),
        (["דירה ביפו", "שבעת אלפים"], Awaits.ANYTHING),
        (["דירה ביפו", "שבעת אלפים", "מחר"], Awaits.CHOICE),
        (["דירה ביפו", "שבעת אלפים", "מחר", "(…)", "(…)"], Awaits.CHOICE),
        (["דירה ביפו", "שבעת אלפים", "מחר", "#5"], Awaits.CHOICE),
        (["דירה ביפו", "שבעת אלפים", "מחר", "לא הראשון"], Awaits.YES_NO),
        (["דירה ביפו", "שבעת אלפים", "מחר", "השני"], None),
        (["להתראות"], None),
    ],
)
def test_what_a_question_asks_for_is_told(lines: Sequence[str], awaits: Awaits | None) -> None:
    leah = Leah()
    leah.reply(None)
    for line in lines:
        leah.answer(line)
    assert leah.awaits == awaits


def test_every_phrase_that_is_expected_is_understood_and_can_be_spoken() -> None:
    words = lexicon(SHAI)
    leah = Leah()
    leah.reply(None)
    for line in ("שלום", "יפו", "דירה", "שבע", "שבעת אלפים", "מחר", "לא", "ביום שלישי"):
        phrases = leah.brain.expected()
        assert 10 <= len(phrases) <= 60
        assert len(phrases) == len(set(phrases))
        for phrase in phrases:
            assert phrase == without_points(phrase)
            assert understand(phrase, SHAI), phrase
            assert unpointed_words(point(phrase, words)) == [], phrase
        leah.answer(line)


def test_whole_answers_that_are_expected_are_never_taken_for_unfinished_ones() -> None:
    leah = Leah()
    leah.reply(None)
    for line in ("שלום", "יפו", "דירה", "שבע", "שבעת אלפים", "מחר", "לא", "ביום שלישי"):
        assert leah.awaits is not None
        for phrase in leah.brain.expected():
            assert ending(phrase, leah.awaits) is not Ending.UNFINISHED, phrase
        leah.answer(line)


def test_the_lexicon_gives_each_word_its_points_and_nothing_else() -> None:
    for word, pointed in lexicon(SHAI).items():
        assert without_points(pointed) == word
        assert pointed != word


def test_fixed_phrases_are_pointed_and_cover_the_greeting() -> None:
    phrases = spoken_forms(SHAI)
    assert len(phrases) == len(set(phrases))
    assert all(unpointed_words(phrase) == [] for phrase in phrases)
    leah = Leah()
    leah.reply(None)
    assert all(any(word in phrase for phrase in phrases) for word in hebrew_words(leah.last))


POOL = [line for call in CALLS.values() for line, _ in call] + [
    "yes", "no", "wait", "רגע", "כן", "לא", "English please", "the last one", "two", "seven",
    "ten thirty", "Sunday", "next week", "ראשון", "מיליון מאתיים", "7 000 8 000", "doesn't matter",
]  # fmt: skip
TEXTS = st.text(st.sampled_from("אבגדהוילמנרשת abcdeno0159.,:?!'\"\u05b0\u05be"), max_size=20)
LINES = (
    st.sampled_from(POOL)
    | st.text("0123456789*#", min_size=1, max_size=3).map(lambda keys: f"#{keys}")
    | TEXTS
    | st.text(max_size=12)
)
CONFIDENCE = st.sampled_from([0.0, 0.2, 0.9])


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(st.tuples(LINES, CONFIDENCE, st.integers(0, 20)), max_size=25))
def test_whatever_is_said_a_reply_is_short_asks_once_and_asks_nothing_known(
    keypad: bool, lines: list[tuple[str, float, int]]
) -> None:
    leah = Leah(keypad)
    leah.reply(None)
    for line, confidence, words_heard in lines:
        said = leah.last.split()
        digits = line[1:] if line.startswith("#") else ""
        words = "" if digits else line.rpartition("/")[2]
        heard = Heard(
            words, confidence, digits, " ".join(said[:words_heard]), words_heard < len(said)
        )
        reply = leah.reply(heard)
        assert 1 <= count_words([reply]) <= 20 + reply.endswith("⏹")
        assert reply.count("?") <= 1
        assert not is_hebrew(leah.last) or unpointed_words(leah.last) == []
        talk = leah.brain._talk
        if isinstance(talk.act, Ask | Menu | Narrow):
            assert not is_filled(talk.wish, talk.act.slot)
        if isinstance(talk.act, ConfirmBudget):
            assert not is_filled(talk.wish, "budget")
        assert len(leah.brain.expected()) <= 60
        if reply.endswith("⏹"):
            break
    assert len(leah.appointments.booked()) <= 1


@settings(max_examples=50, deadline=None)
@given(st.booleans(), st.lists(st.sampled_from(POOL), max_size=8))
def test_from_anywhere_a_caller_who_is_not_understood_is_let_go_in_six_turns(
    keypad: bool, lines: list[str]
) -> None:
    leah = Leah(keypad)
    leah.reply(None)
    for line in lines:
        leah.answer(line)
    assert any(leah.answer("(…)").endswith("⏹") for _ in range(6))


def test_hebrew_days_and_hours_that_are_offered_can_be_said_back() -> None:
    for days in range(7):
        leah = Leah()
        day = SUNDAY + timedelta(days=days)
        leah.reply(None)
        leah.answer("דירה ביפו עד שבעת אלפים מתי שנוח")
        offered = [phrase for phrase in leah.brain.expected() if phrase.startswith("ביום")]
        assert offered, day
        assert leah.answer(offered[0]).endswith("⏹")


def test_a_question_that_was_completed_counts_once() -> None:
    leah = Leah()
    leah.reply(None)
    first_miss = leah.reply(Heard("mumble", confidence=0.9))
    again = leah.reply(Heard("mumble mumble", confidence=0.9, instead=True))
    assert again == first_miss
    assert leah.reply(Heard("mumble", confidence=0.9)) != first_miss
