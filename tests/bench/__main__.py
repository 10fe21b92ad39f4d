"""`make bench`: measures, prints a table, writes a report; fails when a bar is missed."""

import argparse
import gc
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.bench import bars, frame_cost, load
from tests.bench.bridge_process import ROOT, BridgeProcess, bridge_process
from tests.bench.figures import Figure, table

CALLS = 10
LOAD_SECONDS = 30.0
INTERRUPTED_CALLS = 5
INTERRUPTIONS_EACH = 20
MOST_CALLS = 60
CALLS_STEP = 10
STEP_SECONDS = 3.0

Tell = Callable[[str], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    report = ROOT / "var" / "bench.json"
    parser.add_argument("--json", type=Path, default=report, metavar="PATH", help="the report")
    args = parser.parse_args()
    _tell("What a frame costs ...")
    figures = list(frame_cost.measure())
    figures += uvloop.run(_under_load(_tell))
    print("\n" + table(figures))
    _write(args.json, figures)
    print(f"\nThe report is {args.json}.")
    return 1 if any(figure.failed for figure in figures) else 0


async def _under_load(tell: Tell) -> list[Figure]:
    # Nothing that exists by now is garbage: our own collections must not delay what we measure.
    gc.collect()
    gc.freeze()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kav-bench-")))
        async with bridge_process(folder) as bridge:
            figures = await _in_time(bridge, tell)
        async with bridge_process(folder) as bridge:
            tell(f"Memory of up to {MOST_CALLS} calls ...")
            remembered = await load.memory(bridge, MOST_CALLS, CALLS_STEP, STEP_SECONDS)
    for calls, megabytes in remembered.points:
        tell(f"  {calls} calls: {megabytes:.1f} MB")
    return figures + bars.memory(remembered)


async def _in_time(bridge: BridgeProcess, tell: Tell) -> list[Figure]:
    tell(f"{CALLS} calls at once over AudioSocket, {LOAD_SECONDS:g} s ...")
    audiosocket = await load.audiosocket_load(bridge, CALLS, LOAD_SECONDS)
    _warn(audiosocket.conditions, tell)
    tell(f"{CALLS} calls at once over Twilio's websocket, {LOAD_SECONDS:g} s ...")
    twilio = await load.twilio_load(bridge, CALLS, LOAD_SECONDS)
    _warn(twilio.conditions, tell)
    tell(f"{INTERRUPTED_CALLS * INTERRUPTIONS_EACH} interruptions on each line ...")
    interrupted = await load.interruptions(bridge, INTERRUPTED_CALLS, INTERRUPTIONS_EACH)
    _warn(interrupted.conditions, tell)
    return [
        *bars.audiosocket(audiosocket),
        *bars.twilio(twilio),
        *bars.interruptions(interrupted),
        *bars.listening("AudioSocket", audiosocket.listening),
        *bars.listening("Twilio", twilio.listening),
        *bars.turns(bridge.told("turn_latency")),
    ]


def _warn(conditions: load.Conditions, tell: Tell) -> None:
    if why := bars.unfit(conditions):
        tell(f"  Note: {why}.")


def _write(path: Path, figures: Sequence[Figure]) -> None:
    report = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
