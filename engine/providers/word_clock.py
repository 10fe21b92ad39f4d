"""When each word of a sentence is said, for voices that do not tell.

Pure. A word gets time by its letters, and only where there is sound: silence at the start and
pauses do not count."""

import numpy as np
import numpy.typing as npt

from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS, seconds
from engine.core.events import Word
from engine.providers.hebrew_sounds import unpointed

PACE = 16.0
"""Letters, and one for each word, in a second of sound, when nothing better is known."""
_QUIET = 150
"""RMS of int16 below which a frame of a voice is a pause."""


def weight(text: str) -> int:
    """Letters and words: what takes time to say."""
    return sum(len(unpointed(word)) + 1 for word in text.split())


class WordClock:
    """One sentence, its sound given in pieces of whole frames; only the last may be of any
    length. `pace`: weight in a second of sound."""

    def __init__(self, text: str, pace: float) -> None:
        self._words: list[tuple[str, int]] = []
        """Those to come, each with the frame, pauses left out, at which it begins."""
        self._frames = 0
        before = 0
        for word in text.split():
            self._words.append((word, round(before / pace / FRAME_SECONDS)))
            before += weight(word)

    @property
    def sounding(self) -> float:
        """Seconds of sound so far, pauses left out."""
        return self._frames * FRAME_SECONDS

    def words(self, pcm: bytes) -> tuple[Word, ...]:
        """Those that begin in the next piece."""
        loud = np.flatnonzero(_loud(pcm))
        begun: list[Word] = []
        while self._words:
            text, frame = self._words[0]
            if frame - self._frames >= len(loud):
                break
            at = float(loud[frame - self._frames]) * FRAME_SECONDS
            begun.append(Word(text, round(at, 3)))
            del self._words[0]
        self._frames += len(loud)
        return tuple(begun)

    def last_words(self, pcm: bytes) -> tuple[Word, ...]:
        """Those of the last piece: all that are left, the sound being shorter than was thought."""
        begun = self.words(pcm)
        at = max(begun[-1].at if begun else 0.0, seconds(pcm) - FRAME_SECONDS)
        left = tuple(Word(text, round(at, 3)) for text, _ in self._words)
        self._words.clear()
        return begun + left


def estimate(text: str, pcm: bytes) -> tuple[Word, ...]:
    """The words of a sentence whose sound is whole."""
    sounding = float(_loud(pcm).sum()) * FRAME_SECONDS
    clock = WordClock(text, weight(text) / sounding if sounding else PACE)
    return clock.last_words(pcm)


def _loud(pcm: bytes) -> npt.NDArray[np.bool_]:
    """Of each frame."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    frames = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.square(frames).sum(axis=1) >= FRAME_SAMPLES * _QUIET**2)
