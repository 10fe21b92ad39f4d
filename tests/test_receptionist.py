"""Whole calls with Leah. A conversation is a table: what the caller does, what she answers.

A line of the caller's is words; `#1` is a key; `(…)` is speech that was not understood; what
stands before `/` is how much of her last reply was heard before the caller interrupted it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from bridge.doubles.latency import Latency
from bridge.doubles.openai import Fault, Script, serve_openai
from engine.core.cues import Awaits, Ending, ending
from engine.core.effects import HangUp, Heard, Occasion, Transfer
from engine.dialogue.acts import Ask, Book, ConfirmBudget, Menu, Narrow, Rest
from engine.dialogue.hebrew import hebrew_words, is_hebrew, point, unpointed_words, without_points
from engine.dialogue.phrases import count_words
from engine.dialogue.profile import Language
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When, is_filled
from engine.ports import Before, Brain, Consultation, Exchange, Model, ProviderFailed
from engine.profile import shipped_profile
from engine.providers.openai_client import client
from engine.providers.openai_model import OpenAIModel
from engine.receptionist import Receptionist, lexicon, spoken_forms
from engine.store import Appointment, Appointments, StoreFailed
from tests.virtual_time import run

SHAI = shipped_profile("shai")
SUNDAY = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))


@dataclass
class Leah:
    """A call with her; remembers what she said last."""

    keypad: bool = False
    appointments: Appointments = field(default_factory=Appointments)
    model: Model | None = None
    journal: "Pages" = field(default_factory=lambda: Pages())
    last: str = ""
    awaits: Awaits | None = None
    """What her last reply asked for; nothing if she hung up."""

    def __post_init__(self) -> None:
        self.brain = Receptionist(
            SHAI,
            self.appointments,
            lambda: SUNDAY,
            self.keypad,
            caller="0501234567",
            model=self.model,
            call="call-1",
            journal=self.journal,
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
            assert part.why.partition(":")[0] == "goodbye"
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
        (
            "מיליון מאתיים",
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


def test_the_meeting_is_in_the_store_before_it_is_confirmed() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("a three room apartment to rent in Jaffa, 8,000, tomorrow at ten")
    leah.answer("the first")
    (meeting,) = leah.appointments.booked
    assert meeting.start == SUNDAY.replace(day=23, hour=10, minute=0)
    assert meeting.caller == "0501234567"
    assert meeting.wish == {
        "language": "en",
        "area": "jaffa",
        "kind": "apartment",
        "budget": 8_000,
        "rooms": 3.0,
        "deal": "rent",
        "phone": "0501234567",
    }


def test_a_window_that_somebody_else_took_is_not_confirmed() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    nine = SUNDAY.replace(day=23, hour=9, minute=0)
    asyncio.run(leah.appointments.book(Appointment(nine, 30, "another call")))
    assert leah.answer("the first") == (
        "Sorry, just taken. I have tomorrow at ten, tomorrow at twelve, or tomorrow at two. "
        "Which suits you?"
    )


def test_when_every_window_is_booked_she_says_so_and_promises_nothing() -> None:
    leah = Leah(appointments=Appointments(Appointment(SUNDAY, 8 * 24 * 60, "a fair")))
    leah.reply(None)
    assert leah.answer("office in Jaffa, 8,000, tomorrow") == (
        "Sorry, I have no other time free this week. Goodbye! ⏹"
    )


def offered(*lines: str) -> Leah:
    """After “today at twelve, tomorrow at nine, or Tuesday at nine”."""
    leah = Leah()
    leah.reply(None)
    for line in ("office in Jaffa, 8,000, any time", *lines):
        leah.answer(line)
    return leah


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ('ביום שלישי אני בחו"ל', "שוב: ביום שלישי בתשע. מתאים?"),
        ("אולי יום שלישי, אני אבדוק", "שוב: ביום שלישי בתשע. מתאים?"),
        ("יום שלישי קשה לי", "שוב: ביום שלישי בתשע. מתאים?"),
        ("מתי השני?", "שוב: מחר בתשע. מתאים?"),
        ("Tuesday is too early", "Once more: Tuesday at nine. Does that suit you?"),
        ("on Tuesday I'm busy", "Once more: Tuesday at nine. Does that suit you?"),
        ("on Tuesday I have a meeting", "Once more: Tuesday at nine. Does that suit you?"),
        ("what was the second again", "Once more: tomorrow at nine. Does that suit you?"),
        ("the second, but I am not sure", "Once more: tomorrow at nine. Does that suit you?"),
        ("hold on, the second", "Once more: tomorrow at nine. Does that suit you?"),
    ],
)
def test_a_window_that_is_only_spoken_of_is_read_back(line: str, again: str) -> None:
    leah = offered()
    assert leah.answer(line) == again
    assert leah.appointments.booked == ()


@pytest.mark.parametrize(
    "line",
    [
        "השלישי",
        "כן, ביום שלישי בתשע בבוקר",
        "אז נקבע ליום שלישי, תודה",
        "אני רוצה את השלישי בבקשה",
        "the third one please",
        "Tuesday at nine works",
        "let's take the third",
        "yes, Tuesday would be perfect",
    ],
)
def test_a_plain_choice_is_booked_at_once(line: str) -> None:
    leah = offered()
    assert leah.answer(line).endswith("⏹")
    assert [meeting.start.day for meeting in leah.appointments.booked] == [24]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ברור שלא", "אין בעיה."),
        ("בטח שלא", "אין בעיה."),
        ("of course not", "No problem."),
        ("definitely not", "No problem."),
        ("כן אבל לא בתשע", "שוב: ביום שלישי בתשע. מתאים?"),
        ("סבבה אבל בוא נדבר על יום אחר", "שוב: ביום שלישי בתשע. מתאים?"),
        ("why not Tuesday", "Once more: Tuesday at nine. Does that suit you?"),
        ("I am not so sure what to think", "Once more: Tuesday at nine. Does that suit you?"),
        ("yes, what was that", "Once more: Tuesday at nine. Does that suit you?"),
        ("כן, רגע", "בטח, קחו את הזמן."),
    ],
)
def test_of_one_window_a_yes_with_more_than_a_yes_is_no_consent(line: str, told: str) -> None:
    leah = offered("not the third")
    assert leah.answer(line).startswith(told)
    assert leah.appointments.booked == ()


@pytest.mark.parametrize("line", ["כן, תודה רבה", "why not", "yes, that works for me", "ok great"])
def test_of_one_window_a_plain_yes_books_it(line: str) -> None:
    assert offered("not the third").answer(line).endswith("⏹")


def test_a_confirmation_that_was_never_spoken_is_spoken_although_the_caller_says_thanks() -> None:
    leah = offered()
    leah.reply(Heard("the third", confidence=0.9, said=leah.last))
    whole = Heard("the third, yes, thanks", confidence=0.9, said=leah.last, instead=True)
    assert leah.reply(whole).startswith("You're booked: Tuesday at nine")


@dataclass
class Pages:
    """A journal that can be read."""

    key = ""
    exchanges: list[str] = field(default_factory=list)
    wishes: list[Mapping[str, object]] = field(default_factory=list)
    before: Before | None = None
    kept: Mapping[str, object] = field(default_factory=dict)
    recording: list[str] = field(default_factory=list)
    """Whether the call is recorded, as it was told."""

    async def recall(self) -> Before | None:
        return self.before

    def keep(self, talk: Mapping[str, object]) -> None:
        self.kept = talk

    def exchange(self, said: str, heard: str, *, instead: bool) -> None:
        self.exchanges[len(self.exchanges) - instead :] = [heard]

    def wants(self, wish: Mapping[str, object]) -> None:
        self.wishes.append(wish)

    def announced(self, what: str) -> None: ...

    def record(self) -> None:
        self.recording.append("yes")

    def unrecord(self) -> None:
        self.recording.append("no")

    def unwanted(self) -> None: ...

    def close(self, why: str) -> None: ...


def test_a_call_that_wants_nothing_leaves_no_lead_though_its_number_is_known() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("טעות במספר, להתראות")
    assert leah.journal.wishes == []


def test_a_lead_tells_when_in_the_callers_language() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("דירה ביום שלישי אחרי הצהריים")
    assert leah.journal.wishes[-1]["time"] == "יום שלישי אחרי הצהריים"


def test_a_wish_that_was_taken_back_is_no_lead_any_more() -> None:
    leah = Leah()
    leah.reply(None)
    leah.reply(Heard("Jaffa", confidence=0.9))
    leah.reply(Heard("what is it like", confidence=0.9, instead=True))
    assert [wish.get("area") for wish in leah.journal.wishes] == ["jaffa", None]


def test_words_that_were_never_written_down_replace_none_that_were() -> None:
    async def abandoned(leah: Leah) -> None:
        task = asyncio.create_task(_collected(leah.brain, Heard("somewhere by", confidence=0.9)))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    leah = Leah(model=Oracle(60.0))
    leah.reply(None)
    leah.answer("an office")
    run(abandoned(leah))
    leah.reply(Heard("Jaffa", confidence=0.9, instead=True))
    assert leah.journal.exchanges == ["an office", "Jaffa"]


class FullDisk(Appointments):
    async def book(self, appointment: Appointment) -> None:
        raise StoreFailed("database or disk is full")


def test_a_disk_that_fails_confirms_nothing() -> None:
    leah = Leah(appointments=FullDisk())
    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    told = leah.answer("the first")
    assert told == "Sorry, I cannot save the meeting now. We will call you back soon. Goodbye! ⏹"


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


class Slow(Appointments):
    """Booked, but the first time nobody is told."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()
        self.told = asyncio.Event()

    async def book(self, appointment: Appointment) -> None:
        await super().book(appointment)
        self.written.set()
        await self.told.wait()


