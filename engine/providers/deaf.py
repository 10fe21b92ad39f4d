"""Ears that understand nothing: without a recognizer, callers use the keypad."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from engine.core.effects import StopListening
from engine.core.events import Final
from engine.ports import HearingCommand, HearingResult


class Deaf:
    async def recognize(
        self,
        commands: AsyncIterator[HearingCommand],
        expected: Callable[[], Sequence[str]],
    ) -> AsyncGenerator[HearingResult]:
        async for command in commands:
            if isinstance(command, StopListening):
                yield Final(command.utterance, "", 0.0)
