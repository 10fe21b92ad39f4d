"""Google's ears, in two ways: one request per utterance, or one stream for the whole call."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing

from engine.core.audio import silence
from engine.ports import HearingCommand, HearingResult
from engine.providers.google_api import Failed, GoogleSpeech, Version, Wanted
from engine.providers.google_credentials import GoogleAccount
from engine.providers.google_stream import StreamedCall, Times
from engine.providers.google_utterance import UtteranceCall

__all__ = ["GoogleStreamingEars", "GoogleUtteranceEars", "Times", "Version", "Wanted"]

Expected = Callable[[], Sequence[str]]
_PROBE = silence(0.1)
_PROBE_SECONDS = 5.0
_PROBES = 3  # of a service that cannot be reached


class GoogleStreamingEars:
    """Keeps the port `Recognizer`. While an utterance is said there are `Partial`s.

    A `Final` may come before the service has settled the words; if it settles on others that mean
    something else, a second `Final` with the same number follows."""

    def __init__(
        self,
        account: GoogleAccount,
        wanted: Wanted,
        *,
        endpoint: str = "",
        times: Times | None = None,
    ) -> None:
        self._service = GoogleSpeech(account, wanted, endpoint)
        self._times = times or Times()

    def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        return _results(StreamedCall(self._service, self._times, expected), commands)

    async def warm(self) -> None:
        """Opens the connection. Raises `ProviderFailed`."""
        await self._service.connect()

    async def probe(self) -> None:
        """One short stream: raises `ProviderFailed`, which tells in one sentence what is wrong.

        Which language code and model the service knows is learnt by it."""
        await _in_some_way(self._stream_silence)

    async def close(self) -> None:
        await self._service.close()

    async def _stream_silence(self) -> None:
        async def pieces() -> AsyncGenerator[bytes]:
            yield _PROBE

        async with aclosing(self._service.stream(pieces(), ())) as results:
            async for _ in results:
                pass


class GoogleUtteranceEars:
    """Keeps the port `Recognizer`: an utterance is recognized when the caller pauses, or at its
    end if more was said since."""

    def __init__(
        self,
        account: GoogleAccount,
        wanted: Wanted,
        *,
        endpoint: str = "",
    ) -> None:
        self._service = GoogleSpeech(account, wanted, endpoint)

    def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        return _results(UtteranceCall(self._service, expected), commands)

    async def warm(self) -> None:
        """Opens the connection. Raises `ProviderFailed`."""
        await self._service.connect()

    async def probe(self) -> None:
        """As of `GoogleStreamingEars`, with one short request."""
        await _in_some_way(self._recognize_silence)

    async def close(self) -> None:
        await self._service.close()

    async def _recognize_silence(self) -> None:
        await self._service.recognize(_PROBE, ())


async def _in_some_way(attempt: Callable[[], Coroutine[None, None, None]]) -> None:
    failures = 0
    while True:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await attempt()
        except TimeoutError:
            raise Failed("Google: speech recognition does not answer", "UNAVAILABLE") from None
        except Failed as why:
            failures += not why.other_way
            if not why.other_way and (why.code != "UNAVAILABLE" or failures == _PROBES):
                raise


async def _results(
    call: StreamedCall | UtteranceCall, commands: AsyncIterator[HearingCommand]
) -> AsyncGenerator[HearingResult]:
    # Not a TaskGroup: closing a generator that waits inside of one raises a group of errors.
    working = asyncio.create_task(call.run(commands))
    try:
        while (result := await call.results.get()) is not None:
            yield result
        await working
    finally:
        working.cancel()
        await asyncio.wait({working})
    if call.failure is not None:
        raise call.failure