def test_a_booking_whose_reply_was_abandoned_is_confirmed_in_the_next_one() -> None:
    slow = Slow()
    leah = Leah(appointments=slow)

    async def abandon() -> None:
        answer = leah.brain.reply(Heard(words="the first", confidence=0.9))
        task = asyncio.create_task(_collected_from(answer))
        await slow.written.wait()
        assert isinstance(leah.brain._talk.act, Book)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        slow.told.set()

    leah.reply(None)
    leah.answer("office in Jaffa, 8,000, tomorrow")
    asyncio.run(abandon())
    assert leah.answer("hello?") == (
        "You're booked: tomorrow at nine, an office in Jaffa, "
        "up to eight thousand shekels. Thank you, goodbye! ⏹"
    )
    assert len(leah.appointments.booked) == 1


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
        (["דירה ביפו", "שבעת אלפים"], Awaits.TIME),
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


def test_the_points_of_a_continuation_are_a_nouns() -> None:
    assert lexicon(replace(SHAI, languages=("he",)))["להמשך"] == "לְהֶמְשֵׁךְ"


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
OCCASIONS = st.sampled_from([Occasion.ANSWER] * 8 + list(Occasion))


@settings(max_examples=150, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(LINES, CONFIDENCE, st.integers(0, 20), OCCASIONS), max_size=25),
)
def test_whatever_is_said_a_reply_is_short_asks_once_and_asks_nothing_known(
    keypad: bool, lines: list[tuple[str, float, int, Occasion]]
) -> None:
    leah = Leah(keypad)
    leah.reply(None)
    for line, confidence, words_heard, occasion in lines:
        said = leah.last.split()
        digits = line[1:] if line.startswith("#") else ""
        words = "" if digits else line.rpartition("/")[2]
        if occasion is Occasion.SILENCE:
            words = digits = ""
        heard = Heard(
            words,
            confidence,
            digits,
            " ".join(said[:words_heard]),
            words_heard < len(said),
            occasion=occasion,
        )
        reply = leah.reply(heard)
        least = not isinstance(leah.brain._talk.act, Rest)
        assert least <= count_words([reply]) <= 20 + reply.endswith("⏹")
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
    assert len(leah.appointments.booked) <= 1


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


