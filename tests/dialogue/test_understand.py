"""What one utterance tells: as Google writes it, as Whisper writes it, as people say it."""

from dataclasses import fields, replace
from typing import Any

import pytest

from engine.dialogue.profile import Choice, Choices
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
FLORENTIN: dict[str, Any] = {"area": ("florentin",)}


def day(weekday: int | None = None, **rest: Any) -> dict[str, Any]:
    return {"when": When(weekday, **rest)}


ENGLISH: list[tuple[str, dict[str, Any]]] = [
    ("Yes.", {"answer": "yes"}),
    ("Yeah, sure", {"answer": "yes"}),
    ("No.", {"answer": "no"}),
    ("no, thank you", {"answer": "no"}),
    ("no problem", {"answer": "yes"}),
    ("None of them", {"answer": "no"}),
    ("That's right", {"answer": "yes"}),
    ("Wait.", {"wait": True}),
    ("one second please", {"wait": True}),
    ("Hold on!", {"wait": True}),
    ("Just a moment.", {"wait": True}),
    ("Goodbye!", {"goodbye": True}),
    ("Okay, bye bye", {"goodbye": True, "answer": "yes"}),
    ("I'm not interested", {"goodbye": True}),
    ("Sorry?", {"repeat": True}),
    ("Could you say that again?", {"repeat": True}),
    ("I didn't catch that", {"repeat": True}),
    ("Hello?", {"hello": True}),
    ("Thank you.", {"thanks": True}),
    ("Pizza with olives", {}),
    ("", {}),
    ("...", {}),
    ("my number is 0521234567", {"phone": "+972521234567"}),
    ("Florentin", FLORENTIN),
    ("in Florentine, please", FLORENTIN),
    ("Florenten", FLORENTIN),
    ("flor entin", FLORENTIN),
    ("Ramatgan", {"area": ("ramat_gan",)}),
    ("Ramat Gan or Givataym", {"area": ("ramat_gan", "givatayim")}),
    ("the old north of Tel Aviv", {"area": ("old_north",)}),
    ("Tel Aviv", {"area": ("tel_aviv",)}),
    ("near the city centre", {"area": ("city_center",)}),
    ("Neveh Zedek", {"area": ("neve_tzedek",)}),
    ("not Florentin, Jaffa", {"area": ("jaffa",), "answer": "no", "correction": True}),
    ("Jaffa, sorry, Florentin", FLORENTIN | {"correction": True}),
    ("Haifa", {}),
    ("an apartment", {"kind": ("apartment",)}),
    ("We need office space", {"kind": ("office",)}),
    ("a flat to rent in Jaffa", {"kind": ("apartment",), "deal": ("rent",), "area": ("jaffa",)}),
    ("a shop or an office", {"kind": ("shop", "office")}),
    ("I want to buy a house", {"kind": ("house",), "deal": ("buy",)}),
    ("seven thousand", {"budget": 7_000}),
    ("7 000 shekels", {"budget": 7_000}),
    ("up to 7,000", {"budget": 7_000}),
    ("7.000", {"budget": 7_000}),
    ("7k", {"budget": 7_000}),
    ("seven and a half thousand", {"budget": 7_500}),
    ("seven thousand five hundred", {"budget": 7_500}),
    ("one hundred and fifty thousand", {"budget": 150_000}),
    ("a million and a half", {"budget": 1_500_000}),
    ("1.5 million", {"budget": 1_500_000}),
    ("half a million shekels", {"budget": 500_000}),
    ("1 250 000", {"budget": 1_250_000}),
    ("between six and seven thousand", {"budget": 7_000}),
    ("six to seven thousand", {"budget": 7_000}),
    ("five thousand, no, six thousand", {"budget": 6_000, "correction": True}),
    ("five thousand six thousand", {"unclear_budget": True}),
    ("seven", {"number": 7}),
    ("my budget is seven", {"unclear_budget": True, "budget_guess": 7_000}),
    ("seven shekels", {"unclear_budget": True, "budget_guess": 7_000}),
    ("a million two hundred", {"budget": 1_200_000}),
    ("thousands", {"unclear_budget": True}),
    ("nine hundred million", {"unclear_budget": True}),
    ("three rooms", {"rooms": 3}),
    ("3.5 rooms", {"rooms": 3.5}),
    ("a three room apartment", {"rooms": 3, "kind": ("apartment",)}),
    ("it doesn't matter", {"no_matter": True}),
    ("any time", {"when": When()}),
    ("tomorrow", {"when": When(days_ahead=1)}),
    ("tomorrow afternoon", {"when": When(days_ahead=1, part="afternoon")}),
    ("in the morning", {"when": When(part="morning")}),
    ("Sunday", day(6)),
    ("Sunday at ten", day(6, clock=600)),
    ("on Tuesday at half past four", day(1, clock=270)),
    ("10:30", {"when": When(clock=630)}),
    ("10 30", {"when": When(clock=630)}),
    ("ten thirty", {"when": When(clock=630)}),
    ("at 4 p.m.", {"when": When(clock=960)}),
    ("four in the afternoon", {"when": When(part="afternoon", clock=960)}),
    ("quarter to ten", {"when": When(clock=585)}),
    ("next week", {"when": When(next_week=True)}),
    ("the first one", {"ordinals": (1,)}),
    ("The second.", {"ordinals": (2,)}),
    ("number three", {"ordinals": (3,)}),
    ("the last one", {"ordinals": (-1,)}),
    ("the first or the second", {"ordinals": (1, 2)}),
    ("no, the second one", {"answer": "no", "ordinals": (2,)}),
    (
        "I am looking for a three room apartment in Florentine up to seven thousand",
        {"area": ("florentin",), "kind": ("apartment",), "rooms": 3, "budget": 7_000},
    ),
    (
        "An office in Ramat Gan for 9 500 shekels, Monday morning",
        {"area": ("ramat_gan",), "kind": ("office",), "budget": 9_500} | day(0, part="morning"),
    ),
]

