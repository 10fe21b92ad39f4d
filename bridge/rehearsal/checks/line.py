"""The line and what is on it: long calls, the way back to listening, silence, traffic."""

import json
import math
from datetime import datetime
from itertools import pairwise

from bridge.rehearsal.callers import LEVELS, TURNS, street
from bridge.rehearsal.checks.turns import TURN_P95, Answer, answers, converse
from bridge.rehearsal.ear import first_sound, percentile, stretches
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.results import Moment, Span
from bridge.rehearsal.stage import (
    ANSWER_SECONDS,
    NO_TRACE,
    QUIET_LINE,
    SETTLED,
    CannotJudge,
    Held,
    Judged,
    Said,
    Stage,
    Trial,
    greets,
    judged,
    ms,
    not_done,
    recording,
    says,
)
from bridge.rehearsal.told import Entry

HEARTBEAT = (15.0, 20.0)
"""Seconds between two signs of life. Requirements, `HEARTBEAT_SEC`."""
BEATS_MARGIN = 0.5
HEARTBEAT_OFF = (HEARTBEAT[1] - HEARTBEAT[0]) / 2 + BEATS_MARGIN
KEY_EVERY = 10.0
"""Seconds: a caller in a long call presses a key, so that the agent has something to say."""
BACK_P99 = 0.04
"""Seconds from the end of a reply, as the line reports it, until the agent listens."""
TOO_EARLY = 0.05
"""Seconds: a reply begins with a little silence, which an ear cannot tell from the line's."""
QUIET_CALL = 60.0
WEAK_DBFS = -40.0
SPEECH_DBFS = LEVELS[0]
NOISE_BELOW = (20.0, 10.0)
"""Decibels between a caller's speech and the street behind it."""
CALIBRATION = 0.7
"""Seconds: the noise begins after `VAD_CALIBRATION_FRAMES`."""
KEYS = "19"
"""The first makes a menu of a greeting, the second turns its pages."""


async def long_call(stage: Stage) -> list[Judged]:
    """A call of many minutes: no drop, no gap, a sign of life about every 18 s."""
    length = 60 * stage.plan.minutes

    async def act(phone: Phone) -> float:
        await phone.quiet(after=SETTLED, limit=40.0)
        key, others = KEYS[0], KEYS[1:]
        while phone.now < length:
            await phone.press(key)
            key = others
            await phone.until(min(length, phone.now + KEY_EVERY))
            stage.progress(f"long call: {phone.now:.0f} of {length:.0f} s")
        return phone.now

    held = await stage.hold("long-call", act)
    faults = [held.trouble] if held.trouble else []
    if held.phone.gaps:
        at = ", ".join(f"{start:.1f}" for start, _ in held.phone.gaps[:5])
        faults.append(f"{len(held.phone.gaps)} gaps in the agent's sound, at {at} s")
    faults += held.phone.faults
    trial = Trial(recording(held, stage.road.name), "; ".join(faults), len(faults))
    lasted = judged(
        "long call",
        stage.road.name,
        f"{stage.plan.minutes:g} minutes without a drop or a gap",
        f"{held.phone.now / 60:.1f} minutes, {len(held.phone.gaps)} gaps",
        [trial],
        passed=not faults,
    )
    return [lasted, _heartbeat(stage, held)]


def _heartbeat(stage: Stage, held: Held[float]) -> Judged:
    beats = [second for second, what in held.phone.happened if what.startswith("mark hb-")]
    where = "on the wire"
    if not beats:
        beats, where = _logged_beats(stage, held), "in the log"
    bar = f"every {HEARTBEAT[0]:g} to {HEARTBEAT[1]:g} s"
    if not beats and held.phone.now > HEARTBEAT[1] + BEATS_MARGIN:
        why = "no heartbeat was seen on the wire; name the bridge's JSON log with --log"
        return not_done("heartbeat", stage.road.name, why, bar)
    rests = [later - earlier for earlier, later in pairwise([0.0, *beats, held.phone.now])]
    between, last = rests[:-1], rests[-1]
    late = [rest for rest in between if abs(rest - sum(HEARTBEAT) / 2) > HEARTBEAT_OFF]
    return judged(
        "heartbeat",
        stage.road.name,
        bar,
        f"{len(beats)} {where}, at most {max(rests):.1f} s without one",
        [Trial(recording(held, stage.road.name))],
        passed=not late and last <= HEARTBEAT[1] + BEATS_MARGIN,
    )


