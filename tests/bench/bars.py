"""What was measured under load, as figures beside their bars, for `make bench` and the tests."""

from collections.abc import Sequence

from tests.bench.bridge_process import LogLine
from tests.bench.figures import Figure, percentile
from tests.bench.load import AudioSocketLoad, Conditions, Interruptions, Memory, TwilioLoad

LATENESS_MS = 10.0
INTERRUPTION_MS = 120.0
"""From the first frame of a voice to the agent's silence; it is held after four."""
OWN_SHARE_MS = 10.0
"""Of the time from the caller's words to the first sound of the answer."""
LISTENING_MS = 40.0
"""From the end of a reply to the bridge's leaving it."""
TOO_EARLY_MS = 5.0
"""So much the clocks and logs of two processes may differ."""
MB_PER_CALL = 2.0
CPU_PER_CALL_MINUTE = 0.6
UNFIT_MS = 5.0
"""The calling process's own lateness (p99) above which it measures the machine, not the bridge."""
UNFIT_STALL_MS = 40.0
"""Likewise, its longest stall: it would look like a gap."""
UNFIT_WAIT = 0.1
"""Likewise, the share of time in which the bridge had no processor."""


def unfit(conditions: Conditions) -> str:
    """Why the figures say little about the bridge; empty if they can be trusted."""
    late_ms = 1000 * conditions.own_lateness_p99
    if late_ms > UNFIT_MS:
        return f"the machine is too busy: the callers' own timers are {late_ms:.1f} ms late (p99)"
    stall_ms = 1000 * conditions.own_lateness_most
    if stall_ms > UNFIT_STALL_MS:
        return f"the machine is too busy: the callers' own timers were up to {stall_ms:.0f} ms late"
    if conditions.bridge_waited > UNFIT_WAIT:
        return (
            "the machine is too busy: the bridge had no processor "
            f"{100 * conditions.bridge_waited:.0f} % of the time"
        )
    return ""


def audiosocket(load: AudioSocketLoad) -> list[Figure]:
    return [
        Figure("AudioSocket: gaps", load.gaps, "", 0),
        Figure("AudioSocket: frames late, p50", _ms(load.lateness, 0.5), "ms"),
        Figure("AudioSocket: frames late, p99", _ms(load.lateness, 0.99), "ms", LATENESS_MS),
        Figure("AudioSocket: frames late, most", _ms(load.lateness, 1.0), "ms"),
        *_conditions("AudioSocket", load.conditions),
        _cpu("AudioSocket", load.conditions),
    ]


def twilio(load: TwilioLoad) -> list[Figure]:
    return [
        Figure("Twilio: buffers run dry in a reply", load.dry, "", 0),
        Figure("Twilio: least left in a buffer", 1000 * min(load.margins), "ms"),
        Figure("Twilio: usually left in a buffer, p50", _ms(load.margins, 0.5), "ms"),
        *_conditions("Twilio", load.conditions),
        _cpu("Twilio", load.conditions),
    ]


def interruptions(them: Interruptions) -> list[Figure]:
    return [
        *_halts("AudioSocket: interrupted to last frame", them.audiosocket),
        *_halts("Twilio: interrupted to clear", them.twilio),
        *_conditions("interruptions", them.conditions),
    ]


def turns(lines: Sequence[LogLine]) -> list[Figure]:
    """The engine's own share of each turn's latency: recognizer, brain and voice are instant."""
    steps = ("waited_ms", "brain_ms", "voice_ms")
    own = [sum(line.facts[step] for step in steps) for line in lines if "total_ms" in line.facts]
    return [
        Figure(f"words understood to first audio, p50 of {len(own)}", percentile(own, 0.5), "ms"),
        Figure("words understood to first audio, p99", percentile(own, 0.99), "ms", OWN_SHARE_MS),
        Figure("words understood to first audio, most", percentile(own, 1.0), "ms"),
    ]


def listening(line: str, seconds: tuple[float, ...]) -> list[Figure]:
    what = f"{line}: reply played to listening again"
    return [
        Figure(f"{what}, p50 of {len(seconds)}", _ms(seconds, 0.5), "ms"),
        Figure(f"{what}, p99", _ms(seconds, 0.99), "ms", LISTENING_MS),
        Figure(f"{what}, too early", max(0.0, -_ms(seconds, 0.0)), "ms", TOO_EARLY_MS),
    ]


def memory(of: Memory) -> list[Figure]:
    return [
        Figure("memory of a further call", of.per_call, "MB", MB_PER_CALL),
        Figure(f"memory with {of.points[-1][0]} calls", of.points[-1][1], "MB"),
        Figure("calls left over", of.after.calls - of.before.calls, "", 0),
        Figure("tasks left over", of.after.tasks - of.before.tasks, "", 0),
        Figure("open files left over", of.after.files - of.before.files, "", 0),
    ]


def _halts(what: str, seconds: tuple[float, ...]) -> list[Figure]:
    return [
        Figure(f"{what}, p50 of {len(seconds)}", _ms(seconds, 0.5), "ms"),
        Figure(f"{what}, p95", _ms(seconds, 0.95), "ms", INTERRUPTION_MS),
        Figure(f"{what}, most", _ms(seconds, 1.0), "ms"),
    ]


def _cpu(line: str, conditions: Conditions) -> Figure:
    what = f"{line}: processor seconds a call and minute"
    return Figure(what, conditions.bridge_cpu, "s", CPU_PER_CALL_MINUTE, goal=True)


def _conditions(what: str, conditions: Conditions) -> list[Figure]:
    return [
        Figure(f"{what}: the callers' own timers, p99", 1000 * conditions.own_lateness_p99, "ms"),
        Figure(f"{what}: the callers' own timers, most", 1000 * conditions.own_lateness_most, "ms"),
        Figure(f"{what}: the bridge waited for a processor", 100 * conditions.bridge_waited, "%"),
    ]


def _ms(seconds: tuple[float, ...], part: float) -> float:
    return 1000 * percentile(seconds, part)
