"""The ledger of a reply: its words, its sound, and how much of both the caller has heard."""

from engine.core.audio import seconds
from engine.core.events import Word


class Reply:
    """One reply of the agent. Positions are seconds from the start of its sound."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.length = 0.0
        """Seconds of sound given to the line."""
        self.began_at: float | None = None
        """When the caller began to hear it."""
        self._spoken = 0.0
        self._words: list[Word] = []
        self._position = 0.0
        self._position_at = 0.0

    def add(self, pcm: bytes, words: tuple[Word, ...]) -> None:
        self._words.extend(Word(word.text, self.length + word.at) for word in words)
        self.length += seconds(pcm)
        self._spoken = self.length

    def pad(self, pcm: bytes) -> None:
        """Silence after the last word."""
        self.length += seconds(pcm)

    def played(self, position: float, now: float) -> None:
        """The line reports a position; an older one than we know is ignored."""
        if self.began_at is None:
            self.began_at = now - position
        if position >= self._position:
            self._position, self._position_at = position, now

    def heard(self, now: float) -> float:
        """The position at `now`: the last report, and the clock since; never over the length."""
        if self.began_at is None:
            return 0.0
        return min(self.length, self._position + max(0.0, now - self._position_at))

    def words_heard(self, position: float) -> str:
        """The words that had been said to their end at a position."""
        ends = [word.at for word in self._words[1:]] + [self._spoken]
        return " ".join(
            word.text for word, end in zip(self._words, ends, strict=False) if end <= position
        )