def _logged_beats(stage: Stage, held: Held[float]) -> list[float]:
    """Their places in the call, if the bridge's log can be read."""
    if stage.log is None or held.told is None:
        return []
    lines = [json.loads(line) for line in stage.log.read_text().splitlines() if line[:1] == "{"]
    ours = [line for line in lines if line.get("call") == held.phone.name]
    began = [line["time"] for line in ours if line["event"] == "call_answered"]
    beats = [line["time"] for line in ours if line["event"] == "WS_KEEPALIVE"]
    if not began:
        return []
    start = datetime.fromisoformat(began[0])
    return [(datetime.fromisoformat(beat) - start).total_seconds() for beat in beats]


async def back_to_listening(stage: Stage) -> list[Judged]:
    """The agent listens when the end of its reply was heard: at once, and never before."""
    if not stage.traces.there():
        raise CannotJudge(NO_TRACE)
    count = stage.plan.acks
    work = [_acks(stage, f"ack-{number + 1}") for number in range(count)]
    results = await stage.each("back to listening", work, lambda done: f"{done} of {count} calls")
    waits = [wait for found, _ in results for wait in found]
    early = sum(1 for _, trial in results if "before" in trial.fault)
    if not waits:
        raise CannotJudge("no trace tells of a reply that was played to its end")
    slowest = percentile(waits, 0.99)
    return [
        judged(
            "back to listening",
            stage.road.name,
            f"p99 <= {ms(BACK_P99)}, never before",
            f"p99 {ms(slowest)} of {len(waits)} replies, {early} before",
            [trial for _, trial in results],
            passed=slowest <= BACK_P99 and not early and all(found for found, _ in results),
        )
    ]


async def _acks(stage: Stage, name: str) -> tuple[list[float], Trial]:
    async def act(phone: Phone) -> None:
        await phone.quiet(after=SETTLED, limit=40.0)
        for key in KEYS:
            await phone.press(key)
            await phone.quiet(after=SETTLED + 0.4, limit=30.0)

    held = await stage.hold(name, act)
    if held.told is None:
        return [], Trial(recording(held, stage.road.name), NO_TRACE, math.inf)
    waits, told, faults = [], [], [held.trouble] if held.trouble else []
    for done in [entry for entry in held.told.of("played") if entry.rest.endswith(" done")]:
        state = _state_after(held, done)
        if state is None:
            continue
        left = held.second(state)
        ended = _ended_on_wire(held, done, left)
        waits.append(left - ended)
        told.append(Span(min(ended, left), max(ended, left), "back to listening"))
    if held.told.of("played") and (fault := _too_early(stage, held)):
        faults.append(fault)
    slow = [wait for wait in waits if wait > BACK_P99]
    faults += [f"{ms(wait)} after its end" for wait in slow]
    shown = recording(held, stage.road.name, latencies=told)
    return waits, Trial(shown, "; ".join(faults), max(waits, default=math.inf))


def _state_after(held: Held[None], done: Entry) -> float | None:
    assert held.told is not None
    later = (second for second, _ in held.told.states if second >= done.second)
    return next(later, None)


def _ended_on_wire(held: Held[None], done: Entry, left: float) -> float:
    """When the line told of the end: the mark that came back last; else the position."""
    marks = [
        second
        for second, what in held.phone.happened
        if what.endswith(":end returned") and second <= left
    ]
    return marks[-1] if marks else held.second(done.second)


def _too_early(stage: Stage, held: Held[None]) -> str:
    """Was the greeting given up before all of it had been heard?"""
    assert held.told is not None
    began = stage.greeting.begins(held.heard)
    dones = [one for one in held.told.of("played") if one.rest.endswith(" done")]
    if began is None or not dones or dones[0].number != 1:
        return ""
    left = held.second(_state_after(held, dones[0]) or math.inf)
    heard = began + held.told.reply_length(1)
    if left >= heard - TOO_EARLY:
        return ""
    return f"it listened {ms(heard - left)} before the end was heard"


async def quiet_line(stage: Stage) -> list[Judged]:
    """A caller who says nothing is not heard saying something; one who speaks softly is heard."""
    calls = max(1, math.ceil(stage.plan.quiet / QUIET_CALL))
    each = stage.plan.quiet / calls
    work = [_silent(stage, f"quiet-{number + 1}", each) for number in range(calls)]
    trials = await stage.each("quiet line", work, lambda done: f"{done} of {calls} calls")
    ghosts = sum(int(trial.figure) for trial in trials)
    silent = judged(
        "quiet line",
        stage.road.name,
        "no ghost is heard or answered",
        f"{ghosts} in {stage.plan.quiet:.0f} s of comfort noise",
        trials,
        passed=not any(trial.fault for trial in trials),
    )
    return [silent, await _weak(stage)]


