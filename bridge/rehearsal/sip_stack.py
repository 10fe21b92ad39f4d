"""The SIP stack (baresip): real calls over UDP and RTP, each the wire of a rehearsal's phone.

There is one stack in a process, with any number of calls. Nothing but `sip_phone.py` imports this
file: a bridge does without baresip.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType

from baresip import Account, Call, Config, Event, Runtime, StackEvent, UserAgent
from baresip.errors import AudioNotActive, AudioRestarted, BaresipError, StaleHandleError

from bridge.rehearsal.audiosocket_phone import Ear
from bridge.rehearsal.phone import LOUD, CallFailed, Echo, Phone, Record, on_call
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, RATE, SILENCE, level

CUSHION = 1
"""Frames written ahead of the wire, so that a late beat is not heard as a stutter."""
JITTER_BUFFER = "audio_jitter_buffer_ms 20-100"
"""The stack's own is five times as long: the caller would hear the agent 100 ms later. With this,
sound is back from an echo behind Asterisk after 100 ms."""
MOST_AHEAD = 5
"""Frames; what a stall of this process has put on top is left out in the next pause."""
HANG_UP = ""
RING_LIMIT = 30.0
"""Seconds until somebody calls."""


class SipWire:
    """`bridge.rehearsal.phone.Wire` over one call."""

    mute_while_pressed = False

    def __init__(self, handle: Call, record: Record) -> None:
        self.name = "a SIP call"
        self.settled = asyncio.Event()
        """The call was answered, or is over."""
        self.over = asyncio.Event()
        self.status = ""
        """What the far end gave as the reason of the end, as `503 Service Unavailable`."""
        self._handle = handle
        self._record = record
        self._ear = Ear(record.heard, record.gaps)
        self._keys: asyncio.Queue[str] = asyncio.Queue()

    def take(self, event: StackEvent) -> None:
        """What the stack tells of this call."""
        self.name = event.call_id or self.name
        match event.event:
            case Event.CALL_ESTABLISHED:
                self.settled.set()
            case Event.CALL_CLOSED:
                self.status = event.text or ""
                self.over.set()
                self.settled.set()
            case _:
                pass

    async def listen(self, now: Callable[[], float]) -> str:
        async with asyncio.TaskGroup() as tasks:
            pressing = tasks.create_task(self._press_all())
            await self.over.wait()
            pressing.cancel()
        return f"the far end hung up: {self.status}"

    def send(self, number: int, pcm: bytes, now: float) -> None:
        try:
            self._hear(now)
            self._speak(pcm)
        except (AudioNotActive, AudioRestarted):
            # Between the answer and the first packet, and while the far end changes the line.
            return

    def press(self, digit: str, now: float) -> None:
        self._keys.put_nowait(digit)

    def hang_up(self) -> None:
        self._keys.put_nowait(HANG_UP)

    def _hear(self, now: float) -> None:
        sound = self._handle.audio.read(RATE)
        if sound:
            self._record.arrivals.append(now)
            # It has come at some time in the last 20 ms, and is heard from then on.
            self._ear.hear(sound, now - FRAME_SECONDS / 2)

    def _speak(self, pcm: bytes) -> None:
        ahead = self._handle.audio.info().tx_buffered
        if ahead > MOST_AHEAD * FRAME_BYTES and level(pcm) < LOUD:
            return
        self._handle.audio.write(pcm if ahead else CUSHION * SILENCE + pcm)

    async def _press_all(self) -> None:
        with suppress(StaleHandleError):  # the far end was faster
            while (digit := await self._keys.get()) != HANG_UP:
                await self._handle.send_dtmf(digit)
            await self._handle.hangup()


class SipStack:
    """A telephone: without a password it just calls, with one it registers at `server` first,
    `host:port`."""

    def __init__(
        self,
        *,
        user: str = "caller",
        password: str = "",
        server: str = "127.0.0.1",
        runtime: Runtime | None = None,
    ) -> None:
        self._is_first = runtime is None
        self._runtime = runtime or Runtime()
        self._account = Account(
            user,
            server,
            password,
            reg_interval=60 if password else 0,
            audio_codecs=("pcmu",),
        )
        self._registers = bool(password)
        self._calls: dict[int, SipWire] = {}
        # The stack tells of an answer that comes before dial() has returned when nobody listens
        # to that call yet: kept here until somebody does.
        self._early: dict[int, list[StackEvent]] = {}
        self._incoming: asyncio.Queue[Call] = asyncio.Queue()

    def beside(self, *, user: str, password: str, server: str) -> "SipStack":
        """Another telephone on this stack, to be closed before it."""
        return SipStack(user=user, password=password, server=server, runtime=self._runtime)

    async def __aenter__(self) -> "SipStack":
        config = Config(
            net_interface="127.0.0.1",  # the stack does not look for addresses there by itself
            max_concurrent_calls=None,
            extra_config_text=JITTER_BUFFER,
        )
        if self._is_first:
            await self._runtime.start(config)
        try:
            self._runtime.subscribe(self._on_event)
            self._agent = await UserAgent.create(self._runtime, self._account)
            if self._registers:
                await self._agent.register()
        except BaseException:
            await self._close()
            raise
        self._agent.on_incoming(self._incoming.put_nowait)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._registers:
            await self._agent.unregister()
        await self._close()

    async def _close(self) -> None:
        if self._is_first:
            await self._runtime.close()

    @asynccontextmanager
    async def call(
        self,
        uri: str,
        *,
        background: bytes = SILENCE,
        echo: Echo | None = None,
        within: float = 10.0,
    ) -> AsyncIterator[Phone]:
        """A call that was answered. Raises `CallFailed`."""
        try:
            handle = await self._agent.dial(uri)
        except (BaresipError, ValueError) as wrong:
            raise CallFailed(f"{uri} cannot be called: {wrong}") from wrong
        async with (
            self._wire(handle, within) as (wire, record),
            on_call(wire, record, background, echo) as phone,
        ):
            yield phone

    @asynccontextmanager
    async def answer(self) -> AsyncIterator[Phone]:
        """The next call to this telephone, picked up at once."""
        async with asyncio.timeout(RING_LIMIT):
            handle = await self._incoming.get()
        await handle.answer()
        async with (
            self._wire(handle, RING_LIMIT) as (wire, record),
            on_call(wire, record) as phone,
        ):
            yield phone

    @asynccontextmanager
    async def _wire(self, handle: Call, within: float) -> AsyncIterator[tuple[SipWire, Record]]:
        """Of a call that was answered."""
        record = Record()
        wire = self._calls[handle.handle] = SipWire(handle, record)
        for event in self._early.pop(handle.handle, []):
            wire.take(event)
        try:
            await self._answered(wire, handle, within)
            yield wire, record
        finally:
            del self._calls[handle.handle]

    async def _answered(self, wire: SipWire, handle: Call, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                await wire.settled.wait()
        except TimeoutError:
            with suppress(StaleHandleError):
                await handle.hangup()
            raise CallFailed(f"nobody answered within {within:g} s") from None
        if wire.over.is_set():
            raise CallFailed(f"the call was refused: {wire.status}")

    def _on_event(self, event: StackEvent) -> None:
        if not event.call:
            return
        wire = self._calls.get(event.call)
        if wire is None:
            self._early.setdefault(event.call, []).append(event)
        else:
            wire.take(event)
