"""How what is written in a Hebrew sentence is said. The words that come out are pointed; those that
stood there are left as they are, but for the nouns that are counted."""

import re

from engine.dialogue import counting_he as count
from engine.dialogue.counting_he import cardinal, counted, counting, digits, with_prefix
from engine.dialogue.hebrew import conjoin, without_points
from engine.dialogue.texts import WEEKDAYS
from engine.dialogue.written import (
    CLOCK,
    DASH,
    NUMBER,
    PHONE,
    Amount,
    Rule,
    amount,
    apart,
    date_in,
    one_of,
    phone_groups,
)

_LETTER = "[א-ת\u0591-\u05bd\u05bf-\u05c7]"
_PREFIX = (
    rf"(?<!\w)(?<![\u0591-\u05c7])(?<!\w[\"״”'׳’])"
    rf"(?P<pre>(?:[ובלמהכש][\u05b0-\u05c7]*){{1,3}}){DASH}?"
)
_BEFORE = rf"(?:{_PREFIX}|(?<![\w.,]))"
_WORD = rf"[א-ת]{_LETTER}*(?:[\"״'׳]{_LETTER}*)?"
_MONTHS = (
    *("יָ֫נוּאָר", "פֶ֫בְּרוּאָר", "מֶרְץ", "אַפְּרִיל", "מַאי", "יוּ֫נִי", "יוּ֫לִי"),
    *("אוֹ֫גוּסְט", "סֶפְּטֶ֫מְבֶּר", "אוֹקְטוֹ֫בֶּר", "נוֹבֶ֫מְבֶּר", "דֶצֶ֫מְבֶּר"),
)
_MONTH_NAMES = {without_points(month): month for month in _MONTHS} | {"מרס": "מֶרְס"}
_SCALES = {
    **dict.fromkeys(("אלף", "אלפים", "K", "k"), 1_000),
    **dict.fromkeys(("מיליון", "מליון", "מיליונים", "M"), 1_000_000),
}
_SYMBOLS = {"₪": count.SHEKEL, "$": count.DOLLAR, "€": count.EURO, "NIS": count.SHEKEL}
_UNITS = {
    **_SYMBOLS,
    **dict.fromkeys(('ש"ח', "שח", "ILS"), count.SHEKEL),
    **dict.fromkeys(("USD",), count.DOLLAR),
    **dict.fromkeys(("EUR", "יורו"), count.EURO),
    **dict.fromkeys(('מ"ר', "מטר רבוע", "מטרים רבועים", "m2"), count.SQUARE_METER),
    'ק"מ': count.KILOMETER,
    'ס"מ': count.CENTIMETER,
    'ק"ג': count.KILOGRAM,
    "מ'": count.METER,
    "חד'": count.ROOM,
    "דק'": count.MINUTE,
    "שע'": count.HOUR,
    "שנ'": count.SECOND,
    "%": count.PERCENT,
    "°": count.DEGREE,
}
_CENTS = {count.SHEKEL: count.AGORA, count.DOLLAR: count.CENT, count.EURO: count.CENT}
_ABBREVIATED = {
    "רח'": "רְחוֹב",
    "שד'": "שְׂדֵרוֹת",
    "שכ'": "שְׁכוּנַת",
    "מס'": "מִסְפָּר",
    "טל'": "טֵלֵפוֹן",
    "דק'": "דַּקּוֹת",
    "לדוג'": "לְדוּגְמָה",
    "וכו'": "וְכוּלֵּי",
    "וכד'": "וְכַדּוֹמֶה",
    'ת"א': "תֵּל אָבִיב",
    'ר"ג': "רָמַת גַּן",
    'פ"ת': "פֶּ֫תַח תִּקְוָה",
    'ראשל"צ': "רִאשׁוֹן לְצִיּוֹן",
    'ש"ח': "שְׁקָלִים",
    'מ"ר': "מֶ֫טֶר רָבוּעַ",
    'ק"מ': "קִילוֹמֶ֫טֶר",
    'ס"מ': "סֶנְטִימֶ֫טֶר",
    'ק"ג': "קִילוֹגְרָם",
    'אח"כ': "אַחַר כָּךְ",
    'אחה"צ': "אַחֲרֵי הַצׇּהֳרַ֫יִים",
    'לפנה"צ': "לִפְנֵי הַצׇּהֳרַ֫יִים",
    'ז"א': "זֹאת אוֹמֶ֫רֶת",
    'ד"ר': "דּוֹ֫קְטוֹר",
    'עו"ד': "עוֹרֵךְ דִּין",
    'נדל"ן': "נַדְלָן",
    'ממ"ד': "מָמָד",
    'מע"מ': "מָעָם",
    'ביה"ס': "בֵּית הַסֵּפֶר",
}
_SIGNS = {"₪": "שְׁקָלִים", "%": "אֲחוּזִים", "€": "אֵ֫ירוֹ", "$": "דּוֹ֫לָר"}
_DAY_LETTERS = dict(zip("בגדהוא", (*WEEKDAYS["he"][:5], WEEKDAYS["he"][6]), strict=True))