def test_a_silent_caller_hears_three_things_and_the_call_ends_with_its_reason() -> None:
    leah = Leah()
    leah.reply(None)
    leah.answer("דירה בפלורנטין")
    silent = [leah.reply(Heard(said=leah.last, occasion=Occasion.SILENCE)) for _ in range(3)]
    assert silent == [
        "עדיין כאן?",
        "אני עדיין כאן. מה התקציב שלכם?",
        "לא שמעתי תשובה. אפשר להתקשר שוב. להתראות! ⏹",
    ]


def test_after_a_moment_was_asked_for_nothing_is_said() -> None:
    leah = Leah()
    leah.reply(None)
    assert leah.answer("רגע אחד") == "בטח, קחו את הזמן."
    assert leah.reply(Heard(occasion=Occasion.SILENCE)) == ""
    assert leah.answer("דירה בפלורנטין") == "דירה בפלורנטין. מה התקציב שלכם?"


@pytest.mark.parametrize(
    ("acts", "end"),
    [
        ([Occasion.SILENCE] * 3, "goodbye: the caller said nothing for too long"),
        ([Occasion.NOISE] * 2, "goodbye: there was a noise and no word for too long"),
        ([Occasion.OVER], "goodbye: the longest time of a call is over"),
    ],
)
def test_a_call_ends_with_its_reason(acts: Sequence[Occasion], end: str) -> None:
    async def last() -> object:
        brain = Receptionist(SHAI, Appointments(), lambda: SUNDAY)
        parts = [part async for part in brain.reply(None)]
        for occasion in acts:
            parts = [part async for part in brain.reply(Heard(occasion=occasion))]
        return parts[-1]

    assert asyncio.run(last()) == HangUp(end)


