"""What a bridge's trace of a call (`var/traces/*.txt`) tells the caller: its states, utterances,
questions and notes, at which second of its own clock and after how many of the caller's frames.

Only the text is read: nothing of the engine is needed for it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, level

_EARLY = 100
"""So many frames tell how the two clocks lie."""
_ENTRY = re.compile(r"(\d+\.\d{3}) (> |  < )(.*)")
_FRAMES = re.compile(r"([.\d]+)(?:/-?\d+)?([+-]\d+)?(?:x(\d+))?")
_WORD = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s"]+)@(\d+\.\d+)')
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_FACT = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')

Fact = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Entry:
    second: float
    kind: str
    """The first word: `listen`, `played`, `=` for a state."""
    rest: str
    frames: int
    """Frames of the caller that had come by then."""

    @property
    def facts(self) -> dict[str, Fact]:
        return {name: json.loads(value) for name, value in _FACT.findall(self.rest)}

    @property
    def number(self) -> int:
        """The turn or utterance that it is about."""
        return int(self.rest.split()[0])

    @property
    def texts(self) -> list[str]:
        return [json.loads(text) for text in _TEXT.findall(self.rest)]


@dataclass(frozen=True, slots=True)
class Told:
    entries: tuple[Entry, ...]
    arrivals: tuple[float, ...]
    """When each frame of the caller came; frames that the bridge made up are left out."""
    levels: tuple[int, ...]
    """How loud each of them was."""

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]

    def notes(self, what: str) -> list[Entry]:
        return [entry for entry in self.of("note") if entry.rest.split()[0] == what]

    @property
    def states(self) -> list[tuple[float, str]]:
        """Each state that was entered, and when."""
        return [(0.0, "Listening"), *((entry.second, entry.rest) for entry in self.of("="))]

    def reply_length(self, turn: int) -> float:
        """Seconds of sound that the line was given."""
        plays = (entry for entry in self.of("play") if entry.number == turn)
        return sum(float(play.rest.split()[1]) for play in plays)

    def word_ends(self, turn: int) -> list[float]:
        """When each word of a reply is over, in seconds of its sound."""
        starts: list[float] = []
        length = 0.0
        for entry in self.of("audio"):
            if entry.number == turn:
                starts += [
                    length + float(at) for _, at in _WORD.findall(entry.rest.partition(" loud=")[0])
                ]
                length += float(entry.rest.split()[1])
        return [*starts[1:], length] if starts else []

    def covered(self) -> set[int]:
        """The numbers of the frames that the recognizer was given."""
        given: set[int] = set()
        begun: dict[int, int] = {}
        for entry in self.entries:
            if entry.kind == "listen":
                kept = round(float(entry.rest.split()[1]) / FRAME_SECONDS)
                begun[entry.number] = entry.frames - kept
            if entry.kind == "stop-listening" and entry.number in begun:
                first = begun.pop(entry.number)
                given.update(range(first, first + int(entry.rest.split()[1])))
        for first in begun.values():
            given.update(range(first, len(self.arrivals)))
        return given

    def lag(self, spoken: bytes) -> int:
        """The number, among the bridge's frames, of the first that the phone sent, by what the
        caller said: a call may have begun earlier at one of its ends."""
        sent = _deviations([level(spoken[at : at + FRAME_BYTES]) for at in _starts(spoken)])
        came = _deviations(self.levels)
        if not len(sent) or not len(came):
            return 0
        return int(np.argmax(np.correlate(came, sent, "full"))) - len(sent) + 1

    def behind(self, lag: int) -> float:
        """The phone's second 0 on this trace's clock, later by the way to the bridge: a frame
        leaves the phone when it is over, and the fastest one came at once."""
        early = list(enumerate(self.arrivals))[max(0, lag) :][:_EARLY]
        return min(
            (came - (number - lag + 1) * FRAME_SECONDS for number, came in early), default=0.0
        )


def _deviations(levels: Sequence[int]) -> npt.NDArray[np.float64]:
    """In decibels from the mean: loud and soft passages tell as much."""
    decibels = 20 * np.log10(np.maximum(1.0, np.array(levels, dtype=float)))
    return np.asarray(decibels - decibels.mean() if len(decibels) else decibels)


def _starts(pcm: bytes) -> range:
    return range(0, len(pcm), FRAME_BYTES)


def read(text: str) -> Told:
    """Lines that are none of a trace are passed over."""
    entries: list[Entry] = []
    arrivals: list[tuple[float, int]] = []
    for line in text.split("\n"):
        if not (match := _ENTRY.fullmatch(line)):
            continue
        second, kind, rest = float(match[1]), *_head(match[3])
        if kind == "frames":
            arrivals += _frames(second, rest)
        else:
            entries.append(Entry(second, kind, rest, len(arrivals)))
    times, levels = [at for at, _ in arrivals], [loud for _, loud in arrivals]
    return Told(tuple(entries), tuple(times), tuple(levels))


def _head(told: str) -> tuple[str, str]:
    kind, _, rest = told.partition(" ")
    return kind, rest


def _frames(first: float, groups: str) -> Iterator[tuple[float, int]]:
    at = first - FRAME_SECONDS
    for group in groups.split():
        if not (match := _FRAMES.fullmatch(group)):
            continue
        at += int(match[2] or 0) / 1000
        for _ in range(int(match[3] or 1)):
            at = round(at + FRAME_SECONDS, 3)
            if match[1] != ".":
                yield at, int(match[1])


class Traces:
    """The folder that a bridge writes its traces into."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "traces"

    def there(self) -> bool:
        return self._folder.is_dir()

    def names(self) -> set[str]:
        """The calls that have a trace."""
        return {path.stem.split("-", 2)[2] for path in self._folder.glob("*-*-*.txt")}

    def of(self, call: str) -> Told | None:
        """The trace of the call with this name, if there is one."""
        found = list(self._folder.glob(f"*-{call}.txt")) if call else []
        return read(found[0].read_text(encoding="utf-8")) if found else None
