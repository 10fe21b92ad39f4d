"""A call is recorded on a real Asterisk: both sides, from when we ask until the caller leaves
us, and nothing is left of it if that is not wanted."""

import asyncio
import socket
import sqlite3
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from bridge.audiosocket import Channel, answering, serve
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.pbx import PbxFailed
from bridge.lab import Asterisk, free_port
from bridge.rehearsal.own_bridge import running
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE
from tests.e2e.test_ami import account
from tests.e2e.test_asterisk_lab import alike

pytestmark = [pytest.mark.pbx, pytest.mark.timeout(300)]

LIMIT = 240
TOLD_BY_AMI = {"RETRY": "yes"}
WORD = 0.3
"""Seconds: of speech, shorter pieces are like others of it."""


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

    async def recorded(self, call: UUID) -> bytes:
        return await recording(self._folder / f"{call}.wav")

    @property
    def _folder(self) -> Path:
        return self.asterisk.run / "spool" / "monitor"


def play(folder: Path, act: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        agent, stack, port = Agent(), SipStack(), free_port(socket.SOCK_STREAM)
        async with (
            Asterisk(folder, bridge_port=port, settings=TOLD_BY_AMI) as asterisk,
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


async def recording(file: Path) -> bytes:
    """When Asterisk has finished it, some time after the call."""
    async with asyncio.timeout(20):
        while _frames(file) == 0:  # noqa: ASYNC110  # it does not tell us
            await asyncio.sleep(0.05)
    with wave.open(str(file)) as opened:
        assert (opened.getframerate(), opened.getnchannels()) == (RATE, 1)
        pcm: bytes = opened.readframes(opened.getnframes())
    return pcm


def _frames(file: Path) -> int:
    """As its head tells, which is written last."""
    with wave.open(str(file)) as opened:
        whole = file.stat().st_size == 44 + 2 * opened.getnframes()
        return opened.getnframes() if whole else 0


def share(told: bytes, recording: bytes, window: float = 0.1) -> float:
    """Of what was told, how much is in the recording."""
    found = alike(told, recording, window)
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
        recorded = await scene.recorded(call)
        assert scene.files == [f"{call}.wav"]
        assert share(TOLD, recorded) < 0.2
        assert share(AGENT, recorded) > 0.8
        assert share(CALLER, recorded) > 0.8

    play(asterisk_folder, act)


def test_nothing_is_left_of_a_recording_that_is_not_wanted(asterisk_folder: Path) -> None:
    async def act(scene: Scene) -> None:
        async with scene.call() as (_, channel, call):
            await scene.pbx.record(call)
            await said(channel, AGENT)
            assert scene.files == [f"{call}.wav"]
            await scene.pbx.unrecord(call)
            assert scene.files == []
            await said(channel, AFTER)
            await scene.pbx.unrecord(call)  # twice is as good
            assert not channel.why
        assert scene.files == []

    play(asterisk_folder, act)


def test_a_caller_who_has_the_key_changes_nothing(asterisk_folder: Path) -> None:
    async def act(scene: Scene) -> None:
        async with scene.call() as (phone, channel, call):
            await phone.press("A5")
            assert await channel.keys.get() == "5", "his A was taken by Asterisk"
            assert scene.files == []
            await scene.pbx.record(call)
            await said(channel, AGENT)
            await phone.press("A5")
            assert await channel.keys.get() == "5"
            await said(channel, AFTER)
        recorded = await scene.recorded(call)
        assert min(share(AGENT, recorded), share(AFTER, recorded)) > 0.8

    play(asterisk_folder, act)


def test_who_is_given_to_a_person_is_not_recorded_there_but_is_again_when_he_is_back(
    asterisk_folder: Path,
) -> None:
    async def act(scene: Scene) -> None:
        async with scene.call() as (phone, channel, call):
            await scene.pbx.record(call)
            await said(channel, AGENT)
            channel.transfer("office")
            again = await scene.agent.calls.get()  # nobody is there
            await said(again, TOLD)
            await scene.pbx.record(call)
            await spoken(phone, CALLER)
        recorded = await scene.recorded(call)
        assert share(TOLD, recorded) < 0.2
        assert min(share(AGENT, recorded), share(CALLER, recorded)) > 0.8

    play(asterisk_folder, act)


def test_who_has_the_managers_secret_gets_no_command_by_a_name(asterisk_folder: Path) -> None:
    async def act(scene: Scene) -> None:
        run, pbx = scene.asterisk.run, scene.pbx
        async with scene.call() as (_, channel, call):
            for ask, name in (
                (pbx.unrecord, f'"; touch "{run}/evil'),
                (pbx.record, f"../../evil.wav,a,touch {run}/evil"),
            ):
                caller = {"Channel": pbx._leg(call).channel}
                await pbx._ask("Setvar", **caller, Variable="KAV_UUID", Value=name)
                with pytest.raises(PbxFailed, match="nothing within"):
                    await ask(call)  # it was done, but for another name
            await said(channel, AGENT)
        assert list(run.rglob("evil*")) == []
        assert len(scene.files) == 1

    play(asterisk_folder, act)


@pytest.mark.parametrize("variable", ["KAV_HOST", "KAV_PORT"])
def test_nor_by_where_the_bridge_is(asterisk_folder: Path, variable: str) -> None:
    async def act(scene: Scene) -> None:
        run, pbx = scene.asterisk.run, scene.pbx
        async with scene.call() as (phone, _, call):
            caller = {"Channel": pbx._leg(call).channel}
            evil = f"1'; touch {run}/evil; '"
            await pbx._ask("Setvar", **caller, Variable=variable, Value=evil)
            # Back with the agent, who is looked for first.
            back = {"Context": "kav-unanswered", "Exten": "s", "Priority": "1"}
            await pbx._ask("Redirect", **caller, **back)
            await phone.closed.wait()  # no agent, and nobody's phone
        assert list(run.rglob("evil*")) == []

    play(asterisk_folder, act)


def test_the_application_cannot_record_and_says_so(asterisk_folder: Path) -> None:
    async def act(scene: Scene) -> None:
        async with scene.call("101") as (phone, channel, call):
            with pytest.raises(PbxFailed, match="does not record"):
                await scene.pbx.record(call)
            await phone.press("5")
            assert await channel.keys.get() == "5"

    play(asterisk_folder, act)


def test_a_call_to_leah_is_recorded_from_when_its_caller_has_heard_so(
    asterisk_folder: Path, tmp_path: Path
) -> None:
    """The whole product, with keys for words."""

    async def whole() -> None:
        port = free_port(socket.SOCK_STREAM)
        async with Asterisk(asterisk_folder, bridge_port=port, settings=TOLD_BY_AMI) as asterisk:
            settings = {
                "KAV_AUDIOSOCKET_PORT": str(port),
                "KAV_AMI_HOST": "127.0.0.1",
                "KAV_AMI_PORT": str(asterisk.ami_port),
                "KAV_AMI_SECRET": asterisk.ami_secret,
                "KAV_RECOGNIZER": "none",
                "KAV_VOICE": "espeak",
                "KAV_RECORD": "on",
            }
            async with (
                running(tmp_path / "bridge", tmp_path / "cache", settings),
                SipStack() as sip,
            ):
                uri = f"sip:100@127.0.0.1:{asterisk.sip_port}"
                async with sip.call(uri, within=20) as phone:
                    await phone.quiet(after=1.5, limit=60)
                    greeting = phone.heard
                    asked_at = phone.now
                    await phone.press("1")
                    await phone.agent_speaks(since=asked_at)
                    await phone.quiet(after=1.5, limit=60)
                    question = phone.heard_between(asked_at, phone.now)
                    await spoken(phone, CALLER)
                [file] = (asterisk.run / "spool" / "monitor").glob("*.wav")
                recorded = await recording(file)
        assert share(greeting, recorded, WORD) < 0.3
        assert share(question, recorded, WORD) > 0.7
        assert share(CALLER, recorded) > 0.7
        with closing(sqlite3.connect(tmp_path / "bridge" / "kav.sqlite")) as database:
            agreed = database.execute("SELECT what FROM consents ORDER BY what").fetchall()
        assert agreed == [("automated",), ("recorded",)]

    asyncio.run(asyncio.wait_for(whole(), LIMIT))
