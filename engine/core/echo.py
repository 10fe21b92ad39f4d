"""How loud the agent's own voice may come back in a frame of the caller, by levels alone.

What the caller says only adds to an echo. So at each lag the ratio of what is heard to what was
played is seldom below the echo's gain at that lag: its low quantile is that gain where there is an
echo, and next to nothing where there is none, whoever talks meanwhile.
"""

from math import log2

import numpy as np

from engine.core.audio import FRAME_SECONDS

LAGS = 32
"""Frames in which an echo may come back: 400 ms of the line's, and what the belief is off."""
AHEAD = 0.08
"""Seconds by which `expect` wants the agent's sound early, for a belief that is late."""

# Levels and gains are logarithms to the base of two in here.
_UNKNOWN = np.full(LAGS, -2.0)  # -12 dB: every gain until it is known, and the most it can be
_LOUD = log2(300)  # the agent's level from which a frame tells something of the echo
_SILENCE = -10.0
_FALL, _RISE = np.full(LAGS, -0.09), np.full(LAGS, 0.006)  # where one ratio in sixteen is lower
_FAST_FALL, _FAST_RISE = 5 * _FALL, 5 * _RISE
_KNOWN = 100  # frames after which the gains are known, and every fourth tells enough
_WIDER, _NARROWER, _WIDEST = 0.012, 0.0008, 2.0  # one frame in nine is louder than expected
_BEYOND = 3.0  # so much louder than expected is a caller
_MEMORY = 16 * LAGS
_DRAWN = 0.05  # share of what a frame is behind the present that is not believed
_GAP = 1.0  # seconds without frames, after which they are counted anew


class FrameClock:
    """When the caller's frames were spoken: they may come in bursts, but were 20 ms apart."""

    def __init__(self) -> None:
        self._time = 0.0

    def tick(self, now: float) -> float:
        """The time of the frame that has just come."""
        behind = now - (self._time + FRAME_SECONDS)
        self._time = now - max(0.0, behind * (1 - _DRAWN)) if behind < _GAP else now
        return self._time


class Echo:
    """Feed `expect` once for each 20 ms of the caller."""

    def __init__(self) -> None:
        self._gain = _UNKNOWN.copy()
        """The longest lag first, as it was played first."""
        self._most = float(_UNKNOWN[0])
        self._spread = 0.0
        """How much louder than by the gains some sounds come back: no path is flat."""
        self._learned = 0
        self._played = np.full(_MEMORY, _SILENCE)
        self._steady = np.full(_MEMORY, _SILENCE)
        """The softest of three neighbors: frames are not aligned with ours."""
        self._end = LAGS
        self._before = (_SILENCE, _SILENCE)
        self._silent = LAGS

    def forget(self) -> None:
        """A sound has stopped the agent and may have been his echo, over a path that has changed:
        nothing is known of it any more."""
        self._gain = _UNKNOWN.copy()
        self._learned = 0

    def expect(self, played: int, heard: int) -> float:
        """The level at which the agent's echo is expected in this frame at most; 0.0: none.

        `played` is the level of his sound, `heard` the frame's (negative: unknown)."""
        self._silent = 0 if played else self._silent + 1
        if self._silent > LAGS:
            return 0.0
        now = log2(played) if played else _SILENCE
        self._remember(now)
        likely = self._gain + self._played[self._end - LAGS : self._end]
        loudest = likely.item(likely.argmax())
        expected: float = 2 ** (loudest + self._spread)
        if now > _LOUD and heard >= 0:
            if loudest > self._most + _LOUD:
                self._compare(heard, expected)
            self._learned += 1
            if self._learned < _KNOWN or not self._learned % 4:
                self._learn(log2(heard + 1))
        return expected

    def _remember(self, played: float) -> None:
        if self._end == _MEMORY:
            self._end = LAGS
            self._played[:LAGS] = self._played[-LAGS:]
            self._steady[:LAGS] = self._steady[-LAGS:]
        self._played[self._end] = played
        self._steady[self._end] = min(played, *self._before)
        self._before = (self._before[1], played)
        self._end += 1

    def _compare(self, heard: int, expected: float) -> None:
        if heard < expected:
            self._spread = max(self._spread - _NARROWER, 0.0)
        elif heard < _BEYOND * expected:
            self._spread = min(self._spread + _WIDER, _WIDEST)

    def _learn(self, heard: float) -> None:
        known = self._learned >= _KNOWN
        step = heard - self._steady[self._end - LAGS : self._end]
        step -= self._gain
        np.maximum(step, _FALL if known else _FAST_FALL, out=step)
        np.minimum(step, _RISE if known else _FAST_RISE, out=step)
        step += self._gain
        np.minimum(step, _UNKNOWN, out=self._gain)
        self._most = self._gain.item(self._gain.argmax())
