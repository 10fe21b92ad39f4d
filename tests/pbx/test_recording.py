"""A call is recorded on a real Asterisk: both sides, from when we ask until the caller leaves
us, and nothing is left of it if that is not wanted."""

import asyncio
import socket
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from bridge.audiosocket import Channel, answering, serve
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.lab import Asterisk, free_port
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE
from tests.e2e.test_ami import account
from tests.e2e.test_asterisk_lab import alike

pytestmark = [pytest.mark.pbx]

LIMIT = 100


def noise(seed: int, seconds: float = 1.5) -> bytes:
    """Unlike that of any other seed, at any moment."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3000, round(seconds * RATE)).astype("<i2").tobytes()


TOLD, AGENT, CALLER, AFTER = (noise(seed) for seed in range(4))


class Agent:
    """Says what it is told, and hears."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Channel] = asyncio.Queue()

    async def take(self, channel: Channel) -> None:
        await self.calls.put(channel)
        async for _ in channel:
            pass


@dataclass
class Scene:
    asterisk: Asterisk
    pbx: AsteriskPbx
    agent: Agent
    stack: SipStack

    @asynccontextmanager
    async def call(self, extension: str = "100") -> AsyncIterator[tuple[Phone, Channel, UUID]]:
        uri = f"sip:{extension}@127.0.0.1:{self.asterisk.sip_port}"
        async with self.stack.call(uri, within=20) as phone:
            channel = await self.agent.calls.get()
            yield phone, channel, UUID(channel.facts.id)

    @property
    def files(self) -> list[str]:
        return [file.name for file in self._folder.glob("*")]

    def recorded(self, call: UUID) -> bytes:
        with wave.open(str(self._folder / f"{call}.wav")) as file:
            assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
            pcm: bytes = file.readframes(file.getnframes())
        return pcm

    @property
    def _folder(self) -> Path:
        return self.asterisk.run / "spool" / "monitor"


def play(folder: Path, act: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        agent, stack, port = Agent(), SipStack(), free_port(socket.SOCK_STREAM)
        async with (
            Asterisk(folder, bridge_port=port, settings={"RETRY": "yes"}) as asterisk,
            open_pbx(account(asterisk), transfers=["office"]) as pbx,
            serve(answering(agent.take), port=port, pbx=pbx),
            stack,
        ):
            await act(Scene(asterisk, pbx, agent, stack))

    asyncio.run(asyncio.wait_for(whole(), LIMIT))


async def said(channel: Channel, pcm: bytes) -> None:
    channel.send(pcm)
    await channel.heard()


async def spoken(phone: Phone, pcm: bytes) -> None:
    phone.say(pcm)
    await phone.said()
    await phone.until(phone.now + 0.5)


def share(told: bytes, recording: bytes) -> float:
    """Of what was told, how much is in the recording."""
    found = alike(told, recording)
    return sum(likeness > 0.7 for likeness in found) / len(found)


def test_both_sides_are_in_the_recording_from_when_it_was_asked_for(asterisk_folder: Path) -> None:
    async def act(scene: Scene) -> None:
        assert scene.files == []
        async with scene.call() as (phone, channel, call):
            await said(channel, TOLD)
            assert scene.files == []
            await scene.pbx.record(call)
            await said(channel, AGENT)
            await spoken(phone, CALLER)
        recording = scene.recorded(call)
        assert scene.files == [f"{call}.wav"]
        assert share(TOLD, recording) < 0.2
        assert share(AGENT, recording) > 0.8
        assert share(CALLER, recording) > 0.8

    play(asterisk_folder, act)
