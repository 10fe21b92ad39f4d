"""AMI with a real Asterisk and real phones: who calls, transfer, hang-up, keys, the way to the
phone, a call to somebody."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from bridge.audiosocket import Channel, UnknownCall, answering, serve
from bridge.audiosocket.ami import Account, Ami
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.dialing import Dialing, Placement
from bridge.lab import AMI_USER, Asterisk, free_port
from bridge.outbound import Outcome
from bridge.rehearsal.sip_stack import SipStack

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
    pbx: AsteriskPbx
    port: int


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[Lab]:
    bridge, port = Bridge(), free_port(socket.SOCK_STREAM)
    async with (
        Asterisk(folder, bridge_port=port) as asterisk,
        open_pbx(account(asterisk), transfers=["office"]) as pbx,
        serve(answering(bridge.take), port=port, pbx=pbx),
    ):
        await asterisk.cli("module load app_senddtmf.so")
        yield Lab(asterisk, bridge, pbx, port)


def account(asterisk: Asterisk) -> Account:
    return Account(AMI_USER, asterisk.ami_secret, port=asterisk.ami_port)


async def extend(asterisk: Asterisk, context: str, exten: str, *applications: str) -> None:
    """Asterisk's own dialplan has them in addition."""
    for number, application in enumerate(applications, 1):
        await asterisk.cli(
            f'dialplan add extension {exten},{number},"{application}" into {context}'
        )


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happens():  # noqa: ASYNC110  # Asterisk does not tell us
            await asyncio.sleep(0.05)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), LIMIT))


def test_a_call_and_all_that_is_asked_of_the_pbx(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with lab(asterisk_folder) as here, SipStack() as stack:
            pbx, asterisk = here.pbx, here.asterisk
            await extend(asterisk, "kav-transfer", "office", "Echo()")
            async with stack.call(f"sip:100@127.0.0.1:{asterisk.sip_port}"):
                channel = await here.bridge.calls.get()
                call = UUID(channel.facts.id)
                await pbx.press(call, "5#")
                before = await pbx.sent(call)
                await until(lambda: pbx.way(call) is not None)
                assert await pbx.sent(call) > before
                assert 0.06 <= (pbx.way(call) or 0) <= 0.3
                channel.transfer("office")
                assert await here.bridge.gone.get() == channel.facts.id
                assert "Echo" in await asterisk.cli("core show channels concise")
                await pbx.hang_up(call, "over")
            await until_unknown(pbx, call)

    play(scene)


@pytest.mark.parametrize("extension", ["100", "101"])
def test_who_calls_is_known_in_either_form_of_the_dialplan_and_also_later(
    asterisk_folder: Path, extension: str
) -> None:
    async def scene() -> None:
        async with (
            lab(asterisk_folder) as here,
            SipStack() as stack,
            stack.call(f"sip:{extension}@127.0.0.1:{here.asterisk.sip_port}"),
        ):
            facts = (await here.bridge.calls.get()).facts
            assert (facts.caller, facts.called) == ("caller", extension)
            async with open_pbx(account(here.asterisk)) as late:
                assert await late.facts(UUID(facts.id)) == facts

    play(scene)


def test_a_goodbye_of_ours_ends_the_callers_own_call(
    asterisk_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with (
            lab(asterisk_folder) as here,
            SipStack() as stack,
            stack.call(f"sip:100@127.0.0.1:{here.asterisk.sip_port}"),
        ):
            channel = await here.bridge.calls.get()
            channel.hang_up()
            await here.bridge.gone.get()
            await until_unknown(here.pbx, UUID(channel.facts.id))

    caplog.set_level("INFO")
    play(scene)
    assert "pbx_hung_up" in caplog.messages


async def until_unknown(pbx: AsteriskPbx, call: UUID) -> None:
    async with asyncio.timeout(10):
        with suppress(UnknownCall):
            while True:
                await pbx.facts(call)


def test_a_call_to_somebody_who_answers_and_to_others(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with lab(asterisk_folder) as here, Ami(account(here.asterisk)) as ami:
            asterisk = here.asterisk
            await extend(
                asterisk,
                "kav-out",
                "s",
                "UserEvent(KavOut,UUID: ${KAV_UUID},Status: HUMAN)",
                "UserEvent(BridgeCall,UUID: ${KAV_UUID})",
                f"Dial(AudioSocket/127.0.0.1:{here.port}/${{KAV_UUID}}/c(slin),,g)",
            )
            await ami.up()
            assert await Dialing(ami, to("PJSIP/6001")).outcome() == "failed"  # not registered
            phone = SipStack(
                user="6002", password=asterisk.secret, server=f"127.0.0.1:{asterisk.sip_port}"
            )
            async with phone as stack:
                placement = to("PJSIP/6002")
                answered = asyncio.create_task(Dialing(ami, placement).outcome())
                async with stack.answer():
                    assert await answered == "person"
                    channel = await here.bridge.calls.get()
                    assert channel.facts.id == str(placement.call)
                assert await Dialing(ami, to("PJSIP/6002", ring=1)).outcome() == "no answer"
                await is_hung_up(asterisk, ami)

    play(scene)


def to(channel: str, ring: float = 20) -> Placement:
    return Placement(channel, "100", ring, 60)


async def is_hung_up(asterisk: Asterisk, ami: Ami) -> None:
    """One that rings, and that is not wanted any more."""
    unwanted = Dialing(ami, to("PJSIP/6002"))
    outcome: asyncio.Task[Outcome] = asyncio.create_task(unwanted.outcome())
    rings: asyncio.Event = asyncio.Event()
    ami.on("Newstate", lambda told: rings.set() if told["channelstate"] == "5" else None)
    await rings.wait()
    await unwanted.hang_up()
    assert await outcome == "failed"
    assert "PJSIP/6002" not in await asterisk.cli("core show channels concise")
