"""From opening hours and what is booked to free meeting windows, and from those to the two or
three that are worth offering. Plain data and a given now."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from engine.dialogue.profile import Opening, Profile
from engine.dialogue.wish import Part, When

DAYS_AHEAD = 6
"""With today that is a week: a weekday's name alone tells the day."""
NOTICE = timedelta(hours=2)
_NOON, _HALF_DAY = 12 * 60, 12 * 60
# Within these hours a spoken “at seven” or “at four” can mean only one time of the day.
_EARLIEST, _LATEST = 7 * 60, 18 * 60 + 59
_GRID = 30
_PARTS: dict[Part, tuple[int, int]] = {
    "morning": (0, _NOON),
    "noon": (_NOON, 14 * 60),
    "afternoon": (_NOON, 24 * 60),
    "evening": (17 * 60, 24 * 60),
}


@dataclass(frozen=True, slots=True)
class Window:
    """A meeting that can be had."""

    start: datetime
    minutes: int
    days_ahead: int

    @property
    def minute_of_day(self) -> int:
        return self.start.hour * 60 + self.start.minute


def window_at(start: datetime, minutes: int, now: datetime) -> Window:
    """As it is named today."""
    local = start.astimezone(now.tzinfo)
    return Window(local, minutes, (local.date() - now.date()).days)


class Fit(Enum):
    """How the chosen windows stand to what the caller asked for."""

    ASKED = "as asked"
    OTHER = "nothing free then"
    BEYOND = "asked for a day that cannot be booked yet"


def free_windows(
    profile: Profile, now: datetime, booked: Collection[tuple[datetime, int]]
) -> tuple[Window, ...]:
    """All of them, in the order of time. `booked`: (start, minutes)."""
    return tuple(
        window
        for days_ahead in range(DAYS_AHEAD + 1)
        for opening in profile.hours
        for window in _windows_of(opening, now, days_ahead, profile.meeting_minutes)
        if window.start >= now + NOTICE and not _is_booked(window, booked)
    )


def _windows_of(opening: Opening, now: datetime, days_ahead: int, minutes: int) -> Sequence[Window]:
    day = now.date() + timedelta(days=days_ahead)
    if day.weekday() != opening.weekday:
        return ()
    first = -(-max(opening.opens, _EARLIEST) // _GRID) * _GRID
    last = min(opening.closes - minutes, _LATEST)
    return [
        Window(_at(day, minute, now), minutes, days_ahead)
        for minute in range(first, last + 1, _GRID)
    ]


def _at(day: date, minute: int, now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=now.tzinfo)


def _is_booked(window: Window, booked: Collection[tuple[datetime, int]]) -> bool:
    end = window.start + timedelta(minutes=window.minutes)
    return any(
        start < end and window.start < start + timedelta(minutes=minutes)
        for start, minutes in booked
    )


def is_at(window: Window, when: When) -> bool:
    """The window agrees with everything that was said."""
    return _is_on(window, when) and _is_in_part(window, when) and _is_at_clock(window, when)


def _is_on(window: Window, when: When) -> bool:
    if when.weekday is not None and window.start.weekday() != when.weekday:
        return False
    if when.days_ahead is not None and window.days_ahead != when.days_ahead:
        return False
    if when.day is not None and not _is_date(window.start.date(), when):
        return False
    return not when.next_week or _is_next_week(window)


def _is_date(day: date, when: When) -> bool:
    return day.day == when.day and when.month in (None, day.month)


def _is_next_week(window: Window) -> bool:
    """A week begins on Sunday."""
    return window.days_ahead >= 7 - (_today(window).weekday() + 1) % 7


def _is_in_part(window: Window, when: When) -> bool:
    if when.part is None:
        return True
    earliest, end = _PARTS[when.part]
    return earliest <= window.minute_of_day < end


def _is_at_clock(window: Window, when: When) -> bool:
    return when.clock is None or _away(window, when.clock) == 0


def _away(window: Window, clock: int) -> int:
    """Minutes between them; a clock below twelve hours is morning or afternoon alike."""
    if clock > _HALF_DAY:
        return abs(window.minute_of_day - clock)
    distance = (window.minute_of_day - clock) % _HALF_DAY
    return min(distance, _HALF_DAY - distance)


def choose(
    free: Sequence[Window], when: When, refused: Collection[datetime]
) -> tuple[tuple[Window, ...], Fit]:
    """Up to three windows to offer, best first, spread over parts of the day and days."""
    left = [window for window in free if window.start not in refused]
    wanted = [window for window in left if _is_on(window, when) and _is_in_part(window, when)]
    exact = [window for window in wanted if _is_at_clock(window, when)]
    chosen: list[Window] = []
    for pool in (exact, wanted, left):
        if len(chosen) < 2:
            chosen = _spread(chosen, sorted(pool, key=_nearness(when)), when)
    # In the order of time, but what was asked for to the minute comes first.
    chosen.sort(key=lambda w: (when.clock is not None and not is_at(w, when), w.start))
    return tuple(chosen), _fit(chosen, when, free)


def _fit(chosen: Sequence[Window], when: When, free: Sequence[Window]) -> Fit:
    if any(is_at(window, when) for window in chosen):
        return Fit.ASKED
    if when.next_week and not any(_is_next_week(window) for window in free):
        return Fit.BEYOND
    return Fit.BEYOND if free and _is_beyond(when, _today(free[0])) else Fit.OTHER


def _today(window: Window) -> date:
    return window.start.date() - timedelta(days=window.days_ahead)


def _is_beyond(when: When, today: date) -> bool:
    """The day is none of those that can be booked."""
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    dated = when.day is not None and not any(_is_date(day, when) for day in days)
    return dated or (when.days_ahead or 0) > DAYS_AHEAD


def _nearness(when: When) -> Callable[[Window], tuple[int, int, datetime]]:
    def nearness(window: Window) -> tuple[int, int, datetime]:
        off_hour = int(when.clock is None and window.start.minute != 0)
        away = 0 if when.clock is None else _away(window, when.clock)
        return (off_hour, away, window.start)

    return nearness


def _spread(chosen: Sequence[Window], by_nearness: Sequence[Window], when: When) -> list[Window]:
    """Adds the nearest window, then, one by one, those that differ most from the chosen ones:
    in the part of the day, or by an hour from the hour that was asked for."""
    difference = _difference if when.clock is None else _difference_near_a_clock
    windows = list(chosen)
    while len(windows) < 3:
        rest = [w for w in by_nearness if all(w.start != other.start for other in windows)]
        if not rest:
            break
        windows.append(max(rest, key=lambda w: difference(w, windows)) if windows else rest[0])
    return windows


def _difference(window: Window, chosen: Sequence[Window]) -> int:
    new_half = all(_half(window) != _half(other) for other in chosen)
    new_day = all(other.days_ahead != window.days_ahead for other in chosen)
    whole_hour = window.start.minute == 0
    return 4 * (not _is_within(window, chosen, 120)) + 3 * new_half + 2 * new_day + whole_hour


def _difference_near_a_clock(window: Window, chosen: Sequence[Window]) -> int:
    return int(not _is_within(window, chosen, 60))


def _is_within(window: Window, chosen: Sequence[Window], minutes: int) -> bool:
    return any(
        other.days_ahead == window.days_ahead
        and abs(other.minute_of_day - window.minute_of_day) < minutes
        for other in chosen
    )


def _half(window: Window) -> bool:
    return window.minute_of_day < _NOON
