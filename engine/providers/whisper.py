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
from engine.providers import closed_set, mel
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

# Which language it was, in nats for the closed one. By the encoder alone, Hebrew with an accent is
# English as a rule; so what was written down in both counts too, the more letters of an expected
# phrase the more, and what was spoken before. Fitted to synthetic speech (80 English utterances of
# four voices, 28 Hebrew ones of one).
_AGAIN = 2.0
_SURE, _HOPELESS = 2.0, -12.0
"""Beyond these, only one is written down."""
_ENOUGH = -1.0
_PER_SCORE = 5.0
_PER_LETTER, _LETTERS, _FAR = 4.0, 8, 0.7

_BEAM = 5
_SHORT_UTTERANCE = 2.0
"""Seconds up to which a short phrase is tried by forced scoring."""
_SHORT_ANSWER = 12
"""Letters of the longest such phrase."""
_FORCED_PHRASES = 6
_FORCED_MARGIN = 0.8
"""Nats per token that a forced phrase may be worse than the free hypothesis."""

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
        closed, free, odds = self._candidates(sound, utterance)
        phrases = [phrase for phrase in utterance.phrases if is_hebrew(phrase)]
        if not free or odds > _SURE:
            return self._among(sound, self._write(sound, closed), phrases)
        written = self._write(sound, free)
        if not closed or odds < _HOPELESS:
            return _freely(written)
        other = self._write(sound, closed)
        odds += _PER_SCORE * (other.score - written.score) + _likeness(other, phrases)
        return self._among(sound, other, phrases) if odds > _ENOUGH else _freely(written)

    def _encode(self, pcm: bytes) -> ctranslate2.StorageView:
        samples = np.frombuffer(pcm, np.int16)[-LONGEST * audio.RATE :].astype(np.float32) / 32768
        wide = soxr.resample(samples, audio.RATE, mel.RATE)
        padding = min(PADDING, 30 - len(wide) / mel.RATE)  # the model has places for 30 s
        bands = np.ascontiguousarray(mel.log_mel(wide, padding)[None])
        return self._model.encode(ctranslate2.StorageView.from_array(bands))

    def _candidates(self, sound: "_Sound", utterance: Utterance) -> tuple[str, str, float]:
        """The likeliest closed and the likeliest free language (or none), and the odds."""
        closed = [language for language in utterance.languages if language in CLOSED]
        free = [language for language in utterance.languages if language not in CLOSED]
        if len(utterance.languages) == 1:
            return "".join(closed), "".join(free), 0.0
        found = dict(self._model.detect_language(sound.encoded)[0])
        likely = {
            language: math.log(found[f"<|{language}|>"] + 1e-9)
            + (_AGAIN if language == utterance.prefer else 0.0)
            for language in utterance.languages
        }
        one = max(closed, key=likely.__getitem__, default="")
        other = max(free, key=likely.__getitem__, default="")
        return one, other, likely.get(one, 0.0) - likely.get(other, 0.0)

    def _write(self, sound: "_Sound", language: str) -> Written:
        result = self._model.generate(
            sound.encoded,
            [self._prompt(language)],
            beam_size=_BEAM,
            num_hypotheses=_BEAM if language in CLOSED else 1,
            max_length=min(224, 16 + round(14 * sound.seconds)),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        texts = tuple(self._text(tokens) for tokens in result.sequences_ids)
        return Written(language, texts, result.scores[0], result.no_speech_prob)

    def _among(self, sound: "_Sound", written: Written, phrases: list[str]) -> Understood:
        nothing = Understood("", 0.0, written.language)
        if is_hallucination(written):
            return nothing
        found = closed_set.nearest(written.texts, phrases)
        if found:
            return Understood(found.phrase, 1 - found.distance, written.language)
        short = [phrase for phrase in phrases if len(closed_set.plain(phrase)) <= _SHORT_ANSWER]
        if not short or sound.seconds > _SHORT_UTTERANCE:
            return nothing
        score, phrase = self._forced(sound, written.language, short[:_FORCED_PHRASES])
        if score < written.score - _FORCED_MARGIN:
            return nothing
        return Understood(phrase, _confidence(score), written.language)

    def _forced(self, sound: "_Sound", language: str, phrases: list[str]) -> tuple[float, str]:
        """The phrase that surprises the model least, after its mean log-probability."""
        columns = round(sound.seconds * mel.COLUMNS_PER_SECOND / 2) * 2
        prompt = self._prompt(language)
        scored: list[tuple[float, str]] = []
        for phrase in phrases:
            tokens = self._tokenizer.encode(" " + phrase, add_special_tokens=False).ids
            aligned = self._model.align(sound.encoded, prompt, [tokens], [columns])[0]
            surprise = np.log(np.maximum(aligned.text_token_probs, 1e-9))
            scored.append((float(np.mean(surprise)), phrase))
        return max(scored)

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


def _likeness(written: Written, phrases: list[str]) -> float:
    near = closed_set.nearest(written.texts, phrases, _FAR)
    if near is None:
        return 0.0
    letters = min(_LETTERS, len(closed_set.plain(near.phrase)))
    return _PER_LETTER * letters * (_FAR - near.distance)


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
        or (len(said) > 3 and len(set(said)) == 1)
        or (len(text) > 6 and len(set(text)) == 1)
    )


def _freely(written: Written) -> Understood:
    if is_hallucination(written):
        return Understood("", 0.0, written.language)
    return Understood(written.texts[0], _confidence(written.score), written.language)


def _confidence(score: float) -> float:
    return min(1.0, math.exp(score))
