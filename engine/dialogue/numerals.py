"""Numbers in words, both ways: amounts as they are spoken, and the numbers in what was heard.

Speaking knows whole numbers below a thousand million; Hebrew amounts are masculine (shekels)."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dialogue.hebrew import conjoin, without_points
from engine.dialogue.profile import Language

_THOUSAND, _MILLION = 1_000, 1_000_000

_EN_SMALL = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_EN_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

_HE_UNITS = (
    "אֶפֶס",
    "אֶחָד",
    "שְׁנַ֫יִים",
    "שְׁלוֹשָׁה",
    "אַרְבָּעָה",
    "חֲמִישָּׁה",
    "שִׁישָּׁה",
    "שִׁבְעָה",
    "שְׁמוֹנָה",
    "תִּשְׁעָה",
    "עֲשָׂרָה",
)
_HE_TEENS = ("אַחַד", "שְׁנֵים", *_HE_UNITS[3:10])
_HE_TENS = (
    "עֶשְׂרִים",
    "שְׁלוֹשִׁים",
    "אַרְבָּעִים",
    "חֲמִישִּׁים",
    "שִׁישִּׁים",
    "שִׁבְעִים",
    "שְׁמוֹנִים",
    "תִּשְׁעִים",
)
_HE_HUNDREDS = (
    "מֵאָה",
    "מָאתַ֫יִים",
    "שְׁלוֹשׁ מֵאוֹת",
    "אַ֫רְבַּע מֵאוֹת",
    "חֲמֵשׁ מֵאוֹת",
    "שֵׁשׁ מֵאוֹת",
    "שְׁבַע מֵאוֹת",
    "שְׁמוֹנֶה מֵאוֹת",
    "תְּשַׁע מֵאוֹת",
)
_HE_THOUSANDS = (
    "אֶלֶף",
    "אַלְפַּ֫יִים",
    "שְׁלוֹשֶׁת אֲלָפִים",
    "אַרְבַּעַת אֲלָפִים",
    "חֲמֵשֶׁת אֲלָפִים",
    "שֵׁשֶׁת אֲלָפִים",
    "שִׁבְעַת אֲלָפִים",
    "שְׁמוֹנַת אֲלָפִים",
    "תִּשְׁעַת אֲלָפִים",
    "עֲשֶׂרֶת אֲלָפִים",
)
_HE_FEMININE = (
    "אֶפֶס",
    "אַחַת",
    "שְׁתַּ֫יִים",
    "שָׁלוֹשׁ",
    "אַ֫רְבַּע",
    "חָמֵשׁ",
    "שֵׁשׁ",
    "שֶׁבַע",
    "שְׁמוֹנֶה",
    "תֵּשַׁע",
    "עֶשֶׂר",
    "אַחַת עֶשְׂרֵה",
    "שְׁתֵּים עֶשְׂרֵה",
)


def in_words(number: int, language: Language) -> str:
    if not 0 <= number < 1_000 * _MILLION:
        raise ValueError(f"a number from 0 to 999,999,999 was expected, came {number}")
    return _in_english(number) if language == "en" else _in_hebrew(number)


def digit_in_words(number: int, language: Language) -> str:
    """0 to 12 as one counts, reads the clock and names keys: in Hebrew the feminine."""
    return _EN_SMALL[number] if language == "en" else _HE_FEMININE[number]


def _in_english(number: int) -> str:
    if number < 20:
        return _EN_SMALL[number]
    if number < 100:
        rest = f" {_EN_SMALL[number % 10]}" if number % 10 else ""
        return _EN_TENS[number // 10 - 2] + rest
    for size, name in ((_MILLION, "million"), (_THOUSAND, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {_in_english(number % size)}" if number % size else ""
            return f"{_in_english(number // size)} {name}{rest}"
    raise AssertionError(number)


def _in_hebrew(number: int) -> str:
    if number <= 10:
        return _HE_UNITS[number]
    if number < 20:
        return f"{_HE_TEENS[number - 11]} עָשָׂר"
    if number < 100:
        rest = f" {conjoin(_HE_UNITS[number % 10])}" if number % 10 else ""
        return _HE_TENS[number // 10 - 2] + rest
    if number < _THOUSAND:
        return _with_rest(_HE_HUNDREDS[number // 100 - 1], number % 100)
    if number < _MILLION:
        return _with_rest(_hebrew_thousands(number // _THOUSAND), number % _THOUSAND)
    if number % _MILLION == _MILLION // 2:
        return f"{_hebrew_millions(number // _MILLION)} וָחֵצִי"
    return _with_rest(_hebrew_millions(number // _MILLION), number % _MILLION)


def _with_rest(head: str, rest: int) -> str:
    """«And» stands before the last part only: «אלף ומאה», «אלף מאה ועשרים»."""
    if not rest:
        return head
    words = _in_hebrew(rest)
    one_part = rest <= 20 or (rest < 100 and rest % 10 == 0) or (rest < 1_000 and rest % 100 == 0)
    one_part = one_part or (rest < _MILLION and rest % _THOUSAND == 0 and rest <= 10_000)
    return f"{head} {conjoin(words) if one_part else words}"


def _hebrew_thousands(thousands: int) -> str:
    return _HE_THOUSANDS[thousands - 1] if thousands <= 10 else f"{_in_hebrew(thousands)} אֶלֶף"


def _hebrew_millions(millions: int) -> str:
    if millions == 1:
        return "מִילְיוֹן"
    return "שְׁנֵי מִילְיוֹן" if millions == 2 else f"{_in_hebrew(millions)} מִילְיוֹן"


@dataclass(frozen=True, slots=True)
class Number:
    """A number found in tokens[start:end]."""

    value: float
    start: int
    end: int
    scaled: bool = False
    """“Thousand” or “million” was said."""
    doubtful: bool = False
    """«מיליון מאתיים»: a million and two hundred, or two hundred thousand?"""
    prefix: str = ""
    """The Hebrew letters written with its first word: «בעשר» has ב."""


def _table(words: Sequence[str], first: int, step: int = 1) -> dict[str, int]:
    return {without_points(word): first + step * index for index, word in enumerate(words)}


_SMALL: dict[str, int] = (
    _table(_EN_SMALL, 0)
    | _table(_EN_TENS, 20, 10)
    | _table(_HE_UNITS, 0)
    | _table(_HE_FEMININE[:11], 0)
    | _table(_HE_TENS, 20, 10)
    | {"fourty": 40, "fife": 5, "oh": 0}
    | {"אחד": 1, "אחת": 1, "שני": 2, "שתי": 2, "שנים": 2, "שתים": 2, "שניים": 2, "שתיים": 2}
    | {"שלש": 3, "שלושת": 3, "שלשה": 3, "שלשת": 3, "ארבעת": 4, "חמשה": 5, "חמשת": 5, "חמישה": 5}
    | {"חמישת": 5, "ששה": 6, "ששת": 6, "שישה": 6, "שישת": 6, "שבעת": 7, "שמונת": 8, "תשעת": 9}
    | {"עשרת": 10, "שלשים": 30, "חמשים": 50, "ששים": 60, "חמישים": 50, "שישים": 60}
)
_ADDED = {"מאה": 100, "מאתיים": 200, "מאתים": 200}
_TEEN_TAILS = frozenset({"עשר", "עשרה"})
_SCALES = {
    "thousand": _THOUSAND,
    "thousands": _THOUSAND,
    "grand": _THOUSAND,
    "k": _THOUSAND,
    "אלף": _THOUSAND,
    "אלפים": _THOUSAND,
    "mil": _MILLION,
    "million": _MILLION,
    "millions": _MILLION,
    "m": _MILLION,
    "מיליון": _MILLION,
    "מליון": _MILLION,
    "מיליונים": _MILLION,
}
# Alone they are no amount: how many was not heard.
_PLURAL_SCALES = frozenset({"thousands", "millions", "אלפים", "מיליונים"})
_HUNDREDS = frozenset({"hundred", "hundreds", "מאות"})
_FRACTIONS = {"half": 0.5, "חצי": 0.5, "quarter": 0.25, "רבע": 0.25}
_PREFIXES = "ובלהמכש"
_VALUED = _SMALL.keys() | _ADDED.keys() | _SCALES.keys() | _HUNDREDS | {"אלפיים", "חצי", "רבע"}


def _split(token: str) -> tuple[str, str]:
    """(prefix letters, number word); the token itself if it is no number word."""
    for length in range(min(3, len(token) - 1)):
        if token[length:] in _VALUED and all(letter in _PREFIXES for letter in token[:length]):
            return token[:length], token[length:]
    return "", token


def _digits(word: str) -> float | None:
    if not word.replace(".", "", 1).isdecimal() or not word.isascii():
        return None
    # A telephone number is no amount.
    return float(word) if len(word) <= 9 and not (word[0] == "0" and len(word) > 3) else None


@dataclass(slots=True)
class _Sum:
    """A number while it is being read, word by word."""

    total: float = 0
    current: float | None = None
    scale: float = 0
    """The last “thousand” or “million”; 0 before there was one."""
    written: bool = False
    """The current part was written in digits: nothing is added to it."""
    closed: bool = False

    def take(self, word: str) -> bool:
        """False: this word does not belong to the number."""
        if self.closed:
            return False
        if word == "אלפיים":
            return self._add(2_000, follows_scale=True)
        if word in _SCALES:
            return self._multiply(_SCALES[word])
        if word in _HUNDREDS:
            return self._hundred()
        if word in _TEEN_TAILS and self.current is not None and 1 <= self.current % 100 <= 9:
            self.current += 10
            return True
        written = _digits(word)
        if written is not None:
            if self.current is not None:
                return False
            self.written = True
            return self._add(written)
        if word in _ADDED:
            return self._add(_ADDED[word])
        return self._add(_SMALL[word]) if word in _SMALL else False

    def _multiply(self, scale: int) -> bool:
        if self.scale and scale >= self.scale:
            return False
        count = 1 if self.current is None else self.current
        # Recognizers write "7,000 thousand" for “seven thousand”.
        twice = self.written and count >= scale and count % scale == 0
        self.total += count if twice else count * scale
        self.current, self.scale, self.written = None, scale, False
        return True

    def _hundred(self) -> bool:
        if self.current is None:
            self.current = 100
            return not self.scale
        if not 1 <= self.current <= 99:
            return False
        self.current *= 100
        return True

    def _add(self, value: float, follows_scale: bool = False) -> bool:
        if follows_scale:
            if self.current is not None or self.scale == _THOUSAND:
                return False
            self.total, self.scale = self.total + value, _THOUSAND
            return True
        if self.current is None:
            if self.scale and value >= self.scale:
                return False
            self.current = value
            return True
        if self.written or not self._has_room_for(value):
            return False
        self.current += value
        return True

    def _has_room_for(self, value: float) -> bool:
        assert self.current is not None
        if value >= 100 or value == 0:
            return False
        if self.current % 100 == 0 and self.current:
            return True
        return value < 10 and self.current % 10 == 0 and self.current % 100 >= 20

    def add_fraction(self, fraction: float) -> None:
        """“Seven and a half”, “a million and a half”: half of what was counted last."""
        if self.current is None:
            self.total += fraction * (self.scale or 1)
            self.closed = True
            return
        self.current += fraction

    @property
    def value(self) -> float:
        return self.total + (self.current or 0)

    @property
    def doubtful(self) -> bool:
        return self.scale == _MILLION and self.current is not None and self.current < _THOUSAND


def number_at(tokens: Sequence[str], start: int) -> Number | None:
    """The number that begins with this token, as long as it goes."""
    prefix, first = _split(tokens[start])
    position = _skip_article(tokens, start)
    if position is None or first in ("k", "m", "mil"):
        return None
    total = _Sum()
    if first in _FRACTIONS and position == start:
        return _fraction_of_scale(tokens, start, prefix)
    end = start
    while position < len(tokens):
        and_half = _and_fraction(tokens, position) if end > start else None
        if and_half is not None:
            fraction, position = and_half
            total.add_fraction(fraction)
            end = position
            continue
        tenths = _tenths(tokens, position) if end > start else None
        if tenths is not None:
            total.add_fraction(tenths)
            end = position = position + 2
            continue
        word_prefix, word = _split(tokens[position])
        if end > start and word_prefix not in ("", "ו"):
            break
        if word_prefix and word in _TEEN_TAILS and 1 <= (total.current or 0) % 100 <= 9:
            # «שלוש ועשרה» is ten past three; thirteen is «שלוש עשרה».
            break
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        if tokens[position] == "and" and end > start and _goes_on(total, following):
            position += 1
            continue
        if not total.take(word):
            break
        position += 1
        end = position
    if end == start:
        return None
    doubtful = total.doubtful or first in _PLURAL_SCALES
    return Number(total.value, start, end, bool(total.scale), doubtful, prefix)


def _skip_article(tokens: Sequence[str], start: int) -> int | None:
    """Where the number word is; None for an “a” that belongs to no number."""
    if tokens[start] not in ("a", "an"):
        return start
    following = tokens[start + 1] if start + 1 < len(tokens) else ""
    return start + 1 if following in ("hundred", "thousand", "million", "grand") else None


def _goes_on(total: _Sum, following: str) -> bool:
    """After “and”: “seven hundred and fifty” is one number, “six and seven” are two."""
    if following not in _SMALL:
        return False
    return bool(total.scale and total.current is None) or (
        total.current is not None and total.current >= 100 and total.current % 100 == 0
    )


def _and_fraction(tokens: Sequence[str], position: int) -> tuple[float, int] | None:
    """“And a half”, “and half”, «וחצי», «ורבע»: the fraction and where it ends."""
    rest = list(tokens[position : position + 3])
    if rest[:2] == ["and", "a"] and rest[2:] and rest[2] in _FRACTIONS:
        return _FRACTIONS[rest[2]], position + 3
    if rest[:1] == ["and"] and rest[1:] and rest[1] in _FRACTIONS:
        return _FRACTIONS[rest[1]], position + 2
    if rest and rest[0] in ("וחצי", "ורבע"):
        return _FRACTIONS[rest[0][1:]], position + 1
    return None


def _tenths(tokens: Sequence[str], position: int) -> float | None:
    """“One point eight”, «שתיים נקודה שמונה»."""
    if tokens[position] not in ("point", "נקודה") or position + 1 == len(tokens):
        return None
    digit = _SMALL.get(tokens[position + 1], 10)
    return digit / 10 if digit < 10 else None


def _fraction_of_scale(tokens: Sequence[str], start: int, prefix: str) -> Number | None:
    """“Half a million”, «חצי מיליון»; a fraction of anything else is no number here."""
    position = start + 1
    if position < len(tokens) and tokens[position] in ("a", "of"):
        position += 1
    if position >= len(tokens) or tokens[position] not in _SCALES:
        return None
    _, word = _split(tokens[start])
    value = _FRACTIONS[word] * _SCALES[tokens[position]]
    return Number(value, start, position + 1, scaled=True, prefix=prefix)


_TIMES = {"double": 2, "triple": 3, "פעמיים": 2}
_BETWEEN_DIGITS = frozenset({"dash", "hyphen", "מקף", "קו"})


def digits_at(tokens: Sequence[str], start: int) -> tuple[str, int]:
    """What is read out digit by digit or in groups, and where it ends: «אפס חמישים וארבע, חמש מאות
    חמישים וחמש», “oh five two, triple five”."""
    digits, end, position = "", start, start
    while position < len(tokens):
        if digits and tokens[position] in _BETWEEN_DIGITS:
            position += 1
            continue
        times, position = _times(tokens, position)
        group, position = _group(tokens, position)
        if not group:
            break
        digits += group * times
        end = position
    return digits, end


def _times(tokens: Sequence[str], position: int) -> tuple[int, int]:
    """“Double”, «שלוש פעמים»."""
    if tokens[position] in _TIMES:
        return _TIMES[tokens[position]], position + 1
    if list(tokens[position + 1 : position + 2]) == ["פעמים"] and tokens[position] in _SMALL:
        return _SMALL[tokens[position]], position + 2
    return 1, position


def _group(tokens: Sequence[str], start: int) -> tuple[str, int]:
    """One group of digits: “five”, “fifty five”, «חמש מאות חמישים וחמש», 555."""
    words = [*tokens[start : start + 4], "", "", "", ""]
    if words[0].isdecimal() and words[0].isascii():
        return words[0], start + 1
    value = _SMALL.get(words[0].removeprefix("ו"))
    if value is None:
        return "", start
    if words[1] in _HUNDREDS and 1 <= value <= 9:
        rest, end = _below_hundred(words[2:], start + 2)
        return str(100 * value + rest), end
    below, end = _below_hundred(words, start)
    return str(below), end


def _below_hundred(words: Sequence[str], start: int) -> tuple[int, int]:
    """Hebrew tells “fifty-five” from “fifty, five” by its «ו»."""
    value = _SMALL.get(words[0].removeprefix("ו"))
    if value is None:
        return 0, start
    if 1 <= value <= 9 and words[1] in _TEEN_TAILS:
        return value + 10, start + 2
    joined = words[1].startswith("ו") or words[1].isascii()
    unit = _SMALL.get(words[1].removeprefix("ו"), 0)
    if value >= 20 and 1 <= unit <= 9 and joined:
        return value + unit, start + 2
    return value, start + 1
