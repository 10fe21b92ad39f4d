"""A desk phone with what the rehearsal's has not: wideband and encryption. On the same SIP stack
(baresip), of which there is one in a process."""

import asyncio
import logging

from baresip import Account, Call, Config, Event, Runtime, StackEvent, UserAgent
from baresip.errors import AudioNotActive, AudioRestarted

from bridge.rehearsal.phone import CallFailed
from engine.core.audio import FRAME_SECONDS

WITHIN = 20.0
"""Seconds for the call to be answered."""


async def converse(
    account: Account, uri: str, says: bytes, *, seconds: float = 3.0, config: str = ""
) -> bytes:
    """What is heard in the first seconds of a call, in which `says` is said. Sound is 16-bit PCM at
    the rate of the phone's codec.

    `config`: lines of baresip's own. Raises `CallFailed`."""
    # Each SIP message is logged, as it is before encryption.
    logging.getLogger("baresip.native.sip").setLevel(logging.DEBUG)
    runtime = Runtime()
    await runtime.start(Config(net_interface="127.0.0.1", sip_trace=True, extra_config_text=config))
    try:
        end = _End()
        # Before the call is made: it may be over before dial() has returned.
        runtime.subscribe(end.take)
        agent = await UserAgent.create(runtime, account)
        async with asyncio.timeout(WITHIN + seconds):
            return await _talk(await agent.dial(uri), end, says, seconds)
    finally:
        await runtime.close()


class _End:
    def __init__(self) -> None:
        self.status: str | None = None
        """`488 Not Acceptable Here`; none while the call goes on."""

    def take(self, event: StackEvent) -> None:
        if event.event is Event.CALL_CLOSED:
            self.status = event.text or ""


async def _talk(call: Call, end: _End, says: bytes, seconds: float) -> bytes:
    heard = bytearray()
    while end.status is None:
        try:
            heard += call.audio.read(1 << 16)
            says = says[call.audio.write(says) :]
            if len(heard) >= 2 * seconds * call.audio.info().rx_sample_rate:
                return bytes(heard)
        except (AudioNotActive, AudioRestarted):
            pass  # before the answer, and between it and the first packet
        await asyncio.sleep(FRAME_SECONDS)
    raise CallFailed(end.status)
