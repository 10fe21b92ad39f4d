"""How loud the agent's own voice may come back in a frame of the caller, by levels alone.

The caller's own sound only adds to an echo. So at each lag the ratio of what is heard to what was
played is seldom below the echo's gain at that lag; its low quantile is that gain where there is an
echo, and next to nothing where there is none, whoever talks meanwhile.
"""

import numpy as np

LAGS = 32
"""Frames in which an echo may come back: 400 ms of the line's, and what the belief is off."""
AHEAD = 0.08
"""Seconds by which `expect` wants the agent's sound early, for a belief that is late."""
UNKNOWN = 0.25
"""The gain (-12 dB) that an echo is taken to have until it is known, and at most."""
_LOUD = 300  # the agent's level from which a frame tells something of the echo
_FALL, _RISE = 0.06, 0.004  # of a gain in a frame: it settles where one ratio in sixteen is lower
_HASTE = 5  # times as much until it is known
_KNOWN = 50  # frames after which it is, and every fourth tells enough
_WIDER, _NARROWER, _WIDEST = 1.008, 0.999, 4.0  # one frame in nine is louder than expected
_BEYOND = 3.0  # so much louder than expected is a caller
_MEMORY = 16 * LAGS


class Echo:
    """Feed `expect` once for each 20 ms of the caller."""

    def __init__(self) -> None:
        self._gain = np.full(LAGS, UNKNOWN)
        """The longest lag first, as they were played."""
        self._most = UNKNOWN
        self._spread = 1.0
        """How much louder than by the gains some sounds come back: no path is flat."""
        self._known = 0
        self._played = np.full(_MEMORY, 1e-3)
        self._end = LAGS + 2
        self._silent = LAGS

    def forget(self) -> None:
        """A sound has stopped the agent and may have been his echo, over a path that has changed:
        nothing is known of it any more."""
        self._gain[:] = self._most = UNKNOWN
        self._known = 0

    def expect(self, played: int, heard: int) -> float:
        """The level at which the agent's echo is expected in this frame at most; 0.0: none.

        `played` is the level of his sound, `heard` the frame's (negative: unknown)."""
        self._silent = 0 if played else self._silent + 1
        if self._silent > LAGS:
            return 0.0
        if self._end == _MEMORY:
            self._end = LAGS + 2
            self._played[: self._end] = self._played[-self._end :]
        self._played[self._end] = played or 1e-3
        self._end += 1
        likely = self._gain * self._played[self._end - LAGS : self._end]
        loudest = float(likely[likely.argmax()])
        expected = loudest * self._spread
        if played > _LOUD and heard >= 0:
            self._known += 1
            if loudest > self._most * _LOUD and heard < _BEYOND * expected:
                self._judge(heard > expected)
            if self._known < _KNOWN or not self._known % 4:
                self._learn(heard)
        return expected

    def _judge(self, louder: bool) -> None:
        spread = self._spread * (_WIDER if louder else _NARROWER)
        self._spread = min(max(spread, 1.0), _WIDEST)

    def _learn(self, heard: int) -> None:
        end, past = self._end, self._played
        # Frames are not aligned with ours: the softest of three neighbors is certainly in it.
        steady = np.minimum(past[end - LAGS : end], past[end - LAGS - 1 : end - 1])
        np.minimum(steady, past[end - LAGS - 2 : end - 2], out=steady)
        haste = _HASTE if self._known < _KNOWN else 1
        ratio = heard / steady
        np.maximum(ratio, self._gain * (1 - haste * _FALL), out=ratio)
        np.minimum(ratio, self._gain * (1 + haste * _RISE), out=ratio)
        np.minimum(ratio, UNKNOWN, out=self._gain)
        self._most = float(self._gain[self._gain.argmax()])
