"""A bridge is killed in the middle of its calls, and they go on at the next one.

    python -m tests.bench.resumed --kills 20 --calls 4

Callers press keys; the bridge gets SIGKILL at any moment; a new one on the same data gets the same
calls. Each must go on with the question that stood open, or with the next one if its answer was
just being taken; end with one meeting; and be one call in the store."""

import argparse
import asyncio
import os
import random
import re
import socket
import sqlite3
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from bridge.lab import free_port
from bridge.rehearsal.audiosocket_phone import open_phone
from bridge.rehearsal.phone import CallOver, Phone
from engine.dialogue.acts import Lead
from engine.dialogue.texts import LEADS

QUESTIONS = (
    "For English",
    "For Florentin",
    "For an apartment",
    "Up to five thousand, press",
    "For mornings",
    "others, nine",
    "You're booked",
)
"""What she says when so many keys were answered; 2 chooses English, then 1 the first of each."""
MENUS = len(QUESTIONS) - 1
MOST_KEYS = MENUS + 3
"""Some windows are taken by another of them."""
ANSWERED, WINDOW = 1.0, 2.5
"""Seconds from a key until her answer has begun, and until a window was heard in it: only such a
one can be chosen."""
LATEST = 12.0
"""Seconds from the first call to the kill: about as long as a call takes."""
_START_SECONDS = 60.0


@dataclass(slots=True)
class Caller:
    call: UUID = field(default_factory=uuid4)
    greeted: bool = False
    answered: int = 0
    """So many keys were answered by something that was heard."""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    calls: int
    resumed: int
    """Calls that were cut off, and went on."""
    wrong: tuple[str, ...]
    """What she began with instead, and what was not stored as it should be."""
    silent: float
    """Seconds from the kill until the last of those who were cut off heard her again."""


async def kill_and_look(folder: Path, calls: int, after: float) -> Found:
    """One bridge, killed after so many seconds, and the next one."""
    loop = asyncio.get_running_loop()
    callers = [Caller() for _ in range(calls)]
    async with _bridge(folder) as (process, port), asyncio.TaskGroup() as phones:
        for caller in callers:
            phones.create_task(_call(caller, port))
        await asyncio.sleep(after)
        process.kill()
        killed = loop.time()
    cut_off = [caller for caller in callers if not caller.over]
    async with _bridge(folder) as (_, port), asyncio.TaskGroup() as phones:
        again = [phones.create_task(_call_again(caller, port)) for caller in cut_off]
    heard = [task.result() for task in again]
    wrong = [*_wrong_words(folder, cut_off), *_wrong_records(folder, callers)]
    return Found(calls, len(cut_off), tuple(wrong), max(heard, default=killed) - killed)


@asynccontextmanager
async def _bridge(folder: Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, int]]:
    port = free_port(socket.SOCK_STREAM)
    settings = {
        "KAV_AUDIOSOCKET_PORT": str(port),
        "KAV_HTTP_PORT": str(free_port(socket.SOCK_STREAM)),
        "KAV_DATA": str(folder),
        "KAV_RECOGNIZER": "none",
        "KAV_VOICE": "espeak",
        "KAV_VAD": "energy",
        "KAV_TRACE_TEXT": "true",
        "KAV_LOG": "json",
    }
    with (folder / "bridge.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "serve"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=os.environ | settings,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            while b"answers calls" not in (line := await process.stdout.readline()):
                assert line, (folder / "bridge.log").read_text()
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def _call(caller: Caller, port: int) -> None:
    async with open_phone(port=port, call=caller.call) as phone:
        with suppress(CallOver):
            await phone.agent_speaks(since=0.0)
            caller.greeted = True
            await _press_on(phone, caller)
        caller.over = phone.why == "the server hung up"


async def _press_on(phone: Phone, caller: Caller) -> None:
    for _ in range(MOST_KEYS):
        heard = WINDOW if caller.answered == MENUS - 2 else ANSWERED
        await _press(phone, "1" if caller.answered else "2", heard)
        caller.answered += 1
    await phone.closed.wait()


async def _press(phone: Phone, key: str, heard: float) -> None:
    """Until so much of the answer is heard: what she said before has stopped by then."""
    await phone.press(key)
    await phone.agent_speaks(since=phone.now + heard)


async def _call_again(caller: Caller, port: int) -> float:
    """When she was heard."""
    async with open_phone(port=port, call=caller.call) as phone:
        await phone.agent_speaks(since=0.0)
        heard = asyncio.get_running_loop().time()
        with suppress(CallOver):
            for _ in range(caller.answered, MOST_KEYS):
                await _press(phone, "1", WINDOW)
            await phone.closed.wait()
        return heard


def _wrong_words(folder: Path, callers: list[Caller]) -> list[str]:
    return [
        f"{caller.answered} keys answered, then: {first!r}"
        for caller in callers
        for first in [_first_words(folder, caller.call)]
        if not _goes_on(first, caller)
    ]


def _goes_on(first: str, caller: Caller) -> bool:
    """With why, and with what stood open."""
    # As short as it may be, it is the first sentence.
    why = [lead.partition(". ")[0] for lead in LEADS[Lead.DROPPED].values()]
    # The window may have been taken by another of them.
    open_now = QUESTIONS[min(caller.answered, MENUS - 1) : caller.answered + 2]
    resumed = any(lead in first for lead in why) or not caller.greeted
    return resumed and any(question in first for question in open_now)


def _first_words(folder: Path, call: UUID) -> str:
    """Of the call's last line."""
    trace = sorted((folder / "traces").glob(f"*{call}.txt"))[-1].read_text()
    return " ".join(re.findall(r'< say 1 "(.*)"', trace))


def _wrong_records(folder: Path, callers: list[Caller]) -> list[str]:
    with closing(sqlite3.connect(folder / "kav.sqlite")) as database:
        ended = database.execute("SELECT line_id, reason FROM calls ORDER BY line_id").fetchall()
        booked = database.execute("SELECT call FROM appointments ORDER BY call").fetchall()
        calls = database.execute("SELECT id FROM calls ORDER BY id").fetchall()
    wanted = sorted((str(caller.call), "goodbye") for caller in callers)
    wrong = [] if ended == wanted else [f"the calls are {ended}"]
    return wrong if booked == calls else [*wrong, f"{len(booked)} meetings of {len(calls)} calls"]


def measure(kills: int, calls: int, seed: int) -> list[Found]:
    moments = random.Random(seed)
    found = []
    for _ in range(kills):
        with tempfile.TemporaryDirectory(prefix="kav-resumed-") as name:
            found.append(
                asyncio.run(kill_and_look(Path(name), calls, moments.uniform(0.1, LATEST)))
            )
            print(f"{found[-1].resumed} resumed", *found[-1].wrong, sep="\n  ", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--calls", type=int, default=4, help="at once, 4 at most")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = measure(args.kills, args.calls, args.seed)
    wrong = sum(len(one.wrong) for one in found)
    print(
        f"{args.kills} kills, {sum(one.calls for one in found)} calls: "
        f"{sum(one.resumed for one in found)} cut off and resumed, {wrong} wrong; "
        f"at most {max(one.silent for one in found):.1f} s from the kill to her next word"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
