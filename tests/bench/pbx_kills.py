"""The bridge is killed with calls on it: do the callers of a real Asterisk stay on the line?

    python -m tests.bench.pbx_kills --calls 20

Real SIP phones, the shipped dialplan, a bridge in a process of its own that is killed (SIGKILL) and
started again at once, on the same port."""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from bridge.lab import Asterisk
from bridge.rehearsal.ear import ALIKE, find
from bridge.rehearsal.phone import CallOver, Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE
from tests.bench.bridge_process import ROOT, BridgeProcess, ToneVoice, bridge_process
from tests.bench.figures import Figure, table

BACK_SECONDS = 30.0
START_SECONDS = 3.0
LOOK_SECONDS = 0.2
LONG_ENOUGH = 1.5
"""Seconds of a call, to the dialplan; a shorter one was refused."""


async def killed(calls: int, folder: Path) -> list[Figure]:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(bridge_process(folder))
        asterisk = await stack.enter_async_context(
            Asterisk(ROOT / "var" / "asterisk", bridge_port=bridge.audiosocket)
        )
        phones = await _call(stack, asterisk, calls)
        for phone in phones:
            await phone.agent_speaks()
            await phone.until(LONG_ENOUGH)
        before = loop.time()
        at = [phone.now for phone in phones]
        bridge.kill()
        again = await stack.enter_async_context(bridge_process(folder, bridge.audiosocket))
        serving = loop.time() - before
        live = await _until_live(again, phones[0], calls)
        back = loop.time() - before
        tone = await _tone()
        heard = [await _hears(phone, tone, since) for phone, since in zip(phones, at, strict=True)]
        return [
            Figure("callers who were hung up on", sum(p.closed.is_set() for p in phones), "", 0),
            Figure("callers who are not back with the agent", calls - live, "", 0),
            Figure("callers who do not hear the agent again", heard.count(False), "", 0),
            Figure(
                "from the kill to the new bridge serving", serving, "s", START_SECONDS, goal=True
            ),
            Figure("from the kill to the last caller with the agent", back, "s"),
        ]


async def _call(stack: AsyncExitStack, asterisk: Asterisk, calls: int) -> Sequence[Phone]:
    telephone = await stack.enter_async_context(SipStack())
    uri = f"sip:100@127.0.0.1:{asterisk.sip_port}"
    return [await stack.enter_async_context(telephone.call(uri, within=20)) for _ in range(calls)]


async def _until_live(bridge: BridgeProcess, phone: Phone, calls: int) -> int:
    """How many calls the bridge has, when it has all of them or the patience ends."""
    live = 0
    try:
        async with asyncio.timeout(BACK_SECONDS):
            while live < calls:
                live = (await bridge.holdings()).calls
                await phone.until(phone.now + LOOK_SECONDS)
    except TimeoutError:
        return live
    return live


async def _tone() -> bytes:
    """A piece of the agent's voice, which is like nothing that Asterisk plays."""
    sound = b"".join([speech.pcm async for speech in ToneVoice().speak("")])
    return sound[: round(0.5 * RATE) * 2]


async def _hears(phone: Phone, tone: bytes, since: float) -> bool:
    try:
        while find(tone, phone.heard_between(since, phone.now))[1] < ALIKE:
            await phone.until(phone.now + LOOK_SECONDS)
            if phone.now > since + BACK_SECONDS:
                return False
    except CallOver:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pbx_kills", description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kav-bench-") as folder:
        figures = uvloop.run(killed(args.calls, Path(folder)))
    print(table(figures))
    return 1 if any(figure.failed for figure in figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
