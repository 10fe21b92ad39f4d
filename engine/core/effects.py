"""What the engine asks of the world. The session carries these out, in order.

Audio is 16-bit little-endian mono PCM at 8,000 Hz.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Play:
    """Send this after what was sent before. Any length."""

    turn: int
    pcm: bytes


class Clip(StrEnum):
    """Short sentences that are kept ready, for when an answer is late."""

    MOMENT = "moment"
    STILL = "still"
    THANKS = "thanks"
    SORRY = "sorry"
    """An apology, and what the caller can do now: nothing follows but the end."""


@dataclass(frozen=True, slots=True)
class Fill:
    """The caller waits: a `Filler` with this clip must follow."""

    turn: int
    clip: Clip


@dataclass(frozen=True, slots=True)
class EndReply:
    """All of this reply has been given to the line: report when its end was played."""

    turn: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget everything that has not been played yet."""


@dataclass(frozen=True, slots=True)
class HangUp:
    why: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Give the caller to a person. A key of the configuration, never a number."""

    key: str


@dataclass(frozen=True, slots=True)
class Listen:
    """An utterance has begun; the pre-roll is what was heard just before it was noticed."""

    utterance: int
    preroll: bytes


@dataclass(frozen=True, slots=True)
class Hear:
    """More of the utterance, in pieces of up to 100 ms."""

    utterance: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """The caller has paused: what was said up to `frames` (20 ms each, from the first frame of
    `Listen`'s pre-roll) may be all. A recognizer that is not streaming can start its work now."""

    utterance: int
    frames: int


@dataclass(frozen=True, slots=True)
class StopListening:
    """The utterance is over and is `frames` long. A `Final` with its number must follow.

    The same length as in the last `Pause` means that only silence came since."""

    utterance: int
    frames: int


class Occasion(StrEnum):
    """Why a reply is asked for."""

    ANSWER = "answer"
    """The caller said or keyed something."""
    SILENCE = "silence"
    """He has been silent for long."""
    NOISE = "noise"
    """For long there was a voice without words: music, a street, a television."""
    MONOLOGUE = "monologue"
    """He talks and talks: this reply is not interrupted."""
    LATE = "late"
    """The longest time of a call is nearly over."""
    OVER = "over"
    """It is over: only a goodbye is left."""
    CLOSING = "closing"
    """The bridge closes, in the middle of the call: this reply is the last, and not interrupted."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a turn's reply must answer."""

    words: str = ""
    """The caller's words; empty if the caller spoke and was not understood."""
    confidence: float = 0.0
    digits: str = ""
    """Keys that the caller pressed, if that is what began this turn."""
    said: str = ""
    """Those words of our last reply that reached the caller."""
    cut: bool = False
    """Our last reply was interrupted: `said` is not all of it."""
    instead: bool = False
    """The caller went on before the last answer began: this is the same question, said whole, and
    what was decided for its first part is void."""
    occasion: Occasion = Occasion.ANSWER


@dataclass(frozen=True, slots=True)
class Ask:
    """Find a reply. `None`: the call has just begun, greet."""

    turn: int
    heard: Heard | None


@dataclass(frozen=True, slots=True)
class Say:
    """Turn this sentence into sound."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop making this reply, and drop what of it is queued."""

    turn: int


@dataclass(frozen=True, slots=True)
class Note:
    """A line in the log and a number in the metrics."""

    what: str
    facts: dict[str, float | int | str | bool] = field(default_factory=dict)


Effect = (
    Play
    | Fill
    | EndReply
    | Clear
    | HangUp
    | Transfer
    | Listen
    | Hear
    | Pause
    | StopListening
    | Ask
    | Say
    | Cancel
    | Note
)
