"""What became of a call that we placed, in Twilio's words and in ours. Asks nobody."""

from collections.abc import Mapping

from bridge.outbound import Outcome

_ANSWERED_BY: Mapping[str, Outcome] = {
    "human": "person",
    "machine_start": "machine",
    "machine_end_beep": "machine",
    "machine_end_silence": "machine",
    "machine_end_other": "machine",
    "fax": "fax",
}
_NOT_ANSWERED: Mapping[str, Outcome] = {
    "busy": "busy",
    "no-answer": "no answer",
    "failed": "failed",
    "canceled": "canceled",
}


def outcome(status: str, answered_by: str = "") -> Outcome | None:
    """By the fields CallStatus and AnsweredBy of a callback; None: not known yet."""
    if (found := _ANSWERED_BY.get(answered_by)) is not None:
        return found
    if status == "completed" or answered_by == "unknown":
        return "unknown"
    return _NOT_ANSWERED.get(status)
