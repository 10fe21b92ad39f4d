"""The calendars of several agents as one: a time is free while one of them is, and is booked with
the first who has it free."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from engine.store import Appointment, Calendar, SlotTaken

Busy = tuple[datetime, datetime]


class Agents:
    """Implements `Calendar` over those of its agents, by their keys, the usual one first."""

    def __init__(self, calendars: dict[str, Calendar]) -> None:
        self._calendars = calendars

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        """When nobody has time."""
        each = [await one.busy(since, until) for one in self._calendars.values()]
        taken = [[(start, start + timedelta(minutes=long)) for start, long in one] for one in each]
        return [(start, _minutes(end - start)) for start, end in _in_all(taken)]

    async def book(self, appointment: Appointment) -> None:
        for key, calendar in self._calendars.items():
            try:
                await calendar.book(replace(appointment, calendar=key))
            except SlotTaken:
                continue
            return
        raise SlotTaken(f"{appointment.start.isoformat()} is taken with all agents")

    async def cancel(self, appointment: Appointment) -> None:
        for key, calendar in self._calendars.items():
            await calendar.cancel(replace(appointment, calendar=key))


def _in_all(calendars: Sequence[Sequence[Busy]]) -> list[Busy]:
    common, *others = calendars
    for other in others:
        pairs = ((max(a, c), min(b, d)) for a, b in common for c, d in other)
        common = sorted((start, end) for start, end in pairs if start < end)
    return list(common)


def _minutes(length: timedelta) -> int:
    """Whole ones, rounded up."""
    return -(-length // timedelta(minutes=1))
