"""Ladders of small real providers, in virtual time: who does the work, and what of it is heard."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field

import pytest

from engine.core.audio import RATE
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final, Partial, RecognitionFailed, Word
from engine.ports import HearingCommand, HearingResult, OverQuota, ProviderFailed, Speech
from engine.providers.breaker import Breaker
from engine.providers.ladder import LadderRecognizer, LadderVoice, Rung
from tests import virtual_time

TEXT = "we have three offices in the Old North"


def tenths(count: int) -> bytes:
    return bytes(2 * RATE // 10) * count


@dataclass
class Mouth:
    """Some words a piece, two tenths of a second each; what else happens is scripted."""

    fails_after: int | None = None
    """Pieces, then it raises."""
    stalls_after: int | None = None
    knows_words: bool = True
    words_a_piece: int = 2
    lead: float = 0.0
    """Seconds of silence before a piece's first word."""
    error: Exception = field(default_factory=lambda: ProviderFailed("the stream is gone"))
    asked: list[str] = field(default_factory=list)
    open: int = 0

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        self.asked.append(text)
        self.open += 1
        try:
            words = text.split()
            for number, at in enumerate(range(0, len(words), self.words_a_piece)):
                if number == self.fails_after:
                    raise self.error
                if number == self.stalls_after:
                    await asyncio.Event().wait()
                pair = words[at : at + self.words_a_piece]
                times = tuple(
                    Word(word, self.lead + 0.2 * place) for place, word in enumerate(pair)
                )
                yield Speech(tenths(2 * len(pair)), times if self.knows_words else ())
        finally:
            self.open -= 1


def ladder(*mouths: Mouth) -> LadderVoice:
    return LadderVoice([Rung(f"rung {place}", mouth) for place, mouth in enumerate(mouths)])


