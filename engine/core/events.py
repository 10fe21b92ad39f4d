"""What can happen to a call.

Every input of the conversation is one of these values; the clock is an argument beside them.
Audio is 16-bit little-endian mono PCM at 8,000 Hz.
"""

from dataclasses import dataclass

from engine.core.cues import Awaits
from engine.core.effects import HangUp, Transfer
from engine.core.reading import Reading

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Answered:
    """The line is open in both directions."""


@dataclass(slots=True)
class Frame:
    """The next 20 ms of the caller's sound: 320 bytes. Not frozen, though nobody changes it: that
    alone costs as much as two others, fifty times a second."""

    pcm: bytes
    level: int
    """See `engine.core.audio.level`. `UNKNOWN`: the frame did not come and was made up as silence;
    nothing is learnt from it."""
    speech: int = UNKNOWN
    """How sure a neural detector is that this is speech, 0 to 100. `UNKNOWN`: there is none, or it
    was not asked, as the sound was not loud enough."""


@dataclass(frozen=True, slots=True)
class Played:
    """The line's playout position: how much of a reply the caller has heard so far."""

    turn: int
    seconds: float
    done: bool = False
    """Everything up to `EndReply` was played; never true for audio that was cleared."""
    on_the_way: float = 0.0
    """Seconds beyond this that a `Clear` at this moment would come too late for."""


@dataclass(frozen=True, slots=True)
class Dtmf:
    """The caller pressed a key: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The line is gone, whoever ended it."""

    why: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The bridge closes: the caller is told so, and goes on without us."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What an utterance sounds like so far; it may still change."""

    utterance: int
    text: str
    reading: Reading | None = None
    """What its words mean for the turn, if the words themselves are not told."""


@dataclass(frozen=True, slots=True)
class Final:
    """What an utterance was; an empty text means that nothing was understood. A second one with
    the same number, and other words, repairs the first."""

    utterance: int
    text: str
    confidence: float
    reading: Reading | None = None
    """As above."""


@dataclass(frozen=True, slots=True)
class RecognitionFailed:
    utterance: int
    why: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """The brain wants this said next in a reply."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word and the second, from the start of its piece of audio, at which it begins."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """The next piece of a reply's sound, and the words in it."""

    turn: int
    pcm: bytes
    words: tuple[Word, ...] = ()
    loudness: str = ""
    """A letter for each 20 ms (`engine.core.audio.loudness`): how loud its echo may be."""


@dataclass(frozen=True, slots=True)
class Filler:
    """The clip that was asked for. It is heard in the reply, and no part of the answer."""

    turn: int
    pcm: bytes
    """Empty: there is no such clip."""
    loudness: str = ""
    """As above."""


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """Nothing more comes in this reply."""

    turn: int
    then: HangUp | Transfer | None = None
    """What follows when it has been heard."""
    awaits: Awaits = Awaits.ANYTHING
    """What it asks the caller for."""


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    turn: int
    why: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time has passed."""


Event = (
    Answered
    | Frame
    | Played
    | Dtmf
    | HungUp
    | Closing
    | Partial
    | Final
    | RecognitionFailed
    | Sentence
    | ReplyAudio
    | Filler
    | ReplyDone
    | ReplyFailed
    | Tick
)
