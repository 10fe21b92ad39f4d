"""Voice or silence, one frame at a time, by loudness alone.

The noise floor is the quietest moment of the last two seconds: even a talker without pauses has
one, a street has not. So the threshold follows the noise in both directions, and cannot latch.
"""

_BLOCK = 25  # frames; the floor is the minimum over the running block and three full ones
_BLOCKS = 3
_RATIO = 2.5  # of the floor; higher ratios go deaf to weak speakers on a noisy line
_JUDGED = 5  # frames: a run of noise has ended by then
_QUIET = 8  # frames so soft that they are no voice: the line is a quiet one
_STAY = 0.7  # of the threshold keeps a voice going, so that its edges do not flutter


class Vad:
    """Feed `hear` the level (RMS of int16) of each 20 ms frame; it tells whether that is voice.

    A negative level is a frame that never came: silence that says nothing about the noise."""

    def __init__(self, base_rms: int, calibration_frames: int) -> None:
        self._base = base_rms
        self._calibrating = calibration_frames
        self._floor = 0
        self._floors: list[int] = []  # of the full blocks
        self._block_floor: int | None = None
        self._block_frames = 0
        self._before = 0  # the level of the frame before
        self.opened = False
        """The last frame was loud enough for a voice."""
        self._quiet = 0  # frames so far that were certainly no voice

    @property
    def threshold(self) -> float:
        """The level at which a voice begins."""
        adapted = _RATIO * self._floor
        if self._calibrating > 0:
            # Who speaks at once («הלו?») must not be taken for noise.
            adapted = min(adapted, 3 * self._base)
        return max(self._base, adapted)

    @property
    def calibrated(self) -> bool:
        """The line's noise is known: it has been quiet for a moment, or was heard for long enough
        and the last frames were judged by that."""
        return self._quiet >= _QUIET or self._calibrating <= -_JUDGED

    @property
    def gate(self) -> float:
        return self.threshold * (_STAY if self.opened else 1)

    def hear(self, level: int, speech: int = -1, echo: float = 0.0) -> bool:
        threshold = self.threshold
        if level >= 0:
            self._learn(level)
        self._quiet += 0 <= level < self._base
        self.opened = level >= threshold * (_STAY if self.opened else 1)
        return self.opened

    def _learn(self, level: int) -> None:
        # The louder of two neighbours: a single quiet frame inside speech is not the floor.
        quiet = max(level, self._before)
        self._before = level
        if self._block_floor is None or quiet < self._block_floor:
            self._block_floor = quiet
            self._floor = min([*self._floors, quiet])
        self._block_frames += 1
        self._calibrating -= 1
        if self._block_frames == _BLOCK:
            self._floors = [*self._floors[-_BLOCKS + 1 :], self._block_floor]
            self._floor = min(self._floors)
            self._block_floor, self._block_frames = None, 0
