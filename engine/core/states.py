"""What a call can be in the middle of, and what the caller has said in it: plain values.

A state holds only what is true in it."""

from dataclasses import dataclass, replace

from engine.core.effects import Occasion

MAX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Said:
    """What the caller has said, or keyed, and has not been answered."""

    words: tuple[str, ...] = ()
    """Of each utterance; empty ones were not understood."""
    utterances: tuple[int, ...] = ()
    """Their numbers."""
    confidence: float = 1.0
    digits: str = ""
    spoke: bool = False
    """There was an utterance, with or without words."""
    instead: bool = False
    """Its first part was asked before, and the answer never began."""
    unfinished: bool = False
    """Its last words want others: the caller is given time for them."""
    voice_end: float = 0.0
    closed: float = 0.0
    recognized: float = 0.0
    occasion: Occasion = Occasion.ANSWER

    def __bool__(self) -> bool:
        return self.spoke or bool(self.digits) or self.occasion is not Occasion.ANSWER

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.words))

    def corrected(self, utterance: int, text: str, confidence: float, now: float) -> "Said":
        """With other words for one of its utterances."""
        at = self.utterances.index(utterance)
        return replace(
            self,
            words=(*self.words[:at], text, *self.words[at + 1 :]),
            confidence=confidence if len(self.words) == 1 else min(self.confidence, confidence),
            recognized=now,
            occasion=Occasion.ANSWER,
        )

    def then(self, later: "Said") -> "Said":
        """Both, as one."""
        return replace(
            later if later.spoke or not self else self,
            words=self.words + later.words,
            utterances=self.utterances + later.utterances,
            confidence=min(self.confidence, later.confidence),
            digits=(self.digits + later.digits)[:MAX_DIGITS],
            spoke=self.spoke or later.spoke,
            unfinished=later.unfinished,
            instead=self.instead or later.instead,
            occasion=Occasion.ANSWER if later else self.occasion,
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """The caller has the floor, or nobody."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The answer is being made; nothing of it has been sent."""

    turn: int
    since: float
    """The caller has waited since then."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The answer, or a filler before it, is being played, and more of it may come."""

    turn: int
    until: float
    """Then the caller has heard what there is."""
    since: float
    """Since then the caller waits for more; while there is only a filler, for the answer."""


@dataclass(frozen=True, slots=True)
class Draining:
    """All of the answer was sent; the caller has not heard the end yet."""

    turn: int
    until: float


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody makes a sound: the line is silent, and the answer keeps its place until it is an
    interruption or goes on."""

    turn: int
    until: float


@dataclass(frozen=True, slots=True)
class Refractory:
    """The answer has just been heard; no other begins yet."""

    until: float


@dataclass(frozen=True, slots=True)
class Ended:
    why: str


State = Listening | Thinking | Speaking | Draining | Held | Refractory | Ended


@dataclass(slots=True)
class Turn:
    """When the steps of a turn happened, for its latency; zero: not yet, or never."""

    asked: float
    said: Said
    sentence: float = 0.0
    audio: float = 0.0
    sound: float = 0.0
    """The first one, be it a filler's."""
    noted: bool = False
    early: bool = False
    """It began with a filler, and what to ask is not known yet."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the caller has been told while waiting."""

    since: float
    fillers: int = 0
    told: float = 0.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """An utterance whose words are still to come."""

    until: float
    voice_end: float
    closed: float
    voiced: float
    """Seconds of voice in it."""
    noise: bool
    """Too short a sound to ask about if no words were found in it."""
    over: bool
    """It was said into the agent's speech, and is no answer to its end."""


def turn_of(state: State) -> int | None:
    """The turn whose reply is being made or played in a state."""
    match state:
        case Thinking(turn=turn) | Speaking(turn=turn) | Draining(turn=turn) | Held(turn=turn):
            return turn
        case _:
            return None
