"""Ten calls at once, and callers who interrupt, on a bridge in a process of its own.

What is measured here is how much happened, never when: a busy machine must not fail a test.
`make bench` runs the same calls for longer and judges their timing.
"""

import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from tests.bench import load
from tests.bench.bridge_process import BridgeProcess, bridge_process

pytestmark = pytest.mark.e2e

CALLS = 10
SECONDS = 8.0
Measured = TypeVar("Measured", load.AudioSocketLoad, load.TwilioLoad, load.Interruptions)


def measure(folder: Path, what: Callable[[BridgeProcess], Awaitable[Measured]]) -> Measured:
    async def main() -> Measured:
        async with bridge_process(folder) as bridge:
            return await what(bridge)

    return uvloop.run(main())


def test_ten_audiosocket_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.audiosocket_load(bridge, CALLS, SECONDS))
    assert measured.fewest_turns > 0, "the agent was heard, and answered, in every call"
    assert len(measured.listening) >= CALLS, "and it listened again after its replies"


def test_ten_twilio_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.twilio_load(bridge, CALLS, SECONDS))
    assert measured.fewest_turns > 0, "the agent was heard, and answered, in every call"
    assert len(measured.listening) >= CALLS, "and it listened again after its replies"


def test_every_interruption_on_both_lines_silences_the_agent(tmp_path: Path) -> None:
    measured = measure(tmp_path, lambda bridge: load.interruptions(bridge, calls=4, each=4))
    assert (len(measured.audiosocket), len(measured.twilio)) == (16, 16)
    assert max(measured.twilio) < math.inf, "each one had its `clear`"
