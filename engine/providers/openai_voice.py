"""A voice by OpenAI's API (`audio/speech`): 24 kHz as a stream, brought down to the telephone's."""

from collections.abc import AsyncGenerator, Iterable

import numpy as np
import soxr  # type: ignore[import-untyped]  # it has no types
from openai import AsyncOpenAI

from engine.core.audio import RATE
from engine.ports import ProviderFailed, Speech
from engine.providers import openai_client
from engine.providers.repertoire import Progress, Repertoire, readable
from engine.providers.shelf import Shelf
from engine.providers.wav import WholeSamples

WHO = "OpenAI's voice"
_SERVICE_RATE = 24000


class OpenAIVoice:
    """Keeps the port `Voice`. `service` stays with who made it: `close` leaves it open."""

    def __init__(
        self, service: AsyncOpenAI, shelf: Shelf, *, model: str, voice: str, rate: float
    ) -> None:
        self._service = service
        self._speech = (
            service.audio.speech
        )  # not in a call: this loads code for a tenth of a second
        self._model = model
        self._voice = voice
        self._rate = rate
        engine = f"openai 1 {service.base_url} {model} {voice} {rate:.3f}"
        self._repertoire = Repertoire(shelf, self._streamed, who=WHO, engine=engine)

    def speak(self, text: str) -> AsyncGenerator[Speech]:
        return self._repertoire.speak(text)

    async def prepare(self, texts: Iterable[str], progress: Progress = lambda _: None) -> None:
        """Makes what is not kept yet, when nobody waits for speech. Raises `ProviderFailed`."""
        await self._repertoire.prepare(texts, progress)

    async def probe(self) -> None:
        await openai_client.probe(self._service, WHO)

    async def warm(self) -> None:
        await openai_client.warm(self._service)

    async def _streamed(self, text: str) -> AsyncGenerator[Speech]:
        samples, narrow = WholeSamples(_SERVICE_RATE), _Narrowing()
        request = self._speech.with_streaming_response.create(
            model=self._model,
            voice=self._voice,
            input=readable(text),
            response_format="pcm",
            speed=self._rate,
        )
        with openai_client.failures(WHO):
            async with request as response:
                _check(response.headers.get("content-type", ""))
                async for data in response.iter_bytes():
                    yield Speech(narrow.feed(samples.feed(data)))
        yield Speech(narrow.end(samples.end()))


class _Narrowing:
    """The service's rate to the telephone's, piece by piece."""

    def __init__(self) -> None:
        self._stream = soxr.ResampleStream(_SERVICE_RATE, RATE, 1, dtype="int16")

    def feed(self, pcm: bytes) -> bytes:
        return bytes(self._stream.resample_chunk(np.frombuffer(pcm, np.int16)))

    def end(self, pcm: bytes) -> bytes:
        return bytes(self._stream.resample_chunk(np.frombuffer(pcm, np.int16), last=True))


def _check(content_type: str) -> None:
    """An error page must not be played: it would be noise."""
    kind = content_type.partition(";")[0]
    if kind and not kind.startswith("audio/") and kind != "application/octet-stream":
        raise ProviderFailed(f"{WHO}: the answer is {kind}, not sound")