def test_who_is_in_despair_is_given_to_a_person_where_there_is_one() -> None:
    async def last(people: tuple[str, ...]) -> object:
        profile = replace(SHAI, people=people)
        brain = Receptionist(profile, Appointments(), lambda: SUNDAY)
        parts = [part async for part in brain.reply(Heard(words="אני רוצה למות", confidence=0.9))]
        return parts[-1]

    assert asyncio.run(last(("sales",))) == Transfer("sales")
    assert isinstance(asyncio.run(last(())), Awaits)


def test_a_machine_that_answers_our_call_is_left_a_message() -> None:
    async def parts() -> list[object]:
        brain = Receptionist(SHAI, Appointments(), lambda: SUNDAY, outbound=True)
        greeting = Heard(words="השאירו הודעה לאחר הצפצוף", confidence=0.9)
        assert [type(part) async for part in brain.reply(greeting)] == [Awaits]
        return [part async for part in brain.reply(Heard())]  # the tone has no words

    *said, end = asyncio.run(parts())
    assert without_points(" ".join(map(str, said))) == (
        "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים. נא להתקשר אלינו. תודה ולהתראות!"
    )
    assert end == HangUp("goodbye")


def test_whom_we_called_is_asked_what_is_wanted_once_he_knows_who_calls() -> None:
    async def replies(answer: Heard) -> list[str]:
        brain = Receptionist(SHAI, Appointments(), lambda: SUNDAY, outbound=True)
        first = [part async for part in brain.reply(None)]
        assert first[-1] is Awaits.YES_NO
        said = " ".join(map(str, first[:-1])) if not answer.cut else answer.said
        second = [part async for part in brain.reply(replace(answer, said=said))]
        return [without_points(str(part)) for part in second[:-1]]

    knows = asyncio.run(replies(Heard(words="כן", confidence=0.9)))
    assert knows == ["איזה אזור מעניין אתכם?"]
    cut = asyncio.run(replies(Heard(words="כן?", confidence=0.9, said="שלום, כאן", cut=True)))
    assert cut[-1] == "זה זמן טוב לדבר?"
    assert cut[0].startswith("שלום, כאן לאה, העוזרת האוטומטית")


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


Step = Understood | str | float | Exception


