"""What is written, and what is said: one line each. Hebrew is compared without its points."""

import asyncio
import re
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue.counting_he import NOUNS, Gender, cardinal
from engine.dialogue.expected import fixed_phrases
from engine.dialogue.hebrew import hebrew_words, unpointed_words, without_points
from engine.dialogue.numerals import digit_in_words, number_at
from engine.dialogue.profile import Language
from engine.dialogue.spoken import spoken
from engine.profile import shipped_profile
from engine.receptionist import Receptionist, spoken_forms
from engine.store import Appointments

HEBREW = """
דירת 3.5 חדרים => דירת שלושה וחצי חדרים
3 חדרים => שלושה חדרים
2 חדרים ו-2 דירות => שני חדרים ושתי דירות
1 חדר => חדר אחד
1 דירה ב-2 קומות => דירה אחת בשתי קומות
יש 3-4 חדרים => יש שלושה עד ארבעה חדרים
1-2 חדרים => אחד עד שני חדרים
1.5 חדרים => חדר וחצי
22 דירות => עשרים ושתיים דירות
21 חדרים => עשרים ואחד חדרים
המחיר 7,000 ₪ => המחיר שבעת אלפים שקלים
המחיר ₪7,000 לחודש => המחיר שבעת אלפים שקלים לחודש
7000 ש"ח => שבעת אלפים שקלים
5,000-7,000 ש״ח => חמשת אלפים עד שבעת אלפים שקלים
4.90 ₪ => ארבעה שקלים ותשעים אגורות
$5 => חמישה דולרים
€20 => עשרים אירו
1.5 מיליון ש"ח => מיליון וחצי שקלים
2 מיליון שקלים => שני מיליון שקלים
250 אלף => מאתיים וחמישים אלף
3-5% => שלושה עד חמישה אחוזים
5% => חמישה אחוזים
100% => מאה אחוז
2.5% => שניים וחצי אחוזים
4.7% => ארבע נקודה שבע אחוזים
בשעה 16:30 => בשעה ארבע וחצי אחרי הצהריים
ב-16:30 => בארבע וחצי אחרי הצהריים
09:00-18:00 => תשע בבוקר עד שש בערב
מ-09:00 עד 13:00 => מתשע בבוקר עד אחת אחרי הצהריים
נפגש ב-4:30 אחרי הצהריים => נפגש בארבע וחצי אחרי הצהריים
ב-25/11 => בעשרים וחמישה בנובמבר
25.11.2026 => עשרים וחמישה בנובמבר אלפיים עשרים ושש
ב-25.11 בשעה 10:00 => בעשרים וחמישה בנובמבר בשעה עשר
2026-11-25 => עשרים וחמישה בנובמבר אלפיים עשרים ושש
ה-3 בנובמבר => השלושה בנובמבר
ב-1 בינואר 2026 => באחד בינואר אלפיים עשרים ושש
050-123-4567 => אפס חמש אפס, אחת שתיים שלוש, ארבע חמש שש שבע
0501234567 => אפס חמש אפס, אחת שתיים שלוש, ארבע חמש שש שבע
03-6123456 => אפס שלוש, שש אחת שתיים, שלוש ארבע חמש שש
+972-50-123-4567 => פלוס תשע שבע שתיים, חמש אפס, אחת שתיים שלוש, ארבע חמש שש שבע
+972501234567 => פלוס תשע שבע שתיים, חמש אפס, אחת שתיים שלוש, ארבע חמש שש שבע
*3456 => כוכבית שלוש ארבע חמש שש
טלפון 1-700-700-123. => טלפון אחת, שבע אפס אפס, שבע אפס אפס, אחת שתיים שלוש.
80 מ"ר => שמונים מטר רבוע
80 מ״ר => שמונים מטר רבוע
5 מ"ר => חמישה מטרים רבועים
רח' דיזנגוף 99, ת"א => רחוב דיזנגוף תשעים ותשע, תל אביב
ברח' הרצל 5 קומה 3 => ברחוב הרצל חמש קומה שלישית
בשד' רוטשילד 12א => בשדרות רוטשילד שתים עשרה א
קומה 1 מתוך 4 => קומה ראשונה מתוך ארבע
קומה -1 => קומה מינוס אחת
בקומה 12 => בקומה שתים עשרה
הקומה ה-3 => הקומה השלישית
הפעם ה-2 => הפעם השניה
3 החדרים => שלושת החדרים
2 החדרים => שני החדרים
1/2 שעה => חצי שעה
3/4 שעה => שלושת רבעי שעה
3 1/2 חדרים => שלושה וחצי חדרים
½ שעה => חצי שעה
2 שעות => שעתיים
10 דק' => עשר דקות
5 דק' הליכה => חמש דקות הליכה
5 ק"מ => חמישה קילומטרים
-5 מעלות => מינוס חמש מעלות
מס' 5 => מספר חמש
24/7 => עשרים וארבע שבע
99/4 => תשעים ותשע לוכסן ארבע
007 => אפס אפס שבע
בין 5 ל-7 => בין חמש לשבע
ב-3 דירות => בשלוש דירות
ל-12 דירות => לשתים עשרה דירות
כ-80 מ"ר => כשמונים מטר רבוע
ו-5 משרדים => וחמישה משרדים
מ-7 חדרים => משבעה חדרים
20 שנה => עשרים שנה
2 שנים => שנתיים
100 שקל => מאה שקל
2026 => אלפיים עשרים ושש
ביום א' בשעה 10:30 => ביום ראשון בשעה עשר וחצי
3 ילדים, 4 אנשים => שלושה ילדים, ארבעה אנשים
1.5 מיליארד => מיליארד וחצי
13 קומות => שלוש עשרה קומות
15 חדרים => חמישה עשר חדרים
1,234,567 ₪ => מיליון מאתיים שלושים וארבעה אלף חמש מאות שישים ושבעה שקלים
בין 3 ל-4 חדרים => בין שלושה לארבעה חדרים
פתוח א'-ה' 9:00-18:00 => פתוח יום ראשון עד יום חמישי תשע עד שש בערב
3 או 4 חדרים => שלושה או ארבעה חדרים
דירה 5, חדר 3 במשרד => דירה חמש, חדר שלוש במשרד
8 לפחות => שמונה לפחות
ב-16:45 => בארבע ארבעים וחמש אחרי הצהריים
בשעה 16:05 => בשעה ארבע וחמש דקות אחרי הצהריים
בשעה 16:15 => בשעה ארבע ורבע אחרי הצהריים
16:00-17:30 => ארבע עד חמש וחצי אחרי הצהריים
12:00 => שתים עשרה בצהריים
בשעה 20:00 => בשעה שמונה בערב
בשעה 08:30 בבוקר => בשעה שמונה וחצי בבוקר
12 דירות => שתים עשרה דירות
12 חדרים => שנים עשר חדרים
13 דירות => שלוש עשרה דירות
115 דירות => מאה וחמש עשרה דירות
10 דירות => עשר דירות
110 דירות => מאה ועשר דירות
102 דירות => מאה ושתיים דירות
1,000 דירות => אלף דירות
3000 שקלים => שלושת אלפים שקלים
3 שולחנות => שלושה שולחנות
3 נשים => שלוש נשים
5 מחסנים => חמישה מחסנים
5 גינות => חמש גינות
4 בניינים => ארבעה בנינים
10 שניות => עשר שניות
4 מרפסות => ארבע מרפסות
2 מקומות חניה => שני מקומות חניה
4 חלונות => ארבעה חלונות
2 שבועות => שבועיים
3 פעמים => שלוש פעמים
16-18 בנובמבר => שישה עשר עד שמונה עשר בנובמבר
ב-31/12/26 => בשלושים ואחד בדצמבר אלפיים עשרים ושש
45/60 => ארבעים וחמש לוכסן שישים
0.5% => חצי אחוז
1% => אחוז אחד
1 ₪ => שקל אחד
2 ₪ => שני שקלים
₪0.50 => חמישים אגורות
20% הנחה => עשרים אחוז הנחה
בקומה 2 => בקומה שניה
הדירה ה-11 => הדירה האחת עשרה
לד"ר כהן => לדוקטור כהן
דירה עם ממ"ד => דירה עם ממד
מחר אחה"צ => מחר אחרי הצהריים
בת"א => בתל אביב
3 חד' => שלושה חדרים
שלום וברכה => שלום וברכה
"""
ENGLISH = """
3.5 rooms => three and a half rooms
at 16:30 => at four thirty in the afternoon
4:30 PM => four thirty in the afternoon
4pm => four in the afternoon
9 a.m. => nine in the morning.
at 09:00-18:00 => at nine in the morning to six in the evening
12:00 => twelve noon
00:30 => twelve thirty at night
25/11 => November twenty fifth
25/11/2026 => November twenty fifth, twenty twenty six
on 2026-11-25 => on November twenty fifth, twenty twenty six
Nov 25 => November twenty fifth
November 25, 2026 => November twenty fifth, twenty twenty six
25 November => the twenty fifth of November
the 3rd of May => the third of May
1st floor, 22nd, 30th, 112th => first floor, twenty second, thirtieth, one hundred twelfth
₪7,000 => seven thousand shekels
NIS 7,000 => seven thousand shekels
$5.50 => five dollars and fifty cents
$1.5M => one and a half million dollars
$1 => one dollar
0.5 million => half a million
5-7 rooms => five to seven rooms
5–7% => five to seven percent
2.5% => two and a half percent
80 sqm => eighty square meters
80 m² => eighty square meters
call 050-123-4567 => call zero five zero, one two three, four five six seven
+1 (212) 555-0100 => plus one, two one two, five five five, zero one zero zero
212-555-0100 => two one two, five five five, zero one zero zero
+44 20 7946 0000 => plus four four, two zero, seven nine four six, zero zero zero zero
on 99 Dizengoff St. => on ninety nine Dizengoff Street.
St. George Ave. 5 => Saint George Avenue five
Dr. Cohen, 5 Main Dr. => Doctor Cohen, five Main Drive.
No. 5, #7 => number five, number seven
-5 degrees => minus five degrees
e.g. a flat => for example a flat
in 2026 => in twenty twenty six
since 1998 or 2005 => since nineteen ninety eight or two thousand five
3.14 => three point one four
007 => zero zero seven
1/2 an hour => half an hour
3 1/2 rooms => three and a half rooms
B2 and 4K => B two and four thousand
1,234,567 => one million two hundred thirty four thousand five hundred sixty seven
24/7 => twenty four seven
at 4:05 => at four oh five
5 km => five kilometers
1 min => one minute
12345678901234 => one two three four, five six seven, eight nine zero, one two three four
a 3-room flat => a three-room flat
1.5 km => one and a half kilometers
10:30 => ten thirty
4:00 => four o'clock
at 4:30 in the evening => at four thirty in the evening
16:00-17:30 => four to five thirty in the afternoon
00:00 => midnight
12pm => twelve noon
12:15 AM => twelve fifteen at night
at 21:00 => at nine at night
the 21st => the twenty first
12th floor => twelfth floor
5th and 8th and 9th => fifth and eighth and ninth
1900-01-05 => January fifth, nineteen hundred
12/25 => December twenty fifth
45/60 => forty five slash sixty
2.5.2026 => May second, twenty twenty six
on Sept. 5 => on September fifth
on Jan. 3 => on January third
$1,250 a month => one thousand two hundred fifty dollars a month
$7k => seven thousand dollars
€5-7 => five to seven euros
$5.01 => five dollars and one cent
₪4.90 => four shekels and ninety agorot
₪0.90 => ninety agorot
1.5 million shekels => one and a half million shekels
0.5% => half a percent
0.25% => a quarter of a percent
1.25 rooms => one and a quarter rooms
2/3 of it => two thirds of it
between 5 and 7 => between five and seven
*3456 => star three four five six
(03) 612-3456 => zero three, six one two, three four five six
5 mins => five minutes
10 sq. ft. => ten square feet
Mr. Levi & Mrs. Levi => Mister Levi and Missus Levi
a shop, an office, etc. => a shop, an office, and so on.
It was 3 p.m. => It was three in the afternoon.
Unit 4B => Unit four B
Built in 1998, renovated in 2015. => Built in nineteen ninety eight, renovated in twenty fifteen.
NIS 4,600,000 => four million six hundred thousand shekels
12A => twelve A
good morning => good morning
"""
SHAI = shipped_profile("shai")
SUNDAY = datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))
LANGUAGES: tuple[Language, ...] = ("he", "en")


