"""Counting in Hebrew: gender, construct form, what comes before its number and what after, and the
prefixes that are written as one word with it. Pointed throughout."""

import re
from dataclasses import dataclass
from typing import Literal

from engine.dialogue.hebrew import conjoin, toward, without_points
from engine.dialogue.numerals import digit_in_words, in_words
from engine.dialogue.written import Amount

Gender = Literal["m", "f"]

HALF, QUARTER = "חֵצִי", "רֶ֫בַע"
MINUS, UNTIL, POINT = "מִ֫ינוּס", "עַד", "נְקוּדָּה"
_TEEN_TAIL = "עֶשְׂרֵה"
_DAGESH = "\u05bc"


@dataclass(frozen=True, slots=True)
class Noun:
    gender: Gender
    one: str
    many: str
    two: str = ""
    """The dual, where it is what one says: «שְׁעָתַ֫יִים»."""


SHEKEL = Noun("m", "שֶׁ֫קֶל", "שְׁקָלִים")
AGORA = Noun("f", "אֲגוֹרָה", "אֲגוֹרוֹת")
DOLLAR = Noun("m", "דּוֹ֫לָר", "דּוֹלָרִים")
CENT = Noun("m", "סֶנְט", "סֶ֫נְטִים")
EURO = Noun("m", "אֵ֫ירוֹ", "אֵ֫ירוֹ")
PERCENT = Noun("m", "אָחוּז", "אֲחוּזִים")
METER = Noun("m", "מֶ֫טֶר", "מֶ֫טְרִים")
SQUARE_METER = Noun("m", "מֶ֫טֶר רָבוּעַ", "מֶ֫טְרִים רְבוּעִים")
CENTIMETER = Noun("m", "סֶנְטִימֶ֫טֶר", "סֶנְטִימֶ֫טְרִים")
KILOMETER = Noun("m", "קִילוֹמֶ֫טֶר", "קִילוֹמֶ֫טְרִים")
KILOGRAM = Noun("m", "קִילוֹגְרָם", "קִילוֹגְרָמִים")
DEGREE = Noun("f", "מַעֲלָה", "מַעֲלוֹת")
MINUTE = Noun("f", "דַּקָּה", "דַּקּוֹת")
HOUR = Noun("f", "שָׁעָה", "שָׁעוֹת", "שְׁעָתַ֫יִים")
SECOND = Noun("f", "שְׁנִיָּה", "שְׁנִיּוֹת")
ROOM = Noun("m", "חֶ֫דֶר", "חֲדָרִים")

NOUNS = (
    ROOM,
    *(SHEKEL, AGORA, DOLLAR, CENT, EURO, PERCENT, METER, KILOMETER, DEGREE, MINUTE, HOUR, SECOND),
    Noun("m", "מִילְיַארְד", "מִילְיַארְד"),
    Noun("m", "מִשְׂרָד", "מִשְׂרָדִים"),
    Noun("m", "בַּ֫יִת", "בָּתִּים"),
    Noun("m", "נֶ֫כֶס", "נְכָסִים"),
    Noun("m", "בִּנְיָן", "בִּנְיָנִים"),
    Noun("m", "רְחוֹב", "רְחוֹבוֹת"),
    Noun("m", "מָקוֹם", "מְקוֹמוֹת"),
    Noun("m", "חַלּוֹן", "חַלּוֹנוֹת"),
    Noun("m", "מוֹעֵד", "מוֹעֲדִים"),
    Noun("m", "תַּשְׁלוּם", "תַּשְׁלוּמִים"),
    Noun("m", "שׁוּתָּף", "שׁוּתָּפִים"),
    Noun("m", "סוֹכֵן", "סוֹכְנִים"),
    Noun("m", "יֶ֫לֶד", "יְלָדִים"),
    Noun("m", "אִישׁ", "אֲנָשִׁים"),
    Noun("m", "לַ֫יְלָה", "לֵילוֹת"),
    Noun("m", "יוֹם", "יָמִים", "יוֹמַ֫יִים"),
    Noun("m", "שָׁבוּעַ", "שָׁבוּעוֹת", "שְׁבוּעַ֫יִים"),
    Noun("m", "חוֹ֫דֶשׁ", "חוֹדָשִׁים", "חוֹדְשַׁ֫יִים"),
    Noun("f", "שָׁנָה", "שָׁנִים", "שְׁנָתַ֫יִים"),
    Noun("f", "פַּ֫עַם", "פְּעָמִים", "פַּעֲמַ֫יִים"),
    Noun("f", "דִּירָה", "דִּירוֹת"),
    Noun("f", "חֲנוּת", "חֲנוּיוֹת"),
    Noun("f", "קוֹמָה", "קוֹמוֹת"),
    Noun("f", "פְּגִישָׁה", "פְּגִישׁוֹת"),
    Noun("f", "חֲנָיָה", "חֲנָיוֹת"),
    Noun("f", "מִרְפֶּ֫סֶת", "מִרְפָּסוֹת"),
    Noun("f", "מִקְלַ֫חַת", "מִקְלָחוֹת"),
    Noun("f", "שְׁכוּנָה", "שְׁכוּנוֹת"),
    Noun("f", "אֶפְשָׁרוּת", "אֶפְשָׁרוּיוֹת"),
    Noun("f", "עִיר", "עָרִים"),
    Noun("f", "מִילָּה", "מִילִּים"),
)


