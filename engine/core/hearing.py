"""Utterances: where the caller's words begin and end, and which frames belong to them.

Every frame is either kept for the next pre-roll or given to the recognizer, never both.
"""

from collections import deque
from dataclasses import dataclass, field

from engine.core.audio import FRAME_BYTES
from engine.core.cues import Ending
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.rules import Rules, frames

ONSET_FRAMES = 3
"""Voiced frames that begin an utterance when the agent is silent: a click has fewer."""
_PREROLL = 0.3
_PIECE = 5 * FRAME_BYTES  # the recognizer is fed in pieces of 100 ms
_CLOSURE = 2  # quiet frames inside a word, as before a t or k: they do not end a run of voice
_STALE = 5  # voiced frames after which words that came before them tell nothing of the end
LATEST_CUT = 0.5  # a monologue is cut at the first gap after the limit, at the latest after this

HearingEffect = Listen | Hear | Pause | StopListening


@dataclass(slots=True)
class _Utterance:
    number: int
    frames: int
    """Frames since `Listen`, its pre-roll included."""
    began: int
    """The first voiced frame, counted likewise; `voice_end` is the one after the last."""
    voice_end: int
    ending: Ending = Ending.OPEN
    told_at: int = 0
    """How many frames were voiced when its words told of the ending."""
    pending: bytearray = field(default_factory=bytearray)


class Hearing:
    """Follows one caller. `frame` for each 20 ms; `begin` when its owner wants an utterance."""

    def __init__(self, rules: Rules) -> None:
        self.voice_run = 0
        """Voiced frames in a row, up to now; the closures inside words neither count nor end it."""
        self.sound_run = 0
        """The same of loud frames, whether they are a voice or not."""
        self.quiet_run = 0
        """Frames in a row, up to now, that were not loud."""
        self.going_on = False
        """The present voice is the one that was cut at `max_utterance`: it has not paused yet."""
        self.voiced = 0
        """Voiced frames of the newest utterance, so far."""
        self._voiceless_run = 0
        self._hangover = frames(rules.hangover)
        self._end_silences = {
            Ending.OPEN: frames(rules.end_silence),
            Ending.COMPLETE: frames(rules.end_silence_complete),
            Ending.UNFINISHED: frames(rules.end_silence_unfinished),
        }
        self._min = frames(rules.min_utterance)
        self._max = frames(rules.max_utterance)
        self._latest = self._max + frames(LATEST_CUT)
        self._preroll: deque[bytes] = deque(
            maxlen=frames(_PREROLL) + max(ONSET_FRAMES, rules.barge_in_voice_frames)
        )
        self._utterance: _Utterance | None = None
        self._count = 0

    @property
    def open(self) -> bool:
        """An utterance is being said."""
        return self._utterance is not None

    @property
    def number(self) -> int:
        """Of the present utterance; 0 if there is none."""
        return self._utterance.number if self._utterance else 0

    def words_tell(self, ending: Ending) -> None:
        """What the words of the present utterance say of its end."""
        if self._utterance:
            self._utterance.ending = ending
            self._utterance.told_at = self.voiced

    def begin(self) -> Listen:
        """An utterance begins with the present run of voice, or of what may become one."""
        self._count += 1
        self.voiced = self.voice_run
        kept = len(self._preroll)
        self._utterance = _Utterance(
            self._count,
            frames=kept,
            began=max(0, kept - max(self.voice_run, self.sound_run)),
            voice_end=kept,
        )
        preroll = b"".join(self._preroll)
        self._preroll.clear()
        return Listen(self._count, preroll)

    def frame(self, pcm: bytes, voiced: bool, loud: bool) -> list[HearingEffect]:
        if loud:
            self.sound_run += 1
            self.quiet_run = 0
        else:
            self.quiet_run += 1
            if self.quiet_run > _CLOSURE:
                self.sound_run = 0
        if voiced:
            self.voice_run += 1
            self._voiceless_run = 0
        else:
            self._voiceless_run += 1
            if self._voiceless_run > _CLOSURE:
                self.voice_run = 0
            if self._voiceless_run >= self._hangover:
                self.going_on = False
        utterance = self._utterance
        if utterance is None:
            self._preroll.append(pcm)
            return []
        utterance.frames += 1
        utterance.pending += pcm
        if voiced:
            utterance.voice_end = utterance.frames
            self.voiced += 1
        return self._judge(utterance)

    def _judge(self, utterance: _Utterance) -> list[HearingEffect]:
        """Is the utterance over, or paused, with its newest frame?"""
        length = utterance.frames - utterance.began
        quiet = utterance.frames - utterance.voice_end
        if quiet >= self._end_silence(utterance) and length >= self._min:
            return self._close(utterance, utterance.voice_end + self._hangover)
        if length >= self._max and (quiet > _CLOSURE or length >= self._latest):
            # Cut between words, so that none is torn; it is one voice that goes on.
            self.going_on = quiet < self._hangover
            self.voice_run = 0  # more of it must come to begin another
            return self._close(utterance, utterance.frames)
        if quiet == self._hangover:
            return [*self._flush(utterance), Pause(utterance.number, utterance.frames)]
        if len(utterance.pending) >= _PIECE:
            return self._flush(utterance)
        return []

    def _end_silence(self, utterance: _Utterance) -> int:
        """Frames of silence that end it."""
        stale = self.voiced - utterance.told_at > _STALE
        return self._end_silences[Ending.OPEN if stale else utterance.ending]

    def _close(self, utterance: _Utterance, length: int) -> list[HearingEffect]:
        self._utterance = None
        return [*self._flush(utterance), StopListening(utterance.number, length)]

    def _flush(self, utterance: _Utterance) -> list[HearingEffect]:
        if not utterance.pending:
            return []
        pcm, utterance.pending = bytes(utterance.pending), bytearray()
        return [Hear(utterance.number, pcm)]
