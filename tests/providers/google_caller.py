"""A caller for Google's ears: speaks in step with the service, as fast as it hears, so that no
test waits for a clock."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager

from bridge.doubles.google_speech import GoogleSpeechDouble
from bridge.doubles.numbered_words import word
from engine.core.audio import FRAME_BYTES, silence
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult, Recognizer
from engine.providers.google_credentials import GoogleAccount

ACCOUNT = GoogleAccount("a-project", None)
QUIET = 0.6
PIECE = 5 * FRAME_BYTES


def words(numbers: Iterable[int], frames: int = 12) -> bytes:
    """The sound of numbered words, one right after the other."""
    return b"".join(word(number, frames) for number in numbers)


class Caller:
    def __init__(self, double: GoogleSpeechDouble) -> None:
        self.results: list[HearingResult] = []
        self._double = double
        self._commands: asyncio.Queue[HearingCommand | None] = asyncio.Queue()
        self._changed = asyncio.Event()

    async def say(self, utterance: int, voice: bytes) -> Final | RecognitionFailed:
        """All of an utterance, and its answer."""
        await self.begin(utterance, voice + silence(QUIET))
        self.stop(utterance, len(voice) // FRAME_BYTES + 10)
        return await self.answer(utterance)

    async def begin(self, utterance: int, sound: bytes) -> None:
        self.put(Listen(utterance, b""))
        await self.go_on(utterance, sound)

    async def go_on(self, utterance: int, sound: bytes) -> None:
        """The next piece follows when the service has heard the last one."""
        for start in range(0, len(sound), PIECE):
            piece = sound[start : start + PIECE]
            heard = self._double.seen.audio + len(piece)
            self.put(Hear(utterance, piece))
            await self._double.until(lambda seen, heard=heard: seen.audio >= heard)  # type: ignore[misc]  # a lambda with a default has no type

    def stop(self, utterance: int, frames: int) -> None:
        self.put(StopListening(utterance, frames))

    def put(self, command: HearingCommand | None) -> None:
        self._commands.put_nowait(command)

    async def answer(self, utterance: int, count: int = 1) -> Final | RecognitionFailed:
        """The `count`th."""
        while len(self.answers(utterance)) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.answers(utterance)[count - 1]

    def answers(self, utterance: int) -> list[Final | RecognitionFailed]:
        mine = [result for result in self.results if result.utterance == utterance]
        return [result for result in mine if not isinstance(result, Partial)]

    def partials(self, utterance: int) -> list[str]:
        mine = [result for result in self.results if result.utterance == utterance]
        return [result.text for result in mine if isinstance(result, Partial)]

    def heard(self) -> list[str]:
        """The words of all utterances, each as it was told last."""
        last = {result.utterance: result for result in self.results if isinstance(result, Final)}
        return [text for number in sorted(last) for text in last[number].text.split()]

    async def until_heard(self, expected: Sequence[str]) -> None:
        """What was answered too early is repaired."""
        while self.heard() != expected:
            self._changed.clear()
            await self._changed.wait()

    async def listen(self, ears: Recognizer, expected: Sequence[str]) -> None:
        async with aclosing(ears.recognize(self._all(), lambda: expected)) as results:
            async for result in results:
                self.results.append(result)
                self._changed.set()

    async def _all(self) -> AsyncGenerator[HearingCommand]:
        while (command := await self._commands.get()) is not None:
            yield command


@asynccontextmanager
async def calling(
    double: GoogleSpeechDouble, ears: Recognizer, expected: Sequence[str] = ()
) -> AsyncGenerator[Caller]:
    """Ends the call after the block, and waits for what is still to be told."""
    caller = Caller(double)
    async with asyncio.TaskGroup() as group:
        group.create_task(caller.listen(ears, expected))
        yield caller
        caller.put(None)
