"""Recordings of calls: begun when the caller has heard of it, ended with our part of the call,
deleted if he does not want it. Nobody waits for any of this: the call goes on if it fails."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol
from uuid import UUID

from bridge.audiosocket.asterisk_pbx import AsteriskPbx
from bridge.audiosocket.pbx import PbxFailed
from bridge.settings import Settings
from bridge.twilio import account
from bridge.twilio_media.rest import TwilioControl, TwilioFailed, twilio_control
from engine.ports import CallFacts

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""To end or to delete a recording: either may be asked for again."""
PAUSE = 2.0
"""Seconds between them."""


class Tape(Protocol):
    """What records the calls of one line. Raises `PbxFailed` or `TwilioFailed`."""

    async def start(self, call: str) -> None: ...

    async def stop(self, call: str) -> None: ...

    async def erase(self, call: str) -> None:
        """Stops, and deletes all that was recorded of the call."""
        ...


class AsteriskTape:
    def __init__(self, pbx: AsteriskPbx) -> None:
        self._pbx = pbx

    async def start(self, call: str) -> None:
        await self._pbx.record(UUID(call))

    async def stop(self, call: str) -> None:
        """The dialplan does, wherever the caller goes from us, and though we be dead."""

    async def erase(self, call: str) -> None:
        await self._pbx.unrecord(UUID(call))


class TwilioTape:
    def __init__(self, control: TwilioControl) -> None:
        self._control = control

    async def start(self, call: str) -> None:
        await self._control.record(call)

    async def stop(self, call: str) -> None:
        await self._control.stop_recording(call)

    async def erase(self, call: str) -> None:
        await self._control.erase_recordings(call)


class Recorder:
    """What is asked for about one call is done in that order."""

    def __init__(
        self, tapes: Mapping[str, Tape], tasks: asyncio.TaskGroup, *, pause: float = PAUSE
    ) -> None:
        """`tapes`: of each line."""
        self._tapes = tapes
        self._tasks = tasks
        self._pause = pause
        self._last: dict[str, asyncio.Task[None]] = {}
        """What was asked for last about each call, until it is done."""

    def start(self, facts: CallFacts) -> None:
        """Once: a second recording might begin beside the first."""
        self._ask(facts, "start", self._tapes[facts.line].start, attempts=1)

    def stop(self, facts: CallFacts) -> None:
        self._ask(facts, "stop", self._tapes[facts.line].stop, attempts=ATTEMPTS)

    def erase(self, facts: CallFacts) -> None:
        self._ask(facts, "erase", self._tapes[facts.line].erase, attempts=ATTEMPTS)

    def _ask(
        self, facts: CallFacts, what: str, act: Callable[[str], Awaitable[None]], *, attempts: int
    ) -> None:
        call = facts.id
        before = self._last.get(call)
        task = self._tasks.create_task(self._done(before, call, what, act, attempts))
        self._last[call] = task
        task.add_done_callback(lambda done: self._forget(call, done))

    def _forget(self, call: str, done: asyncio.Task[None]) -> None:
        if self._last.get(call) is done:
            del self._last[call]

    async def _done(
        self,
        before: asyncio.Task[None] | None,
        call: str,
        what: str,
        act: Callable[[str], Awaitable[None]],
        attempts: int,
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        for left in reversed(range(attempts)):
            try:
                await act(call)
            except (PbxFailed, TwilioFailed) as failed:
                facts = {"what": what, "why": str(failed), "attempts_left": left}
                log.warning("recording_failed", extra={"call": call, "facts": facts})
                await asyncio.sleep(self._pause if left else 0)
            else:
                log.info("recording", extra={"call": call, "facts": {"what": what}})
                return


@asynccontextmanager
async def open_recorder(settings: Settings, pbx: AsteriskPbx | None) -> AsyncGenerator[Recorder]:
    """For the lines that are recorded; at its end what was asked for is done. `pbx`: the one of the
    settings."""
    async with AsyncExitStack() as stack:
        tapes: dict[str, Tape] = {}
        if pbx is not None and settings.records("audiosocket"):
            tapes["audiosocket"] = AsteriskTape(pbx)
        if settings.records("twilio"):
            control = await stack.enter_async_context(twilio_control(account(settings), {}))
            tapes["twilio"] = TwilioTape(control)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        yield Recorder(tapes, tasks)
