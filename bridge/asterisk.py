"""The Asterisk that the settings name: the PBX beside the AudioSocket door, and its version."""

import logging
import math
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bridge.audiosocket.ami import Account
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.pbx import PbxFailed
from bridge.settings import Settings

log = logging.getLogger(__name__)

FIRST_SOUND = {20: 19, 22: 9, 23: 3}
"""Of each branch that is kept up, the first release that reads AudioSocket's messages right however
the network cuts them (res_audiosocket.c; 21 has ended without it)."""
FIRST_CLOSED = {18: math.inf, 19: math.inf, 20: 14, 21: 9, 22: 4}
"""Of each branch, the first release that notices when the bridge closes a call, and that tells
keys; 18 and 19 have none."""


def ami_account(settings: Settings) -> Account | None:
    """None: there is no AMI."""
    if not settings.kav_ami_host or settings.kav_ami_secret is None:
        return None
    return Account(
        user=settings.kav_ami_user,
        secret=settings.kav_ami_secret.get_secret_value(),
        host=settings.kav_ami_host,
        port=settings.kav_ami_port,
        tls=ssl.create_default_context() if settings.kav_ami_tls else None,
    )


@asynccontextmanager
async def pbx_beside(settings: Settings) -> AsyncGenerator[AsteriskPbx | None]:
    """The PBX of the settings, if they name one. A version that harms calls is warned of."""
    account = ami_account(settings)
    if account is None:
        yield None
        return
    async with open_pbx(account, transfers=settings.kav_pbx_transfers) as pbx:
        await _look_at_version(pbx)
        yield pbx


async def _look_at_version(pbx: AsteriskPbx) -> None:
    try:
        version = await pbx.version()
    except PbxFailed as why:
        log.info("asterisk_version_unknown", extra={"facts": {"why": str(why)}})
        return
    if harm := outdated(version):
        log.warning("asterisk_outdated", extra={"facts": {"version": version, "harm": harm}})


def outdated(version: str) -> str:
    """What is wrong with that version of Asterisk for AudioSocket; empty: nothing is known."""
    found = re.match(r"(?:certified[-/])?(\d+)\.(\d+)", version)
    if found is None:
        return ""
    branch, release = int(found[1]), int(found[2])
    first = FIRST_SOUND.get(branch)
    if branch > max(FIRST_SOUND) or (first is not None and release >= first):
        return ""
    if branch < 18:
        return "it has no AudioSocket"
    if release < FIRST_CLOSED.get(branch, 0):
        return "when this bridge closes a call, its thread spins at 100 % CPU; it tells no keys"
    return "a message that the network cuts in two can end or garble a call"
