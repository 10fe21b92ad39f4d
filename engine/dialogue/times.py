"""Days, parts of a day, hours, and places in a list: «ביום שלישי בארבע», “the second one”."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from engine.dialogue import vocabulary as say
from engine.dialogue.dates import Date
from engine.dialogue.hebrew import is_hebrew
from engine.dialogue.named import affirmed
from engine.dialogue.numerals import Number, number_at
from engine.dialogue.tokens import Key, Match, Text, free_numbers
from engine.dialogue.wish import Part, When


def ordinals_in(text: Text) -> tuple[int, ...]:
    """«לא הראשון» may be “no, the first”: denied places count if no other is named."""
    named = text.take_all(say.ORDINALS)
    return tuple(dict.fromkeys(match.key for match in affirmed(text, named) or named))


def when_in(
    text: Text, date: Date | None, ordinals: tuple[int, ...]
) -> tuple[When | None, tuple[int, ...]]:
    """The day and its part, of a time whose date is known already. «ראשון» alone may be Sunday or
    the first: both are reported."""
    next_week = text.take_phrase(say.NEXT_WEEK) is not None
    days_ahead = _first(affirmed(text, text.take_all(say.DAYS_AHEAD)))
    if days_ahead is None:
        days_ahead = _in_days(text)
    days = text.take_all(say.WEEKDAYS)
    if not ordinals:
        days += text.take_all(say.WEEKDAY_OR_ORDINAL)
    days = sorted(days, key=lambda day: day.start)
    kept = affirmed(text, days)
    weekday = _first(kept)
    part = _first(affirmed(text, parts := text.take_all(say.PARTS)))
    if any(text.at(day.start - 1) == "next" or text.at(day.end) in say.NEXT for day in kept):
        next_week = True
    if weekday is None and not ordinals:
        weekday = _monday(text)
    for day in kept:
        if _is_bare_ordinal(text, day):
            ordinals = (say.ORDINAL_OF_WEEKDAY[day.key],)
    if days_ahead is None and weekday is None and _is_today(text, parts):
        days_ahead = 0
    any_time = text.take_phrase(say.ANY_TIME) is not None
    told = {weekday, days_ahead, part, date} != {None}
    if not any_time and not next_week and not told:
        return None, ordinals
    when = When(weekday, days_ahead, next_week, part)
    return when if date is None else replace(when, day=date.day, month=date.month), ordinals


def _first(matches: Sequence[Match[Key]]) -> Key | None:
    return matches[0].key if matches else None


def _in_days(text: Text) -> int | None:
    """“In three days”, «בעוד שלושה שבועות»."""
    for number in free_numbers(text):
        unit, ahead = text.at(number.end), text.at(number.start - 1) in ("in", "בעוד", "עוד")
        if ahead and unit in say.DAYS | say.WEEKS:
            text.take(number.start, number.end + 1)
            return int(number.value) * (7 if unit in say.WEEKS else 1)
    return None


def _is_bare_ordinal(text: Text, day: Match[int]) -> bool:
    """«שלישי» alone is a place in a list as well; «שלישי בשלוש» is a day."""
    if day.key not in say.ORDINAL_OF_WEEKDAY or day.end - day.start > 1:
        return False
    word = text.tokens[day.start]
    return word in say.WEEKDAY_OR_ORDINAL[day.key] and day.end == len(text.tokens)


def _monday(text: Text) -> int | None:
    """«שני» before an hour or a part of the day; else it counts something."""
    for place, token in enumerate(text.tokens):
        hour = _number(text, place + 1) if token == "שני" else None
        timely = hour is not None and "ב" in hour.prefix and is_hour(hour.value)
        if token == "שני" and (timely or text.at(place + 1) in _AFTER_A_DAY):
            text.take(place, place + 1)
            return 0
    return None


_AFTER_A_DAY = frozenset({*chain.from_iterable(say.PARTS.values()), "הקרוב", "הבא"})


def _number(text: Text, place: int) -> Number | None:
    return number_at(text.tokens, place) if place < len(text.tokens) else None


def _is_today(text: Text, parts: Sequence[Match[Part]]) -> bool:
    """“This afternoon”, «הערב»."""
    return any(
        text.at(part.start - 1) == "this"
        or (part.end - part.start == 1 and text.tokens[part.start] in say.PARTS_OF_TODAY)
        for part in parts
    )


def on_the_day(clock: int, when: When | None) -> int:
    """“Four in the afternoon” is 16:00."""
    if when is not None and when.part in ("afternoon", "evening") and clock < 12 * 60:
        return clock + 12 * 60
    return clock


def clock_phrase(text: Text) -> int | None:
    """“10:30”, “half past ten”, “quarter to four”, «רבע לעשר»."""
    for position, token in enumerate(text.tokens):
        written = re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)", token)
        is_free = text.is_free(position, position + 1)
        if written and is_free and text.at(position + 1) not in say.SCALES_AND_ROOMS:
            text.take(position, position + 1)
            minutes = int(written[1]) * 60 + int(written[2])
            return _with_half_of_day(text, position + 1, minutes)
    for phrase, minutes in say.CLOCK_PHRASES.items():
        for start in range(len(text.tokens) - len(phrase)):
            end = start + len(phrase)
            if tuple(text.tokens[start:end]) != phrase or not text.is_free(start, end):
                continue
            hour = number_at(text.tokens, end)
            if hour is None or not _is_minutes_of(text, start, hour):
                continue
            text.take(start, hour.end)
            return _with_half_of_day(text, hour.end, int(hour.value * 60) + minutes)
    return None


def _is_minutes_of(text: Text, start: int, hour: Number) -> bool:
    """“Five to six” may be a range as well; «רבע» and «עשרה» need a «ל»."""
    if not is_hour(hour.value) or text.at(hour.end) in say.SCALES_AND_ROOMS:
        return False
    first = text.tokens[start]
    if first in ("five", "ten") and text.at(start + 1) == "to":
        return text.at(start - 1) in say.CLOCK_HEADS or text.at(hour.end) in say.CLOCK_TAILS
    return not is_hebrew(first) or "ל" in hour.prefix


def minutes_after(hour: Number, following: Number | None) -> int | None:
    """“Ten thirty”, “10 30”, «עשר ושלושים»."""
    if following is None or following.start != hour.end or following.scaled or hour.scaled:
        return None
    minutes = following.value
    plain = 5 <= minutes <= 55 and minutes % 5 == 0 and is_hour(hour.value)
    return int(hour.value) * 60 + int(minutes) if plain and following.prefix in "ו" else None


def is_hour(value: float) -> bool:
    return 1 <= value <= 23 and value == int(value)


def is_clock(text: Text, number: Number) -> bool:
    if not (1 <= number.value < 24 and (number.value * 4) % 1 == 0):
        return False
    before, after = text.at(number.start - 1), text.at(number.end)
    return before in say.CLOCK_HEADS or "ב" in number.prefix or after in say.CLOCK_TAILS


def clock_of(text: Text, number: Number) -> int:
    return _with_half_of_day(text, number.end, int(number.value * 60))


def _with_half_of_day(text: Text, position: int, minutes: int) -> int:
    if text.at(position) == "pm" and minutes < 12 * 60:
        return minutes + 12 * 60
    return minutes
