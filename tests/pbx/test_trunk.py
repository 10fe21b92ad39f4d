"""A SIP trunk: a second Asterisk is the carrier."""

import asyncio
import uuid
from pathlib import Path

import pytest

from bridge.lab import Asterisk, AsteriskFailed
from bridge.rehearsal.phone import CallFailed
from bridge.rehearsal.sip_stack import SipStack
from tests.pbx.conftest import manager
from tests.pbx.far_bridge import FarBridge, far_bridge

pytestmark = [pytest.mark.pbx]
CARRIER = Path(__file__).parent / "carrier"


def test_calls_come_in_from_the_carrier_and_go_out_to_it(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with (
            far_bridge() as bridge,
            Asterisk(asterisk_folder, bridge_port=9, settings={"SITE": str(CARRIER)}) as carrier,
            Asterisk(
                asterisk_folder,
                bridge_port=bridge.port,
                anyone_on_loopback=False,
                settings={
                    "TRUNK": f"127.0.0.1:{carrier.sip_port}",
                    "TRUNK_SECRET": carrier.secret,
                    "TRUNK_REGISTER": "yes",
                },
            ) as pbx,
        ):
            await _is_registered(carrier)
            await _comes_in(carrier, bridge)
            await _comes_in(carrier, bridge, "main", leg=2)
            await _goes_out(pbx, carrier, bridge)

    asyncio.run(scene())


async def _is_registered(carrier: Asterisk) -> None:
    async with asyncio.timeout(20):
        while "sip:kav@127.0.0.1" not in await carrier.cli("pjsip show contacts"):
            pass


async def _comes_in(
    carrier: Asterisk, bridge: FarBridge, number: str = "025551234", *, leg: int = 1
) -> None:
    async with SipStack() as stack, stack.call(f"sip:{number}@127.0.0.1:{carrier.sip_port}"):
        await bridge.leg(leg)


async def _goes_out(pbx: Asterisk, carrier: Asterisk, bridge: FarBridge) -> None:
    call = uuid.uuid4()
    async with manager(pbx) as ami:
        ami.ask(
            "Originate",
            Channel="PJSIP/0521234567@trunk",
            Application="AudioSocket",
            Data=f"{call},127.0.0.1:{bridge.port}",
            Async="true",
        )
        leg = await bridge.leg(3)
    assert leg.id == call
    assert "0521234567@customer" in carrier.log()


def test_nobody_is_the_carrier_by_its_name(asterisk_folder: Path) -> None:
    async def scene() -> None:
        settings = {"TRUNK": "127.0.0.2:5060"}
        async with (
            Asterisk(
                asterisk_folder, bridge_port=9, anyone_on_loopback=False, settings=settings
            ) as asterisk,
            SipStack(user="trunk") as stack,
        ):
            with pytest.raises(CallFailed, match="401"):
                async with stack.call(f"sip:025551234@127.0.0.1:{asterisk.sip_port}"):
                    pass

    asyncio.run(scene())


@pytest.mark.parametrize("place", ["log/messages", "console"])
def test_who_calls_whom_is_not_logged_unless_it_is_asked_for(
    asterisk_folder: Path, place: str
) -> None:
    async def scene() -> None:
        async with far_bridge() as bridge:
            settings = {"LOG": "", "LOG_TO": Path(place).name}  # LOG: as nobody has set it
            async with (
                Asterisk(asterisk_folder, bridge_port=bridge.port, settings=settings) as asterisk,
                SipStack() as stack,
                stack.call(f"sip:100@127.0.0.1:{asterisk.sip_port}"),
            ):
                leg = await bridge.leg()
                log = (asterisk.run / place).read_text()
                assert "NOTICE" in log
                assert str(leg.id) not in log
                # Nor is there another: a queue has one of its own.
                logs = [str(file.relative_to(asterisk.run)) for file in asterisk.run.glob("log/*")]
                assert set(logs) <= {place}

    asyncio.run(scene())


def test_where_no_sounds_can_be_made_asterisk_comes_up_all_the_same(asterisk_folder: Path) -> None:
    async def scene() -> None:
        settings = {"SOUNDS": "/dev/null/prompts"}
        async with Asterisk(asterisk_folder, bridge_port=9, settings=settings):
            pass

    with pytest.raises(AsteriskFailed, match=r"came up with errors:\n.*/hold: Not a dir"):
        asyncio.run(scene())
