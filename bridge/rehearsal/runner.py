"""Runs checks on a road, as many calls at once as there are lines, and says what became of them."""

import asyncio
import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bridge.rehearsal.checks import ALONE, BESIDE, CHECKS
from bridge.rehearsal.ear import percentile
from bridge.rehearsal.held import recording
from bridge.rehearsal.phone import CallFailed
from bridge.rehearsal.results import Finding, Recording
from bridge.rehearsal.stage import TRACE_SECONDS, Stage
from bridge.rehearsal.verdicts import CannotJudge, Judge, Judged, Trial, judged, ms, not_done
from engine.core.audio import RATE

BUSY = 0.005
"""Seconds that the callers' own timers may be late (p99); beyond it the machine is measured, not
the bridge."""


async def rehearse(stage: Stage, checks: Sequence[str]) -> list[Judged]:
    """The findings of these checks. Raises `CallFailed` when nobody answers."""
    stage.tell(f"{stage.road.name:12}listening to the greeting")
    heard = await stage.learn_greeting()
    if not stage.greeted:
        why = heard.trouble or "it said nothing"
        trial = Trial(recording(heard), why)
        return [
            judged("greeting", stage.road.name, "the agent greets", why, [trial], passed=False),
            *[not_done(check, stage.road.name, "without a greeting") for check in checks],
        ]
    judges = await _hold_all(stage, checks)
    await asyncio.sleep(TRACE_SECONDS)  # for the bridge to write down the end of the last call
    results = []
    for check in checks:
        found = [_with_lateness(stage, one) for one in await _judge(stage, check, judges[check])]
        for finding in [one.finding for one in found]:
            told = finding.measured or finding.why
            stage.tell(f"{stage.road.name:12}{finding.check}: {finding.verdict}, {told}")
        results += found
    return results


async def _hold_all(stage: Stage, checks: Sequence[str]) -> dict[str, Judge]:
    """The calls of all checks."""
    work: dict[str, asyncio.Task[Judge]] = {}
    async with asyncio.TaskGroup() as group:
        for check in [check for check in checks if check in BESIDE]:
            work[check] = group.create_task(_hold(stage, check))
        for check in [check for check in checks if check in ALONE]:
            work[check] = group.create_task(_hold(stage, check))
            await work[check]
        for check in [check for check in checks if check not in work]:
            work[check] = group.create_task(_hold(stage, check))
    return {check: task.result() for check, task in work.items()}


async def _hold(stage: Stage, check: str) -> Judge:
    """The calls of one check."""
    try:
        return await CHECKS[check](stage)
    except CannotJudge as why:
        result = not_done(check, stage.road.name, str(why))
    except (CallFailed, ExceptionGroup) as why:
        failure = _call_failed(why)
        result = judged(check, stage.road.name, "calls are taken", failure, [], passed=False)

    async def judge() -> list[Judged]:
        return [result]

    return judge


def _call_failed(error: CallFailed | ExceptionGroup[Exception]) -> str:
    """What it says, if it is nothing but calls that failed; else it is raised on."""
    if isinstance(error, CallFailed):
        return str(error)
    refused, others = error.split(CallFailed)
    if others is not None or refused is None:
        raise error
    return str(refused.exceptions[0])


async def _judge(stage: Stage, check: str, judge: Judge) -> list[Judged]:
    try:
        return await judge()
    except CannotJudge as why:
        return [not_done(check, stage.road.name, str(why))]


def _with_lateness(stage: Stage, one: Judged) -> Judged:
    """A bar that was missed on a machine that was too busy says nothing about the bridge."""
    late = lateness(stage)
    if one.finding.verdict != "failed" or late <= BUSY:
        return one
    why = f"the machine was too busy to judge: callers' timers {ms(late)} late; {one.finding.why}"
    return replace(one, finding=replace(one.finding, verdict="not done", why=why))


def lateness(stage: Stage) -> float:
    """Of the callers' own timers, p99."""
    return percentile(stage.lateness, 0.99) if stage.lateness else 0.0


def table(findings: Sequence[Finding]) -> str:
    rows = [("check", "road", "bar", "measured", "verdict")]
    rows += [(one.check, one.road, one.bar, one.measured, one.verdict) for one in findings]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    whys = [f"{one.road} {one.check}: {one.why}" for one in findings if one.why]
    return "\n".join([*lines, *(["", *whys] if whys else [])])


def save(folder: Path, recordings: Sequence[Recording]) -> None:
    """Their stereo WAVs: the caller left, the agent right."""
    for one in recordings:
        sides = [np.frombuffer(side, dtype="<i2") for side in (one.caller, one.agent)]
        shortest = min(len(side) for side in sides)
        both = np.column_stack([side[:shortest] for side in sides])
        with wave.open(str(folder / one.file), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(both.tobytes())
