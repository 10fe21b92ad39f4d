"""What rehearsed callers say, and other sounds of theirs: prepared before the calls, at a level
that is known, with their first and last voiced sample.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from bridge.rehearsal.ear import BLOCK, Floats, pcm_of, samples
from engine.core.audio import RATE
from engine.dialogue.profile import Language
from engine.ports import Voice

LEVELS = (-26.0, -20.0, -32.0)
"""How loud callers speak, in dB below full scale: ordinary, near, soft."""
WEAK = -40.0
MONOLOGUE_SECONDS = 7.0
"""Requirements 5.3: "6 to 7 s"."""
VOICED = 10 ** (-25 / 20)
"""Of a clip's own loudness: 5 ms that are softer than that are no voice yet, or no more."""
HOP, SPAN = RATE // 1000, RATE // 200
PAUSE_BLOCKS = 6
"""A talker who does not pause is silent for 60 ms at most, as before a p or t."""

Tell = Callable[[str], None]
Texts = dict[Language, tuple[str, ...]]

INTERRUPTIONS: Texts = {
    "he": ("רֶגַע", "לֹא", "תַּקְשִׁיבִי", "סְלִיחָה, רֶגַע אֶחָד"),
    "en": ("wait", "no, listen", "sorry", "one moment, I have a question"),
}
YES_NO: Texts = {"he": ("כֵּן", "לֹא"), "en": ("yes", "no")}
COMPANY: Texts = {"he": ("אַהַה",), "en": ("uh-huh",)}
"""Said by who listens: it wants no answer."""
TURNS: Texts = {
    "he": ("אֲנִי מְחַפֶּשֶׂת דִּירָה בִּפְלוֹרֶנְטִין", "עַד שִׁבְעַת אֲלָפִים שְׁקָלִים", "מָחָר בַּבּוֹקֶר"),
    "en": (
        "Hello, I am looking for an apartment in Jaffa.",
        "My budget is up to seven thousand shekels.",
        "In the morning.",
    ),
}
MONOLOGUE: dict[Language, str] = {
    "he": "אֲנִי מְחַפֶּשֶׂת דִּירָה בִּפְלוֹרֶנְטִין אוֹ בְּיָ֫פוֹ אוֹ בְּרָמַת גַּן אוֹ בְּגִבְעָתַ֫יִים "
    "אוֹ בְּמֶרְכַּז הָעִיר עַד שִׁבְעַת אֲלָפִים שְׁקָלִים מָחָר בַּבּוֹקֶר אוֹ אַחֲרֵי הַצׇּהֳרַ֫יִים",
    "en": "I am looking for an apartment with two or three rooms in Jaffa or in Florentin and it "
    "should have a balcony and a view of the sea and my budget is seven thousand shekels",
}
ALL = (INTERRUPTIONS, YES_NO, COMPANY, TURNS)
LOOKING: dict[Language, str] = {
    "he": "אֲנִי מְחַפֶּשֶׂת דִּירָה {area}",
    "en": "I am looking for an apartment in {area}.",
}


@dataclass(frozen=True, slots=True)
class Area:
    """A name that must be caught."""

    language: Language
    spoken: str
    """As callers say it, with points."""
    written: tuple[str, ...]
    """As the agent says it back: with and without a prefix."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound of a caller. Times are seconds from its beginning."""

    name: str
    """With its loudness."""
    pcm: bytes
    onset: float
    """The first voiced sample."""
    end: float
    """After the last voiced sample."""


def looking_for(area: Area) -> str:
    return LOOKING[area.language].format(area=area.spoken)


def clip(name: str, pcm: bytes, dbfs: float) -> Clip:
    """The sound at that level, and where its voice is."""
    loud = leveled(pcm, dbfs)
    onset, end = voiced(loud)
    return Clip(f"{name} ({dbfs:g} dBFS)", loud, onset, end)


def leveled(pcm: bytes, dbfs: float) -> bytes:
    """So loud that its active parts have this loudness."""
    sound = samples(pcm).astype(np.float64)
    active = _active(sound)
    return pcm_of(sound * (32768 * 10 ** (dbfs / 20) / active)) if active else pcm


def voiced(pcm: bytes) -> tuple[float, float]:
    """From its first voiced sample to its last, by its energy over 5 ms."""
    sound = samples(pcm).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(sound * sound)])
    starts = np.arange(0, max(1, len(sound) - SPAN), HOP)
    power = (sums[np.minimum(starts + SPAN, len(sound))] - sums[starts]) / SPAN
    loud = starts[power >= (VOICED * _active(sound)) ** 2]
    if not len(loud):
        return 0.0, 0.0
    return int(loud[0]) / RATE, (int(loud[-1]) + SPAN) / RATE


