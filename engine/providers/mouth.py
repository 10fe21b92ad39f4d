"""A mouth, inside its worker process: a piece of text in, telephone sound out."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # it has no types

from engine.core.audio import RATE
from engine.providers import espeak, hebrew_sounds
from engine.providers.jobs import SILENCE_BEFORE, Piece, closing_mark, silence_after
from engine.providers.piper import Piper, with_joes_sounds

SPEECH_RATE = 22050
"""Of Joe and of espeak-ng alike."""
_LEVEL = 0.1
"""Root mean square of speech, of full scale: -20 dBFS."""
_PEAK = 0.9
_QUIET = 0.05
"""Of the loudest 10 ms: softer is not speech."""

Floats = npt.NDArray[np.float32]


class Mouth:
    def __init__(self, piper: Piper | None, lexicon: Mapping[str, str]) -> None:
        self._piper = piper
        self._lexicon = lexicon

    def say(self, piece: Piece) -> bytes:
        """16-bit PCM at 8 kHz."""
        return _telephone(self._sound(piece), silence_after(piece.text))

    def _sound(self, piece: Piece) -> Floats:
        if piece.language == "he":
            return self._hebrew(piece)
        if self._piper is None:
            return espeak.speak(piece.text, piece.language, piece.rate)
        return self._piper.speak(espeak.ipa(piece.text) + closing_mark(piece.text), piece.rate)

    def _hebrew(self, piece: Piece) -> Floats:
        pointed = hebrew_sounds.pointed(piece.text, self._lexicon)
        if pointed is None:
            return espeak.speak(hebrew_sounds.unpointed(piece.text), "he", piece.rate)
        ipa = hebrew_sounds.ipa(pointed)
        if self._piper is None:
            return espeak.speak(espeak.hebrew_by_sounds(ipa), "he", piece.rate)
        return self._piper.speak(with_joes_sounds(ipa), piece.rate)


def _telephone(sound: Floats, pause: float) -> bytes:
    narrow = soxr.resample(sound, SPEECH_RATE, RATE)
    spoken = _trimmed(narrow, pause)
    return np.asarray(np.round(_leveled(spoken) * 32767), np.int16).tobytes()


def _loudness(sound: Floats) -> Floats:
    """Of each 10 ms."""
    span = RATE // 100
    whole = sound[: len(sound) // span * span].reshape(-1, span)
    return np.asarray(np.sqrt(np.mean(whole * whole, axis=1)), np.float32)


def _trimmed(sound: Floats, pause: float) -> Floats:
    loudness = _loudness(sound)
    if not len(loudness):
        return sound
    loud = np.flatnonzero(loudness > _QUIET * loudness.max())
    if not len(loud):
        return sound
    begin = max(0, int(loud[0]) * RATE // 100 - round(SILENCE_BEFORE * RATE))
    end = (int(loud[-1]) + 1) * RATE // 100
    tail = sound[end : end + round(pause * RATE)]
    silence = np.zeros(round(pause * RATE) - len(tail), np.float32)
    return np.concatenate([sound[begin:end], tail, silence])


def _leveled(sound: Floats) -> Floats:
    loudness = _loudness(sound)
    if not len(loudness) or not loudness.max():
        return sound
    active = loudness[loudness > 0.1 * loudness.max()]
    speech = float(np.sqrt(np.mean(active * active)))
    return sound * min(_LEVEL / speech, _PEAK / float(np.abs(sound).max()))
