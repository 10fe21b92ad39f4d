"""`python -m tests.bench.recognizer_cost`: processor time of Google's streaming ears, per call.

The service is a double in another process; calls go in real time, each with an utterance of 2.5 s
in every 6 s and silence between. Fails when a call takes more than half a percent of a core."""

import argparse
import asyncio
import math
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import uvloop

from bridge.doubles.google_speech import Script, serve_google_speech
from engine.core.audio import FRAME_BYTES, RATE, silence
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final
from engine.ports import HearingCommand
from engine.providers.google_credentials import GoogleAccount
from engine.providers.google_ears import GoogleStreamingEars, Version, Wanted
from tests.bench.figures import Figure, percentile, table

MOST_PERCENT = 0.5
_EVERY = 6.0
_VOICE = 2.0
_QUIET = 0.5
_TURNS = 2 * math.pi * np.arange(round(_VOICE * RATE)) / RATE
_TONE = (4000 * np.sin(300 * _TURNS)).astype("<i2").tobytes()
_UTTERANCE = _TONE + silence(_QUIET)
_PIECE = 5 * FRAME_BYTES
_TEXTS = ("I am looking for three rooms in Haifa", "yes please", "around two million shekels")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recognizer_cost")
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--serve", action="store_true", help="be the service, until input ends")
    args = parser.parse_args()
    if args.serve:
        uvloop.run(_serve())
        return 0
    figures = uvloop.run(_measure(args.calls, args.seconds))
    print(table(figures))
    return 1 if any(figure.failed for figure in figures) else 0


async def _serve() -> None:
    async with serve_google_speech(Script(texts=_TEXTS)) as double:
        print(double.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def _measure(calls: int, seconds: float) -> list[Figure]:
    figures: list[Figure] = []
    async with _service() as address:
        for version in Version:
            figures += await _of_version(version, address, calls, seconds)
    return figures


async def _of_version(version: Version, address: str, calls: int, seconds: float) -> list[Figure]:
    account = GoogleAccount("a-project", None)
    ears = GoogleStreamingEars(account, Wanted(version=version), endpoint=address)
    await ears.probe()
    waits: list[float] = []
    await _call(ears, 0, 2.0, waits)
    waits.clear()
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(_call(ears, number * _EVERY / calls, seconds, waits))
    used = time.process_time() - began
    await ears.close()
    name = f"Google's ears, {version}:"
    return [
        Figure(f"{name} processor per call", 100 * used / calls / seconds, "%", MOST_PERCENT),
        Figure(f"{name} end of utterance to answer, median", percentile(waits, 0.5), "s"),
        Figure(f"{name} end of utterance to answer, p95", percentile(waits, 0.95), "s"),
    ]


async def _call(
    ears: GoogleStreamingEars, after: float, seconds: float, waits: list[float]
) -> None:
    """`waits`: seconds until the first answer of each utterance."""
    loop = asyncio.get_running_loop()
    ends: dict[int, float] = {}

    async def commands() -> AsyncGenerator[HearingCommand]:
        begin = loop.time()
        at = after
        for utterance in range(round((seconds - after) / _EVERY)):
            await _sleep_until(begin + at)
            yield Listen(utterance, b"")
            for start in range(0, len(_UTTERANCE), _PIECE):
                await _sleep_until(begin + at + start / 2 / RATE)
                yield Hear(utterance, _UTTERANCE[start : start + _PIECE])
            ends[utterance] = loop.time()
            yield StopListening(utterance, len(_UTTERANCE) // FRAME_BYTES - 15)
            at += _EVERY
        await _sleep_until(begin + seconds)

    async with aclosing(ears.recognize(commands(), lambda: ())) as results:
        async for result in results:
            end = ends.pop(result.utterance, None) if isinstance(result, Final) else None
            if end is not None:
                waits.append(loop.time() - end)


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())


@asynccontextmanager
async def _service() -> AsyncGenerator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __spec__.name, "--serve"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    sys.exit(main())
