"""Words whose sound tells their numbers, so that a lost, doubled or torn one is noticed.

They only survive a way that leaves each sample as it is."""

from dataclasses import dataclass

import numpy as np

from engine.core.audio import FRAME_SAMPLES

_MARK = (32_000, -32_000)
_HEAD = 4  # samples: the mark, the number, and which frame of how many this is
_MOST_FRAMES = 100


@dataclass(slots=True)
class HeardWord:
    number: int
    start: int
    """Samples, as `end`."""
    end: int
    frames: int
    """So many of it were heard, of `of`."""
    of: int

    @property
    def text(self) -> str:
        return f"w{self.number}" if self.frames == self.of else f"torn{self.number}"


def word(number: int, frames: int = 12) -> bytes:
    """The sound of a word of so many frames of 20 ms."""
    assert 0 <= number < 30_000
    assert 0 < frames < _MOST_FRAMES
    sound = np.tile(np.repeat(np.array([4000, -4000], np.int16), 10), frames * 8)
    rows = sound.reshape(frames, FRAME_SAMPLES)
    rows[:, :2] = _MARK
    rows[:, 2] = number
    rows[:, 3] = np.arange(frames) * _MOST_FRAMES + frames
    return sound.tobytes()


class Decoder:
    """Finds the words in sound that comes in pieces cut anywhere."""

    def __init__(self) -> None:
        self.words: list[HeardWord] = []
        self._position = 0
        self._rest = np.zeros(0, np.int16)

    def hear(self, pcm: bytes) -> None:
        sound = np.concatenate((self._rest, np.frombuffer(pcm, np.int16)))
        heads = np.flatnonzero((sound[:-3] == _MARK[0]) & (sound[1:-2] == _MARK[1]))
        for head in heads.tolist():
            index, of = divmod(int(sound[head + 3]), _MOST_FRAMES)
            self._add(int(sound[head + 2]), self._position + head, index, of)
        used = max(0, len(sound) - _HEAD + 1)
        self._rest = sound[used:]
        self._position += used

    def _add(self, number: int, position: int, index: int, of: int) -> None:
        last = self.words[-1] if self.words else None
        if last is None or last.number != number or last.end != position or index == 0:
            self.words.append(HeardWord(number, position, position, 0, of))
        self.words[-1].end = position + FRAME_SAMPLES
        self.words[-1].frames += 1
