import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bidi import get_display  # type: ignore[import-untyped]  # it has no types
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dialogue.hebrew import is_hebrew, without_points
from engine.office.summary import (
    Report,
    as_json,
    as_text,
    meeting_about,
    meeting_title,
)
from engine.ports import Exchange

JERUSALEM = ZoneInfo("Asia/Jerusalem")
NUMBER = "+972501234567"
WISH = {"kind": "דִּירָה", "area": "פְלוֹרֶנְטִין", "budget": "עַד 7,000 ₪", "parking": "Tower B+"}
REPORT = Report(
    call="5f3e",
    line="twilio",
    caller=NUMBER,
    agent="לֵאָה",
    started=datetime(2026, 11, 22, 8, 2, tzinfo=UTC),
    seconds=185.04,
    ended="goodbye",
    wish=WISH,
    topics={"parking": "חניה"},
    meeting=(datetime(2026, 11, 24, 8, 0, tzinfo=UTC), 30),
    exchanges=(
        Exchange("שָׁלוֹם, כָּאן לֵאָה.", "שלום, דירה ב Florentin 25"),
        Exchange("מָה הַתַּקְצִיב שֶׁלָּכֶם?", ""),
    ),
)


def shown(text: str) -> str:
    """As it stands on the paper, left to right."""
    displayed = get_display(text)
    assert isinstance(displayed, str)
    return displayed


def plain(text: str) -> str:
    return "".join(c for c in text if c not in "\u200f\u2066\u2067\u2068\u2069")


def test_people_read_who_called_what_for_and_what_came_of_it() -> None:
    assert plain(as_text(REPORT, "he", JERUSALEM)).split("\n") == [
        "שיחה: יום ראשון 22.11.2026, 10:02, 3:05",
        "מספר: +972501234567",
        "סוג הנכס: דירה",
        "אזור: פלורנטין",
        "תקציב: עד 7,000 ₪",
        "חניה: Tower B+",
        "פגישה: יום שלישי 24.11.2026, 10:00–10:30",
        "סיום: השיחה הסתיימה בברכת שלום",
        "",
        "לאה: שלום, כאן לאה.",
        "מתקשר/ת: שלום, דירה ב Florentin 25",
        "לאה: מה התקציב שלכם?",
    ]


def test_an_office_that_speaks_english_reads_english() -> None:
    report = replace(REPORT, agent="Leah", wish={"area": "Florentin"}, exchanges=(), caller="")
    assert plain(as_text(replace(report, meeting=None, ended="hung_up"), "en", JERUSALEM)) == (
        "Call: Sunday 22.11.2026, 10:02, 3:05\n"
        "Number: withheld\n"
        "Area: Florentin\n"
        "Meeting: none\n"
        "End: the caller hung up"
    )


def test_on_paper_numbers_and_latin_stand_as_they_are_read() -> None:
    report = replace(REPORT, wish={**WISH, "Rooftop": "כן"})
    lines = as_text(report, "he", JERUSALEM).split("\n")
    for line in filter(None, lines):
        name = plain(line).partition(":")[0]
        on_paper = plain(shown(line)).rstrip()
        assert on_paper.endswith(shown(name)), "a Hebrew line begins on the right"
    paper = shown("\n".join(lines))
    for piece in (NUMBER, "10:00–10:30", "24.11.2026", "3:05", "Tower B+", "7,000"):
        assert piece in plain(paper)


ANYTHING = st.text(st.sampled_from("א a1.\n\r\u2028\u200f\u202e\u202c\u2066\u2067\u2068\u2069"))


@settings(deadline=None, max_examples=50)
@given(ANYTHING, ANYTHING)
def test_what_a_caller_says_stays_on_its_line_and_turns_nothing_around(
    said: str, wanted: str
) -> None:
    report = replace(REPORT, exchanges=[Exchange("x", f"a{said}")], wish={"area": wanted})
    lines = as_text(report, "he", JERUSALEM).splitlines()
    assert len(lines) == 8
    for line in lines:
        depth = 0
        for letter in line:
            depth += (letter in "\u2066\u2067\u2068") - (letter == "\u2069")
            assert 0 <= depth <= 1
        assert depth == 0
        assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e")


def test_programs_read_the_same_as_json() -> None:
    told = json.loads(json.dumps(as_json(REPORT), ensure_ascii=False))
    assert told == {
        "call": "5f3e",
        "line": "twilio",
        "caller": NUMBER,
        "started": "2026-11-22T08:02:00+00:00",
        "seconds": 185.0,
        "ended": "goodbye",
        "wish": {
            "kind": "דירה",
            "area": "פלורנטין",
            "budget": "עד 7,000 ₪",
            "parking": "Tower B+",
        },
        "meeting": {"start": "2026-11-24T08:00:00+00:00", "minutes": 30},
        "transcript": [
            {"said": "שלום, כאן לאה.", "heard": "שלום, דירה ב Florentin 25"},
            {"said": "מה התקציב שלכם?", "heard": ""},
        ],
    }
    assert as_json(replace(REPORT, meeting=None))["meeting"] is None


def test_a_calendar_gets_a_title_and_what_the_caller_wants() -> None:
    assert meeting_title("דִּירָה בִּפְלוֹרֶנְטִין", "he") == "פגישה: דירה בפלורנטין"
    assert meeting_title("", "he") == "פגישה"
    about = plain(meeting_about({"area": "פְלוֹרֶנְטִין"}, {}, NUMBER, "he"))
    assert about == f"אזור: פלורנטין\nמספר: {NUMBER}"
    assert meeting_about({}, {}, "", "he") == ""


def test_hebrew_for_people_carries_no_points() -> None:
    text = as_text(REPORT, "he", JERUSALEM)
    assert is_hebrew(text)
    assert without_points(text) == text