def _table_form(written: str) -> str:
    return re.sub("[״”]|''|׳׳", '"', written).replace("׳", "'").replace("’", "'")


def _prefix(found: re.Match[str]) -> str:
    return found["pre"] or ""


def _phone(found: re.Match[str]) -> str:
    lead = {"+": "פְּלוּס ", "*": "כּוֹכָבִית "}.get(found[0][0], "")
    return lead + ", ".join(digits(group) for group in phone_groups(found[0]))


# Dates.


def _date(found: re.Match[str]) -> str:
    date = date_in(found)
    if date is None:
        return found[0]
    day, month, year = date
    words = f"{cardinal(day, 'm')} {with_prefix('ב', _MONTHS[month - 1])}"
    return with_prefix(_prefix(found), f"{words} {cardinal(year, 'f')}" if year else words)


def _day_of_month(found: re.Match[str]) -> str:
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    month = _MONTH_NAMES[found["month"]]
    letter = found["letter"]
    words = f"{cardinal(day, 'm')} {with_prefix(letter, month)}"
    if found["first"]:
        words = f"{cardinal(int(found['first']), 'm')} {count.UNTIL} {words}"
    return with_prefix(_prefix(found), words)


def _weekday(found: re.Match[str]) -> str:
    return with_prefix(_prefix(found), _DAY_LETTERS[found["day"]])


def _weekdays(found: re.Match[str]) -> str:
    first, last = (_DAY_LETTERS[found[end]] for end in ("first", "last"))
    return with_prefix(_prefix(found), f"{first} {count.UNTIL} {last}")


# Times of the day.


def _part_of_day(hour: int) -> str:
    for until, part in (
        (5, "בַּלַּ֫יְלָה"),
        (12, "בַּבּוֹ֫קֶר"),
        (13, "בַּצׇּהֳרַ֫יִים"),
        (18, "אַחֲרֵי הַצׇּהֳרַ֫יִים"),
        (21, "בָּעֶ֫רֶב"),
    ):
        if hour % 24 < until:
            return part
    return "בַּלַּ֫יְלָה"


def _clock_words(text: str) -> str:
    hour, minute = (int(part) for part in text.split(":"))
    words = cardinal((hour - 1) % 12 + 1, "f")
    match minute:
        case 0:
            return words
        case 15:
            return f"{words} וָ{count.QUARTER}"
        case 30:
            return f"{words} וָ{count.HALF}"
    minutes = cardinal(minute, "f")
    if minute < 20:
        minutes = counted(Amount(minute), count.MINUTE)
    simple = minute < 20 or minute % 10 == 0
    return f"{words} {conjoin(minutes) if simple else minutes}"


def _needed_part(text: str) -> str:
    """«4:30» may be either; who writes «16:30» or «09:00» counts to twenty-four."""
    hour = int(text.split(":")[0])
    return _part_of_day(hour) if hour >= 12 or text[0] == "0" else ""


def _clock(found: re.Match[str]) -> str:
    start, end = found["from"], found["until"]
    told = found["part"] is not None
    part = "" if told else _needed_part(end or start)
    words = _clock_words(end or start)
    if end:
        before = "" if told or _needed_part(start) == part else _needed_part(start)
        first = " ".join(filter(None, (_clock_words(start), before)))
        words = f"{first} {count.UNTIL} {words}"
    return with_prefix(_prefix(found), " ".join(filter(None, (words, part))))


# Places in an order.

_MANY = 11
"""From here on what is measured stands in the singular: «עֶשְׂרִים אָחוּז»."""
_FRACTION_WORDS = {
    "1/2": count.HALF,
    "1/3": "שְׁלִישׁ",
    "2/3": "שְׁנֵי שְׁלִישִׁים",
    "1/4": count.QUARTER,
    "3/4": "שְׁלוֹשָׁה רְבָעִים",
}
_FRACTIONS_OF = {
    _FRACTION_WORDS["2/3"]: "שְׁנֵי שְׁלִישֵׁי",
    _FRACTION_WORDS["3/4"]: "שְׁלוֹשֶׁת רִבְעֵי",
}
_ROUND_THE_CLOCK = "עֶשְׂרִים וְאַרְבַּע שֶׁ֫בַע"


