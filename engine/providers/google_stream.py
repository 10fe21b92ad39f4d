"""One call's hearing by streams of the service, one after the other, as if they were one.

A stream may live for five minutes only, and may break at any time: the last seconds of sound are
kept and given to the next one. What was heard is sorted out in `google_ledger`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import assert_never

from engine.core.audio import RATE, silence
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.ports import HearingCommand, HearingResult, ProviderFailed
from engine.providers.google_api import Failed, GoogleSpeech, UsedUp
from engine.providers.google_ledger import Ledger, Patience, Result, Tape

PIECE_SECONDS = 0.1
_PIECE = silence(PIECE_SECONDS)
_MESSAGE_BYTES = 3200
_WAITING_PIECES = 300
"""More than that, and the network does not take them."""
MOST_STREAMS = 3
"""The present stream, the next, and an old one that may still tell its last words."""
_LATE = 1.0
"""Seconds that silence may be late: what is later was not sent, and never will be."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; those of a stream's life are counted in the sound that it was given."""

    rotate: float = 240.0
    """A stream is followed by another in the first silence after this ..."""
    rotate_at_latest: float = 285.0
    """... and in the middle of a word if there is none."""
    overlap: float = 1.0
    """Both are given the sound for so long, and until the new one is heard from ..."""
    overlap_to: float = 295.0
    """... unless the old one is as old as this: the service would end it soon."""
    kept: float = 10.0
    """The last sound, for a new stream."""
    preroll: float = 0.5
    """The longest pre-roll of an utterance: silence is sent when none can claim its time."""
    stall_voice: float = 2.0
    """So much voice without any result, in ..."""
    stall: float = 3.0
    """... so long: the stream is dead."""
    retry: float = 0.3
    """From the second failure to the next try; after the first one, it is at once."""
    failures: int = 3
    """So many in `window`: recognition has failed."""
    window: float = 30.0
    quota_wait: float = 2.0
    """The longest wait for a turn after a quota was used up: more, and recognition has failed."""
    patience: Patience = field(default_factory=Patience)


class _Stream:
    def __init__(self, number: int, base: int, since: int, opened: int) -> None:
        self.number = number
        self.base = base
        self.since = since
        self.opened = opened
        """The position at that moment."""
        self.connected = False
        """The service has told anything at all in it."""
        self._reader: asyncio.Task[None] | None = None
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    @property
    def stuck(self) -> bool:
        return self._pieces.qsize() > _WAITING_PIECES

    def read_by(self, reader: asyncio.Task[None]) -> None:
        self._reader = reader

    def cancel(self) -> None:
        if self._reader:
            self._reader.cancel()

    def send(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), _MESSAGE_BYTES):
            self._pieces.put_nowait(pcm[start : start + _MESSAGE_BYTES])

    def end(self) -> None:
        self._pieces.put_nowait(None)

    async def pieces(self) -> AsyncGenerator[bytes]:
        while (pcm := await self._pieces.get()) is not None:
            yield pcm


