"""Faults of the providers, at every moment of a call: the caller is never left in silence.

In virtual time: the seconds are those of the call, not of the machine."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, pairwise

import numpy as np
import pytest

from engine.clips import record
from engine.core.audio import FRAME_SECONDS, RATE, SILENCE, seconds
from engine.core.effects import Clip, HangUp, Heard, StopListening, Transfer
from engine.core.events import Final, Played, Word
from engine.core.rules import Rules
from engine.dialogue.fillers import FILLERS, TRANSFERRED
from engine.dialogue.hebrew import unpointed_words
from engine.dialogue.profile import Texts
from engine.ports import (
    CallFacts,
    HearingCommand,
    HearingResult,
    Line,
    ProviderFailed,
    Recognizer,
    Speech,
    Voice,
)
from engine.providers.ladder import LadderRecognizer, LadderVoice, Rung
from engine.session import Session
from engine.trace import Trace, replay
from tests import virtual_time

MOST_SILENCE = 2.0
WORST_END = 15.0
"""Seconds from the fault to the end of a call that can't be answered."""
GREETING, ANSWER = "Hello this is Leah", "Which area would you like"
LENGTHS = {Clip.MOMENT: 1.4, Clip.STILL: 1.2, Clip.THANKS: 1.3, Clip.SORRY: 4.0}


SYLLABLES = [2100, 1900, 1700, 1300, 900, 300, 90, 60]
VOICE = [(np.sin(np.arange(160) * 0.5) * loud).astype("<i2").tobytes() for loud in SYLLABLES]


def tone(length: float) -> bytes:
    return b"\x00\x10" * round(length * RATE)


def clip(which: Clip) -> bytes:
    return tone(LENGTHS[which])


async def suffer(fault: str) -> None:
    """What goes wrong before the work is done."""
    if fault == "fails":
        raise ProviderFailed("the service is gone")
    if fault == "is wrong":
        raise KeyError("a defect")
    if fault == "hangs":
        await asyncio.Event().wait()
    if fault.startswith("takes"):
        await asyncio.sleep(float(fault.split()[1]))


@dataclass
class Faults:
    """What happens at the first job, at the second, and so on; `ok` from then on."""

    script: Sequence[str] = ()
    jobs: int = 0
    open: int = 0

    def next(self) -> str:
        self.jobs += 1
        return self.script[self.jobs - 1] if self.jobs <= len(self.script) else "ok"


@dataclass
class Brain:
    faults: Faults = field(default_factory=Faults)
    heard: list[Heard | None] = field(default_factory=list)

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer]:
        self.heard.append(heard)
        fault = self.faults.next()
        self.faults.open += 1
        try:
            if not fault.startswith("then"):
                await suffer(fault)
            else:
                yield "First of all"
                await suffer(fault.removeprefix("then "))
            yield ANSWER if heard else GREETING
        finally:
            self.faults.open -= 1

    def expected(self) -> Sequence[str]:
        return ()

    async def guess(self, words: str) -> None: ...


@dataclass
class Mouth:
    """A voice: a fifth of a second for each word, in two pieces."""

    faults: Faults = field(default_factory=Faults)

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        fault = self.faults.next()
        self.faults.open += 1
        try:
            words = text.split()
            later = fault.removeprefix("then ") if fault.startswith("then") else "ok"
            if later == "ok":
                await suffer(fault)
            for half in (words[:2], words[2:]):
                if half:
                    times = tuple(Word(word, 0.2 * place) for place, word in enumerate(half))
                    yield Speech(tone(0.2 * len(half)), times)
                await suffer(later)
                later = "ok"
        finally:
            self.faults.open -= 1


@dataclass
class Ears:
    faults: Faults = field(default_factory=Faults)
    second_thought: tuple[float, str] | None = None
    """So many seconds after the first words, other words for the same utterance."""

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        self.faults.open += 1
        try:
            async for command in commands:
                if isinstance(command, StopListening):
                    await suffer(self.faults.next())
                    yield Final(command.utterance, "an office", 0.9)
                    if self.second_thought:
                        after, text = self.second_thought
                        await asyncio.sleep(after)
                        yield Final(command.utterance, text, 0.8)
        finally:
            self.faults.open -= 1