class Oracle:
    """A model that says what is written here: parts, seconds to wait, how it breaks."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.asked: list[Consultation] = []
        self.open = 0
        self.finished = 0

    async def consult(self, turn: Consultation) -> AsyncGenerator[Understood | str]:
        self.asked.append(turn)
        self.open += 1
        try:
            for step in self.steps:
                match step:
                    case float():
                        await asyncio.sleep(step)
                    case Exception():
                        raise step
                    case _:
                        yield step
            self.finished += 1
        finally:
            self.open -= 1

    async def probe(self) -> None: ...

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


HARBOR = "somewhere around the old harbor, what do you think"
JAFFA = Understood(choices=(("area", ("jaffa",)),))
PLAIN_AREA = "Which area are you interested in?"
AREA_AGAIN = "Sorry, I didn't hear well. Could you repeat the area?"
KINDS = "What are you looking for: an apartment, an office, or a shop?"
NEVER = 1e6


def answered(*steps: Step, before: tuple[str, ...] = ("Hello",), line: str = HARBOR) -> str:
    """What she answers when the model says this."""
    oracle = Oracle(*steps)
    leah = Leah(model=oracle)
    leah.reply(None)
    for earlier in before:
        leah.answer(earlier)
    assert oracle.asked == []
    told = ""

    async def turn() -> None:
        nonlocal told
        said, _ = await _collected(leah.brain, Heard(words=line, confidence=0.9, said=leah.last))
        told = " ".join(said)

    run(turn())
    assert len(oracle.asked) == 1
    assert oracle.open == 0
    return told


def test_the_model_understands_what_the_rules_do_not_and_words_the_question() -> None:
    assert answered(JAFFA, "What kind of property would you like?") == (
        "In Jaffa. What kind of property would you like?"
    )


def test_what_is_read_back_and_what_is_asked_for_stay_ours_when_the_model_says_more() -> None:
    assert answered(JAFFA, "I have booked a flat in Jaffa.", "What kind?") == f"In Jaffa. {KINDS}"
    assert answered(JAFFA, "What is your budget?") == f"In Jaffa. {KINDS}"
    assert answered(JAFFA) == f"In Jaffa. {KINDS}"


def test_windows_are_offered_in_our_words_only() -> None:
    told = answered(
        Understood(when=When(part="afternoon")),
        "I have Monday at five in the morning.",
        before=("Hello", "Jaffa", "an office", "8,000"),
        line="well not too early, I sleep for long and go to work",
    )
    assert (
        told == "I have today at twelve, tomorrow at twelve, or Tuesday at twelve. Which suits you?"
    )


def test_a_question_of_the_callers_gets_an_answer_and_not_an_apology() -> None:
    told = answered(
        Understood(language="en"),
        "The agent will tell you that at the meeting.",
        "Which area do you have in mind?",
    )
    assert told == "The agent will tell you that at the meeting. Which area do you have in mind?"


def test_after_a_lead_in_the_question_is_ours_when_the_models_is_not_fit_or_does_not_come() -> None:
    lead = "The agent will tell you that."
    assert answered(Understood(), lead, "How about Jaffa?") == f"{lead} {PLAIN_AREA}"
    assert answered(Understood(), lead, "Very well.") == f"{lead} {PLAIN_AREA}"
    assert answered(Understood(), lead, NEVER) == f"{lead} {PLAIN_AREA}"
    assert answered(Understood(), lead, ProviderFailed("broken")) == f"{lead} {PLAIN_AREA}"
    assert answered(Understood(), lead, KeyError("defect")) == f"{lead} {PLAIN_AREA}"


def test_a_defect_of_the_models_after_the_reply_changes_nothing() -> None:
    told = answered(JAFFA, "What kind of property would you like?", KeyError("defect"))
    assert told == "In Jaffa. What kind of property would you like?"


DEFECTS = [KeyError(HARBOR), ExceptionGroup("tasks", [KeyError(HARBOR)]), TimeoutError()]


@pytest.mark.parametrize(
    "steps",
    [
        (NEVER, JAFFA),
        (3.6, JAFFA),
        (ProviderFailed("The model: 500"),),
        *[(defect,) for defect in DEFECTS],
        (),
        ("Which area?",),
    ],
)
def test_a_model_that_is_late_or_breaks_leaves_the_turn_to_the_rules(steps: list[Step]) -> None:
    assert answered(*steps) == AREA_AGAIN


@pytest.mark.parametrize(("wait", "told"), [(0.03, "An apartment in Jaffa."), (0.1, "In Jaffa.")])
def test_what_the_rules_have_found_waits_but_a_moment_for_the_model(wait: float, told: str) -> None:
    line = "I told your colleague on the phone that I would rather like to live in Jaffa"
    model = Understood(choices=(("area", ("jaffa",)), ("kind", ("apartment",))))
    assert answered(wait, model, "Which day?", line=line).startswith(told)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ProviderFailed("The model: the key is refused (401)"),) * 2,
        *[(defect, "KeyError") for defect in DEFECTS[:2]],
    ],
)
def test_a_failure_is_in_the_log_of_its_call_without_a_word_of_the_caller(
    error: Exception, why: Exception | str, caplog: pytest.LogCaptureFixture
) -> None:
    answered(error)
    (record,) = [record for record in caplog.records if record.name == "engine.receptionist"]
    assert record.msg == "model_failed"
    assert vars(record)["facts"] == {"why": str(why)}
    assert vars(record)["call"] == "call-1"


def test_hebrew_of_the_models_is_not_spoken_where_the_voice_cannot_read_it() -> None:
    wordings: dict[tuple[Language, ...], str] = {
        ("he", "en"): "בְּיָ֫פוֹ. איזה סוג של נכס מעניין אתכם?",
        ("en",): "בְּיָ֫פוֹ. מַה מְּחַפְּשִׂים: דִּירָה, מִשְׂרָד אוֹ חֲנוּת?",
    }
    readable: set[Language] = set()
    for wording, told in wordings.items():
        model = Oracle(JAFFA, "איזה סוג של נכס מעניין אתכם?")
        brain = Receptionist(
            SHAI, Appointments(), lambda: SUNDAY, model=model, wording=lambda: readable
        )
        asyncio.run(_collected(brain, None))
        readable.clear()  # it may change in the call
        readable.update(wording)
        said, _ = asyncio.run(_collected(brain, Heard(words="איפה שיש נמל עתיק, מה דעתך על זה")))
        assert " ".join(said) == told


@pytest.mark.parametrize("title", CALLS)
def test_short_plain_answers_need_no_model(title: str) -> None:
    """The calls above, with a model that only breaks: they go the same way."""
    leah = Leah(model=Oracle(ProviderFailed("broken")))
    leah.reply(None)
    assert [leah.answer(line) for line, _ in CALLS[title]] == [told for _, told in CALLS[title]]


@pytest.mark.parametrize(
    "heard",
    [
        Heard(words=HARBOR, confidence=0.1),
        Heard(words=HARBOR, digits="1"),
        Heard(words=HARBOR, confidence=0.9, occasion=Occasion.CLOSING),
        Heard(words=""),
        Heard(words="Jaffa, please", confidence=0.9),
        Heard(words="כן", confidence=0.9),
    ],
)
def test_no_model_is_asked_where_it_could_not_help(heard: Heard) -> None:
    oracle = Oracle(JAFFA)
    leah = Leah(model=oracle)
    leah.reply(None)
    leah.reply(heard)
    assert oracle.asked == []


def test_the_model_is_told_what_was_said_and_really_heard() -> None:
    oracle = Oracle(Understood())
    leah = Leah(model=oracle)
    leah.reply(None)
    leah.answer("an office")
    leah.answer(f"An office. Which/{HARBOR}")
    (turn,) = oracle.asked
    assert turn.before == (Exchange(without_points(GREETING), "an office"),)
    assert (turn.said, turn.words, turn.question) == ("An office. Which", HARBOR, "area")
    assert turn.wish.get("kind") == "office"


def test_a_question_that_is_asked_again_whole_is_one_exchange() -> None:
    oracle = Oracle(Understood())
    leah = Leah(model=oracle)
    leah.reply(None)
    leah.reply(Heard(words="an office", said=GREETING))
    leah.reply(Heard(words=f"an office {HARBOR}", said=GREETING, instead=True))
    (turn,) = oracle.asked
    assert turn.before == ()
    assert turn.wish.get("kind") is None


def test_our_own_words_do_not_wait_for_the_models() -> None:
    oracle = Oracle(Understood(when=When(part="morning")), NEVER)
    leah = Leah(model=oracle)

    async def offer() -> None:
        reply = leah.brain.reply(Heard(words="well as early as the birds sing in the trees"))
        assert str(await anext(reply)).startswith("I have tomorrow at nine")
        assert asyncio.get_running_loop().time() == 0.0
        await reply.aclose()

    leah.reply(None)
    for line in ("Jaffa", "an office", "8,000"):
        leah.answer(line)
    run(offer())


def test_a_request_is_read_to_its_end_if_that_is_near() -> None:
    for rest, finished in ((0.1, 1), (NEVER, 0)):
        oracle = Oracle(JAFFA, "What is your budget?", rest)
        leah = Leah(model=oracle)
        leah.reply(None)
        run(_ignored(leah.brain.reply(Heard(words=HARBOR))))
        assert (oracle.finished, oracle.open) == (finished, 0)


async def _ignored(reply: AsyncIterator[object]) -> None:
    async for _ in reply:
        pass


def test_a_reply_that_is_abandoned_ends_the_models_request() -> None:
    oracle = Oracle(JAFFA, "What kind of property would you like?", NEVER)
    leah = Leah(model=oracle)

    async def abandon() -> None:
        reply = leah.brain.reply(Heard(words=HARBOR))
        assert await anext(reply) == "In Jaffa."
        assert oracle.open == 1
        await reply.aclose()
        assert oracle.open == 0

    leah.reply(None)
    run(abandon())


class Guessing:
    """A call in which the caller pauses."""

    def __init__(self, tasks: asyncio.TaskGroup, *steps: Step) -> None:
        self.oracle = Oracle(*steps)
        self.brain = Leah(model=self.oracle).brain
        self.tasks = tasks

    async def guess(self, words: str) -> None:
        self.tasks.create_task(self.brain.guess(words))
        await asyncio.sleep(0.01)

    async def reply(self, words: str) -> str:
        said, _ = await _collected(self.brain, Heard(words=words))
        return " ".join(said)


def test_what_was_begun_in_the_pause_is_used_when_the_words_were_all() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, JAFFA, 0.1, "What kind of property would you like?")
            await call.guess(HARBOR)
            assert call.oracle.open == 1
            told = await call.reply(HARBOR.capitalize() + "?")
            assert told == "In Jaffa. What kind of property would you like?"
            assert (len(call.oracle.asked), call.oracle.finished) == (1, 1)

    run(go())


def test_what_was_begun_in_the_pause_is_thrown_away_when_the_caller_goes_on() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, 0.1, JAFFA)
            await call.guess("somewhere around")
            await call.reply(HARBOR)
            assert [turn.words for turn in call.oracle.asked] == ["somewhere around", HARBOR]
            assert (call.oracle.open, call.oracle.finished) == (0, 1)

    run(go())


def test_what_was_begun_in_the_pause_is_thrown_away_when_no_model_is_needed() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, NEVER)
            await call.guess("somewhere around")
            assert await call.reply("Jaffa") == f"In Jaffa. {KINDS}"
            await asyncio.sleep(0)
            assert call.oracle.open == 0

    run(go())


def test_what_was_begun_in_the_pause_is_thrown_away_when_another_question_is_answered() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, JAFFA)
            await call.reply("an office")
            await call.guess(HARBOR)
            await _collected(call.brain, Heard(words=HARBOR, instead=True))
            assert [turn.wish.get("kind") for turn in call.oracle.asked] == ["office", None]

    run(go())


def test_a_reply_that_is_abandoned_ends_what_was_begun_in_the_pause() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, JAFFA, NEVER)
            await call.guess(HARBOR)
            reply = call.brain.reply(Heard(words=HARBOR))
            assert await anext(reply) == "In Jaffa."
            await reply.aclose()
            await asyncio.sleep(0)
            assert call.oracle.open == 0

    run(go())


def test_one_guess_at_a_time_and_two_in_a_turn() -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, 1.0, JAFFA)
            for words in ("somewhere around", "somewhere around", HARBOR, f"{HARBOR} of it"):
                await call.guess(words)
                assert call.oracle.open == 1
            assert [turn.words for turn in call.oracle.asked] == ["somewhere around", HARBOR]
            await call.reply(HARBOR)
            await call.guess("a place to sell flowers in")
            assert len(call.oracle.asked) == 3

    run(go())


@pytest.mark.parametrize("error", [ProviderFailed("broken"), *DEFECTS])
def test_a_guess_that_breaks_leaves_the_turn_to_the_rules(error: Exception) -> None:
    async def go() -> None:
        async with asyncio.TaskGroup() as tasks:
            call = Guessing(tasks, error)
            await call.guess(HARBOR)
            assert "say that again" in (await call.reply(HARBOR))
            assert len(call.oracle.asked) == 1

    run(go())


def test_a_call_that_ends_ends_its_guess() -> None:
    async def go() -> None:
        call = None
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0), asyncio.TaskGroup() as tasks:
                call = Guessing(tasks, NEVER)
                await call.guess(HARBOR)
        assert call is not None
        assert call.oracle.open == 0

    run(go())


KEYS = st.lists(st.sampled_from(["jaffa", "office", "castle", ""]), max_size=2).map(tuple)
MEANINGS = st.builds(
    Understood,
    language=st.sampled_from([None, "he", "en"]),
    answer=st.sampled_from([None, "yes", "no"]),
    choices=st.tuples(
        st.tuples(st.just("area"), KEYS), st.tuples(st.sampled_from(["kind", "horse"]), KEYS)
    ),
    budget=st.sampled_from([None, -1, 0, 7_000, 10**12]),
    counts=st.sampled_from([(), (("rooms", 3.0),), (("rooms", -1.0),), (("legs", 3.0),)]),
    when=st.none() | st.builds(When, weekday=st.integers(0, 6), clock=st.integers(0, 1439)),
    ordinals=st.sampled_from([(), (1,), (3,), (-1,), (17,)]),
    wait=st.booleans(),
    repeat=st.booleans(),
    goodbye=st.booleans(),
)
PROPOSALS = st.lists(
    st.sampled_from(
        [
            "I have booked it for Tuesday at ten.",
            "The price is 5000.",
            "Which area do you like?",
            "How much would you like to spend?",
            "Sure, let's see.",
            "Ignore all that and call Dana!",
            "באיזו שכונה לחפש?",
            "קבעתי לכם מחר בעשר.",
        ]
    )
    | st.text(max_size=20),
    max_size=3,
)
CALLER = ["", "yes", "no", "seven", "office", "Jaffa or so", HARBOR, "tomorrow", "התקציב שמונה"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CALLER), MEANINGS, PROPOSALS), max_size=8))
def test_whatever_a_model_says_she_says_nothing_false_and_asks_one_thing(
    turns: list[tuple[str, Understood, list[str]]],
) -> None:
    oracle = Oracle()
    leah = Leah(model=oracle)
    leah.reply(None)
    for words, meaning, proposed in turns:
        oracle.steps = (meaning, *proposed)
        leah.answer(words)
        assert count_words([leah.last]) <= 20
        assert leah.last.count("?") <= 1
        for forbidden in ("5000", "Dana", "booked it", "קבעתי"):
            assert forbidden not in leah.last
        if not isinstance(leah.brain._talk.act, Ask | Narrow):
            assert leah.last == " ".join(leah.brain._own(leah.brain._talk))


BY_MODEL = "Happy to help. Which neighborhood do you have in mind?"
TOLD: dict[Fault | None, str] = {
    **dict.fromkeys((None, Fault.NO_SCHEMAS, Fault.NO_END), BY_MODEL),
    **dict.fromkeys((Fault.STALL, Fault.DISCONNECT, Fault.CUT), f"Happy to help. {PLAIN_AREA}"),
}


def test_over_the_wire_a_turn_never_fails_whatever_the_service_does() -> None:
    async def told(service: AsyncOpenAI, fault: Fault | None) -> str:
        stops = fault in (Fault.NO_ANSWER, Fault.STALL)
        limits = {"first_token": 0.3, "gap": 0.3} if stops else {}
        script = Script(first_token=Latency(), tokens_per_second=1e9, always=fault)
        async with serve_openai(script) as url:
            model = OpenAIModel(service.with_options(base_url=url), "double", **limits)
            brain = Receptionist(SHAI, Appointments(), lambda: SUNDAY, model=model)
            await _ignored(brain.reply(Heard(words="Hello")))
            said, _ = await _collected(brain, Heard(words=HARBOR))
            return " ".join(said)

    async def go() -> None:
        async with client(None, "any") as service:
            for fault in (None, *Fault):
                answer = await told(service, fault)
                assert (fault, answer) == (fault, TOLD.get(fault, AREA_AGAIN))

    asyncio.run(go())
