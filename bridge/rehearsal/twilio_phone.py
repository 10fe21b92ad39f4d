"""Twilio's side of Media Streams: a phone that calls a voice webhook or a stream's websocket.

It keeps Twilio's promises (a buffer that plays in real time, marks that come back when they were
played or cleared) and holds the server to its own: a message that Twilio would refuse is a fault.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import math
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import aiohttp

from bridge.rehearsal.phone import CallFailed, Delay, Echo, Phone, Record, Track, on_call
from engine.core.audio import FRAME_SECONDS, RATE, SILENCE, mulaw_to_pcm, pcm_to_mulaw

CONNECT_SECONDS = 10.0
PARAMETER_CHARACTERS = 500
HOLE_SECONDS = 0.3
"""More sound this soon after the end of all that was sent came too late; later it is a reply of
its own (none begins sooner after another)."""


class PlayBuffer:
    """What Twilio has received and plays to the caller at 8 kHz, and the marks between."""

    def __init__(self, heard: Track, gaps: list[tuple[float, float]] | None = None) -> None:
        self._heard = heard
        self._gaps = [] if gaps is None else gaps
        self._end = 0
        self._cleared = False
        self._marks: deque[tuple[int, str]] = deque()

    def media(self, pcm: bytes, now: float) -> None:
        start = max(self._end, math.ceil(now * RATE))
        if self._end and not self._cleared and 0 < start - self._end < HOLE_SECONDS * RATE:
            self._gaps.append((self._end / RATE, start / RATE))
        self._cleared = False
        self._heard.put(start, pcm)
        self._end = start + len(pcm) // 2

    def mark(self, name: str) -> None:
        self._marks.append((self._end, name))

    def clear(self, now: float) -> list[str]:
        """Forgets what is not played yet; returns all pending marks."""
        self._cleared = True
        at = math.ceil(now * RATE)
        if self._end > at:
            self._heard.cut(at)
            self._end = at
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def played(self, now: float) -> list[str]:
        """The marks that have been reached since they were last asked for."""
        names = []
        while self._marks and self._marks[0][0] <= now * RATE:
            names.append(self._marks.popleft()[1])
        return names


@dataclass(frozen=True, slots=True)
class Stream:
    """What TwiML's `<Stream>` asks for."""

    url: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom, in Twilio's words."""

    number: str = "+972500000000"
    called: str = "+97230000000"
    account_sid: str = "AC" + 32 * "0"
    call_sid: str = field(default_factory=lambda: "CA" + secrets.token_hex(16))


def of_account(sid: str) -> Caller:
    """Of any, if it is empty."""
    return Caller(account_sid=sid) if sid else Caller()


