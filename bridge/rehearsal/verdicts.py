"""From trials to findings: what a check makes of its calls."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bridge.rehearsal.ear import percentile
from bridge.rehearsal.held import Facts, Held
from bridge.rehearsal.results import Finding, Recording

SHOWN_FAULTS = 4
"""Recordings kept of trials that failed, of each check."""
NO_TRACE = "no trace of the calls was found: say where the bridge's KAV_DATA is with --data"


class CannotJudge(Exception):
    """The check is not done; the message says why and what to do about it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt of a check."""

    recording: Recording
    fault: str = ""
    """Why it failed; empty if it did not."""
    figure: float = 0.0
    """What was measured, for the choice of what is shown: higher is worse."""


@dataclass(frozen=True, slots=True)
class Judged:
    finding: Finding
    recordings: tuple[Recording, ...] = ()


Judge = Callable[[], Awaitable[list[Judged]]]
"""What a check makes of its calls; asked when all calls of the road are over."""


def steady(calls: Sequence[Held[Facts]]) -> tuple[list[Held[Facts]], str]:
    """The calls that can be judged by what was heard of them, and a note of the others. Raises
    `CannotJudge` if most are others."""
    good = [held for held in calls if held.steady]
    if 2 * len(good) < len(calls):
        raise CannotJudge("the machine was too busy: the callers' timers stalled in most calls")
    others = len(calls) - len(good)
    note = f"{others} of {len(calls)} calls are left out: the callers' timers stalled"
    return good, note if others else ""


def judged(
    check: str,
    road: str,
    bar: str,
    measured: str,
    trials: Sequence[Trial],
    *,
    passed: bool,
    why: str = "",
) -> Judged:
    """The finding, with the recordings that show it: what failed, and the worst that did not."""
    worst = sorted(trials, key=lambda trial: -trial.figure)
    failed = [trial for trial in worst if trial.fault]
    shown = [*failed[:SHOWN_FAULTS], *[trial for trial in worst if not trial.fault][:1]]
    faults = [f"{trial.recording.name}: {trial.fault}" for trial in failed[:SHOWN_FAULTS]]
    finding = Finding(
        check=check,
        road=road,
        bar=bar,
        measured=measured,
        verdict="passed" if passed else "failed",
        why="; ".join([text for text in (why, *faults) if text]),
        recordings=tuple(trial.recording.name for trial in shown),
    )
    return Judged(finding, tuple(trial.recording for trial in shown))


def not_done(check: str, road: str, why: str, bar: str = "") -> Judged:
    return Judged(Finding(check, road, bar, "", "not done", why))


def spread(values: Sequence[float]) -> str:
    """Milliseconds: the median, the 95th of a hundred, and the most."""
    parts = [("p50", 0.5), ("p95", 0.95), ("most", 1.0)]
    return ", ".join(f"{name} {ms(percentile(values, part))}" for name, part in parts)


def ms(seconds: float) -> str:
    return "never" if seconds == math.inf else f"{1000 * seconds:.0f} ms"
