"""The caller's sound on its way in: messages of any length and rate become frames of 20 ms at ours;
what is too old is left out. Pure."""

from bridge.audiosocket.codec import HEADER_BYTES, Audio
from engine.core.audio import FRAME_SECONDS, RATE, Resampler

STALE = 0.5
"""Seconds of sound that are heard at once, after a stall; what is older is not."""


class Inbound:
    def __init__(self, rate: int) -> None:
        """`rate`: samples a second of the frames that are given out."""
        self.received = 0
        """Messages."""
        self.stale = 0
        """Of them so many were too old."""
        self._rate = rate
        self._old = 0
        """Bytes, of what has just been read, that are too old."""
        self._rest = b""
        self._tune(RATE)

    def read(self, size: int) -> None:
        """So many bytes have come at once: only a stall leaves more than a little."""
        self._old = size - self._at_once

    def frames(self, audio: Audio) -> list[bytes]:
        """What is complete with this message."""
        if audio.rate != self.line_rate:
            self._old += self._at_once
            self._tune(audio.rate)
            self._old -= self._at_once
        self.received += 1
        if self._old > 0:
            self._old -= HEADER_BYTES + len(audio.pcm)
            self.stale += 1
            return []
        if len(audio.pcm) == self._size and not self._rest:
            return [self._ours(audio.pcm)]
        data = self._rest + audio.pcm
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [self._ours(data[at : at + self._size]) for at in range(0, whole, self._size)]

    def _ours(self, frame: bytes) -> bytes:
        return frame if self._resampler is None else self._resampler.convert(frame)

    def _tune(self, rate: int) -> None:
        self.line_rate = rate
        self._size = 2 * round(rate * FRAME_SECONDS)
        self._at_once = round(STALE / FRAME_SECONDS) * (HEADER_BYTES + self._size)
        self._resampler = Resampler(rate, self._rate) if rate != self._rate else None
        self._rest = b""
