"""Voice or silence, one frame at a time: by loudness, and by what a neural detector says.

What is loud is told by the line's noise, of which there are two signs. The quietest moment of the
last two seconds: even a talker without pauses has one, a street has not. And a sound that stays the
same for longer than a voice does. So the threshold follows the noise in both directions, within a
moment where it is steady, and cannot latch.
"""

from collections import deque

from engine.core.events import UNKNOWN

ECHO_MARGIN = 1.5
"""What is no louder than this times our own echo is taken for it."""

_BLOCK = 25  # frames; the floor is the minimum over the running block and three full ones
_BLOCKS = 3
_ABOVE_FLOOR = 2.0  # times the quietest moment; more goes deaf to weak speakers on a noisy line
_STEADY = 8  # frames that stay the same are noise: fewer than make an interruption
_SAME = 1.6  # the loudest of them against the softest; steady noise stays in it, a voice seldom
_ABOVE_STEADY = 1.6  # times the loudest of them
_JUDGED = 5  # frames: a run of noise has ended by then
_QUIET = 8  # frames so soft that they are no voice: the line is a quiet one
_STAY = 0.7  # of the threshold keeps a sound going, so that its edges do not flutter
_SURE, _STILL_SURE = 30, 15  # of 100: noise and coughs stay below, short words at -40 dBFS above


class Vad:
    """Feed `hear` the level (RMS of int16) of each 20 ms frame; it tells whether that is voice.

    A negative level is a frame that never came: silence that says nothing about the noise."""

    def __init__(self, base_rms: int, calibration_frames: int) -> None:
        self.opened = False
        """The last frame was loud enough, and louder than our own echo, whatever it was."""
        self.threshold: float = base_rms
        """The level at which a voice begins."""
        self._voiced = False
        self._base = base_rms
        self._calibrating = calibration_frames
        self._floor = 0
        self._floors: list[int] = []  # of the full blocks
        self._block_floor: int | None = None
        self._block_frames = 0
        self._before = 0  # the level of the frame before
        self._recent: deque[int] = deque(maxlen=_STEADY)
        self._steady = 0  # the level of a steady noise; falls with the first quiet moment
        self._quiet = 0  # frames so far that were certainly no voice

    @property
    def gate(self) -> float:
        """The level from which the next frame is loud; a neural detector is asked only then."""
        return self.threshold * _STAY if self.opened else self.threshold

    @property
    def calibrated(self) -> bool:
        """The line's noise is known: it has been quiet for a moment, or was heard for long enough
        and the last frames were judged by that."""
        return self._quiet >= _QUIET or self._calibrating <= -_JUDGED

    def hear(self, level: int, speech: int = UNKNOWN, echo: float = 0.0) -> bool:
        """Whether a frame is voice. `speech`: what the neural detector says of it, 0 to 100, or
        `UNKNOWN`; `echo`: the level that our own voice may have in it."""
        sure = speech >= (_STILL_SURE if self._voiced else _SURE)
        loudest_echo = ECHO_MARGIN * echo
        if level >= 0:
            self._quiet += level < self._base
            if level >= loudest_echo or level < self._floor:  # else the echo hides the noise
                self._learn(level, sure)
        self.opened = level >= self.gate and level >= loudest_echo
        self._voiced = self.opened and (sure or speech == UNKNOWN)
        return self._voiced

    def _learn(self, level: int, sure: bool) -> None:
        # The louder of two neighbours: a single quiet frame inside speech is not the floor.
        quiet = max(level, self._before)
        self._before = level
        self._follow_floor(quiet)
        self._steady = min(self._steady, quiet)
        if not sure:  # some vowels are as steady as noise
            self._follow_steady(level)
        adapted = max(_ABOVE_FLOOR * self._floor, _ABOVE_STEADY * self._steady)
        self._calibrating -= 1
        if self._calibrating > 0:
            # Who speaks at once («הלו?») must not be taken for noise.
            adapted = min(adapted, 3 * self._base)
        self.threshold = max(self._base, adapted)

    def _follow_floor(self, quiet: int) -> None:
        if self._block_floor is None or quiet < self._block_floor:
            self._block_floor = quiet
            self._floor = min([*self._floors, quiet])
        self._block_frames += 1
        if self._block_frames == _BLOCK:
            self._floors = [*self._floors[-_BLOCKS + 1 :], self._block_floor]
            self._floor = min(self._floors)
            self._block_floor, self._block_frames = None, 0

    def _follow_steady(self, level: int) -> None:
        self._recent.append(level)
        if len(self._recent) == _STEADY:
            softest, loudest = min(self._recent), max(self._recent)
            if softest < loudest <= _SAME * softest:  # noise has chance in it
                self._steady = loudest
