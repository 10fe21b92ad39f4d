"""Ears by OpenAI's API (`audio/transcriptions`): an utterance is sent when the caller pauses, and
what came back is the answer if the caller had ended."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from openai import AsyncOpenAI, AsyncStream, omit
from openai.types.audio import (
    TranscriptionStreamEvent,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
)

from engine.core.audio import FRAME_BYTES, RATE, seconds
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult, OverQuota, ProviderFailed, failure
from engine.providers import openai_client, wav

WHO = "OpenAI's ears"
_LIMIT = 10.0
"""Seconds until an utterance is given up."""
_TOO_SHORT = 0.1
"""Seconds of sound that the service refuses."""
_HINTS = 600
"""Letters: Whisper sees the last 224 tokens of a prompt and no more."""


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    confidence: float = 0.0
    """0.0: the service does not tell."""
    whole: bool = False


Expected = Callable[[], Sequence[str]]
Transcribe = Callable[[bytes, Sequence[str]], AsyncGenerator[_Heard]]


class OpenAIRecognizer:
    """Keeps the port `Recognizer`. `service` stays with who made it.

    `languages`, like "he": models that take only one language are told the first."""

    def __init__(self, service: AsyncOpenAI, *, model: str, languages: Sequence[str]) -> None:
        self._service = service
        # Not in a call: this loads code for a tenth of a second.
        self._transcriptions = service.audio.transcriptions
        self._model = model
        self._languages = tuple(languages)

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        hearing = _Hearing(self._transcribe, expected)
        # Not a TaskGroup: closing a generator that waits inside of one raises a group of errors.
        reader = asyncio.create_task(hearing.follow(commands))
        try:
            while (result := await hearing.results.get()) is not None:
                yield result
            await reader
        except ExceptionGroup as errors:
            raise failure(errors) from None
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def probe(self) -> None:
        await openai_client.probe(self._service, WHO)

    async def warm(self) -> None:
        await openai_client.warm(self._service)

    async def _transcribe(self, pcm: bytes, phrases: Sequence[str]) -> AsyncGenerator[_Heard]:
        """What is understood so far, and last the whole."""
        newest = self._model.startswith("gpt-transcribe")
        told = ", ".join(phrases)[:_HINTS]
        request = self._transcriptions.with_streaming_response.create(
            file=("utterance.wav", wav.file(pcm, RATE), "audio/wav"),
            model=self._model,
            stream=True,
            response_format="json",
            language=omit if newest else self._languages[0],
            languages=list(self._languages) if newest else omit,
            prompt=omit if newest or not told else told,
            keywords=list(phrases) if newest and phrases else omit,
            include=["logprobs"] if self._model.startswith("gpt-4o") else omit,
        )
        with openai_client.failures(WHO):
            async with request as response:
                if "event-stream" not in response.headers.get("content-type", ""):
                    # Whisper, and many local servers: all at once.
                    yield _from_json(await response.json())
                    return
                async with aclosing(_from_events(await response.parse())) as heard:
                    async for so_far in heard:
                        yield so_far


async def _from_events(events: AsyncStream[TranscriptionStreamEvent]) -> AsyncGenerator[_Heard]:
    text = ""
    async for event in events:
        match event:
            case TranscriptionTextDeltaEvent(delta=str(more)):
                text += more
                yield _Heard(text.strip())
            case TranscriptionTextDoneEvent(text=str(text)):
                yield _Heard(text.strip(), _confidence(event), whole=True)
                return


def _from_json(body: object) -> _Heard:
    match body:
        case {"text": str(text)}:
            return _Heard(text.strip(), whole=True)
    raise ProviderFailed(f"{WHO}: the answer has no text")


def _confidence(event: TranscriptionTextDoneEvent) -> float:
    logs = [token.logprob for token in event.logprobs or () if token.logprob is not None]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


@dataclass(slots=True)
class _Take:
    """One request for (a part of) an utterance."""

    utterance: int
    frames: int
    wanted: bool
    """The utterance is over, and this is to be its result."""
    result: Final | RecognitionFailed | None = None


class _Hearing:
    """One call's hearing."""

    def __init__(self, transcribe: Transcribe, expected: Expected) -> None:
        self.results: asyncio.Queue[HearingResult | None] = asyncio.Queue()
        self._transcribe = transcribe
        self._expected = expected
        self._group = asyncio.TaskGroup()
        self._utterance = -1
        self._sound = bytearray()
        self._guess: tuple[_Take, asyncio.Task[None]] | None = None

    async def follow(self, commands: AsyncIterator[HearingCommand]) -> None:
        try:
            async with self._group:
                async for command in commands:
                    self._obey(command)
                self._drop_guess()
        finally:
            self.results.put_nowait(None)

    def _obey(self, command: HearingCommand) -> None:
        match command:
            case Listen(utterance, preroll):
                self._drop_guess()
                self._utterance, self._sound = utterance, bytearray(preroll)
            case Hear(utterance, pcm):
                if utterance == self._utterance:
                    self._sound += pcm
            case Pause(utterance, frames):
                if utterance == self._utterance and not self._has_guessed(frames):
                    self._drop_guess()
                    take = _Take(utterance, frames, wanted=False)
                    self._guess = take, self._begin(take)
            case StopListening(utterance, frames):
                self._finish(utterance, frames)

    def _finish(self, utterance: int, frames: int) -> None:
        if utterance != self._utterance:  # it never began, or it was answered
            self.results.put_nowait(Final(utterance, "", 0.0))
            return
        if self._guess and self._has_guessed(frames):
            take, _ = self._guess
            take.wanted = True
            if take.result:
                self.results.put_nowait(take.result)
        else:
            self._drop_guess()
            self._begin(_Take(utterance, frames, wanted=True))
        self._utterance, self._guess = -1, None
        self._sound.clear()

    def _begin(self, take: _Take) -> asyncio.Task[None]:
        pcm = bytes(self._sound[: take.frames * FRAME_BYTES])
        return self._group.create_task(self._work(take, pcm, tuple(self._expected())))

    async def _work(self, take: _Take, pcm: bytes, phrases: tuple[str, ...]) -> None:
        try:
            async with asyncio.timeout(_LIMIT):
                take.result = await self._final(take, pcm, phrases)
        except OverQuota:
            raise  # whatever is asked next would be refused, too
        except (ProviderFailed, TimeoutError) as why:
            reason = str(why) or f"{WHO}: no answer in time"
            take.result = RecognitionFailed(take.utterance, reason)
        if take.wanted:
            self.results.put_nowait(take.result)

    async def _final(self, take: _Take, pcm: bytes, phrases: tuple[str, ...]) -> Final:
        if seconds(pcm) < _TOO_SHORT:
            return Final(take.utterance, "", 0.0)
        async with aclosing(self._transcribe(pcm, phrases)) as heard:
            async for so_far in heard:
                if so_far.text:
                    self.results.put_nowait(Partial(take.utterance, so_far.text))
                if so_far.whole:
                    return Final(take.utterance, so_far.text, so_far.confidence)
        raise ProviderFailed(f"{WHO}: the answer ended before the text did")

    def _has_guessed(self, frames: int) -> bool:
        """A guess that failed is none."""
        if self._guess is None:
            return False
        take, _ = self._guess
        return take.frames == frames and not isinstance(take.result, RecognitionFailed)

    def _drop_guess(self) -> None:
        if self._guess:
            self._guess[1].cancel()
        self._guess = None
