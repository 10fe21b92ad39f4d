"""Providers of one role in order: what the first one can't do is done by the next.

A ladder keeps the port of its role. Its last rung is local, needs no network, and is asked
whatever its breaker says. A call that has moved down stays there: its voice changes once."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, seconds
from engine.core.effects import Listen, StopListening
from engine.core.events import Final, RecognitionFailed, Word
from engine.ports import (
    HearingCommand,
    HearingResult,
    OverQuota,
    ProviderFailed,
    Recognizer,
    Speech,
    Voice,
    failure,
)
from engine.providers.breaker import Breaker

log = logging.getLogger(__name__)

FIRST_AUDIO = 3.5
"""Seconds until a voice must have begun."""
VOICE_GAP = 2.0
"""Seconds between two pieces of its speech."""
ANSWER = 3.0
"""Seconds after an utterance in which a recognizer must have told its words."""
MOST_REFUSALS = 3
"""Utterances that a recognizer fails within `REFUSALS_WINDOW`, before the next one takes over."""
REFUSALS_WINDOW = 30.0
WARM_EVERY = 30.0
"""Seconds for which a connection that was opened ahead is taken to be open."""

_COMMANDS = 512

Provider = TypeVar("Provider", covariant=True)
Expected = Callable[[], Sequence[str]]


@dataclass(frozen=True)  # with slots, `Rung[Voice](...)` fails in Python 3.11
class Rung(Generic[Provider]):
    name: str
    """For the log: `google`."""
    provider: Provider
    warm: Callable[[], Awaitable[None]] | None = None
    """Opens the connection ahead."""
    breaker: Breaker = field(default_factory=Breaker)


class Ladder(Generic[Provider]):
    """What both ladders do."""

    def __init__(self, role: str, rungs: Sequence[Rung[Provider]]) -> None:
        self.role = role
        self.rungs = tuple(rungs)
        self._warmed: dict[str, float] = {}
        self._warming: set[asyncio.Task[None]] = set()

    def is_last(self, at: int) -> bool:
        return at == len(self.rungs) - 1

    def from_rung(self, at: int, now: float) -> int:
        """The first rung, from this one on, that may be asked now."""
        while not self.is_last(at) and not self.rungs[at].breaker.allows(now):
            at += 1
        return at

    def fail(self, at: int, why: Exception, now: float) -> None:
        self.rungs[at].breaker.failed(now, quota=isinstance(why, OverQuota))

    def tell(self, call: str, before: int, after: int, why: str) -> None:
        names = (self.rungs[before].name, self.rungs[after].name)
        facts = {"role": self.role, "from": names[0], "to": names[1], "why": why}
        log.warning("provider_changed", extra={"call": call, "facts": facts})

    def warm(self) -> None:
        """Opens the connections of all rungs, while the phone rings; does not wait for it."""
        now = asyncio.get_running_loop().time()
        for rung in self.rungs:
            last = self._warmed.get(rung.name)
            if rung.warm and (last is None or now >= last + WARM_EVERY):
                self._warmed[rung.name] = now
                task = asyncio.create_task(self._warm(rung.name, rung.warm))
                self._warming.add(task)
                task.add_done_callback(self._warming.discard)

    async def close(self) -> None:
        """Nothing is being warmed any more."""
        for task in self._warming:
            task.cancel()
        if self._warming:
            await asyncio.wait(self._warming)

    async def _warm(self, name: str, warm: Callable[[], Awaitable[None]]) -> None:
        try:
            await warm()
        except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
            facts = {"role": self.role, "provider": name, "why": str(failure(error))}
            log.warning("provider_not_warm", extra={"facts": facts})


class LadderVoice:
    """Opens a voice for each call, with the same ways: `open` before the first sentence."""

    def __init__(
        self, rungs: Sequence[Rung[Voice]], *, first: float = FIRST_AUDIO, gap: float = VOICE_GAP
    ) -> None:
        self._ladder = Ladder("voice", rungs)
        self._first = first
        self._gap = gap

    def open(self, call: str = "") -> "CallVoice":
        """The voice of one call."""
        return CallVoice(self._ladder, call, self._first, self._gap)

    def warm(self) -> None:
        self._ladder.warm()

    async def close(self) -> None:
        await self._ladder.close()


class CallVoice:
    """Keeps the port `Voice`, for one call."""

    def __init__(self, ladder: Ladder[Voice], call: str, first: float, gap: float) -> None:
        self._ladder = ladder
        self._call = call
        self._first = first
        self._gap = gap
        self._at = 0

    @property
    def is_last_resort(self) -> bool:
        """The call has come down to the last voice, and keeps it."""
        return self._ladder.is_last(self._at)

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        rest = _Rest(text)
        self._move(self._ladder.from_rung(self._at, _now()), "it is left alone for now")
        while True:
            at = self._at
            try:
                async with aclosing(self._pieces(at, rest)) as pieces:
                    async for piece in pieces:
                        yield piece
            except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
                why = failure(error)
                self._ladder.fail(at, why, _now())
                if self._ladder.is_last(at):
                    raise why from None
                self._move(self._ladder.from_rung(max(at + 1, self._at), _now()), str(why))
                continue
            self._ladder.rungs[at].breaker.worked()
            return

    async def _pieces(self, at: int, rest: "_Rest") -> AsyncGenerator[Speech]:
        """What one rung makes of the rest. The last word is held back until more comes, so that no
        half word is given out; but the first is not waited for, and may be said twice."""
        patient = self._ladder.is_last(at)
        limit, held, begun = self._first, Speech(b""), False
        unsure: tuple[Word, ...] = ()
        async with aclosing(self._ladder.rungs[at].provider.speak(rest.text)) as pieces:
            while True:
                async with asyncio.timeout(None if patient else limit):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                whole = _joined(held, piece)
                ready, held = _split(whole)
                if not begun and not ready.words:
                    ready, held, unsure = whole, Speech(b""), whole.words
                elif ready.words or held.words:
                    rest.given((*unsure, *ready.words))
                    unsure = ()
                limit, begun = self._gap, True
                if ready.pcm:
                    yield ready
            if not begun and not patient:
                raise ProviderFailed("it made no sound")
            if held.pcm:
                yield held

    def _move(self, to: int, why: str) -> None:
        if to > self._at:
            self._ladder.tell(self._call, self._at, to, why)
            self._at = to


class _Rest:
    """What of a sentence is still to be said. Of a voice that does not tell its words, all."""

    def __init__(self, text: str) -> None:
        self._words = text.split()

    @property
    def text(self) -> str:
        return " ".join(self._words)

    def given(self, words: Sequence[Word]) -> None:
        count = sum(len(word.text.split()) for word in words)
        self._words = self._words[count:]


def _joined(first: Speech, then: Speech) -> Speech:
    if not first.pcm:
        return then
    length = seconds(first.pcm)
    later = tuple(Word(word.text, word.at + length) for word in then.words)
    return Speech(first.pcm + then.pcm, first.words + later)


def _split(speech: Speech) -> tuple[Speech, Speech]:
    """Before its last word, and from it on: nobody knows yet where that one ends."""
    if not speech.words:
        return speech, Speech(b"")
    last = speech.words[-1]
    frames = int(last.at / FRAME_SECONDS)  # whole ones: their loudness is told frame by frame
    cut, late = frames * FRAME_BYTES, last.at - frames * FRAME_SECONDS
    return (
        Speech(speech.pcm[:cut], speech.words[:-1]),
        Speech(speech.pcm[cut:], (Word(last.text, late),)),
    )


class LadderRecognizer:
    """Keeps the port `Recognizer`."""

    def __init__(self, rungs: Sequence[Rung[Recognizer]], *, answer: float = ANSWER) -> None:
        self._ladder = Ladder("recognizer", rungs)
        self._answer = answer

    def open(self, call: str = "") -> Recognizer:
        """The same for one call, which its lines in the log name."""
        return _CallRecognizer(self._ladder, call, self._answer)

    def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        return self.open().recognize(commands, expected)

    def warm(self) -> None:
        self._ladder.warm()

    async def close(self) -> None:
        await self._ladder.close()


class _CallRecognizer:
    def __init__(self, ladder: Ladder[Recognizer], call: str, answer: float) -> None:
        self._ladder = ladder
        self._call = call
        self._answer = answer
        self._at = 0

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        hearing = _Hearing(self._ladder, self._call, self._answer, expected)
        # Not a TaskGroup: closing a generator that waits inside of one raises a group of errors.
        reader = asyncio.create_task(hearing.follow(commands))
        try:
            hearing.begin(self._at)
            while not hearing.over:
                if result := await hearing.result():
                    yield result
        finally:
            self._at = hearing.at
            reader.cancel()
            await asyncio.wait({reader})
            await hearing.close()


@dataclass(frozen=True, slots=True)
class _Told:
    """What a rung says: a result, why it broke, or nothing, at its end."""

    rung: int
    what: HearingResult | Exception | None


@dataclass(frozen=True, slots=True)
class _ToldBeside:
    """What came of an utterance that was heard once more, by another rung."""

    result: Final | RecognitionFailed


class _Hearing:
    """One call's hearing: the rung that works, and what it still owes."""

    def __init__(
        self, ladder: Ladder[Recognizer], call: str, answer: float, expected: Expected
    ) -> None:
        self.at = 0
        self.over = False
        self._ends = False
        """No more commands come."""
        self._ladder = ladder
        self._call = call
        self._answer = answer
        self._expected = expected
        self._inbox: asyncio.Queue[HearingCommand | _Told | _ToldBeside | None]
        self._inbox = asyncio.Queue(_COMMANDS)
        self._commands: asyncio.Queue[HearingCommand | None] = asyncio.Queue(_COMMANDS)
        self._work: asyncio.Task[None] | None = None
        self._owed: dict[int, list[HearingCommand]] = {}
        """Of each utterance without an answer, all that was told of it."""
        self._due: dict[int, float] = {}
        """When the answer to an utterance that is over is late."""
        self._refusals: deque[float] = deque(maxlen=MOST_REFUSALS)
        self._beside: dict[int, asyncio.Task[None]] = {}
        """Who hears an utterance again that the rung refused."""

    async def follow(self, commands: AsyncIterator[HearingCommand]) -> None:
        async for command in commands:
            await self._inbox.put(command)
        await self._inbox.put(None)

    def begin(self, at: int) -> None:
        self._start(self._ladder.from_rung(at, _now()))

    async def close(self) -> None:
        tasks = {*self._beside.values(), *({self._work} if self._work else ())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._work = None

    async def result(self) -> HearingResult | None:
        """Waits for the next thing that happens, and tells what of it the call must know."""
        try:
            async with asyncio.timeout_at(self._deadline()):
                told = await self._inbox.get()
        except TimeoutError:
            await self._next(ProviderFailed(f"no answer within {self._answer:g} s"))
            return None
        match told:
            case _Told(rung, what):
                return await self._hear_from(what) if rung == self.at else None
            case _ToldBeside(result):
                return await self._answered(result) if result.utterance in self._beside else None
            case None:
                self._ends = True
                self._commands.put_nowait(None)
                return None
            case command:
                await self._obey(command)
                return None

    def _deadline(self) -> float | None:
        if self._ladder.is_last(self.at):
            return None
        return min(self._due.values(), default=None)

    async def _obey(self, command: HearingCommand) -> None:
        number = command.utterance
        if isinstance(command, Listen):
            self._owed[number] = []
        if number in self._owed:
            self._owed[number].append(command)
        if number in self._owed and isinstance(command, StopListening):
            self._due[number] = _now() + self._answer
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            await self._next(ProviderFailed("it takes nothing any more"))

    async def _hear_from(self, what: HearingResult | Exception | None) -> HearingResult | None:
        match what:
            case None if self._ends:
                self.over = True
            case None:
                await self._next(ProviderFailed("it stopped listening"))
            case Exception():
                await self._next(what)
            case RecognitionFailed(_, why):
                return await self._refused(what, why)
            case Final():
                self._ladder.rungs[self.at].breaker.worked()
                return await self._answered(what)
            case _:
                return what
        return None

    async def _refused(self, told: RecognitionFailed, why: str) -> HearingResult | None:
        now = _now()
        self._refusals.append(now)
        often = len(self._refusals) == MOST_REFUSALS and now - self._refusals[0] <= REFUSALS_WINDOW
        if often and not self._ladder.is_last(self.at):
            await self._next(ProviderFailed(why))
            return None
        self._ladder.fail(self.at, ProviderFailed(why), now)
        if self._ladder.is_last(self.at) or told.utterance not in self._due:
            return await self._answered(told)
        facts = {"provider": self._ladder.rungs[self.at].name, "why": why}
        log.warning("utterance_refused", extra={"call": self._call, "facts": facts})
        # Only this one: the next rung may understand far less, and one refusal is no trouble yet.
        del self._due[told.utterance]
        again = self._hear_beside(told, self._owed[told.utterance])
        self._beside[told.utterance] = asyncio.create_task(again)
        return None

    async def _hear_beside(self, told: RecognitionFailed, owed: Sequence[HearingCommand]) -> None:
        result: Final | RecognitionFailed = told
        at = self.at
        while isinstance(result, RecognitionFailed) and not self._ladder.is_last(at):
            at = self._ladder.from_rung(at + 1, _now())
            result = await self._asked_once(at, told, owed)
        await self._inbox.put(_ToldBeside(result))

    async def _asked_once(
        self, at: int, told: RecognitionFailed, owed: Sequence[HearingCommand]
    ) -> Final | RecognitionFailed:
        rung = self._ladder.rungs[at]
        limit = None if self._ladder.is_last(at) else self._answer
        try:
            async with (
                asyncio.timeout(limit),
                aclosing(rung.provider.recognize(_each(owed), self._expected)) as results,
            ):
                async for result in results:
                    if isinstance(result, Final):
                        rung.breaker.worked()
                        return result
            raise ProviderFailed("it did not answer")
        except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
            self._ladder.fail(at, failure(error), _now())
            return told

    async def _answered(self, result: Final | RecognitionFailed) -> Final | RecognitionFailed:
        self._owed.pop(result.utterance, None)
        self._due.pop(result.utterance, None)
        if task := self._beside.pop(result.utterance, None):
            task.cancel()
            await asyncio.wait({task})
        return result

    async def _next(self, why: Exception) -> None:
        """The next rung takes over, and hears again what has no answer yet."""
        before = self.at
        self._ladder.fail(before, why, _now())
        await self.close()
        if self._ladder.is_last(before):
            raise why
        self._start(self._ladder.from_rung(before + 1, _now()))
        self._ladder.tell(self._call, before, self.at, str(why))

    def _start(self, at: int) -> None:
        self.at = at
        self._refusals.clear()
        again = [command for owed in self._owed.values() for command in owed]
        self._commands = asyncio.Queue(len(again) + _COMMANDS)
        for command in (*again, *((None,) if self._ends else ())):
            self._commands.put_nowait(command)
        self._due = dict.fromkeys((*self._due, *self._beside), _now() + self._answer)
        self._beside.clear()
        self._work = asyncio.create_task(self._ask(at, self._commands))

    async def _ask(self, at: int, commands: "asyncio.Queue[HearingCommand | None]") -> None:
        async def given() -> AsyncGenerator[HearingCommand]:
            while (command := await commands.get()) is not None:
                yield command

        told: Exception | None = None
        try:
            heard = self._ladder.rungs[at].provider.recognize(given(), self._expected)
            async with aclosing(heard) as results:
                async for result in results:
                    await self._inbox.put(_Told(at, result))
        except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
            told = failure(error)
        await self._inbox.put(_Told(at, told))


async def _each(commands: Sequence[HearingCommand]) -> AsyncGenerator[HearingCommand]:
    for command in commands:
        yield command


def _now() -> float:
    return asyncio.get_running_loop().time()
