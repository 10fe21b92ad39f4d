"""What AudioSocket does not carry, asked of the PBX beside it: who calls, transfer, the way to the
phone."""

from typing import Protocol
from uuid import UUID

from engine.ports import CallFacts


class PbxFailed(Exception):
    """The PBX did not do what it was asked; the message says what, and why."""


class UnknownCall(PbxFailed):
    """The PBX has no call of this UUID."""


class Pbx(Protocol):
    """The PBX from which the calls of one AudioSocket door come."""

    async def facts(self, call: UUID) -> CallFacts:
        """Who calls whom. It may know later than the socket is open: waits 1 s at most. Raises
        `UnknownCall` if there is no such call, `PbxFailed` if it cannot be asked."""
        ...

    async def transfer(self, call: UUID, key: str) -> None:
        """Takes the caller to the dialplan's target of that key: the socket is closed by the PBX
        then. Raises `PbxFailed`: the caller is still with us."""
        ...

    async def hang_up(self, call: UUID, why: str) -> None:
        """Ends the caller's own call. Raises `PbxFailed`."""
        ...

    def way(self, call: UUID) -> float | None:
        """Seconds from our socket to the caller's ear, as RTCP measured it; None: nobody has.
        Never blocks."""
        ...
