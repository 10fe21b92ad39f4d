"""Whether what callers say is caught as it was said, and answered in time: short answers, long
talk, whole conversations, names.
"""

import math
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

from bridge.rehearsal.callers import LEVELS, TURNS, YES_NO, Area, Clip, looking_for
from bridge.rehearsal.ear import first_sound, percentile, stretches
from bridge.rehearsal.held import Held, recording
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.results import Moment, Recording, Span
from bridge.rehearsal.stage import ANSWER_SECONDS, SETTLED, Said, Stage, in_time, says
from bridge.rehearsal.told import Told
from bridge.rehearsal.verdicts import (
    NO_TRACE,
    CannotJudge,
    Judge,
    Judged,
    Trial,
    judged,
    ms,
    spread,
)
from engine.core.audio import FRAME_SECONDS, RATE
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final
from engine.ports import HearingCommand, Recognizer

TURN_P95 = 1.2
"""Seconds from the caller's last voiced sample to the agent's first. Requirements 1.5 and 5.4."""
SHORT_SHARE = 0.95
REPLY_GAP = 0.9
"""A silence of the agent that lies between two replies: its refractory period is 1 s."""
REFRACTORY = 1.0
"""Requirements, `REPLY_REFRACTORY_MS`."""
CUT = (4.5, 5.0)
"""Seconds into a monologue. Requirements 5.3: "cut at about 4.5 to 5.0 s and answered after the
refractory period"; the answer may take as long as to any other turn, after that."""
EDGE = 0.1
"""Seconds by which a voice detector and the clip's own energy may differ about an onset."""
CAUGHT_SHARE = 0.85
"""Of names: 17 of 20 of a closed set, spoken by the local voice."""
CAUGHT, ASKED_AGAIN, WRONG, UNKNOWN = "caught", "asked again", "wrong", "unknown"
WORDS_PER_CALL = 2
SECOND_ANSWER = 1.8
"""Seconds after an answer, in which an agent that answers twice would do so."""
BREATH = 0.45
"""A silence of the agent that is longer than those within a reply."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, and what came of it."""

    said: Said
    began: float | None
    """The agent's first sound after it."""
    replies: int

    @property
    def latency(self) -> float:
        return math.inf if self.began is None else self.began - self.said.end

    @property
    def span(self) -> list[Span]:
        return [] if self.began is None else [Span(self.said.end, self.began, "answer")]


async def converse(
    stage: Stage, name: str, clips: Sequence[Clip], pause: float = SETTLED
) -> Held[list[Said]]:
    """Each clip when the agent has finished and been silent for a pause, the last one too."""

    async def act(phone: Phone) -> list[Said]:
        await phone.quiet(after=SETTLED, limit=40.0)
        said = []
        for clip in clips:
            said.append(await says(phone, clip))
            answered = phone.agent_speaks(limit=ANSWER_SECONDS, since=said[-1].end)
            if not await in_time(answered):
                break
            await in_time(phone.quiet(after=pause, limit=30.0))
        return said

    return await stage.hold(name, act)


def answers(held: Held[list[Said]]) -> list[Answer]:
    """To everything that was said in a conversation."""
    said = held.facts or []
    nexts = [*[one.onset for one in said[1:]], math.inf]
    return [_answer(held.heard, one, before) for one, before in zip(said, nexts, strict=False)]


def _answer(heard: bytes, said: Said, before: float) -> Answer:
    began = first_sound(heard, said.end)
    if began is None or began >= before:
        return Answer(said, None, 0)
    end = len(heard) if before == math.inf else 2 * round(before * RATE)
    replies = stretches(heard[2 * round(said.end * RATE) : end], REPLY_GAP)
    return Answer(said, began, len(replies))


def _moments(them: Sequence[Answer]) -> list[Moment]:
    told = []
    for one in them:
        told.append(Moment(one.said.onset, "caller", f"voice begins: {one.said.what}"))
        told.append(Moment(one.said.end, "caller", "voice ends"))
        if one.began is not None:
            told.append(Moment(one.began, "agent", "answers"))
    return told


def _shown(held: Held[list[Said]], them: Sequence[Answer]) -> Recording:
    return recording(held, _moments(them), [span for one in them for span in one.span])


async def yes_no(stage: Stage) -> Judge:
    """«כן», «לא», "yes", "no", near and far from the microphone: one utterance, one answer."""
    clips = await stage.cast.says_all(YES_NO, LEVELS)
    stage.random("yes-no").shuffle(clips)
    count = stage.plan.short_answers
    wanted = [clips[number % len(clips)] for number in range(count)]
    groups = [wanted[at : at + WORDS_PER_CALL] for at in range(0, count, WORDS_PER_CALL)]
    calls = await stage.all(
        "yes-no",
        [
            converse(stage, f"yes-no-{number + 1:02}", group, pause=SECOND_ANSWER)
            for number, group in enumerate(groups)
        ],
    )

    async def judge() -> list[Judged]:
        found = [_short(held, group) for held, group in zip(calls, groups, strict=True)]
        good = sum(caught for caught, _ in found)
        return [
            judged(
                "yes-no",
                stage.road.name,
                f"one utterance, one answer ({SHORT_SHARE:.0%})",
                f"{good} of {count}",
                [trial for _, trial in found],
                passed=good >= SHORT_SHARE * count,
            )
        ]

    return judge


