"""A bridge for a rehearsal alone: as its users have it, in a process and a folder of its own."""

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge.lab import free_port
from bridge.rehearsal.roads import Doors

START_SECONDS = 300.0
"""The first time, every phrase of the agent is rendered."""
WARM = b"Phrases: all"
"""What the bridge prints then."""


class DidNotStart(Exception):
    """The bridge ended, or was not ready in time; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """What is rehearsed: its doors, and where it writes."""

    doors: Doors
    data: Path
    log: Path | None
    in_clear: bool
    """Its traces tell what was said."""


@asynccontextmanager
async def running(
    folder: Path, cache: Path, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Bridge]:
    """On ports of its own, in an empty folder, with more `settings`; what was rendered before is
    taken from `cache`. Raises `DidNotStart`."""
    log = _prepare(folder, cache)
    audiosocket, http = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    process = await asyncio.create_subprocess_exec(
        # Not `env=`: the rest of the environment is the settings' business.
        "/usr/bin/env",
        f"KAV_AUDIOSOCKET_PORT={audiosocket}",
        f"KAV_HTTP_PORT={http}",
        f"KAV_DATA={folder}",
        "KAV_LOG=json",
        "KAV_TRACE_TEXT=true",
        "KAV_PUBLIC_URL=",
        "TWILIO_AUTH_TOKEN=",
        "TWILIO_ACCOUNT_SID=",
        "KAV_DRAIN_SEC=0",
        *(f"{name}={value}" for name, value in (settings or {}).items()),
        sys.executable,
        "-m",
        "bridge",
        "serve",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    keeping = asyncio.create_task(_keep(process.stderr, log))
    try:
        await _until_warm(process.stdout, log)
        doors = Doors(("127.0.0.1", audiosocket), f"http://127.0.0.1:{http}/twilio/voice")
        yield Bridge(doors, folder, log, in_clear=True)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await keeping


def _prepare(folder: Path, cache: Path) -> Path:
    """Empties the folder; returns the log's place in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cache.mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(cache.resolve(), target_is_directory=True)
    return folder / "log.jsonl"


async def _keep(errors: asyncio.StreamReader, log: Path) -> None:
    with log.open("wb", buffering=0) as file:
        async for line in errors:
            file.write(line)


async def _until_warm(told: asyncio.StreamReader, log: Path) -> None:
    """Until all phrases are rendered: latencies are those of a warm bridge."""
    try:
        async with asyncio.timeout(START_SECONDS):
            async for line in told:
                if line.startswith(WARM):
                    return
    except TimeoutError:
        raise DidNotStart(f"the bridge was not ready in {START_SECONDS:g} s; see {log}") from None
    raise DidNotStart(f"the bridge did not start; see {log}")
