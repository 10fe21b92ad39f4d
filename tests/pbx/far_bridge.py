"""The far end of AudioSocket for tests of Asterisk: an echo, or one with bad manners."""

import asyncio
import socket
import struct
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.core.audio import FRAME_SECONDS, SILENCE

HANG_UP = b"\x00\x00\x00"
_MOST_BEHIND = 2 * FRAME_SECONDS


@dataclass
class Leg:
    """One call, as the far end of it saw it."""

    id: uuid.UUID
    writer: asyncio.StreamWriter
    digits: str = ""
    kinds: set[tuple[int, int]] = field(default_factory=set)
    """Of the sound that came: kind and bytes of each frame."""
    mute: bool = False
    """Nothing more is sent on it."""
    dialed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, kind: int, payload: bytes) -> None:
        self.writer.write(struct.pack(">BH", kind, len(payload)) + payload)

    def hang_up(self) -> None:
        """The orderly end: a frame of kind 0."""
        self.writer.write(HANG_UP)

    def close(self) -> None:
        """What an ended bridge looks like (FIN)."""
        self.mute = True
        self.writer.close()

    def reset(self) -> None:
        """What a killed bridge looks like (RST, whether or not something is unread)."""
        if not self.writer.is_closing():
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def split_frame(self, gap: float) -> None:
        """Header and payload of one frame, so many seconds apart."""
        self.mute = True
        self.writer.write(struct.pack(">BH", 0x10, len(SILENCE)))
        await asyncio.sleep(gap)
        self.writer.write(SILENCE)
        self.mute = False

    async def split_header(self, gap: float) -> None:
        """The first byte of a frame, and the rest so many seconds later."""
        self.mute = True
        self.writer.write(b"\x10")
        await asyncio.sleep(gap)
        self.writer.write(struct.pack(">H", len(SILENCE)) + SILENCE)
        self.mute = False

    def split_frame_quickly(self, gap: float) -> float:
        """Header and payload so many seconds apart; the seconds that it has been."""
        began = time.monotonic()
        self.writer.write(struct.pack(">BH", 0x10, len(SILENCE)))
        while time.monotonic() - began < gap:
            pass
        self.writer.write(SILENCE)
        return time.monotonic() - began

    def stop_reading(self) -> None:
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it


Manner = Callable[[Leg], Awaitable[None]]


class FarBridge:
    """Says back what it hears, 20 ms after 20 ms, and silence else. Connections that never say a
    UUID are no calls: Asterisk's dialplan knocks before it dials."""

    def __init__(self) -> None:
        self.legs: list[Leg] = []
        self.stuck = False
        """Connections are accepted, and nothing ever sent."""
        self.full = False
        """Calls are closed as soon as they have said their UUID."""
        self.over: set[uuid.UUID] = set()
        """These are."""
        self._came = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def crash(self) -> None:
        """All connections are reset and nobody listens any more."""
        if self._server is not None:
            self._server.close()
        for leg in self.legs:
            if not leg.gone.is_set():
                leg.reset()
        if self._server is not None:
            await self._server.wait_closed()

    async def behave(self) -> None:
        """Listens, answers, and has had no calls."""
        self.legs.clear()
        self.stuck = self.full = False
        if self._server is None or not self._server.is_serving():
            await self.open()

    async def leg(self, number: int = 1, within: float = 20.0) -> Leg:
        """The call of this number, counted from one."""
        async with asyncio.timeout(within), self._came:
            await self._came.wait_for(lambda: len(self.legs) >= number)
        return self.legs[number - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[bytes] = []
        try:
            if not self.stuck:
                writer.write(struct.pack(">BH", 0x10, len(SILENCE)) + SILENCE)
            leg = await self._begin(reader, writer)
            async with asyncio.TaskGroup() as group:
                beat = group.create_task(_speak(leg, heard))
                await _listen(leg, reader, heard)
                beat.cancel()
            leg.gone.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # a knock
        finally:
            writer.close()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Leg:
        kind, _, *_id = struct.unpack(">BH16B", await reader.readexactly(19))
        assert kind == 0x01
        leg = Leg(uuid.UUID(bytes=bytes(_id)), writer, mute=self.stuck)
        if self.full or leg.id in self.over:
            leg.close()
        async with self._came:
            self.legs.append(leg)
            self._came.notify_all()
        return leg


async def _listen(leg: Leg, reader: asyncio.StreamReader, heard: list[bytes]) -> None:
    while True:
        try:
            kind, size = struct.unpack(">BH", await reader.readexactly(3))
            payload = await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if kind == 0x03:
            leg.digits += payload.decode()
            leg.dialed.set()
        else:
            leg.kinds.add((kind, size))
            heard.append(payload)


async def _speak(leg: Leg, heard: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not leg.writer.is_closing():
        payload = heard.pop(0) if heard else SILENCE
        if not leg.mute:
            leg.send(0x10 if len(payload) == len(SILENCE) else 0x12, payload)
        due = max(due + FRAME_SECONDS, loop.time() - _MOST_BEHIND)
        await asyncio.sleep(due - loop.time())


@asynccontextmanager
async def far_bridge() -> AsyncIterator[FarBridge]:
    bridge = FarBridge()
    await bridge.open()
    try:
        yield bridge
    finally:
        await bridge.crash()


def ids(legs: Iterable[Leg]) -> set[uuid.UUID]:
    return {leg.id for leg in legs}
