"""What agent and callers say in these calls: the voices installed here, or synthetic syllables."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engine.core.audio import FRAME_SAMPLES, RATE
from engine.dialogue import texts
from engine.providers import espeak
from engine.providers.local import LocalVoice

Sound = npt.NDArray[np.float64]
"""16-bit samples, as numbers."""
Levels = npt.NDArray[np.float64]

AGENT_RMS = 2850.0
"""Of the agent's active speech: -21 dBFS."""
_TAIL = np.zeros(round(0.2 * RATE))
_INTERRUPTIONS = (
    "Wait a moment, I have a question about the price.",
    "No, no, that is not what I meant, I am sorry.",
    "Excuse me, could you say that again please?",
    "Hold on, hold on, which one of them is nearer?",
    "Yes, but it must have three rooms and a balcony.",
)


def levels(sound: Sound) -> Levels:
    """Of each 20 ms."""
    whole = np.pad(sound, (0, -len(sound) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.sqrt(np.mean(whole**2, axis=1)))


def replies(sentences: Sequence[Sound], minutes: float) -> list[Sound]:
    """So much of the agent's speech: one to three sentences a reply, in changing order."""
    random = np.random.default_rng(1)
    said: list[Sound] = []
    while sum(map(len, said)) < minutes * 60 * RATE:
        chosen = random.integers(len(sentences), size=random.integers(1, 4))
        said.append(np.concatenate([*(sentences[one] for one in chosen), _TAIL]))
    return said


def spoken(voice: LocalVoice) -> list[Sound]:
    """The agent's sentences."""
    return asyncio.run(_speak(voice, sorted(set(_sentences(vars(texts).values())))))


def callers() -> list[Sound]:
    """Interruptions, each from its first sound on, of level 1."""
    return [_over_telephone(espeak.speak(text, "en", 1.0)) for text in _INTERRUPTIONS]


def synthetic_sentences(count: int) -> list[Sound]:
    return [_syllables(1.0 + 0.5 * (seed % 4), seed) * AGENT_RMS for seed in range(count)]


def synthetic_callers() -> list[Sound]:
    return [_syllables(2.0, seed) for seed in range(100, 106)]


def _sentences(tables: Iterable[object]) -> Iterator[str]:
    for table in tables:
        if isinstance(table, dict):
            yield from _sentences(table.values())
        elif isinstance(table, str) and "{" not in table and len(table.split()) > 2:
            yield table


async def _speak(voice: LocalVoice, sentences: Sequence[str]) -> list[Sound]:
    return [
        np.concatenate(
            [np.frombuffer(speech.pcm, np.int16) async for speech in voice.speak(sentence)]
        ).astype(np.float64)
        for sentence in sentences
    ]


def _over_telephone(samples: npt.NDArray[np.float32]) -> Sound:
    """At our rate, 300 to 3,400 Hz."""
    hertz = np.maximum(np.fft.rfftfreq(len(samples), 1 / espeak.RATE), 1)
    passed = np.fft.rfft(samples) / (1 + (300 / hertz) ** 8) / (1 + (hertz / 3400) ** 24)
    length = round(len(samples) * RATE / espeak.RATE)
    sound = np.fft.irfft(passed[: length // 2 + 1], length)
    return _normal(sound[np.argmax(np.abs(sound) > 0.05 * np.abs(sound).max()) :])


def _syllables(seconds: float, seed: int) -> Sound:
    """Comes and goes like speech, three to five times a second: a hiss, then a hum; sometimes a
    pause."""
    random = np.random.default_rng(seed)
    parts: list[Sound] = []
    for _ in range(round(seconds * 4)):
        hiss = np.diff(random.normal(0, 0.15, round(random.uniform(0.03, 0.09) * RATE)))
        loudness = 10 ** (random.uniform(-8, 0) / 20)
        parts += [loudness * hiss, loudness * _hum(random)]
        if random.random() < 0.15:
            parts.append(np.zeros(round(random.uniform(0.15, 0.4) * RATE)))
    return _normal(np.concatenate(parts))


def _hum(random: np.random.Generator) -> Sound:
    """A vowel: harmonics around one formant, rising and falling."""
    time = np.arange(round(random.uniform(0.12, 0.2) * RATE)) / RATE
    harmonics = np.arange(random.uniform(90, 220), 3400, 150)[:, np.newaxis]
    strengths = 1 / (1 + ((harmonics - random.uniform(300, 1500)) / 200) ** 2) + 0.03
    hum = np.sum(strengths * np.sin(2 * np.pi * harmonics * (time + harmonics)), axis=0)
    return np.asarray(hum * np.hanning(len(time)) ** 0.5)


def _normal(sound: Sound) -> Sound:
    """At level 1 where there is speech."""
    loud = levels(sound)
    active = loud[loud > 0.05 * loud.max()]
    return np.asarray(sound / np.sqrt(np.mean(active**2)))
