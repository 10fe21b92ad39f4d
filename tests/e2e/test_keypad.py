"""A bridge without models: espeak-ng speaks, and the caller answers with the keys."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from bridge.rehearsal import audiosocket_phone
from tests.e2e.running_bridge import running_bridge

pytestmark = pytest.mark.e2e


def test_without_models_a_caller_books_by_the_keys(tmp_path: Path) -> None:
    settings = {"KAV_RECOGNIZER": "none", "KAV_VOICE": "espeak"}
    with running_bridge(tmp_path / "data", tmp_path, warm="Ctrl-C", **settings) as bridge:

        async def call() -> None:
            async with audiosocket_phone.open_phone(port=bridge.audiosocket_port) as phone:
                for key in "21111":  # English, the first area, type, budget and time
                    await phone.agent_speaks(limit=20)
                    await phone.press(key)
                # Only a window that was heard can be chosen.
                await phone.quiet(after=0.9, limit=30)
                await phone.press("1")
                async with asyncio.timeout(30):
                    await phone.closed.wait()

        uvloop.run(call())
        assert len(bridge.bookings()) == 1
