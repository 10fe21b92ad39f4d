"""The loop of a call, with small real parts around it, in virtual time."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence

import numpy as np
import pytest

from engine.core.audio import FRAME_SECONDS, RATE, SILENCE
from engine.core.effects import HangUp, Hear, Heard, Listen, Occasion, StopListening, Transfer
from engine.core.events import Final, Partial, Played, Word
from engine.core.rules import Rules
from engine.ports import CallFacts, HearingCommand, HearingResult, ProviderFailed, Speech
from engine.session import Session
from engine.trace import Trace, replay
from tests import virtual_time

VOICE = (np.sin(np.arange(160) * 0.5) * 8000).astype("<i2").tobytes()


class Tone:
    """A voice: a tenth of a second for each letter."""

    def __init__(self) -> None:
        self.fails = 0

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        if self.fails:
            self.fails -= 1
            raise ProviderFailed("the voice is lost")
        yield Speech(bytes(2 * RATE // 10) * len(text), (Word(text, 0.0),))


class Script:
    """A brain that says what it was given, turn by turn."""

    def __init__(self, *replies: tuple[str | HangUp | Transfer, ...]) -> None:
        self.heard: list[Heard | None] = []
        self.abandoned = 0
        self.guesses: list[str] = []
        self._replies = list(replies)

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer]:
        self.heard.append(heard)
        finished = False
        try:
            for part in self._replies.pop(0) if self._replies else ():
                if part == "...":
                    await asyncio.sleep(60)
                yield part
            finished = True
        finally:
            self.abandoned += not finished

    def expected(self) -> Sequence[str]:
        return ()

    async def guess(self, words: str) -> None:
        self.guesses.append(words)


class Ears:
    """A recognizer that understands everything as the same, half a second later."""

    def __init__(self, text: str = "yes") -> None:
        self.text = text
        self.got: list[HearingCommand] = []
        self.pieces = 0
        self.breaks = 0

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        async for command in commands:
            self.got.append(command)
            if isinstance(command, Hear) and VOICE in command.pcm:
                self.pieces += 1
                yield Partial(command.utterance, f"{self.pieces} pieces")
            if isinstance(command, StopListening):
                if self.breaks:
                    self.breaks -= 1
                    raise ConnectionError("the stream is gone")
                await asyncio.sleep(0.5)
                yield Final(command.utterance, self.text, 0.9)


class PerfectLine:
    """Plays at once what it is given, in real time, and says so."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.done: list[str] = []
        self._length = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def play(self, turn: int, pcm: bytes) -> None:
        if not self._length:
            self._later(0.02, turn, 0.02, False)
        self._length += len(pcm) / (2 * RATE)
        self.done.append(f"play {turn}")

    def end_reply(self, turn: int) -> None:
        self._later(self._length, turn, self._length, True)
        self._length = 0.0

    def clear(self) -> None:
        self.done.append("clear")
        self._length = 0.0
        for timer in self._timers:
            timer.cancel()

    def hang_up(self, why: str) -> None:
        self.done.append(f"hang up: {why}")

    def transfer(self, key: str) -> None:
        self.done.append(f"transfer: {key}")

    def _later(self, after: float, turn: int, seconds: float, done: bool) -> None:
        assert self.session is not None
        loop = asyncio.get_running_loop()
        told = Played(turn, seconds, done)
        self._timers.append(loop.call_later(after, self.session.played, told))


