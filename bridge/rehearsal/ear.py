"""What a recording of the ear tells, as numbers: where sound begins and ends, where a reply of the
agent is found in it, where that was broken off and where it went on. Pure.

Sound is 16-bit little-endian mono PCM at 8,000 Hz; times are seconds from its first sample.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.audio import RATE

SOUND = 160
"""The amplitude from which a sample is sound (-46 dBFS): above comfort noise and codec noise."""
BLOCK = RATE // 100
"""Samples in the 10 ms that loudness is taken over."""
LOUD = 300
"""The loudness (root mean square) of a block in which the agent certainly speaks (-41 dBFS)."""
BROKEN_OFF = 10
"""Blocks without a sound in which there should be speech: the agent has stopped. Frames that were
late make shorter holes."""
SPOKEN = 6
"""So many of those blocks must have speech in them, undisturbed."""
ALIKE = 0.8
"""The likeness from which two sounds are the same one."""
MARK = 0.3
"""Seconds of a sound that tell where it is."""
PLACES = (0.0, MARK, 2 * MARK)
"""Tried one after the other: a jitter buffer may slip in one of them."""
LOOSE = 0.1
"""Seconds by which all the slips of a reply may shift its end."""

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2")


def pcm_of(sound: Floats) -> bytes:
    return np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()


def first_sound(pcm: bytes, after: float = 0.0) -> float | None:
    """The time of the first sample that is sound."""
    start = round(after * RATE)
    loud = np.flatnonzero(np.abs(samples(pcm)[start:].astype(np.int32)) >= SOUND)
    return (start + int(loud[0])) / RATE if len(loud) else None


def last_sound(pcm: bytes, before: float = math.inf) -> float | None:
    """The time at which the last sample that is sound is over."""
    end = len(pcm) // 2 if before == math.inf else round(before * RATE)
    loud = np.flatnonzero(np.abs(samples(pcm)[:end].astype(np.int32)) >= SOUND)
    return (int(loud[-1]) + 1) / RATE if len(loud) else None


def stretches(pcm: bytes, gap: float = 0.5) -> list[tuple[float, float]]:
    """The sounds that a silence of at least `gap` separates: from when to when."""
    loud = np.flatnonzero(np.abs(samples(pcm).astype(np.int32)) >= SOUND)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) >= gap * RATE)
    starts = loud[np.concatenate([[0], breaks + 1])]
    ends = loud[np.concatenate([breaks, [len(loud) - 1]])] + 1
    return [(int(a) / RATE, int(b) / RATE) for a, b in zip(starts, ends, strict=True)]


def blocks(pcm: bytes) -> Floats:
    """The loudness of each 10 ms."""
    whole = samples(pcm)[: len(pcm) // 2 // BLOCK * BLOCK].astype(np.float64).reshape(-1, BLOCK)
    return np.asarray(np.sqrt(np.mean(whole * whole, axis=1)))


def find(part: bytes, sound: bytes) -> tuple[float, float]:
    """Where in a sound a part of it is, and how alike they are there (1: the same)."""
    short, long = samples(part).astype(np.float64), samples(sound).astype(np.float64)
    energy = float(np.dot(short, short))
    if not energy or len(long) < len(short):
        return 0.0, 0.0
    size = 1 << (len(long) + len(short) - 1).bit_length()
    spectrum = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    products = np.fft.irfft(spectrum, size)[: len(long) - len(short) + 1]
    sums = np.concatenate([[0.0], np.cumsum(long * long)])
    powers = sums[len(short) :] - sums[: len(sums) - len(short)]
    # Where next to nothing is heard, chance would look alike.
    likeness = products / np.sqrt(energy * np.maximum(powers, energy / 100))
    best = int(np.argmax(likeness))
    return best / RATE, float(likeness[best])


@dataclass(frozen=True, slots=True)
class Reply:
    """Something that the agent says, as a caller hears it who does not interrupt: from its first
    sound to its last."""

    pcm: bytes

    @property
    def length(self) -> float:
        return len(self.pcm) / 2 / RATE

    def begins(self, heard: bytes) -> float | None:
        """When it begins to be heard; None if something else is heard, or nothing."""
        for place in PLACES:
            at, likeness = find(_part(self.pcm, place), heard)
            if likeness >= ALIKE:
                return max(0.0, at - place)
        return None

    def busy_places(self, start: float, end: float) -> list[float]:
        """Where in it there is hardly a pause from 0.1 s before until 0.5 s after."""
        loud = np.concatenate([[0.0], np.cumsum(blocks(self.pcm) >= LOUD)])
        places = np.arange(max(10, math.ceil(start * 100)), math.floor(end * 100), 2)
        places = places[places + 50 < len(loud)]
        share = (loud[places + 50] - loud[places - 10]) / 60
        return [int(at) / 100 for at in places[share >= 0.7]]

    def broken_off(self, heard: bytes, began: float, after: float) -> float | None:
        """When it fell silent, though it was not over, later than `after`; None if it did not.

        The last sample of it that was heard; `after`, if it was pausing then."""
        first = round(began * RATE)
        ear = np.abs(samples(heard)[first:].astype(np.int32)) >= SOUND
        sounding = np.any(ear[: len(ear) // BLOCK * BLOCK].reshape(-1, BLOCK), axis=1)
        speech = blocks(self.pcm) >= LOUD
        begin = max(0, math.ceil((after - began) * 100))
        for at in range(begin, min(len(speech), len(sounding)) - BROKEN_OFF + 1):
            window = slice(at, at + BROKEN_OFF)
            if speech[window].sum() >= SPOKEN and not sounding[window].any():
                last = last_sound(heard, began + at * BLOCK / RATE)
                return max(after, last or 0.0)
        return None

    def goes_on(self, heard: bytes, since: float) -> tuple[float, float] | None:
        """When it is heard again after `since`, and from which place in it."""
        start = first_sound(heard, since)
        if start is None:
            return None
        for later in PLACES:
            place, likeness = find(_part(heard, start + later), self.pcm)
            if likeness >= ALIKE:
                return start, max(0.0, place - later)
        return None

    def heard_to_its_end(self, heard: bytes, began: float) -> bool:
        """Whether its last sound is where it belongs, and nothing was left out."""
        if self.broken_off(heard, began, began) is not None:
            return False
        return any(self._is_heard(self.length - MARK - place, heard, began) for place in PLACES)

    def heard_late(self, heard: bytes, began: float) -> bool:
        """Whether its end was heard after all, after a pause that does not belong there."""
        if self.heard_to_its_end(heard, began):
            return False
        end = self.length - MARK
        rest = heard[2 * round((began + end - LOOSE) * RATE) :]
        return any(find(_part(self.pcm, end - place), rest)[1] >= ALIKE for place in PLACES)

    def _is_heard(self, place: float, heard: bytes, began: float) -> bool:
        """Whether this place of it is where it should be."""
        around = _part(heard, began + place - LOOSE, MARK + 2 * LOOSE)
        return find(_part(self.pcm, place), around)[1] >= ALIKE


def _part(pcm: bytes, start: float, length: float = MARK) -> bytes:
    return pcm[2 * max(0, round(start * RATE)) : 2 * max(0, round((start + length) * RATE))]


def percentile(values: Iterable[float], part: float) -> float:
    """The value that `part` (0 to 1) of all do not exceed; not a number if there are none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))]
