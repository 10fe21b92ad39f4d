"""A booked meeting as the office sees it, whatever calendar it is put into. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

OURS = "@kav"
"""The uid of every event that we make ends like this."""
_MEETINGS = UUID("5b0c1fb6-3b0e-4a53-9f0e-8c4f0d5d7a10")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as a calendar shows it."""

    uid: str
    start: datetime
    """With its time zone."""
    minutes: int
    title: str
    about: str = ""
    """What the caller wants; lines."""
    caller: str = ""

    @property
    def end(self) -> datetime:
        # In UTC: a local time plus an hour is another hour when the clocks change.
        return self.start.astimezone(UTC) + timedelta(minutes=self.minutes)


def meeting_uid(call: str, act: str) -> str:
    """The same for the same act of the same call; it tells neither."""
    return f"{uuid5(_MEETINGS, f'{call}/{act}')}{OURS}"
