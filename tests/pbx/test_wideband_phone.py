"""A phone that has G.722 and nothing else: up to the bridge and back, what is above the band of a
narrow telephone is heard, where the dialplan says so."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from baresip import Account

from bridge.audiosocket import Channel, answering, serve
from bridge.lab import Asterisk
from engine.core import audio
from engine.providers import local
from tests.e2e.conftest import CACHE, PROJECT
from tests.e2e.running_bridge import running_bridge
from tests.e2e.test_conversations import ENGLISH, a_caller, asked, said
from tests.pbx.desk_phone import converse

pytestmark = pytest.mark.pbx

RATE = 16000
PHONE = Account(
    "caller", "127.0.0.1", password="", reg_interval=0, audio_codecs=(f"g722/{RATE}/1",)
)
NARROW = 4000
"""Hertz: the end of a narrow telephone's band."""
IN_BAND, CALLERS, AGENTS = 1000, 5500, 6000
"""Hertz: a tone that every line has, and what the caller and the agent add to it, as loud."""
GREETING, ANSWER = 10, 16
"""Seconds: after the one the caller speaks, in the second half of the other the agent answers."""
LOUD = 100
"""Root mean square of speech with its pauses."""
WIDE, NOTHING = 0.4, 0.01


def tones(*hertz: int, seconds: float = 2.0) -> bytes:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = sum(4000 * np.sin(2 * np.pi * one * time) for one in hertz)
    return np.asarray(sound).astype("<i2").tobytes()


def share_above_the_narrow_band(pcm: bytes) -> float:
    """Of the sound's power."""
    sound = np.frombuffer(pcm, "<i2")
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(power[np.fft.rfftfreq(len(sound), 1 / RATE) > NARROW].sum() / power.sum())


async def heard_in_a_call(asterisk_folder: Path, extension: str, wideband: str) -> list[float]:
    """How much of that is above the narrow band: what the bridge hears, and what the phone does."""
    at_the_bridge = bytearray()

    async def answer(channel: Channel) -> None:
        channel.send(tones(IN_BAND, AGENTS))
        async for pcm in channel:
            at_the_bridge.extend(pcm)

    async with (
        serve(answering(answer), port=0, rate=RATE) as (_, port),
        Asterisk(asterisk_folder, bridge_port=port, settings={"WIDEBAND": wideband}) as asterisk,
    ):
        uri = f"sip:{extension}@127.0.0.1:{asterisk.sip_port}"
        at_the_phone = await converse(PHONE, uri, tones(IN_BAND, CALLERS))
    return [share_above_the_narrow_band(pcm) for pcm in (bytes(at_the_bridge), at_the_phone)]


@pytest.mark.parametrize(("extension", "wideband"), [("102", "no"), ("100", "yes")])
def test_a_g722_phone_hears_and_is_heard_in_wideband(
    asterisk_folder: Path, extension: str, wideband: str
) -> None:
    shares = asyncio.run(heard_in_a_call(asterisk_folder, extension, wideband))
    assert min(shares) > WIDE


def test_a_g722_phone_gets_a_narrow_line_where_nothing_else_is_said(asterisk_folder: Path) -> None:
    shares = asyncio.run(heard_in_a_call(asterisk_folder, "100", "no"))
    assert max(shares) < NOTHING


@pytest.mark.timeout(300)  # the first time, all that the agent can say is rendered
def test_a_g722_phone_talks_with_the_agent_whose_own_sound_is_narrow(asterisk_folder: Path) -> None:
    if missing := local.check():
        pytest.skip("; ".join(missing))
    CACHE.mkdir(parents=True, exist_ok=True)
    with running_bridge(PROJECT / "var" / "e2e", CACHE) as bridge:

        async def test() -> None:
            async with a_caller() as caller:
                line = await caller.voiced(ENGLISH[0])
            async with Asterisk(asterisk_folder, bridge_port=bridge.audiosocket_port) as asterisk:
                uri = f"sip:102@127.0.0.1:{asterisk.sip_port}"
                says = bytes(2 * RATE * GREETING) + wide(line)
                heard = await converse(PHONE, uri, says, seconds=GREETING + ANSWER)
            greeting, answer = heard[: 2 * RATE * GREETING], heard[-RATE * ANSWER :]
            assert min(map(audio.level, (greeting, answer))) > LOUD

        asyncio.run(test())
        assert "Jaffa" in asked(bridge.trace())[0]
        assert "budget" in said(bridge.trace())


def wide(pcm: bytes) -> bytes:
    frames = -(-len(pcm) // audio.FRAME_BYTES)
    sound = pcm.ljust(frames * audio.FRAME_BYTES, b"\0")
    return audio.Resampler(audio.RATE, RATE).convert(sound)