def _short(held: Held[list[Said]], clips: Sequence[Clip]) -> tuple[int, Trial]:
    """How many of these words were caught, and the call."""
    them = answers(held)
    faults = [f"«{one.said.what}» got {one.replies} answers" for one in them if one.replies != 1]
    good = len(them) - len(faults)
    faults += [f"«{clip.name}» was not said: {held.trouble}" for clip in clips[len(them) :]]
    utterances = len(held.told.of("listen")) if held.told else len(them)
    if utterances != len(them):
        faults.append(f"{len(them)} words were {utterances} utterances")
        good -= min(good, abs(utterances - len(them)))
    worst = max((one.latency for one in them), default=math.inf)
    return good, Trial(_shown(held, them), "; ".join(faults), worst)


async def turn_latency(stage: Stage) -> Judge:
    """Conversations: how long does the caller wait for each answer?"""
    conversations = []
    for number in range(stage.plan.conversations):
        language = stage.cast.languages[number % len(stage.cast.languages)]
        clips = [await stage.cast.says(text) for text in TURNS[language]]
        conversations.append(converse(stage, f"turns-{number + 1:02}", clips))
    calls = await stage.timed("turn-latency", conversations)

    async def judge() -> list[Judged]:
        return [_latency(stage, calls)]

    return judge


def _latency(stage: Stage, calls: Sequence[Held[list[Said]]]) -> Judged:
    trials, waits = [], []
    for held in calls:
        them = answers(held)
        waits += [one.latency - stage.line_delay for one in them]
        slow = [f"{ms(one.latency)} after «{one.said.what}»" for one in them if _late(stage, one)]
        worst = max((one.latency for one in them), default=math.inf)
        trials.append(Trial(_shown(held, them), "; ".join(slow) or held.trouble, worst))
    return judged(
        "turn-latency",
        stage.road.name,
        f"p95 <= {ms(TURN_P95)}{stage.line_note}",
        f"{spread(waits)} of {len(waits)} turns",
        trials,
        passed=bool(waits) and percentile(waits, 0.95) <= TURN_P95,
        why=_breakdown([held.told for held in calls if held.told]),
    )


def _late(stage: Stage, answer: Answer) -> bool:
    return answer.latency - stage.line_delay > TURN_P95


def _breakdown(told: Sequence[Told]) -> str:
    """Where the time goes, by the bridge's own account: medians."""
    notes = [note.facts for one in told for note in one.notes("turn_latency")]
    turns = [facts for facts in notes if "total_ms" in facts]
    if not turns:
        return ""
    steps = ("endpoint", "recognizer", "waited", "brain", "voice", "line")
    medians = {
        step: percentile([float(facts[f"{step}_ms"]) for facts in turns], 0.5) for step in steps
    }
    parts = ", ".join(f"{step} {value:.0f}" for step, value in medians.items())
    return f"median ms by the bridge's trace: {parts}"


async def monologue(stage: Stage) -> Judge:
    """Seven seconds without a pause: cut, answered after the refractory period, nothing lost."""
    clips = [await stage.cast.goes_on(language) for language in stage.cast.languages]
    count = stage.plan.monologues
    calls = await stage.timed(
        "monologue",
        [
            converse(stage, f"monologue-{number + 1:02}", [clips[number % len(clips)]])
            for number in range(count)
        ],
    )

    async def judge() -> list[Judged]:
        trials = [_monologue(stage, held) for held in calls]
        good = sum(1 for trial in trials if not trial.fault)
        return [
            judged(
                "monologue",
                stage.road.name,
                f"cut after {CUT[0]} to {CUT[1]} s, answered within "
                f"{REFRACTORY + TURN_P95:g} s, {REFRACTORY:g} s between replies, no voice lost",
                f"{good} of {count}",
                trials,
                passed=good == count,
                why="" if calls[0].told else f"what was lost is not known: {NO_TRACE}",
            )
        ]

    return judge


def _monologue(stage: Stage, held: Held[list[Said]]) -> Trial:
    if not held.facts:
        return Trial(recording(held), held.trouble, math.inf)
    said = held.facts[0]
    replies = [
        (said.onset + start, said.onset + end)
        for start, end in stretches(held.heard[2 * round(said.onset * RATE) :], BREATH)
    ]
    faults = _when_answered(stage, said, replies)
    if held.told:
        faults += _what_was_cut(held, said)
    told = [Moment(said.onset, "caller", "monologue begins"), Moment(said.end, "caller", "ends")]
    told += [Moment(start, "agent", "answers") for start, _ in replies]
    spans = [Span(said.onset, replies[0][0], "monologue to answer")] if replies else []
    wait = replies[0][0] - said.onset if replies else math.inf
    return Trial(recording(held, told, spans), "; ".join(faults), wait)


