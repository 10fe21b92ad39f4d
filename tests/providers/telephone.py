"""What a telephone does to speech: a narrow band, a common level, a little noise, mu-law."""

import numpy as np
import numpy.typing as npt

from bridge.evaluation.telephone import AROUND, narrow_band
from engine.core.audio import RATE, mulaw_to_pcm, pcm_to_mulaw

_NOISE = 0.0008


def over_the_telephone(pcm: bytes) -> bytes:
    sound = np.frombuffer(pcm, np.int16) / 32768
    quiet = np.zeros(round(AROUND * RATE))
    narrow = np.concatenate([quiet, narrow_band(sound), quiet])
    noise = np.random.default_rng(len(pcm)).normal(0, _NOISE, len(narrow))
    return mulaw_to_pcm(pcm_to_mulaw(as_pcm(narrow + noise)))


def as_pcm(sound: npt.NDArray[np.float64]) -> bytes:
    return np.asarray(np.clip(sound, -1, 1) * 32767, np.int16).tobytes()
