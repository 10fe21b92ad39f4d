"""What the doubles' voices sound like, and how their sound goes out: in pieces, at a pace, and
broken where the script says so."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from math import inf

import numpy as np
import soxr  # type: ignore[import-untyped]  # it has no types

from engine.providers import espeak, wav
from engine.providers.pieces import spans
from engine.providers.word_clock import weight

Sound = Callable[[str, int, float], bytes]
"""A text as PCM of so many samples a second, at a speaking rate (1.0: normal)."""

SILENCE_BEFORE, SILENCE_AFTER = 0.1, 0.2
_PACE = 14.0
"""Letters, and one for each word, a second."""


def tone(text: str, rate: int, speed: float) -> bytes:
    """As long as the text would take, between two silences; no words can be made out."""
    time = np.arange(round(rate * weight(text) / _PACE / speed)) / rate
    wave = 6000 * np.sin(2 * np.pi * 180 * time)
    before, after = (np.zeros(round(rate * length)) for length in (SILENCE_BEFORE, SILENCE_AFTER))
    return np.concatenate([before, wave, after]).astype(np.int16).tobytes()


def read_aloud(text: str, rate: int, speed: float) -> bytes:
    """By espeak-ng: words that can be made out, in English at least. Takes a while."""
    pieces = [espeak.speak(span.text, span.language, speed) for span in spans(text)]
    sound = soxr.resample(np.concatenate(pieces), espeak.RATE, rate)
    return bytes((np.clip(sound, -1, 1) * 32767).astype(np.int16))


@dataclass(frozen=True, slots=True)
class Flow:
    """How sound goes out. The default has no fault."""

    pace: float = 4.0
    """Multiples of real time; `inf`: at once. Below 1 the caller hears gaps."""
    piece: float = 0.2
    """Seconds."""
    dies_after: float = inf
    """Seconds of sound after which the service breaks down."""
    stalls_after: float = inf
    """Seconds of sound after which nothing more comes; 0: not even the first."""
    odd: bool = False
    """Pieces are cut in the middle of a sample."""
    header: bool = False
    """A WAV header comes before sound that should have none."""
    length: float = 1.0
    """How much of the sound there is; above 1, silence follows it."""


class Died(Exception):
    """The service broke down, as its script has it."""


async def pieces(sound: bytes, rate: int, flow: Flow) -> AsyncGenerator[bytes]:
    """Raises `Died`."""
    whole = round(len(sound) * flow.length) & ~1
    data = sound[:whole].ljust(whole, b"\0")
    if flow.header:
        data = wav.file(data, rate)
    step = max(1, round(2 * rate * flow.piece)) | flow.odd
    for at in range(0, len(data), step):
        if at >= flow.dies_after * 2 * rate:
            raise Died
        if at >= flow.stalls_after * 2 * rate:
            await asyncio.Event().wait()
        yield data[at : at + step]
        await asyncio.sleep(flow.piece / flow.pace)
