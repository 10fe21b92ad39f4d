"""The sound in what a speech service sends, and a WAV file of ours to send to one.

Services put a WAV header before sound that was asked for without one, and cut it anywhere."""

import io
import struct
import wave

from engine.ports import ProviderFailed

_OPENING = b"RIFF....WAVE"
_PCM, _MONO, _BITS = 1, 1, 16
_LONGEST_HEADER = 1 << 16
_ENDLESS = 1 << 62


class WholeSamples:
    """Bytes in as they come; whole 16-bit samples out, without headers.

    A byte left over is kept for the next piece; chunks after the sound are left out."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kept = b""
        self._left: int | None = None
        """Bytes of sound that are still to come; `None`: it has not begun."""

    def feed(self, data: bytes) -> bytes:
        self._kept += data
        if self._left is None and not self._begins():
            return b""
        assert self._left is not None
        whole = min(len(self._kept), self._left) & ~1
        sound, self._kept = self._kept[:whole], self._kept[whole:]
        self._left -= whole
        return sound

    def end(self) -> bytes:
        """What could still have become a header, if anything."""
        if self._left is not None or len(self._kept) >= len(_OPENING):
            return b""
        return self._kept[: len(self._kept) & ~1]

    def _begins(self) -> bool:
        """Parses what there is of the header, and throws it away when it is whole."""
        if not _may_open(self._kept):
            self._left = _ENDLESS
            return True
        if len(self._kept) < len(_OPENING):
            return False
        at = len(_OPENING)
        while len(self._kept) >= at + 8:
            name, length = struct.unpack_from("<4sI", self._kept, at)
            at += 8
            if name == b"data":
                # A length of an endless stream is zero or near the largest number there is.
                self._left = length if 0 < length < 0xFFFF0000 else _ENDLESS
                self._kept = self._kept[at:]
                return True
            if name == b"fmt " and len(self._kept) >= at + 16:
                self._check(*struct.unpack_from("<HHIIHH", self._kept, at))
            at += length + (length & 1)
        if len(self._kept) > _LONGEST_HEADER:
            raise ProviderFailed("a WAV header without an end")
        return False

    def _check(
        self, kind: int, channels: int, rate: int, _bytes: int, _block: int, bits: int
    ) -> None:
        if (kind, channels, rate, bits) != (_PCM, _MONO, self._rate, _BITS):
            raise ProviderFailed(
                f"the sound should be mono PCM of 16 bits at {self._rate} Hz, and is of kind "
                f"{kind} with {channels} channels of {bits} bits at {rate} Hz"
            )


def _may_open(data: bytes) -> bool:
    """It begins like a WAV file, as far as it goes."""
    return data[:4] == _OPENING[: len(data[:4])] and data[8:12] == _OPENING[8 : 8 + len(data[8:12])]


def file(pcm: bytes, rate: int) -> bytes:
    """A WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(_MONO)
        sound.setsampwidth(_BITS // 8)
        sound.setframerate(rate)
        sound.writeframes(pcm)
    return written.getvalue()