async def _silent(stage: Stage, name: str, seconds: float) -> Trial:
    async def act(phone: Phone) -> None:
        await phone.quiet(after=SETTLED, limit=40.0)
        await phone.until(phone.now + seconds)

    held = await stage.hold(name, act, background=QUIET_LINE)
    shown = recording(held, stage.road.name)
    if held.told:
        ghosts = len(held.told.of("listen"))
        return Trial(shown, f"{ghosts} utterances were heard" if ghosts else "", ghosts)
    replies = stretches(held.heard, gap=SETTLED)[1:]
    fault = f"the agent spoke unasked, at {replies[0][0]:.1f} s" if replies else held.trouble
    return Trial(shown, fault, len(replies))


async def _weak(stage: Stage) -> Judged:
    texts = [TURNS[language][0] for language in stage.cast.languages]
    clips = [await stage.cast.says(text, WEAK_DBFS) for text in texts]
    count = stage.plan.weak
    work = [
        converse(stage, f"weak-{number + 1}", [clips[number % len(clips)]])
        for number in range(count)
    ]
    calls = await stage.each("weak speaker", work, lambda done: f"{done} of {count}")
    trials = []
    for held in calls:
        answered = [one for one in answers(held, clips[:1]) if one.began is not None]
        fault = "" if answered else held.trouble or "it was not answered"
        trials.append(Trial(recording(held, stage.road.name), fault))
    good = sum(1 for trial in trials if not trial.fault)
    return judged(
        "weak speaker",
        stage.road.name,
        f"heard at {WEAK_DBFS:g} dBFS",
        f"{good} of {count} answered",
        trials,
        passed=good == count,
    )


async def street_noise(stage: Stage) -> list[Judged]:
    """Traffic that begins during the call stops nobody, and what is said in it is answered."""
    return [await _street(stage, below) for below in NOISE_BELOW]


async def _street(stage: Stage, below: float) -> Judged:
    noise = street(stage.plan.noise, SPEECH_DBFS - below)
    language = stage.cast.languages[0]
    clip = await stage.cast.says(TURNS[language][0], SPEECH_DBFS)

    async def act(phone: Phone) -> Said:
        await greets(phone)
        await phone.until(CALIBRATION)
        phone.surround(noise)
        await phone.quiet(after=SETTLED, limit=40.0)
        await _listens_on(phone, CALIBRATION + stage.plan.noise)
        said = await says(phone, clip)
        await phone.agent_speaks(limit=ANSWER_SECONDS, since=said.end)
        return said

    held = await stage.hold(f"street-{below:g}-below", act)
    faults = _disturbed(stage, held)
    answer: list[Answer] = []
    if held.facts is None:
        faults.append(held.trouble)
    else:
        began = first_sound(held.heard, held.facts.end)
        answer.append(Answer("", held.facts, began, 1))
    told = [Moment(CALIBRATION, "caller", "traffic begins")]
    spans = [span for one in answer for span in one.span]
    wait = f", answered after {ms(answer[0].latency)}" if answer else ""
    return judged(
        f"street noise, {below:g} dB below speech",
        stage.road.name,
        "no interruption; then an utterance opens and closes",
        f"{stage.plan.noise:.0f} s{wait}",
        [Trial(recording(held, stage.road.name, told, spans), "; ".join(faults))],
        passed=not faults,
        why=f"the bar for a quiet line is {ms(TURN_P95)}" if answer else "",
    )


async def _listens_on(phone: Phone, until: float) -> None:
    """Lets the agent talk, by keys, until then."""
    keys = KEYS
    while phone.now < until:
        await phone.press(keys[0])
        keys = keys[1:] or keys
        await phone.quiet(after=SETTLED, limit=30.0)
        await phone.until(min(until, phone.now + 2.0))


def _disturbed(stage: Stage, held: Held[Said]) -> list[str]:
    faults = []
    began = stage.greeting.begins(held.heard)
    if began is not None and not stage.greeting.heard_to_its_end(held.heard, began):
        faults.append("the noise interrupted the greeting")
    cuts = held.told.notes("reply_cut") if held.told else []
    by_voice = [cut for cut in cuts if cut.facts.get("cause") == "voice"]
    if by_voice:
        faults.append(f"the noise interrupted {len(by_voice)} replies")
    return faults
