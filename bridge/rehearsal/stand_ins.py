"""The cloud of a rehearsal: stand-ins for Google's speech and OpenAI's API that know the callers.

What a recognizer would have understood is told by the caller's clip that the sound is most like:
loudness over time, whatever the level. Nothing of this says how well Google hears; it says what
the bridge makes of what comes, when it comes as Google's results do."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt

from bridge.doubles import everything, google_speech, openai
from bridge.doubles.google_speech import Stretch
from bridge.doubles.google_voice import GoogleVoiceScript
from bridge.doubles.openai_audio import OpenAIAudioScript
from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS
from engine.dialogue.hebrew import without_points

_SHIFTS = 8
"""Frames by which the sound may begin later than the clip: its first ones are soft."""
_UNLIKE = 5.0
"""Decibels between the two, on average, from which they are not the same."""
_RANGE = 30.0
"""Decibels below the loudest that count."""
_BEHIND = 0.2
"""Seconds by which partial results are behind the sound."""

Levels = npt.NDArray[np.float64]


class Listener:
    """Knows what all callers may say."""

    def __init__(self) -> None:
        self._known: dict[str, Levels] = {}

    def learn(self, spoken: Mapping[str, bytes]) -> None:
        """Texts and their sound (16-bit PCM, 8 kHz, mono)."""
        for text, pcm in spoken.items():
            levels = _levels(pcm)
            loud = np.flatnonzero(levels > 0)
            if len(loud):
                self._known[without_points(text)] = levels[loud[0] : loud[-1] + 1]

    def hears(self, stretch: Stretch) -> str:
        """The words so far."""
        heard = _levels(stretch.pcm)[: max(1, round(stretch.seconds / FRAME_SECONDS))]
        if stretch.over and (whole := self._most_like(heard, whole=True)):
            return whole
        # What was told so far is not taken back because the end is like nothing.
        text = self._most_like(heard, whole=False)
        if not text:
            return ""
        words = text.split()
        share = (stretch.seconds - _BEHIND) / (len(self._known[text]) * FRAME_SECONDS)
        return " ".join(words[: max(0, int(share * len(words)))])

    def _most_like(self, heard: Levels, *, whole: bool) -> str:
        distances = {
            text: _distance(heard, clip, whole=whole) for text, clip in self._known.items()
        }
        text = min(distances, key=lambda text: distances[text], default="")
        return text if text and distances[text] <= _UNLIKE else ""


@asynccontextmanager
async def cloud(listener: Listener) -> AsyncGenerator[dict[str, str]]:
    """The settings with which a bridge uses it."""
    script = everything.Script(
        google_speech.Script(texts=listener.hears),
        GoogleVoiceScript(),
        openai.Script(),
        OpenAIAudioScript(),
    )
    async with everything.serve(script) as (speech, voice, api):
        yield {
            "KAV_RECOGNIZER": "google",
            "KAV_VOICE": "google,local",
            "KAV_MODEL": "double",
            "KAV_GOOGLE_SPEECH_ENDPOINT": speech,
            "KAV_GOOGLE_VOICE_ENDPOINT": voice,
            "OPENAI_BASE_URL": api,
        }


def _levels(pcm: bytes) -> Levels:
    """Decibels of each 20 ms, above what is too soft to count."""
    sound = np.frombuffer(pcm, np.int16)
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power: Levels = np.mean(frames.astype(np.float64) ** 2, axis=1) + 1.0
    if not len(power):
        return power
    decibels = 10 * np.log10(power)
    return np.asarray(np.maximum(decibels - decibels.max() + _RANGE, 0.0))


def _distance(heard: Levels, clip: Levels, *, whole: bool) -> float:
    """Decibels; `whole`: they must end together, too."""
    best = np.inf
    for shift in range(_SHIFTS):
        rest = clip[shift:]
        length = min(len(heard), len(rest))
        if length == 0:
            break
        apart = heard[:length] - rest[:length]
        distance = float(np.mean(np.abs(apart - np.median(apart))))
        if whole:
            distance += _RANGE * abs(len(heard) - len(rest)) / max(len(heard), len(rest))
        elif len(heard) > len(rest) + _SHIFTS:
            distance = np.inf
        best = min(best, distance)
    return best