class StreamedCall:
    def __init__(
        self, service: GoogleSpeech, times: Times, expected: Callable[[], Sequence[str]]
    ) -> None:
        self.results: asyncio.Queue[HearingResult | None] = asyncio.Queue()
        """`None`: there will be no more."""
        self.failure: ProviderFailed | None = None
        self._service = service
        self._times = times
        self._expected = expected
        self._ledger = Ledger(times.patience)
        self._tape = Tape(times.kept)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        """When position 0 was, as far as silence is concerned."""
        self._group: asyncio.TaskGroup | None = None
        self._opened = 0
        self._reading: list[_Stream] = []
        """Those that are read, oldest first."""
        self._current: _Stream | None = None
        self._next: _Stream | None = None
        self._open_at: float | None = None
        """When a stream is to be opened in the place of one that broke."""
        self._no_rotation_before = 0
        self._failures: list[float] = []
        self._voice = 0
        """Samples of utterances since the last result."""
        self._voice_began = 0.0
        self._no_more_commands = False
        self._over = asyncio.Event()

    async def run(self, commands: AsyncIterator[HearingCommand]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._schedule(self._loop.time())
                working = [
                    group.create_task(self._follow(commands)),
                    group.create_task(self._keep_time()),
                ]
                await self._over.wait()
                for task in working:
                    task.cancel()
                for stream in self._reading:
                    stream.cancel()
        finally:
            self.results.put_nowait(None)

    # What the call says.

    async def _follow(self, commands: AsyncIterator[HearingCommand]) -> None:
        async for command in commands:
            self._obey(command)
        self._no_more_commands = True

    def _obey(self, command: HearingCommand) -> None:
        match command:
            case Listen(utterance, preroll):
                self._ledger.begin(utterance, self._tape.position, len(preroll) // 2)
                self._feed(preroll)
            case Hear(utterance, pcm):
                if self._ledger.speaking != utterance:  # it began when we were not there yet
                    self._ledger.begin(utterance, self._tape.position)
                self._count_voice(pcm)
                self._feed(pcm)
            case Pause():
                pass  # the words so far are told anyway
            case StopListening(utterance, frames):
                self._stop(utterance, frames)
            case _:
                assert_never(command)

    def _stop(self, utterance: int, frames: int) -> None:
        now = self._loop.time()
        if self._ledger.end(utterance, frames, self._tape.position, now):
            # No word is torn if more of the silence follows at once: the service waits for some
            # before it takes an end for one.
            self._feed_silence(now, preroll=0.0)
        self._tell(self._ledger.answers(now))

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(PIECE_SECONDS)
            now = self._loop.time()
            if self._open_at is not None and now >= self._open_at:
                self._open(now)
            self._feed_silence(now, self._times.preroll)
            self._look_for_stall(now)
            self._tell(self._ledger.answers(now))
            if self._no_more_commands and not self._ledger.awaiting:
                self._over.set()

    def _feed_silence(self, now: float, preroll: float) -> None:
        """Silence for the time that has passed unheard; never ahead of that."""
        if self._ledger.speaking is not None:
            return
        late = now - self._began - preroll - self._tape.position / RATE
        if late > _LATE:
            self._began += late - _LATE
            late = _LATE
        for _ in range(int(late / PIECE_SECONDS)):
            self._feed(_PIECE)

    def _feed(self, pcm: bytes) -> None:
        self._tape.append(pcm)
        for stream in (self._current, self._next):
            if stream is None:
                continue
            stream.send(pcm)
            if stream.stuck:
                self._break(stream, Failed("Google: the network is stuck", "UNAVAILABLE"))
        self._rotate()

    # Streams.

    def _rotate(self) -> None:
        """The present stream is followed by the next in time."""
        if self._current is None:
            return
        position = self._tape.position
        age = (position - self._current.base) / RATE
        good_moment = self._ledger.quiet or age >= self._times.rotate_at_latest
        if self._next is not None:
            both = (position - self._next.opened) / RATE
            ready = both >= self._times.overlap and self._next.connected and good_moment
            if ready or age >= self._times.overlap_to:
                log.info("google_stream_renewed", extra={"facts": {"stream": self._next.number}})
                self._current.end()
                self._believe(self._next)
            return
        if age < self._times.rotate or position < self._no_rotation_before:
            return
        if good_moment:
            now = self._loop.time()
            if not self._service.throttle.may(now):
                self._no_rotation_before = position + RATE
                return
            self._next = self._begin_stream()

    def _schedule(self, now: float, wait: float = 0.0) -> None:
        """A stream is opened after `wait`, or as soon then as it may be."""
        turn = self._service.throttle.turn(now + wait, now + self._times.quota_wait)
        if turn is None:
            self._give_up(UsedUp("Google: the quota is used up", "RESOURCE_EXHAUSTED"))
        elif turn > now:
            self._open_at = turn
        else:
            self._open(now)

    def _open(self, now: float) -> None:
        self._open_at = None
        self._believe(self._begin_stream())
        self._ledger.wait_anew(now)

    def _begin_stream(self) -> _Stream:
        assert self._group is not None
        self._opened += 1
        base, since = self._ledger.resume_at(self._tape)
        stream = _Stream(self._opened, base, since, self._tape.position)
        self._ledger.opened(stream.number, base)
        stream.send(self._tape.since(base))
        reader = self._group.create_task(self._read(stream))
        reader.add_done_callback(lambda _: self._reading.remove(stream))
        stream.read_by(reader)
        self._reading.append(stream)
        if len(self._reading) > MOST_STREAMS:
            old = (one for one in self._reading if one not in (self._current, stream))
            next(old).cancel()
        return stream

    def _believe(self, stream: _Stream) -> None:
        self._ledger.believe(stream.number, stream.since, self._tape.position)
        self._current, self._next = stream, None
        self._voice = 0

    async def _read(self, stream: _Stream) -> None:
        results = self._service.stream(stream.pieces(), tuple(self._expected()))
        try:
            async with aclosing(results):
                async for heard in results:
                    self._heard(stream, heard)
        except Failed as why:
            self._failed(stream, why)
        else:
            self._failed(stream, Failed("Google: ended a stream of speech", "CANCELLED"))
        finally:
            stream.end()  # what feeds it waits for more otherwise, for ever

    def _heard(self, stream: _Stream, results: Sequence[Result]) -> None:
        stream.connected = True
        if stream is self._current and any(result.text for result in results):
            self._voice = 0
        now = self._loop.time()
        self._ledger.heard(stream.number, results, self._tape.position, now)
        self._tell(self._ledger.partial())
        self._tell(self._ledger.answers(now))

    # What goes wrong.

    def _break(self, stream: _Stream, why: Failed) -> None:
        stream.cancel()
        self._failed(stream, why)

    def _failed(self, stream: _Stream, why: Failed) -> None:
        now = self._loop.time()
        if stream is self._next:
            self._ledger.forget(stream.number)
            self._next = None
            self._no_rotation_before = self._tape.position + RATE
        elif stream is self._current and not self._over.is_set():
            log.warning("google_stream_failed", extra={"facts": {"why": str(why)}})
            self._replace(why, now)

    def _replace(self, why: Failed, now: float) -> None:
        self._current = None
        if self._next is not None:
            self._believe(self._next)
            self._ledger.wait_anew(now)
            return
        if not why.other_way:
            self._failures = [at for at in self._failures if at > now - self._times.window]
            self._failures.append(now)
        if why.lasting or len(self._failures) >= self._times.failures:
            self._give_up(why)
        else:
            again = not why.other_way and len(self._failures) > 1
            self._schedule(now, self._times.retry if again else 0.0)

    def _give_up(self, why: ProviderFailed) -> None:
        """What awaits an answer is heard again by who comes next, if nothing is told of it."""
        self.failure = why
        self._over.set()

    def _count_voice(self, pcm: bytes) -> None:
        if self._voice == 0:
            self._voice_began = self._loop.time()
        self._voice += len(pcm) // 2

    def _look_for_stall(self, now: float) -> None:
        enough = self._voice >= self._times.stall_voice * RATE
        if enough and self._current and now - self._voice_began >= self._times.stall:
            self._break(self._current, Failed("Google: a stream went quiet", "DEADLINE_EXCEEDED"))

    def _tell(self, results: Iterable[HearingResult]) -> None:
        for result in results:
            self.results.put_nowait(result)
