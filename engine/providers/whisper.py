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
from engine.providers.jobs import Understood, Utterance

PADDING = 8.0
"""Seconds of silence after the utterance: with less than 6 the model loops, more only costs."""
CLOSED = frozenset({"he"})
"""Languages of which only expected phrases are understood."""
LIKELY_AGAIN = 3.0
"""How much likelier the language of the previous utterance is than another."""
SHORTEST, LONGEST = 0.12, 28
"""Seconds of an utterance: of a longer one the end is heard."""
QUIETEST = 40
"""Root mean square, of 32,767: below it there is nothing to hear."""

_NO_SPEECH = 0.6
_DOUBTFUL = -1.0
_GARBAGE = -1.6
_LOOPING = 2.4
"""Times that zlib shortens a text which repeats itself."""
_SHORT_ANSWER = 12
"""Letters of the longest phrase that is also tried by forced scoring."""
_SHORT_UTTERANCE = 2.0
_FORCED_PHRASES = 12
_FORCED_MARGIN = 0.8
"""Nats per token that a forced phrase may be worse than the free hypothesis."""


@dataclass(frozen=True, slots=True)
class Written:
    """A free hypothesis."""

    text: str
    score: float
    """Mean log-probability of a token."""
    no_speech: float


class Ears:
    def __init__(self, folder: Path, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._end = self._token("<|endoftext|>")

    def hear(self, utterance: Utterance) -> Understood:
        seconds = audio.seconds(utterance.pcm)
        if seconds < SHORTEST or audio.level(utterance.pcm) < QUIETEST:
            return Understood("", 0.0, "")
        encoded = self.encode(utterance.pcm)
        language = self.language(encoded, utterance.languages, utterance.prefer)
        if language in CLOSED:
            return self._among(encoded, language, utterance.phrases, seconds)
        return self._free(encoded, language, seconds)

    def encode(self, pcm: bytes) -> ctranslate2.StorageView:
        samples = np.frombuffer(pcm, np.int16)[-LONGEST * audio.RATE :].astype(np.float32) / 32768
        wide = soxr.resample(samples, audio.RATE, mel.RATE)
        padding = min(PADDING, 30 - len(wide) / mel.RATE)  # the model has places for 30 s
        bands = np.ascontiguousarray(mel.log_mel(wide, padding)[None])
        return self._model.encode(ctranslate2.StorageView.from_array(bands))

    def language(
        self, encoded: ctranslate2.StorageView, candidates: tuple[str, ...], prefer: str
    ) -> str:
        if len(candidates) == 1:
            return candidates[0]
        likely = dict(self._model.detect_language(encoded)[0])
        return max(
            candidates,
            key=lambda one: likely[f"<|{one}|>"] * (LIKELY_AGAIN if one == prefer else 1),
        )

    def write(
        self, encoded: ctranslate2.StorageView, language: str, seconds: float, beam: int
    ) -> Written:
        result = self._model.generate(
            encoded,
            [self._prompt(language)],
            beam_size=beam,
            max_length=min(224, 16 + round(14 * seconds)),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        letters = [token for token in result.sequences_ids[0] if token < self._end]
        text = self._tokenizer.decode(letters).strip()
        return Written(text, result.scores[0], result.no_speech_prob)

    def _free(self, encoded: ctranslate2.StorageView, language: str, seconds: float) -> Understood:
        written = self.write(encoded, language, seconds, beam=1)
        if is_hallucination(written):
            return Understood("", 0.0, language)
        return Understood(written.text, _confidence(written.score), language)

    def _among(
        self,
        encoded: ctranslate2.StorageView,
        language: str,
        phrases: tuple[str, ...],
        seconds: float,
    ) -> Understood:
        written = self.write(encoded, language, seconds, beam=5)
        ours = [phrase for phrase in phrases if _is_hebrew(phrase)]
        if is_hallucination(written) or not ours:
            return Understood("", 0.0, language)
        found = closed_set.nearest(written.text, ours)
        if found and found.distance == 0:
            return Understood(found.phrase, _confidence(written.score / 2), language)
        if seconds < _SHORT_UTTERANCE:
            short = [phrase for phrase in ours if len(closed_set.plain(phrase)) <= _SHORT_ANSWER]
            forced = self._forced(encoded, language, short[:_FORCED_PHRASES], seconds)
            if forced and forced[1] > written.score - _FORCED_MARGIN:
                return Understood(forced[0], _confidence(forced[1]), language)
        if found:
            return Understood(found.phrase, 1 - found.distance, language)
        return Understood("", 0.0, language)

    def _forced(
        self, encoded: ctranslate2.StorageView, language: str, phrases: list[str], seconds: float
    ) -> tuple[str, float] | None:
        """The phrase that the model finds least surprising, and its mean log-probability."""
        columns = round(seconds * mel.COLUMNS_PER_SECOND / 2) * 2
        scored: list[tuple[float, str]] = []
        for phrase in phrases:
            tokens = self._tokenizer.encode(" " + phrase, add_special_tokens=False).ids
            aligned = self._model.align(encoded, self._prompt(language), [tokens], [columns])[0]
            mean = float(np.mean(np.log(np.maximum(aligned.text_token_probs, 1e-9))))
            scored.append((mean, phrase))
        if not scored:
            return None
        score, phrase = max(scored)
        return phrase, score

    def _prompt(self, language: str) -> list[int]:
        task = ("<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>")
        return [self._token(name) for name in task]

    def _token(self, name: str) -> int:
        number = self._tokenizer.token_to_id(name)
        if number is None:
            raise ValueError(f"Whisper: its tokenizer has no {name}")
        return number


def is_hallucination(written: Written) -> bool:
    """Whisper writes something down for every noise: thanks, a credit, one word again and again."""
    raw = written.text.encode()
    if not any(letter.isalnum() for letter in written.text):
        return True
    if written.score < _GARBAGE or (written.no_speech > _NO_SPEECH and written.score < _DOUBTFUL):
        return True
    return len(raw) > 24 and len(raw) / len(zlib.compress(raw)) > _LOOPING


def _confidence(score: float) -> float:
    return min(1.0, math.exp(score))


def _is_hebrew(text: str) -> bool:
    return any("א" <= letter <= "ת" for letter in text)
