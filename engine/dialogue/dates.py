"""Dates as callers say them: «ב-25 לחודש», «ה-15.12», “December 3rd”. What no calendar has is no
date; whether it is still to come is for whoever knows today."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.dialogue import vocabulary as say
from engine.dialogue.named import affirmed
from engine.dialogue.numerals import number_at
from engine.dialogue.tokens import Match, Text

_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SURELY = 4
"""“The 3rd” may be the third of the windows on offer, and “the 4th” none of them."""


@dataclass(frozen=True, slots=True)
class Date:
    """A day of that month; without one, of whichever comes first."""

    day: int
    month: int | None = None


def date_in(text: Text) -> Date | None:
    """The first date that is named and not denied. From when on something is wanted, or when
    somebody moves in, is no date of a meeting."""
    of_moving_in = bool(text.find(say.MOVING_IN))
    found: list[Match[Date]] = []
    for start in range(len(text.tokens)):
        longest = max(_dates_at(text, start), key=lambda match: match.end, default=None)
        if longest is not None:
            text.take(longest.start, longest.end)
            found.append(longest)
    dates = [
        match for match in found if _exists(match.key) and text.at(match.start - 1) not in say.FROM
    ]
    kept = [] if of_moving_in else affirmed(text, dates)
    return kept[0].key if kept else None


def _exists(date: Date) -> bool:
    return 1 <= date.day <= _DAYS_OF[(date.month or 1) - 1]


def _dates_at(text: Text, start: int) -> Iterator[Match[Date]]:
    """Those that begin with this token; no calendar may have them."""
    for date, end in (*_written(text, start), *_month_first(text, start), *_day_first(text, start)):
        if text.is_free(start, end):
            yield Match(date, _with_head(text, start), _with_year(text, end), 0)


def _with_head(text: Text, start: int) -> int:
    return start - (text.at(start - 1) in say.BEFORE_A_DATE and text.is_free(start - 1, start))


def _with_year(text: Text, end: int) -> int:
    return end + bool(re.fullmatch(r"20\d\d", text.at(end)) and text.is_free(end, end + 1))


def _written(text: Text, start: int) -> Iterator[tuple[Date, int]]:
    """«15.12». As it may also be a clock time, or an amount, a doubt is no date."""
    found = re.fullmatch(r"([0-3]?\d)\.([01]?\d)", text.at(start))
    if not found or text.at(start + 1) in say.SCALES_AND_ROOMS | say.CURRENCY:
        return
    day, month = int(found[1]), int(found[2])
    headed = text.at(start - 1) in say.DATE_HEADS
    no_clock = day > 23 or month % 5 != 0
    if 1 <= month <= 12 and (headed or (len(found[2]) == 2 and no_clock)):
        yield Date(day, month), start + 1


def _month_first(text: Text, start: int) -> Iterator[tuple[Date, int]]:
    """“December 3rd”, “December the third”."""
    month = say.MONTHS.get(text.at(start))
    if month is None or not text.at(start).isascii():
        return
    place = start + 1 + (text.at(start + 1) == "the")
    for day, end, _ in _days_at(text, place):
        yield Date(day, month), end


def _day_first(text: Text, start: int) -> Iterator[tuple[Date, int]]:
    for day, end, surely in _days_at(text, start):
        of = end + (text.at(end) == "of") + (text.at(end + 1) == "the")
        if (month := say.MONTHS.get(text.at(of))) is not None:
            yield Date(day, month), of + 1
        elif text.at(end) in say.OF_THE_MONTH:
            yield Date(day), end + 1
        elif (text.at(of), text.at(end)) == ("month", "of"):
            yield Date(day), of + 1
        elif day >= _SURELY and (surely or _is_headed(text, start, end)):
            yield Date(day), end
    ordinal = say.ORDINAL_DAYS_HE.get(text.at(start))
    if ordinal is not None and text.at(start - 1) not in say.DAY_HEADS:
        month = say.MONTHS.get(text.at(start + 1))
        if month is not None or text.at(start + 1) in say.OF_THE_MONTH:
            yield Date(ordinal, month), start + 2


def _is_headed(text: Text, start: int, end: int) -> bool:
    """«ה-25», «בתאריך 25», and not «ה-25 דירות»."""
    headed = text.at(start - 1) in say.DATE_HEADS
    return headed and (text.at(end) in say.AFTER_A_DATE or text.at(end).startswith("ב"))


def _days_at(text: Text, start: int) -> Iterator[tuple[int, int, bool]]:
    """(day, where it ends, whether it can be nothing but a day of a month)."""
    first, second = text.at(start), text.at(start + 1)
    if first in say.ORDINAL_DAYS:
        day, end = say.ORDINAL_DAYS[first], start + 1
        yield day, end, text.at(start - 1) == "the" and text.at(end) in say.AFTER_A_DATE
        return
    if first in say.TENS_OF_DAYS and say.ORDINAL_DAYS.get(second, 10) < 10:
        day, end = say.TENS_OF_DAYS[first] + say.ORDINAL_DAYS[second], start + 2
        yield day, end, text.at(end) in say.AFTER_A_DATE
        return
    number = number_at(text.tokens, start) if first else None
    if number is None or number.scaled or not 1 <= number.value <= 31:
        return
    if number.value != int(number.value):
        return
    suffixed = text.at(number.end) in say.DAY_SUFFIXES
    end = number.end + suffixed
    yield int(number.value), end, suffixed and text.at(end) in say.AFTER_A_DATE
