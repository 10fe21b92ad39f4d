"""A caller's telephone: speaks, listens and records, on a time axis of its own.

It knows nothing of what answers the call. How sound and keys travel is its wire's business
(`audiosocket_phone.py`, `twilio_phone.py`); sound is 16-bit little-endian mono PCM at 8,000 Hz.
"""

import asyncio
import itertools
import math
import random
import wave
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from bridge.rehearsal.ear import pcm_of
from engine.core.audio import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    FRAME_SECONDS,
    RATE,
    SILENCE,
    level,
)

LOUD = 200
"""Root mean square from which a frame counts as voice (-44 dBFS)."""
KEY_FRAMES = 10
"""A pressed key lasts 200 ms."""
CLOSING_SECONDS = 2.0

Item = TypeVar("Item")


class CallFailed(Exception):
    """The call did not come about; the message says why."""


class CallOver(Exception):
    """The call ended while something in it was still waited for."""


class WaitedTooLong(Exception):
    """What the caller waited for did not happen within the limit."""


def comfort_noise(dbfs: float, seconds: float = 1.0) -> bytes:
    """White noise, the same every time."""
    deviation = 32768 * 10 ** (dbfs / 20)
    noise = np.random.default_rng(0).normal(0.0, deviation, int(seconds * RATE))
    return np.clip(noise, -32768, 32767).astype("<i2").tobytes()


class Track:
    """Sound on a time axis that begins at 0 s; silent where nothing was put."""

    def __init__(self) -> None:
        self._pcm = bytearray()

    def put(self, sample: int, pcm: bytes) -> None:
        start = 2 * sample
        if start > len(self._pcm):
            self._pcm.extend(bytes(start - len(self._pcm)))
        self._pcm[start : start + len(pcm)] = pcm

    def cut(self, sample: int) -> None:
        """Forget everything from this sample on."""
        del self._pcm[2 * sample :]

    def between(self, start: float, end: float) -> bytes:
        first, last = (2 * max(0, round(at * RATE)) for at in (start, end))
        return bytes(self._pcm[first:last]).ljust(max(0, last - first), b"\0")

    def frame(self, number: int) -> bytes:
        start = number * FRAME_BYTES
        return bytes(self._pcm[start : start + FRAME_BYTES])


class Watch:
    """Tells when a track was last loud. What lies before `until` must not change any more."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._seen = 0
        self._last = 0.0

    def last_loud(self, until: float) -> float:
        """The end of the last loud frame before `until`; 0 if there is none."""
        complete = int(until / FRAME_SECONDS)
        for number in range(self._seen, complete):
            if level(self._track.frame(number)) >= LOUD:
                self._last = (number + 1) * FRAME_SECONDS
        self._seen = max(self._seen, complete)
        return self._last


class Delay:
    """One direction of a network: late by a fixed part and a random one, always in order."""

    def __init__(self, fixed: float, jitter: float, seed: int) -> None:
        self.most = fixed + jitter
        self._fixed = fixed
        self._jitter = jitter
        self._random = random.Random(seed)
        self._last = 0.0

    def due(self, now: float) -> float:
        late = self._fixed + self._random.uniform(0.0, self._jitter)
        self._last = max(self._last, now + late)
        return self._last


class Way(Generic[Item]):
    """Delivers what is put in, in order, each after its delay; at once if there is none."""

    def __init__(self, delay: Delay, deliver: Callable[[Item, float], None]) -> None:
        self._delay = delay
        self._deliver = deliver
        self._under_way: deque[tuple[Item, float]] = deque()

    def put(self, item: Item, now: float) -> None:
        if not self._delay.most:
            self._deliver(item, now)
            return
        due = self._delay.due(now)
        self._under_way.append((item, due))
        # Timers for the same moment may come in any order: each delivers the oldest.
        asyncio.get_running_loop().call_later(due - now, self._arrive)

    def _arrive(self) -> None:
        self._deliver(*self._under_way.popleft())


@dataclass(frozen=True, slots=True)
class Echo:
    """The agent's sound comes back from the caller's end."""

    loss_db: float = 12.0
    """How much softer it comes back (the echo return loss)."""
    delay: float = 0.0

    def of(self, heard: Track, start: float) -> bytes:
        """What comes back in the frame that begins then."""
        begin = start - self.delay
        if begin < 0:
            return SILENCE
        sound = heard.between(begin, begin + FRAME_SECONDS)
        return scaled(sound, 10 ** (-self.loss_db / 20))


def scaled(pcm: bytes, factor: float) -> bytes:
    """The same sound, softer or louder."""
    return pcm_of(np.frombuffer(pcm, dtype="<i2") * factor)


def mixed(one: bytes, other: bytes) -> bytes:
    """Two sounds of one length as one."""
    return pcm_of(np.frombuffer(one, dtype="<i2") * 1.0 + np.frombuffer(other, dtype="<i2"))


class Mouth:
    """What the caller has yet to say, frame by frame."""

    def __init__(self) -> None:
        self._queued = bytearray()

    def __len__(self) -> int:
        """Samples that are still to be said."""
        return len(self._queued) // 2

    def say(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            raise ValueError(f"16-bit samples expected, {len(pcm)} bytes came")
        self._queued.extend(pcm)

    @property
    def empty(self) -> bool:
        return not self._queued

    def next_frame(self) -> bytes:
        """The next 20 ms, the last one filled up with silence; empty if there is nothing to say."""
        frame = bytes(self._queued[:FRAME_BYTES])
        del self._queued[:FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, b"\0") if frame else b""


@dataclass(slots=True)
class Record:
    """What a call was like at the caller's end."""

    spoken: Track = field(default_factory=Track)
    heard: Track = field(default_factory=Track)
    arrivals: list[float] = field(default_factory=list)
    """When each piece of the agent's sound came in."""
    happened: list[tuple[float, str]] = field(default_factory=list)
    """Everything else, with its second: keys, marks in and out, clears."""
    faults: list[str] = field(default_factory=list)
    """Where the server broke the protocol."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """Holes in the agent's sound, from when to when: more of it came too late."""
    lateness: list[float] = field(default_factory=list)
    """How late the caller's own timer was, frame by frame."""