class TwilioWire:
    mute_while_pressed = False

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        record: Record,
        caller: Caller,
        parameters: Mapping[str, str],
        delays: tuple[Delay, Delay],
    ) -> None:
        self.name = caller.call_sid
        self._socket = socket
        self._record = record
        self._caller = caller
        self._parameters = dict(parameters)
        self._buffer = PlayBuffer(record.heard, record.gaps)
        self._to_server, self._to_phone = delays
        self._outgoing: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._incoming: asyncio.Queue[tuple[float, aiohttp.WSMessage]] = asyncio.Queue()
        self._stream_sid = "MZ" + secrets.token_hex(16)
        self._sequence = 0
        self._chunk = 0
        self._closing = False
        self._put({"event": "connected", "protocol": "Call", "version": "1.0.0"}, 0.0)
        self._tell("start", self._start(), 0.0)

    def _start(self) -> dict[str, object]:
        return {
            "streamSid": self._stream_sid,
            "accountSid": self._caller.account_sid,
            "callSid": self._caller.call_sid,
            "tracks": ["inbound"],
            "customParameters": self._parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }

    def send(self, number: int, pcm: bytes, now: float) -> None:
        self._return_marks(self._buffer.played(now), now)
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(round(1000 * FRAME_SECONDS * number)),
            "payload": base64.b64encode(pcm_to_mulaw(pcm)).decode("ascii"),
        }
        self._tell("media", media, now)

    def press(self, digit: str, now: float) -> None:
        self._tell("dtmf", {"track": "inbound_track", "digit": digit}, now)

    def hang_up(self) -> None:
        self._closing = True
        ids = {"accountSid": self._caller.account_sid, "callSid": self._caller.call_sid}
        self._tell("stop", ids, 0.0)
        self._outgoing.put_nowait((0.0, ""))

    async def listen(self, now: Callable[[], float]) -> str:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send_all(now))
            tasks.create_task(self._receive_all(now))
            why = await self._handle_all(now)
            if not self._closing:  # else it ends with the websocket's closing handshake
                sending.cancel()
        return why

    async def _send_all(self, now: Callable[[], float]) -> None:
        while True:
            due, text = await self._outgoing.get()
            if not self._closing:  # the call is over, and its time stands still
                await asyncio.sleep(max(0.0, due - now()))
            if not text:
                await self._socket.close()
                return
            try:
                await self._socket.send_str(text)
            except ConnectionError:
                return

    async def _receive_all(self, now: Callable[[], float]) -> None:
        closed = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.PING:
                self._record.happened.append((now(), "ping"))
                await self._socket.pong(message.data)
                continue
            self._incoming.put_nowait((self._to_phone.due(now()), message))
            if message.type in closed or message.type is aiohttp.WSMsgType.ERROR:
                return

    async def _handle_all(self, now: Callable[[], float]) -> str:
        while True:
            due, message = await self._incoming.get()
            if not self._closing:
                await asyncio.sleep(max(0.0, due - now()))
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    self._hear(message.data, now())
                case aiohttp.WSMsgType.BINARY:
                    self._fault(f"a binary message of {len(message.data)} bytes (31950)")
                case aiohttp.WSMsgType.ERROR:
                    self._fault(f"broke the websocket protocol: {message.data} (31924)")
                    return "a fault of the server: the websocket protocol"
                case _:
                    return f"the server closed the stream (code {self._socket.close_code})"

    def _hear(self, text: str, now: float) -> None:
        if self._closing:
            return
        try:
            message = json.loads(text)
        except ValueError:
            self._fault(f"not JSON: {text[:60]!r} (31951)")
            return
        if not isinstance(message, dict):
            self._fault(f"not a JSON object: {text[:60]!r} (31951)")
            return
        if message.get("streamSid") != self._stream_sid:
            self._fault(f"streamSid {message.get('streamSid')!r} is not of this stream (31951)")
            return
        self._obey(message, now)

    def _obey(self, message: dict[str, object], now: float) -> None:
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                self._play(payload, now)
            case {"event": "mark", "mark": {"name": str(name)}} if name:
                self._record.happened.append((now, f"mark {name}"))
                self._buffer.mark(name)
                self._return_marks(self._buffer.played(now), now)
            case {"event": "clear"}:
                self._record.happened.append((now, "clear"))
                self._return_marks(self._buffer.clear(now), now)
            case _:
                self._fault(f"event {message.get('event')!r} is unknown or incomplete (31951)")

    def _play(self, payload: str, now: float) -> None:
        try:
            sound = base64.b64decode(payload, validate=True)
        except binascii.Error:
            self._fault(f"media that is not base64: {payload[:40]!r} (31951)")
            return
        if not sound:
            self._fault("media without a sound (31951)")
            return
        self._record.arrivals.append(now)
        self._buffer.media(mulaw_to_pcm(sound), now)

    def _return_marks(self, names: list[str], now: float) -> None:
        for name in names:
            self._record.happened.append((now, f"mark {name} returned"))
            self._tell("mark", {"name": name}, now)

    def _fault(self, what: str) -> None:
        self._record.faults.append(what)

    def _tell(self, event: str, body: Mapping[str, object], now: float) -> None:
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            "streamSid": self._stream_sid,
            event: body,
        }
        self._put(message, now)

    def _put(self, message: Mapping[str, object], now: float) -> None:
        self._outgoing.put_nowait((self._to_server.due(now), json.dumps(message)))


def signature(token: str, url: str, form: Mapping[str, str] | None = None) -> str:
    """X-Twilio-Signature: over the URL as Twilio was given it, and the form's fields by name."""
    signed = url + "".join(name + value for name, value in sorted((form or {}).items()))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


def read_twiml(text: str, base: str, faults: list[str]) -> Stream:
    """The stream that a voice webhook's answer connects to. Raises `CallFailed`."""
    try:
        # The server under test is the one who answers here; nothing else is parsed.
        root = ET.fromstring(text)
    except ET.ParseError as broken:
        raise CallFailed(f"the voice webhook's answer is not XML: {broken}") from broken
    element = root.find("./Connect/Stream")
    if root.tag != "Response" or element is None:
        verbs = ", ".join(child.tag for child in root) or "nothing"
        raise CallFailed(f"the voice webhook's TwiML connects no stream; it says: {verbs}")
    url = urljoin(base, element.get("url", ""))
    if url.startswith("https://"):
        url = "wss" + url.removeprefix("https")
    parts = urlsplit(url)
    # A bridge on this machine that Twilio cannot reach may do without TLS.
    if parts.scheme != "wss" and base.startswith("https"):
        faults.append(f"a stream's url must be wss, not {parts.scheme!r} (31922)")
    if parts.query:
        faults.append("a stream's url cannot have a query string (31920)")
    return Stream(url, _parameters(element, faults))


