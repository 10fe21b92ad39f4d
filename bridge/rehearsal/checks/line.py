"""The line and what is on it: long calls, the way back to listening, silence, traffic."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from bridge.rehearsal.callers import LEVELS, TURNS, WEAK, street
from bridge.rehearsal.checks.turns import converse
from bridge.rehearsal.ear import Reply, first_sound, percentile, stretches
from bridge.rehearsal.held import Held, holes, recording
from bridge.rehearsal.phone import Phone
from bridge.rehearsal.results import Moment, Span
from bridge.rehearsal.stage import (
    ANSWER_SECONDS,
    SETTLED,
    Said,
    Stage,
    greets,
    hears_out,
    in_time,
    says,
)
from bridge.rehearsal.told import Entry
from bridge.rehearsal.verdicts import (
    NO_TRACE,
    CannotJudge,
    Judge,
    Judged,
    Trial,
    judged,
    ms,
    not_done,
)
from engine.core.audio import FRAME_SECONDS

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
QUIET_CALL = 7.0
"""Seconds: a caller who is silent for longer is asked whether he is there."""
BEFORE = "before"
NOISE_SECONDS = 10.0
"""Of traffic, over and over."""
SPEECH_DBFS = LEVELS[0]
NOISE_BELOW = (20.0, 10.0)
"""Decibels between a caller's speech and the street behind it."""
CALIBRATION = 0.7
"""Seconds: the noise begins after `VAD_CALIBRATION_FRAMES`."""
KEYS = "19"
"""The first makes a menu of a greeting, the second turns its pages."""


async def long_call(stage: Stage) -> Judge:
    """A call of many minutes: no drop, no gap, a sign of life about every 18 s."""
    length = 60 * stage.plan.minutes

    async def act(phone: Phone) -> float:
        await hears_out(phone)
        keys = KEYS
        while phone.now < length:
            await phone.press(keys[0])
            keys = keys[1:] or keys
            await phone.until(min(length, phone.now + KEY_EVERY))
            stage.progress(f"long-call: {phone.now:.0f} of {length:.0f} s")
        return phone.now

    held = await stage.hold("long-call", act)

    async def judge() -> list[Judged]:
        return [_lasted(stage, held), _heartbeat(stage, held)]

    return judge


def _lasted(stage: Stage, held: Held[float]) -> Judged:
    faults = [held.trouble] if held.trouble else []
    gaps = holes(held.phone)
    if gaps and not held.steady:
        why = "the machine was too busy: the caller's own timer stalled, which is heard as a gap"
        return not_done("long-call", stage.road.name, why)
    if gaps:
        at = ", ".join(f"{start:.1f}" for start, _ in gaps[:5])
        faults.append(f"{len(gaps)} gaps in the agent's sound, at {at} s")
    faults += held.phone.faults
    return judged(
        "long-call",
        stage.road.name,
        f"{stage.plan.minutes:g} minutes without a drop or a gap",
        f"{held.phone.now / 60:.1f} minutes, {len(gaps)} gaps",
        [Trial(recording(held), "; ".join(faults))],
        passed=not faults,
        why=f"of all {stage.calls} calls, {stage.broken} had a gap",
    )


def _heartbeat(stage: Stage, held: Held[float]) -> Judged:
    beats = [second for second, what in held.phone.happened if what == "ping"]
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
        [Trial(recording(held))],
        passed=not late and last <= HEARTBEAT[1] + BEATS_MARGIN,
    )


def _logged_beats(stage: Stage, held: Held[float]) -> list[float]:
    """Their places in the call, if the bridge's log can be read."""
    if stage.log is None:
        return []
    lines = [json.loads(line) for line in stage.log.read_text().splitlines() if line[:1] == "{"]
    ours = [line for line in lines if line.get("call") == held.call]
    began = [line["time"] for line in ours if line["event"] == "call_answered"]
    beats = [line["time"] for line in ours if line["event"] == "WS_KEEPALIVE"]
    if not began:
        return []
    start = datetime.fromisoformat(began[0])
    return [(datetime.fromisoformat(beat) - start).total_seconds() for beat in beats]


