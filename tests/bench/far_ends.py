"""The far ends of many calls in one process: they note when what comes in arrived, and little else.

Leaner than `bridge.rehearsal`, whose phones record and judge: here the measuring must not become
what is measured. Each call's own timer tells how late this process is itself.
"""

import asyncio
import base64
import time
import uuid
from array import array
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Protocol, cast

import aiohttp
import numpy as np
import orjson

from bridge.rehearsal import twilio_phone
from bridge.twilio_media.webhooks import MEDIA_PATH
from engine.core.audio import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, RATE, SILENCE, pcm_to_mulaw
from tests.bench.bridge_process import BridgeProcess
from tests.bench.callers import Caller, Ear

_CLOSING_SECONDS = 5.0
_HEADER = bytes((0x10, FRAME_BYTES >> 8, FRAME_BYTES & 0xFF))
_HEADER_BYTES = 3
_KIND_ID = 0x01
_NOISE = np.random.default_rng(0).normal(0.0, 1.0, FRAME_SAMPLES)
VOICE = [
    np.clip(loudness * _NOISE, -32768, 32767).astype("<i2").tobytes()
    for loudness in (3000, 1500, 800, 4000, 2000)
]
"""Sound that is never the same for long: what is, is noise."""


class CallLost(Exception):
    """The bridge ended a call that should have gone on."""


class FarEnd(Protocol):
    ear: Ear

    async def send(self, voiced: bool, now: float) -> None:
        """The caller's next 20 ms."""
        ...


