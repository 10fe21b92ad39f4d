"""A phone that has G.722 and nothing else: up to the bridge and back, what is above the band of a
narrow telephone is heard, where the dialplan says so."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from baresip import Account

from bridge.audiosocket import Channel, answering, serve
from bridge.lab import Asterisk
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
