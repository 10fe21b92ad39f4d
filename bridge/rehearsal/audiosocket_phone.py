"""Asterisk's side of AudioSocket: a phone that calls an AudioSocket server over TCP.

As strict as Asterisk is: what would make it drop the call ends the call here, as a fault.
"""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bridge.rehearsal.phone import (
    LOUD,
    CallFailed,
    Delay,
    Echo,
    Phone,
    Record,
    Track,
    Way,
    on_call,
)
from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS, RATE, SILENCE, level

HANG_UP, ID, KEY, AUDIO = 0x00, 0x01, 0x03, 0x10
HEADER = 3
CUSHION = 3
"""So many frames may wait to be heard; what is silent beyond that is left out."""
UNREAD_BYTES = 65536
CONNECT_SECONDS = 2.0


class Fault(Exception):
    """Asterisk would have dropped the call over this."""


class Ear:
    """What a caller behind Asterisk hears: nothing waits, except for its own 20 ms tick.

    Frames that come in faster than that are heard one after the other."""

    def __init__(self, heard: Track, gaps: list[tuple[float, float]] | None = None) -> None:
        self._heard = heard
        self._gaps = [] if gaps is None else gaps
        self._next = 0

    def hear(self, pcm: bytes, now: float) -> None:
        due = math.ceil(round(now / FRAME_SECONDS, 6)) * FRAME_SAMPLES
        # A handset's jitter buffer gets back to its size in the same way.
        if self._next - due > CUSHION * FRAME_SAMPLES and level(pcm) < LOUD:
            return
        start = max(due, self._next)
        if start > self._next > 0:
            self._gaps.append((self._next / RATE, start / RATE))
        self._heard.put(start, pcm)
        self._next = start + len(pcm) // 2


class AudioSocketWire:
    mute_while_pressed = True

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        record: Record,
        call: uuid.UUID,
        patience: float,
        delays: tuple[Delay, Delay],
    ) -> None:
        self.name = str(call)
        self._reader = reader
        self._writer = writer
        self._record = record
        self._ear = Ear(record.heard, record.gaps)
        self._to_server: Way[bytes] = Way(delays[0], self._write)
        self._to_phone: Way[bytes] = Way(delays[1], self._hear)
        self._way_home = delays[1].most
        self._patience = patience
        self._closing = False
        self._unread = False
        writer.write(_message(ID, call.bytes))

    def send(self, number: int, pcm: bytes, now: float) -> None:
        if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES:
            self._unread = True
            self._writer.transport.abort()
            return
        self._to_server.put(_message(AUDIO, pcm), now)

    def press(self, digit: str, now: float) -> None:
        self._to_server.put(_message(KEY, digit.encode("ascii")), now)

    def hang_up(self) -> None:
        self._closing = True
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def listen(self, now: Callable[[], float]) -> str:
        try:
            while await self._message(now):
                pass
            # What was sent before the hang-up is still under way.
            await asyncio.sleep(0.0 if self._closing else self._way_home)
        except Fault as fault:
            self._record.faults.append(str(fault))
            return f"a fault of the server: {fault}"
        except asyncio.IncompleteReadError:
            if self._unread:
                self._record.faults.append("did not read what the caller said")
                return "a fault of the server: it does not read"
            return "the server closed the connection"
        except ConnectionError:
            return "the server reset the connection"
        finally:
            self._writer.close()
        return "the server hung up"

    async def _message(self, now: Callable[[], float]) -> bool:
        """Reads one message; false if it was the hang-up."""
        header = await self._header()
        kind, length = header[0], int.from_bytes(header[1:], "big")
        payload = await self._payload(kind, length)
        if kind == HANG_UP:
            return False
        if kind != AUDIO:
            raise Fault(f"kind 0x{kind:02x} is not for Asterisk: 0x00 or 0x10 expected")
        if length == 0:
            raise Fault("an audio message of no length")
        if length % 2:
            self._record.faults.append(f"an audio message of {length} bytes, half a sample")
        self._to_phone.put(payload[: length - length % 2], now())
        return True

    def _write(self, message: bytes, now: float) -> None:
        if not self._closing:
            self._writer.write(message)

    def _hear(self, pcm: bytes, now: float) -> None:
        if not self._closing:
            self._record.arrivals.append(now)
            self._ear.hear(pcm, now)

    async def _header(self) -> bytes:
        try:
            return await self._reader.readexactly(HEADER)
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise Fault(f"the connection ended within a header: {end.partial!r}") from end
            raise

    async def _payload(self, kind: int, length: int) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await self._reader.readexactly(length)
        except TimeoutError as late:
            raise Fault(f"a payload came more than {self._patience} s after its header") from late
        except asyncio.IncompleteReadError as end:
            came = len(end.partial)
            raise Fault(f"kind 0x{kind:02x}: {came} of {length} bytes, then the end") from end


def _message(kind: int, payload: bytes) -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


@asynccontextmanager
async def open_phone(
    host: str = "127.0.0.1",
    port: int = 9092,
    *,
    call: uuid.UUID | None = None,
    background: bytes = SILENCE,
    patience: float = 0.2,
    echo: Echo | None = None,
    delay: float = 0.0,
    jitter: float = 0.0,
) -> AsyncIterator[Phone]:
    """Calls an AudioSocket server. Raises `CallFailed`.

    `background` sounds behind everything that the caller says. `patience`: how much later than its
    header a payload may come (Asterisk: 0.005). `delay` and `jitter` are seconds, one way, for both
    ways: the network between Asterisk and the phone."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError as late:
        raise CallFailed(f"{host}:{port} did not answer within {CONNECT_SECONDS} s") from late
    except OSError as refused:
        raise CallFailed(f"nothing listens on {host}:{port}") from refused
    record = Record()
    delays = (Delay(delay, jitter, 1), Delay(delay, jitter, 2))
    wire = AudioSocketWire(reader, writer, record, call or uuid.uuid4(), patience, delays)
    try:
        async with on_call(wire, record, background, echo) as phone:
            yield phone
    finally:
        writer.close()
