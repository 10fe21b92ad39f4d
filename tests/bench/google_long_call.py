"""`python -m tests.bench.google_long_call`: one call of 15 minutes in real time, of numbered words.

The service is the double with its true limits and latencies. Every five minutes the caller talks
for 75 s without a pause, so that streams have to be renewed in the middle of a word. Fails when a
word is lost, doubled or torn."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import uvloop

from bridge.doubles.google_speech import Fault, Script, serve_google_speech
from bridge.doubles.numbered_words import word
from engine.core.audio import FRAME_BYTES, RATE, silence
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final, RecognitionFailed
from engine.ports import HearingCommand
from engine.providers.google_credentials import GoogleAccount
from engine.providers.google_ears import GoogleStreamingEars, Version, Wanted

_PIECE = 5 * FRAME_BYTES
_QUIET = silence(0.5)
_COUNTED_QUIET = 10  # frames of it
_ROUND, _TALKS_FROM = 300.0, 225.0
_CUT = 225  # frames


@dataclass(frozen=True, slots=True)
class Piece:
    """An utterance that begins at a second of the call."""

    at: float
    sound: bytes
    frames: int
    numbers: range


def pieces(seconds: float) -> Iterator[Piece]:
    """Turns of ten words, and from time to time talk without a pause."""
    at, number = 1.0, 0
    while at < seconds:
        turn = at % _ROUND < _TALKS_FROM
        count = 10 if turn else 313
        numbers = range(number, number + count)
        sound = b"".join(word(n) for n in numbers)
        number += count
        if turn:
            yield Piece(at, sound + _QUIET, len(sound) // FRAME_BYTES + _COUNTED_QUIET, numbers)
            at += 6.0
            continue
        for start in range(0, len(sound), _CUT * FRAME_BYTES):
            cut = sound[start : start + _CUT * FRAME_BYTES]
            yield Piece(at, cut, len(cut) // FRAME_BYTES, numbers)
            at += len(cut) / 2 / RATE
        at += 6.0


async def commands(seconds: float) -> AsyncGenerator[HearingCommand]:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for utterance, piece in enumerate(pieces(seconds)):
        for start in range(0, len(piece.sound), _PIECE):
            sound = piece.sound[start : start + _PIECE]
            # A piece comes when it has been said.
            await asyncio.sleep(begin + piece.at + (start + _PIECE) / 2 / RATE - loop.time())
            if start == 0:
                yield Listen(utterance, b"")
            yield Hear(utterance, sound)
        yield StopListening(utterance, piece.frames)
    await asyncio.sleep(3.0)


async def call(version: Version, seconds: float, faults: tuple[Fault, ...]) -> bool:
    answers: dict[int, list[str]] = {}
    failed = 0
    longest = 305.0 if version is Version.V1 else 300.0
    async with serve_google_speech(Script(longest=longest, faults=faults)) as double:
        account = GoogleAccount("a-project", None)
        ears = GoogleStreamingEars(account, Wanted(version=version), endpoint=double.address)
        async with aclosing(ears.recognize(commands(seconds), lambda: ())) as results:
            async for result in results:
                failed += isinstance(result, RecognitionFailed)
                if isinstance(result, Final):
                    answers.setdefault(result.utterance, []).append(result.text)
        await ears.close()
        print(f"streams: {double.seen.streams}, ended: {Counter(double.seen.ended)}")
    wanted = [f"w{number}" for number in range(max(p.numbers.stop for p in pieces(seconds)))]
    heard = [text for told in answers.values() for text in told[-1].split()]
    counts = Counter(heard)
    lost = [text for text in wanted if text not in counts]
    doubled = [text for text, count in counts.items() if count > 1]
    wrong = [text for text in counts if text.startswith("torn")]
    repaired = sum(len(told) > 1 for told in answers.values())
    print(f"{len(wanted)} words in {len(answers)} utterances, {repaired} of them repaired")
    print(f"lost: {lost}, doubled: {doubled}, torn: {wrong}, failed utterances: {failed}")
    return not (lost or doubled or wrong or failed) and heard == wanted


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.google_long_call")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--version", type=Version, choices=list(Version), default=Version.V1)
    parser.add_argument("--breaks", action="store_true", help="the second stream breaks as well")
    args = parser.parse_args()
    faults = (Fault("UNAVAILABLE", streams=(2,), after=60.0),) if args.breaks else ()
    ok = uvloop.run(call(args.version, 60 * args.minutes, faults))
    print("ok" if ok else "FAILED")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
