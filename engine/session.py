"""One call: the only loop. Effects become work, and work becomes events.

What comes from the line goes through the core at once, on the socket's callback; only what leaves
the call (recognizer, brain, voice) runs in tasks of its own.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar, assert_never

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import FRAME_SECONDS, SILENCE, level, loudness
from engine.core.conversation import Conversation
from engine.core.cues import Awaits
from engine.core.cues.words import Words, words_of
from engine.core.rules import Rules
from engine.core.states import Ended
from engine.ports import (
    Brain,
    CallFacts,
    HearingCommand,
    HearingResult,
    Line,
    Recognizer,
    SpeechDetector,
    Voice,
)
from engine.trace import Trace

log = logging.getLogger(__name__)

Item = TypeVar("Item")

GAP = 0.1
"""Seconds without a frame, after which the caller's silence is made up: frames are no clock."""
STALL = 0.05
"""Seconds that a timer may be late before it says more about us than about the line."""
_COMMANDS = 512
_TEXTS = 64
_PAUSE_PIECES = 3
"""So much is heard after a pause until the turn ends, or the caller has gone on."""
_RETRY = 0.5  # seconds before a recognizer that broke is tried again


class Session:
    """A `Call` for an adapter. `answered`, `frame`, `played`, `dtmf` and `hung_up` never block."""

    def __init__(
        self,
        facts: CallFacts,
        line: Line,
        *,
        rules: Rules,
        recognizer: Recognizer,
        voice: Voice,
        brain: Brain,
        trace: Trace,
        detector: SpeechDetector | None = None,
        clips: Callable[[fx.Clip], bytes] = lambda _: b"",
        ended: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._facts = facts
        self._line = line
        self._recognizer = recognizer
        self._voice = voice
        self._brain = brain
        self._trace = trace
        self._detector = detector
        self._clips = clips
        self._ended = ended
        self._conversation = Conversation(rules)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._last_frame = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._over = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._begun = False
        """The brain has begun to answer the present question, or a part of it."""
        self._unstarted: list[Callable[[], None]] = []
        self._final: tuple[int, Words] = (0, ())
        """The newest utterance that was recognized, and its words."""
        self._replies: dict[int, asyncio.Task[None]] = {}
        self._guesses: set[asyncio.Task[None]] = set()
        self._partial = ev.Partial(0, "")
        self._paused = 0
        """The utterance in which the caller has just paused: it may be all."""
        self._pause_left = 0
        self._texts: asyncio.Queue[str | None] = asyncio.Queue(_TEXTS)
        self._commands: asyncio.Queue[HearingCommand] = asyncio.Queue(_COMMANDS)
        trace.rules(rules)

    # What the line says.

    def answered(self) -> None:
        self._say("call_answered", line=self._facts.line)
        self._last_frame = self._now()
        self._handle(ev.Answered())

    def frame(self, pcm: bytes) -> None:
        self._last_frame = self._now()
        loud = level(pcm)
        speech = ev.UNKNOWN
        if self._detector is not None:
            speech = self._detector.hear(pcm, loud >= self._conversation.gate)
        self._handle(ev.Frame(pcm, loud, speech))

    def played(self, told: ev.Played) -> None:
        seconds, on_the_way = round(told.seconds, 3), round(told.on_the_way, 3)
        self._handle(ev.Played(told.turn, seconds, told.done, on_the_way))

    def dtmf(self, digit: str) -> None:
        self._handle(ev.Dtmf(digit))

    def hung_up(self, why: str) -> None:
        self._handle(ev.HungUp(why))

    def close(self) -> None:
        """The bridge closes: the caller is told, and the call ends soon."""
        self._handle(ev.Closing())

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                hearing = group.create_task(self._recognize())
                for start in self._unstarted:
                    start()
                await self._over.wait()
                hearing.cancel()
                for task in (*self._replies.values(), *self._guesses):
                    task.cancel()
        finally:
            self._group = None
            if self._timer is not None:
                self._timer.cancel()
            self._trace.flush()
            state = self._conversation.state
            why = state.why if isinstance(state, Ended) else "stopped"
            self._say("call_ended", why=why, seconds=round(self._now(), 1))
            self._ended(why)

    # Through the core, and out again.

    def _now(self) -> float:
        """Seconds since the call began; whole milliseconds, so that a trace replays exactly."""
        return round(1000 * (self._loop.time() - self._began)) / 1000

    def _handle(self, event: ev.Event) -> None:
        if self._over.is_set():
            return
        now = self._now()
        try:
            effects = self._conversation.handle(event, now)
            self._trace.record(event, now, effects, self._conversation.state)
            for effect in effects:
                self._perform(effect)
        except BaseException:
            self._over.set()  # whoever brought the event reports it; this call is over
            raise
        if isinstance(self._conversation.state, Ended):
            self._over.set()
        else:
            self._arm(now)

    def _arm(self, now: float) -> None:
        """Come back when the core wants to, or when frames are missing, whichever is first."""
        at = self._last_frame + GAP
        deadline = self._conversation.deadline
        if deadline is not None and deadline < at:
            at = deadline
        if self._timer is not None:
            soon = self._timer_at < now + GAP / 2
            if self._timer_at == at or (self._timer_at < at and not soon):
                return  # it comes early enough, and looks again then
            # While frames come it never does: to wake for nothing costs more than to put it off.
            self._timer.cancel()
        self._timer_at = max(at, now)
        self._timer = self._loop.call_at(self._began + self._timer_at + 0.001, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        if (late := now - self._timer_at) > STALL:
            # We were held up ourselves: the frames of that time are waiting in the socket.
            self._last_frame = round(self._last_frame + late, 3)
        while self._last_frame + GAP <= now and not self._over.is_set():
            self._last_frame = round(self._last_frame + FRAME_SECONDS, 3)
            self._handle(ev.Frame(SILENCE, ev.UNKNOWN))
        self._handle(ev.Tick())

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Listen() | fx.Hear() | fx.StopListening() | fx.Pause():
                self._put(self._commands, effect)
                self._notice_pause(effect)
            case fx.Play(turn, pcm):
                self._line.play(turn, pcm)
            case fx.Fill(turn, clip):
                self._loop.call_soon(self._fill, turn, clip)
            case fx.EndReply(turn):
                self._line.end_reply(turn)
            case fx.Clear():
                self._line.clear()
            case fx.HangUp(why):
                self._line.hang_up(why)
            case fx.Transfer(key):
                self._line.transfer(key)
            case fx.Ask(turn, heard):
                self._start_reply(turn, heard)
            case fx.Say(_, text):
                self._put(self._texts, text)
            case fx.Cancel(turn):
                self._cancel(turn)
            case fx.Note(what, facts):
                self._say(what, **facts)
            case _:
                assert_never(effect)

    def _put(self, queue: asyncio.Queue[Item], item: Item) -> None:
        try:
            queue.put_nowait(item)
        except asyncio.QueueFull:
            self._say("overflow", of=type(item).__name__)

    def _say(self, what: str, **facts: float | int | str | bool) -> None:
        log.info(what, extra={"call": self._facts.id, "facts": facts})

    def _fill(self, turn: int, clip: fx.Clip) -> None:
        pcm = self._clips(clip)
        self._handle(ev.Filler(turn, pcm, loudness(pcm)))

    # Work that leaves the call.

    def _start_reply(self, turn: int, heard: fx.Heard | None) -> None:
        texts: asyncio.Queue[str | None] = asyncio.Queue(_TEXTS)
        self._texts = texts
        self._begun = self._begun and heard is not None and heard.instead

        def start() -> None:
            assert self._group is not None
            task = self._group.create_task(self._reply(turn, heard, texts))
            self._replies[turn] = task
            task.add_done_callback(lambda _: self._replies.pop(turn, None))

        if self._group is None:
            self._unstarted.append(start)
        else:
            start()

    def _cancel(self, turn: int) -> None:
        while not self._texts.empty():
            self._texts.get_nowait()
        if task := self._replies.get(turn):
            task.cancel()

    async def _reply(
        self, turn: int, heard: fx.Heard | None, texts: asyncio.Queue[str | None]
    ) -> None:
        async def make() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._speak(turn, texts))
                done = await self._think(turn, heard)
                await texts.put(None)
            self._handle(done)

        await self._guard(make(), lambda why: self._handle(ev.ReplyFailed(turn, why)))

    async def _think(self, turn: int, heard: fx.Heard | None) -> ev.ReplyDone:
        if heard is not None and heard.instead and not self._begun:
            # The first part was taken back before the brain had seen it.
            heard = replace(heard, instead=False)
        self._begun = True
        done = ev.ReplyDone(turn)
        async with aclosing(self._brain.reply(heard)) as parts:
            async for part in parts:
                match part:
                    case Awaits():  # before `str`, which it is too
                        done = replace(done, awaits=part)
                    case str():
                        self._handle(ev.Sentence(turn, part))
                    case _:
                        done = replace(done, then=part)
        return done

    async def _speak(self, turn: int, texts: asyncio.Queue[str | None]) -> None:
        while (text := await texts.get()) is not None:
            async with aclosing(self._voice.speak(text)) as pieces:
                async for piece in pieces:
                    # As exact as a trace tells it, so that it replays the same.
                    words = tuple(ev.Word(word.text, round(word.at, 3)) for word in piece.words)
                    self._handle(ev.ReplyAudio(turn, piece.pcm, words, loudness(piece.pcm)))
                    # All of a greeting may be at hand: other calls come between its pieces.
                    await asyncio.sleep(0)

    async def _recognize(self) -> None:
        """The call's hearing; a recognizer that breaks is begun again."""
        listening = 0

        async def commands() -> AsyncGenerator[HearingCommand]:
            nonlocal listening
            while True:
                command = await self._commands.get()
                listening = command.utterance
                yield command

        async def listen() -> None:
            results = self._recognizer.recognize(commands(), self._brain.expected)
            async with aclosing(results) as heard:
                async for result in heard:
                    if not self._knows(result):
                        self._handle(result)
                    if isinstance(result, ev.Partial):
                        self._partial = result
                        self._guess()

        while not self._over.is_set():
            await self._guard(
                listen(), lambda why: self._handle(ev.RecognitionFailed(listening, why))
            )
            await asyncio.sleep(_RETRY)

    def _notice_pause(self, command: HearingCommand) -> None:
        match command:
            case fx.Pause(utterance):
                self._paused, self._pause_left = utterance, _PAUSE_PIECES
                self._guess()
            case fx.Hear():
                self._pause_left -= 1
                if self._pause_left < 0:
                    self._paused = 0  # who speaks on does not pause any more

    def _guess(self) -> None:
        """The brain may begin with words that are probably all."""
        utterance, words = self._partial.utterance, self._partial.text
        if self._group is None or not words or utterance != self._paused:
            return
        guessing = self._guard(self._brain.guess(words), lambda _: None)
        task = self._group.create_task(guessing)
        self._guesses.add(task)
        task.add_done_callback(self._guesses.discard)

    def _knows(self, result: HearingResult) -> bool:
        """A second `Final` of an utterance matters only if its words are others."""
        if not isinstance(result, ev.Final):
            return False
        before, self._final = self._final, (result.utterance, words_of(result.text))
        return self._final == before

    async def _guard(
        self, work: Coroutine[None, None, None], failed: Callable[[str], None]
    ) -> None:
        """The wrapper of a provider's job: whatever goes wrong in it is an event of this call."""
        try:
            await work
        except Exception as error:
            reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            log.warning("provider_failed", exc_info=error, extra={"call": self._facts.id})
            failed(f"{type(reason).__name__}: {reason}")
