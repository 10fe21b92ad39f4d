"""A SIP call as the wire of a rehearsal phone, so that one script runs on all three roads."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

from bridge.rehearsal.phone import Phone, Record, on_call
from engine.core.audio import RATE, SILENCE
from tests.e2e.sip_phone import CallRefused, SipCall, SipPhone

_LONGEST = 3600.0
_AHEAD = SILENCE * 4  # between the two clocks: the phone's stack must never starve


class SipWire:
    """`bridge.rehearsal.phone.Wire` over a call that was answered."""

    mute_while_pressed = False

    def __init__(self, call: SipCall, record: Record) -> None:
        self.name = "the SIP call"
        self._call = call
        self._record = record
        self._work: set[asyncio.Task[None]] = set()
        call.say(_AHEAD)

    async def listen(self, now: Callable[[], float]) -> str:
        taken = 0
        free = 0  # the first sample at which nothing was heard yet
        while True:
            pieces = self._call.pieces
            while taken < len(pieces):
                pcm = self._call.sound(pieces[taken])
                taken += 1
                free = max(free, round(now() * RATE) - len(pcm) // 2)
                self._record.heard.put(free, pcm)
                self._record.arrivals.append(now())
                free += len(pcm) // 2
            if not await self._more_than(taken):
                return f"the far end hung up: {self._call.status}"

    def send(self, number: int, pcm: bytes, now: float) -> None:
        self._call.say(pcm)

    def press(self, digit: str, now: float) -> None:
        self._begin(self._call.dtmf(digit))

    def hang_up(self) -> None:
        self._begin(self._call.hang_up())

    async def _more_than(self, taken: int) -> bool:
        """Waits for more sound; false when the call has ended instead."""
        if self._call.is_closed:
            return False
        try:
            await self._call.wait_until(lambda: len(self._call.pieces) > taken, _LONGEST)
        except CallRefused:
            return False
        return True

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


@asynccontextmanager
async def sip_call(uri: str) -> AsyncGenerator[Phone]:
    """A call by a real SIP phone; the agent has answered."""
    async with SipPhone() as sip:
        record = Record()
        wire = SipWire(await sip.call(uri), record)
        async with on_call(wire, record) as phone:
            yield phone