def lines(table: str) -> list[list[str]]:
    return [line.split(" => ") for line in table.strip().splitlines()]


@pytest.mark.parametrize(("written", "said"), lines(HEBREW))
def test_hebrew_is_said_in_words(written: str, said: str) -> None:
    assert without_points(spoken(written, "he")) == said


@pytest.mark.parametrize(("written", "said"), lines(ENGLISH))
def test_english_is_said_in_words(written: str, said: str) -> None:
    assert spoken(written, "en") == said


@pytest.mark.parametrize("written", [written for written, _ in lines(HEBREW)])
def test_every_hebrew_word_that_is_added_has_its_points(written: str) -> None:
    added = set(unpointed_words(spoken(written, "he"))) - set(hebrew_words(written))
    assert {word for word in added if len(word) > 1} == set()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ב-3 דירות", "בְּשָׁלוֹשׁ דִּירוֹת"),
        ("ל-2 חדרים", "לִשְׁנֵי חֲדָרִים"),
        ("ו-8 חדרים", "וּשְׁמוֹנָה חֲדָרִים"),
        ("ב-15 דירות", "בַּחֲמֵשׁ עֶשְׂרֵה דִּירוֹת"),
        ("מ-7 חדרים", "מִשִׁבְעָה חֲדָרִים"),
        ("ה-10 בנובמבר", "הָעֲשָׂרָה בְּנוֹבֶ֫מְבֶּר"),
        ("שנמכר ב-5", "שנמכר בְּחָמֵשׁ"),
        ("22 דירות", "עֶשְׂרִים וּשְׁתַּ֫יִים דִּירוֹת"),
        ('בת"א', "בְּתֵל אָבִיב"),
    ],
)
def test_a_prefix_takes_the_vowel_that_its_word_demands(written: str, said: str) -> None:
    assert spoken(written, "he") == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_sentences_are_words_already(language: Language) -> None:
    for phrase in fixed_phrases(SHAI):
        assert spoken(phrase, language) == phrase


