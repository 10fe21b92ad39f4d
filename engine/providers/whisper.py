"""Ears, inside their worker process: an utterance in, what was said out.

English is written down freely. Whisper base is not fit for free Hebrew: there, what was heard is
the nearest of the phrases that were to be expected, or nothing."""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]  # it has no types
import numpy as np
import soxr  # type: ignore[import-untyped]  # it has no types
import tokenizers

from engine.core import audio
from engine.providers import closed_set, mel, sound_alike
from engine.providers.hebrew_sounds import is_hebrew
from engine.providers.jobs import Understood, Utterance

PADDING = 8.0
"""Seconds of silence after the utterance: with less than 6 the model loops, more only costs."""
SHORTEST, LONGEST = 0.12, 28
"""Seconds of an utterance: of a longer one the end is heard."""
QUIETEST = 40
"""Root mean square, of 32,767: below it there is nothing to hear."""
CLOSED = frozenset({"he"})
"""Languages of which only expected phrases are understood."""

# Which language it was: the encoder's own guess took all of 12 Hebrew clips for English, so it is
# told by what could be written down. Synthetic speech, synthetic thresholds: English came to -0.49
# at least where it was clear, Hebrew written down as English to -0.60 at most.
_CLEAR = -0.5
"""Mean log-probability of a token above which free words are what was said."""
_EXPECTED = 0.8
"""Confidence in words that were expected, nearly to the letter, however unclear."""
_AMISS = -1.0
"""Below it what was expected was written down, and not what was said."""
_LETTERS = 6
"""So many letters of an expected phrase, if they are near, are no noise."""

_MOST_HINTS = 200
"""Tokens, as the model has 224 places for what was said before. Half of a longer list would
mislead."""

_BEAM = {True: 5, False: 2}
"""Width of the search in closed languages, whose other guesses count too, and in free ones."""
# Speech came to 0.18 at most (silence, noise and tones to 0.55 at least); its score to -1.3.
_NO_SPEECH = 0.5
_DOUBTFUL = -0.6
_GARBAGE = -1.6
_LOOPING = 2.4
"""Times that zlib shortens a text which repeats itself."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the model writes down freely."""

    language: str
    texts: tuple[str, ...]
    """Best first."""
    score: float
    """Mean log-probability of a token of the best."""
    no_speech: float