HEBREW: list[tuple[str, dict[str, Any]]] = [
    ("כן", {"answer": "yes"}),
    ("כן, בטח", {"answer": "yes"}),
    ("לא", {"answer": "no"}),
    ("לא תודה", {"answer": "no"}),
    ("לא מתאים לי", {"answer": "no"}),
    ("משהו אחר", {"answer": "no"}),
    ("רגע", {"wait": True}),
    ("רגע אחד", {"wait": True}),
    ("שנייה", {"wait": True}),
    ("רק שניה בבקשה", {"wait": True}),
    ("להתראות", {"goodbye": True}),
    ("תודה ולהתראות", {"thanks": True, "goodbye": True}),
    ("אני לא מעוניינת", {"goodbye": True}),
    ("מה?", {"repeat": True}),
    ("אפשר לחזור על זה?", {"repeat": True}),
    ("לא שמעתי", {"repeat": True}),
    ("שלום", {"hello": True}),
    ("תודה", {"thanks": True}),
    ("פיצה עם זיתים", {}),
    ("פלורנטין", FLORENTIN),
    ("בפלורנטין", FLORENTIN),
    ("אני מחפשת דירה בפלורנטין", FLORENTIN | {"kind": ("apartment",)}),
    ("פלורטנין", FLORENTIN),
    ("בפלורנטן", FLORENTIN),
    ("ביפו", {"area": ("jaffa",)}),
    ("בצפון הישן", {"area": ("old_north",)}),
    ("בנווה צדק", {"area": ("neve_tzedek",)}),
    ("נוה צדק", {"area": ("neve_tzedek",)}),
    ("גבעתיים או רמת גן", {"area": ("givatayim", "ramat_gan")}),
    ("במרכז תל אביב", {"area": ("city_center",)}),
    ("תל־אביב", {"area": ("tel_aviv",)}),
    ('בת"א', {"area": ("tel_aviv",)}),
    ("פלורנטין בתל אביב", FLORENTIN),
    ("חיפה", {}),
    ("דירה", {"kind": ("apartment",)}),
    ("משרד", {"kind": ("office",)}),
    ("קוטג' בגבעתיים", {"kind": ("house",), "area": ("givatayim",)}),
    ("לשכור חנות", {"kind": ("shop",), "deal": ("rent",)}),
    ("אני רוצה לקנות דירה", {"kind": ("apartment",), "deal": ("buy",)}),
    ("שבעת אלפים", {"budget": 7_000}),
    ("עד שבעת אלפים שקל", {"budget": 7_000}),
    ("עד 7,000 ₪", {"budget": 7_000}),
    ("7 000", {"budget": 7_000}),
    ("שבעת אלפים וחמש מאות", {"budget": 7_500}),
    ("שבעת אלפים וחצי", {"budget": 7_500}),
    ("אלפיים חמש מאות", {"budget": 2_500}),
    ("עשרים וחמישה אלף", {"budget": 25_000}),
    ("מיליון", {"budget": 1_000_000}),
    ("מיליון וחצי", {"budget": 1_500_000}),
    ("מיליון מאתיים אלף", {"budget": 1_200_000}),
    ("מיליון מאתיים", {"budget": 1_200_000}),
    ("שני מיליון", {"budget": 2_000_000}),
    ("חצי מיליון", {"budget": 500_000}),
    ("בין ששת אלפים לשבעת אלפים", {"budget": 7_000}),
    ("התקציב שלי שבע", {"unclear_budget": True, "budget_guess": 7_000}),
    ("אלפים", {"unclear_budget": True}),
    ("שבע", {"number": 7}),
    ("שלושה חדרים", {"rooms": 3}),
    ("שלושה וחצי חדרים", {"rooms": 3.5}),
    ("ארבעה חדרים וחצי", {"rooms": 4.5}),
    ("לא משנה לי", {"no_matter": True}),
    ("מתי שנוח", {"when": When()}),
    ("מחר", {"when": When(days_ahead=1)}),
    ("מחר בבוקר", {"when": When(days_ahead=1, part="morning")}),
    ("אחרי הצהריים", {"when": When(part="afternoon")}),
    ("מחרתיים בערב", {"when": When(days_ahead=2, part="evening")}),
    ("ביום ראשון", day(6)),
    ("יום ראשון בעשר", day(6, clock=600)),
    ("יום שני בעשר וחצי", day(0, clock=630)),
    ("ביום שלישי בארבע אחר הצהריים", day(1, part="afternoon", clock=960)),
    ("יום ה בשתיים", day(3, clock=120)),
    ("10:30", {"when": When(clock=630)}),
    ("ב-10", {"when": When(clock=600)}),
    ("בשעה אחת עשרה", {"when": When(clock=660)}),
    ("רבע לעשר", {"when": When(clock=585)}),
    ("עשר ושלושים", {"when": When(clock=630)}),
    ("בשבוע הבא", {"when": When(next_week=True)}),
    ("הראשון", {"ordinals": (1,)}),
    ("השנייה", {"ordinals": (2,)}),
    ("את השלישי בבקשה", {"ordinals": (3,)}),
    ("האחרון", {"ordinals": (-1,)}),
    ("ראשון", day(6) | {"ordinals": (1,)}),
    ("לא, השני", {"answer": "no", "ordinals": (2,)}),
    (
        "דירת שלושה חדרים בצפון הישן עד שמונת אלפים, מחר בבוקר",
        {"area": ("old_north",), "kind": ("apartment",), "rooms": 3, "budget": 8_000}
        | {"when": When(days_ahead=1, part="morning")},
    ),
]