class Wire(Protocol):
    """How a phone's sound and keys travel. It writes what comes in into the call's `Record`."""

    name: str
    """What the server knows this call by."""
    mute_while_pressed: bool
    """No sound is sent while a key is down."""

    async def listen(self, now: Callable[[], float]) -> str:
        """Works until the other end is gone; returns why the call ended."""
        ...

    def send(self, number: int, pcm: bytes, now: float) -> None:
        """The caller's frame of this number; called every 20 ms."""
        ...

    def press(self, digit: str, now: float) -> None: ...

    def hang_up(self) -> None:
        """Begins to close; `listen` returns when the other end has closed too."""
        ...


class Phone:
    """One call, from the caller's side. Seconds count from its beginning."""

    def __init__(
        self,
        wire: Wire,
        record: Record,
        background: bytes = SILENCE,
        echo: Echo | None = None,
    ) -> None:
        self.closed = asyncio.Event()
        self.why = ""
        self._wire = wire
        self._record = record
        self._background = _endless(background)
        self._echo = echo
        self._number = 0
        self._mouth = Mouth()
        self._voice = Watch(record.heard)
        self._began = asyncio.get_running_loop().time()
        self._ended: float | None = None
        self._listening: asyncio.Task[None] | None = None
        self._pressing = 0
        self._last_words = 0.0
        self._listened = 0.0
        self._beat = asyncio.Event()

    @property
    def name(self) -> str:
        """The call's UUID or CallSid."""
        return self._wire.name

    @property
    def now(self) -> float:
        """The position on the phone's time axis; it stands still once the call is over."""
        if self._ended is not None:
            return self._ended
        return asyncio.get_running_loop().time() - self._began

    @property
    def heard(self) -> bytes:
        """What the caller's ear has heard so far, in whole frames."""
        return self.heard_between(0.0, self._whole_frames)

    @property
    def spoken(self) -> bytes:
        """What the caller has said so far: the same length, on the same time axis."""
        return self._record.spoken.between(0.0, self._whole_frames)

    @property
    def faults(self) -> list[str]:
        return self._record.faults

    @property
    def arrivals(self) -> list[float]:
        return self._record.arrivals

    @property
    def happened(self) -> list[tuple[float, str]]:
        return self._record.happened

    @property
    def gaps(self) -> list[tuple[float, float]]:
        return self._record.gaps

    @property
    def lateness(self) -> list[float]:
        return self._record.lateness

    @property
    def _whole_frames(self) -> float:
        return int(self.now / FRAME_SECONDS) * FRAME_SECONDS

    def heard_between(self, start: float, end: float) -> bytes:
        return self._record.heard.between(start, end)

    def last_heard(self) -> float:
        """The second at which the agent's voice was last heard; 0 if it never was."""
        return self._voice.last_loud(self.now)

    async def listen(self) -> AsyncIterator[bytes]:
        """What the ear hears, frame by frame from the call's beginning to its end."""
        for number in itertools.count():
            while self.now < (number + 1) * FRAME_SECONDS:
                if self._ended is not None:
                    return
                await self._beat.wait()
            yield self._record.heard.frame(number).ljust(FRAME_BYTES, b"\0")

    def say(self, pcm: bytes) -> float:
        """Queues this after what is still to be said; returns the second at which it begins."""
        first = (self._number + self._held_back) * FRAME_SAMPLES + len(self._mouth)
        self._mouth.say(pcm)
        return first / RATE

    def surround(self, background: bytes) -> None:
        """From now on this sounds behind everything, over and over."""
        self._background = _endless(background)

    async def until(self, second: float) -> None:
        """Waits for a position on the time axis."""
        await self._until(lambda: self.now >= second, math.inf, f"second {second:.2f}")

    @property
    def _held_back(self) -> int:
        """Frames that a pressed key keeps back."""
        return self._pressing if self._wire.mute_while_pressed else 0

    async def said(self) -> None:
        await self._until(lambda: self._mouth.empty, math.inf, "everything to be said")

    async def press(self, digits: str) -> None:
        for digit in digits:
            if self._ended is not None:
                raise CallOver(f"call {self.name} ended before key {digit}: {self.why}")
            self._record.happened.append((self.now, f"key {digit}"))
            self._wire.press(digit, self.now)
            self._pressing = KEY_FRAMES
            await self._until(lambda: self._pressing == 0, math.inf, "the key to be released")

    async def hang_up(self) -> None:
        if self._ended is None:
            self._end("the caller hung up")
            self._wire.hang_up()
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.closed.wait()
        except TimeoutError:
            fault = f"kept the connection open for {CLOSING_SECONDS} s after the call's end"
            self._record.faults.append(fault)
            if self._listening is not None:
                self._listening.cancel()
            await self.closed.wait()

    async def agent_speaks(self, limit: float = 20.0, *, since: float | None = None) -> None:
        """Returns when the agent is heard later than `since` (default: this moment)."""
        start = self.now if since is None else since
        await self._until(lambda: self.last_heard() > start, limit, "the agent to speak")

    async def quiet(
        self, after: float = 0.8, limit: float = 20.0, *, since: float | None = None
    ) -> None:
        """Returns when the agent has spoken and then been silent for `after` seconds.

        It must have spoken after the caller's last word and after `since` (default: the end of
        the last `quiet`)."""
        start = self._listened if since is None else since

        def settled() -> bool:
            last = self.last_heard()
            answered = self._mouth.empty and last > max(start, self._last_words)
            return answered and self.now - last >= after

        await self._until(settled, limit, f"the agent to speak and be silent for {after} s")
        self._listened = self.now

    def save_stereo(self, path: str | Path) -> None:
        """A WAV file: the caller left, the agent right."""
        sides = [np.frombuffer(side, dtype="<i2") for side in (self.spoken, self.heard)]
        shortest = min(len(side) for side in sides)
        both = np.column_stack([side[:shortest] for side in sides])
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(both.tobytes())

    async def _until(self, holds: Callable[[], bool], limit: float, what: str) -> None:
        deadline = self.now + limit
        while not holds():
            if self._ended is not None:
                raise CallOver(f"call {self.name} ended while it waited for {what}: {self.why}")
            if self.now >= deadline:
                raise WaitedTooLong(
                    f"call {self.name} waited {limit} s for {what}; "
                    f"the agent was last heard at {self.last_heard():.2f} s of {self.now:.2f} s"
                )
            await self._beat.wait()

    async def run(self) -> None:
        """Sends and receives until the call is over."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._listening = tasks.create_task(self._listen())
                tasks.create_task(self._talk())
        finally:
            self._end("the phone stopped")
            self.closed.set()

    async def _listen(self) -> None:
        self._end(await self._wire.listen(lambda: self.now))

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        for number in itertools.count():
            self._number = number
            # What the caller says in a frame leaves when the frame is complete.
            due = self._began + (number + 1) * FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self._ended is not None:
                return
            self._record.lateness.append(loop.time() - due)
            self._send(number)
            self._number = number + 1
            self._wake()

    def _send(self, number: int) -> None:
        if self._pressing:
            self._pressing -= 1
            if self._wire.mute_while_pressed:
                return
        words = self._mouth.next_frame()
        if level(words) >= LOUD:
            self._last_words = (number + 1) * FRAME_SECONDS
        frame = next(self._background)
        if words:
            frame = mixed(words, frame)
        if self._echo:
            frame = mixed(frame, self._echo.of(self._record.heard, number * FRAME_SECONDS))
        self._record.spoken.put(number * FRAME_SAMPLES, frame)
        self._wire.send(number, frame, self.now)

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = self.now
            self.why = why
            self._wake()

    def _wake(self) -> None:
        self._beat.set()
        self._beat = asyncio.Event()


@asynccontextmanager
async def on_call(
    wire: Wire, record: Record, background: bytes = SILENCE, echo: Echo | None = None
) -> AsyncIterator[Phone]:
    """A phone whose call has begun; the call is hung up at the end of the block."""
    phone = Phone(wire, record, background, echo)
    # Not a TaskGroup: it would wrap what the block raises, a failed assertion for instance.
    running = asyncio.create_task(phone.run())
    try:
        yield phone
    finally:
        try:
            await phone.hang_up()
            await running
        finally:
            running.cancel()


def _endless(background: bytes) -> Iterator[bytes]:
    starts = range(0, len(background), FRAME_BYTES)
    return itertools.cycle(
        [background[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for at in starts]
    )
