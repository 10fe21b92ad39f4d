"""What callers say, as tables: first what words mean over the agent's speech, then how near they
are to the end of an answer. A row is what a recognizer may write."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.cues import _SAY, Awaits, Ending, Over, ending, over
from engine.core.cues.words import words_of

OVER: dict[Over, list[str]] = {
    Over.STOP: [
        *("רגע", "רגע!", "רֶגַע", "רק רגע", "רגע אחד", "רגע, מה אמרת?", "אה, רגע", "כן רגע"),
        *("לא, רגע", "אוקיי, רגע, שנייה", "לא לא לא חכי", "אבל רגע", "תני לי רגע לחשוב"),
        *("שנייה", "שניה", "שנייה אחת", "רק שניה", "שנייייה", "דקה", "דקה אחת בבקשה"),
        *("חכי", "חכה רגע", "תחכי שנייה", "המתיני", "עצרי", "תעצרי", "עצור", "סטופ", "די"),
        *("מספיק", "תקשיבי", "סליחה", "סליחה, יש לי שאלה", "בבקשה חכי", "רק שאלה קטנה"),
        *("wait", "Wait!", "WAIT WAIT", "wait a minute", "no wait", "okay, wait", "but wait"),
        *("hold on", "Hold on a second.", "hang on", "stop", "please stop", "Stop it", "excuse me"),
        *("one moment", "One second, please", "just a second", "just a sec", "a moment please"),
        *("sorry", "I'm sorry, what?", "Um, sorry", "yeah, hang on", "uh, give me a minute"),
        *("okay רגע", "כן, wait"),
    ],
    Over.COMPANY: [
        *("אהה", "אהההה", "אה", "אה אה", "אהם", "אהמ", "ממ", "מממממ", "אמ", "אממ", "אה-הא", "הממ"),
        *("כן", "כן כן", "כן, כן, כן.", "כֵּן", "כןןן", "אוקיי", "אוקי", "או-קיי", "אוקייי", "בסדר"),
        *("בסדר גמור", "טוב", "טוב, בסדר", "נכון", "יופי", "יופי, תמשיכי", "הבנתי", "אה, הבנתי"),
        *("אני מבינה", "כן, אני שומע", "סבבה", "מעולה", "אחלה", "בדיוק", "בטח", "וואלה", "מצוין"),
        *("mm-hm", "Mm-hmm.", "mmhmm", "mhm", "mmm", "Mmm hmm", "uh-huh", "Uh huh, uh huh", "uh"),
        *("um", "hmm", "ah", "Oh", "aha", "yeah", "Yeah, yeah.", "yeeeah", "yes", "Yes!", "yep"),
        *("okay", "OK", "O.K.", "ok ok", "Okay, okay", "right", "That's right", "I see", "sure"),
        *("Oh, I see.", "got it", "all right", "Alright", "of course", "great"),
        *("sounds good", "perfect", "כן, okay", "go on", "\ufb3bן"),
        *("", " ", "…", "?!", "♪"),
    ],
    Over.WORDS: [
        *("לא", "לא לא", "לא, תודה", "כן אבל", "כן, בפלורנטין", "אוקיי, אז מה המחיר?", "מה?"),
        *("שלום", "הלו", "תודה", "אני מחפשת דירה", "השני", "השנייה", "שבעת אלפים", "טוב לי בבוקר"),
        *("יש רגע אחד", "אני לא רוצה לחכות", "הרגע הגעתי", "רגעים", "כנרת", "ל", "מ"),
        *("no", "No.", "no no", "nope", "no thanks", "yes but", "yes please", "okay so", "what?"),
        *("hello", "the second one", "seven thousand", "I see a problem", "waiting", "stopover"),
        *("right now", "sure, in Jaffa", "I want to stop here", "second", "ye", "7000", "ok 5"),
    ],
}


@pytest.mark.parametrize("meaning", OVER)
def test_words_over_the_agents_speech(meaning: Over) -> None:
    told = {text: over(text) for text in OVER[meaning]}
    assert told == dict.fromkeys(OVER[meaning], meaning)


ANY, YES_NO, NUMBER, CHOICE, PHONE, TIME = Awaits

ENDING: dict[tuple[Ending, Awaits], list[str]] = {
    (Ending.COMPLETE, ANY): [
        *("כן", "כן.", "כן כן", "אה, כן", "כן בבקשה", "כן, תודה", "לא", "לא תודה"),
        *("לא לא", "ממש לא", "טוב, לא", "נכון", "תודה", "תודה רבה", "לא משנה", "לא משנה לי"),
        *("להתראות", "ביי", "ביי ביי", "אוקיי ביי", "תודה ולהתראות", "כן, יום טוב", "זה הכול"),
        *("yes", "Yes.", "yes please", "Um, yes", "yeah, sure", "no", "No, thank you", "okay, no"),
        *("not really", "bye", "Bye-bye!", "okay bye", "thank you very much", "no that's all"),
        *("goodbye", "I don't mind", "It doesn't matter.", "כן, thank you"),
    ],
    (Ending.COMPLETE, YES_NO): [
        *("כן", "לא", "כן בבקשה", "לא, תודה", "אוקיי", "בסדר", "בסדר גמור", "טוב, סבבה", "אהה"),
        *("מתאים לי", "לא מתאים", "מעולה, תודה", "בטח שכן", "ברור", "כן נכון", "אה לא"),
        *(
            "yes",
            "no",
            "okay",
            "Okay, great",
            "mm-hmm",
            "uh-huh",
            "right",
            "that's right",
            "כן, זה נכון",
            "sure",
        ),
        *("sounds good", "I don't think so", "yes it is"),
    ],
    (Ending.COMPLETE, NUMBER): [
        *("שבעת אלפים", "עד שבעת אלפים", "שבעת אלפים שקל", "שבעת אלפים ש״ח", "אלפיים", "עד אלפיים"),
        *("עד אלף", "מיליון", "מיליון וחצי", "שני מיליון", "שבעת אלפים וחמש מאות", "אלף מאתיים"),
        *(
            "שבעת אלפים בערך",
            "בערך שבעת אלפים",
            "7000",
            "7,000",
            "7 000",
            "7,000 ₪",
            "עד 7000 בבקשה",
        ),
        *("התקציב שלי הוא עשרת אלפים", "שבעת אלפים מקסימום", "שמונת אלפים לחודש", "1,250,000"),
        *("שלושה חדרים", "שלושה חדרים וחצי", "3.5 חדרים", "ארבעה חדרים לפחות", "לא משנה"),
        *("seven thousand", "up to seven thousand", "seven thousand shekels", "7k", "1.5 million"),
        *("7,000", "Up to 7000.", "seven thousand five hundred", "a million and a half"),
        *("seven thousand or so", "ten thousand, please", "three rooms", "3 bedrooms", "no limit"),
        *("about 7000", "seven thousand a month", "עד seven thousand"),
    ],
    (Ending.COMPLETE, CHOICE): [
        *("הראשון", "הראשונה", "השני", "השנייה", "השניה", "השלישי בבקשה", "האחרון", "אז השני"),
        *(
            "מספר שתיים",
            "אפשרות שלוש",
            "שתיים",
            "אחת",
            "בתשע",
            "בתשע וחצי",
            "ביום שלישי בתשע",
            "באחת עשרה",
        ),
        *("מחר בעשר מתאים לי", "השני נוח לי", "משהו אחר", "אף אחד מהם", "2", "ב-10:30"),
        *("the first", "the second one", "The third one, please.", "number two", "two", "last one"),
        *(
            "Tuesday at nine",
            "at 10:30",
            "option three",
            "Tuesday at nine works for me",
            "9 am",
            "nine o'clock",
        ),
        *("none of them", "something else", "ten thousand", "עשרת אלפים"),
    ],
    (Ending.COMPLETE, PHONE): [
        *(
            "0501234567",
            "050-1234567",
            "050 123 4567",
            "זה 052-765-4321",
            "03-1234567",
            "077-1234567",
        ),
        *("+972 50 123 4567", "972-3-123-4567", "212 555 1234"),
        "אפס חמש אפס אחת שתיים שלוש ארבע חמש שש שבע",
        "אפס חמישים ושתיים, שבע שש חמש, ארבעים ושלוש, עשרים ואחת",
        "אפס חמש ארבע שבע עשרה עשרים שלושים ושתיים חמש",
        "zero five oh one two three four five six seven",
        "My number is zero fifty two, seven six five, forty three twenty one.",
        *("לא תודה, ביי", "not interested"),
    ],
    (Ending.COMPLETE, TIME): [
        *("מחר בבוקר", "בבוקר", "ביום שלישי אחרי הצהריים", "מחר אחה״צ, בבקשה", "בערב", "לא משנה"),
        *("tomorrow morning", "In the afternoon, please.", "on Tuesday evening", "at 9 am", "noon"),
    ],
    (Ending.UNFINISHED, ANY): [
        *("אני מחפש דירה ב", "אני מחפשת דירה ב-", "אני מחפשת דירה ב…", "דירה של", "דירה של ה", "ו"),
        *("דירה עם", "אני רוצה את", "דירה או", "כן אבל", "כי", "לא כי", "ל", "דירה בפלורנטין ו"),
        *("אני", "אני מחפש", "אני מחפשת", "שלום אני מחפשת", "אני רוצה", "היינו מעוניינים", "צריך"),
        *("עד", "בערך", "דירה עד", "משרד ליד", "דירה בשכונת", "ברחוב", "ביום", "הכי", "משהו כמו"),
        *("אה", "אה...", "אמ", "אממ", "אממממ", "דירה אה", "כן אה", "אז", "כאילו", "דירה כאילו"),
        *("יעני", "בוא נגיד", "שבעת", "עד שבעת", "דירה בשבעת", "שתי", "דירת", "אני רוצה גם"),
        *("אֲנִי מְחַפֵּשׂ דִּירָה שֶׁל", "בגלל", "דירה ש", "מישהו ש", "דירה בלי"),
        *("I am looking for a", "I'm looking for an", "looking for", "I want to", "in the", "and"),
        *("an apartment and", "yes but", "because", "up to", "I'd like", "my budget is", "so", "I"),
        *("um", "Uh", "uh...", "ummmm", "an apartment, um", "well", "you know", "I wa-", "maybe"),
        *("at least", "in Jaffa or", "I'm not", "like", "it's about"),
        *("אני מחפשת apartment in", "I want דירה ב"),
        *("I was thinking...", "I was thinking…", "דירה..", "yes…"),
    ],
    (Ending.UNFINISHED, YES_NO): ["כן אבל", "לא כי", "yes but", "no because", "um", "אמ", "אז"],
    (Ending.UNFINISHED, NUMBER): [
        *("עד", "בערך", "שבעת", "עד שבעת", "לפחות", "מקסימום", "התקציב שלי הוא", "בין", "אה"),
        *("שבעת אלפים ו", "שבעת אלפים עד", "seven thousand and", "up to", "about", "at most", "my"),
        *("חמשת", "7000 או", "around", "between seven and", "seven thousand um"),
    ],
    (Ending.UNFINISHED, CHOICE): [
        "את ה",
        "ביום",
        "בשעה",
        "the",
        "I'd like the",
        "אולי",
        "maybe at",
    ],
    (Ending.UNFINISHED, PHONE): [
        *(
            "050",
            "0501234",
            "050-123456",
            "050-123-456",
            "03-123456",
            "המספר שלי 050",
            "+972 50 123",
        ),
        *("אפס חמש", "אפס חמישים ושתיים שבע", "zero five oh", "my number is zero five two", "um"),
        *("501234567", "9725012345", "המספר הוא"),
    ],
    (Ending.OPEN, ANY): [
        *("", "  ", "...", "דירה", "דירה בפלורנטין", "אני מחפשת דירה בפלורנטין", "שלום", "רגע"),
        *(
            "טוב",
            "אוקיי",
            "שבעת אלפים",
            "השני",
            "7000",
            "050",
            "דירת גג",
            "ביום ה'",
            "יום ב",
            "כל יום",
        ),
        *("לא רוצה", "גם אני", "דירה בפלו", "שבעת אלפים בערך", "מתאים לך", "כן בפלורנטין"),
        *("an apartment", "I'm looking for an apartment in Jaffa", "hello", "okay", "wait", "two"),
        *("I think so too", "a flat as well", "seven thousand or so", "apar", "why not", "me too"),
        *(
            "maybe not",
            "yes in Jaffa",
            "in Jaffa, yes",
            "בפלורנטין כן",
            "the day off",
            "that's what I'm looking for",
        ),
    ],
    (Ending.OPEN, YES_NO): [
        "הראשון",
        "שבעת אלפים",
        "כן בפלורנטין",
        "seven thousand",
        "no the other",
    ],
    (Ending.OPEN, NUMBER): [
        *(
            "כן",
            "לא",
            "שבע",
            "שבעה",
            "שלוש מאות",
            "מאתיים",
            "7",
            "700",
            "3.5",
            "שבע וחצי",
            "בפלורנטין",
        ),
        *("yes", "no", "seven", "seven hundred", "seven thousand five", "twenty", "half", "okay"),
    ],
    (Ending.OPEN, CHOICE): ["כן", "לא", "מחר", "ביום שלישי", "yes", "okay", "tomorrow", "Tuesday"],
    (Ending.UNFINISHED, TIME): ["ביום", "מחר ב", "בבוקר או", "in the", "tomorrow morning or"],
    (Ending.OPEN, TIME): ["מחר", "ביום שלישי", "בשלוש", "tomorrow", "on Tuesday", "כן", "yes"],
    (Ending.OPEN, PHONE): ["כן", "yes", "050-1234567 8", "למה?", "which number"],
}


@pytest.mark.parametrize(("end", "awaits"), ENDING)
def test_how_near_words_are_to_the_end_of_an_answer(end: Ending, awaits: Awaits) -> None:
    texts = ENDING[end, awaits]
    assert {text: ending(text, awaits) for text in texts} == dict.fromkeys(texts, end)


def test_a_telephone_number_is_complete_with_its_last_digit_and_not_before() -> None:
    number = words_of("zero five two seven six five four three two one")
    ends = [ending(" ".join(number[:said]), PHONE) for said in range(1, 11)]
    assert ends == [Ending.UNFINISHED] * 9 + [Ending.COMPLETE]


def test_accompanying_words_after_one_another_are_still_company() -> None:
    company = [" ".join(phrase) for phrase in _SAY.company | _SAY.hesitation]
    for one, other in product(company, repeat=2):
        assert over(f"{one}, {other}") is Over.COMPANY


def test_any_accompanying_word_may_come_before_a_stop_and_it_is_one() -> None:
    for one, stop in product(_SAY.company, _SAY.stop):
        assert over(" ".join((*one, *stop))) is Over.STOP


TEXTS = st.text(max_size=40) | st.text(
    st.sampled_from("אבהוכלמןרגע abehkmnosuwy 057,.:-…'\"׳״\u05b0\u05be\u0130ﬁ½"), max_size=40
)


@given(TEXTS, st.sampled_from(Awaits))
def test_any_text_has_a_meaning(text: str, awaits: Awaits) -> None:
    assert over(text) in Over
    assert ending(text, awaits) in Ending


@given(TEXTS, st.sampled_from(sorted(_SAY.company)))
def test_company_that_goes_on_is_company(text: str, company: tuple[str, ...]) -> None:
    joined = over(f"{text} {' '.join(company)}")
    assert joined is Over.COMPANY or over(text) is not Over.COMPANY


@given(st.sampled_from(sorted(_SAY.company)))
def test_a_word_that_is_no_company_stays_one(company: tuple[str, ...]) -> None:
    assert over(f"Jaffa {' '.join(company)}") is Over.WORDS


ROWS = [(text, awaits) for (_, awaits), texts in ENDING.items() for text in texts]


@st.composite
def _otherwise_written(draw: st.DrawFn, text: str) -> str:
    """The same words with points, in capitals, and with other signs between and behind them."""
    if draw(st.booleans()):
        text = text.upper()
    point = draw(st.sampled_from("\u05b0\u05b8\u05bc\u05c1"))
    text = re.sub("(?<=[א-ת])(?=[א-ת])", draw(st.sampled_from(["", point])), text)
    text = re.sub(r"(?<!\d) (?!\d)", draw(st.sampled_from([" ", ", ", "  ", "! ", " “"])), text)
    trailing_off = re.search(r"\W$", text)
    return text if trailing_off else text + draw(st.sampled_from(["", ".", ",", "!", "?", ". "]))


@given(st.data())
def test_points_capitals_and_punctuation_change_nothing(data: st.DataObject) -> None:
    text, awaits = data.draw(st.sampled_from(ROWS))
    written = data.draw(_otherwise_written(text))
    assert over(written) is over(text)
    assert ending(written, awaits) is ending(text, awaits)
