"""Two wideband calls of our server, put through to each other by a real Asterisk: what one says the
other, the echo example, says back, above the band of a narrow telephone."""

import asyncio
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import uvloop

from bridge.audiosocket import Channel, answering, serve
from bridge.lab import Asterisk
from examples.echo import echo

pytestmark = pytest.mark.e2e

RATE = 16000
HERTZ = 5000
LOUD = 8000
TONE = LOUD * np.sin(2 * np.pi * HERTZ * np.arange(2 * RATE) / RATE)


def share_of_the_tone(pcm: bytes) -> float:
    """Of the sound's power."""
    sound = np.frombuffer(pcm, "<i2")
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(sound), 1 / RATE) - HERTZ) < 20
    return float(np.sum(power[near]) / np.sum(power))


def test_a_wideband_tone_survives_both_ways_through_asterisk(asterisk_folder: Path) -> None:
    caller = str(uuid4())
    heard = bytearray()
    over = asyncio.Event()

    async def answer(channel: Channel) -> None:
        if channel.facts.id != caller:
            await echo(channel)
            return
        channel.send(TONE.astype("<i2").tobytes())
        async for pcm in channel:
            if np.abs(np.frombuffer(pcm, "<i2")).max() > LOUD / 2:
                heard.extend(pcm)
            if len(heard) >= 2 * RATE:
                break
        over.set()

    async def main() -> None:
        async with serve(answering(answer), port=0, rate=RATE) as (host, port):
            bridge = f"AudioSocket/{host}:{port}"
            async with Asterisk(asterisk_folder, bridge_port=port) as asterisk:
                await asterisk.cli("module load res_clioriginate.so")
                dial = f"Dial({bridge}/${{UUID()}}/c(slin16))"
                await asterisk.cli(f"dialplan add extension wide,1,{dial} into agent")
                await asterisk.cli(
                    f"channel originate {bridge}/{caller}/c(slin16) extension wide@agent"
                )
                async with asyncio.timeout(30):
                    await over.wait()

    uvloop.run(main())
    # A frame has whole periods of the tone: one that is lost leaves no click.
    assert share_of_the_tone(bytes(heard)) > 0.9