def _fraction(found: re.Match[str]) -> str:
    words = _FRACTION_WORDS[found[0]]
    return _FRACTIONS_OF.get(words, words) if found["of"] is not None else words


def _floor(found: re.Match[str]) -> str:
    number = int(found["number"])
    if found["minus"] or not 1 <= number <= 10:
        words = cardinal(number, "f")
        return f"{found['floor']} {count.MINUS + ' ' if found['minus'] else ''}{words}"
    return f"{found['floor']} {count.ordinal(number, 'f')}"


def _ordinal(found: re.Match[str]) -> str:
    gender = count.gender_of(found["noun"]) or ("f" if found["noun"].endswith("ה") else "m")
    words = count.ordinal(int(found["number"]), gender)
    return f"{found['noun']} {with_prefix('ה', words)}"


# Numbers of things, and numbers alone.


def _quantity(found: re.Match[str]) -> str:
    symbol = found["symbol"] or found["symbol2"] or found["unit"]
    word = found["word"] or ""
    noun = _UNITS[_table_form(symbol)] if symbol else _counted_noun(found, word)
    numbers = [_amount(found[name], found["scale"]) for name in ("number", "until") if found[name]]
    amounts = [number for number in numbers if number is not None]
    if len(amounts) < len(numbers):
        words = _row(found) + (f" {noun.many}" if noun else "")
    elif noun:
        is_measured = symbol is not None and noun != count.SHEKEL
        singular = is_measured or count.bare(noun.one) == count.bare(word)
        words = _range(found, amounts, _of_noun(amounts, noun, singular=singular))
    else:
        words = _range(found, amounts, _of_word(amounts[-1], word))
    if found["minus"]:
        words = f"{count.MINUS} {words}"
    if word and (symbol or not noun):
        words = f"{words} {word}"
    return apart(found, with_prefix(_prefix(found), words))


def _counted_noun(found: re.Match[str], word: str) -> count.Noun | None:
    """The noun that follows, if it is this number's: in «הרצל 5 דירה 3» it is the next one's."""
    noun = count.known_noun(word)
    if noun is None or count.bare(word) == count.bare(noun.many):
        return noun
    number = amount(found["until"] or found["number"])
    alone = re.match(rf" {DASH}?\d", found.string[found.end() :]) is None
    fits = number is not None and (number.whole < 2 or number.whole >= _MANY)
    return noun if alone and (fits or found["scale"]) else None


def _amount(written: str, scale: str | None) -> Amount | None:
    number = amount(written)
    if number is None or scale is None:
        return number
    scaled = number.times(_SCALES[scale])
    return scaled if scaled.whole < 1_000_000_000 else None


def _row(found: re.Match[str]) -> str:
    """What is too long for a number, or begins with a zero: digit by digit."""
    rows = [found[name] for name in ("number", "until") if found[name]]
    words = [digits("".join(filter(str.isdigit, row))) for row in rows]
    scale = f" {found['scale']}" if found["scale"] else ""
    return f" {count.UNTIL} ".join(words) + scale


def _range(found: re.Match[str], amounts: list[Amount], words: str) -> str:
    """The words of a range's upper end, or of a number alone, with its lower end before them."""
    if len(amounts) == 1:
        return words
    symbol = found["symbol"] or found["symbol2"] or found["unit"]
    noun = _UNITS[_table_form(symbol)] if symbol else None
    gender = noun.gender if noun else count.gender_of(found["word"] or "") or "f"
    first = counting(amounts[0], gender)
    if found["to"]:
        return f"{first} {with_prefix('ל', words)}"
    return f"{first} {found['joint'] or count.UNTIL} {words}"


def _of_noun(amounts: list[Amount], noun: count.Noun, *, singular: bool) -> str:
    *before, last = amounts
    cents = _CENTS.get(noun)
    if cents and not before and len(last.decimals) == 2 and not last.is_whole:
        return _price(last, noun, cents)
    if singular and last.whole >= _MANY:
        return f"{counting(last, noun.gender)} {noun.one}"
    if before:
        return f"{count.before_noun(last, noun.gender)} {noun.many}"
    return counted(last, noun)


def _price(number: Amount, coin: count.Noun, cents: count.Noun) -> str:
    hundredths = counted(Amount(int(number.decimals)), cents)
    if not number.whole:
        return hundredths
    return f"{counted(Amount(number.whole), coin)} {conjoin(hundredths)}"


def _of_word(number: Amount, word: str) -> str:
    gender = count.gender_of(word)
    if gender is None:
        return counting(number, "f")
    return count.before_noun(number, gender, definite=word.startswith("ה"))


def _left_over(found: re.Match[str]) -> str:
    number = amount(found[0])
    words = digits(found[0]) if number is None else counting(number, "f")
    return apart(found, words)