@pytest.mark.parametrize(
    ("words", "human", "abuse"),
    [
        ("הבעלים מבקש שבעת אלפים", False, False),
        ("המתווך שלי אמר", False, False),
        ("תעבירי אותי ליום שני", False, False),
        ("the owner asks for seven thousand", False, False),
        ("יש לי כלבה גדולה", False, False),
        ("הכביש סתום", False, False),
        ("את המנהל בבקשה", True, False),
        ("אני רוצה את המנהל", True, False),
        ("the manager please", True, False),
        ("תעבירי אותי למנהל", True, False),
        ("תעבירי אותי בבקשה", True, False),
        ("אני רוצה לדבר עם הבעלים", True, False),
        ("כלבה", False, True),
        ("סתום את הפה", False, True),
    ],
)
def test_who_is_only_spoken_of_is_neither_wanted_nor_abused(
    words: str, human: bool, abuse: bool
) -> None:
    meaning = understand(words, SHAI)
    assert (meaning.human, meaning.abuse) == (human, abuse)


def test_an_amount_is_no_name() -> None:
    assert understand("it's under seven thousand", SHAI).budget == 7_000


def told(words: str) -> dict[str, Any]:
    """What was understood of the wish and of the talk about it."""
    meaning = understand(words, SHAI)
    nothing = Understood()
    found = {
        field.name: getattr(meaning, field.name)
        for field in fields(meaning)
        if field.compare
        and field.name not in ("language", "purpose", "choices", "counts", "maybe_name")
        and getattr(meaning, field.name) != getattr(nothing, field.name)
    }
    return found | dict(meaning.choices) | dict(meaning.counts)


@pytest.mark.parametrize(("words", "meaning"), ENGLISH)
def test_english_words_mean(words: str, meaning: dict[str, Any]) -> None:
    assert told(words) == meaning


@pytest.mark.parametrize(("words", "meaning"), HEBREW)
def test_hebrew_words_mean(words: str, meaning: dict[str, Any]) -> None:
    assert told(words) == meaning


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("כן", "he"),
        ("yes", "en"),
        ("דירה ב Florentin", "he"),
        ("7,000", None),
        ("", None),
        ("English please", "en"),
        ("אנגלית בבקשה", "en"),
        ("do you speak Hebrew", "he"),
    ],
)
def test_the_script_tells_the_language_unless_one_is_named(
    words: str, language: str | None
) -> None:
    assert understand(words, SHAI).language == language


