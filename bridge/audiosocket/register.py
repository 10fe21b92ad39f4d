"""Which UUIDs have been used, and how their calls ended: one is good for one call, which may come
back to us."""

import logging
from collections import OrderedDict
from typing import Literal
from uuid import UUID

from bridge.notes import Note, Notes
from engine.ports import Back

log = logging.getLogger(__name__)

DROPPED_FOR = 60.0
"""Seconds in which a call whose connection was lost may come back."""
TRANSFERRED_FOR = 300.0
"""Likewise one that was given to somebody, who may let it ring for long."""
LONGEST_CALL = 86_400.0
"""Seconds for which a call is missed whose process has died."""
_MOST = 10_000
_TIDY_EVERY = 60.0

Ending = Literal["over", "dropped", "transferred"]
"""The call said goodbye; its connection was lost; it was given to somebody."""
_BACK: dict[str, Back] = {"dropped": "dropped", "transferred": "unanswered"}
_FOR: dict[Ending, float] = {
    "over": TRANSFERRED_FOR,
    "dropped": DROPPED_FOR,
    "transferred": TRANSFERRED_FOR,
}


class Spent(Exception):
    """The UUID has had its call."""


class Register:
    """Remembers the calls that ended last."""

    def __init__(self, shared: Notes | None = None) -> None:
        """`shared` with other processes, which may be asked for our calls when they come back."""
        self._ended: OrderedDict[UUID, Note] = OrderedDict()
        self._shared = shared
        self._tidied = 0.0

    def begin(self, call: UUID, now: float) -> None:
        """Until its end is told, it is a call that was dropped."""
        if self._shared is None:
            return
        if now >= self._tidied + _TIDY_EVERY:
            self._tidied = now
            self._shared.tidy(now)
        self._share(call, {"ending": "dropped", "until": now + LONGEST_CALL})

    def end(self, call: UUID, ending: Ending, now: float) -> None:
        note = {"ending": ending, "until": now + _FOR[ending]}
        self._ended[call] = note
        self._ended.move_to_end(call)
        if len(self._ended) > _MOST:
            self._ended.popitem(last=False)
        self._share(call, note)

    def back(self, call: UUID, now: float) -> Back:
        """Why this call is with us again; empty if it was never here. Raises `Spent`."""
        note = self._known(call)
        if note is None:
            return ""
        if note["ending"] in _BACK and now <= note["until"]:
            return _BACK[note["ending"]]
        raise Spent(f"the call {call} is over, and its UUID has been used")

    def _share(self, call: UUID, note: Note) -> None:
        if self._shared is None:
            return
        try:
            self._shared.put(str(call), note)
        except OSError as error:  # a full disk takes no caller off the line
            log.warning(
                "AudioSocket: others do not know of it: %s", error, extra={"call": str(call)}
            )

    def _known(self, call: UUID) -> Note | None:
        # What others know is newer: it may have been with one of them since.
        shared = None if self._shared is None else self._shared.look(str(call))
        return shared or self._ended.get(call)
