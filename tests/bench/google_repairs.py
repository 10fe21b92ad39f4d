"""`python -m tests.bench.google_repairs`: how many turns are answered before Google's final result,
and what becomes of those whose final result means something else.

Calls of ten words a turn, in real time, against the double with its true latencies. How often the
service changes its mind is set here, not measured: `--misheard` is the share of finals whose last
word was another in all interims. Fails when an answer that was wrong is not repaired."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import uvloop

from bridge.doubles.google_speech import GoogleSpeechDouble, Script, serve_google_speech
from engine.core.events import Final
from engine.providers.google_credentials import GoogleAccount
from engine.providers.google_ears import GoogleStreamingEars, Wanted
from tests.bench.google_long_call import commands, pieces


@dataclass(frozen=True, slots=True)
class Turn:
    said: str
    answers: tuple[Final, ...]

    @property
    def early(self) -> bool:
        """Told before the service had settled it: what is not final has no confidence yet."""
        return bool(self.answers) and self.answers[0].confidence == 0.0

    @property
    def changed(self) -> bool:
        return self.early and self.answers[0].text != self.said

    @property
    def right(self) -> bool:
        return bool(self.answers) and self.answers[-1].text == self.said


async def call(double: GoogleSpeechDouble, seconds: float) -> list[Turn]:
    ears = GoogleStreamingEars(GoogleAccount("a-project", None), Wanted(), endpoint=double.address)
    answers: dict[int, list[Final]] = {}
    async with aclosing(ears.recognize(commands(seconds), lambda: ())) as results:
        async for result in results:
            if isinstance(result, Final):
                answers.setdefault(result.utterance, []).append(result)
    await ears.close()
    return [
        Turn(" ".join(f"w{number}" for number in piece.numbers), tuple(answers.get(utterance, ())))
        for utterance, piece in enumerate(pieces(seconds))
    ]


async def measure(calls: int, seconds: float, misheard: float) -> Sequence[Turn]:
    async with (
        serve_google_speech(Script(misheard=misheard)) as double,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(call(double, seconds)) for _ in range(calls)]
        return [turn for task in tasks for turn in await task]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.google_repairs")
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=3.5)
    parser.add_argument("--misheard", type=float, default=0.03)
    args = parser.parse_args()
    turns = uvloop.run(measure(args.calls, 60 * args.minutes, args.misheard))
    changed = [turn for turn in turns if turn.changed]
    repaired = sum(turn.right for turn in changed)
    print(f"{len(turns)} turns, {sum(turn.early for turn in turns)} answered before their final")
    print(f"changed by the final: {len(changed)} ({len(changed) / len(turns):.1%})")
    print(f"repaired: {repaired} of {len(changed)}; wrong at the end: {wrong(turns)}")
    return 0 if repaired == len(changed) and not wrong(turns) else 1


def wrong(turns: Sequence[Turn]) -> int:
    return sum(not turn.right for turn in turns)


if __name__ == "__main__":
    sys.exit(main())