def _abbreviation(found: re.Match[str]) -> str:
    words = _ABBREVIATED[_table_form(found["abbreviation"])]
    return with_prefix(_prefix(found), words)


_DATE = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>(?:19|20)?\d\d)"
_NOT_COUNTED = rf"(?!\s?(?:{one_of({*_UNITS, *_SCALES, *count.WORDS})}))"
_END = r"(?![\w/:]|[.,]\d)"
_PART = "בבוקר|בצהריים|בצהרים|אחרי הצהריים|אחר הצהריים|אחה|בערב|בלילה|לפנות"

RULES: tuple[Rule, ...] = (
    (PHONE, _phone),
    (
        re.compile(rf"{_BEFORE}(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d){_END}"),
        _date,
    ),
    (re.compile(r"(?<![\w/.-])(?:1/[234]|2/3|3/4)(?![\w/])(?P<of>(?= [א-ת]))?"), _fraction),
    (re.compile(r"(?<![\w/.-])24/7(?![\w/])"), lambda _: _ROUND_THE_CLOCK),
    (re.compile(rf"{_BEFORE}{_DATE}(?P<s>[/.])(?P<month>\d{{1,2}})(?P=s){_YEAR}{_END}"), _date),
    (re.compile(rf"{_BEFORE}{_DATE}/(?P<month>\d{{1,2}})(?P<year>){_END}"), _date),
    (
        re.compile(
            rf"{_BEFORE}(?<![₪$€]){_DATE}\.(?P<month>0[1-9]|1[0-2])(?P<year>){_END}{_NOT_COUNTED}"
        ),
        _date,
    ),
    (
        re.compile(
            rf"{_BEFORE}(?:(?P<first>\d{{1,2}})(?: ?{DASH} ?| עד ))?"
            rf"(?P<day>\d{{1,2}}) (?P<letter>[בל]?){DASH}?"
            rf"(?P<month>{one_of(_MONTH_NAMES)})(?!{_LETTER})"
        ),
        _day_of_month,
    ),
    (
        re.compile(
            rf"{_BEFORE}(?P<from>{CLOCK})(?::\d\d)?(?:\s?{DASH}\s?(?P<until>{CLOCK}))?{_END}"
            rf"(?=[ ,]*(?P<part>{_PART})|)"
        ),
        _clock,
    ),
    (
        re.compile(
            rf"(?<!\w)(?P<floor>[ובלמהכש]{{0,2}}קומה) (?P<minus>-)?(?P<number>\d{{1,2}}){_END}"
        ),
        _floor,
    ),
    (re.compile(rf"(?P<noun>{_WORD}) ה{DASH}?(?P<number>\d{{1,3}}){_END}"), _ordinal),
    (re.compile(r"(?<=\d)/(?=\d)"), lambda _: " לוֹכְסָן "),
    (
        re.compile(
            rf"{_BEFORE}(?P<minus>[-\u2212])?(?:(?P<symbol>{one_of(_SYMBOLS)})\s?)?"
            rf"(?P<number>{NUMBER})"
            rf"(?:(?:\s?{DASH}\s?| (?P<joint>או|עד) | (?P<to>ל){DASH}?)"
            rf"(?:(?P<symbol2>{one_of(_SYMBOLS)})\s?)?(?P<until>{NUMBER}))?"
            rf"(?:\s?(?P<scale>{one_of(_SCALES)})(?!\w))?"
            rf"(?:\s?(?P<unit>{one_of(_UNITS)})(?!\w))?"
            rf"(?: (?!קומה)(?P<word>{_WORD})(?!{_LETTER}|{DASH}?\d))?"
        ),
        _quantity,
    ),
    (re.compile(r"(?<=\d)[.:,](?=\d)"), lambda _: " "),
    (re.compile(r"\d+"), _left_over),
)
ABBREVIATIONS: tuple[Rule, ...] = (
    (re.compile("[₪$€%]"), lambda found: apart(found, _SIGNS[found[0]])),
    (
        re.compile(
            rf"(?:{_PREFIX}|(?<!\w)(?<!\w[\"״”'׳’]))(?P<abbreviation>{one_of(_ABBREVIATED)})"
            rf"(?!\w|[\"״”'׳’])"
        ),
        _abbreviation,
    ),
    (
        re.compile(rf"(?:{_PREFIX}|(?<!\w))(?:יוֹם|יום) (?P<day>[א-ו])['׳’](?!\w)"),
        _weekday,
    ),
    (
        re.compile(
            rf"(?:{_PREFIX}|(?<![\w-]))(?P<first>[א-ו])['׳’] ?{DASH} ?(?P<last>[א-ו])['׳’](?!\w)"
        ),
        _weekdays,
    ),
)
