"""The whole bridge, called over Twilio: what it asks of Twilio about the recording of a call."""

import asyncio
from pathlib import Path

import pytest

from bridge.doubles.twilio_rest import ACCOUNT, KEY, SECRET, serve_twilio_rest
from bridge.rehearsal.own_bridge import running
from bridge.rehearsal.twilio_phone import Caller, open_phone

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]


def test_a_call_over_twilio_is_recorded_from_when_its_caller_has_heard_so_until_its_end(
    tmp_path: Path,
) -> None:
    async def whole() -> None:
        async with serve_twilio_rest() as twilio:
            settings = {
                "KAV_RECORD": "on",
                "KAV_RECOGNIZER": "none",
                "KAV_VOICE": "espeak",
                "TWILIO_ACCOUNT_SID": ACCOUNT,
                "TWILIO_API_KEY": KEY,
                "TWILIO_API_SECRET": SECRET,
                "KAV_TWILIO_ENDPOINT": twilio.base,
            }
            call = twilio.call()
            async with running(tmp_path / "bridge", tmp_path / "cache", settings) as bridge:
                caller = Caller(account_sid=ACCOUNT, call_sid=call)
                async with open_phone(bridge.doors.twilio_url, caller=caller) as phone:
                    await phone.quiet(after=1.5, limit=60)
                    assert twilio.asked == [], "nobody has answered what was announced"
                    await phone.press("1")
                    await phone.agent_speaks(since=phone.now)
                    await twilio.seen.until(lambda _: len(twilio.recordings) == 1)
                    assert [one["status"] for one in twilio.recordings.values()] == ["in-progress"]
                await twilio.seen.until(lambda seen: seen.requests == 2 and not seen.open)
            assert [one["status"] for one in twilio.recordings.values()] == ["stopped"]
            assert [asked.path.split("/")[2] for asked in twilio.asked] == [call, call]

    asyncio.run(whole())
