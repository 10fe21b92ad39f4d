"""SIPp, the SIP caller of the benches: many calls at once, to extension 100 of an Asterisk here."""

import asyncio
import subprocess
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bridge_process import ROOT

SCENARIO = ROOT / "tests" / "pbx" / "sipp.xml"
_SIPP = ROOT / ".tools" / "sipp" / "sipp"


@dataclass(frozen=True, slots=True)
class Load:
    calls: int
    at_once: int
    rate: float
    """New calls a second."""
    seconds: float
    """That each lasts."""


def fetch() -> None:
    subprocess.run([ROOT / "tests" / "pbx" / "fetch_sipp"], check=True)


@asynccontextmanager
async def sipp(
    folder: Path, port: int, load: Load, scenario: Path, *more: object
) -> AsyncIterator[Process]:
    """SIPp at work in that folder while the block lasts, or until its calls are over."""
    options = {
        "-sf": scenario, "-s": 100, "-i": "127.0.0.1", "-m": load.calls, "-l": load.at_once,
        "-r": load.rate, "-d": round(1000 * load.seconds),
    }  # fmt: skip
    told = [str(part) for option in options.items() for part in option]
    process = await asyncio.create_subprocess_exec(
        *(str(_SIPP), f"127.0.0.1:{port}", *told, *map(str, more), "-nostdin"),
        cwd=folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
