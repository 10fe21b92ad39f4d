"""When utterances are decoded and how they are answered; who decodes is a small counter."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest

from engine.core.audio import FRAME_BYTES
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult
from engine.providers.jobs import Understood, Utterance
from engine.providers.local import LocalRecognizer
from engine.providers.worker import Urgency, Worker
from tests.providers.small_jobs import open_frame_counter

OpenEars = Callable[[str], LocalRecognizer]


@pytest.fixture
def ears() -> Iterator[OpenEars]:
    opened: list[LocalRecognizer] = []

    def open_ears(fifo: str = "") -> LocalRecognizer:
        worker: Worker[Utterance, Understood] = Worker("Ears", partial(open_frame_counter, fifo))
        opened.append(LocalRecognizer(worker, ("he", "en")))
        return opened[-1]

    yield open_ears
    for recognizer in opened:
        recognizer.close()


def frames(count: int) -> bytes:
    return bytes(count * FRAME_BYTES)


class Call:
    """Commands one by one, as they come up, and the results so far."""

    def __init__(self, recognizer: LocalRecognizer, *phrases: str) -> None:
        self._commands: asyncio.Queue[HearingCommand | None] = asyncio.Queue()
        self.results = recognizer.recognize(self._coming(), lambda: phrases)

    def tell(self, *commands: HearingCommand | None) -> None:
        for command in commands:
            self._commands.put_nowait(command)

    async def result(self) -> HearingResult:
        return await anext(self.results)

    async def rest(self) -> list[HearingResult]:
        """What still comes when nothing more is told."""
        self.tell(None)
        return [result async for result in self.results]

    async def _coming(self) -> AsyncIterator[HearingCommand]:
        while (command := await self._commands.get()) is not None:
            yield command


def test_an_utterance_is_decoded_as_long_as_it_was(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        call.tell(Listen(1, frames(3)), Hear(1, frames(9)), StopListening(1, 10))
        return await call.rest()

    assert asyncio.run(call()) == [Final(1, "10 frames, decoding 1, after nothing", 0.5)]


def test_a_guess_that_was_right_is_the_answer(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        call.tell(Listen(1, frames(3)), Hear(1, frames(9)), Pause(1, 10))
        guessed = await call.result()
        call.tell(Hear(1, frames(5)), StopListening(1, 10))
        return [guessed, *await call.rest()]

    said = "10 frames, decoding 1, after nothing"
    assert asyncio.run(call()) == [Partial(1, said), Final(1, said, 0.5)]


def test_a_guess_that_is_still_running_is_waited_for(ears: OpenEars, tmp_path: Path) -> None:
    async def call() -> list[HearingResult]:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        call = Call(ears(str(gate)))
        call.tell(Listen(1, frames(12)), Pause(1, 10))
        async with asyncio.TaskGroup() as group:
            guessed = group.create_task(call.result())
            await asyncio.to_thread(open_when_waited_for, gate, call)
        return [guessed.result(), *await call.rest()]

    def open_when_waited_for(gate: Path, call: Call) -> None:
        with gate.open("w", encoding="utf-8"):  # the guess has begun
            call.tell(StopListening(1, 10))

    said = "10 frames, decoding 1, after nothing"
    assert asyncio.run(call()) == [Partial(1, said), Final(1, said, 0.5)]


def test_more_speech_after_a_guess_is_decoded_again(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        call.tell(Listen(1, frames(12)), Pause(1, 10))
        guessed = await call.result()
        call.tell(Hear(1, frames(20)), StopListening(1, 30))
        return [guessed, *await call.rest()]

    assert asyncio.run(call()) == [
        Partial(1, "10 frames, decoding 1, after nothing"),
        Final(1, "30 frames, decoding 2, after nothing", 0.5),
    ]


def test_a_guess_that_has_not_begun_does_not_hold_up_the_answer(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        call.tell(Listen(1, frames(30)), Pause(1, 10), Pause(1, 20), StopListening(1, 30))
        return await call.rest()

    # Nothing of it was told before all of it was known: one decoding is all that is made.
    assert asyncio.run(call()) == [Final(1, "30 frames, decoding 1, after nothing", 0.5)]


def test_each_utterance_is_answered_once_and_in_order(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        for number in range(1, 4):
            call.tell(Listen(number, frames(number)), StopListening(number, number))
        call.tell(StopListening(3, 3), StopListening(9, 1))
        return await call.rest()

    results = asyncio.run(call())
    assert [(result.utterance, type(result)) for result in results] == [
        (1, Final), (2, Final), (3, Final), (3, Final), (9, Final),
    ]  # fmt: skip
    assert [result.text for result in results[3:] if isinstance(result, Final)] == ["", ""]


def test_the_language_that_was_understood_is_likelier_next_time(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        call = Call(ears(""))
        call.tell(Listen(1, frames(1)), StopListening(1, 1))
        first = await call.result()
        call.tell(Listen(2, frames(2)), StopListening(2, 2))
        return [first, *await call.rest()]

    assert asyncio.run(call())[1] == Final(2, "2 frames, decoding 2, after he", 0.5)


def test_ears_that_die_fail_their_utterance_and_hear_the_next(ears: OpenEars) -> None:
    async def call() -> list[HearingResult]:
        recognizer = ears("")
        dying = Call(recognizer, "die")
        dying.tell(Listen(1, frames(1)), StopListening(1, 1))
        living = Call(recognizer)
        failed = await dying.rest()
        living.tell(Listen(1, frames(1)), StopListening(1, 1))
        return [*failed, *await living.rest()]

    failed, heard = asyncio.run(call())
    assert failed == RecognitionFailed(1, "Ears: the process has died")
    assert heard == Final(1, "1 frames, decoding 1, after nothing", 0.5)


def test_a_call_that_ends_leaves_nothing_to_decode(ears: OpenEars, tmp_path: Path) -> None:
    async def call() -> "Future[Understood]":
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        recognizer = ears(str(gate))
        ending = Call(recognizer)
        ending.tell(Listen(1, frames(9)), Pause(1, 9))
        async with asyncio.TaskGroup() as group:
            result = group.create_task(ending.result())
            await asyncio.to_thread(open_and_end, gate, ending)
        assert isinstance(result.result(), Partial)
        ending.tell(Listen(2, frames(5)), Pause(2, 5))
        await ending.results.aclose()
        probe = Utterance(frames(7), ("he",))
        return recognizer.worker.submit(probe, Urgency.NOW, 30.0)

    def open_and_end(gate: Path, call: Call) -> None:
        gate.write_text("", encoding="utf-8")

    answer = asyncio.run(call()).result(30)
    assert answer.text == "7 frames, decoding 2, after nothing"
