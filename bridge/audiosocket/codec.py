"""AudioSocket messages: bytes <-> values. Pure.

One byte of kind, two of length (big-endian), the payload (wire format: Asterisk
res_audiosocket.c). A stream is decoded the same however TCP has cut it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from engine.core.audio import RATE

HANG_UP = b"\x00\x00\x00"
"""The only message besides audio that Asterisk accepts from us."""

HEADER_BYTES = 3

_KIND_HANG_UP = 0x00
_KIND_UUID = 0x01
_KIND_DTMF = 0x03
_FIRST_AUDIO = 0x10
_RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)
_KINDS = {rate: _FIRST_AUDIO + number for number, rate in enumerate(_RATES)}
_LAST_AUDIO = _FIRST_AUDIO + len(_RATES) - 1
_UUID_BYTES = 16
_MOST_AUDIO = 8192
_MOST_UNKNOWN = 10
_KEYS = frozenset("0123456789*#ABCD")


class MalformedStream(Exception):
    """The peer does not speak AudioSocket; the message says what came."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: which call this is."""

    call: UUID


@dataclass(slots=True)
class Audio:
    """16-bit little-endian mono PCM, usually 20 ms. Not frozen: see `engine.core.events.Frame`."""

    pcm: bytes
    rate: int = RATE
    """Samples a second, one of nine: kind 0x10 is 8,000, 0x12 is 16,000, 0x18 is 192,000."""


@dataclass(frozen=True, slots=True)
class Digit:
    key: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The peer ends the call. Asterisk itself only closes the connection."""


Message = Hello | Audio | Digit | HangUp


def audio_header(payload_bytes: int, rate: int = RATE) -> bytes:
    """What precedes a payload of PCM."""
    return bytes((_KINDS[rate], payload_bytes >> 8, payload_bytes & 0xFF))


def check_rate(rate: int) -> None:
    """Raises `ValueError` if AudioSocket has no kind for so many samples a second."""
    if rate not in _KINDS:
        raise ValueError(f"AudioSocket carries {_RATES} samples a second, not {rate}")


class Decoder:
    """Give `feed` what arrived; it yields the messages that are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._unknown = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Raises `MalformedStream`; the stream is then of no further use."""
        data = self._rest + data if self._rest else data
        at = 0
        while len(data) - at >= HEADER_BYTES:
            end = at + HEADER_BYTES + (data[at + 1] << 8 | data[at + 2])
            if end > len(data):
                self._check_length(data[at], end - at - HEADER_BYTES)
                break
            message = self._message(data[at], data[at + HEADER_BYTES : end])
            at = end
            if message is not None:
                yield message
        self._rest = data[at:]

    def _message(self, kind: int, payload: bytes) -> Message | None:
        self._check_length(kind, len(payload))
        if _FIRST_AUDIO <= kind <= _LAST_AUDIO:
            return Audio(payload, _RATES[kind - _FIRST_AUDIO])
        if kind == _KIND_DTMF:
            return self._digit(payload)
        if kind == _KIND_UUID:
            return Hello(UUID(bytes=payload))
        if kind == _KIND_HANG_UP:
            return HangUp()
        self._unknown += 1
        if self._unknown > _MOST_UNKNOWN:
            raise MalformedStream(f"more than {_MOST_UNKNOWN} messages of unknown kinds")
        return None  # its length was honored: the stream stays in step

    def _digit(self, payload: bytes) -> Digit:
        key = payload.decode("latin-1").upper()
        if key not in _KEYS:
            raise MalformedStream(f"{payload!r} is no DTMF digit")
        return Digit(key)

    def _check_length(self, kind: int, length: int) -> None:
        audio = _FIRST_AUDIO <= kind <= _LAST_AUDIO
        if audio and (length < 2 or length > _MOST_AUDIO or length % 2):
            raise MalformedStream(f"audio of {length} bytes, not 2 to {_MOST_AUDIO} and even")
        if kind == _KIND_UUID and length != _UUID_BYTES:
            raise MalformedStream(f"a UUID of {length} bytes, not {_UUID_BYTES}")
        if kind == _KIND_DTMF and length != 1:
            raise MalformedStream(f"a DTMF message of {length} bytes, not 1")
        if length > _MOST_AUDIO:
            raise MalformedStream(f"kind {kind:#04x} with {length} bytes")