def bare(word: str) -> str:
    """«בניין» and «בִּנְיָן» are one word."""
    return without_points(word).replace("יי", "י")


WORDS = {bare(form): noun for noun in NOUNS for form in (noun.one, noun.many)}
_MASCULINE_IN_OT = frozenset(
    [
        "שולחנות",
        "כיסאות",
        "ארונות",
        "קירות",
        "חשבונות",
        "שמות",
        "רעיונות",
        "יתרונות",
        "פתרונות",
        "מפתחות",
        "מקורות",
        "דורות",
    ]
)
_FEMININE_IN_IM = frozenset(["נשים", "אבנים", "דרכים", "ביצים", "פנים"])
_NO_NOUNS = frozenset({"לפחות", "פחות", "להיות", "אודות", "אחרות", "אחרים", "נוספות", "נוספים"})

ORDINALS_M = (
    *("רִאשׁוֹן", "שֵׁנִי", "שְׁלִישִׁי", "רְבִיעִי", "חֲמִישִׁי"),
    *("שִׁישִּׁי", "שְׁבִיעִי", "שְׁמִינִי", "תְּשִׁיעִי", "עֲשִׂירִי"),
)
ORDINALS_F = (
    *("רִאשׁוֹנָה", "שְׁנִיָּה", "שְׁלִישִׁית", "רְבִיעִית", "חֲמִישִׁית"),
    *("שִׁישִּׁית", "שְׁבִיעִית", "שְׁמִינִית", "תְּשִׁיעִית", "עֲשִׂירִית"),
)


def known_noun(word: str) -> Noun | None:
    """The noun of which this is the singular or the plural, with points or without."""
    return WORDS.get(bare(word))


def gender_of(word: str) -> Gender | None:
    """Of what is counted; None: the word is not, as far as one can see."""
    letters = without_points(word)
    noun = known_noun(letters) or (known_noun(letters[1:]) if letters[:1] == "ה" else None)
    if noun is not None:
        return noun.gender
    if len(letters) < 4 or letters in _NO_NOUNS:
        return None
    if letters.endswith("ים"):
        return "f" if letters in _FEMININE_IN_IM else "m"
    if letters.endswith("ות"):
        return "m" if letters in _MASCULINE_IN_OT else "f"
    return None


def cardinal(number: int, gender: Gender) -> str:
    """As one counts; before a noun two is another word (`counted`)."""
    words = in_words(number, "he")
    below = number % 100
    if gender == "m" or not (below == 10 or below % 10):
        return words
    head = words.split(" ")
    last = head[-2:] if 11 <= below <= 19 else head[-1:]
    small = _feminine(below if below < 20 else below % 10)
    if last[0].startswith("ו"):
        small = conjoin(small)
    return " ".join([*head[: -len(last)], small])


