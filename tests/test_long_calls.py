"""A long call, in virtual time: nobody is cut off, no word is lost, nothing grows.

`python -m tests.test_long_calls` is the same for an hour (half a minute)."""

import asyncio
import gc
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from itertools import chain, count, cycle

import numpy as np

from bridge.audiosocket.playout import Playout
from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS, RATE, SILENCE
from engine.core.effects import Heard, Listen, Pause, StopListening
from engine.core.events import Final, Partial, Word
from engine.core.rules import Rules
from engine.ports import CallFacts, HearingCommand, HearingResult, Speech
from engine.session import Session
from engine.trace import Trace
from tests import virtual_time

SETTLED = 5
"""Minutes after which nothing may grow any more."""
LEVELS = (1500, 900, 400, 1200, 700)
WORD_FRAMES = 15
SURE_TO_ANSWER = 12.0
REPLIES = ("Fine. Which area?", "That is noted, thank you very much. How many rooms do you need?")


def frame(level: int, word: int = 0) -> bytes:
    """Sound of a loudness; the middle one of each word's frames carries its number."""
    samples = np.full(FRAME_SAMPLES, level, "<i2")
    samples[::2] *= -1
    samples[-1] = word
    return samples.tobytes()


SOUNDS = [frame(level) for level in LEVELS]
DIP = frame(10)


class Line:
    """The way through AudioSocket, without its socket."""

    def __init__(self, now: float) -> None:
        self.audible = False
        """The agent's voice is in the newest frame."""
        self._playout = Playout(now)

    def beat(self, session: Session, now: float) -> None:
        self.audible = any(not data.endswith(SILENCE) for data in self._playout.due(now))
        if told := self._playout.news(now):
            session.played(told)

    def play(self, turn: int, pcm: bytes) -> None:
        self._playout.play(turn, pcm, asyncio.get_running_loop().time())

    def end_reply(self, turn: int) -> None:
        self._playout.end_reply(turn, asyncio.get_running_loop().time())

    def clear(self) -> None:
        self._playout.clear(asyncio.get_running_loop().time())

    def hang_up(self, why: str) -> None:
        raise AssertionError(f"the call was dropped: {why}")

    def transfer(self, key: str) -> None: ...


class Ears:
    """Understands exactly the words whose numbers reach it, a little later."""

    def __init__(self, vocabulary: dict[int, str]) -> None:
        self.understood: dict[int, tuple[int, ...]] = {}
        self._vocabulary = vocabulary

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        async for command in commands:
            heard = self.understood.setdefault(command.utterance, ())
            match command:
                case Pause():
                    yield Partial(command.utterance, self.text(command.utterance))
                case StopListening():
                    await asyncio.sleep(0.3)
                    yield Final(command.utterance, self.text(command.utterance), 0.9)
                case _:
                    pcm = command.preroll if isinstance(command, Listen) else command.pcm
                    last = np.frombuffer(pcm, "<i2")[FRAME_SAMPLES - 1 :: FRAME_SAMPLES]
                    words = tuple(int(word) for word in last if word in self._vocabulary)
                    self.understood[command.utterance] = heard + words

    def text(self, utterance: int) -> str:
        return " ".join(self._vocabulary[word] for word in self.understood[utterance])


class Mouth:
    """A voice: a tone of 60 ms for each letter, and the times of its words."""

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        starts = [match.start() * 0.06 for match in re.finditer(r"\S+", text)]
        words = tuple(Word(word, at) for word, at in zip(text.split(), starts, strict=True))
        yield Speech(SOUNDS[0] * round(len(text) * 0.06 * RATE / FRAME_SAMPLES), words)


