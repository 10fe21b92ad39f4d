"""How what is written in an English sentence is said."""

import re
from dataclasses import dataclass

from engine.dialogue.numerals import digit_in_words, in_words
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


@dataclass(frozen=True, slots=True)
class _Unit:
    one: str
    many: str
    cent: str = ""


_SHEKEL = _Unit("shekel", "shekels", "agora")
_DOLLAR = _Unit("dollar", "dollars", "cent")
_EURO = _Unit("euro", "euros", "cent")
_SQUARE_METER = _Unit("square meter", "square meters")
_SQUARE_FOOT = _Unit("square foot", "square feet")
_CENTS = {"agora": "agorot", "cent": "cents"}
_SYMBOLS = {"₪": _SHEKEL, "NIS": _SHEKEL, "ILS": _SHEKEL, "$": _DOLLAR, "€": _EURO}
_UNITS = {
    **_SYMBOLS,
    **dict.fromkeys(("USD", "dollars", "dollar"), _DOLLAR),
    **dict.fromkeys(("EUR", "euros", "euro"), _EURO),
    **dict.fromkeys(("shekels", "shekel"), _SHEKEL),
    **dict.fromkeys(("sqm", "sq m", "sq. m.", "sq.m.", "m2", "square meters"), _SQUARE_METER),
    **dict.fromkeys(("sqft", "sq ft", "sq. ft.", "ft2", "square feet"), _SQUARE_FOOT),
    "km": _Unit("kilometer", "kilometers"),
    "cm": _Unit("centimeter", "centimeters"),
    "kg": _Unit("kilogram", "kilograms"),
    **dict.fromkeys(("min", "min.", "mins"), _Unit("minute", "minutes")),
    **dict.fromkeys(("hr", "hrs", "hr.", "hrs."), _Unit("hour", "hours")),
    "%": _Unit("percent", "percent"),
    "°": _Unit("degree", "degrees"),
}
_SCALES = {
    **dict.fromkeys(("K", "k", "thousand"), "thousand"),
    **dict.fromkeys(("M", "million"), "million"),
    **dict.fromkeys(("bn", "billion"), "billion"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MONTH_NAMES = (
    {month: month for month in _MONTHS}
    | {short: month for month in _MONTHS for short in (month[:3], f"{month[:3]}.")}
    | {"Sept": "September", "Sept.": "September"}
)
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_FRACTIONS = {
    "1/2": "half",
    "1/3": "a third",
    "2/3": "two thirds",
    "1/4": "a quarter",
    "3/4": "three quarters",
}
_ALONE = {"half": "half", "quarter": "a quarter"}
_PARTS = {"half": "half a", "a quarter": "a quarter of a"}
_ABBREVIATED = {
    "Ave.": "Avenue",
    "Blvd.": "Boulevard",
    "Rd.": "Road",
    "Mr.": "Mister",
    "Mrs.": "Missus",
    "Ms.": "Miz",
    "Prof.": "Professor",
    "Apt.": "apartment",
    "apt.": "apartment",
    "approx.": "approximately",
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "and so on",
    "vs.": "versus",
    "Tel.": "telephone",
    "sqm": "square meters",
    "sq. m.": "square meters",
    "sq. ft.": "square feet",
    "NIS": "shekels",
    "₪": "shekels",
    "$": "dollars",
    "€": "euros",
    "%": "percent",
    "&": "and",
}


def _digits(row: str) -> str:
    return " ".join(digit_in_words(int(digit), "en") for digit in row)


def _number(number: Amount) -> str:
    """Halves and quarters by their names, other fractions digit by digit."""
    decimals = number.decimals.rstrip("0")
    whole = in_words(number.whole, "en")
    named = {"": "", "5": "half", "25": "quarter"}.get(decimals)
    if named is None:
        return f"{whole} point {_digits(decimals)}"
    if not named:
        return whole
    return f"{whole} and a {named}" if number.whole else _ALONE[named]


def _ordinal_words(number: int) -> str:
    *before, last = in_words(number, "en").split(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*before, last])


def _year_words(year: int) -> str:
    """“Twenty twenty six”, “nineteen oh five”, “two thousand five”."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return in_words(year, "en")
    if not rest:
        return f"{in_words(century, 'en')} hundred"
    return f"{in_words(century, 'en')} {'oh ' if rest < 10 else ''}{in_words(rest, 'en')}"


def _phone(found: re.Match[str]) -> str:
    lead = {"+": "plus ", "*": "star "}.get(found[0][0], "")
    return lead + ", ".join(_digits(group) for group in phone_groups(found[0]))


def _date(found: re.Match[str]) -> str:
    date = date_in(found)
    if date is None:
        return found[0]
    day, month, year = date
    words = f"{_MONTHS[month - 1]} {_ordinal_words(day)}"
    return f"{words}, {_year_words(year)}" if year else words


def _month_first(found: re.Match[str]) -> str:
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    words = f"{_MONTH_NAMES[found['month']]} {_ordinal_words(day)}"
    return f"{words}, {_year_words(int(found['year']))}" if found["year"] else words


def _day_first(found: re.Match[str]) -> str:
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    article = "" if found["the"] else "the "
    month = _MONTH_NAMES[found["month"]]
    words = f"{found['the'] or ''}{article}{_ordinal_words(day)} of {month}"
    return f"{words}, {_year_words(int(found['year']))}" if found["year"] else words


def _year(found: re.Match[str]) -> str:
    return f"{found[1]}{_year_words(int(found[2]))}"


# Times of the day.

_O_CLOCK = " o'clock"


def _part_of_day(hour: int) -> str:
    for until, part in (
        (5, "at night"),
        (12, "in the morning"),
        (18, "in the afternoon"),
        (21, "in the evening"),
    ):
        if hour % 24 < until:
            return part
    return "at night"


def _clock_words(hour: int, minute: int, part: str) -> str:
    if not minute and part and hour % 24 == 12:
        return "twelve noon"
    if not minute and part and hour % 24 == 0:
        return "midnight"
    words = in_words((hour - 1) % 12 + 1, "en")
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{in_words(minute, 'en')}"
    elif not part:
        words += _O_CLOCK
    return f"{words} {part}".strip()


def _hour_and_part(written: str, half: str, told: bool) -> tuple[int, int, str]:
    """The hour of 24 as far as it is known, and the part of the day if that has to be said.

    “4:30” may be either; who writes “16:30” or “09:00” counts to twenty-four."""
    hour, _, minutes = written.partition(":")
    number = int(hour)
    if half and 1 <= number <= 12:
        number = number % 12 + 12 * (half in "pP")
    known = bool(half) or number >= 12 or hour[0] == "0"
    return number, int(minutes or 0), "" if told or not known else _part_of_day(number)


def _clock(found: re.Match[str]) -> str:
    told = found["part"] is not None
    half = (found["half"] or found["half2"] or "")[:1]
    hour, minute, part = _hour_and_part(found["from"] or found["hour"], half, told)
    if not found["until"]:
        return _clock_words(hour, minute, part) + _full_stop(found)
    until = _hour_and_part(found["until"], half, told)
    first = _clock_words(hour, minute, "" if part == until[2] else part)
    return f"{first.removesuffix(_O_CLOCK)} to {_clock_words(*until)}{_full_stop(found)}"


# Numbers of things, and numbers alone.


def _fraction(found: re.Match[str]) -> str:
    return _FRACTIONS[found[0]]


def _ordinal(found: re.Match[str]) -> str:
    return _ordinal_words(int(found[1]))


def _quantity(found: re.Match[str]) -> str:
    symbol = found["symbol"] or found["symbol2"] or found["unit"]
    unit = _UNITS[symbol] if symbol else None
    numbers = [amount(found[name]) for name in ("number", "until") if found[name]]
    scale = _SCALES[found["scale"]] if found["scale"] else ""
    amounts = [number for number in numbers if number is not None]
    if len(amounts) < len(numbers):
        rows = [found[name] for name in ("number", "until") if found[name]]
        words = " to ".join(_digits("".join(filter(str.isdigit, row))) for row in rows)
        words = " ".join(filter(None, (words, scale, unit.many if unit else "")))
    else:
        words = _amounts(amounts, scale, unit)
    if found["sign"] in ("#", "No. ", "No."):
        words = f"number {words}"
    elif found["sign"]:
        words = f"minus {words}"
    return apart(found, words)


def _amounts(amounts: list[Amount], scale: str, unit: _Unit | None) -> str:
    last = amounts[-1]
    if unit and unit.cent and not scale and len(amounts) == 1 and len(last.decimals) == 2:
        return _price(last, unit)
    words = " to ".join(_number(number) for number in amounts)
    if scale:
        words = f"{_PARTS.get(words, words)} {scale}"
    if unit is None:
        return words
    single = last == Amount(1) and len(amounts) == 1 and not scale
    if words in _PARTS:
        return f"{_PARTS[words]} {unit.one}"
    return f"{words} {unit.one if single else unit.many}"


def _price(number: Amount, unit: _Unit) -> str:
    cents = int(number.decimals)
    small = f"{in_words(cents, 'en')} {unit.cent if cents == 1 else _CENTS[unit.cent]}"
    coins = f"{in_words(number.whole, 'en')} {unit.one if number.whole == 1 else unit.many}"
    if not cents:
        return coins
    return f"{coins} and {small}" if number.whole else small


def _left_over(found: re.Match[str]) -> str:
    number = amount(found[0])
    words = _digits(found[0]) if number is None else _number(number)
    return apart(found, words)


# Abbreviations.


def _abbreviation(found: re.Match[str]) -> str:
    return _ABBREVIATED[found[0]] + _full_stop(found)


def _full_stop(found: re.Match[str]) -> str:
    """An abbreviation's point may be the sentence's, too."""
    return "." if found[0].endswith(".") and found.end() == len(found.string) else ""


def _street_or_saint(found: re.Match[str]) -> str:
    return (f"{found['name']}Street" if found["name"] else "Saint") + _full_stop(found)


def _drive_or_doctor(found: re.Match[str]) -> str:
    return ("Doctor" if found["whom"] is not None else "Drive") + _full_stop(found)


_END = r"(?![\w/:]|[.,]\d)"
_DAY = r"(?<![\w.,/:-])(?P<day>\d{1,2})"
_MONTH = rf"(?P<month>{one_of(_MONTH_NAMES)})"
_SUFFIX = "(?:st|nd|rd|th)?"
_OPTIONAL_YEAR = r"(?:,? (?P<year>(?:19|20)\d\d)(?![\w:]|[.,]\d))?"
_HALF = r"(?:a\.m\.|p\.m\.|[ap]m\b|[AP]M\b|A\.M\.|P\.M\.)"
_PART = "in the (?:morning|afternoon|evening)|at night|o'clock|tonight|noon"

RULES: tuple[Rule, ...] = (
    (PHONE, _phone),
    (re.compile(rf"(?<!\w)(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d){_END}"), _date),
    (re.compile(r"(?<![\w/.-])(?:1/[234]|2/3|3/4)(?![\w/])"), _fraction),
    (re.compile(r"(?<![\w/.-])24/7(?![\w/])"), lambda _: "twenty four seven"),
    (re.compile(rf"{_DAY}(?P<s>[/.])(?P<month>\d\d?)(?P=s)(?P<year>(?:19|20)?\d\d){_END}"), _date),
    (re.compile(rf"{_DAY}/(?P<month>\d\d?)(?P<year>){_END}"), _date),
    (
        re.compile(rf"\b{_MONTH} (?P<day>\d\d?){_SUFFIX}(?![\w:/]|[.,]\d){_OPTIONAL_YEAR}"),
        _month_first,
    ),
    (
        re.compile(rf"(?P<the>\b[Tt]he )?{_DAY}{_SUFFIX} (?:of )?{_MONTH}(?!\w){_OPTIONAL_YEAR}"),
        _day_first,
    ),
    (
        re.compile(
            rf"(?<![\w.,:-])(?:(?P<from>{CLOCK})(?::\d\d)?(?:\s?(?:{DASH}|to)\s?(?P<until>{CLOCK}))?"
            rf"(?!\d|:\d)(?: ?(?P<half>{_HALF}))?|(?P<hour>1[0-2]|[1-9]) ?(?P<half2>{_HALF}))"
            rf"(?=[ ,]*(?P<part>{_PART})|)"
        ),
        _clock,
    ),
    (re.compile(r"(?<![\w.,])(\d{1,6})(?:st|nd|rd|th)\b"), _ordinal),
    (
        re.compile(
            rf"(\b(?:in|since|of|by|until|year|{'|'.join(_MONTHS)}) )((?:19|20)\d\d){_END}"
            r"(?! (?:shekels|dollars|euros|NIS|rooms|square|sq))"
        ),
        _year,
    ),
    (re.compile(r"(?<=\d)/(?=\d)"), lambda _: " slash "),
    (
        re.compile(
            rf"(?<![\w.,])(?P<sign>[-\u2212](?=[\d₪$€])|#|No\. ?)?"
            rf"(?:(?P<symbol>{one_of(_SYMBOLS)})\s?)?(?P<number>{NUMBER})"
            rf"(?:\s?{DASH}\s?(?:(?P<symbol2>{one_of(_SYMBOLS)})\s?)?(?P<until>{NUMBER}))?"
            rf"(?:\s?(?P<scale>{one_of(_SCALES)})(?!\w))?"
            rf"(?:\s?(?P<unit>{one_of(_UNITS)})(?!\w))?"
        ),
        _quantity,
    ),
    (re.compile(r"(?<=\d)[.:,](?=\d)"), lambda _: " "),
    (re.compile(r"\d+"), _left_over),
)
ABBREVIATIONS: tuple[Rule, ...] = (
    (re.compile(rf"(?<![\w.])(?:{one_of(_ABBREVIATED)})(?!\w)"), _abbreviation),
    (re.compile(r"(?P<name>\b[A-Z][\w'’-]* )?\bSt\.(?!\w)"), _street_or_saint),
    (re.compile(r"\bDr\.(?P<whom>(?= [A-Z]))?(?!\w)"), _drive_or_doctor),
)
