"""Ten calls at once, and callers who interrupt, on a bridge in a process of its own.

The short form of `make bench`, held to the same bars. A machine that cannot keep the callers' own
timers says nothing about the bridge: then the test is skipped, with the figure.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from tests.bench import bars, load
from tests.bench.bridge_process import BridgeProcess, bridge_process
from tests.bench.figures import Figure, table

pytestmark = pytest.mark.e2e

CALLS = 10
SECONDS = 8.0
Measured = TypeVar("Measured", load.AudioSocketLoad, load.TwilioLoad, load.Interruptions)


def measure(folder: Path, what: Callable[[BridgeProcess], Awaitable[Measured]]) -> Measured:
    async def main() -> Measured:
        async with bridge_process(folder) as bridge:
            return await what(bridge)

    measured = uvloop.run(main())
    if why := bars.unfit(measured.conditions):
        pytest.skip(why)
    return measured


def assert_bars_are_kept(figures: list[Figure]) -> None:
    assert not any(figure.failed for figure in figures), "\n" + table(figures)


def test_ten_audiosocket_calls_get_every_frame_in_time(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.audiosocket_load(bridge, CALLS, SECONDS))
    assert measured.fewest_turns > 0, "the agent was heard, and answered, in every call"
    assert_bars_are_kept(bars.audiosocket(measured))


def test_ten_twilio_calls_are_never_silent_within_a_reply(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.twilio_load(bridge, CALLS, SECONDS))
    assert measured.fewest_turns > 0, "the agent was heard, and answered, in every call"
    assert_bars_are_kept(bars.twilio(measured))


def test_an_interrupted_agent_falls_silent_in_time_on_both_lines(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.interruptions(bridge, calls=4, each=4))
    assert (len(measured.audiosocket), len(measured.twilio)) == (16, 16)
    assert_bars_are_kept(bars.interruptions(measured))