class Call:
    """A session and everything around it; `caller` is what happens at the other end."""

    def __init__(self, brain: Script, voice: Tone | None = None, ears: Ears | None = None) -> None:
        self.brain = brain
        self.voice = voice or Tone()
        self.ears = ears or Ears()
        self.line = PerfectLine()
        self.trace: list[str] = []

    def run(self, caller: Callable[["Call"], Coroutine[None, None, None]]) -> None:
        async def main() -> None:
            self.session = self.line.session = Session(
                CallFacts("call-1", "test"),
                self.line,
                rules=Rules(),
                recognizer=self.ears,
                voice=self.voice,
                brain=self.brain,
                trace=Trace(self.trace.append),
            )
            self.session.answered()
            async with asyncio.timeout(600), asyncio.TaskGroup() as group:
                group.create_task(self.session.run())
                await caller(self)

        virtual_time.run(main())

    async def sound(self, frame: bytes, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            await asyncio.sleep(FRAME_SECONDS)
            self.session.frame(frame)

    async def hang_up(self) -> None:
        self.session.hung_up("the caller hung up")


def test_a_turn_goes_from_the_caller_s_words_to_the_answer() -> None:
    call = Call(Script(("Hello.",), ("Which area?",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.sound(VOICE, 1)
        await call.sound(SILENCE, 3)
        await call.hang_up()

    call.run(caller)
    assert call.line.done == ["play 1", "play 1", "play 2", "play 2"]
    assert [heard and heard.words for heard in call.brain.heard] == [None, "yes"]
    assert call.brain.heard[1] is not None
    assert call.brain.heard[1].said == "Hello."


def test_what_the_session_recorded_replays_to_the_same() -> None:
    call = Call(Script(("Hello.",), ("Which area?",), ("Goodbye.", HangUp("goodbye"))))

    async def caller(call: Call) -> None:
        for _ in range(2):
            await call.sound(SILENCE, 3)
            await call.sound(VOICE, 1)
        await call.sound(SILENCE, 4)

    call.run(caller)
    text = "\n".join(call.trace) + "\n"
    assert replay(text) == text
    assert call.line.done[-1] == "hang up: goodbye"


def test_the_brain_may_begin_when_the_caller_pauses_and_not_before() -> None:
    call = Call(Script(("Hello.",), ("Which area?",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.sound(VOICE, 1)
        assert not call.brain.guesses
        await call.sound(SILENCE, 0.3)  # a pause
        assert len(call.brain.guesses) == 1
        await call.sound(VOICE, 1)  # he goes on
        assert len(call.brain.guesses) <= 3
        await call.sound(SILENCE, 0.3)
        assert call.brain.guesses[-1] == f"{call.ears.pieces} pieces"
        await call.hang_up()

    call.run(caller)


def test_an_interruption_clears_the_line_and_stops_the_brain() -> None:
    call = Call(
        Script(
            ("A long greeting it is.", "...", "never said"),
        )
    )

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 1)
        await call.sound(VOICE, 0.4)
        await call.hang_up()

    call.run(caller)
    assert call.line.done == ["play 1", "clear", "clear"]  # held, then interrupted
    assert call.brain.abandoned == 1


def test_the_first_syllable_of_an_interruption_reaches_the_recognizer() -> None:
    call = Call(Script(("A long greeting it is.",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 1)
        await call.sound(VOICE, 0.4)
        await call.sound(SILENCE, 1)
        await call.hang_up()

    call.run(caller)
    heard = b"".join(
        command.preroll if isinstance(command, Listen) else command.pcm
        for command in call.ears.got
        if isinstance(command, Listen | Hear)
    )
    assert heard.count(VOICE) == 20


def test_an_utterance_ends_although_the_line_sends_no_more_frames() -> None:
    call = Call(Script(("Hello.",), ("Which area?",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.sound(VOICE, 1)
        await asyncio.sleep(3)
        await call.hang_up()

    call.run(caller)
    assert [heard and heard.words for heard in call.brain.heard] == [None, "yes"]


class AtHand(Tone):
    """Never has to wait for its speech."""

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        for word in text.split():
            yield Speech(bytes(RATE), (Word(word, 0.0),))


def test_other_calls_come_between_the_pieces_of_a_reply() -> None:
    call = Call(Script(("One two three.",)), voice=AtHand())

    async def caller(call: Call) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            call.line.done.append("another call")
        await call.hang_up()

    call.run(caller)
    assert "playplay" not in "".join(what.split()[0] for what in call.line.done)
    assert sum(what.startswith("play") for what in call.line.done) >= 3


def test_nothing_but_its_frames_wakes_the_process_while_they_come() -> None:
    call, waits = Call(Script(("Hello.",))), 0

    async def caller(call: Call) -> None:
        nonlocal waits
        await call.sound(SILENCE, 3)
        before = virtual_time.waits()
        await call.sound(SILENCE, 2)
        waits = virtual_time.waits() - before
        await call.hang_up()

    call.run(caller)
    assert waits == 100


def test_frames_that_waited_for_us_are_not_taken_for_a_silence() -> None:
    call = Call(Script(("Hello.",), ("Which area?",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.sound(VOICE, 0.5)
        virtual_time.stall(1.0)
        for _ in range(2):  # what is due runs before the socket is read
            await asyncio.sleep(0)
        for _ in range(50):
            call.session.frame(VOICE)
        await call.sound(SILENCE, 3)
        await call.hang_up()

    call.run(caller)
    assert sum(isinstance(command, Listen) for command in call.ears.got) == 1


def test_a_recognizer_that_breaks_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    ears = Ears()
    ears.breaks = 1
    call = Call(Script(("Hello.",), ("Say it again?",), ("Which area?",)), ears=ears)

    async def caller(call: Call) -> None:
        for _ in range(2):
            await call.sound(SILENCE, 4)
            await call.sound(VOICE, 1)
        await call.sound(SILENCE, 3)
        await call.hang_up()

    with caplog.at_level(logging.WARNING):
        call.run(caller)
    assert [heard and heard.words for heard in call.brain.heard] == [None, "", "yes"]
    assert "provider_failed" in caplog.text


def test_a_voice_that_fails_once_is_asked_again() -> None:
    call = Call(Script(("Hello.",), ("Hello again.",)))
    call.voice.fails = 1

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.hang_up()

    call.run(caller)
    assert call.brain.heard == [None, None]
    assert call.line.done == ["play 2", "play 2"]


def test_a_call_that_cannot_be_answered_is_hung_up() -> None:
    call = Call(Script(("Hello.",), ("Hello again.",)))
    call.voice.fails = 2

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)

    call.run(caller)
    assert call.line.done == ["play 2", "hang up: no reply could be made"]  # no clip: a silence


def test_when_the_bridge_closes_the_caller_is_told_and_nobody_hangs_up() -> None:
    call = Call(Script(("A long greeting it is.", "...", "never said"), ("Sorry.",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 1)
        call.session.close()
        await call.sound(VOICE, 1)

    call.run(caller)
    assert call.line.done == ["play 1", "clear", "play 2", "play 2"]
    assert [heard and heard.occasion for heard in call.brain.heard] == [None, Occasion.CLOSING]
    assert call.trace[-1].endswith("< = Ended")


def test_two_keys_at_once_are_one_answer() -> None:
    call = Call(Script(("Hello.",), ("Never begun.",)))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        call.session.dtmf("1")
        call.session.dtmf("2")
        await call.sound(SILENCE, 1)
        await call.hang_up()

    call.run(caller)
    asked = [heard for heard in call.brain.heard if heard is not None]
    assert [(heard.digits, heard.instead) for heard in asked] == [("12", False)]


def test_a_transfer_happens_when_the_reply_was_heard() -> None:
    call = Call(Script(("One moment.", Transfer("sales"))))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)

    call.run(caller)
    assert call.line.done == ["play 1", "play 1", "transfer: sales"]


def test_the_log_has_the_breakdown_of_a_turn_and_no_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = Call(Script(("Hello.",), ("Which area?",)), ears=Ears("a secret wish"))

    async def caller(call: Call) -> None:
        await call.sound(SILENCE, 3)
        await call.sound(VOICE, 1)
        await call.sound(SILENCE, 3)
        await call.hang_up()

    with caplog.at_level(logging.INFO):
        call.run(caller)
    facts = [vars(record).get("facts", {}) for record in caplog.records]
    (turn,) = [fact for fact in facts if "total_ms" in fact]
    steps = ("endpoint_ms", "recognizer_ms", "waited_ms", "brain_ms", "voice_ms")
    assert sum(turn[step] for step in steps) == turn["total_ms"] == 1000
    assert not any("secret" in str(vars(record)) for record in caplog.records)
    assert all(vars(record).get("call") == "call-1" for record in caplog.records)


def test_an_hour_of_talk_leaves_nothing_behind() -> None:
    call = Call(Script(*[("Yes?",)] * 1000))

    async def caller(call: Call) -> None:
        for _ in range(60):
            await call.sound(VOICE, 1)
            await call.sound(SILENCE, 4)
        assert len(asyncio.all_tasks()) <= 6
        await call.hang_up()

    call.run(caller)
    assert len(call.brain.heard) >= 59