class Telephone:
    """Plays what it is given in real time, and knows when what was to be heard."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.heard: list[tuple[float, float]] = []
        self.ended = ""
        self.over = asyncio.Event()
        """The caller has heard the end of a reply, or of the call."""
        self._until = 0.0
        self._timers: list[asyncio.TimerHandle] = []
        self._began = 0.0
        self._turn = 0

    def play(self, turn: int, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._until = max(now, self._until)
        if turn != self._turn:
            self._turn, self._began = turn, self._until
            self._later(now + 0.02, 0.02, False)
        if any(pcm):
            silent = len(pcm) - len(pcm.rstrip(b"\x00")) - 1
            self.heard.append((self._until, self._until + seconds(pcm[: len(pcm) - silent])))
        self._until += seconds(pcm)

    def end_reply(self, turn: int) -> None:
        self._later(self._until, self._until - self._began, True)

    def clear(self) -> None:
        now = asyncio.get_running_loop().time()
        self.heard = [(begin, min(end, now)) for begin, end in self.heard if begin < now]
        self._until, self._turn = now, 0
        for timer in self._timers:
            timer.cancel()

    def hang_up(self, why: str) -> None:
        self._end("hang up")

    def transfer(self, key: str) -> None:
        self._end(f"transfer {key}")

    def _end(self, how: str) -> None:
        self.ended = how
        self.over.set()

    def _later(self, at: float, position: float, done: bool) -> None:
        assert self.session is not None
        told = Played(self._turn, position, done)

        def tell() -> None:
            assert self.session is not None
            self.session.played(told)
            if done:
                self.over.set()

        self._timers.append(asyncio.get_running_loop().call_at(at, tell))


@dataclass
class Told:
    """What became of a call."""

    silences: list[float]
    """Seconds in which nobody said anything, though the agent should have."""
    ended: str
    seconds: float
    spoke: float
    """When the caller had last spoken, or the call was answered."""
    fillers: list[str]
    heard: list[Heard | None]
    trace: str


def call(
    brain: Brain | None = None,
    voice: Voice | None = None,
    ears: Recognizer | None = None,
    *,
    rules: Rules | None = None,
    clips: Callable[[Clip], bytes] = clip,
    again: float = 1e9,
) -> Told:
    """The agent greets, the caller says something for a second, the agent answers; `again`: so
    many seconds after his words, the caller says more for half a second."""
    brain = brain or Brain()
    calls: list[Told] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        line = Telephone()
        trace: list[str] = []
        keeps_line: Line = line
        session = line.session = Session(
            CallFacts("call-1", "test"),
            keeps_line,
            rules=rules or Rules(),
            recognizer=ears or Ears(),
            voice=voice or Mouth(),
            brain=brain,
            trace=Trace(trace.append),
            clips=clips,
        )
        spoke: list[tuple[float, float]] = [(0.0, 0.0)]

        async def sound(frames: Sequence[bytes], count: int) -> None:
            for frame in islice(cycle(frames), count):
                await asyncio.sleep(FRAME_SECONDS)
                session.frame(frame)

        async def silence_until_over() -> None:
            line.over.clear()
            while not line.over.is_set():
                if loop.time() >= spoke[-1][1] + again and len(spoke) == 2:
                    await speak(24)
                await sound([SILENCE], 1)

        async def speak(count: int) -> None:
            began = loop.time()
            await sound(VOICE, count)
            spoke.append((began, loop.time()))

        async with asyncio.timeout(600), asyncio.TaskGroup() as group:
            group.create_task(session.run())
            session.answered()
            await silence_until_over()
            if not line.ended:
                await sound([SILENCE], 10)
                await speak(50)
                await silence_until_over()
            end = loop.time()
            session.hung_up("the caller hung up")
        assert asyncio.all_tasks() == {asyncio.current_task()}
        sounds = sorted([*line.heard, *spoke, (end, end)])
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(sounds)]
        fillers = [told.split()[-1] for told in trace if " < fill " in told]
        text = "".join(f"{told}\n" for told in trace)
        calls.append(Told(gaps, line.ended, end, spoke[-1][1], fillers, brain.heard, text))

    virtual_time.run(main())
    return calls[0]


LATE = ["takes 3.0", "takes 5.0", "takes 8.0"]
FILLERS_HEARD = {
    "takes 3.0": 1,
    "takes 5.0": 2,
    "takes 8.0": 3,
    "then takes 3.0": 1,
    "then takes 8.0": 3,
    "fails": 0,
}
BROKEN = ["hangs", "then hangs", "fails"]
GREETS, ANSWERS = (), ("ok",)


def assert_nothing_is_left(*parts: Brain | Mouth | Ears) -> None:
    assert [part.faults.open for part in parts] == [0] * len(parts)


@pytest.mark.parametrize("before", [GREETS, ANSWERS], ids=["greeting", "answer"])
@pytest.mark.parametrize("fault", [*LATE, "then takes 3.0", "then takes 8.0", "fails"])
@pytest.mark.parametrize("role", ["brain", "voice"])
def test_a_fault_that_passes_is_bridged_and_the_answer_follows(
    role: str, fault: str, before: tuple[str, ...]
) -> None:
    faults = Faults((*before, fault))
    brain = Brain(faults if role == "brain" else Faults())
    mouth = Mouth(faults if role == "voice" else Faults())
    told = call(brain, mouth)
    assert not told.ended
    assert max(told.silences) <= MOST_SILENCE
    assert told.fillers == ["moment", "still", "thanks"][: FILLERS_HEARD[fault]]
    assert told.trace.count("note playout_ack ") == 2, "the greeting and the answer were heard"
    assert_nothing_is_left(brain, mouth)


@pytest.mark.parametrize("before", [GREETS, ANSWERS], ids=["greeting", "answer"])
@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("role", ["brain", "voice"])
def test_a_fault_that_lasts_ends_in_an_apology_and_a_goodbye(
    role: str, fault: str, before: tuple[str, ...]
) -> None:
    faults = Faults((*before, *(fault,) * 20))
    brain = Brain(faults if role == "brain" else Faults())
    mouth = Mouth(faults if role == "voice" else Faults())
    told = call(brain, mouth)
    assert told.ended == "hang up"
    assert told.fillers[-1] == "sorry"
    assert max(told.silences) <= MOST_SILENCE
    assert told.seconds - told.spoke <= WORST_END
    assert "playout_ack_missing" not in told.trace, "the apology was heard to its end"
    assert_nothing_is_left(brain, mouth)


@pytest.mark.parametrize("role", ["brain", "voice"])
def test_replies_that_break_in_the_middle_one_after_the_other_end_the_same(role: str) -> None:
    faults = Faults(("then fails",) * 9)
    brain = Brain(faults if role == "brain" else Faults())
    told = call(brain, Mouth(faults if role == "voice" else Faults()))
    assert (told.ended, told.fillers) == ("hang up", ["sorry"])
    assert max(told.silences) <= MOST_SILENCE


@pytest.mark.parametrize("fault", ["takes 3.0", "takes 5.0", "takes 8.0", "hangs", "fails"])
def test_words_that_come_late_or_never_are_waited_for_in_company(fault: str) -> None:
    brain, ears = Brain(), Ears(Faults((fault,)))
    told = call(brain, ears=ears)
    assert not told.ended
    assert max(told.silences) <= MOST_SILENCE
    understood = fault in ("takes 3.0", "takes 5.0")
    assert [heard.words for heard in told.heard if heard] == ["an office" if understood else ""]
    assert_nothing_is_left(brain, ears)
    assert replay(told.trace) == told.trace


def test_replies_that_break_now_and_then_are_forgiven() -> None:
    told = call(Brain(Faults(("fails", "ok", "fails"))))
    assert not told.ended
    assert told.trace.count("note playout_ack ") == 2


def test_a_brain_that_was_asked_late_is_given_time() -> None:
    """Six seconds for the words that never came, and then three and a half for the answer."""
    told = call(Brain(Faults(("ok", "takes 3.5"))), ears=Ears(Faults(("hangs",))))
    assert not told.ended
    assert told.fillers == ["moment", "still", "thanks"]


def test_who_cannot_be_answered_is_given_to_a_person_where_there_is_one() -> None:
    brain = Brain(Faults(("hangs",)))
    assert call(brain, rules=Rules(way_out="office")).ended == "transfer office"


def test_without_clips_the_call_goes_on_as_well_and_ends_the_same() -> None:
    told = call(Brain(Faults(("ok", "takes 5.0"))), clips=lambda _: b"")
    assert not told.ended
    assert told.trace.count("note playout_ack ") == 2
    assert call(Brain(Faults(("hangs",))), clips=lambda _: b"").ended == "hang up"


def test_an_answer_that_is_about_to_be_heard_has_no_filler_before_it() -> None:
    """The sentence is there, and its sound is a moment late."""
    told = call(voice=Mouth(Faults(("ok", "takes 1.2"))))
    assert told.fillers == []
    assert 1.5 < max(told.silences) < MOST_SILENCE


def test_the_voice_changes_in_the_middle_of_a_sentence_and_no_word_is_lost() -> None:
    cloud, local = Mouth(Faults(("ok", "then hangs"))), Mouth()
    voice = LadderVoice([Rung[Voice]("cloud", cloud), Rung[Voice]("local", local)]).open("call-1")
    told = call(voice=voice)
    assert not told.ended
    assert max(told.silences) <= MOST_SILENCE
    assert (cloud.faults.jobs, local.faults.jobs) == (2, 1)
    assert_nothing_is_left(cloud, local)


@pytest.mark.parametrize("fault", ["fails", "hangs", "takes 8.0"])
def test_the_next_recognizer_understands_what_the_first_one_did_not(fault: str) -> None:
    brain, cloud, local = Brain(), Ears(Faults((fault,))), Ears()
    rungs = [Rung[Recognizer]("cloud", cloud), Rung[Recognizer]("local", local)]
    told = call(brain, ears=LadderRecognizer(rungs))
    assert [heard.words for heard in told.heard if heard] == ["an office"]
    assert max(told.silences) <= MOST_SILENCE
    assert_nothing_is_left(cloud, local)


def test_a_defect_of_the_last_recognizer_costs_one_utterance_and_not_the_hearing() -> None:
    brain, local = Brain(), Ears(Faults(("is wrong",)))
    rungs = [Rung[Recognizer]("local", local)]
    told = call(brain, ears=LadderRecognizer(rungs), again=0.5)
    assert [heard.words for heard in told.heard if heard] == ["", "an office"]
    assert_nothing_is_left(brain, local)


def test_fillers_are_spoken_once_and_one_that_cannot_be_is_left_out() -> None:
    async def main() -> None:
        clips = await record(Mouth(Faults(("ok", "fails"))), "en", person=False)
        assert set(clips) == set(Clip) - {Clip.STILL}
        assert seconds(clips[Clip.MOMENT]) == pytest.approx(0.2 * 5)

    virtual_time.run(main())


@pytest.mark.parametrize("texts", [*FILLERS.values(), TRANSFERRED])
def test_fillers_are_pointed_and_short(texts: Texts) -> None:
    assert not unpointed_words(texts["he"])
    assert all(len(text.split()) <= 14 for text in texts.values())


def test_a_caller_who_interrupts_a_filler_is_answered_to_all_that_was_said() -> None:
    told = call(Brain(Faults(("ok", "takes 5.0"))), again=2.0)
    assert max(told.silences) <= MOST_SILENCE
    last = told.heard[-1]
    assert last is not None
    assert (last.words, last.instead) == ("an office an office", True)
    assert last.said == GREETING, "what the caller heard last of us, fillers apart"


# Second thoughts of a recognizer.


@pytest.mark.parametrize("after", [0.2, 0.6, 1.0, 1.6])
def test_words_that_were_wrong_are_repaired_however_much_of_the_answer_was_heard(
    after: float,
) -> None:
    """The answer begins half a second after the words, and lasts for a second."""
    brain = Brain(Faults(("ok", "takes 0.5", "takes 0.5")))
    told = call(brain, ears=Ears(second_thought=(after, "a shop")))
    asked = [(heard.words, heard.instead) for heard in told.heard if heard]
    assert asked == [("an office", False), ("a shop", True)]
    assert max(told.silences) <= MOST_SILENCE
    assert replay(told.trace) == told.trace


@pytest.mark.parametrize("text", ["an office", "An office.", ""])
def test_the_same_words_again_change_nothing(text: str) -> None:
    told = call(ears=Ears(second_thought=(0.1, text)))
    assert len(told.heard) == 2
    assert "reply_cut" not in told.trace
