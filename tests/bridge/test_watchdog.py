"""A process that hangs ends itself, and tells on what. Each hangs in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, logging, sys, time
from pathlib import Path
import uvloop
from bridge.watchdog import watched

logging.basicConfig(format="%(message)s %(facts)s", stream=sys.stdout)

def held_interpreter():
    import re
    re.match("(a*)*b", "a" * 64)

def waiting():
    time.sleep({seconds})

async def main():
    with watched({limit}, Path({record!r}), given_up=lambda: {given_up}):
        {hang}()
    print("over")

uvloop.run(main())
"""


def hung(
    record: Path, hang: str, *, limit: float = 0.2, seconds: float = 60.0, given_up: bool = False
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(
        hang=hang, limit=limit, seconds=seconds, record=str(record), given_up=given_up
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("hang", ["waiting", "held_interpreter"])
def test_a_process_that_hangs_ends_and_tells_where(hang: str, tmp_path: Path) -> None:
    record = tmp_path / "stuck.txt"
    assert hung(record, hang).returncode == 1
    assert f"in {hang}" in record.read_text()


def test_the_next_one_says_that_the_last_one_hung(tmp_path: Path) -> None:
    record = tmp_path / "stuck.txt"
    record.write_text("Thread 0x1 (most recent call first):")
    kept = tmp_path / "stuck.last.txt"
    told = hung(record, "waiting", limit=10, seconds=0)
    assert told.returncode == 0
    assert f"was_stuck {{'see': '{kept}'}}" in told.stdout
    assert (record.read_text(), kept.read_text()[:6]) == ("", "Thread")


def test_what_holds_the_calls_up_for_a_while_is_logged_and_survived(tmp_path: Path) -> None:
    told = hung(tmp_path / "stuck.txt", "waiting", limit=10, seconds=0.8)
    assert told.returncode == 0
    assert told.stdout.count("loop_stuck") == 1
    assert "waiting" in told.stdout


@pytest.mark.parametrize("how", [{"limit": 0.0}, {"limit": 0.1, "given_up": True}])
def test_who_is_not_watched_may_hang(how: dict[str, float], tmp_path: Path) -> None:
    told = hung(tmp_path / "stuck.txt", "waiting", seconds=0.2, **how)  # type: ignore[arg-type]
    assert told.stdout.endswith("over\n")
