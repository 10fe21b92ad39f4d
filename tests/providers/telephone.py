"""What a telephone does to speech: a narrow band, a common level, a little noise, mu-law."""

import numpy as np
import numpy.typing as npt

from engine.core.audio import RATE, mulaw_to_pcm, pcm_to_mulaw

_LEVEL = 0.063
"""-24 dBFS."""
_NOISE = 0.0008
_AROUND = 0.2


def over_the_telephone(pcm: bytes) -> bytes:
    sound = np.frombuffer(pcm, np.int16) / 32768
    quiet = np.zeros(round(_AROUND * RATE))
    narrow = np.concatenate([quiet, _band(sound), quiet])
    noise = np.random.default_rng(len(pcm)).normal(0, _NOISE, len(narrow))
    return mulaw_to_pcm(pcm_to_mulaw(as_pcm(narrow + noise)))


def as_pcm(sound: npt.NDArray[np.float64]) -> bytes:
    return np.asarray(np.clip(sound, -1, 1) * 32767, np.int16).tobytes()


def _band(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """300 to 3,400 Hz, at the level of a telephone."""
    hertz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1)
    passes = 1 / (1 + (300 / hertz) ** 8) / (1 + (hertz / 3400) ** 24)
    narrow = np.fft.irfft(np.fft.rfft(sound) * passes, len(sound))
    active = narrow[np.abs(narrow) > 0.01 * np.abs(narrow).max()]
    return np.asarray(narrow * _LEVEL / np.sqrt(np.mean(active**2)), np.float64)
