"""Twilio Media Streams messages: JSON text to values, and what we answer to JSON text.

Nothing that comes in can raise anything but `MalformedMessage`, and no message of that exception
repeats what came in: it may be a phone number or a secret.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from engine.core.audio import FRAME_BYTES, FRAME_SAMPLES, RATE, mulaw_to_pcm

MAX_MESSAGE = 65_536
"""Bytes."""
MU_LAW = ("audio/x-mulaw", 8000, 1)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGITS = frozenset("0123456789*#ABCD")
_MOST_DIGITS = 15
"""30,000 years of milliseconds, and no work for whoever reads it."""
_MU_LAW_SILENCE = b"\xff"
FILLED_SAMPLES = RATE * 200 // 1000
"""A longer hole in the caller's sound is not filled: it is a silence of its own."""


class MalformedMessage(Exception):
    """A message is not as Twilio sends them; says what was expected."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket's greeting."""


@dataclass(frozen=True, slots=True)
class Start:
    stream: str
    call: str
    """Twilio's CallSid."""
    account: str
    parameters: Mapping[str, str] = field(repr=False)
    """The `<Parameter>`s of our TwiML; among them a secret."""


@dataclass(slots=True)
class Media:
    """Sound of the caller, of any length. Not frozen: that alone costs as much as the rest of
    making it, fifty times a second."""

    stream: str
    mulaw: bytes
    sequence: int
    """Its place among the messages of the stream."""
    sample: int
    """Its first sample's place on the timeline of the stream, in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class DtmfPressed:
    stream: str
    digit: str


@dataclass(frozen=True, slots=True)
class Mark:
    stream: str
    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    stream: str


@dataclass(frozen=True, slots=True)
class Other:
    """A kind of message that we have no use for; Twilio may invent more."""


Message = Connected | Start | Media | DtmfPressed | Mark | Stop | Other


def decode(text: str | bytes) -> Message:
    if len(text) > MAX_MESSAGE:
        raise MalformedMessage(f"expected at most {MAX_MESSAGE} bytes, got {len(text)}")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        # The parser's own message and traceback would carry the document.
        raise MalformedMessage("expected JSON") from None
    if type(message) is not dict:
        raise MalformedMessage(f"expected a JSON object, got {type(message).__name__}")
    event = message.get("event")
    if event == "media":
        return _media(message)
    match event:
        case "mark":
            return Mark(_stream(message), _text(_body(message, "mark"), "name"))
        case "dtmf":
            return DtmfPressed(_stream(message), _digit(_body(message, "dtmf")))
        case "start":
            return _start(message)
        case "stop":
            return Stop(_stream(message))
        case "connected":
            return Connected()
        case str():
            return Other()
        case _:
            raise MalformedMessage(f"expected `event` as text, got {type(event).__name__}")


def _media(message: dict[str, object]) -> Media | Other:
    body = message.get("media")
    stream = message.get("streamSid")
    if type(body) is not dict or type(stream) is not str:
        raise MalformedMessage("expected `media` as an object and `streamSid` as text")
    payload = body.get("payload")
    if type(payload) is not str:
        raise MalformedMessage(f"expected `media.payload` as text, got {type(payload).__name__}")
    if body.get("track", "inbound") != "inbound":
        return Other()
    sequence = _number(message.get("sequenceNumber"), "sequenceNumber")
    sample = _number(body.get("timestamp"), "media.timestamp") * (RATE // 1000)
    try:
        return Media(stream, a2b_base64(payload, strict_mode=True), sequence, sample)
    except ValueError:
        raise MalformedMessage("expected `media.payload` in base64") from None


def _number(text: object, name: str) -> int:
    # Twilio writes ASCII digits; `int` would take those of all scripts.
    if type(text) is str and len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal():
        return int(text)
    raise MalformedMessage(f"expected `{name}` as a text of up to {_MOST_DIGITS} digits")


def _start(message: dict[str, object]) -> Start:
    body = _body(message, "start")
    stream = _id(message, "streamSid")
    if _id(body, "streamSid") != stream:
        raise MalformedMessage("expected one `streamSid`, got two")
    sound = _body(body, "mediaFormat")
    if (sound.get("encoding"), sound.get("sampleRate"), sound.get("channels")) != MU_LAW:
        raise MalformedMessage("expected `mediaFormat` of mu-law, 8000 Hz, one channel")
    parameters = body.get("customParameters", {})
    if not isinstance(parameters, dict) or not all(isinstance(v, str) for v in parameters.values()):
        raise MalformedMessage("expected `customParameters` as an object of texts")
    return Start(stream, _id(body, "callSid"), _id(body, "accountSid"), parameters)


def _body(message: dict[str, object], name: str) -> dict[str, object]:
    body = message.get(name)
    if not isinstance(body, dict):
        raise MalformedMessage(f"expected `{name}` as an object, got {type(body).__name__}")
    return body


def _text(body: dict[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise MalformedMessage(f"expected `{name}` as text, got {type(value).__name__}")
    return value


def _stream(message: dict[str, object]) -> str:
    return _text(message, "streamSid")


def _id(body: dict[str, object], name: str) -> str:
    """Fit to be put into JSON, a log line or a database as it is."""
    value = _text(body, name)
    if not _ID.fullmatch(value):
        raise MalformedMessage(f"expected `{name}` of 1 to 64 letters and digits")
    return value


def _digit(body: dict[str, object]) -> str:
    digit = _text(body, "digit")
    if digit not in _DIGITS:
        raise MalformedMessage("expected `digit` as one of 0-9, *, #, A-D")
    return digit


# What we send. Stream ids and mark names need no escaping: see `_ID`; the names are our own.


def media(stream: str, mulaw: bytes) -> str:
    payload = b2a_base64(mulaw, newline=False).decode("ascii")
    return f'{{"event":"media","streamSid":"{stream}","media":{{"payload":"{payload}"}}}}'


def mark(stream: str, name: str) -> str:
    return f'{{"event":"mark","streamSid":"{stream}","mark":{{"name":"{name}"}}}}'


def clear(stream: str) -> str:
    return f'{{"event":"clear","streamSid":"{stream}"}}'


class Framer:
    """The caller's sound, in pieces of any length, to PCM in frames of 20 ms.

    A short hole in its timeline becomes silence. No sound is ever dropped: a piece that comes
    twice, or is dated too early, is only counted."""

    def __init__(self) -> None:
        self.filled = 0
        """Samples of silence that stand for lost sound."""
        self.jumps = 0
        """Holes that were too long to be filled, and pieces dated back as far."""
        self.disorder = 0
        """Pieces that came again, or after a later one."""
        self._rest = b""
        self._end: int | None = None
        """Where on the timeline the sound ends that we have."""
        self._sequence = -1

    def frames(self, media: Media) -> list[bytes]:
        mulaw = media.mulaw
        if media.sample != self._end or media.sequence <= self._sequence:
            mulaw = self._silence_before(media) + mulaw
        self._sequence = media.sequence
        self._end = media.sample + len(media.mulaw) if self._end is None else self._end + len(mulaw)
        if len(mulaw) == FRAME_SAMPLES and not self._rest:
            return [mulaw_to_pcm(mulaw)]
        mulaw = self._rest + mulaw
        whole = len(mulaw) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = mulaw[whole:]
        pcm = mulaw_to_pcm(mulaw[:whole])
        return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]

    def _silence_before(self, media: Media) -> bytes:
        if media.sequence <= self._sequence:
            self.disorder += 1
        hole = 0 if self._end is None else media.sample - self._end
        if abs(hole) > FILLED_SAMPLES:
            self.jumps += 1
            self._end = media.sample
            return b""
        # Less than a frame is no loss, only uneven dates. What was filled too much by them stays
        # ahead of the timeline, and is made up for by the next hole.
        if hole < FRAME_SAMPLES:
            return b""
        self.filled += hole
        return hole * _MU_LAW_SILENCE
