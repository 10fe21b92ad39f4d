"""What telephone lines carry, made from seeds: noises, tones, clicks and coughs; and how a line
makes it sound. Samples are floats of full scale at 8,000 Hz."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.core.audio import RATE, mulaw_to_pcm, pcm_to_mulaw
from tests.providers.telephone import as_pcm, over_the_telephone

Sound = npt.NDArray[np.float64]
Noise = Callable[[float, int], Sound]
"""So many seconds of it, from a seed."""

SPEECH_DB = -24.0
"""The level of a caller, dBFS, where nothing else is said."""
_AROUND = round(0.2 * RATE)  # what `over_the_telephone` puts around


def samples(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, np.int16) / 32768


def narrow(sound: Sound) -> Sound:
    """Over the telephone, at `SPEECH_DB`."""
    return samples(over_the_telephone(as_pcm(sound)))[_AROUND:-_AROUND]


def at(db: float, sound: Sound) -> Sound:
    """A sound of the level `SPEECH_DB` at another one."""
    return sound * 10 ** ((db - SPEECH_DB) / 20)


def on_the_line(sound: Sound) -> bytes:
    """What arrives of it."""
    return mulaw_to_pcm(pcm_to_mulaw(as_pcm(sound)))


def length(seconds: float) -> int:
    return round(seconds * RATE)


def quiet(seconds: float) -> Sound:
    return np.zeros(length(seconds))


def pink(seconds: float, seed: int) -> Sound:
    return narrow(_colored(seconds, seed, 0.5))


def street(seconds: float, seed: int) -> Sound:
    """Traffic: a deep rumble that swells and ebbs by some 6 dB, once a second at most."""
    rng = np.random.default_rng(seed)
    swell = np.zeros(length(seconds))
    at_second = np.arange(len(swell)) / RATE
    for hertz in rng.uniform(0.05, 1.0, 8):
        swell += rng.uniform(0.5, 2.0) * np.sin(2 * np.pi * (hertz * at_second + rng.random()))
    return narrow(_colored(seconds, seed, 0.8) * 10 ** (swell / 20))


def white(seconds: float, seed: int) -> Sound:
    return narrow(_colored(seconds, seed, 0.0))


def hum(seconds: float) -> Sound:
    """Of the mains, with its overtones."""
    at_second = np.arange(length(seconds)) / RATE
    tones = [np.sin(2 * np.pi * 50 * n * at_second) / n for n in range(1, 12)]
    return narrow(np.asarray(0.1 * np.sum(tones, axis=0)))


def comfort_noise(seconds: float, seed: int) -> Sound:
    """Made by the far end of a line that sends nothing: its level jumps when it is described
    anew."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.uniform(-68, -58, round(seconds / 0.4) + 1), length(0.4))
    return white(seconds, seed) * 10 ** ((steps[: length(seconds)] - SPEECH_DB) / 20)


def babble(talkers: list[Sound], seconds: float, seed: int) -> Sound:
    """Many talk at once."""
    rng = np.random.default_rng(seed)
    together = np.zeros(length(seconds))
    for talker in talkers:
        repeated = np.resize(np.concatenate([talker, quiet(0.3)]), len(together))
        together += np.roll(repeated, rng.integers(len(together)))
    return narrow(0.1 * together)


def keys(digits: str, pressed: float) -> Sound:
    """DTMF (ITU-T Q.23), each key `pressed` seconds long."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    at_second = np.arange(length(pressed)) / RATE
    tones = []
    for digit in digits:
        row, column = divmod("123A456B789C*0#D".index(digit), 4)
        pair = np.sin(2 * np.pi * low[row] * at_second) + np.sin(
            2 * np.pi * high[column] * at_second
        )
        tones += [0.1 * pair, quiet(0.12)]
    return narrow(np.concatenate(tones))


def click(seed: int) -> Sound:
    """A switch or a handset put down: up to 30 ms."""
    rng = np.random.default_rng(seed)
    body = rng.normal(0, 1, length(rng.uniform(0.003, 0.03)))
    return narrow(np.concatenate([body * np.geomspace(1, 0.05, len(body)), quiet(0.02)]))


def syllables(seconds: float, seed: int) -> Sound:
    """What looks like speech to a meter, if to nobody else: four syllables a second, each a buzz
    through a throat with a soft beginning and end."""
    rng = np.random.default_rng(seed)
    spoken = []
    for _ in range(round(4 * seconds)):
        buzz = np.zeros(length(0.25))
        buzz[:: RATE // int(rng.uniform(90, 160))] = 1.0
        vowel = _resonance(buzz, rng.uniform(300, 800), 100) + _resonance(buzz, 1500, 200)
        spoken.append(vowel * np.sin(np.linspace(0.05, 0.97 * np.pi, len(vowel))))
    return narrow(np.concatenate(spoken))


def cough(seed: int) -> Sound:
    """Synthetic: two or three bursts of breath through a throat."""
    rng = np.random.default_rng(seed)
    bursts = []
    for _ in range(rng.integers(1, 4)):
        size = length(rng.uniform(0.12, 0.3))
        breath = rng.normal(0, 1, size) * np.geomspace(1, 0.02, size)
        for hertz, width in ((rng.uniform(500, 900), 200), (rng.uniform(1200, 1800), 400)):
            breath = breath + 2 * _resonance(breath, hertz, width)
        bursts += [0.1 * breath, quiet(rng.uniform(0.05, 0.2))]
    return narrow(np.concatenate(bursts))


def _resonance(sound: Sound, hertz: float, width: float) -> Sound:
    at_hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    passes = 1 / (1 + ((at_hertz - hertz) / width) ** 2)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) * passes, len(sound)), np.float64)


def _colored(seconds: float, seed: int, slope: float) -> Sound:
    """Noise whose amplitude falls with frequency to this power."""
    white = np.random.default_rng(seed).normal(0, 0.1, length(seconds))
    hertz = np.maximum(np.fft.rfftfreq(len(white), 1 / RATE), 50)
    colored = np.fft.irfft(np.fft.rfft(white) / hertz**slope, len(white))
    return np.asarray(0.05 * colored / colored.std(), np.float64)
