"""Who stops the agent, how fast, and what it takes for heard: a caller who wants the floor, sounds
that only sound like one, the agent's own echo.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.rehearsal.callers import (
    COMPANY,
    INTERRUPTIONS,
    LEVELS,
    Clip,
    click,
    clip,
    cough,
    hiss,
)
from bridge.rehearsal.ear import Reply, first_sound, percentile
from bridge.rehearsal.held import Held, recording
from bridge.rehearsal.phone import Echo, Phone
from bridge.rehearsal.results import Moment, Span
from bridge.rehearsal.stage import ANSWER_SECONDS, SETTLED, Said, Stage, greets, in_time, says
from bridge.rehearsal.verdicts import (
    NO_TRACE,
    CannotJudge,
    Judge,
    Judged,
    Trial,
    judged,
    ms,
    spread,
    steady,
)

HALT_P50, HALT_P95 = 0.14, 0.2
"""Seconds from the caller's first voiced sample to the agent's last at the caller's ear.
Requirements 5.1: "stops within about 200 ms"; 80 ms of voice hold the reply (design, "Interruption
in two steps"), and a frame each for the way in and out."""
ANSWERED = 0.95
"""The share of interruptions after which the agent answers what was said."""
RESUMED = 0.4
"""Seconds from the end of a sound that was none of a caller's words until the agent goes on."""
RESUMED_SHARE = 0.95
BACK, SKIPPED = 1.5, 0.08
"""Seconds: it goes on from the start of the word at which it was held (no word is longer), and
leaves nothing out (a frame or two may be lost in what is heard)."""
ECHO_LOSS_DB = 12.0
ECHO_DELAYS = (0.0, 0.06, 0.12, 0.2, 0.4)
ABOVE_ECHO = LEVELS[:2]
"""Callers who are as loud as the echo of a usual agent (-20 dBFS) can't be told from it by ear."""
ECHO_HALT = 0.3
"""Seconds, through the echo of the agent's own voice."""
WORDS_OFF, WORDS_SHARE = 1, 0.95
RTTS = (0.0, 0.15, 0.3)
JITTER = 0.03
LISTENED = 2.0
"""Seconds after a reply in which the agent must not answer its own echo."""
BEFORE = 0.15
"""Seconds: the agent may just have paused when it was interrupted."""
UNUSUAL = "the greeting was not the usual one"


@dataclass(frozen=True, slots=True)
class Cut:
    """What an interruption did, on the phone's time axis."""

    began: float
    said: Said
    halted: float | None
    answered: float | None
    went_on: bool
    """The greeting was heard again instead of an answer."""
    unprovoked: bool = False
    """It fell silent before anybody spoke."""

    @property
    def halt(self) -> float:
        """Seconds until the caller heard silence; infinite if never."""
        return math.inf if self.halted is None else self.halted - self.said.onset

    def fault(self, bar: float) -> str:
        if self.unprovoked:
            return "the agent fell silent before anybody spoke"
        if self.halted is None:
            return "the agent talked on"
        if self.halt > bar:
            return f"silent only after {ms(self.halt)}"
        if self.went_on:
            return "the agent went on with its sentence instead of listening"
        return "" if self.answered is not None else "no answer came"

    def moments(self) -> list[Moment]:
        told = [
            Moment(self.said.onset, "caller", f"voice begins: {self.said.what}"),
            Moment(self.said.end, "caller", "voice ends"),
        ]
        if self.halted is not None:
            told.append(Moment(self.halted, "agent", "silent"))
        if self.answered is not None:
            told.append(Moment(self.answered, "agent", "speaks again"))
        return told


async def interrupt(
    stage: Stage,
    name: str,
    clip: Clip,
    place: float,
    *,
    echo: Echo | None = None,
    rtt: float | None = None,
    jitter: float | None = None,
) -> Held[Said]:
    """Into that place of the greeting, and on until it is answered."""

    async def act(phone: Phone) -> Said:
        said = await says(phone, clip, await greets(phone) + place)
        # What is still heard of the greeting has ended by then, if it ends at all.
        silent = max(said.end, said.onset + 0.5)
        if await in_time(phone.agent_speaks(limit=ANSWER_SECONDS, since=silent)):
            await in_time(phone.until(phone.now + 0.5))
        return said

    return await stage.hold(name, act, echo=echo, rtt=rtt, jitter=jitter)


def cut(greeting: Reply, held: Held[Said]) -> Cut | None:
    """None if there was no greeting to be cut."""
    began = greeting.begins(held.heard)
    if held.facts is None or began is None:
        return None
    said = held.facts
    first = greeting.broken_off(held.heard, began, began)
    if first is not None and first < said.onset - BEFORE:
        return Cut(began, said, None, None, went_on=False, unprovoked=True)
    halted = greeting.broken_off(held.heard, began, said.onset)
    if halted is None:
        return Cut(began, said, None, None, went_on=False)
    answered = first_sound(held.heard, halted + 0.03)
    goes_on = greeting.goes_on(held.heard, halted + 0.03)
    return Cut(began, said, halted, answered, went_on=goes_on is not None)


async def barge_in(stage: Stage) -> Judge:
    """While the agent talks a caller says a word: how soon is it silent, does it listen?"""
    calls = await _interrupt_all(stage, "barge-in", stage.plan.interruptions)

    async def judge() -> list[Judged]:
        return [_halts(stage, "barge-in", calls, HALT_P95, HALT_P50)]

    return judge


async def _interrupt_all(
    stage: Stage,
    check: str,
    count: int,
    echoes: Sequence[Echo | None] = (None,),
    levels: Sequence[float] = LEVELS,
) -> list[Held[Said]]:
    clips = await stage.cast.says_all(INTERRUPTIONS, levels)
    stage.random(check).shuffle(clips)
    calls = [
        interrupt(
            stage,
            f"{check}-{number + 1:03}",
            clips[number % len(clips)],
            place,
            echo=echoes[number % len(echoes)],
        )
        for number, place in enumerate(stage.places(check, count))
    ]
    return await stage.all(check, calls)


def _halts(
    stage: Stage, check: str, calls: Sequence[Held[Said]], p95: float, p50: float = math.inf
) -> Judged:
    calls, note = steady(calls)
    cuts = [cut(stage.greeting, held) for held in calls]
    halts = [one.halt - stage.line_delay if one else math.inf for one in cuts]
    answered = sum(1 for one in cuts if one and one.answered and not one.went_on) / len(calls)
    bar = f"p50 <= {ms(p50)}, " if p50 < math.inf else ""
    return judged(
        check,
        stage.road.name,
        f"{bar}p95 <= {ms(p95)}{stage.line_note}; then it answers ({ANSWERED:.0%})",
        f"{spread(halts)} of {len(calls)}; answered {answered:.0%}",
        [
            _halt_trial(held, one, p95 + stage.line_delay)
            for held, one in zip(calls, cuts, strict=True)
        ],
        passed=percentile(halts, 0.95) <= p95
        and percentile(halts, 0.5) <= p50
        and answered >= ANSWERED,
        why=note,
    )


def _halt_trial(held: Held[Said], cut: Cut | None, bar: float) -> Trial:
    if cut is None:
        return Trial(recording(held), held.trouble or UNUSUAL, math.inf)
    latencies = [] if cut.halted is None else [Span(cut.said.onset, cut.halted, "halt")]
    fault = cut.fault(bar)
    shown = recording(held, cut.moments(), latencies)
    return Trial(shown, f"{cut.said.what}: {fault}" if fault else "", cut.halt)


async def resume(stage: Stage) -> Judge:
    """A cough, a click, a rustle, a «mm-hm» over the agent's speech: it goes on."""
    kinds = {
        "a cough": [clip("a cough", cough(seed), LEVELS[0]) for seed in range(3)],
        "a click": [clip("a click", click(), LEVELS[0])],
        "noise of 100 ms": [clip("noise", hiss(0.1, seed), LEVELS[0]) for seed in range(3)],
        "a listener's word": await stage.cast.says_all(COMPANY, LEVELS[:1]),
    }
    calls = {
        kind: await stage.all(
            f"resume, {kind}",
            [
                _sound_over(stage, f"{kind}-{number + 1:02}", clips[number % len(clips)], place)
                for number, place in enumerate(stage.places(kind, stage.plan.sounds))
            ],
        )
        for kind, clips in kinds.items()
    }

    async def judge() -> list[Judged]:
        return [_resumes(stage, kind, held) for kind, held in calls.items()]

    return judge


async def _sound_over(stage: Stage, name: str, clip: Clip, place: float) -> Held[Said]:
    async def act(phone: Phone) -> Said:
        said = await says(phone, clip, await greets(phone) + place)
        await in_time(phone.until(said.end + RESUMED + stage.line_delay + 0.8))
        return said

    return await stage.hold(f"resume-{name}".replace("'", ""), act)


def _resumes(stage: Stage, kind: str, calls: Sequence[Held[Said]]) -> Judged:
    calls, note = steady(calls)
    trials = [_resumption(stage, held) for held in calls]
    good = sum(1 for trial in trials if not trial.fault)
    pauses = [trial.figure for trial in trials if -math.inf < trial.figure < math.inf]
    paused = f"{len(pauses)} paused" + (f", on again after {spread(pauses)}" if pauses else "")
    return judged(
        f"resume: {kind}",
        stage.road.name,
        f"{RESUMED_SHARE:.0%} go on within {ms(RESUMED)}{stage.line_note}, nothing left out",
        f"{good} of {len(calls)}; {paused}",
        trials,
        passed=good >= RESUMED_SHARE * len(calls),
        why=note,
    )


def _resumption(stage: Stage, held: Held[Said]) -> Trial:
    """`figure` is how long after the sound the agent went on; minus infinity: it did not pause."""
    greeting, said = stage.greeting, held.facts
    began = greeting.begins(held.heard)
    if said is None or began is None:
        return Trial(recording(held), held.trouble or UNUSUAL, math.inf)
    told = [
        Moment(said.onset, "caller", f"{said.what} begins"),
        Moment(said.end, "caller", "sound ends"),
    ]
    halted = greeting.broken_off(held.heard, began, said.onset)
    if halted is None:
        return Trial(recording(held, told), figure=-math.inf)
    told.append(Moment(halted, "agent", "silent"))
    again = greeting.goes_on(held.heard, halted + 0.03)
    if again is None:
        return Trial(recording(held, told), "it did not go on with its sentence", math.inf)
    second, place = again
    told.append(Moment(second, "agent", f"goes on at {place:.2f} s of its sentence"))
    back = second - said.end - stage.line_delay
    return Trial(recording(held, told), _how_it_went_on(back, halted - began, place), back)


def _how_it_went_on(back: float, stopped: float, place: float) -> str:
    """What was wrong with it; places are seconds of the sentence."""
    if back > RESUMED:
        return f"it went on {ms(back)} after the sound"
    if place > stopped + SKIPPED:
        return f"it left out {ms(place - stopped)}"
    if place < stopped - BACK:
        return f"it went back {stopped - place:.1f} s"
    return ""


async def echo(stage: Stage) -> Judge:
    """The agent's own sound comes back from the caller's end."""
    echoes = [Echo(ECHO_LOSS_DB, delay) for delay in ECHO_DELAYS]
    listening = [
        _hears_out(stage, f"echo-{number + 1:02}", echoes[number % len(echoes)])
        for number in range(stage.plan.echoes)
    ]
    calls = await stage.all("echo", listening)
    through = "barge-in through echo"
    count = max(3, stage.plan.interruptions // 5)
    interrupted = await _interrupt_all(stage, through, count, echoes, ABOVE_ECHO)

    async def judge() -> list[Judged]:
        return [_alone(stage, calls), _halts(stage, through, interrupted, ECHO_HALT)]

    return judge


async def _hears_out(stage: Stage, name: str, echo: Echo) -> Held[float]:
    async def act(phone: Phone) -> float:
        await greets(phone)
        await in_time(phone.quiet(after=SETTLED, limit=stage.greeting.length + 10))
        await in_time(phone.until(phone.now + LISTENED - SETTLED))
        return echo.delay

    return await stage.hold(name, act, echo=echo)


def _alone(stage: Stage, calls: Sequence[Held[float]]) -> Judged:
    calls, note = steady(calls)
    trials = [Trial(recording(held), _disturbed(stage.greeting, held)) for held in calls]
    failed = sum(1 for trial in trials if trial.fault)
    paused = sum(1 for held in calls if _paused(stage.greeting, held))
    minutes = len(calls) * stage.greeting.length / 60
    return judged(
        "echo",
        stage.road.name,
        "the agent never interrupts or answers itself",
        f"{failed} times in {minutes:.1f} minutes of speech, echo of -{ECHO_LOSS_DB:g} dB; "
        f"paused {paused} times",
        trials,
        passed=not failed,
        why=note,
    )


def _disturbed(greeting: Reply, held: Held[float]) -> str:
    """What the echo has done."""
    began = greeting.begins(held.heard)
    if began is None or held.facts is None:
        return held.trouble or UNUSUAL
    if _paused(greeting, held):
        return ""
    if not greeting.heard_to_its_end(held.heard, began):
        return f"the greeting was not heard to its end (echo after {ms(held.facts)})"
    if first_sound(held.heard, began + greeting.length + 0.1) is not None:
        return f"the agent answered itself (echo after {ms(held.facts)})"
    return ""


def _paused(greeting: Reply, held: Held[float]) -> bool:
    """The echo has held the agent, who then went on."""
    began = greeting.begins(held.heard)
    return began is not None and greeting.heard_late(held.heard, began)


async def words_heard(stage: Stage) -> Judge:
    """After an interruption: are the words that the bridge takes for heard those that were?"""
    if not stage.traces.there():
        raise CannotJudge(NO_TRACE)
    clips = await stage.cast.says_all(INTERRUPTIONS, LEVELS[:1])
    rtts = RTTS if stage.road.far else RTTS[:1]
    calls = [
        interrupt(
            stage,
            f"words-heard-{number + 1:02}",
            clips[number % len(clips)],
            place,
            rtt=rtts[number % len(rtts)],
            jitter=JITTER if rtts[number % len(rtts)] else 0.0,
        )
        for number, place in enumerate(stage.places("words", stage.plan.cuts))
    ]
    held = await stage.all("words heard", calls)

    async def judge() -> list[Judged]:
        return [_words(stage, held, rtts[-1])]

    return judge


def _words(stage: Stage, calls: Sequence[Held[Said]], rtt: float) -> Judged:
    calls, note = steady(calls)
    trials = [_word_count(stage.greeting, held) for held in calls]
    if not any(held.told and held.told.word_ends(1) for held in calls):
        raise CannotJudge(f"no trace tells the greeting's words with their times; {NO_TRACE}")
    off = [trial.figure for trial in trials if trial.figure < math.inf]
    good = sum(1 for trial in trials if not trial.fault)
    slow = f", RTT 0 to {ms(rtt)}" if rtt else ""
    return judged(
        "words-heard",
        stage.road.name,
        f"off by at most {WORDS_OFF} word in {WORDS_SHARE:.0%}{slow}",
        f"{good} of {len(calls)}"
        + (f"; off by p50 {percentile(off, 0.5):.0f}, most {max(off):.0f}" if off else ""),
        trials,
        passed=good >= WORDS_SHARE * len(calls),
        why=note,
    )


def _word_count(greeting: Reply, held: Held[Said]) -> Trial:
    """`figure` is by how many words the bridge is wrong; infinite if it cannot be told."""
    what = cut(greeting, held)
    if what is None or what.halted is None:
        why = held.trouble or (what.fault(math.inf) if what else UNUSUAL)
        return Trial(recording(held), why, math.inf)
    shown = recording(held, what.moments())
    notes = held.told.notes("reply_cut") if held.told else []
    cuts = [note.facts["words_heard"] for note in notes if note.facts.get("turn") == 1]
    ends = held.told.word_ends(1) if held.told else []
    if not cuts or not ends:
        return Trial(shown, "the trace tells of no interrupted greeting", math.inf)
    reached = what.halted - what.began
    by_ear = sum(1 for end in ends if end <= reached)
    off = abs(by_ear - int(cuts[0]))
    told = f"{by_ear} words reached the ear ({reached:.2f} s), the bridge counted {cuts[0]}"
    return Trial(shown, told if off > WORDS_OFF else "", off)
