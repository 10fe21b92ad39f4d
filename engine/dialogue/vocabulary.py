"""The words that callers use, Hebrew and English, as tables: no logic here.

Hebrew without points; phrases are tuples of words as `understand` cuts them (no apostrophes)."""

from engine.dialogue.profile import Language
from engine.dialogue.wish import Part

Phrases = dict[str, tuple[tuple[str, ...], ...]]
"""By their first word."""


def _phrases(text: str) -> Phrases:
    """One phrase between bars; longest first, so that none hides a longer one."""
    phrases = sorted((tuple(phrase.split()) for phrase in text.split("|")), key=len, reverse=True)
    return {first: tuple(p for p in phrases if p[0] == first) for first, *_ in phrases}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGE_NAMES: dict[str, Language] = {
    "hebrew": "he",
    "עברית": "he",
    "בעברית": "he",
    "english": "en",
    "אנגלית": "en",
    "באנגלית": "en",
}

NO_MATTER = _phrases(
    "לא משנה | לא משנה לי | לא אכפת לי | אין לי העדפה | כל אזור | בכל אזור | כל סכום | אין הגבלה"
    " | doesnt matter | it doesnt matter | does not matter | no preference | dont care"
    " | i dont care | any area | anywhere | no limit | dont mind | i dont mind | whatever"
    " | any budget"
)
ANY_TIME = _phrases(
    "מתי שנוח | מתי שנוח לכם | בכל זמן | כל זמן | מתי שאפשר | כמה שיותר מהר | בהקדם | כל יום"
    " | anytime | any time | any day | whenever | as soon as possible | asap"
)
GOODBYE = _phrases(
    "להתראות | ביי | ביי ביי | יום טוב | שלום ולהתראות | זה הכל | זה הכול | לא מעוניין"
    " | לא מעוניינת | אני לא מעוניין | אני לא מעוניינת | טעות במספר | אני מנתק | אני מנתקת"
    " | bye | bye bye | goodbye | good bye | see you | have a nice day | have a good day"
    " | not interested | im not interested | wrong number | thats all | i have to go"
)
WAIT = _phrases(
    "רגע | רק רגע | רגע אחד | שנייה | שניה | רק שנייה | רק שניה | שנייה אחת | שניה אחת | דקה"
    " | רק דקה | דקה אחת | חכי | חכה | תחכי | תחכה | חכו | המתיני | עצרי | תעצרי"
    " | wait | wait a minute | wait a second | wait a moment | hold on | hang on | one moment"
    " | just a moment | one second | just a second | a second please | one minute"
    " | just a minute | a moment | one sec | just a sec | stop"
)
REPEAT = _phrases(
    "שוב | תחזרי | תחזור | אפשר לחזור | תגידי שוב | עוד פעם | מה אמרת | לא שמעתי | לא הבנתי"
    " | תחזרי בבקשה | אפשר לחזור על זה | מה זה"
    " | repeat | repeat that | say that again | again | come again | what did you say | pardon"
    " | didnt hear | i didnt hear you | didnt catch | i didnt catch that | didnt understand"
    " | say again | once more | excuse me"
)
# Words that ask for repetition only when nothing else is said.
REPEAT_ALONE = _phrases("מה | סליחה | הא | what | sorry | huh | im sorry")
HELLO = _phrases(
    "שלום | שלום לאה | הלו | היי | הי | בוקר טוב | ערב טוב | צהריים טובים | אחר צהריים טובים"
    " | מה נשמע | hello | hi | hey | hello there | good morning | good afternoon | good evening"
)
# What a call is about, without a word of the wish itself.
PURPOSE = _phrases(
    "לקבוע פגישה | פגישה | לקבוע | מחפש | מחפשת | מחפשים | מעוניין | מעוניינת | אשמח לעזרה | עזרה"
    " | appointment | meeting | looking for | interested in | viewing | help | some help"
)
REFUSAL = _phrases(
    "לא תודה | אף אחד | אף אחד מהם | לא מתאים | לא מתאים לי | לא נוח | לא טוב לי | לא נכון"
    " | משהו אחר | מועד אחר | מועדים אחרים | זמן אחר | יש עוד | אחרת"
    " | no thanks | no thank you | none of them | none of those | neither | none | something else"
    " | another time | other times | another one | other options | not good | doesnt work"
    " | does not work | dont work | cant make it | thats wrong | not right | thats not right"
)
YES = _phrases(
    "כן | כן בבקשה | בטח | נכון | בסדר | בסדר גמור | אוקיי | אוקי | סבבה | מתאים | מתאים לי | יופי"
    " | מצוין | מעולה | כמובן | בוודאי | אפשר | בדיוק | טוב"
    " | yes | yes please | yeah | yep | yup | sure | of course | ok | okay | correct | right"
    " | thats right | sounds good | fine | thats fine | great | perfect | exactly | alright"
    " | all right | no problem | works for me | good"
)
NO = _phrases("לא | ממש לא | לא לא | no | nope | nah | no no | not")
THANKS = _phrases("תודה | תודה רבה | thanks | thank you | thank you very much | thanks a lot")
CORRECTIONS = _words("no not sorry actually mean rather instead לא סליחה בעצם התכוונתי במקום")

