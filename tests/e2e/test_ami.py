"""AMI with a real Asterisk and real phones: who calls, transfer, hang-up, keys, the way to the
phone, a call to somebody."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest

from bridge.audiosocket.ami import Account, Ami
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.dialing import Dialing, Placement
from bridge.audiosocket.pbx import UnknownCall
from bridge.lab import AMI_USER, Asterisk
from bridge.outbound import Outcome
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import SILENCE

pytestmark = pytest.mark.e2e

FRAME = struct.pack(">BH", 0x10, len(SILENCE)) + SILENCE
LIMIT = 60


class SilentBridge:
    """An AudioSocket server that says nothing, 20 ms after 20 ms, and tells which calls came."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[UUID] = asyncio.Queue()
        self.gone: asyncio.Queue[UUID] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = UUID(bytes=(await reader.readexactly(3 + 16))[3:])
        await self.calls.put(call)
        try:
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(self._speak(writer))
                await reader.read(-1)
                speaking.cancel()
        except* ConnectionError:
            pass
        finally:
            writer.close()
            await self.gone.put(call)

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(FRAME)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def silent_bridge() -> AsyncIterator[tuple[SilentBridge, int]]:
    bridge = SilentBridge()
    async with await asyncio.start_server(bridge.serve, "127.0.0.1", 0) as server:
        yield bridge, server.sockets[0].getsockname()[1]


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


@pytest.mark.parametrize("extension", ["100", "101"])
def test_a_call_of_either_form_and_all_that_is_asked_of_the_pbx(
    asterisk_folder: Path, extension: str
) -> None:
    async def scene() -> None:
        async with (
            silent_bridge() as (bridge, port),
            Asterisk(asterisk_folder, bridge_port=port) as asterisk,
            open_pbx(account(asterisk), transfers=["office"]) as pbx,
            SipStack() as stack,
        ):
            await asterisk.cli("module load app_senddtmf.so")
            await extend(asterisk, "kav-transfer", "office", "Echo()")
            async with stack.call(f"sip:{extension}@127.0.0.1:{asterisk.sip_port}"):
                call = await bridge.calls.get()
                await knows_the_call(pbx, call, extension)
                async with open_pbx(account(asterisk)) as late:
                    await knows_the_call(late, call, extension)
                assert await pbx.alive(call)
                await pbx.press(call, "5#")
                before = await pbx.sent(call)
                await until(lambda: pbx.way(call) is not None)
                assert await pbx.sent(call) > before
                assert 0.06 <= (pbx.way(call) or 0) <= 0.3
                await pbx.transfer(call, "office")
                assert await bridge.gone.get() == call
                assert "Echo" in await asterisk.cli("core show channels concise")
                await pbx.hang_up(call, "over")
            await until_unknown(pbx, call)

    play(scene)


async def knows_the_call(pbx: AsteriskPbx, call: UUID, extension: str) -> None:
    facts = await pbx.facts(call)
    assert (facts.id, facts.caller, facts.called) == (str(call), "caller", extension)


async def until_unknown(pbx: AsteriskPbx, call: UUID) -> None:
    async with asyncio.timeout(10):
        with suppress(UnknownCall):
            while await pbx.alive(call):
                pass


def test_a_call_to_somebody_who_answers_and_to_others(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with (
            silent_bridge() as (bridge, port),
            Asterisk(asterisk_folder, bridge_port=port) as asterisk,
            Ami(account(asterisk)) as ami,
        ):
            await extend(
                asterisk,
                "kav-out",
                "s",
                "UserEvent(KavOut,UUID: ${KAV_UUID},Status: HUMAN)",
                "UserEvent(BridgeCall,UUID: ${KAV_UUID})",
                f"Dial(AudioSocket/127.0.0.1:{port}/${{KAV_UUID}}/c(slin),,g)",
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
                    assert await bridge.calls.get() == placement.call
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
