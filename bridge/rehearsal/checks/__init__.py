"""All checks, by name. Each function's first line is what `kav rehearse --list` says of it."""

from collections.abc import Awaitable, Callable

from bridge.rehearsal.checks import interruptions, line, turns
from bridge.rehearsal.stage import Stage
from bridge.rehearsal.verdicts import Judge

Check = Callable[[Stage], Awaitable[Judge]]

CHECKS: dict[str, Check] = {
    "barge-in": interruptions.barge_in,
    "yes-no": turns.yes_no,
    "monologue": turns.monologue,
    "turn-latency": turns.turn_latency,
    "long-call": line.long_call,
    "accuracy": turns.accuracy,
    "resume": interruptions.resume,
    "echo": interruptions.echo,
    "words-heard": interruptions.words_heard,
    "back-to-listening": line.back_to_listening,
    "quiet-line": line.quiet_line,
    "street-noise": line.street_noise,
}

ALONE = ("turn-latency", "monologue")
"""Nobody else talks meanwhile, for all wait for the same recognizer, and here that is timed."""
BESIDE = ("long-call", "back-to-listening")
"""Nothing has to be recognized in them: they go on beside those."""


def purpose(check: str) -> str:
    return (CHECKS[check].__doc__ or "").partition("\n")[0]
