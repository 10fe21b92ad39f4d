"""What a simulated caller makes of the agent's words."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.evaluation.reading import Topic, amounts_in, read, windows_in
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
MONDAY = datetime(2026, 11, 23, 8, 10, tzinfo=ZoneInfo(SHAI.timezone))


@pytest.mark.parametrize(
    ("spoken", "topic"),
    [
        ("דירה בפלורנטין. מה התקציב שלכם?", "budget"),
        ("In Jaffa. How much would you like to spend?", "budget"),
        ("לא שמעתי טוב, אפשר לחזור על האזור?", "area"),
        ("Let's start with one area. Which one?", "area"),
        ("What are you looking for: an apartment, an office, or a shop?", "kind"),
        ("סליחה, עדיין לא הבנתי. דירה, משרד או חנות?", "kind"),
        ("אין בעיה. איזה יום מתאים יותר?", "when"),
        ("What is your name?", "name"),
        ("באיזה מספר טלפון אפשר לחזור אליכם?", "phone"),
        ("Would you like to talk to a person?", "human"),
        ("כלומר, שבעת אלפים שקלים?", "amount"),
        ("אפשר מחר בתשע או ביום שלישי בתשע. מה מתאים?", "offer"),
        ("Tomorrow at nine. Does that suit you?", "offer"),
        ("The first, the second, or the third?", "places"),
        ("For Florentin, press one; Jaffa, two; more, nine.", "menu"),
        ("בטח, קחו את הזמן.", "wait"),
        ("You're booked: Tuesday at nine, an office. Thank you, goodbye!", "booked"),
        ("תודה שהתקשרתם, להתראות!", "bye"),
        ("I'm automated and speak English too. How can I help?", "open"),
        ("In Jaffa. What is", None),
    ],
)
def test_what_is_asked(spoken: str, topic: Topic | None) -> None:
    assert read(spoken, SHAI, MONDAY).topic == topic


@pytest.mark.parametrize(
    ("spoken", "starts"),
    [
        (
            "היום בשתים עשרה וחצי, מחר בתשע או ביום רביעי בשתיים",
            ["23 12:30", "24 09:00", "25 14:00"],
        ),
        (
            "today at twelve, tomorrow at ten thirty, or Sunday at four",
            ["23 12:00", "24 10:30", "29 16:00"],
        ),
        ("לְמָחָר בְּתֵשַׁע", ["24 09:00"]),
        ("tomorrow morning, or after nine", []),
        ("tomorrow at", []),
    ],
)
def test_which_windows_are_named(spoken: str, starts: list[str]) -> None:
    assert [f"{one.start:%d %H:%M}" for one in windows_in(spoken, MONDAY)] == starts


def test_amounts_are_read_and_small_numbers_are_not() -> None:
    assert list(amounts_in("עד שבעת אלפים וחמש מאות שקלים, מחר בתשע")) == [7_500]
    assert list(amounts_in("I'm at 10, for 1,200,000 or seven thousand.")) == [1_200_000, 7_000]


def test_the_items_of_a_menu_have_their_keys() -> None:
    spoken = "לפלורנטין הקישו אחת, ליפו שתיים, לעוד אפשרויות תשע."
    items = read(spoken, SHAI, MONDAY).items
    assert items == (("לפלורנטין", "1"), ("ליפו", "2"), ("לעוד אפשרויות", "9"))
    items = read(
        "An office. Up to five thousand, press one; seven thousand, two.", SHAI, MONDAY
    ).items
    assert items == (("up to five thousand", "1"), ("seven thousand", "2"))


def test_what_is_said_back_is_no_question() -> None:
    reading = read("An office in Jaffa, up to 8,000 shekels. Is it a shop?", SHAI, MONDAY)
    assert (set(reading.said_back), reading.amounts) == ({"office", "jaffa"}, (8_000,))


def test_the_name_of_the_business_is_no_wish() -> None:
    assert read("כאן לאה, של שי דירות ומשרדים. במה אפשר לעזור?", SHAI, MONDAY).said_back == ()
