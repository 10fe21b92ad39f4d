"""The page for a PBX of one's own (docs/freepbx.md): the dialplan that it leads to works."""

import asyncio
import re
import textwrap
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.pbx.conftest import TOLD, manager, open_lab

pytestmark = pytest.mark.pbx

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "asterisk" / "conf" / "extensions.conf.in"
PAGE = ROOT / "docs" / "freepbx.md"
LEFT_OUT = ("agent", "agent-encrypted", "from-trunk", "kav-people", "kav-transfer")
THEIR_OWN = ("kav-people", "kav-transfer", "kav-in")
FREEPBX = """
; What FreePBX has: an inbound route, a queue, an extension.
[agent]
exten => _X!,1,Set(FROM_DID=${EXTEN})
 same => n,Goto(kav-in,s,1)

[ext-queues]
exten => 400,1,Playback(kav/nobody)
 same => n,Hangup()

[from-internal]
exten => 200,1,Dial(PJSIP/6002)
"""


def test_who_follows_the_page_has_the_agent_transfers_and_people(
    asterisk_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "extensions.conf.in").write_text(_shipped() + _told() + FREEPBX)
    asyncio.run(_calls(asterisk_folder, tmp_path))


async def _calls(folder: Path, site: Path) -> None:
    async with AsyncExitStack() as stack:
        lab = await open_lab(stack, folder, {**TOLD, "SITE": str(site)})
        async with manager(lab.asterisk) as ami, lab.call("025551234"):
            event = await ami.told("UserEvent: BridgeCall")
            assert event["Exten"] == "025551234"
            await lab.bridge.leg()
            office = {"Context": "kav-transfer", "Exten": "office", "Priority": "1"}
            ami.ask("Redirect", Channel=event["Channel"], **office)
            await ami.told("UserEvent: BridgeCall", "Back: unanswered")
            await lab.bridge.leg(2)
        await lab.bridge.crash()
        async with lab.call("025551234") as phone:
            await lab.hears(phone, "kav/sorry")
            await lab.hears(phone, "kav/nobody")


def _shipped() -> str:
    """Without what the page says to leave out."""
    parts = re.split(r"(?m)^(?=\[)", SHIPPED.read_text())
    kept = [part for part in parts if part[1 : part.find("]")] not in LEFT_OUT]
    return "".join(kept).replace("#include transfers.conf\n", "")


def _told() -> str:
    """What the page says to write."""
    page = PAGE.read_text()
    blocks = [re.search(rf"(?m)^( +)\[{name}\]\n(?:\1 *\S.*\n)+", page) for name in THEIR_OWN]
    return "\n".join(textwrap.dedent(block[0]) for block in blocks if block)