def test_a_number_in_a_profile_is_said_in_words_and_made_ready_so() -> None:
    greeting = dict(SHAI.greeting) | {"he": "כָּאן לֵאָה, רְחוֹב הֶרְצֵל 5."}
    profile = replace(SHAI, greeting=greeting)

    async def first_sentence() -> object:
        brain = Receptionist(profile, Appointments(), lambda: SUNDAY)
        async with aclosing(brain.reply(None)) as reply:
            return await anext(reply)

    words = "כָּאן לֵאָה, רְחוֹב הֶרְצֵל חָמֵשׁ."
    assert asyncio.run(first_sentence()) == words
    assert words in spoken_forms(profile)


def test_a_sentence_in_the_other_language_is_said_in_its_own() -> None:
    assert spoken("Press 5.", "he") == "Press five."
    assert without_points(spoken("הקישו 5.", "en")) == "הקישו חמש."
    assert spoken("5", "en") == "five"


def test_a_number_is_counted_in_the_gender_of_every_noun_that_is_known() -> None:
    for noun in NOUNS:
        three = {"m": "שלושה", "f": "שלוש"}[noun.gender]
        assert without_points(spoken(f"3 {noun.many}", "he")).split()[0] == three
        assert spoken(f"1 {noun.one}", "he") == f"{noun.one} {cardinal(1, noun.gender)}"


