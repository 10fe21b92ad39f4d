"""The 20 ms beat that the calls on this process share, on absolute times.

After a stall the beat goes on from now; it never catches up with a burst of its own.
"""

import asyncio
import math
from collections.abc import Callable

PERIOD = 0.02
PARTS = 5
"""So many times in a period a part of the members has its turn. All in one go, the frame of the
last of fifty calls waits for what the others do first, which takes longer at some beats."""
TOGETHER = 10
"""Members that make a part: each further beat wakes the process once more, which costs more than
a call's frame."""

Member = Callable[[float], None]


class Ticker:
    """Calls every member with the loop's time, every 20 ms, while there is a member."""

    def __init__(self) -> None:
        self._parts = [_Part() for _ in range(PARTS)]
        self._began = 0.0

    def add(self, member: Member) -> float:
        """Returns the time of the last beat of the member's part. One that counts periods from
        there is called once in each, however late a beat is within it."""
        if not any(part.members for part in self._parts):
            self._began = asyncio.get_running_loop().time()
        number = self._part_with_room()
        return self._parts[number].add(member, self._began + number * PERIOD / PARTS)

    def _part_with_room(self) -> int:
        """The first one, or the smallest, if all are full."""
        sizes = [len(part.members) for part in self._parts]
        first = next((n for n, size in enumerate(sizes) if size < TOGETHER), None)
        return sizes.index(min(sizes)) if first is None else first

    def remove(self, member: Member) -> None:
        for part in self._parts:
            part.remove(member)


class _Part:
    """Those who have their turn together: one timer."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, member: Member, phase: float) -> float:
        """`phase`: the time of one of the beats."""
        self.members = [*self.members, member]
        loop = asyncio.get_running_loop()
        last = phase + math.floor((loop.time() - phase) / PERIOD + 1e-6) * PERIOD
        if self._timer is None:
            self._next = last + PERIOD
            self._timer = loop.call_at(self._next, self._beat)
        return last

    def remove(self, member: Member) -> None:
        self.members = [m for m in self.members if m != member]
        if not self.members and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        missed = int((now - self._next) / PERIOD)
        self._next += (missed + 1) * PERIOD
        # Scheduled before the members run: one that fails must not stop the beat of the others.
        self._timer = loop.call_at(self._next, self._beat)
        for member in self.members:
            member(now)
