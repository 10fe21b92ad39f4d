"""Whether this process takes calls: new ones come in until the gate is closed, live ones go on."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from bridge.switchboard import Switchboard
from engine.ports import Busy, Call, CallFacts, Line

AFTERWARDS = 3.0
"""Seconds in which Twilio comes back: for the stream that a webhook has promised, and for what
follows when a stream is over."""
LAST_WORDS = 6.5
"""The most that is waited for calls that were told to end: `FAREWELL_LIMIT`, and for Twilio to come
back."""
_HEALTH = "/version"
_ALIVE = "/live"


class Gate:
    """`open_call` is the `OpenCall` of both doors; `answer` is a middleware of the HTTP door."""

    def __init__(self, switchboard: Switchboard, *, afterwards: float = AFTERWARDS) -> None:
        self.why_closed = ""
        """Empty: it is open."""
        self.listeners: list[asyncio.AbstractServer] = []
        """Those that nothing but new calls come to."""
        self._switchboard = switchboard
        self._afterwards = afterwards
        self.all_told = False
        """Live calls have been told to end: nobody is let in any more."""
        self._requests = 0
        self._last_request = -math.inf
        self._answered = asyncio.Event()
        self._answered.set()

    @property
    def live_calls(self) -> int:
        return len(self._switchboard.live)

    def open_call(self, facts: CallFacts, line: Line) -> Call:
        # Twilio's streams were let in by its webhook, perhaps just before the gate was closed.
        if self.all_told or (self.why_closed and facts.line != "twilio"):
            raise Busy(f"the bridge is {self.why_closed}")
        return self._switchboard.open(facts, line)

    def close(self, why: str) -> None:
        """A listener is closed before Asterisk's caller is answered: the dialplan goes on."""
        self.why_closed = why
        for listener in self.listeners:
            listener.close()

    async def empty(self, limit: float, at_once: asyncio.Event) -> None:
        """Closes it, and returns when no call is left: they end by themselves within the limit,
        or until it shall be `at_once`; then they are told."""
        self.close("draining")
        async with asyncio.TaskGroup() as waits:
            emptied = waits.create_task(self._emptied())
            cut = waits.create_task(at_once.wait())
            await asyncio.wait({emptied, cut}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            emptied.cancel()
            cut.cancel()
        self.all_told = True
        for call in list(self._switchboard.live):
            # In a step of its own each: none is kept from it by what fails in another.
            asyncio.get_running_loop().call_soon(call.close)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._emptied()

    @web.middleware
    async def answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Tells how we are; and notices requests, websockets among them."""
        if request.path == _ALIVE:
            return web.json_response({"status": "ok"})
        if request.path == _HEALTH:
            if self.why_closed:
                return web.json_response({"name": "kav", "status": self.why_closed}, status=503)
            return await handler(request)
        self._requests += 1
        self._answered.clear()
        try:
            return await handler(request)
        finally:
            self._requests -= 1
            self._last_request = _now()
            if not self._requests:
                self._answered.set()

    async def _emptied(self) -> None:
        """No call, no request, and none to be expected."""
        while True:
            await self._switchboard.idle.wait()
            await self._answered.wait()
            left = self._last_request + self._afterwards - _now()
            if left <= 0 and not self.live_calls:
                return
            await asyncio.sleep(max(0.0, left))


def _now() -> float:
    return asyncio.get_running_loop().time()
