"""Which UUIDs have been used, and how their calls ended: one is good for one call, which may come
back to us. Pure."""

from collections import OrderedDict
from typing import Literal
from uuid import UUID

from engine.ports import Back

DROPPED_FOR = 60.0
"""Seconds in which a call whose connection was lost may come back."""
TRANSFERRED_FOR = 300.0
"""Likewise one that was given to somebody, who may let it ring for long."""
_MOST = 10_000

Ending = Literal["over", "dropped", "transferred"]
"""The call said goodbye; its connection was lost; it was given to somebody."""


class Spent(Exception):
    """The UUID has had its call."""


class Register:
    """Remembers the calls that ended last."""

    def __init__(self) -> None:
        self._ended: OrderedDict[UUID, tuple[Ending, float]] = OrderedDict()

    def end(self, call: UUID, ending: Ending, now: float) -> None:
        self._ended[call] = (ending, now)
        self._ended.move_to_end(call)
        if len(self._ended) > _MOST:
            self._ended.popitem(last=False)

    def back(self, call: UUID, now: float) -> Back:
        """Why this call is with us again; empty if it was never here. Raises `Spent`."""
        if call not in self._ended:
            return ""
        ending, at = self._ended[call]
        if ending == "dropped" and now - at <= DROPPED_FOR:
            return "dropped"
        if ending == "transferred" and now - at <= TRANSFERRED_FOR:
            return "unanswered"
        raise Spent(f"the call {call} is over, and its UUID has been used")