def _feminine(number: int) -> str:
    if number <= 12:
        return digit_in_words(number, "he")
    hundreds = in_words(number % 10 * 100, "he")  # its first word is the one of the teens
    return f"{hundreds.split(' ')[0]} {_TEEN_TAIL}"


def counting(number: Amount, gender: Gender) -> str:
    """The number alone: «שְׁלוֹשָׁה וָחֵצִי»; other fractions as digits after a point."""
    decimals = number.decimals.rstrip("0")
    whole = cardinal(number.whole, gender)
    match decimals:
        case "":
            return whole
        case "5":
            return f"{whole} וָ{HALF}" if number.whole else HALF
        case "25":
            return f"{whole} וָ{QUARTER}" if number.whole else QUARTER
    if len(decimals) <= 2 and decimals[0] != "0":
        fraction = cardinal(int(decimals), "f")
    else:
        fraction = digits(decimals)
    return f"{cardinal(number.whole, 'f')} {POINT} {fraction}"


def digits(row: str) -> str:
    return " ".join(digit_in_words(int(digit), "he") for digit in row)


def before_noun(number: Amount, gender: Gender, *, definite: bool = False) -> str:
    """Before its noun: «שְׁנֵי», «שְׁתֵּי»; before a definite one «שְׁלוֹשֶׁת»."""
    if number.is_whole and number.whole == 2:
        return "שְׁנֵי" if gender == "m" else "שְׁתֵּי"
    if number.is_whole and definite and gender == "m" and 3 <= number.whole <= 10:
        return in_words(number.whole * 1_000, "he").split(" ")[0]  # «שְׁלוֹשֶׁת אֲלָפִים»
    return counting(number, gender)


def counted(number: Amount, noun: Noun) -> str:
    """«חֶ֫דֶר אֶחָד», «שְׁנֵי חֲדָרִים», «שְׁלוֹשָׁה וָחֵצִי חֲדָרִים», «מֵאָה שְׁקָלִים»."""
    if number.whole == 1 and number.is_whole:
        return f"{noun.one} {cardinal(1, noun.gender)}"
    if number.whole == 1 and number.decimals.rstrip("0") in ("5", "25"):
        return f"{noun.one} {counting(number, noun.gender).split(' ')[1]}"
    if number.whole == 2 and number.is_whole and noun.two:
        return noun.two
    half = number.whole == 0 and number.decimals.rstrip("0") in ("5", "25")
    return f"{before_noun(number, noun.gender)} {noun.one if half else noun.many}"


def ordinal(number: int, gender: Gender) -> str:
    """From eleven on, Hebrew has no other words for them than the counting ones."""
    names = ORDINALS_M if gender == "m" else ORDINALS_F
    return names[number - 1] if 1 <= number <= 10 else cardinal(number, gender)


def with_prefix(letters: str, words: str) -> str:
    """Letters that are written as one word with what follows: «בְּעֶ֫שֶׂר», «וְלִשְׁנֵי»."""
    for letter in reversed(without_points(letters)):
        words = _with_letter(letter, words)
    return words


def _with_letter(letter: str, words: str) -> str:
    first, marks, rest = _first_letter(words)
    if without_points(words.split(" ")[0]) == words.split(" ")[0]:
        return letter + words  # half a word with points would be none
    match letter:
        case "ו":
            return conjoin(words)
        case "ש":
            return f"שֶׁ{words}"
        case "מ":
            return ("מֵ" if first in "אהחער" else "מִ") + words
        case "ה":
            article = "הֶ" if first == "ח" and "\u05b8" in marks else "הַ"
            return ("הָ" if first in "אער" else article) + words
    if first in "בגדכפת":
        words = first + marks.replace(_DAGESH, "") + rest
    lamed = toward(words)
    return lamed if letter == "ל" else letter + lamed[1] + _DAGESH + lamed[2:]


def _first_letter(words: str) -> tuple[str, str, str]:
    found = re.match("(.)([\u0591-\u05c7]*)(.*)", words, re.DOTALL)
    return (found[1], found[2], found[3]) if found else ("", "", "")