CURRENCY = _words("shekels shekel shekles nis ils שקל שקלים שח ש״ח")
MONEY_HINTS = _words("budget upto maximum max most pay תקציב התקציב מקסימום לשלם תקציבי")
RANGE = _words("to or and until between עד או ל בין ועד לבין")
CLOCK_HEADS = _words("at around about after before by from בשעה ב אחרי לפני סביב השעה בסביבות")
CLOCK_TAILS = _words("am pm oclock clock בבוקר בערב בצהריים אחר אחרי in")
SCALES_AND_ROOMS = _words(
    "thousand million k m אלף אלפים מיליון מליון rooms room חדרים חדר shekels shekel שקל שקלים"
)
CLOCK_PHRASES: dict[tuple[str, ...], int] = {
    ("half", "past"): 30,
    ("quarter", "past"): 15,
    ("quarter", "to"): -15,
    ("רבע",): -15,
}

ORDINALS: dict[int, Phrases] = {
    1: _phrases(
        "הראשון | הראשונה | אפשרות ראשונה | אופציה ראשונה | אפשרות אחת | מספר אחת | מספר אחד"
        " | the first | the first one | first | first one | number one | option one"
        " | the 1 st | 1 st"
    ),
    2: _phrases(
        "השני | השנייה | השניה | אפשרות שנייה | אופציה שנייה | אופציה שניה | מספר שתיים"
        " | מספר שתים | אפשרות שתיים | the second | the second one | second | second one"
        " | number two | option two | the 2 nd | 2 nd"
    ),
    3: _phrases(
        "השלישי | השלישית | אפשרות שלישית | אופציה שלישית | מספר שלוש | אפשרות שלוש"
        " | the third | the third one | third | third one | number three | option three"
        " | the 3 rd | 3 rd"
    ),
    -1: _phrases("האחרון | האחרונה | the last | the last one | last one | last"),
}

NEXT_WEEK = _phrases("שבוע הבא | בשבוע הבא | next week | the following week")
DAYS_AHEAD: dict[int, Phrases] = {
    2: _phrases("מחרתיים | the day after tomorrow | day after tomorrow"),
    1: _phrases("מחר | למחר | tomorrow"),
    0: _phrases("היום | להיום | today"),
}


def _day(english: str, hebrew: str, letter: str) -> Phrases:
    names = [english, english + "s", f"on {english}"]
    names += [f"{prefix} {hebrew}" for prefix in ("יום", "ביום", "ליום", "מיום")]
    names += [f"{prefix} {letter}" for prefix in ("יום", "ביום", "ליום")]
    return _phrases(" | ".join(names))


WEEKDAYS: dict[int, Phrases] = {
    6: _day("sunday", "ראשון", "א"),
    0: _day("monday", "שני", "ב"),
    1: _day("tuesday", "שלישי", "ג"),
    2: _day("wednesday", "רביעי", "ד"),
    3: _day("thursday", "חמישי", "ה"),
    4: _day("friday", "שישי", "ו"),
    5: _phrases("saturday | שבת | בשבת | יום שבת | ביום שבת | מוצאי שבת"),
}
# Without «יום» these name a day, or a place in a list: «ראשון», «שלישי».
WEEKDAY_OR_ORDINAL: dict[int, Phrases] = {
    6: _phrases("ראשון | בראשון | לראשון"),
    0: _phrases("בשני | לשני"),
    1: _phrases("שלישי | בשלישי | לשלישי"),
    2: _phrases("רביעי | ברביעי | לרביעי"),
    3: _phrases("חמישי | בחמישי | לחמישי"),
    4: _phrases("שישי | בשישי | לשישי"),
}
ORDINAL_OF_WEEKDAY = {6: 1, 0: 2, 1: 3}

PARTS: dict[Part, Phrases] = {
    "afternoon": _phrases(
        "אחר הצהריים | אחרי הצהריים | אחר צהריים | אחרי צהריים | אחהצ | אחה צ | בצהריים מאוחר"
        " | afternoon | the afternoon | afternoons | after noon"
    ),
    "morning": _phrases(
        "בוקר | בבוקר | לבוקר | הבוקר | לפני הצהריים | בקרים | morning | the morning | mornings"
    ),
    "evening": _phrases("ערב | בערב | לערב | הערב | evening | the evening | tonight"),
    "noon": _phrases("צהריים | בצהריים | הצהריים | noon | midday | lunchtime"),
}
