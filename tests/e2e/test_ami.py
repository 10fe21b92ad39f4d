"""AMI with a real Asterisk and real phones: who calls, transfer, hang-up, keys, the way to the
phone, a call to somebody."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from bridge.audiosocket import Channel, UnknownCall, answering, serve
from bridge.audiosocket.ami import Account, Ami
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.dialing import Dialing, Placement
from bridge.lab import AMI_USER, Asterisk, free_port
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE

pytestmark = pytest.mark.e2e

LIMIT = 60


class Bridge:
    """Our own AudioSocket server beside the PBX; it says nothing."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[Channel] = asyncio.Queue()
        self.gone: asyncio.Queue[str] = asyncio.Queue()

    async def take(self, channel: Channel) -> None:
        await self.calls.put(channel)
        async for _ in channel:
            pass
        await self.gone.put(channel.facts.id)


@dataclass
class Lab:
    asterisk: Asterisk
    bridge: Bridge
    """Another one for each scene: what is left of the calls before is not told to it."""
    pbx: AsteriskPbx
    stack: SipStack

    def call(self, extension: str) -> AbstractAsyncContextManager[Phone]:
        return self.stack.call(f"sip:{extension}@127.0.0.1:{self.asterisk.sip_port}")

    def phone_6002(self) -> SipStack:
        """The people's phone, registered while it is entered."""
        server = f"127.0.0.1:{self.asterisk.sip_port}"
        return self.stack.beside(user="6002", password=self.asterisk.secret, server=server)


Scene = Callable[[Lab], Awaitable[None]]
Play = Callable[[Scene], None]


@asynccontextmanager
async def open_lab(folder: Path) -> AsyncIterator[Lab]:
    port = free_port(socket.SOCK_STREAM)
    async with (
        Asterisk(folder, bridge_port=port, settings={"RETRY": "yes"}) as asterisk,
        open_pbx(account(asterisk), transfers=["office"]) as pbx,
        SipStack() as stack,
    ):
        lab = Lab(asterisk, Bridge(), pbx, stack)
        async with serve(answering(lambda channel: lab.bridge.take(channel)), port=port, pbx=pbx):
            yield lab


@pytest.fixture(scope="module")
def play(asterisk_folder: Path) -> Iterator[Play]:
    """Plays scenes, one after the other, on one Asterisk."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        lab = runner.run(stack.enter_async_context(open_lab(asterisk_folder)))

        async def whole(scene: Scene) -> None:
            lab.bridge = Bridge()
            async with asyncio.timeout(LIMIT):
                await scene(lab)

        try:
            yield lambda scene: runner.run(whole(scene))
        finally:
            runner.run(stack.aclose())


def account(asterisk: Asterisk) -> Account:
    return Account(AMI_USER, asterisk.ami_secret, port=asterisk.ami_port)


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happens():  # noqa: ASYNC110  # Asterisk does not tell us
            await asyncio.sleep(0.05)


def test_a_call_and_all_that_is_asked_of_the_pbx(play: Play) -> None:
    async def scene(here: Lab) -> None:
        pbx = here.pbx
        async with here.call("100"):
            channel = await here.bridge.calls.get()
            call = UUID(channel.facts.id)
            await pbx.press(call, "5#")
            before = await pbx.sent(call)
            await until(lambda: pbx.way(call) is not None)
            assert await pbx.sent(call) > before
            assert 0.04 <= (pbx.way(call) or 0) <= 0.3
            channel.transfer("office")
            assert await here.bridge.gone.get() == channel.facts.id
            # 6002 is not there: the caller is back.
            back = (await here.bridge.calls.get()).facts
            assert (back.id, back.caller, back.back) == (str(call), "caller", "unanswered")
        await until_unknown(pbx, call)

    play(scene)


@pytest.mark.parametrize("extension", ["100", "101"])
def test_who_calls_is_known_in_either_form_of_the_dialplan_and_also_later(
    play: Play, extension: str
) -> None:
    async def scene(here: Lab) -> None:
        async with here.call(extension):
            facts = (await here.bridge.calls.get()).facts
            assert (facts.caller, facts.called) == ("caller", extension)
            async with open_pbx(account(here.asterisk)) as late:
                assert await late.facts(UUID(facts.id)) == facts

    play(scene)


def test_a_goodbye_of_ours_ends_the_callers_own_call(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(here: Lab) -> None:
        async with here.call("100"):
            channel = await here.bridge.calls.get()
            channel.hang_up()
            await here.bridge.gone.get()
            await until_unknown(here.pbx, UUID(channel.facts.id))
            assert here.bridge.calls.empty()  # an end that was meant is no loss

    caplog.set_level("INFO")
    play(scene)
    assert "pbx_hung_up" in caplog.messages


async def until_unknown(pbx: AsteriskPbx, call: UUID) -> None:
    async with asyncio.timeout(10):
        with suppress(UnknownCall):
            while True:
                await pbx.facts(call)


CALLEE = "+97235550100"


def to(channel: str, ring: float = 20) -> Placement:
    return Placement(channel, CALLEE, "+97231234567", ring, 60)


def hello() -> bytes:
    """Half a second that is loud: what a person says first."""
    count = RATE // 2
    return np.random.default_rng(1).normal(0, 3000, count).astype("<i2").tobytes()


def test_whoever_is_called_and_says_hello_talks_with_the_agent(play: Play) -> None:
    async def scene(here: Lab) -> None:
        async with Ami(account(here.asterisk)) as ami, here.phone_6002() as people:
            await ami.up()
            placement = to("PJSIP/6002")
            dialing = asyncio.create_task(Dialing(ami, placement).outcome())
            async with people.answer() as phone:
                phone.say(hello())
                assert await dialing == "person"
                facts = (await here.bridge.calls.get()).facts
                assert (facts.id, facts.caller) == (str(placement.call), CALLEE)

    play(scene)


def test_calls_that_nobody_takes(play: Play) -> None:
    async def scene(here: Lab) -> None:
        async with Ami(account(here.asterisk)) as ami, here.phone_6002() as people:
            await ami.up()
            assert await Dialing(ami, to("PJSIP/6001")).outcome() == "failed"  # not registered
            dialing = asyncio.create_task(Dialing(ami, to("PJSIP/6002")).outcome())
            async with people.answer():
                assert await dialing == "machine"  # it says nothing
            assert await Dialing(ami, to("PJSIP/6002", ring=1)).outcome() == "no answer"
            await is_not_wanted_any_more(here.asterisk, ami)
            assert here.bridge.calls.empty()

    play(scene)


async def is_not_wanted_any_more(asterisk: Asterisk, ami: Ami) -> None:
    unwanted = Dialing(ami, to("PJSIP/6002"))
    rings = asyncio.Event()
    ami.on("Newstate", lambda told: rings.set() if told["channelstate"] == "5" else None)
    outcome = asyncio.create_task(unwanted.outcome())
    await rings.wait()
    await unwanted.hang_up()
    assert await outcome == "failed"
    assert "PJSIP/6002" not in await asterisk.cli("core show channels concise")
