"""What a call needs from the world, as small protocols: a line, a recognizer, a voice, a brain;
and what a brain needs: a model.

Audio is 16-bit little-endian mono PCM at 8,000 Hz everywhere.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from engine.core.cues import Awaits
from engine.core.effects import HangUp, Hear, Heard, Listen, Pause, StopListening, Transfer
from engine.core.events import Final, Partial, Played, RecognitionFailed, Word
from engine.dialogue.profile import Language, Profile
from engine.dialogue.understand import Understood
from engine.dialogue.wish import Wish

HearingCommand = Listen | Hear | Pause | StopListening
HearingResult = Partial | Final | RecognitionFailed


class ProviderFailed(Exception):
    """A recognizer, voice or brain could not do its work; the message says which and why."""


class OverQuota(ProviderFailed):
    """The service refuses because it was asked too often."""


def failure(error: Exception) -> ProviderFailed:
    """Whatever a provider's job broke with, as its port tells it; of a bug, or of a group's first
    error, only the kind: its text may quote the caller."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case ProviderFailed():
            return error
        case TimeoutError():
            return ProviderFailed("too late")
        case OSError(strerror=str(reason)):
            return ProviderFailed(reason)
    return ProviderFailed(type(error).__name__)


class Line(Protocol):
    """The way back to the caller. No method blocks; all are called on the event loop."""

    def play(self, turn: int, pcm: bytes) -> None: ...

    def end_reply(self, turn: int) -> None: ...

    def clear(self) -> None: ...

    def hang_up(self, why: str) -> None: ...

    def transfer(self, key: str) -> None: ...


class Recognizer(Protocol):
    """Ears. One object serves all calls."""

    def recognize(
        self,
        commands: AsyncIterator[HearingCommand],
        expected: Callable[[], Sequence[str]],
    ) -> AsyncGenerator[HearingResult]:
        """One call's hearing, from its first utterance to its end: `commands` in, results out.

        Each `StopListening` is answered by one `Final` or `RecognitionFailed` of its number.
        `expected` tells, at any moment, the phrases that the caller may well say next."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of speech: PCM as above, and the words in it with their times from its start
    (empty: the voice does not know them)."""

    pcm: bytes
    words: tuple[Word, ...] = ()


class Voice(Protocol):
    """A mouth. One object serves all calls."""

    def speak(self, text: str) -> AsyncGenerator[Speech]:
        """The sentence as sound, in pieces as they are ready. Raises `ProviderFailed`."""
        ...


class SpeechDetector(Protocol):
    """A second opinion on what is loud enough to be a voice. One object is one call."""

    def hear(self, pcm: bytes, loud: bool) -> int:
        """How sure it is that the caller speaks, 0 to 100, or `events.UNKNOWN`. Called for each
        frame of 20 ms; one that is not `loud` is only kept as what went before."""
        ...


class Brain(Protocol):
    """Decides what is said in one call; keeps what that caller wants."""

    def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer | Awaits]:
        """The sentences of the reply, as they are ready; `HangUp` or `Transfer` last, if the
        call shall end after it; `Awaits`, if it asks for something that can be told to be
        complete. `None`: greet. Raises `ProviderFailed`.

        A reply may be abandoned at any sentence (the iterator is closed)."""
        ...

    def expected(self) -> Sequence[str]:
        """Phrases that the caller may well say next, most likely first."""
        ...

    async def guess(self, words: str) -> None:
        """The caller pauses, and these words may be all: what takes long can begin now. Returns
        when it is done, or not needed any more; run it in a task of its own, which the brain may
        cancel, and cancel that when the call ends."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What of the agent's reply was heard, and what the caller answered."""

    said: str
    heard: str


@dataclass(frozen=True, slots=True)
class Consultation:
    """A turn of a call, as a model is told of it. It names nobody."""

    profile: Profile
    language: Language
    """The agent's, so far."""
    wish: Wish
    question: str
    """What the agent has asked for, in a word or two of English."""
    before: tuple[Exchange, ...]
    """The last few exchanges, oldest first."""
    said: str
    """Those words of the agent's last reply that were heard."""
    words: str
    """The caller's answer."""


