"""What Twilio was promised, and how its streams ended.

The webhook, the stream, and what follows the stream may each reach another of several processes: a
`folder` lets them know it together. A token is for its call only, in time only, and taken once,
whichever process is asked. What is kept there is the parties' numbers, for a minute, until the
parent takes the folder away; one that is killed leaves it.
"""

import hmac
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bridge.notes import Notes, NotesInFiles, NotesInMemory
from engine.ports import Back

TICKET_SECONDS = 60.0
OUTCOME_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets one stream of one call in, once."""

    token: str = field(repr=False)
    until: float
    caller: str = field(repr=False)
    called: str = field(repr=False)
    back: Back = ""
    outbound: bool = False
    """We have called, and `caller` is who answered."""


class Tickets:
    """What was promised to calls that are about to open their stream."""

    def __init__(self, folder: Path | None = None) -> None:
        self._waiting = _notes(folder, "waiting")
        self._used = _notes(folder, "used")

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
        """The call's token. A request that Twilio repeats gets the same again, used or not; a
        caller who is `back` gets a new one."""
        self._waiting.tidy(now)
        self._used.tidy(now)
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
        return token

    def redeem(self, call: str, token: str, now: float) -> Ticket | None:
        """The ticket, if it is this call's, in time, and not used before."""
        waiting = self._waiting.look(call)
        if waiting is None:
            return None
        ticket = Ticket(**waiting)
        right = hmac.compare_digest(ticket.token.encode(), token.encode("utf-8", "replace"))
        taken = right and now < ticket.until and self._waiting.move(call, self._used)
        return ticket if taken else None


@dataclass(frozen=True, slots=True)
class HungUpByUs:
    """The agent has said goodbye."""


@dataclass(frozen=True, slots=True)
class Transferred:
    key: str


Outcome = HungUpByUs | Transferred


class Outcomes:
    """How streams ended, until Twilio asks what to do with the call after that."""

    def __init__(self, folder: Path | None = None) -> None:
        self._known = _notes(folder, "outcome")

    def note(self, call: str, outcome: Outcome, now: float) -> None:
        self._known.tidy(now)
        key = outcome.key if isinstance(outcome, Transferred) else None
        self._known.put(call, {"until": now + OUTCOME_SECONDS, "key": key})

    def of(self, call: str) -> Outcome | None:
        known = self._known.look(call)
        if known is None:
            return None
        return HungUpByUs() if known["key"] is None else Transferred(known["key"])

    def forget(self, call: str) -> None:
        """The call is in another stream, or about to be."""
        self._known.forget(call)


def _notes(folder: Path | None, kind: str) -> Notes:
    return NotesInMemory() if folder is None else NotesInFiles(folder, kind)
