"""A booked meeting, and the port to whatever keeps them; a calendar in memory, which promises
nothing beyond its process."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

MAIN = "main"
"""The calendar of a business that has one."""


class SlotTaken(Exception):
    """Somebody has booked this time already."""


class StoreFailed(Exception):
    """The database cannot be read or written now; the message says why, and quotes no caller."""


class StoreBroken(Exception):
    """The store cannot be used as it is; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """A booked meeting and what it is about."""

    start: datetime
    minutes: int
    call: str
    """The call that booked it: the same call may book the same time twice, and has it once."""
    caller: str = ""
    wish: dict[str, str | int | float | None] = field(default_factory=dict)
    calendar: str = MAIN
    instead_of: datetime | None = None
    """The start of another meeting of this call: it is canceled as this one is booked."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"a start with a time zone was expected, came {self.start}")

    @property
    def end(self) -> datetime:
        return self.start.astimezone(UTC) + timedelta(minutes=self.minutes)

    @property
    def act(self) -> str:
        """Tells this booking from the others of its call, however often it is asked for."""
        return self.start.astimezone(UTC).isoformat()

    @property
    def replaced(self) -> "Appointment | None":
        if self.instead_of is None:
            return None
        return replace(self, start=self.instead_of, instead_of=None)

    def overlaps(self, since: datetime, until: datetime) -> bool:
        return self.start < until and since < self.end


class Calendar(Protocol):
    """Where a brain books."""

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        """What is booked within, as (start, minutes): as it was a moment ago. Never fails."""
        ...

    async def book(self, appointment: Appointment) -> None:
        """Kept when it returns. Raises `SlotTaken`, and `StoreFailed` when it could not be kept;
        then what it is instead of is kept as it was."""
        ...

    async def cancel(self, appointment: Appointment) -> None:
        """Not kept any more when it returns; it need not have been. Raises `StoreFailed`."""
        ...


class Appointments:
    """Implements `Calendar` in memory."""

    def __init__(self, *booked: Appointment) -> None:
        self.booked = booked

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return [(one.start, one.minutes) for one in self.booked if one.overlaps(since, until)]

    async def book(self, appointment: Appointment) -> None:
        for other in self.booked:
            if (other.call, other.act) == (appointment.call, appointment.act):
                return
            if appointment.overlaps(other.start, other.end):
                raise SlotTaken(f"{appointment.start.isoformat()} is taken")
        self.booked = (*self.booked, appointment)
        if appointment.replaced is not None:
            await self.cancel(appointment.replaced)

    async def cancel(self, appointment: Appointment) -> None:
        act = appointment.call, appointment.act
        self.booked = tuple(one for one in self.booked if (one.call, one.act) != act)