GENDERS: st.SearchStrategy[Gender] = st.sampled_from(("m", "f"))


@given(st.integers(0, 999_999), GENDERS)
def test_both_genders_are_understood_as_the_same_number(number: int, gender: Gender) -> None:
    tokens = without_points(cardinal(number, gender)).split()
    heard = number_at(tokens, 0)
    assert heard is not None
    assert (heard.value, heard.end) == (number, len(tokens))


PIECES = st.sampled_from(
    [
        *(
            "5",
            "0",
            "12",
            "007",
            "2026",
            "25/11",
            "25.11.26",
            "16:30",
            "3.5",
            "7,000",
            "050-1234567",
        ),
        *("-", "–", ".", ",", ":", "/", "%", "₪", "$", "#", "*", "+", "(", ")", "'", '"', "״", "½"),
        *("ב", "ה-", "ל", "ו-", "קומה ", "חדרים", "דירה", "שקל", "מיליון", "בנובמבר", 'ש"ח', "רח'"),
        *(" ", "  ", "rooms", "May", "th", "pm", "St.", "No.", "million", "km", "K", "²", "٣", "a"),
    ]
)
WRITTEN = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60)


@given(WRITTEN, st.sampled_from(LANGUAGES))
def test_whatever_is_written_no_digit_is_left_and_nothing_changes_twice(
    text: str, language: Language
) -> None:
    said = spoken(text, language)
    assert not any(letter.isdigit() for letter in said)
    assert spoken(said, language) == said


GROUPED = st.sampled_from(["{}{}{}", "{}-{}-{}", "{} {} {}", "{}-{}{}"])


@given(
    st.from_regex(re.compile(r"0[2-9]\d?", re.ASCII), fullmatch=True),
    st.integers(0, 999).map("{:03}".format),
    st.integers(0, 9999).map("{:04}".format),
    GROUPED,
    st.sampled_from(LANGUAGES),
)
def test_a_telephone_number_is_said_digit_by_digit(
    code: str, first: str, last: str, form: str, language: Language
) -> None:
    written = form.format(code, first, last)
    said = spoken(f"{written}.", language)
    told = re.sub("[,.]", "", said).split()
    assert told == [digit_in_words(int(digit), language) for digit in code + first + last]
    assert said.count(",") >= 2
