"""A whole bridge in a process of its own, for those who call it: real doors, sessions and traces.

Only ears, voice and brain are small and instant, so that what is measured is ours. Run as a
module it is that process: it tells its ports on standard output, and answers each line on
standard input with what it holds, until that ends.
"""

import asyncio
import gc
import json
import math
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import uvloop

from bridge import log
from bridge.commands.serve import listening
from bridge.gate import Gate
from bridge.settings import Settings
from bridge.switchboard import Equipment, Switchboard
from bridge.tracefiles import TraceFiles
from engine.core.audio import RATE
from engine.core.effects import HangUp, Heard, StopListening, Transfer
from engine.core.events import Final
from engine.ports import HearingCommand, HearingResult, Speech

ROOT = Path(__file__).parents[2]
MOST_CALLS = 100
SENTENCE_SECONDS = 1.5
REPLY = ("This is the first sentence of an answer.", "And this is the second one.")
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class FixedEars:
    """Understands the same thing in every utterance, at once."""

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        async for command in commands:
            if isinstance(command, StopListening):
                yield Final(command.utterance, "something was said", 0.9)


class ToneVoice:
    """Every sentence is a tone as loud and as uneven as a voice, nowhere silent for a frame."""

    def __init__(self) -> None:
        turns = 2 * math.pi * np.arange(round(SENTENCE_SECONDS * RATE)) / RATE
        loudness = 3000 + 2000 * np.sin(4 * turns)
        self._pcm = (loudness * np.sin(300 * turns)).astype("<i2").tobytes()

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        half = len(self._pcm) // 4 * 2
        yield Speech(self._pcm[:half])
        yield Speech(self._pcm[half:])


class TwoSentences:
    """The same answer to everything, the greeting included."""

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer]:
        for sentence in REPLY:
            yield sentence

    def expected(self) -> Sequence[str]:
        return ()

    async def guess(self, words: str) -> None: ...


def instant(settings: Settings) -> Equipment:
    """All of these."""
    voice = ToneVoice()
    return Equipment(
        settings.rules(), lambda _: FixedEars(), lambda _: voice, lambda *_: TwoSentences()
    )


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a process holds besides memory."""

    calls: int
    tasks: int
    files: int


@dataclass(frozen=True, slots=True)
class LogLine:
    call: str
    at: float
    """On our own monotonic clock."""
    facts: dict[str, float]


class BridgeProcess:
    """The running process, from outside."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: Path, audiosocket: int, http: int
    ) -> None:
        self.audiosocket = audiosocket
        self.http = http
        self._process = process
        self._log = log

    async def holdings(self) -> Holdings:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return Holdings(**await _answer(self._process))

    def told(self, event: str) -> list[LogLine]:
        """What its log has said of an event since the process began."""
        ahead = time.time() - time.monotonic()
        lines = map(json.loads, self._log.read_text().splitlines())
        return [
            LogLine(line["call"], datetime.fromisoformat(line["time"]).timestamp() - ahead, line)
            for line in lines
            if line["event"] == event
        ]

    @property
    def private_mb(self) -> float:
        """Memory that is this process's alone (USS)."""
        told = (self._proc / "smaps_rollup").read_text().splitlines()
        sizes = [int(line.split()[1]) for line in told if line.startswith("Private_")]
        return sum(sizes) / 1024

    @property
    def cpu_seconds(self) -> float:
        """Used so far, by the kernel for it included."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def waited_seconds(self) -> float:
        """So long the event loop's thread could have run and had no processor."""
        return int((self._proc / "schedstat").read_text().split()[1]) / 1e9

    def kill(self) -> None:
        """At once, as out of memory does it."""
        self._process.kill()

    @property
    def _proc(self) -> Path:
        return Path("/proc") / str(self._process.pid)


@asynccontextmanager
async def bridge_process(folder: Path, audiosocket: int = 0) -> AsyncGenerator[BridgeProcess]:
    """Traces and the log go to `folder`; the process ends with the block. `audiosocket`: its port,
    any by default."""
    log = folder / "bridge.log"
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, str(folder), str(audiosocket)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            cwd=folder,  # where there is no .env
            env={"PYTHONPATH": str(ROOT)},
        )
    try:
        async with asyncio.timeout(_START_SECONDS):
            ports = await _answer(process)
        yield BridgeProcess(process, log, **ports)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answer(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the bridge process has ended; bridge.log tells why")
    answer: dict[str, int] = json.loads(line)
    return answer


# In the process itself.


async def serve(folder: Path, audiosocket: int) -> None:
    settings = Settings(
        kav_audiosocket_port=audiosocket, kav_http_port=0, kav_max_calls=MOST_CALLS, kav_data=folder
    )
    log.set_up("json", "INFO")
    traces = TraceFiles(folder / "traces")
    switchboard = Switchboard(instant(settings), traces, most=MOST_CALLS, trace_text=False)
    gc.collect()
    gc.freeze()
    async with listening(settings, Gate(switchboard)) as addresses:
        _tell(audiosocket=addresses.audiosocket[1], http=addresses.http[1])
        questions = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
        )
        while await questions.readline():
            _tell(
                calls=len(switchboard.live),
                tasks=len(asyncio.all_tasks()),
                files=len(os.listdir("/proc/self/fd")),
            )
    traces.close()


def _tell(**facts: int) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