async def back_to_listening(stage: Stage) -> Judge:
    """The agent listens when the end of its reply was heard: at once, and never before."""
    if not stage.traces.there():
        raise CannotJudge(NO_TRACE)

    async def act(phone: Phone) -> None:
        await hears_out(phone)
        for key in KEYS:
            await phone.press(key)
            await phone.quiet(after=SETTLED + 0.4, limit=30.0)

    calls = await stage.all(
        "back-to-listening",
        [stage.hold(f"ack-{number + 1:02}", act) for number in range(stage.plan.acks)],
    )

    async def judge() -> list[Judged]:
        return [_back(stage, calls)]

    return judge


def _back(stage: Stage, calls: Sequence[Held[None]]) -> Judged:
    found = [_acks(stage.greeting, held) for held in calls]
    waits = [wait for some, _ in found for wait in some]
    early = sum(1 for _, trial in found if BEFORE in trial.fault)
    if not waits:
        raise CannotJudge(f"no trace tells of a reply that was played to its end; {NO_TRACE}")
    slowest = percentile(waits, 0.99)
    return judged(
        "back-to-listening",
        stage.road.name,
        f"p99 <= {ms(BACK_P99)}, never before",
        f"p99 {ms(slowest)} of {len(waits)} replies, {early} before",
        [trial for _, trial in found],
        passed=slowest <= BACK_P99 and not early and all(some for some, _ in found),
    )


def _acks(greeting: Reply, held: Held[None]) -> tuple[list[float], Trial]:
    """How long it took after each reply, and the call."""
    waits, spans = [], []
    for done in _dones(held):
        left = _state_after(held, done)
        if left is not None:
            ended = _ended_on_wire(held, done, left)
            waits.append(left - ended)
            spans.append(Span(min(ended, left), max(ended, left), "back to listening"))
    faults = [held.trouble, _too_early(greeting, held)]
    faults += [f"{ms(wait)} after its end" for wait in waits if wait > BACK_P99]
    if not waits:
        faults.append("no reply was played to its end")
    shown = recording(held, latencies=spans)
    why = "; ".join(fault for fault in faults if fault)
    return waits, Trial(shown, why, max(waits, default=math.inf))


def _dones(held: Held[None]) -> list[Entry]:
    played = held.told.of("played") if held.told else []
    return [entry for entry in played if entry.rest.endswith(" done")]


def _state_after(held: Held[None], done: Entry) -> float | None:
    """When, on the phone's axis, the agent left the state in which it played."""
    states = held.told.states if held.told else []
    return next((held.second(second) for second, _ in states if second >= done.second), None)


def _ended_on_wire(held: Held[None], done: Entry, left: float) -> float:
    """When the line told of the end: the mark that came back last; else the position."""
    marks = [
        second
        for second, what in held.phone.happened
        if what.endswith(":end returned") and second + held.one_way <= left + FRAME_SECONDS
    ]
    return marks[-1] + held.one_way if marks else held.second(done.second)


def _too_early(greeting: Reply, held: Held[None]) -> str:
    """Was the greeting given up before all of it had been heard?"""
    began, dones = greeting.begins(held.heard), _dones(held)
    if held.told is None or began is None or not dones or dones[0].number != 1:
        return ""
    left = _state_after(held, dones[0])
    heard = began + held.told.reply_length(1)
    if left is None or left >= heard - TOO_EARLY:
        return ""
    return f"it listened {ms(heard - left)} {BEFORE} the end was heard"


async def quiet_line(stage: Stage) -> Judge:
    """A caller who says nothing is not heard saying something; one who speaks softly is heard."""
    count = max(1, math.ceil(stage.plan.quiet / QUIET_CALL))

    async def act(phone: Phone) -> None:
        await hears_out(phone)
        await phone.until(phone.now + stage.plan.quiet / count)

    silent = [stage.hold(f"quiet-{number + 1}", act) for number in range(count)]
    calls = await stage.all("quiet line", silent)
    languages = stage.cast.languages
    clips = [await stage.cast.says(TURNS[language][0], WEAK) for language in languages]
    soft = [
        converse(stage, f"weak-{number + 1:02}", [clips[number % len(clips)]])
        for number in range(stage.plan.weak)
    ]
    weak = await stage.all("weak speaker", soft)

    async def judge() -> list[Judged]:
        return [_quiet(stage, calls), _weak(stage, weak)]

    return judge


