"""The ledger of a reply: its words, its sound, and how much of both the caller has heard."""

from engine.core.audio import FRAME_SECONDS, RATE, level_of, seconds, silence
from engine.core.cues import Awaits
from engine.core.effects import HangUp, Transfer
from engine.core.events import Word


class Reply:
    """One reply of the agent. Positions are seconds from the start of its sound.

    The line may be given it in several takes: it is held, and goes on from an earlier word. What
    the line reports is counted from the start of a take."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.length = 0.0
        """Seconds of sound so far."""
        self.began_at: float | None = None
        """When the caller began to hear it."""
        self.complete = False
        """Nothing more comes of it."""
        self.then: HangUp | Transfer | None = None
        self.awaits = Awaits.ANYTHING
        self.answer_at: float | None = None
        """Where the answer begins; what is before it is a filler."""
        self._sound = bytearray()
        self._loudness = ""
        self._words: list[Word] = []
        self._spoken = 0.0
        """Where its last word ends."""
        self._take = 0.0
        self._position = 0.0
        self._position_at: float | None = None
        self._on_the_way = 0.0
        self._held: float | None = None

    def more_comes(self, now: float) -> None:
        """Call it before sound is added. If all there was has been heard, the clock waited."""
        if self._position_at is not None and self.heard(now) >= self.length:
            self._position, self._position_at = self.length, now

    def add(self, pcm: bytes, words: tuple[Word, ...], loudness: str) -> None:
        """More sound, its words, and its loudness frame by frame (`engine.core.audio`)."""
        if self.answer_at is None:
            self.answer_at = self.length
        self._words.extend(Word(word.text, self.length + word.at) for word in words)
        self._add_sound(pcm, loudness)

    def fill(self, pcm: bytes, loudness: str) -> None:
        """Sound that is heard, and is no part of the answer."""
        self._words.append(Word("", self.length))
        self._add_sound(pcm, loudness)

    def _add_sound(self, pcm: bytes, loudness: str) -> None:
        begun = round(self.length / FRAME_SECONDS)
        self._loudness = self._loudness[:begun].ljust(begun, " ") + loudness
        self._sound += pcm
        self.length += seconds(pcm)
        self._spoken = self.length

    def finish(self, tail: float, then: HangUp | Transfer | None, awaits: Awaits) -> bytes:
        """Nothing more comes; the silence that ends it is returned."""
        end = silence(tail)
        self._sound += end
        self.length += seconds(end)
        self.complete, self.then, self.awaits = True, then, awaits
        return end

    def played(self, position: float, now: float, on_the_way: float) -> None:
        """The line reports a position; an older one than we know is ignored."""
        position += self._take
        if self.began_at is None:
            self.began_at = now - position
        if self._held is None and position >= self._position:
            self._position, self._position_at = position, now
            self._on_the_way = on_the_way

    def heard(self, now: float) -> float:
        """The position at `now`: the last report, and the clock since; never over the length."""
        if self._held is not None:
            return self._held
        if self._position_at is None:
            return self._position
        return min(self.length, self._position + max(0.0, now - self._position_at))

    def reach(self, now: float) -> float:
        """How far the caller will hear it if it is stopped at `now`."""
        if self._held is not None or self._position_at is None:
            return self.heard(now)
        return min(self.length, self.heard(now) + self._on_the_way)

    def hold(self, now: float) -> None:
        """The line was cleared; the place is kept."""
        self._held = self.reach(now)

    def go_on(self, turn: int) -> bytes:
        """The sound from the start of the word at which it was held; it is another take of the
        line's, and may be another turn's."""
        held = self.heard(0.0)
        if held < self._spoken:
            held = max((word.at for word in self._words if word.at <= held), default=held)
        first = round(held * RATE)
        self.turn, self._held, self._on_the_way = turn, None, 0.0
        self._take = self._position = first / RATE
        self._position_at = None
        return bytes(self._sound[2 * first :])

    def left(self, now: float) -> float:
        """Seconds of speech that the caller has not heard."""
        return max(0.0, self._spoken - self.reach(now))

    def words_heard(self, position: float) -> str:
        """The words that had been said to their end at a position."""
        ends = [word.at for word in self._words[1:]] + [self._spoken]
        heard = (word.text for word, end in zip(self._words, ends, strict=False) if end <= position)
        return " ".join(text for text in heard if text)

    def level(self, at: float) -> int:
        """How loud it is at the caller's ear then (RMS of int16); 0: silent, held or over."""
        if self._held is not None or self._position_at is None:
            return 0
        frame = int(self.heard(at) / FRAME_SECONDS)
        return level_of(self._loudness[frame]) if frame < len(self._loudness) else 0
