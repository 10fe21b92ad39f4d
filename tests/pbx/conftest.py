"""What the tests of the dialplan share: one real Asterisk for a whole file of them."""

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.lab import AMI_USER, Asterisk
from bridge.rehearsal.ear import ALIKE, find, first_sound
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE
from tests.e2e.conftest import asterisk_folder
from tests.pbx.far_bridge import FarBridge, far_bridge

__all__ = ["asterisk_folder"]

PART = 0.3
PLACES = (0.5, 0.8, 1.1)
"""Seconds: pieces of a prompt by which it is known, one is enough where a jitter buffer slips. Not
its first word: others begin with it too."""
_LISTEN = 0.2
TOLD = {"RETRY": "yes"}
"""Settings of a dialplan that is told by AMI when a call is over."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long form runs only when it is asked for: `-m pbx`."""
    if "pbx" in config.option.markexpr:
        return
    long = [item for item in items if {"pbx"} == _marks(item)]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers() if mark.name in ("pbx", "e2e")}


@dataclass
class Lab:
    bridge: FarBridge
    asterisk: Asterisk
    stack: SipStack
    prompts: Path

    def call(self, extension: str) -> AbstractAsyncContextManager[Phone]:
        return self.stack.call(f"sip:{extension}@127.0.0.1:{self.asterisk.sip_port}", within=20)

    def people(self) -> SipStack:
        """The people's phone, registered while it is entered."""
        return self.stack.beside(
            user="6002",
            password=self.asterisk.secret,
            server=f"127.0.0.1:{self.asterisk.sip_port}",
        )

    async def hears(self, phone: Phone, prompt: str, within: float = 12.0) -> None:
        """Returns when this prompt has been heard at the phone. Raises `TimeoutError`."""
        parts = self._parts(prompt)
        async with asyncio.timeout(within):
            while all(find(part, phone.heard)[1] < ALIKE for part in parts):
                await phone.until(phone.now + _LISTEN)

    def _parts(self, prompt: str) -> list[bytes]:
        with wave.open(str(self.prompts / f"{prompt}.wav")) as file:
            pcm: bytes = file.readframes(file.getnframes())
        start = first_sound(pcm) or 0.0
        places = (round((start + place) * RATE) for place in PLACES)
        return [pcm[2 * place : 2 * (place + round(PART * RATE))] for place in places]

    @asynccontextmanager
    async def globals(self, **values: str) -> AsyncIterator[None]:
        """With other global variables of the dialplan."""
        before: dict[str, str] = {}
        async with asyncio.timeout(20):
            # On a busy machine its command line may be cut off before all is said.
            while not values.keys() <= before.keys():
                before = _globals(await self.asterisk.cli("dialplan show globals"))
        for name, value in values.items():
            await self.asterisk.cli(f"dialplan set global {name} {value}")
        try:
            yield
        finally:
            for name in values:
                await self.asterisk.cli(f"dialplan set global {name} {before[name]}")


def _globals(shown: str) -> dict[str, str]:
    lines = (line.strip().partition("=") for line in shown.splitlines())
    return {name: value for name, _, value in lines if name.startswith("KAV_")}


class Manager:
    """Asterisk's manager interface, logged in as the bridge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def ask(self, action: str, **headers: str) -> None:
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    async def told(self, *texts: str, within: float = 20.0) -> Mapping[str, str]:
        """The next message that has all these texts."""
        async with asyncio.timeout(within):
            while True:
                message = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                if all(text in message for text in texts):
                    lines = (line.partition(": ") for line in message.splitlines())
                    return {name: value for name, _, value in lines}


@asynccontextmanager
async def manager(asterisk: Asterisk) -> AsyncIterator[Manager]:
    reader, writer = await asyncio.open_connection("127.0.0.1", asterisk.ami_port)
    one = Manager(reader, writer)
    one.ask("Login", Username=AMI_USER, Secret=asterisk.ami_secret)
    try:
        yield one
    finally:
        writer.close()


Scene = Callable[[Lab], Awaitable[None]]
Play = Callable[[Scene], None]


async def open_lab(stack: AsyncExitStack, folder: Path, settings: Mapping[str, str]) -> Lab:
    bridge = await stack.enter_async_context(far_bridge())
    asterisk = await stack.enter_async_context(
        Asterisk(folder, bridge_port=bridge.port, settings=settings)
    )
    phones = await stack.enter_async_context(SipStack())
    return Lab(bridge, asterisk, phones, folder.parent / "prompts" / "he")


@contextmanager
def playing(folder: Path, settings: Mapping[str, str]) -> Iterator[Play]:
    """Plays scenes, one after the other, on one Asterisk beside a bridge that behaves."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        lab = runner.run(open_lab(stack, folder, settings))

        async def whole(scene: Scene) -> None:
            await lab.bridge.behave()
            await scene(lab)

        try:
            yield lambda scene: runner.run(whole(scene))
        finally:
            runner.run(stack.aclose())


@pytest.fixture(scope="module")
def play(asterisk_folder: Path) -> Iterator[Play]:
    with playing(asterisk_folder, TOLD) as play:
        yield play


async def until(event: asyncio.Event, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        await event.wait()
