"""An invitation file for every meeting that is booked, in a folder that the office looks into; of
one that is canceled, the file says so."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.office.diary import Store
from engine.office.invitation import cancellation, invitation
from engine.office.meeting import OURS, Meeting
from engine.store import Appointment

log = logging.getLogger(__name__)


class AsFile(Protocol):
    def __call__(self, meeting: Meeting, /, *, zone: ZoneInfo, now: datetime) -> bytes: ...


class Invitations:
    """A store that also writes invitations. A disk that fails takes no meeting from anybody."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        describe: Callable[[Appointment], Meeting],
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._folder = folder
        self._describe = describe
        self._zone = zone
        self._clock = clock

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return await self._store.busy(since, until)

    async def book(self, appointment: Appointment) -> None:
        """Raises what the store raises."""
        await self._store.book(appointment)
        await self._put(appointment, invitation)
        if appointment.replaced is not None:
            await self._put(appointment.replaced, cancellation)

    async def cancel(self, appointment: Appointment) -> None:
        """Raises what the store raises."""
        await self._store.cancel(appointment)
        await self._put(appointment, cancellation)

    async def _put(self, appointment: Appointment, as_file: AsFile) -> None:
        meeting = self._describe(appointment)
        content = as_file(meeting, zone=self._zone, now=self._clock())
        try:
            await asyncio.to_thread(_write, self._folder, meeting.uid, content)
        except OSError as error:
            facts = {"uid": meeting.uid, "why": error.strerror}
            log.error("invitation_not_written", extra={"facts": facts})


def _write(folder: Path, uid: str, content: bytes) -> None:
    """Who looks into the folder meanwhile finds the whole of it, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uid.removesuffix(OURS)}.ics"
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