class Brain:
    """Has an answer to everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._replies = cycle(REPLIES)

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str]:
        if heard is not None:
            if heard.instead:
                self.asked.pop()
            self.asked.append(heard.words)
        for sentence in re.findall(r"\S[^.?]*[.?]", next(self._replies)):
            yield sentence

    def expected(self) -> Sequence[str]:
        return ()

    async def guess(self, words: str) -> None: ...


class Caller:
    """Sends a frame every 20 ms, and says what it says at the right moments."""

    def __init__(self) -> None:
        self.vocabulary: dict[int, str] = {}
        self.ears = Ears(self.vocabulary)
        self.brain = Brain()
        self.line = Line(asyncio.get_running_loop().time())
        self.company: set[int] = set()
        self.notes: dict[str, int] = {}
        self.trace_characters = 0
        self.session = Session(
            CallFacts("call-1", "test"),
            self.line,
            rules=Rules(call_limit=2 * 3600),
            recognizer=self.ears,
            voice=Mouth(),
            brain=self.brain,
            trace=Trace(self._traced),
        )
        self._numbers = count(1)
        self._chance = random.Random(1)

    @property
    def minutes(self) -> float:
        return asyncio.get_running_loop().time() / 60

    async def talk(self, until: float) -> None:
        """Minutes of answers, with something else into each reply."""
        while self.minutes < until:
            await self._agent_is_silent()
            await self._quiet(self._chance.uniform(0.1, 2.0))
            await self._say(self._chance.randint(2, 6))
            await self._agent_speaks()
            await self._quiet(self._chance.uniform(0.3, 0.9))
            match self._chance.randrange(8):
                case 0:
                    await self._say(self._chance.randint(1, 4))
                case 1:
                    await self._say(1, "אהה")
                case 2:
                    await self._say(2, "אהה")
                case 3:
                    await self._say(1, "רגע")
                case 4:
                    await self._sounds(SOUNDS[:1] * 5)
                case 5:
                    await self._agent_is_silent()
                    await self._say(24)  # seven seconds without a pause
                case 6:
                    await self._quiet(20)

    async def finish(self) -> None:
        await self._quiet(10)
        self.session.hung_up("all is said")

    async def _agent_speaks(self) -> None:
        for _ in range(round(SURE_TO_ANSWER / FRAME_SECONDS)):
            await self._sounds([SILENCE])
            if self.line.audible:
                return
        raise AssertionError(f"no answer within {SURE_TO_ANSWER} s, at {self.minutes:.2f} minutes")

    async def _agent_is_silent(self) -> None:
        silent = 0
        while silent < 25:
            await self._sounds([SILENCE])
            silent = 0 if self.line.audible else silent + 1

    async def _say(self, words: int, text: str = "") -> None:
        for _ in range(words):
            number = next(self._numbers)
            self.vocabulary[number] = text or f"w{number}"
            sounds = [SOUNDS[at % len(SOUNDS)] for at in range(WORD_FRAMES - 2)] + [DIP, DIP]
            sounds[WORD_FRAMES // 2] = frame(LEVELS[2], number)
            await self._sounds(sounds)

    async def _quiet(self, seconds: float) -> None:
        await self._sounds([SILENCE] * round(seconds / FRAME_SECONDS))

    async def _sounds(self, frames: Sequence[bytes]) -> None:
        for pcm in frames:
            virtual_time.stall(FRAME_SECONDS)
            await asyncio.sleep(0)  # half of what a timer costs, 180,000 times
            self.session.frame(pcm)
            self.line.beat(self.session, asyncio.get_running_loop().time())

    def _traced(self, line: str) -> None:
        self.trace_characters += len(line)
        if note := re.search(r"< note (\S+)(?: utterance=(\d+))?", line):
            self.notes[note[1]] = self.notes.get(note[1], 0) + 1
            if note[1] == "company":
                self.company.add(int(note[2]))


def test_a_quarter_of_an_hour_loses_no_word_and_leaves_nothing_behind() -> None:
    virtual_time.run(talk(15))


async def talk(minutes: float) -> None:
    caller = Caller()
    async with asyncio.TaskGroup() as group:
        group.create_task(caller.session.run())
        caller.session.answered()
        await caller.talk(SETTLED)
        objects, traced = held(), caller.trace_characters
        await caller.talk(minutes)
        growth = held() - objects
        await caller.finish()
    check(caller)
    assert growth < 100, "things that Python keeps alive"
    assert caller.trace_characters / minutes < 1.2 * traced / SETTLED


def held() -> int:
    gc.collect()
    return len(gc.get_objects()) + 100 * len(asyncio.all_tasks())


def check(caller: Caller) -> None:
    understood = caller.ears.understood
    assert sorted(chain.from_iterable(understood.values())) == list(caller.vocabulary)
    answered = [
        caller.ears.text(number)
        for number in understood
        if number not in caller.company and understood[number]
    ]
    assert " ".join(caller.brain.asked).split() == " ".join(answered).split()
    for what in ("reply_cut", "resumed", "went_on", "company"):
        assert caller.notes[what] > 5, "it was no call to speak of"
    assert not {"overflow", "playout_ack_missing", "no_reply", "reply_stalled"} & set(caller.notes)


if __name__ == "__main__":
    virtual_time.run(talk(60))
