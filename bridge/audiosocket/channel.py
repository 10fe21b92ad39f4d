"""A call as straight code: frames in by `async for`, sound out by `send`. For programs that use the
AudioSocket server without Kav's engine."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from bridge.audiosocket.inbound import STALE
from bridge.audiosocket.server import Line
from engine.core.audio import FRAME_SECONDS
from engine.core.events import Played
from engine.ports import CallFacts

GAP = 0.1
"""Seconds without a frame, after which the caller's silence is made up: frames are no clock."""
STALL = 0.05
"""Seconds that a timer may be late before it says more about us than about the line."""
AFTERWARDS = 5.0
"""Seconds that a handler may go on when its call is over."""
_KEYS = 64


class Channel:
    """One call; also the `Call` of its connection.

    Sound is 16-bit little-endian mono PCM, `rate` samples a second, in both directions."""

    def __init__(self, facts: CallFacts, line: Line, handler: "Handler") -> None:
        self.facts = facts
        """`facts.id` is the UUID; who calls whom is known where there is a `Pbx`."""
        self.rate = line.rate
        self.keys: asyncio.Queue[str] = asyncio.Queue(_KEYS)
        """What the caller pressed: 0-9, *, #, A-D."""
        self.dropped = 0
        """Frames that were not taken in time: beyond half a second the oldest are thrown away."""
        self.why = ""
        """How the call ended; empty while it goes on."""
        self._line = line
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._frames: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._last_frame = 0.0
        self._in_gap = False
        self._turn = 1
        self._unheard = False
        self._limit: asyncio.Timeout | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The caller's sound, 20 ms at a time, until the call is over. A key that is pressed, and a
        caller on hold, leave gaps on the wire: they are filled with silence as time goes by."""
        return self

    async def __anext__(self) -> bytes:
        while not self._frames:
            if self.why:
                raise StopAsyncIteration
            try:
                async with asyncio.timeout_at(self._last_frame + GAP):
                    await self._change()
            except TimeoutError:
                self._make_up()
        return self._frames.popleft()

    def send(self, pcm: bytes) -> None:
        """Played after what was sent before, any length. It leaves at the pace at which it is
        heard, so that `clear` can still stop nearly all of it."""
        if self.why:
            return
        self._unheard = True
        self._line.play(self._turn, pcm)

    def clear(self) -> None:
        """Forgets what has not been played."""
        self._line.clear()
        self._next_turn()

    async def heard(self) -> None:
        """Returns when the caller has heard what was sent, or it was cleared, or the call is
        over."""
        turn = self._turn
        if self._unheard:
            self._line.end_reply(turn)
        while self._unheard and turn == self._turn and not self.why:
            await self._change()

    def hang_up(self) -> None:
        """Ends the call. So does the end of the handler."""
        self._line.hang_up("the handler hung up")

    def transfer(self, key: str) -> None:
        """Gives the caller to the dialplan: where there is a `Pbx`, to its target of that key."""
        self._line.transfer(key)

    # The `Call` of its connection.

    def answered(self) -> None:
        self._last_frame = self._loop.time()

    def frame(self, pcm: bytes) -> None:
        now = self._loop.time()
        if self._in_gap:
            self._in_gap = False
            self._fill(now - FRAME_SECONDS / 2)
        self._last_frame = now
        self._append(pcm)

    def played(self, told: Played) -> None:
        if told.done and told.turn == self._turn:
            self._next_turn()

    def dtmf(self, digit: str) -> None:
        if not self.keys.full():
            self.keys.put_nowait(digit)

    def hung_up(self, why: str) -> None:
        if self.why:
            return
        self.why = why
        self._changed.set()
        if self._limit is not None:
            self._limit.reschedule(self._loop.time() + AFTERWARDS)

    async def run(self) -> None:
        try:
            async with asyncio.timeout(AFTERWARDS if self.why else None) as self._limit:
                await self._handler(self)
        finally:
            self._limit = None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _next_turn(self) -> None:
        self._turn += 1
        self._unheard = False
        self._changed.set()

    def _append(self, pcm: bytes) -> None:
        if len(self._frames) >= round(STALE / FRAME_SECONDS):
            self._frames.popleft()
            self.dropped += 1
        self._frames.append(pcm)
        self._changed.set()

    def _make_up(self) -> None:
        """Nothing has come for `GAP`, or something at the same moment."""
        now = self._loop.time()
        late = now - self._last_frame - GAP
        if late < -1e-6:
            return
        if late > STALL:
            # We were held up ourselves: the frames of that time are waiting in the socket.
            self._last_frame = now
            return
        self._in_gap = True
        self._fill(now - GAP + FRAME_SECONDS)

    def _fill(self, until: float) -> None:
        """With the silence of the time up to there."""
        while self._last_frame + FRAME_SECONDS <= until + 1e-6:
            self._last_frame += FRAME_SECONDS
            self._append(bytes(2 * round(self.rate * FRAME_SECONDS)))


Handler = Callable[[Channel], Awaitable[None]]


def answering(handler: Handler) -> Callable[[CallFacts, Line], Channel]:
    """For `serve`: each call is given to a `handler` of its own, and hung up when that returns.

    What a handler raises is logged and ends its call alone. One that does not end within 5 s of
    its call is canceled."""

    def open_call(facts: CallFacts, line: Line) -> Channel:
        return Channel(facts, line, handler)

    return open_call
