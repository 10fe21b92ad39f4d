"""What callers do, frame by frame, given what they hear: they decide only when they have a voice.

Times are the caller's own monotonic seconds.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

PAUSE = 0.3
"""Silence that tells two replies of the agent apart."""
POLITE = 0.4
"""Silence of the agent after which a caller takes the floor."""


@dataclass(slots=True)
class Ear:
    """When the agent was heard."""

    began: float = 0.0
    """The start of its newest reply."""
    until: float = 0.0

    def hear(self, start: float, end: float) -> None:
        if start > self.until + PAUSE:
            self.began = start
        self.until = max(self.until, end)


class Caller(Protocol):
    @property
    def done(self) -> bool:
        """Nothing more is wanted of this call."""
        ...

    def speaks(self, now: float, ear: Ear) -> bool:
        """Whether the frame that is sent now has a voice in it."""
        ...


class Silent:
    """Listens to the greeting and says nothing."""

    done = False

    def speaks(self, now: float, ear: Ear) -> bool:
        return False


class Talker:
    """Lets the agent finish, speaks, and waits for the answer, again and again."""

    done = False
    _LENGTH = 60

    def __init__(self) -> None:
        self.turns: list[float] = []
        """When each utterance began: the greeting and every answer lie before one."""
        self._left = 0

    def speaks(self, now: float, ear: Ear) -> bool:
        if self._left:
            self._left -= 1
            return True
        answered = ear.began > (self.turns[-1] if self.turns else 0.0)
        if not answered or now - ear.until < POLITE:
            return False
        self.turns.append(now)
        self._left = self._LENGTH - 1
        return True


class Interrupter:
    """Speaks into every reply of the agent, at a random moment past the grace."""

    _LENGTH = 30
    _EARLIEST, _LATEST = 0.5, 1.3

    def __init__(self, most: int, seed: int) -> None:
        self.interruptions: list[float] = []
        """When each began."""
        self._most = most
        self._random: Callable[[], float] = random.Random(seed).random
        self._left = 0
        self._delay = self._EARLIEST

    @property
    def done(self) -> bool:
        return len(self.interruptions) >= self._most and not self._left

    def speaks(self, now: float, ear: Ear) -> bool:
        if self._left:
            self._left -= 1
            return True
        last = self.interruptions[-1] if self.interruptions else 0.0
        speaking = ear.began > last and now < ear.until + PAUSE / 2
        if self.done or not speaking or now < ear.began + self._delay:
            return False
        self.interruptions.append(now)
        self._left = self._LENGTH - 1
        self._delay = self._EARLIEST + (self._LATEST - self._EARLIEST) * self._random()
        return True