class AudioSocketEnd(asyncio.Protocol):
    """Asterisk's side of one call."""

    _SILENCE = _HEADER + SILENCE
    _VOICE = tuple(_HEADER + frame for frame in VOICE)

    def __init__(self) -> None:
        self.call = str(uuid.uuid4())
        self.ear = Ear()
        self.arrivals = array("d")
        self.voiced = bytearray()
        """Beside each arrival: whether that frame was other than silence."""
        self.lost = asyncio.Event()
        self._rest = b""
        self._voices = cycle(self._VOICE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is its own class
        call = uuid.UUID(self.call).bytes
        self._transport.write(bytes((_KIND_ID, 0, len(call))) + call)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._rest + data
        at = 0
        while len(data) - at >= _HEADER_BYTES:
            end = at + _HEADER_BYTES + int.from_bytes(data[at + 1 : at + 3], "big")
            if end > len(data):
                break
            if data[at] == _HEADER[0]:
                self._hear(data[at + _HEADER_BYTES : end] != SILENCE, now)
            at = end
        self._rest = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()

    async def send(self, voiced: bool, now: float) -> None:
        if self.lost.is_set():
            raise CallLost("AudioSocket: the bridge closed the connection")
        self._transport.write(next(self._voices) if voiced else self._SILENCE)

    async def close(self) -> None:
        self._transport.close()
        await self.lost.wait()

    def _hear(self, voiced: bool, now: float) -> None:
        self.arrivals.append(now)
        self.voiced.append(voiced)
        if voiced:
            self.ear.hear(now, now)


def _payload(pcm: bytes) -> str:
    return base64.b64encode(pcm_to_mulaw(pcm)).decode("ascii")


class TwilioEnd:
    """Twilio's side of one call: a buffer that plays in real time, and marks that come back."""

    _SILENCE = _payload(SILENCE)
    _VOICE = tuple(_payload(frame) for frame in VOICE)

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, stream: str, call: str) -> None:
        self.call = call
        self.ear = Ear()
        self.clears: list[float] = []
        self.margins: list[float] = []
        """Seconds that were left in the buffer whenever more of a reply came; below 0: dry."""
        self.ends: list[float] = []
        """When the mark that closes a reply was returned."""
        self._socket = socket
        self._stream = stream
        self._played_until = 0.0
        self._in_reply = False
        self._marks: deque[tuple[float, str]] = deque()
        self._sent = 0
        self._voices = cycle(self._VOICE)

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    async def listen(self) -> None:
        async for message in self._socket:
            self._hear(orjson.loads(message.data), time.monotonic())

    async def send(self, voiced: bool, now: float) -> None:
        if self._socket.closed:
            raise CallLost(f"Twilio: the bridge closed the stream ({self._socket.close_code})")
        while self._marks and self._marks[0][0] <= now:
            mark = self._marks.popleft()[1]
            if mark.endswith(":end"):
                self.ends.append(time.monotonic())
            await self._return(mark)
        self._sent += 1
        payload = next(self._voices) if voiced else self._SILENCE
        await self._socket.send_str(
            f'{{"event":"media","sequenceNumber":"{self._sent}","media":{{"track":"inbound",'
            f'"chunk":"{self._sent}","timestamp":"{20 * self._sent}",'
            f'"payload":"{payload}"}},"streamSid":"{self._stream}"}}'
        )

    async def _return(self, mark: str) -> None:
        message = {"event": "mark", "streamSid": self._stream, "mark": {"name": mark}}
        await self._socket.send_str(orjson.dumps(message).decode())

    def _hear(self, message: dict[str, object], now: float) -> None:
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                self._play(len(payload) * 3 // 4 - payload.count("="), now)
            case {"event": "mark", "mark": {"name": str(name)}}:
                self._marks.append((self._played_until, name))
                if name.endswith(":end"):
                    self._in_reply = False
            case {"event": "clear"}:
                self.clears.append(now)
                self._in_reply = False
                self._played_until = self.ear.until = now
                self._marks = deque((now, name) for _, name in self._marks)

    def _play(self, samples: int, now: float) -> None:
        if self._in_reply:
            self.margins.append(self._played_until - now)
        self._in_reply = True
        start = max(self._played_until, now)
        self._played_until = start + samples / RATE
        self.ear.hear(start, self._played_until)


@dataclass(slots=True)
class Crowd:
    """Calls of both lines at once, and how late this process was itself."""

    bridge: BridgeProcess
    http: aiohttp.ClientSession
    lateness: list[float] = field(default_factory=list)

    async def call_audiosocket(self, caller: Caller, until: float) -> AudioSocketEnd:
        """One call, until that moment or until the caller has done."""
        loop = asyncio.get_running_loop()
        _, end = await loop.create_connection(AudioSocketEnd, "127.0.0.1", self.bridge.audiosocket)
        try:
            await self._pace(end, caller, until)
        finally:
            await end.close()
        return end

    async def call_twilio(self, caller: Caller, until: float) -> TwilioEnd:
        async with self._stream() as end, asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(end.listen())
            await self._pace(end, caller, until)
            listening.cancel()
        return end

    async def _pace(self, end: FarEnd, caller: Caller, until: float) -> None:
        due = time.monotonic()
        while due < until and not caller.done:
            due += FRAME_SECONDS
            await asyncio.sleep(due - time.monotonic())
            now = time.monotonic()
            self.lateness.append(max(0.0, now - due))
            await end.send(caller.speaks(now, end.ear), now)

    @asynccontextmanager
    async def _stream(self) -> AsyncGenerator[TwilioEnd]:
        address = f"127.0.0.1:{self.bridge.http}"
        caller = twilio_phone.Caller()
        form = twilio_phone.webhook_form(caller)
        async with self.http.post(f"http://{address}/twilio/voice", data=form) as answer:
            twiml = twilio_phone.read_twiml(await answer.text(), f"http://{address}", [])
        name = f"MZ{uuid.uuid4().hex}"
        start = {
            "streamSid": name,
            "accountSid": caller.account_sid,
            "callSid": caller.call_sid,
            "tracks": ["inbound"],
            "customParameters": twiml.parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
        }
        timeout = aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS)
        url = f"ws://{address}{MEDIA_PATH}"
        async with self.http.ws_connect(url, timeout=timeout) as socket:
            await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            await socket.send_json({"event": "start", "streamSid": name, "start": start})
            yield TwilioEnd(socket, name, caller.call_sid)


@asynccontextmanager
async def crowd(bridge: BridgeProcess) -> AsyncGenerator[Crowd]:
    async with aiohttp.ClientSession() as http:
        yield Crowd(bridge, http)


def spread(number: int, calls: int) -> float:
    """How much later than the first a call begins, so that their beats lie evenly in 20 ms."""
    return number * (5 * FRAME_SECONDS + FRAME_SECONDS / calls)