def without_pauses(pcm: bytes) -> bytes:
    """The same by a talker who does not breathe."""
    sound = samples(pcm)[: len(pcm) // 2 // BLOCK * BLOCK]
    blocks = sound.reshape(-1, BLOCK).astype(np.float64)
    soft = np.sqrt(np.mean(blocks * blocks, axis=1)) < 2 * VOICED * _active(sound.astype(float))
    kept, quiet = [], 0
    for number, is_soft in enumerate(soft):
        quiet = quiet + 1 if is_soft else 0
        if quiet <= PAUSE_BLOCKS:
            kept.append(number)
    return sound.reshape(-1, BLOCK)[kept].tobytes()


class Cast:
    """The callers' voice, and all that it has said so far."""

    def __init__(self, voice: Voice, languages: Sequence[Language]) -> None:
        self.languages = tuple(languages)
        self.spoken: dict[str, bytes] = {}
        """Every text that was rendered so far."""
        self._voice = voice
        self._clips: dict[tuple[str, float], Clip] = {}

    async def prepare(self, areas: Sequence[Area], told: Tell) -> None:
        """Renders everything before the calls: while they last, nobody shall need the time.
        Raises `ProviderFailed`."""
        texts = [text for it in self.languages for group in ALL for text in group[it]]
        names = [looking_for(area) for area in areas if area.language in self.languages]
        for number, text in enumerate([*texts, *names], 1):
            for dbfs in (*LEVELS, WEAK) if text in texts else LEVELS[:1]:
                await self.says(text, dbfs)
            told(f"the callers' voice: {number} of {len(texts) + len(names)}")
        for language in self.languages:
            await self.goes_on(language)

    async def says(self, text: str, dbfs: float = LEVELS[0]) -> Clip:
        key = text, dbfs
        if key not in self._clips:
            self._clips[key] = clip(text, await self._speak(text), dbfs)
        return self._clips[key]

    async def says_all(self, texts: Texts, levels: Sequence[float] = LEVELS) -> list[Clip]:
        """Each text of each language at each level; one language after the other within a level."""
        return [
            await self.says(text, dbfs)
            for dbfs in levels
            for number in range(max(len(texts[language]) for language in self.languages))
            for language in self.languages
            for text in texts[language][number : number + 1]
        ]

    async def goes_on(self, language: Language) -> Clip:
        """A monologue without a pause."""
        key = language, LEVELS[0]
        if key not in self._clips:
            spoken = without_pauses(await self._speak(MONOLOGUE[language]))
            several = spoken * (1 + round(MONOLOGUE_SECONDS * 2 * RATE) // max(1, len(spoken)))
            pcm = several[: 2 * round(MONOLOGUE_SECONDS * RATE)]
            self._clips[key] = clip("a monologue", pcm, LEVELS[0])
        return self._clips[key]

    async def _speak(self, text: str) -> bytes:
        """Raises `ProviderFailed`."""
        if text not in self.spoken:
            async with aclosing(self._voice.speak(text)) as pieces:
                self.spoken[text] = b"".join([piece.pcm async for piece in pieces])
        return self.spoken[text]


def cough(seed: int = 0) -> bytes:
    """A burst of breath and its rest, 0.3 s."""
    burst, rest = _noise(0.06, seed, soft=2), _noise(0.24, seed + 1, soft=6)
    rise = np.minimum(1.0, np.arange(len(burst)) / (0.005 * RATE))
    fall = 0.5 * np.exp(-np.arange(len(rest)) / (0.06 * RATE))
    return pcm_of(8000 * np.concatenate([burst * rise, rest * fall]))


def click() -> bytes:
    """A knock on the microphone, 5 ms."""
    beat = np.arange(RATE // 200)
    return pcm_of(12000 * np.sin(beat * 0.9) * np.exp(-beat / 12))


def hiss(seconds: float = 0.1, seed: int = 0) -> bytes:
    """Noise, as of a sleeve on the microphone."""
    return pcm_of(4000 * _noise(seconds, seed, soft=1))


def street(seconds: float, dbfs: float, seed: int = 0) -> bytes:
    """Traffic: low noise that swells and fades within seconds."""
    noise = _noise(seconds, seed, soft=8)
    beat = np.arange(len(noise)) / RATE
    swell = 1.0 + 0.3 * np.sin(beat * 2 * np.pi / 3.7) + 0.2 * np.sin(beat * 2 * np.pi / 1.3)
    return leveled(pcm_of(4000 * noise * swell), dbfs)


def _noise(seconds: float, seed: int, soft: int) -> Floats:
    """Of root mean square 1; the more `soft`, the less of its high tones."""
    white = np.random.default_rng(seed).normal(0.0, 1.0, round(seconds * RATE) + soft)
    low = np.convolve(white, np.ones(soft) / soft, "valid")[: round(seconds * RATE)]
    return np.asarray(low / np.sqrt(np.mean(low * low)))


def _active(sound: Floats) -> float:
    """The loudness of what is not pause."""
    whole = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    if not len(whole):
        return 0.0
    loudness = np.sqrt(np.mean(whole * whole, axis=1))
    active = loudness[loudness > 0.1 * loudness.max()]
    return float(np.sqrt(np.mean(active * active))) if len(active) else 0.0