def _quiet(stage: Stage, calls: Sequence[Held[None]]) -> Judged:
    trials = [_ghosts(held) for held in calls]
    ghosts = sum(int(trial.figure) for trial in trials)
    return judged(
        "quiet-line",
        stage.road.name,
        "no ghost is heard or answered",
        f"{ghosts} in {stage.plan.quiet:.0f} s of comfort noise",
        trials,
        passed=not any(trial.fault for trial in trials),
    )


def _ghosts(held: Held[None]) -> Trial:
    if held.told:
        ghosts = len(held.told.of("listen"))
        return Trial(recording(held), f"{ghosts} utterances were heard" if ghosts else "", ghosts)
    replies = stretches(held.heard, gap=SETTLED)[1:]
    fault = f"the agent spoke unasked, at {replies[0][0]:.1f} s" if replies else held.trouble
    return Trial(recording(held), fault, len(replies))


def _weak(stage: Stage, calls: Sequence[Held[list[Said]]]) -> Judged:
    trials = []
    for held in calls:
        said = held.facts or []
        answered = any(first_sound(held.heard, one.end) is not None for one in said)
        fault = "" if answered else held.trouble or "it was not answered"
        trials.append(Trial(recording(held), fault))
    good = sum(1 for trial in trials if not trial.fault)
    return judged(
        "weak-speaker",
        stage.road.name,
        f"heard at {WEAK:g} dBFS",
        f"{good} of {len(calls)} answered",
        trials,
        passed=good == len(calls),
    )


async def street_noise(stage: Stage) -> Judge:
    """Traffic that begins during the call stops nobody, and what is said in it is answered."""
    calls = await stage.all("street-noise", [_street(stage, below) for below in NOISE_BELOW])

    async def judge() -> list[Judged]:
        return [
            _in_noise(stage, held, below) for held, below in zip(calls, NOISE_BELOW, strict=True)
        ]

    return judge


async def _street(stage: Stage, below: float) -> Held[Said]:
    noise = street(NOISE_SECONDS, SPEECH_DBFS - below)
    clip = await stage.cast.says(TURNS[stage.cast.languages[0]][0], SPEECH_DBFS)

    async def act(phone: Phone) -> Said:
        await greets(phone)
        await phone.until(CALIBRATION)
        phone.surround(noise)
        await phone.quiet(after=SETTLED, limit=40.0)
        await _listens_on(phone, CALIBRATION + stage.plan.noise)
        said = await says(phone, clip)
        await in_time(phone.agent_speaks(limit=ANSWER_SECONDS, since=said.end))
        return said

    return await stage.hold(f"street-{below:g}-below", act)


async def _listens_on(phone: Phone, until: float) -> None:
    """Lets the agent talk, by keys, until then."""
    keys = KEYS
    while phone.now < until:
        await phone.press(keys[0])
        keys = keys[1:] or keys
        await phone.quiet(after=SETTLED, limit=30.0)
        await phone.until(min(until, phone.now + 2.0))


def _in_noise(stage: Stage, held: Held[Said], below: float) -> Judged:
    faults = _disturbed(stage.greeting, held)
    told, spans, wait = [Moment(CALIBRATION, "caller", "traffic begins")], [], ""
    if (said := held.facts) is None:
        faults.append(held.trouble)
    elif (began := first_sound(held.heard, said.end)) is None:
        faults.append("what was said in it was not answered")
    else:
        told.append(Moment(said.onset, "caller", "voice begins"))
        spans.append(Span(said.end, began, "answer"))
        wait = f", answered after {ms(began - said.end)}"
    return judged(
        f"street-noise, {below:g} dB below speech",
        stage.road.name,
        "no interruption; then an utterance opens and closes",
        f"{stage.plan.noise:.0f} s{wait}",
        [Trial(recording(held, told, spans), "; ".join(faults))],
        passed=not faults,
    )


def _disturbed(greeting: Reply, held: Held[Said]) -> list[str]:
    faults = []
    began = greeting.begins(held.heard)
    if began is not None and not (
        greeting.heard_to_its_end(held.heard, began) or greeting.heard_late(held.heard, began)
    ):
        faults.append("the noise interrupted the greeting")
    cuts = held.told.notes("reply_cut") if held.told else []
    by_voice = [cut for cut in cuts if cut.facts.get("cause") == "voice"]
    if by_voice:
        faults.append(f"the noise interrupted {len(by_voice)} replies")
    return faults
