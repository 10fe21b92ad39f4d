"""What Twilio was promised, and how its streams ended, for several processes on one machine: the
webhook, the stream, and what follows the stream may each reach another one.

Each promise is a file in a folder that is theirs alone; the kernel sees to it that one of them
gets it. So a token is for its call only, in time only, and taken once, whichever process is asked.
What is kept is the parties' numbers, for a minute, until the parent takes the folder away; one that
is killed leaves it.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.twilio_media.webhooks import (
    OUTCOME_SECONDS,
    TICKET_SECONDS,
    HungUpByUs,
    Outcome,
    Ticket,
    Transferred,
)
from engine.ports import Back

_Note = dict[str, Any]  # what JSON holds
# Times are of the event loop's clock, which is the machine's: the same in every process.


class SharedTickets:
    """As `webhooks.Tickets`."""

    def __init__(self, folder: Path) -> None:
        self._waiting = _Notes(folder, "waiting")
        self._used = _Notes(folder, "used")

    def issue(
        self,
        call: str,
        caller: str,
        called: str,
        now: float,
        back: Back = "",
        *,
        outbound: bool = False,
    ) -> str:
        for notes in (self._waiting, self._used):
            notes.tidy(now)
        waiting = self._waiting.look(call)
        if waiting is None and not back and (used := self._used.look(call)) is not None:
            return str(used["token"])
        if waiting is not None and back and not waiting["back"]:
            self._waiting.forget(call)
        token = secrets.token_urlsafe(16)
        ticket = Ticket(token, now + TICKET_SECONDS, caller, called, back, outbound)
        if not self._waiting.put_new(call, asdict(ticket)):
            waiting = self._waiting.look(call)
            if waiting is not None:  # else it has just been taken: this one comes to nothing
                return str(waiting["token"])
        return ticket.token

    def redeem(self, call: str, token: str, now: float) -> Ticket | None:
        waiting = self._waiting.look(call)
        if waiting is None:
            return None
        ticket = Ticket(**waiting)
        right = hmac.compare_digest(ticket.token.encode(), token.encode("utf-8", "replace"))
        return ticket if right and now < ticket.until and self._use(call) else None

    def _use(self, call: str) -> bool:
        return self._waiting.move(call, self._used)


class SharedOutcomes:
    """As `webhooks.Outcomes`."""

    def __init__(self, folder: Path) -> None:
        self._notes = _Notes(folder, "outcome")

    def note(self, call: str, outcome: Outcome, now: float) -> None:
        self._notes.tidy(now)
        key = outcome.key if isinstance(outcome, Transferred) else None
        self._notes.put(call, {"until": now + OUTCOME_SECONDS, "key": key})

    def of(self, call: str) -> Outcome | None:
        known = self._notes.look(call)
        if known is None:
            return None
        return HungUpByUs() if known["key"] is None else Transferred(known["key"])

    def forget(self, call: str) -> None:
        self._notes.forget(call)


class _Notes:
    """Notes about calls, one of a kind for each; `until` says how long."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    def put(self, call: str, note: Mapping[str, object]) -> None:
        self._written(note).replace(self._path(call))

    def put_new(self, call: str, note: Mapping[str, object]) -> bool:
        """Whether there was none."""
        written = self._written(note)
        try:
            os.link(written, self._path(call))
        except FileExistsError:
            return False
        finally:
            written.unlink()
        return True

    def look(self, call: str) -> _Note | None:
        return _read(self._path(call))

    def move(self, call: str, to: "_Notes") -> bool:
        """Whether it was still there, for the one who asks."""
        try:
            self._path(call).rename(to._path(call))
        except FileNotFoundError:
            return False
        return True

    def forget(self, call: str) -> None:
        self._path(call).unlink(missing_ok=True)

    def tidy(self, now: float) -> None:
        for path in self._folder.glob(f"{self._kind}-*"):
            note = _read(path)
            if note is not None and note["until"] <= now:
                path.unlink(missing_ok=True)

    def _path(self, call: str) -> Path:
        # Hashed: until a token has proved it, anybody may have written the call's id.
        return (
            self._folder
            / f"{self._kind}-{hashlib.sha256(call.encode('utf-8', 'surrogatepass')).hexdigest()}"
        )

    def _written(self, note: Mapping[str, object]) -> Path:
        descriptor, name = tempfile.mkstemp(prefix="new-", dir=self._folder)
        with os.fdopen(descriptor, "w") as file:
            json.dump(note, file)
        return Path(name)


def _read(path: Path) -> _Note | None:
    with contextlib.suppress(FileNotFoundError):
        note: _Note = json.loads(path.read_text())
        return note
    return None
