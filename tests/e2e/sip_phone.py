"""A real SIP phone inside the test: it speaks what it is given, keeps what it hears, and when.

One phone at a time in a process (the SIP stack is global), with any number of calls. Sound is
16-bit little-endian mono PCM at 8,000 Hz; all times are those of the event loop's clock.
"""

import asyncio
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from baresip import Account, Call, Config, Event, Runtime, StackEvent, UserAgent
from baresip.errors import AudioNotActive, AudioRestarted, StaleHandleError

from bridge.ticker import PERIOD, Ticker

RATE = 8000
BYTES_PER_SEC = 2 * RATE
# Written ahead of the wire, so that a busy event loop is not heard as a stutter.
_AHEAD_BYTES = BYTES_PER_SEC // 10
_READ_BYTES = BYTES_PER_SEC // 4
_FRAME_BYTES = 320
# Speech is far louder, the noise of a codec far softer.
_LOUD_RMS = 200.0


_Samples = npt.NDArray[Any]


class CallRefused(Exception):
    """The call was not answered; the message has the far end's words."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a call."""

    at: float
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start` to `end` of a sound, which ended at the time `at`."""

    at: float
    start: int
    end: int


class SipCall:
    """One call. Made by `SipPhone.call`."""

    def __init__(self, handle: Call, began: float) -> None:
        self.status = ""
        """What the far end gave as the reason of the end, as `503 Service Unavailable`."""
        self.pieces: list[Piece] = []
        """When what part of `heard` was heard."""
        self._handle = handle
        self._moments = [Moment(began, "began")]
        self._answered = asyncio.Event()
        self._closed = asyncio.Event()
        self._heard = bytearray()
        self._told = bytearray()
        self._told_pieces: list[Piece] = []
        self._to_say = bytearray()
        self._waiting: list[tuple[Callable[[], bool], asyncio.Event]] = []

    @property
    def heard(self) -> bytes:
        """All that has come from the far end; what did not come (a lost packet, a pause of the
        sender) is not in it."""
        return bytes(self._heard)

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def say(self, pcm: bytes) -> None:
        """Queued behind what is still to be said; silence is said when there is nothing."""
        self._note("say", f"{len(pcm) / BYTES_PER_SEC:.2f} s")
        self._to_say += pcm

    async def dtmf(self, digits: str) -> None:
        self._note("dtmf", digits)
        await self._handle.send_dtmf(digits)

    async def hang_up(self) -> None:
        """Returns when the call is over, whoever ended it."""
        self._note("hang up")
        try:
            await self._handle.hangup()
        except StaleHandleError:
            self._note("was gone already")
        await self.wait_closed()

    async def wait_closed(self, within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            await self._closed.wait()

    async def wait_said(self, within: float = 30.0) -> None:
        """Until all that was to be said is on the wire, or will be in a tenth of a second."""
        await self.wait_until(lambda: not self._to_say, within)

    async def wait_heard(self, seconds: float, within: float = 30.0) -> None:
        """Until so many seconds more have come from the far end."""
        enough = len(self._heard) + seconds * BYTES_PER_SEC
        await self.wait_until(lambda: len(self._heard) >= enough, within)

    async def wait_until(self, condition: Callable[[], bool], within: float = 30.0) -> None:
        """Until the condition holds; it is asked each time that sound has come or gone, and a
        call that ends first is an error."""
        turn = asyncio.Event()
        self._waiting.append((condition, turn))
        self._wake()
        try:
            async with asyncio.timeout(within):
                await turn.wait()
        finally:
            self._waiting = [entry for entry in self._waiting if entry[1] is not turn]
        if not condition():
            raise CallRefused(f"the call ended while it was waited for: {self.status}")

    def sound(self, piece: Piece) -> bytes:
        """One of `pieces`."""
        return bytes(self._heard[piece.start : piece.end])

    def heard_between(self, start: float, end: float) -> bytes:
        """What came between two times of the loop's clock, to the byte of a sample."""
        sound = bytearray()
        for piece in self.pieces:
            began = piece.at - (piece.end - piece.start) / BYTES_PER_SEC
            first = piece.start + 2 * max(0, round((start - began) * RATE))
            last = piece.end - 2 * max(0, round((piece.at - end) * RATE))
            sound += self._heard[first : max(first, last)]
        return bytes(sound)

    def timeline(self) -> list[Moment]:
        """What happened, in order; also when a sound was heard, and when it had ended."""
        return sorted(self._moments + _sounds(self._heard, self.pieces), key=lambda m: m.at)

    def save(self, path: Path) -> None:
        """A stereo WAV from the answer on: we are left, the far end is right, each at its time."""
        start = next((m.at for m in self._moments if m.what == "answered"), self._moments[0].at)
        left = _aligned(self._told, self._told_pieces, start)
        right = _aligned(self._heard, self.pieces, start)
        both = np.zeros((max(len(left), len(right)), 2), dtype="<i2")
        both[: len(left), 0] = left
        both[: len(right), 1] = right
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(both.tobytes())

    # For the phone.

    def hear_of(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                self._note("ringing")
            case Event.CALL_ESTABLISHED:
                self._note("answered")
                self._answered.set()
            case Event.CALL_CLOSED:
                self.status = event.text or ""
                self._note("closed", self.status)
                self._closed.set()
                self._answered.set()
                self._wake()
            case _:
                pass

    async def wait_answered(self, within: float) -> None:
        async with asyncio.timeout(within):
            await self._answered.wait()
        if self.is_closed:
            raise CallRefused(self.status)

    def pump(self, now: float) -> None:
        """Every 20 ms: hands on what is to be said, takes what was heard."""
        if self.is_closed or not self._answered.is_set():
            return
        try:
            self._listen(now)
            self._speak(now)
        except (AudioNotActive, AudioRestarted):
            # Between the answer and the first packet, and while the far end changes the line.
            return
        self._wake()

    def _listen(self, now: float) -> None:
        sound = self._handle.audio.read(_READ_BYTES)
        if sound:
            self._heard += sound
            self.pieces.append(Piece(now, len(self._heard) - len(sound), len(self._heard)))

    def _speak(self, now: float) -> None:
        if not self._to_say:
            return
        ahead = self._handle.audio.info().tx_buffered
        room = _AHEAD_BYTES - ahead
        if room <= 0:
            return
        taken = self._handle.audio.write(bytes(self._to_say[:room]))
        self._told += self._to_say[:taken]
        del self._to_say[:taken]
        end = now + (ahead + taken) / BYTES_PER_SEC
        self._told_pieces.append(Piece(end, len(self._told) - taken, len(self._told)))
        if not self._to_say:
            self._moments.append(Moment(end, "said"))

    def _wake(self) -> None:
        for condition, turn in self._waiting:
            if self.is_closed or condition():
                turn.set()

    def _note(self, what: str, detail: str = "") -> None:
        self._moments.append(Moment(asyncio.get_running_loop().time(), what, detail))


class SipPhone:
    """A phone: without an account it just calls, with one it registers first.

    `server` is `host:port` of the registrar."""

    def __init__(
        self, *, user: str = "caller", password: str = "", server: str = "127.0.0.1"
    ) -> None:
        self._runtime = Runtime()
        self._account = Account(
            user,
            server,
            password,
            reg_interval=60 if password else 0,
            audio_codecs=("pcmu",),
        )
        self._registers = bool(password)
        self._calls: dict[int, SipCall] = {}
        # The stack tells of an answer that comes before dial() has returned when nobody listens
        # to that call yet: kept here until somebody does.
        self._early: dict[int, list[StackEvent]] = {}
        self._incoming: asyncio.Queue[Call] = asyncio.Queue()
        self._ticker = Ticker()

    async def __aenter__(self) -> "SipPhone":
        # Loopback has to be named: the stack does not look for addresses there.
        await self._runtime.start(Config(net_interface="127.0.0.1", max_concurrent_calls=None))
        try:
            self._runtime.subscribe(self._on_event)
            self._agent = await UserAgent.create(self._runtime, self._account)
            if self._registers:
                await self._agent.register()
        except BaseException:
            await self._runtime.close()
            raise
        self._agent.on_incoming(self._incoming.put_nowait)
        self._ticker.add(self._pump)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ticker.remove(self._pump)
        await self._runtime.close()

    async def call(self, uri: str, *, within: float = 10.0) -> SipCall:
        """Returns when the call has been answered. Raises `CallRefused`."""
        began = asyncio.get_running_loop().time()
        call = self._adopt(await self._agent.dial(uri), began)
        try:
            await call.wait_answered(within)
        except TimeoutError:
            await call.hang_up()
            raise CallRefused(f"no answer within {within:g} s") from None
        return call

    async def answer(self, *, within: float = 30.0) -> SipCall:
        """The next call to this phone, picked up at once."""
        async with asyncio.timeout(within):
            handle = await self._incoming.get()
            call = self._adopt(handle, asyncio.get_running_loop().time())
            await handle.answer()
            await call.wait_answered(within)
        return call

    def _adopt(self, handle: Call, began: float) -> SipCall:
        call = self._calls[handle.handle] = SipCall(handle, began)
        for event in self._early.pop(handle.handle, []):
            call.hear_of(event)
        return call

    def _on_event(self, event: StackEvent) -> None:
        if not event.call:
            return
        call = self._calls.get(event.call)
        if call is None:
            self._early.setdefault(event.call, []).append(event)
        else:
            call.hear_of(event)

    def _pump(self, now: float) -> None:
        for call in self._calls.values():
            call.pump(now)


def alike(told: bytes, heard: bytes, window: float = 0.1) -> list[float]:
    """For each window of `told`, how well it is found anywhere in `heard`: 1 is itself.

    In pieces, because a jitter buffer shifts what follows by some milliseconds, on a busy machine
    often. Windows without a sound are left out. Short ones suit noise, speech resembles itself."""
    size = round(window * RATE)
    mouth, ear = (np.frombuffer(sound, dtype="<i2").astype(float) for sound in (told, heard))
    ear = np.concatenate([ear, np.zeros(size)])
    energy = np.concatenate([[0.0], np.cumsum(ear**2)])
    loudness = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1.0))
    found = []
    for start in range(0, len(mouth) - size + 1, size):
        part = mouth[start : start + size]
        norm = float(np.linalg.norm(part))
        if norm >= _LOUD_RMS * size**0.5:
            found.append(float(np.max(_correlate(ear, part) / loudness)) / norm)
    return found


def _correlate(long: _Samples, short: _Samples) -> _Samples:
    """As `np.correlate(long, short, "valid")`, by way of the spectrum: a hundred times faster."""
    size = len(long) + len(short)
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    return product[: len(long) - len(short) + 1]


def _aligned(sound: bytearray, pieces: list[Piece], start: float) -> _Samples:
    """The sound with each piece at its time; pieces that all but touch are one."""
    samples = np.frombuffer(bytes(sound), dtype="<i2")
    parts: list[_Samples] = []
    length = 0
    for piece in pieces:
        part = samples[piece.start // 2 : piece.end // 2]
        gap = round((piece.at - start) * RATE) - len(part) - length
        if gap > RATE // 10:
            parts.append(np.zeros(gap, dtype="<i2"))
            length += gap
        parts.append(part)
        length += len(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype="<i2")


def _sounds(heard: bytearray, pieces: list[Piece]) -> list[Moment]:
    """When a sound began, and when it had ended: softer for a fifth of a second."""
    moments: list[Moment] = []
    last_loud: float | None = None
    for piece in pieces:
        for start in range(piece.start, piece.end, _FRAME_BYTES):
            frame = np.frombuffer(heard[start : min(start + _FRAME_BYTES, piece.end)], dtype="<i2")
            at = piece.at - (piece.end - start) / BYTES_PER_SEC
            if last_loud is not None and at - last_loud > 0.2:
                moments.append(Moment(last_loud + PERIOD, "silence"))
                last_loud = None
            if float(np.sqrt(np.mean(frame.astype(float) ** 2))) < _LOUD_RMS:
                continue
            if last_loud is None:
                moments.append(Moment(at, "sound"))
            last_loud = at
    if last_loud is not None:
        moments.append(Moment(last_loud + PERIOD, "silence"))
    return moments
