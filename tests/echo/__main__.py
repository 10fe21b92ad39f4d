"""`python -m tests.echo`: the agent's echo, and callers who talk over it, in four tables.

Twenty minutes of the agent's own voice on each path, at each delay; half an hour in all."""

# ruff: noqa: T201 - what it prints is its output

import argparse
import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import inf

import numpy as np

from engine.core.audio import FRAME_SECONDS
from engine.providers import local
from tests.bench.bridge_process import ROOT
from tests.bench.figures import percentile
from tests.echo import sounds
from tests.echo.call import HOLD, INTERRUPT, Belief, Call, Outcome, Reply, alone, played
from tests.echo.paths import Kind, Path, heard, reflected
from tests.echo.sounds import AGENT_RMS, Levels, Sound

LOSSES = (12.0, 18.0, 24.0, 30.0)
DELAYS_MS = (0.0, 45.0, 130.0, 250.0, 400.0)
SECOND_HYBRID_MS = 230.0
"""The most that the first of two hybrids is late: the other is at 400 ms then."""
LOUDNESS = {"as agent": AGENT_RMS, "-6 dB": AGENT_RMS / 2, "-12 dB": AGENT_RMS / 4, "-40 dBFS": 327}
"""Of callers: beside the agent, and of full scale."""
EARLIEST = 25
"""The frame of a reply at which a caller begins at the earliest."""
BELIEFS = {
    "right": Belief(),
    "60 ms late": Belief(late=3),
    "120 ms early": Belief(late=-6),
    "jitter of 2 frames": Belief(jitter=2),
    "bursts of 10 frames": Belief(burst=10),
}
NO_ECHO = 90.0
HEAD = "interruptions  holds  false utterances"
CALLERS_HEAD = "held: p50   p95  most never   interrupted"


class Speech:
    """The agent's replies and what comes back of them."""

    def __init__(self, sentences: Sequence[Sound], minutes: float) -> None:
        self._sounds = sounds.replies(sentences, minutes)
        self._played = [played(sound) for sound in self._sounds]
        self._kind: Kind | None = None
        self._reflected: list[Sound] = []

    def over(self, path: Path) -> Iterator[Reply]:
        if path.kind is not self._kind:
            self._kind, self._reflected = path.kind, reflected(self._sounds, path.kind)
        for seed, (levels, sound) in enumerate(zip(self._played, self._reflected, strict=True)):
            yield Reply(levels, heard(sound, path, seed))


@dataclass(slots=True)
class Sum:
    """Of what an echo did."""

    interruptions: int = 0
    holds: int = 0
    utterances: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.interruptions += outcome.interrupted is not None
            self.holds += len(outcome.held)
            self.utterances += outcome.onsets

    def __str__(self) -> str:
        return f"{self.interruptions:>13} {self.holds:>6} {self.utterances:>17}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.echo", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="of speech, on each path")
    minutes = parser.parse_args().minutes
    sentences, callers = _voices()
    speech, some = Speech(sentences, minutes), Speech(sentences, minutes / 4)
    _print(f"Nobody else speaks; {minutes:g} minutes at each delay", HEAD, _alone(speech))
    _print(
        f"Wrong beliefs; {minutes / 4:g} minutes over a hybrid, 12 dB, 45 ms", HEAD, _wrong(some)
    )
    _print("Echo after ten replies without; five replies with it", HEAD, _appearing(some))
    _print("Callers over an echo that is 130 ms late", CALLERS_HEAD, _interrupted(some, callers))


def _print(title: str, head: str, rows: Iterable[str]) -> None:
    print(f"\n{title}\n{'':24}{head}")
    for row in rows:
        print(row, flush=True)


def _voices() -> tuple[list[Sound], list[Levels]]:
    """Sentences of the agent, and callers by levels."""
    if missing := local.check(whisper=False):
        print("Synthetic voices:", *missing)
        return sounds.synthetic_sentences(60), list(map(sounds.levels, sounds.synthetic_callers()))
    loaded = asyncio.run(local.load(cache=ROOT / "var" / "cache", whisper=False))
    assert loaded.voice, loaded.missing
    with closing(loaded):
        return sounds.spoken(loaded.voice), list(map(sounds.levels, sounds.callers()))


def _alone(speech: Speech) -> Iterator[str]:
    for kind in Kind:
        delays = [ms for ms in DELAYS_MS if kind is not Kind.TWO or ms <= SECOND_HYBRID_MS]
        for loss in LOSSES:
            total = Sum()
            for delay in delays:
                path = Path(kind, loss, delay)
                total.add(map(Call(path.whole_frames).speak, speech.over(path)))
            yield f"{kind:15} {loss:g} dB   {total}"


def _wrong(speech: Speech) -> Iterator[str]:
    path = Path(Kind.HYBRID, 12.0, 45.0)
    for name, belief in BELIEFS.items():
        total = Sum()
        total.add(map(Call(path.whole_frames, belief).speak, speech.over(path)))
        yield f"{name:24}{total}"


def _appearing(speech: Speech) -> Iterator[str]:
    for kind in Kind:
        for loss, delay in ((12.0, 130.0), (20.0, 20.0)):
            path, total = Path(kind, loss, delay), Sum()
            call = Call(path.whole_frames)
            total.add(map(call.speak, islice(speech.over(replace(path, return_loss=NO_ECHO)), 10)))
            total.add(map(call.speak, islice(speech.over(path), 10, 15)))
            yield f"{kind:11} {loss:g} dB {delay:3g} ms {total}"


def _interrupted(speech: Speech, callers: Sequence[Levels]) -> Iterator[str]:
    lines = [Path(Kind.PLAIN, NO_ECHO, 130.0)]
    lines += [Path(kind, loss, 130.0) for kind in (Kind.HYBRID, Kind.ROOM) for loss in LOSSES]
    for path in lines:
        for name, rms in LOUDNESS.items():
            delays = _delays(speech.over(path), path, [(rms * one).tolist() for one in callers])
            line = "no echo" if path.return_loss == NO_ECHO else f"{path.kind} {path.return_loss:g}"
            yield f"{line:13} {name:9} {_spread(delays[HOLD])}   {_spread(delays[INTERRUPT])}"


def _delays(
    replies: Iterable[Reply], path: Path, callers: Sequence[list[float]]
) -> dict[int, list[float]]:
    """Milliseconds from the first frame of the voice to the hold and to the interruption."""
    call, random = Call(path.whole_frames), np.random.default_rng(2)
    delays: dict[int, list[float]] = {HOLD: [], INTERRUPT: []}
    for reply, caller in zip(replies, cycle(callers)):
        room = len(reply.played) - len(caller)
        if room < EARLIEST:
            call.speak(reply)
            continue
        at = int(random.integers(EARLIEST, room + 1))
        outcome = call.speak(reply, caller, at)
        held = next((frame for frame in outcome.held if frame >= at), None)
        for run, stopped in ((HOLD, held), (INTERRUPT, outcome.interrupted)):
            late = inf if stopped is None else stopped - at - alone(caller, run)
            delays[run].append(1000 * FRAME_SECONDS * (run + late))
    return delays


def _spread(delays: Sequence[float]) -> str:
    heard = [delay for delay in delays if delay < inf]
    never = len(delays) - len(heard)
    return "".join(f"{percentile(delays, p):6g}" for p in (0.5, 0.95, 1.0)) + f"{never:6}"


if __name__ == "__main__":
    main()