class Ears:
    def __init__(self, folder: Path, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._end = self._token("<|endoftext|>")

    def hear(self, utterance: Utterance) -> Understood:
        length = audio.seconds(utterance.pcm)
        if length < SHORTEST or audio.level(utterance.pcm) < QUIETEST:
            return Understood("", 0.0, "")
        sound = _Sound(self._encode(utterance.pcm), min(length, LONGEST))
        closed = next((one for one in utterance.languages if one in CLOSED), "")
        free = next((one for one in utterance.languages if one not in CLOSED), "")
        other = None
        if closed and (not free or utterance.prefer == closed):
            other = self._write(sound, closed)
            found = _expected(other, utterance)
            if not free or _is_near(found):
                return found
        written = self._write(sound, free, _hints(utterance))
        short = _short_answer(written, utterance)
        if short.text and (not closed or utterance.prefer == free):
            return short
        if not short.text and (not closed or _is_clear(written)):
            return _freely(written)
        found = _expected(other or self._write(sound, closed), utterance)
        # A name is the same in both languages, and has been hinted at in one.
        if short.text and not _is_near(found):
            return short
        # Unclear words are taken for English only where English is being spoken.
        return _freely(written) if utterance.prefer == free and not found.text else found

    def _encode(self, pcm: bytes) -> ctranslate2.StorageView:
        samples = np.frombuffer(pcm, np.int16)[-LONGEST * audio.RATE :].astype(np.float32) / 32768
        wide = soxr.resample(samples, audio.RATE, mel.RATE)
        padding = min(PADDING, 30 - len(wide) / mel.RATE)  # the model has places for 30 s
        bands = np.ascontiguousarray(mel.log_mel(wide, padding)[None])
        return self._model.encode(ctranslate2.StorageView.from_array(bands))

    def _write(self, sound: "_Sound", language: str, hints: str = "") -> Written:
        before = self._hinted(hints)
        result = self._model.generate(
            sound.encoded,
            [before + self._prompt(language)],
            beam_size=_BEAM[language in CLOSED],
            num_hypotheses=_BEAM[True] if language in CLOSED else 1,
            max_length=len(before) + min(224, 16 + round(14 * sound.seconds)),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        texts = tuple(self._text(tokens) for tokens in result.sequences_ids)
        return Written(language, texts, result.scores[0], result.no_speech_prob)

    def _hinted(self, hints: str) -> list[int]:
        """As if that had been said before: the model then writes the same words."""
        tokens = self._tokenizer.encode(f" {hints}", add_special_tokens=False).ids if hints else []
        if not 0 < len(tokens) <= _MOST_HINTS:
            return []
        return [self._token("<|startofprev|>"), *tokens]

    def _prompt(self, language: str) -> list[int]:
        task = ("<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>")
        return [self._token(name) for name in task]

    def _text(self, tokens: list[int]) -> str:
        return self._tokenizer.decode([token for token in tokens if token < self._end]).strip()

    def _token(self, name: str) -> int:
        number = self._tokenizer.token_to_id(name)
        if number is None:
            raise ValueError(f"Whisper: its tokenizer has no {name}")
        return number


@dataclass(frozen=True, slots=True)
class _Sound:
    encoded: ctranslate2.StorageView
    seconds: float


def _expected(written: Written, utterance: Utterance) -> Understood:
    """The phrase, of those that were to be expected, that this is; or nothing."""
    phrases = [phrase for phrase in utterance.phrases if is_hebrew(phrase)]
    found = sound_alike.sounding(written.texts, phrases)
    sure = found and found.distance <= sound_alike.NEAR and len(found.phrase) >= _LETTERS
    if found is None or (is_hallucination(written) and not sure):
        return Understood("", 0.0, written.language)
    return Understood(found.phrase, 1 - found.distance, written.language)


def _is_near(found: Understood) -> bool:
    return found.confidence >= 1 - sound_alike.NEAR


def _is_clear(written: Written) -> bool:
    return written.score > _CLEAR and not is_hallucination(written)


def _free_phrases(utterance: Utterance) -> list[str]:
    return [phrase for phrase in utterance.phrases if not is_hebrew(phrase)]


def _hints(utterance: Utterance) -> str:
    """Names, which it does not know. Words that it knows it would write for anything unclear:
    "goodbye" for «בגבעתיים», "7,000 thousand"."""
    phrases = _free_phrases(utterance)
    return ", ".join(it for it in phrases if " " in it and not any(map(str.isdigit, it)))


def _short_answer(written: Written, utterance: Utterance) -> Understood:
    """The expected phrase, of those in a free language, that this is nearly to the letter."""
    near = closed_set.nearest(written.texts, _free_phrases(utterance))
    if near is None or written.score < _AMISS:
        return Understood("", 0.0, written.language)
    return Understood(near.phrase, _EXPECTED, written.language)


def is_hallucination(written: Written) -> bool:
    """Whisper writes something down for every noise: thanks, a credit, one word again and again."""
    text = closed_set.plain(written.texts[0])
    if not text or written.score < _GARBAGE:
        return True
    if written.no_speech > _NO_SPEECH and written.score < _DOUBTFUL:
        return True
    raw = text.encode()
    said = text.split()
    return (
        (len(raw) > 24 and len(raw) / len(zlib.compress(raw)) > _LOOPING)
        or (len(said) > 3 and len(set(said)) <= len(said) // 2)
        or (len(text) > 6 and len(set(text)) == 1)
    )


def _freely(written: Written) -> Understood:
    if is_hallucination(written):
        return Understood("", 0.0, written.language)
    return Understood(written.texts[0], _confidence(written.score), written.language)


def _confidence(score: float) -> float:
    return min(1.0, math.exp(score))