def test_words_that_mean_nothing_here_are_not_understood() -> None:
    assert not understand("the weather is lovely", SHAI)


def test_a_word_as_near_to_one_area_as_to_another_is_neither() -> None:
    areas = tuple(Choice(name, "גַּן", "בְּגַן", name.title()) for name in ("carlton", "carlson"))
    topic = replace(SHAI.topic("area"), answers=Choices(areas))
    office = replace(SHAI, topics=(topic, *SHAI.topics[1:]))
    assert understand("Carlton", office).chosen("area") == ("carlton",)
    assert understand("Carlbon", office).chosen("area") == ()


@pytest.mark.parametrize("pointed", ["בִּפְלוֹרֶנְטִין", "בפלורנטין"])
def test_points_change_nothing(pointed: str) -> None:
    assert told(pointed) == FLORENTIN


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("פלורנטין, סליחה, יפו", {"area": ("jaffa",), "correction": True}),
        ("התכוונתי לגבעתיים", {"area": ("givatayim",), "correction": True}),
        ("לא אמרתי יפו, אמרתי פלורנטין", FLORENTIN | {"correction": True, "answer": "no"}),
        ("מחר בעשר, אה לא, באחת", day(days_ahead=1, clock=60) | {"correction": True}),
        ("ביום שני, בעצם ביום שלישי בבוקר", day(1, part="morning") | {"correction": True}),
        ("שש אלף, סליחה, שבע", {"budget": 7_000, "correction": True}),
        ("שמונה, לא תשעת אלפים", {"budget": 8_000, "correction": True}),
        ("I said an office, not a shop", {"kind": ("office",), "correction": True}),
        ("Monday at three, sorry, four", day(0, clock=240) | {"correction": True}),
        ("two million, I mean three", {"budget": 3_000_000, "correction": True}),
        ("050 555 0140 sorry 0141", {"phone": "+972505550141", "correction": True}),
        ("sorry, Jaffa", {"area": ("jaffa",)}),
        ("sorry, the dog", {}),
    ],
)
def test_what_is_corrected_replaces_what_was_said(words: str, meaning: dict[str, Any]) -> None:
    assert told(words) == meaning


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("רק לא בפלורנטין", {}),
        ("תל אביב אבל לא נווה צדק", {"area": ("tel_aviv",)}),
        ("לא בפלורנטין", FLORENTIN | {"answer": "no"}),
        ("Sunday but not in the morning", day(6)),
        ("חנות לא גדולה", {"kind": ("shop",)}),
        ("not Jaffa", {"answer": "no"}),
        ("מחר לא מתאים, מחרתיים", day(days_ahead=2) | {"answer": "no", "correction": True}),
    ],
)
def test_what_is_denied_is_not_told(words: str, meaning: dict[str, Any]) -> None:
    assert told(words) == meaning


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("תעבירי אותי לנציג", {"human": True}),
        ("I want to talk to a real person", {"human": True}),
        ("לכי לעזאזל", {"abuse": True}),
        ("you stupid robot", {"abuse": True}),
        ("I have to talk to my wife", {}),
        ("אני מנהל חברה וצריך משרד", {"kind": ("office",)}),
        ("is there anything in Jaffa", {"area": ("jaffa",)}),
        ("6 עד 7", {"number": 7}),
        ("לא יודע", {}),
        ("I am not sure yet", {}),
        ("any area is good", {"no_matter": True}),
        ("בת ים", {}),
        ("ראשון לציון", {}),
        ("בעוד שלושה ימים", day(days_ahead=3)),
        ("next Tuesday at 4", day(1, next_week=True, clock=240)),
        ("this evening", day(days_ahead=0, part="evening")),
        ("שני בעשר", day(0, clock=600)),
        ("שלישי בשלוש", day(1, clock=180)),
        ("tomorrow ten", day(days_ahead=1, clock=600)),
        ("at ten to four", day(clock=230)),
        ("on the 17th", day(day=17)),
        ("קוראים לי דנה ואני מחפשת דירה", {"name": "דנה", "kind": ("apartment",)}),
        ("one point six million", {"budget": 1_600_000}),
        ("שבע חמש מאות", {"budget": 7_500}),
    ],
)
def test_the_rest_of_what_callers_say(words: str, meaning: dict[str, Any]) -> None:
    assert told(words) == meaning


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("רפי אוחיון", "רפי אוחיון"),
        ("Dan", "Dan"),
        ("רגע", None),
        ("שבע", None),
        ("no problem", None),
    ],
)
def test_words_that_mean_nothing_else_may_be_a_name(words: str, name: str | None) -> None:
    assert understand(words, SHAI).maybe_name == name
