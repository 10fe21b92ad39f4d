"""Callers who speak: their words by a voice of this machine, over a telephone line, into its ears.

The speech is synthetic, and clearer than most callers'. Free Hebrew cannot be tried in this way:
the voice reads Hebrew with points only, and the ears know expected phrases of it only."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.audio import FRAME_BYTES, RATE, mulaw_to_pcm, pcm_to_mulaw
from engine.core.effects import Hear, Heard, Listen, StopListening
from engine.core.events import Final
from engine.dialogue.profile import Language
from engine.ports import HearingCommand, ProviderFailed, Recognizer, Voice
from engine.providers import local

LANGUAGES: tuple[Language, ...] = ("en",)
LEVEL = 0.063
"""Of full scale: -24 dBFS."""
NOISE_DB = 20.0
"""By which the line's noise is softer than the voice."""
AROUND = 0.2
"""Seconds of the line before and after the words."""


class Telephone:
    def __init__(self, voice: Voice, recognizer: Recognizer) -> None:
        self._voice = voice
        self._recognizer = recognizer

    async def hear(self, words: str, expected: Sequence[str]) -> Heard:
        """What is heard of a caller's words. Raises `ProviderFailed`."""
        if not words.strip():
            return Heard()
        async with aclosing(self._voice.speak(words)) as pieces:
            pcm = b"".join([piece.pcm async for piece in pieces])
        results = self._recognizer.recognize(_said(over_the_line(pcm)), lambda: expected)
        async with aclosing(results):
            async for result in results:
                if isinstance(result, Final):
                    return Heard(words=result.text, confidence=result.confidence)
        raise ProviderFailed("the recognizer told nothing of an utterance")


@asynccontextmanager
async def telephone(cache: Path, told: Callable[[str], None]) -> AsyncGenerator[Telephone]:
    """Raises `ProviderFailed` if there are no ears or no voice on this machine."""
    speech = await local.load(cache=cache, languages=LANGUAGES, rate=1.0, progress=told)
    try:
        if speech.voice is None or speech.recognizer is None:
            raise ProviderFailed(" ".join(speech.missing))
        yield Telephone(speech.voice, speech.recognizer)
    finally:
        speech.close()


async def _said(pcm: bytes) -> AsyncGenerator[HearingCommand]:
    yield Listen(1, b"")
    yield Hear(1, pcm)
    yield StopListening(1, len(pcm) // FRAME_BYTES)


def over_the_line(pcm: bytes) -> bytes:
    """A narrow band, with the noise of a line, in mu-law; whole frames of 16-bit PCM at 8 kHz.
    The same sound always becomes the same."""
    sound = np.frombuffer(pcm, np.int16) / 32768
    quiet = np.zeros(round(AROUND * RATE))
    narrow = np.concatenate([quiet, narrow_band(sound), quiet])
    noise = np.random.default_rng(len(pcm)).normal(0, LEVEL * 10 ** (-NOISE_DB / 20), len(narrow))
    samples = np.asarray(np.clip(narrow + noise, -1, 1) * 32767, np.int16).tobytes()
    heard = mulaw_to_pcm(pcm_to_mulaw(samples))
    return heard + bytes(-len(heard) % FRAME_BYTES)


def narrow_band(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """300 to 3,400 Hz, at a telephone's level."""
    hertz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1)
    passes = 1 / (1 + (300 / hertz) ** 8) / (1 + (hertz / 3400) ** 24)
    narrow = np.fft.irfft(np.fft.rfft(sound) * passes, len(sound))
    active = narrow[np.abs(narrow) > 0.01 * np.abs(narrow).max()]
    return np.asarray(narrow * LEVEL / np.sqrt(np.mean(active**2)), np.float64)