def run(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """In virtual time; nothing that was begun is left."""

    async def main() -> None:
        async with asyncio.timeout(3600):
            await work()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_time.run(main())


async def said(voices: LadderVoice, text: str = TEXT) -> list[Speech]:
    return [speech async for speech in voices.open().speak(text)]


def words(pieces: Sequence[Speech]) -> str:
    return " ".join(word.text for piece in pieces for word in piece.words)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
@pytest.mark.parametrize("how", ["fails", "stalls"])
def test_the_next_voice_says_the_rest_and_each_word_is_said_once(how: str, after: int) -> None:
    first = Mouth(fails_after=after) if how == "fails" else Mouth(stalls_after=after)
    second = Mouth()

    async def work() -> None:
        pieces = await said(ladder(first, second))
        assert words(pieces) == TEXT
        assert sum(len(piece.pcm) for piece in pieces) == len(tenths(16))
        assert first.open == second.open == 0

    run(work)
    # The last word that came may have been half of one: it was kept back, and is said again.
    assert second.asked == [" ".join(TEXT.split()[max(0, 2 * after - 1) :])]


@pytest.mark.parametrize(("after", "again"), [(1, 0), (2, 1), (3, 2)])
def test_the_first_word_is_given_out_at_once_and_said_again_if_it_may_have_been_cut(
    after: int, again: int
) -> None:
    second = Mouth()

    async def work() -> None:
        pieces = await said(ladder(Mouth(stalls_after=after, words_a_piece=1, lead=0.02), second))
        assert pieces[0] == Speech(tenths(2), (Word("we", 0.02),))
        assert words(pieces) == ("we " if after == 1 else "") + TEXT

    run(work)
    assert second.asked == [" ".join(TEXT.split()[again:])]


SECRET = "a caller's words"
DEFECTS = [KeyError(SECRET), ExceptionGroup("tasks", [KeyError(SECRET)])]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_a_voice_is_a_failure_like_any_other_and_only_its_kind_is_told(
    defect: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        broken = Mouth(fails_after=1, error=defect)
        assert words(await said(ladder(broken, Mouth()))) == TEXT
        with pytest.raises(ProviderFailed, match=r"^KeyError$") as failed:
            await said(ladder(broken))
        assert failed.value.__suppress_context__

    run(work)
    (line,) = caplog.records
    assert vars(line)["facts"]["why"] == "KeyError"


def test_what_is_wrong_with_a_group_is_what_its_first_error_is() -> None:
    first = Mouth(fails_after=0, error=ExceptionGroup("tasks", [OverQuota("enough")]))
    rung = Rung("first", first)

    async def work() -> None:
        await said(LadderVoice([rung, Rung("local", Mouth())]))

    run(work)
    assert not rung.breaker.closed


def test_a_voice_that_does_not_tell_its_words_is_followed_by_the_whole_sentence() -> None:
    second = Mouth()

    async def work() -> None:
        await said(ladder(Mouth(fails_after=2, knows_words=False), second))

    run(work)
    assert second.asked == [TEXT]


def test_a_voice_without_a_sound_is_a_failure() -> None:
    second = Mouth()

    async def work() -> None:
        await said(LadderVoice([Rung("mute", Mute()), Rung("local", second)]))

    run(work)
    assert second.asked == [TEXT]


class Mute:
    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        nothing: tuple[Speech, ...] = ()
        for piece in nothing:
            yield piece


def test_a_call_that_changed_its_voice_keeps_it_and_others_keep_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = Mouth(fails_after=1), Mouth()
    voices = ladder(first, second)

    async def work() -> None:
        mine, other = voices.open("call-1"), voices.open("call-2")
        async for _ in mine.speak(TEXT):
            pass
        first.fails_after = None
        for voice in (mine, other):
            async for _ in voice.speak("hello there"):
                pass

    with caplog.at_level(logging.WARNING):
        run(work)
    assert second.asked[1:] == ["hello there"]
    assert first.asked == [TEXT, "hello there"]
    (line,) = caplog.records
    assert vars(line)["call"] == "call-1"
    assert vars(line)["facts"] == {
        "role": "voice",
        "from": "rung 0",
        "to": "rung 1",
        "why": "the stream is gone",
    }


def test_a_call_knows_when_it_has_come_down_to_the_last_voice() -> None:
    voices = ladder(Mouth(fails_after=1), Mouth())

    async def work() -> None:
        mine, other = voices.open("call-1"), voices.open("call-2")
        assert not mine.is_last_resort
        async for _ in mine.speak(TEXT):
            pass
        assert (mine.is_last_resort, other.is_last_resort) == (True, False)
        assert ladder(Mouth()).open().is_last_resort

    run(work)


def test_the_last_voice_has_all_the_time_and_its_failure_is_told() -> None:
    async def work() -> None:
        with pytest.raises(ProviderFailed, match="the stream is gone"):
            await said(ladder(Mouth(fails_after=0), Mouth(fails_after=0)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await said(ladder(Mouth(fails_after=0), Mouth(stalls_after=0)))

    run(work)


def test_a_voice_that_fails_often_is_left_alone_by_all_calls_until_one_try_works() -> None:
    first, second = Mouth(fails_after=0), Mouth()
    voices = ladder(first, second)

    async def work() -> None:
        for _ in range(20):
            await said(voices)
        assert len(first.asked) == 5
        await asyncio.sleep(10)
        for _ in range(3):
            await said(voices)
        assert len(first.asked) == 6
        first.fails_after = None
        await asyncio.sleep(10)
        for _ in range(3):
            await said(voices)
        assert len(first.asked) == 9

    run(work)


def test_a_voice_over_its_quota_is_asked_once_a_second_by_all_calls_together() -> None:
    first = Mouth(fails_after=0, error=OverQuota("enough"))
    voices = ladder(first, Mouth())

    async def work() -> None:
        for _ in range(30):
            await asyncio.sleep(0.1)
            await said(voices)

    run(work)
    assert len(first.asked) == 3


@pytest.mark.parametrize("stalls_after", [0, 1])
def test_a_sentence_that_is_given_up_ends_the_voice_at_once(stalls_after: int) -> None:
    first = Mouth(stalls_after=stalls_after)

    async def work() -> None:
        task = asyncio.ensure_future(said(ladder(first, Mouth())))
        await asyncio.sleep(1)
        assert first.open == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert first.open == 0

    run(work)


def test_connections_are_opened_ahead_once_in_half_a_minute_and_nobody_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened: list[str] = []

    async def slow() -> None:
        opened.append("slow")
        await asyncio.sleep(5)

    async def broken() -> None:
        opened.append("broken")
        raise ProviderFailed("no key")

    async def wrong() -> None:
        opened.append("wrong")
        raise KeyError("a defect")

    warms = {"slow": slow, "broken": broken, "wrong": wrong}
    rungs = [Rung(name, Mouth(), warm) for name, warm in warms.items()] + [Rung("local", Mouth())]
    voices = LadderVoice(rungs)

    async def work() -> None:
        for _ in range(3):
            voices.warm()
            assert asyncio.get_running_loop().time() < 1
        await asyncio.sleep(30)
        voices.warm()
        await asyncio.sleep(0)
        await voices.close()

    run(work)
    assert opened == ["slow", "broken", "wrong"] * 2
    assert [vars(line)["facts"]["why"] for line in caplog.records] == ["no key", "KeyError"] * 2


# The recognizer.

UTTERANCE = b"".join(bytes([number]) * 1600 for number in range(5))


@dataclass
class Ear:
    """Tells its name and how many bytes it heard; what else happens is scripted."""

    name: str = "ear"
    breaks_on: type | None = None
    silent: bool = False
    refuses: int = 0
    takes: float = 0.1
    error: Exception = field(default_factory=lambda: ProviderFailed("the stream is gone"))
    heard: bytes = b""
    finals: int = 0
    open: int = 0

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        self.open += 1
        try:
            async for command in commands:
                if self.breaks_on and isinstance(command, self.breaks_on):
                    raise self.error
                if isinstance(command, Listen):
                    self.heard = command.preroll
                elif isinstance(command, Hear):
                    self.heard += command.pcm
                    yield Partial(command.utterance, self.name)
                elif isinstance(command, StopListening) and not self.silent:
                    await asyncio.sleep(self.takes)
                    self.finals += 1
                    if self.refuses:
                        self.refuses -= 1
                        yield RecognitionFailed(command.utterance, "not now")
                    else:
                        yield Final(command.utterance, self.name, 0.9)
        finally:
            self.open -= 1


def utterance(number: int) -> list[HearingCommand]:
    pieces = [Hear(number, UTTERANCE[at : at + 1600]) for at in range(1600, 8000, 1600)]
    return [Listen(number, UTTERANCE[:1600]), *pieces, StopListening(number, 25)]


async def answers(
    ears: Sequence[Ear], numbers: Sequence[int], every: float = 4.0, end: float = 0.0
) -> list[str]:
    """What the finals of these utterances say, one after the other."""

    async def commands() -> AsyncGenerator[HearingCommand]:
        for number in numbers:
            for command in utterance(number):
                await asyncio.sleep(0.1)
                yield command
            await asyncio.sleep(every)

    rungs = [Rung(ear.name, ear) for ear in ears]
    told: list[str] = []
    async for result in LadderRecognizer(rungs).recognize(commands(), lambda: ()):
        match result:
            case Final(number, text):
                told.append(f"{number} {text}")
            case RecognitionFailed(number):
                told.append(f"{number} failed")
    assert not any(ear.open for ear in ears)
    return told


FAULTS = {
    "before it is heard": Ear("cloud", breaks_on=Listen),
    "in the middle": Ear("cloud", breaks_on=Hear),
    "at its end": Ear("cloud", breaks_on=StopListening),
    "a connection that is lost": Ear("cloud", breaks_on=Hear, error=ConnectionError("reset")),
    "a defect": Ear("cloud", breaks_on=Hear, error=KeyError("a defect")),
    "a group of defects": Ear("cloud", breaks_on=Hear, error=DEFECTS[1]),
    "no answer": Ear("cloud", silent=True),
    "a late answer": Ear("cloud", takes=3.5),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_recognizer_hears_all_of_the_utterance_and_the_old_one_is_not_believed(
    fault: str,
) -> None:
    cloud, local = FAULTS[fault], Ear("local")

    async def work() -> None:
        assert await answers([cloud, local], [1, 2]) == ["1 local", "2 local"]
        assert local.heard == UTTERANCE

    run(work)


def test_an_utterance_that_is_refused_is_heard_by_the_next_and_the_call_stays() -> None:
    local = Ear("local")

    async def work() -> None:
        assert await answers([Ear("cloud", refuses=1), local], [1, 2]) == ["1 local", "2 cloud"]
        assert local.heard == UTTERANCE

    run(work)


NEXT = {
    "refuses": Ear("next", refuses=1),
    "breaks": Ear("next", breaks_on=Hear),
    "has a defect": Ear("next", breaks_on=Hear, error=KeyError("the caller's words")),
    "never answers": Ear("next", silent=True),
    "takes too long": Ear("next", takes=3.5),
}


@pytest.mark.parametrize("how", NEXT)
def test_what_the_next_recognizer_refuses_too_goes_further_down(how: str) -> None:
    async def work() -> None:
        ears = [Ear("cloud", refuses=1), NEXT[how], Ear("local")]
        assert await answers(ears, [1, 2]) == ["1 local", "2 cloud"]

    run(work)


def test_what_all_of_them_refuse_is_told_once() -> None:
    async def work() -> None:
        told = await answers([Ear("cloud", refuses=1), Ear("local", refuses=1)], [1, 2])
        assert told == ["1 failed", "2 cloud"]

    run(work)


def test_three_refusals_in_half_a_minute_are_enough() -> None:
    cloud = Ear("cloud", refuses=9)

    async def work() -> None:
        told = await answers([cloud, Ear("local")], [1, 2, 3, 4])
        assert told == ["1 local", "2 local", "3 local", "4 local"]
        assert cloud.finals == 3

    run(work)


def test_a_change_of_recognizer_while_an_utterance_is_heard_again_answers_it_once() -> None:
    cloud, local = Ear("cloud", refuses=3), Ear("local", takes=1.0)

    async def work() -> None:
        told = await answers([cloud, local], [1, 2, 3], every=0.0)
        assert told == ["1 local", "2 local", "3 local"]

    run(work)


def test_what_was_being_heard_again_at_a_change_is_not_waited_for_without_end() -> None:
    class Breaking(Ear):
        async def recognize(
            self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
        ) -> AsyncGenerator[HearingResult]:
            async for command in commands:
                if isinstance(command, StopListening):
                    yield RecognitionFailed(command.utterance, "not now")
                elif command.utterance == 2:
                    raise self.error

    async def commands() -> AsyncGenerator[HearingCommand]:
        for command in (*utterance(1), Listen(2, b"")):
            await asyncio.sleep(0.1)
            yield command
        await asyncio.sleep(9)

    async def work() -> None:
        ears = [Breaking(), Ear("next", silent=True), Ear("local", takes=1.0)]
        results = LadderRecognizer([Rung("", ear) for ear in ears]).recognize(commands(), tuple)
        assert Final(1, "local", 0.9) in [result async for result in results]

    run(work)


def test_a_call_that_ends_ends_who_hears_an_utterance_again() -> None:
    local = Ear("local", takes=100.0)

    async def work() -> None:
        assert await answers([Ear("cloud", refuses=1), local], [1]) == []
        assert local.heard == UTTERANCE

    run(work)


def test_an_answer_after_all_is_the_only_one() -> None:
    class Late(Ear):
        async def recognize(
            self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
        ) -> AsyncGenerator[HearingResult]:
            async for command in commands:
                if isinstance(command, StopListening):
                    yield RecognitionFailed(command.utterance, "not now")
                    yield Partial(command.utterance, "cloud")
                    await asyncio.sleep(0.5)
                    yield Final(command.utterance, "cloud", 0.9)

    async def commands() -> AsyncGenerator[HearingCommand]:
        for command in utterance(1):
            yield command
        await asyncio.sleep(5)

    async def work() -> None:
        rungs = [Rung("late", Late()), Rung("local", Ear("local", takes=1.0))]
        results = LadderRecognizer(rungs).recognize(commands(), lambda: ())
        told = []
        async for result in results:
            told.append(type(result))
            await asyncio.sleep(2)  # both have answered by then
        assert told == [Partial, Final]

    run(work)


def test_what_a_recognizer_still_says_after_the_change_is_dropped() -> None:
    class Contrary(Ear):
        async def recognize(
            self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
        ) -> AsyncGenerator[HearingResult]:
            async for command in commands:
                if isinstance(command, StopListening):
                    yield RecognitionFailed(command.utterance, "not now")
                    yield Final(command.utterance, "cloud", 0.9)

    async def work() -> None:
        told = await answers([Contrary(), Ear("local")], [1, 2, 3])
        assert told == ["1 cloud", "2 cloud", "3 local"]

    run(work)


def test_refusals_now_and_then_change_nothing() -> None:
    async def work() -> None:
        told = await answers([Ear("cloud", refuses=3), Ear("local")], [1, 2, 3, 4], every=20.0)
        assert told == ["1 local", "2 local", "3 local", "4 cloud"]

    run(work)


def test_the_last_recognizer_has_all_the_time_and_its_failure_is_told() -> None:
    async def work() -> None:
        assert await answers([Ear(takes=30.0)], [1]) == ["1 ear"]
        with pytest.raises(ProviderFailed, match="the stream is gone"):
            await answers([Ear(breaks_on=Hear), Ear(breaks_on=Hear)], [1])

    run(work)


def test_a_recognizer_that_stops_listening_is_followed_by_the_next() -> None:
    class Tired(Ear):
        async def recognize(
            self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
        ) -> AsyncGenerator[HearingResult]:
            async for command in commands:
                yield Partial(command.utterance, "bye")
                return

    async def work() -> None:
        assert await answers([Tired(), Ear("local")], [1]) == ["1 local"]

    run(work)


def test_a_call_that_ends_ends_the_recognizer_at_once() -> None:
    ear = Ear()

    async def forever() -> AsyncGenerator[HearingCommand]:
        for command in utterance(1):
            yield command
        await asyncio.Event().wait()

    async def work() -> None:
        results = LadderRecognizer([Rung("ear", ear)]).recognize(forever(), lambda: ())
        async for _ in results:
            break
        assert ear.open == 1
        await results.aclose()
        assert ear.open == 0

    run(work)


# The breaker: a table of what happens when.

Step = tuple[float, str]
F, Q, W, YES, NO = "failed", "over quota", "worked", "yes", "no"
FULL: list[Step] = [(float(second), F) for second in range(5)]


@pytest.mark.parametrize(
    "steps",
    [
        [(0, YES), (0, YES)],
        [*FULL[:4], (5, YES)],
        [*FULL, (4.1, NO), (13.9, NO), (14, YES)],
        [(0, F), *((second, F) for second in (58, 59, 60.1, 60.2)), (60.3, YES)],
        [(0, F), *((second, F) for second in (58, 59, 59.1, 60)), (60.3, NO)],
        [*FULL, (14, YES), (14, NO), (23, NO), (24, YES)],
        [*FULL, (14, YES), (15, F), (24.9, NO), (25, YES)],
        [*FULL, (14, YES), (15, W), (15, YES), (15, YES)],
        [*FULL, (14, YES), (15, W), (15, F), (15, YES)],
        [*FULL[:4], (4, W), (4.5, F), (5, NO)],
        [(0, Q), (0.9, NO), (1, YES), (1, NO), (1.1, Q), (2, NO), (2.1, YES), (2.2, W), (2.3, YES)],
        [*((second, Q) for second in range(5)), (4.5, NO), (6, NO), (14, YES)],
        [*FULL, (14, YES), (14.5, Q), (20, NO), (24.5, YES)],
    ],
)
def test_a_breaker_says_who_may_ask(steps: list[Step]) -> None:
    breaker = Breaker()
    for now, what in steps:
        if what == W:
            breaker.worked()
        elif what in (F, Q):
            breaker.failed(now, quota=what == Q)
        else:
            assert breaker.allows(now) == (what == YES), now
