"""Numbers as people write them, in any language: what belongs to one, and what it is worth.

Nothing here knows how it is spoken (`spoken_he.py`, `spoken_en.py`)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""What is found in a text, and what stands there afterwards."""

DASH = "[-\u2010-\u2014\u05be\u2212]"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![.,]?\d)"
CLOCK = r"(?:[01]?\d|2[0-4])[:][0-5]\d"
FRACTIONS = {"½": "5", "¼": "25", "¾": "75"}
PHONE = re.compile(
    r"(?<![\w.,:/+*-])(?:"
    r"\+\d{1,3}(?:[ -]?\(?\d{1,4}\)?){2,5}"  # +972-50-123-4567
    r"|0(?:[ -]?\d){8,10}?"  # 050-1234567
    r"|\(0\d{1,2}\) ?\d{3}[ -]?\d{4}"  # (03) 612-3456
    r"|1[ -][78]00[ -]\d{3}[ -]?\d{3,4}"  # 1-700-700-123
    r"|(?:1[ -])?(?:\(\d{3}\) ?|\d{3}[ -])\d{3}[ -]\d{4}"  # (212) 555-0100
    r"|\*\d{3,5}"
    r"|\d{10,}"
    r")(?![\d/:]|[.,]\d)"
)

_MOST_DIGITS = 9
"""Of a number that is said as one (`numerals.in_words`)."""
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DAYS_IN = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that can be said as one: «1,250.5»."""

    whole: int
    decimals: str = ""

    @property
    def is_whole(self) -> bool:
        return not self.decimals.strip("0")

    def times(self, scale: int) -> "Amount":
        zeros = len(str(scale)) - 1
        moved = self.decimals.ljust(zeros, "0")
        whole = self.whole * scale + int(moved[:zeros] or 0)
        return Amount(whole, moved[zeros:])


def amount(text: str) -> Amount | None:
    """None: it is no amount but a row of digits, as a house has or a code («007»)."""
    whole, _, decimals = text.replace(",", "").partition(".")
    if len(whole) > _MOST_DIGITS or len(decimals) > _MOST_DIGITS:
        return None
    return None if len(whole) > 1 and whole[0] == "0" else Amount(int(whole), decimals)


def plain_digits(text: str) -> str:
    """Digits of every script as 0 to 9, «3½» and «3 1/2» as 3.5; no invisible marks."""
    text = _INVISIBLE.sub("", text)
    text = re.sub(r"(?<![\d/.,-])(\d{1,9}) 1/2(?![\d/])", r"\1.5", text)
    text = re.sub("([0-9]*) ?([½¼¾])", lambda m: f"{m[1] or 0}.{FRACTIONS[m[2]]}", text)
    text = re.sub("(?<=[a-zמ])²", "2", text)
    return "".join(_plain_digit(letter) for letter in text)


def _plain_digit(letter: str) -> str:
    return str(unicodedata.digit(letter)) if letter.isdigit() else letter


def date_in(found: re.Match[str]) -> tuple[int, int, int] | None:
    """Day, month and year (0: not written), the day first if it can be; None: it is no date."""
    day, month, year = int(found["day"]), int(found["month"]), int(found["year"] or 0)
    if not _is_date(day, month):
        day, month = month, day
    if not _is_date(day, month):
        return None
    return day, month, year + (2_000 if 0 < year < 100 else 0)


def _is_date(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= _DAYS_IN[month - 1]


def one_of(words: Iterable[str]) -> str:
    """A pattern, the longest first; quotation marks may be written in each of their ways."""
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return pattern.replace('"', "(?:[\"״”]|''|׳׳)").replace("'", "['׳’]")


def phone_groups(text: str) -> list[str]:
    """The digits as they are said: in the writer's groups, else in threes, the last of four."""
    groups = re.findall(r"\d+", text)
    if len(groups) == 1 and text.startswith("+972"):
        groups = ["972", groups[0][3:]]
    return [part for group in groups for part in _parts(group)]


def _parts(digits: str) -> Sequence[str]:
    if len(digits) <= 4:
        return [digits]
    head, parts = digits[:-4], [digits[-4:]]
    while len(head) > 4:
        head, parts = head[:-3], [head[-3:], *parts]
    return [head, *parts]


def apart(found: re.Match[str], words: str) -> str:
    """The words of a number, with room between them and a letter that stood next to it."""
    before = found.string[: found.start()][-1:]
    after = found.string[found.end() :][:1]
    return f"{' ' * before.isalnum()}{words}{' ' * after.isalnum()}"


def applied(rules: Sequence[Rule], text: str) -> str:
    for pattern, words in rules:
        text = pattern.sub(words, text)
    return text
