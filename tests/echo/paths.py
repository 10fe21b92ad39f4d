"""The way of the agent's sound back to us: mu-law, what reflects it, noise, mu-law again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.core.audio import FRAME_SAMPLES, RATE, mulaw_to_pcm, pcm_to_mulaw
from tests.echo.sounds import Levels, Sound, levels

NOISE_RMS = 12.0
"""Comfort noise, -69 dBFS."""
_TAIL = np.zeros(round(0.5 * RATE))


class Kind(StrEnum):
    """What reflects."""

    PLAIN = "one point"
    HYBRID = "a hybrid"
    TWO = "two hybrids"
    ROOM = "a room"
    HANDSET = "a handset"


@dataclass(frozen=True, slots=True)
class Path:
    kind: Kind
    return_loss: float
    """dB between what is played and what comes back, over all speech."""
    delay_ms: float

    @property
    def whole_frames(self) -> int:
        """Of the delay; `heard` has the rest."""
        return int(self.delay_ms // 20)


def reflected(replies: Sequence[Sound], kind: Kind) -> list[Sound]:
    """What comes back of each reply at a return loss of 0 dB, and half a second more."""
    far = [_mulaw(np.concatenate([reply, _TAIL])) for reply in replies]
    response = _response(kind)
    near = [_filtered(sound, response) for sound in far]
    scale = np.sqrt(sum(float(one @ one) for one in far) / sum(float(one @ one) for one in near))
    return [sound * scale for sound in near]


def heard(reflection: Sound, path: Path, seed: int) -> Levels:
    """What our side hears of it on this path, frame by frame."""
    late = round(path.delay_ms / 1000 * RATE) - path.whole_frames * FRAME_SAMPLES
    echo = np.concatenate([np.zeros(late), reflection]) * 10 ** (-path.return_loss / 20)
    noise = np.random.default_rng(seed).normal(0, NOISE_RMS, len(echo))
    return levels(_mulaw(echo + noise))


def _response(kind: Kind) -> Sound:
    response = np.zeros(round(0.5 * RATE))
    response[0] = 1
    match kind:
        case Kind.PLAIN:
            pass
        case Kind.HYBRID:
            response[[104, 250]] = -0.5, 0.35
        case Kind.TWO:
            response[1333] = 0.8
        case Kind.ROOM:
            time = np.arange(len(response)) / RATE
            reverberation = np.random.default_rng(7).normal(0, 1, len(time))
            response = 3 * response + reverberation * 10 ** (-3 * time / 0.3)
        case Kind.HANDSET:
            response = _little_bass()
    return response


def _little_bass() -> Sound:
    """Rises by 12 dB an octave up to 700 Hz, and as much again around 2,500."""
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    bass = (hertz / 700) ** 2
    response = np.fft.irfft(bass / (1 + bass) * (1 + 3 * np.exp(-(((hertz - 2500) / 400) ** 2))))
    return np.asarray(np.roll(response, 64)[:128] * np.hanning(128), np.float64)


def _filtered(sound: Sound, response: Sound) -> Sound:
    size = 1 << (len(sound) + len(response)).bit_length()
    both = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(both, size)[: len(sound)], np.float64)


def _mulaw(sound: Sound) -> Sound:
    pcm = np.clip(sound, -32767, 32767).astype(np.int16).tobytes()
    return np.frombuffer(mulaw_to_pcm(pcm_to_mulaw(pcm)), np.int16).astype(np.float64)
