"""The 20 ms beat that every call on this process shares: one timer, on absolute times.

After a stall the beat goes on from now; it never catches up with a burst of its own.
"""

import asyncio
import math
from collections.abc import Callable

PERIOD = 0.02


class Ticker:
    """Calls every member with the loop's time, every 20 ms, while there is a member."""

    def __init__(self) -> None:
        self._members: list[Callable[[float], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, member: Callable[[float], None]) -> float:
        """Returns the time of the last beat. A member that counts periods from there is called
        once in each, however late a beat is within it."""
        self._members = [*self._members, member]
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._timer is None:
            self._next = now + PERIOD
            self._timer = loop.call_at(self._next, self._beat)
        return self._next + math.floor((now - self._next) / PERIOD + 1e-6) * PERIOD

    def remove(self, member: Callable[[float], None]) -> None:
        self._members = [m for m in self._members if m != member]
        if not self._members and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        missed = int((now - self._next) / PERIOD)
        self._next += (missed + 1) * PERIOD
        # Scheduled before the members run: one that fails must not stop the beat of the others.
        self._timer = loop.call_at(self._next, self._beat)
        for member in self._members:
            member(now)
