"""Whom the agent may call, and when: the rules of outbound calls, whatever line they go out by.

Nobody is called unless every rule lets them: an open door here costs thousands in a night (toll
fraud), or the caller's peace. No clock, no database: values in, a decision out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Outcome = Literal["person", "machine", "fax", "busy", "no answer", "failed", "canceled", "unknown"]
"""What became of a call that was placed, in the words of the record. `unknown`: it was answered,
and nobody knows by whom."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_DAY_MINUTES, _WEEK_MINUTES = 24 * 60, 7 * 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"(\d\d):([0-5]\d)"
_QUIET = re.compile(rf"({'|'.join(_DAYS)})?\s*(?:{_CLOCK}-{_CLOCK})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch of each week in which nobody is called, on the callee's clock."""

    begins: int
    """Minutes since Monday, 00:00."""
    lasts: int
    """Minutes."""

    def covers(self, local: datetime) -> bool:
        minute = local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute
        return (minute - self.begins) % _WEEK_MINUTES < self.lasts


@dataclass(frozen=True, slots=True)
class OutboundRules:
    enabled: bool = False
    prefixes: tuple[str, ...] = ()
    """Where calls may go, each `+` and digits."""
    per_hour: int = 10
    per_day: int = 50
    quiet: tuple[Quiet, ...] = ()
    longest: int = 900
    """Seconds that a call may last."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    number: str = field(repr=False)
    """As E.164."""
    consent: str
    """Where it is written that this person wants to be called: kept with the call."""


@dataclass(frozen=True, slots=True)
class History:
    placed: Sequence[datetime] = ()
    """When calls went out, to anybody, in the last day at least."""
    opted_out: bool = False
    """This number does not want to be called."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The only way to a number that is called: `decide` alone makes one."""

    number: str = field(repr=False)
    longest: int
    """Seconds that the call may last."""


@dataclass(frozen=True, slots=True)
class Refused:
    why: str
    """A sentence for the operator, without the number."""


class NotAllowed(Exception):
    """A call that the rules refuse; the message says which."""


def decide(
    request: OutboundRequest, rules: OutboundRules, history: History, now: datetime
) -> Allowed | Refused:
    """`now` with its time zone."""
    if not rules.enabled:
        return Refused("outbound calls are off: KAV_OUTBOUND=true allows them")
    # Every start imports this file, for the settings; the plans would take it 60 ms more.
    from bridge import numbering

    number = numbering.read_number(request.number) if is_number(request.number) else None
    if number is None:
        return Refused(
            "this is no telephone number: expected + and a country code, as +97235550100"
        )
    why = (
        numbering.nobody_there(request.number, number)
        or _elsewhere(request.number, rules.prefixes)
        or _unwanted(request, history)
        or _too_late_or_early(numbering.time_zones(number), rules.quiet, now)
        or _too_many(history.placed, rules, now)
    )
    return Refused(why) if why else Allowed(request.number, rules.longest)


def is_number(written: str) -> bool:
    """Whether it is written as E.164."""
    return _E164.fullmatch(written) is not None


def checked(
    request: OutboundRequest, rules: OutboundRules, now: datetime
) -> Callable[[Sequence[datetime], bool], None]:
    """`decide` as the store asks it, in the transaction that notes the call down, so that two who
    call at once do not both take the last place. Raises `NotAllowed`."""

    def check(placed: Sequence[datetime], opted_out: bool) -> None:
        decision = decide(request, rules, History(placed, opted_out), now)
        if isinstance(decision, Refused):
            raise NotAllowed(decision.why)

    return check


def read_quiet(written: str) -> tuple[Quiet, ...]:
    """`20:00-09:00, fri 13:00-24:00, sat`: a stretch of each day, a stretch of one day, a whole
    day; a stretch may go over midnight. Raises `ValueError`."""
    return tuple(
        one
        for part in written.split(",")
        if part.strip()
        for one in _stretches(part.strip().lower())
    )


def _stretches(written: str) -> list[Quiet]:
    found = _QUIET.fullmatch(written)
    if found is None:
        raise ValueError(f"'{written}': expected 20:00-09:00, or fri 13:00-24:00, or sat")
    day, *clock = found.groups(default="00")
    begins, ends = (60 * int(clock[at]) + int(clock[at + 1]) for at in (0, 2))
    if max(begins, ends) > _DAY_MINUTES or (begins == ends and ":" in written):
        raise ValueError(f"'{written}': a day has no such stretch")
    days = [_DAYS.index(day)] if day in _DAYS else range(7)
    lasts = (ends - begins) % _DAY_MINUTES or _DAY_MINUTES
    return [Quiet(one * _DAY_MINUTES + begins, lasts) for one in days]


def _elsewhere(written: str, prefixes: Sequence[str]) -> str:
    if not written.startswith(tuple(prefixes)):
        return "KAV_OUTBOUND_PREFIXES does not have the number's country or area"
    return ""


def _unwanted(request: OutboundRequest, history: History) -> str:
    if history.opted_out:
        return "whoever has this number does not want to be called"
    if not request.consent.strip():
        return "there is no record of consent to this call"
    return ""


def _too_late_or_early(zones: Sequence[str], quiet: Sequence[Quiet], now: datetime) -> str:
    """A number that may be in several time zones is called when it is day in all of them."""
    for name in zones if quiet else ():
        try:
            local = now.astimezone(ZoneInfo(name))
        except ZoneInfoNotFoundError:  # phonenumbers says "Etc/Unknown"
            return "nobody knows what time it is where this number is"
        if any(stretch.covers(local) for stretch in quiet):
            return f"it is {local:%A, %H:%M} there ({name}), a time of rest by KAV_OUTBOUND_QUIET"
    return ""


def _too_many(placed: Sequence[datetime], rules: OutboundRules, now: datetime) -> str:
    if sum(now - HOUR < at for at in placed) >= rules.per_hour:
        return (
            f"{rules.per_hour} calls in the last hour, no more are allowed (KAV_OUTBOUND_PER_HOUR)"
        )
    if sum(now - DAY < at for at in placed) >= rules.per_day:
        return f"{rules.per_day} calls in the last day, no more are allowed (KAV_OUTBOUND_PER_DAY)"
    return ""
