# ruff: noqa: T201 - what it prints is its output
"""How well a voice is told from the rest of a line: by energy alone, and confirmed by Silero.

    python -m tests.vad [--fetch] [--half tuning]

With --fetch the Debian packages with people, music and coughs are downloaded first (160 MB, into
var/sounds); without them fewer lines are judged.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

from engine.providers import silero
from tests.bench.figures import percentile
from tests.vad import speech
from tests.vad.conditions import Conditions, Half
from tests.vad.judge import Count, Detector, by_energy, confirmed_by, judge
from tests.vad.lines import Line, noises
from tests.vad.sounds import at, street

SPOKEN = "heard  false   cut into  opened  closed   of   4 frames p50/p95     loud p50/p95"
NOISY = "cuts/min  holds/min  listening   next words opened  closed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")
    asked = parser.parse_args()
    if asked.fetch:
        speech.fetch()
    for package in speech.PACKAGES:
        if speech.folder(package) is None:
            print(f"Without {package}: it is not installed (--fetch).")
    _report(asked.half)


def _report(half: Half) -> None:
    set_of_lines = Conditions(half)
    print(f"\nWhere somebody speaks ({half} half)\n{'':30} {'':8} {SPOKEN}")
    for name, count in _judged(set_of_lines.speaking()):
        print(f"{name} {_spoken(count)}")
    print(f"\nNoise that begins in the call, then words\n{'':30} {'':8} {NOISY}")
    for name, count in _judged(set_of_lines.walking()):
        print(f"{name} {_noisy(count)}  {count.opened:18}  {count.closed:6}")
    print(f"\nWhere nobody speaks\n{'':30} {'':8} {NOISY[:30]}")
    for name, count in _judged(set_of_lines.voiceless()):
        print(f"{name} {_noisy(count)}")
    _costs()


def _detectors() -> dict[str, Callable[[], Detector]]:
    named = {"energy": by_energy}
    if silero.installed():
        named["+Silero"] = lambda: confirmed_by(silero.open_detector())
    return named


def _judged(lines: Iterator[tuple[str, Line]]) -> Iterator[tuple[str, Count]]:
    for condition, line in lines:
        for number, (name, begin) in enumerate(_detectors().items()):
            count = Count()
            judge(line, begin(), count)
            yield f"{'' if number else condition[:30]:30} {name:8}", count


def _spoken(count: Count) -> str:
    return (
        f"{count.hits / count.speech:5.2f}  {count.false_alarms / count.silence:5.3f}"
        f"{count.interrupting:11}  {count.opened:6}  {count.closed:6}  {count.utterances:3}"
        f"{_delays(count.delays):>21}  {_delays(count.hold_delays):>15}"
    )


def _noisy(count: Count) -> str:
    minutes = count.length / 3000
    return (
        f"{count.false_interruptions / minutes:8.1f}  {count.false_holds / minutes:9.1f}"
        f"  {count.listened / count.length:9.0%}"
    )


def _delays(seconds: list[float]) -> str:
    return f"{1000 * percentile(seconds, 0.5):.0f}/{1000 * percentile(seconds, 0.95):.0f} ms"


def _costs() -> None:
    frames = noises(at(-24, street(20, 1))).frames
    works: dict[str, Callable[[bytes], object]] = {"energy": by_energy()}
    if silero.installed():
        detector = silero.open_detector()
        works["Silero, each frame loud"] = lambda pcm: detector.hear(pcm, True)
        works["Silero, none loud"] = lambda pcm: detector.hear(pcm, False)
    print("\nProcessor time of a frame of 20 ms")
    for name, work in works.items():
        print(f"{name:30} {_cost(work, frames):6.1f} µs")


def _cost(work: Callable[[bytes], object], frames: Sequence[bytes]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for pcm in frames:
            work(pcm)
        best = min(best, time.process_time() - began)
    return best / len(frames) * 1e6


if __name__ == "__main__":
    main()
