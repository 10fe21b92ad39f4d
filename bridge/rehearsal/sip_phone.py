"""A SIP phone that calls a real PBX, so that what runs over the two simulated lines runs over this
road too. The PBX is the caller's business: `bridge.lab.Asterisk` is one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bridge.rehearsal.phone import CallFailed, Echo, Phone
from engine.core.audio import SILENCE

if TYPE_CHECKING:  # it needs baresip, which a bridge and its other rehearsals do without
    from bridge.rehearsal.sip_stack import SipStack


@asynccontextmanager
async def open_stack() -> AsyncIterator["SipStack"]:
    """For several calls at once, `stack.call(uri, background=...)`: there is one stack in a
    process. Raises `CallFailed`."""
    try:
        from bridge.rehearsal.sip_stack import SipStack
    except ImportError as missing:
        raise CallFailed("a SIP call needs baresip: pip install --pre baresip-python") from missing
    async with SipStack() as stack:
        yield stack


@asynccontextmanager
async def open_phone(
    uri: str, *, background: bytes = SILENCE, echo: Echo | None = None, within: float = 10.0
) -> AsyncIterator[Phone]:
    """Calls `uri` (`sip:100@127.0.0.1:5060`), one call at a time. Raises `CallFailed`.

    `background` sounds behind everything that the caller says; `within` is how long the far end
    may ring."""
    async with (
        open_stack() as stack,
        stack.call(uri, background=background, echo=echo, within=within) as phone,
    ):
        yield phone
