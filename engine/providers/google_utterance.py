"""One call's hearing by one request per utterance."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.core.audio import FRAME_BYTES
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult
from engine.providers.google_api import Failed, GoogleSpeech, UsedUp

TRIES = 2

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class _Guess:
    frames: int
    job: asyncio.Task[Final | RecognitionFailed]

    @property
    def failed(self) -> bool:
        return self.job.done() and isinstance(self.job.result(), RecognitionFailed)


class UtteranceCall:
    def __init__(self, service: GoogleSpeech, expected: Callable[[], Sequence[str]]) -> None:
        self.results: asyncio.Queue[HearingResult | None] = asyncio.Queue()
        """`None`: there will be no more."""
        self.failure: UsedUp | None = None
        self._service = service
        self._expected = expected
        self._group: asyncio.TaskGroup | None = None
        self._utterance = -1
        self._sound = bytearray()
        self._guess: _Guess | None = None

    async def run(self, commands: AsyncIterator[HearingCommand]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                async for command in commands:
                    self._obey(command)
                self._drop_guess()
        except* UsedUp as used_up:
            self.failure = next(one for one in used_up.exceptions if isinstance(one, UsedUp))
        finally:
            self.results.put_nowait(None)

    def _obey(self, command: HearingCommand) -> None:
        match command:
            case Listen(utterance, preroll):
                self._begin(utterance, preroll)
            case Hear(utterance, pcm):
                if utterance != self._utterance:  # it began when we were not there yet
                    self._begin(utterance, b"")
                self._sound += pcm
            case Pause(utterance, frames):
                if utterance == self._utterance:
                    self._drop_guess()
                    guess = self._suppose(utterance, self._sound_of(frames))
                    self._guess = _Guess(frames, self._start(guess))
            case StopListening(utterance, frames):
                self._finish(utterance, frames)

    def _begin(self, utterance: int, preroll: bytes) -> None:
        self._drop_guess()
        self._utterance, self._sound = utterance, bytearray(preroll)

    def _finish(self, utterance: int, frames: int) -> None:
        guess = self._guess
        if utterance != self._utterance:
            self.results.put_nowait(Final(utterance, "", 0.0))
        elif guess and guess.frames == frames and not guess.failed:
            self._guess = None
            self._start(self._tell(guess.job))
        else:
            self._drop_guess()
            job = self._start(self._recognize(utterance, self._sound_of(frames)))
            self._start(self._tell(job))
        self._utterance = -1

    async def _tell(self, job: asyncio.Task[Final | RecognitionFailed]) -> None:
        self.results.put_nowait(await job)

    async def _suppose(self, utterance: int, pcm: bytes) -> Final | RecognitionFailed:
        result = await self._recognize(utterance, pcm)
        if isinstance(result, Final) and result.text and utterance == self._utterance:
            self.results.put_nowait(Partial(utterance, result.text))
        return result

    async def _recognize(self, utterance: int, pcm: bytes) -> Final | RecognitionFailed:
        now = asyncio.get_running_loop().time()
        if not self._service.throttle.may(now):
            raise UsedUp("Google: the quota is used up", "RESOURCE_EXHAUSTED")
        tries = 0
        while True:
            try:
                text, confidence = await self._service.recognize(pcm, tuple(self._expected()))
            except UsedUp:
                raise
            except Failed as why:
                tries += not why.other_way
                if tries == TRIES or (why.code != "UNAVAILABLE" and not why.other_way):
                    return RecognitionFailed(utterance, str(why))
            else:
                return Final(utterance, text, confidence)

    def _sound_of(self, frames: int) -> bytes:
        return bytes(self._sound[: frames * FRAME_BYTES])

    def _start(self, work: Coroutine[None, None, Outcome]) -> asyncio.Task[Outcome]:
        assert self._group is not None
        return self._group.create_task(work)

    def _drop_guess(self) -> None:
        if self._guess:
            self._guess.job.cancel()
        self._guess = None