class Model(Protocol):
    """Understands and words; decides nothing. One object serves all calls."""

    def consult(self, turn: Consultation) -> AsyncGenerator[Understood | str]:
        """What was understood, once and first; then the sentences of a reply that it proposes, each
        as soon as it is whole. Raises `ProviderFailed`. Closing it ends the request at once."""
        ...

    async def probe(self) -> None:
        """Raises `ProviderFailed` if it cannot be used as it is configured."""
        ...

    async def warm(self) -> None:
        """Opens the connection, for a call that is about to begin."""
        ...

    async def close(self) -> None: ...


Back = Literal["", "dropped", "unanswered"]
"""Why a caller with whom we have spoken in this call already is with us again: the line to him, or
this bridge, broke; or nobody answered to whom he was given. Empty: the call begins."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a call that comes back."""

    back: Back
    """Never empty."""
    talk: Mapping[str, object]
    """What `Journal.keep` was given last."""
    exchanges: tuple[Exchange, ...] = ()
    """Oldest first."""
    booked: tuple[datetime, int] | None = None
    """The meeting that it has: start and minutes."""


class Journal(Protocol):
    """What a call leaves behind. No method fails; none but `recall` waits."""

    @property
    def key(self) -> str:
        """The call's name there, once `recall` has been asked; empty: it has none."""
        ...

    async def recall(self) -> Before | None:
        """Asked before all else: the call may be one that comes back. Then it goes on under its
        old name. Waits for a moment at most; who asks again is told the same."""
        ...

    def keep(self, talk: Mapping[str, object]) -> None:
        """What must be known of the talk so far, should the call come back."""
        ...

    def exchange(self, said: str, heard: str, *, instead: bool) -> None:
        """Those words of a reply that were heard, and what the caller answered; `instead` of what
        was told last: the same answer, understood anew."""
        ...

    def wants(self, wish: Mapping[str, object]) -> None:
        """What is wanted so far."""
        ...

    def announced(self, what: str) -> None:
        """The caller has heard that it is so."""
        ...

    def record(self) -> None:
        """The caller has heard that the call is recorded: now it is. Who tells it again changes
        nothing."""
        ...

    def unrecord(self) -> None:
        """The caller does not want that: what there is of a recording is deleted. Likewise."""
        ...

    def unwanted(self) -> None:
        """Whom we have called does not want to be called again."""
        ...

    def close(self, why: str) -> None:
        """The call has ended."""
        ...


class Unwritten:
    """A journal that keeps nothing."""

    key = ""

    async def recall(self) -> Before | None:
        return None

    def keep(self, talk: Mapping[str, object]) -> None: ...

    def exchange(self, said: str, heard: str, *, instead: bool) -> None: ...

    def wants(self, wish: Mapping[str, object]) -> None: ...

    def announced(self, what: str) -> None: ...

    def record(self) -> None: ...

    def unrecord(self) -> None: ...

    def unwanted(self) -> None: ...

    def close(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Who calls whom, over which line; what is not known is empty."""

    id: str
    line: str
    """`audiosocket` or `twilio`."""
    caller: str = ""
    called: str = ""
    back: Back = ""
    outbound: bool = False
    """We have called, and `caller` is who answered."""


class Call(Protocol):
    """One call, as an adapter sees it: it tells what came in. No method blocks."""

    def answered(self) -> None:
        """The line is open: the agent may speak."""
        ...

    def frame(self, pcm: bytes) -> None:
        """The next 20 ms of the caller: 320 bytes."""
        ...

    def played(self, told: Played) -> None:
        """The playout position."""
        ...

    def dtmf(self, digit: str) -> None: ...

    def hung_up(self, why: str) -> None: ...

    async def run(self) -> None:
        """Returns when the call has ended and everything that worked for it has stopped."""
        ...


OpenCall = Callable[[CallFacts, Line], Call]


class Playout(Protocol):
    """A line's outgoing side, without its socket: what to send when, and what has been heard.

    `due` and `news` are called every 20 ms. Both lines keep this contract
    (`tests/bridge/test_playout_contract.py`)."""

    def play(self, turn: int, pcm: bytes, now: float) -> None: ...

    def end_reply(self, turn: int, now: float) -> None: ...

    def clear(self, now: float) -> None:
        """Forget what has not been played: no `done` will come for it."""
        ...

    def news(self, now: float) -> Played | None:
        """The position, when it has moved: first as soon as the reply begins to be heard, then
        at least every 100 ms, and once with `done` when the end of the reply was heard."""
        ...


class Busy(Exception):
    """No further call is taken now; the message says why."""
