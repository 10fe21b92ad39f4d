"""A call frame by frame: the agent speaks, the echo comes back, perhaps a caller talks over it.

Who is heard stops the agent as in the core: four voiced frames hold the reply, ten interrupt it,
and it goes on when the voice that held it ends. What the engine believes of the line may be wrong.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.core.audio import FRAME_SECONDS, level_of, loudness
from engine.core.echo import AHEAD, LAGS, Echo, FrameClock
from tests.echo.paths import NOISE_RMS
from tests.echo.sounds import Levels, Sound

ONSET, HOLD, INTERRUPT = 3, 4, 10
THRESHOLD, MARGIN = 45, 1.5
"""A frame is voiced from this level on, if it is above so many times the expected echo."""
_AHEAD = round(AHEAD / FRAME_SECONDS)
_CLOSURE = 2  # quiet frames inside a word do not end a run of voice
_WAY = 3  # frames that are still heard when the agent has been stopped
_QUIET, _PATIENCE = 8, 40  # frames without a voice, or in all, after which a held reply goes on
_IN_VAIN = 3  # holds of one reply that came to nothing, after which the path is doubted
_BEFORE = 10  # frames of silence before a reply
_SETTLED = 50  # frames of silence after a reply


@dataclass(frozen=True, slots=True)
class Reply:
    played: Sequence[int]
    """Its level, frame by frame."""
    heard: Levels
    """The same of its echo with the line's noise; longer."""


@dataclass(frozen=True, slots=True)
class Belief:
    """How wrong the engine is about what is being played, in frames."""

    late: int = 0
    """Less than nothing: it takes for played what is yet to come."""
    jitter: int = 0
    """At most so much more, either way, anew each time."""
    burst: int = 1
    """So many frames come together and are taken for simultaneous."""


@dataclass(slots=True)
class Outcome:
    """What stopped the agent, and when: in frames since the reply began."""

    held: list[int] = field(default_factory=list)
    interrupted: int | None = None
    onsets: int = 0
    """Voices that began when the reply was over."""


def played(reply: Sound) -> list[int]:
    """The levels that the ledger knows of a reply."""
    return [level_of(letter) for letter in loudness(reply.astype(np.int16).tobytes())]


class VoiceRun:
    """Voiced frames in a row, as the core counts them."""

    def __init__(self) -> None:
        self.length = 0
        self.quiet = 0
        """Frames without a voice, up to now."""

    def hear(self, level: int, echo: float) -> bool:
        voiced = level >= THRESHOLD and level > MARGIN * echo
        self.quiet = 0 if voiced else self.quiet + 1
        if self.quiet > _CLOSURE:
            self.length = 0
        self.length += voiced
        return voiced


def alone(caller: Iterable[float], need: int) -> int:
    """The frame at which so many voiced ones have been heard of a caller on a silent line."""
    run = VoiceRun()
    for frame, level in enumerate(caller):
        if run.hear(round(level), 0.0) and run.length == need:
            return frame
    raise ValueError("nobody hears this caller")


class _Agent:
    """Speaks one reply."""

    def __init__(self, reply: Reply) -> None:
        self.position = -_BEFORE
        self.silent = 0
        """Frames since the last sound, unless the reply is held."""
        self.held = False
        self._reply = reply
        self._left = len(reply.heard)
        """Frames that will be heard."""

    @property
    def over(self) -> bool:
        return self.position >= len(self._reply.played)

    def sound(self) -> float:
        """The next frame of the echo."""
        if self.position < 0:
            self.position += 1
            return NOISE_RMS
        if not self._left:
            self.silent += not self.held
            return NOISE_RMS
        self._left -= 1
        self.position += 1
        self.silent = self.silent + 1 if self.over else 0
        return float(self._reply.heard[self.position - 1])

    def level(self, error: int) -> int:
        """What somebody feeds to `expect` whose belief is so many frames before the truth."""
        believed = self.position - 1 + error
        at = believed + _AHEAD
        last = min(len(self._reply.played), self.position + self._left)
        return self._reply.played[at] if self._left and believed >= 0 and at < last else 0

    def hold(self) -> None:
        self.held, self._left = True, min(self._left, _WAY)

    def go_on(self) -> None:
        self.held, self._left = False, len(self._reply.heard) - self.position

    def give_up(self) -> None:
        self.held = False


class Call:
    """Its echo is late by whole frames; the rest of a delay is in the replies."""

    def __init__(self, delay: int, belief: Belief | None = None) -> None:
        self.echo = Echo()
        self.delay = delay
        self._belief = belief or Belief()
        self._jitter = np.random.default_rng(0)
        self._sounded: deque[float] = deque(maxlen=100)
        self._clock = FrameClock()
        self._frames = 0

    def speak(self, reply: Reply, caller: Sequence[float] = (), at: int = 0) -> Outcome:
        """`caller` are the levels of who begins to talk at frame `at`."""
        agent, run, outcome = _Agent(reply), VoiceRun(), Outcome()
        last_voice = last_sound = 0
        step = -_BEFORE
        while agent.silent < _SETTLED or step < at + len(caller):
            voice = caller[step - at] if at <= step < at + len(caller) else 0.0
            if self._hears(agent, run, voice):
                last_voice = step
                self._stop(agent, run.length, step, outcome)
            elif agent.held and (run.quiet >= _QUIET or step >= outcome.held[-1] + _PATIENCE):
                agent.go_on()
                if not len(outcome.held) % _IN_VAIN:
                    self.echo.forget()
            last_sound = last_sound if agent.silent else step
            step += 1
        if outcome.interrupted and last_voice < last_sound + LAGS:
            self.echo.forget()
        return outcome

    def _hears(self, agent: _Agent, run: VoiceRun, voice: float) -> bool:
        self._sounded.appendleft(agent.sound())
        echo = self._sounded[self.delay] if self.delay < len(self._sounded) else NOISE_RMS
        level = round((echo**2 + voice**2) ** 0.5)
        return run.hear(level, self.echo.expect(self._believed(agent), level))

    def _believed(self, agent: _Agent) -> int:
        """What the engine takes for played, as early as it is wanted."""
        belief = self._belief
        self._frames += 1
        arrived = FRAME_SECONDS * (self._frames + -self._frames % belief.burst)
        early = round(self._clock.tick(arrived) / FRAME_SECONDS) - self._frames
        jitter = int(self._jitter.integers(-belief.jitter, belief.jitter + 1))
        return agent.level(early + jitter - belief.late)

    def _stop(self, agent: _Agent, run: int, step: int, outcome: Outcome) -> None:
        if agent.held and run == INTERRUPT:
            outcome.interrupted = step
            agent.give_up()
        elif run == HOLD and not agent.over and outcome.interrupted is None:
            outcome.held.append(step)
            agent.hold()
        elif run == ONSET and agent.over:
            outcome.onsets += 1