def _parameters(stream: ET.Element, faults: list[str]) -> dict[str, str]:
    found = {}
    for element in stream.findall("Parameter"):
        name, value = element.get("name", ""), element.get("value", "")
        if not name or len(name) + len(value) >= PARAMETER_CHARACTERS:
            faults.append(f"parameter {name!r} has no name, or is {PARAMETER_CHARACTERS} or longer")
        found[name] = value
    return found


def webhook_form(caller: Caller) -> dict[str, str]:
    """What Twilio posts when a call comes in; what it does not know is there, and empty."""
    return {
        "CallSid": caller.call_sid,
        "AccountSid": caller.account_sid,
        "From": caller.number,
        "To": caller.called,
        "Caller": caller.number,
        "Called": caller.called,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
        "FromCity": "",
        "FromState": "",
        "FromZip": "",
        "FromCountry": "IL",
        "ToCity": "",
        "ToState": "",
        "ToZip": "",
        "ToCountry": "IL",
    }


@asynccontextmanager
async def open_phone(
    url: str = "http://127.0.0.1:8080/twilio/voice",
    *,
    at: str | None = None,
    auth_token: str | None = None,
    caller: Caller | None = None,
    parameters: Mapping[str, str] | None = None,
    background: bytes = SILENCE,
    echo: Echo | None = None,
    delay: float = 0.0,
    jitter: float = 0.0,
) -> AsyncIterator[Phone]:
    """Calls a Media Streams server. Raises `CallFailed`.

    `url` is what Twilio was given: a voice webhook (http, https), whose TwiML is then followed,
    or a stream (ws, wss). `at` ("127.0.0.1:8080") is where that server really is, for all URLs.
    With an `auth_token` the webhook and the upgrade are signed. `delay` and `jitter` are
    seconds, one way, for both ways."""
    caller = caller or Caller()
    record = Record()
    async with aiohttp.ClientSession() as http:
        stream = Stream(url, {})
        if urlsplit(url).scheme in ("http", "https"):
            stream = await _ask_webhook(http, url, at, auth_token, caller, record.faults)
        given = {**stream.parameters, **(parameters or {})}
        delays = (Delay(delay, jitter, 1), Delay(delay, jitter, 2))
        async with await _connect(http, stream.url, at, auth_token) as socket:
            wire = TwilioWire(socket, record, caller, given, delays)
            async with on_call(wire, record, background, echo) as phone:
                yield phone


async def _ask_webhook(
    http: aiohttp.ClientSession,
    url: str,
    at: str | None,
    auth_token: str | None,
    caller: Caller,
    faults: list[str],
) -> Stream:
    form = webhook_form(caller)
    headers = {"X-Twilio-Signature": signature(auth_token, url, form)} if auth_token else {}
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            async with http.post(_really(url, at), data=form, headers=headers) as answer:
                text = await answer.text()
    except TimeoutError as late:
        raise CallFailed(f"the voice webhook took more than {CONNECT_SECONDS} s") from late
    except aiohttp.ClientConnectorError as refused:
        raise CallFailed(f"nothing listens on {refused.host}:{refused.port}") from refused
    except aiohttp.ClientError as broken:
        raise CallFailed(f"the voice webhook did not answer: {broken}") from broken
    if answer.status != 200:
        raise CallFailed(f"the voice webhook refused the call: HTTP {answer.status}")
    return read_twiml(text, url, faults)


async def _connect(
    http: aiohttp.ClientSession, url: str, at: str | None, auth_token: str | None
) -> aiohttp.ClientWebSocketResponse:
    # Twilio signs the upgrade too, in a header in lower case.
    headers = {"x-twilio-signature": signature(auth_token, url)} if auth_token else {}
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await http.ws_connect(_really(url, at), headers=headers, autoping=False)
    except TimeoutError as late:
        raise CallFailed(f"the stream was not open within {CONNECT_SECONDS} s") from late
    except aiohttp.ClientConnectorError as refused:
        raise CallFailed(f"nothing listens on {refused.host}:{refused.port}") from refused
    except aiohttp.WSServerHandshakeError as refused:
        raise CallFailed(f"the stream was refused: HTTP {refused.status}") from refused
    except aiohttp.ClientError as broken:
        raise CallFailed(f"the stream could not be opened: {broken}") from broken


def _really(url: str, at: str | None) -> str:
    """The URL at which a server is reached that calls itself by a public name."""
    if at is None:
        return url
    parts = urlsplit(url)
    scheme = {"https": "http", "wss": "ws"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, at, parts.path, parts.query, ""))
