"""Labelled lines: what was said when, in which noise.

The labels come from the clean speech: a frame is speech if it is loud in its utterance, silence if
nothing near it is more than a whisper, and what is in between is not judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.audio import FRAME_BYTES, FRAME_SAMPLES
from tests.vad.sounds import SPEECH_DB, Sound, at, length, on_the_line, quiet

Labels = npt.NDArray[np.int8]
SPEECH, SILENT, UNJUDGED = 1, 0, -1
_LOUD_DB, _WHISPER_DB = SPEECH_DB - 15, SPEECH_DB - 30
_NEAR = 6
"""Frames around a whisper that are not called silence."""


@dataclass(frozen=True, slots=True)
class Line:
    """One caller's sound from the start of a call on."""

    frames: Sequence[bytes]
    labels: Labels
    utterances: Sequence[tuple[int, int]] = ()
    """The first loud frame of each, and the one after the last."""


def line(said: Sequence[Sound], *, db: float, noise: Sound | None = None, gap: float = 1.6) -> Line:
    """A second and a half of nothing, then the utterances with gaps; the caller speaks at `db`."""
    parts = [quiet(1.5)]
    spans = []
    for sound in said:
        begin = sum(map(len, parts))
        spans.append((begin, begin + len(sound)))
        parts += [sound, quiet(gap)]
    clean = np.concatenate(parts)
    clean = clean[: len(clean) // FRAME_SAMPLES * FRAME_SAMPLES]
    loud, labels = _judged(clean)
    heard = at(db, clean)
    if noise is not None:
        heard = heard + np.resize(noise, len(heard))
    return Line(_frames(heard), labels, [_loud_part(loud, span) for span in spans])


def noises(sound: Sound) -> Line:
    """Nobody speaks on it."""
    frames = _frames(sound)
    return Line(frames, np.full(len(frames), SILENT, np.int8))


def walks_into(noise: Sound, said: Sound, *, before: float = 2.0, after: float = 3.0) -> Line:
    """A quiet line, then noise, and at the end of it an utterance."""
    sound = np.concatenate([quiet(before), noise])
    begin = length(before) + len(noise) - len(said) - length(after)
    clean = np.zeros_like(sound)
    clean[begin : begin + len(said)] = said
    clean = clean[: len(clean) // FRAME_SAMPLES * FRAME_SAMPLES]
    loud, labels = _judged(clean)
    return Line(
        _frames(sound[: len(clean)] + clean),
        labels,
        [_loud_part(loud, (begin, begin + len(said)))],
    )


def _frames(sound: Sound) -> list[bytes]:
    pcm = on_the_line(sound)
    whole = len(pcm) // FRAME_BYTES * FRAME_BYTES
    return [pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]


def _judged(clean: Sound) -> tuple[npt.NDArray[np.bool_], Labels]:
    power = np.mean(clean.reshape(-1, FRAME_SAMPLES) ** 2, axis=1)
    db = 10 * np.log10(power + 1e-12)
    loud = db >= _LOUD_DB
    near = np.convolve(db >= _WHISPER_DB, np.ones(2 * _NEAR + 1), "same") > 0
    labels = np.where(loud, SPEECH, np.where(near, UNJUDGED, SILENT))
    return loud, labels.astype(np.int8)


def _loud_part(loud: npt.NDArray[np.bool_], span: tuple[int, int]) -> tuple[int, int]:
    first, last = span[0] // FRAME_SAMPLES, -(-span[1] // FRAME_SAMPLES)
    frames = np.flatnonzero(loud[first:last])
    return first + int(frames[0]), first + int(frames[-1]) + 1
