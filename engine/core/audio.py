"""Telephone sound: 20 ms frames of 16-bit little-endian mono PCM at 8,000 Hz; G.711; loudness;
other rates.

Whole buffers are converted by table look-up; nothing here loops over samples.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

RATE = 8000
"""Samples a second."""
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
FRAME_BYTES = 320
SILENCE = bytes(FRAME_BYTES)
_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)
"""Made once: numpy takes longer to find them than to use them on a frame."""


def seconds(pcm: bytes) -> float:
    """The length of PCM as described above."""
    return len(pcm) / (2 * RATE)


def silence(length: float) -> bytes:
    """`length` seconds of digital silence."""
    return bytes(2 * round(length * RATE))


def level(frame: bytes) -> int:
    """Root mean square of PCM, 0 to 32,767; 0 for no sound at all."""
    if not frame:
        return 0
    wide = np.frombuffer(frame, _INT16).astype(_FLOAT32)
    return round(math.sqrt(float(wide.dot(wide)) / len(wide)))


_LOUDNESS = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""One letter for each quarter of a doubling (1.5 dB): a blank is silence, `x` full scale."""
_LEVELS = {letter: round(2 ** (step / 4)) - 1 for step, letter in enumerate(_LOUDNESS)}
_LETTERS = np.frombuffer(_LOUDNESS.encode("ascii"), np.uint8)


def loudness(pcm: bytes) -> str:
    """The level of each 20 ms of sound as a letter, so that a trace can tell it."""
    samples = np.frombuffer(pcm, np.int16)
    frames = np.zeros((-(-len(samples) // FRAME_SAMPLES), FRAME_SAMPLES), np.float32)
    frames.reshape(-1)[: len(samples)] = samples
    power = np.square(frames, out=frames).mean(axis=1)
    steps = np.rint(4 * np.log2(np.sqrt(power) + 1)).astype(int)
    letters: bytes = _LETTERS[steps].tobytes()
    return letters.decode("ascii")


def level_of(letter: str) -> int:
    """The level (see `level`) that a letter of `loudness` stands for."""
    return _LEVELS[letter]


def _mulaw_decode_table() -> npt.NDArray[np.int16]:
    """ITU-T G.711, table 2b: the 256 code words as 16-bit samples."""
    code = ~np.arange(256) & 0xFF
    exponent = (code >> 4) & 7
    magnitude = (((code & 0x0F) << 3) + 132 << exponent) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _mulaw_encode_table() -> npt.NDArray[np.uint8]:
    """The code word of each 16-bit sample, indexed by the sample as unsigned."""
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    # G.711 works on 14 bits with a bias of 33, clipped at 8,158.
    biased = np.minimum(np.abs(sample >> 2), 8158) + 33
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 5
    code = (exponent << 4) | (biased >> exponent + 1 & 0x0F)
    return np.asarray(np.where(sample < 0, ~(code | 0x80), ~code), np.uint8)


_DECODE = _mulaw_decode_table()
_ENCODE = _mulaw_encode_table()


def mulaw_to_pcm(mulaw: bytes) -> bytes:
    """One byte a sample in, two bytes a sample out."""
    return _DECODE[np.frombuffer(mulaw, np.uint8)].tobytes()


def pcm_to_mulaw(pcm: bytes) -> bytes:
    """Two bytes a sample in, one byte a sample out."""
    return _ENCODE.take(np.frombuffer(pcm, np.uint16)).tobytes()


# A telephone's band ends at 3.4 kHz; whatever lies beyond 4 kHz would come back as another tone.
_CUT = 0.4625  # of the lower rate: half-way between the two
_REACH = 26  # samples of the lower rate, to both sides
_BETA = 5.65  # Kaiser's window: 60 dB


@lru_cache(maxsize=32)
def _bank(source: int, target: int) -> npt.NDArray[np.float32]:
    """The weights of the newest `rows` samples for each of the next `columns`: a low-pass in its
    phases, one of which meets each sample that goes out."""
    common = math.gcd(source, target)
    up, down = target // common, source // common
    half = _REACH * max(up, down)
    at = np.arange(-half, half + 1)
    step = 2 * _CUT / max(up, down)
    low_pass = up * step * np.sinc(step * at) * np.kaiser(2 * half + 1, _BETA)
    past = math.ceil(len(low_pass) / up)
    rows, columns = np.arange(past + down) - past, np.arange(up)
    index = columns[None, :] * down - rows[:, None] * up
    inside = (index >= 0) & (index < len(low_pass))
    return np.where(inside, low_pass[np.where(inside, index, 0)], 0.0).astype(np.float32)


class Resampler:
    """PCM of one rate into PCM of another, frame after frame without a seam; 3 ms late."""

    def __init__(self, source: int, target: int) -> None:
        self._down = source // math.gcd(source, target)
        self._bank = _bank(source, target)
        self._past = np.zeros(len(self._bank) - self._down, np.float32)

    def convert(self, pcm: bytes) -> bytes:
        """The next sound, a whole number of 20 ms frames; gives as many."""
        samples = np.concatenate((self._past, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._past = samples[-len(self._past) :]
        # What each step sees, without a copy of it. numpy's helper for this takes twice the time of
        # all the rest.
        rows, step = len(self._bank), self._down * samples.itemsize
        shape = (len(pcm) // 2 // self._down, rows)
        seen = np.ndarray(shape, np.float32, samples, 0, (step, samples.itemsize))
        sound = np.dot(seen, self._bank)
        out: bytes = np.rint(sound).clip(-32768, 32767).astype("<i2").tobytes()
        return out