def _when_answered(stage: Stage, said: Said, replies: Sequence[tuple[float, float]]) -> list[str]:
    if not replies:
        return ["it was not answered"]
    wait = replies[0][0] - said.onset
    latest = CUT[1] + REFRACTORY + TURN_P95 + stage.line_delay
    faults = []
    if not CUT[0] <= wait <= latest:
        faults.append(f"the first answer came after {wait:.2f} s ({CUT[0]} to {latest:.1f} s)")
    rests = [later[0] - earlier[1] for earlier, later in pairwise(replies)]
    faults += [f"only {rest:.2f} s between two replies" for rest in rests if rest < REFRACTORY]
    return faults


def _what_was_cut(held: Held[list[Said]], said: Said) -> list[str]:
    """By the trace: where the monologue was cut, and which of its voice was given to nobody."""
    assert held.told is not None
    first, last = (round(at / FRAME_SECONDS) + held.lag for at in (said.onset, said.end))
    ends = [stop.frames for stop in held.told.of("stop-listening") if stop.frames > first]
    if not ends:
        return ["no utterance was closed"]
    faults = []
    cut = (ends[0] - first) * FRAME_SECONDS
    if not CUT[0] - EDGE <= cut <= CUT[1] + EDGE:
        faults.append(f"it was cut after {cut:.2f} s")
    lost = set(range(first, last)) - held.told.covered()
    if lost:
        faults.append(f"{len(lost) * FRAME_SECONDS:.2f} s of voice were given to no recognizer")
    return faults


async def accuracy(stage: Stage) -> Judge:
    """The business's areas by name: caught, or asked for again, but never another one."""
    areas = [
        area
        for language in stage.cast.languages
        for area in [one for one in stage.areas if one.language == language][: stage.plan.names]
    ]
    if not areas:
        raise CannotJudge("the profile names no areas")
    clips = [await stage.cast.says(looking_for(area)) for area in areas]
    calls = await stage.all(
        "accuracy",
        [converse(stage, f"name-{number:02}", [clip]) for number, clip in enumerate(clips)],
    )

    async def judge() -> list[Judged]:
        found = [await _name(stage, held, area) for held, area in zip(calls, areas, strict=True)]
        return [_names(stage, found)]

    return judge


def _names(stage: Stage, found: Sequence[tuple[str, Trial]]) -> Judged:
    if all(verdict == UNKNOWN for verdict, _ in found):
        raise CannotJudge(
            "what the agent said is not known: set KAV_TRACE_TEXT, or install the local recognizer"
        )
    caught, wrong = (sum(1 for verdict, _ in found if verdict == it) for it in (CAUGHT, WRONG))
    return judged(
        "accuracy",
        stage.road.name,
        f"{CAUGHT_SHARE:.0%} of names caught, none taken for another",
        f"{caught} of {len(found)} caught, {wrong} taken for another or not answered",
        [trial for _, trial in found],
        passed=caught >= CAUGHT_SHARE * len(found) and not wrong,
    )


async def _name(stage: Stage, held: Held[list[Said]], area: Area) -> tuple[str, Trial]:
    them = answers(held)
    shown = _shown(held, them)
    if not them or them[0].began is None:
        return WRONG, Trial(shown, held.trouble or f"«{area.spoken}» was not answered", 2.0)
    said = plain(await _what_agent_said(stage, held, them[0].said.end))
    if not said.strip():
        return UNKNOWN, Trial(shown)
    if _names_it(said, area):
        return CAUGHT, Trial(shown)
    for other in stage.areas:
        if _names_it(said, other):
            return WRONG, Trial(shown, f"{area.spoken} was taken for {other.spoken}", 2.0)
    return ASKED_AGAIN, Trial(shown, f"{area.spoken} was not caught; the agent said: {said}", 1.0)


def _names_it(said: str, area: Area) -> bool:
    return any(plain(name) in said for name in area.written)


async def _what_agent_said(stage: Stage, held: Held[list[Said]], since: float) -> str:
    if held.told:
        asked = [ask.second for ask in held.told.of("ask") if held.second(ask.second) > since - 1]
        said = [say for say in held.told.of("say") if asked and say.second >= asked[0]]
        words = " ".join(text for say in said for text in say.texts)
        if words.strip("x0 .,?!':-"):  # else it is masked
            return words
    if stage.recognizer is None:
        return ""
    pcm = held.heard[2 * round(since * RATE) :]
    return await transcript(stage.recognizer, pcm, stage.phrases)


async def transcript(recognizer: Recognizer, pcm: bytes, expected: Sequence[str]) -> str:
    """The words of a recording."""

    async def commands() -> AsyncIterator[HearingCommand]:
        yield Listen(0, b"")
        yield Hear(0, pcm)
        yield StopListening(0, round(len(pcm) / 2 / RATE / FRAME_SECONDS))

    async with aclosing(recognizer.recognize(commands(), lambda: expected)) as results:
        async for result in results:
            if isinstance(result, Final):
                return result.text
    return ""


def plain(text: str) -> str:
    """Letters alone, without points and marks, for comparing."""
    bare = unicodedata.normalize("NFD", text.lower())
    return "".join(
        letter if letter.isalnum() else " " for letter in bare if not unicodedata.combining(letter)
    )
