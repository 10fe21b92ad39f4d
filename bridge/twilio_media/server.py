"""The websocket that carries a Twilio call: moves messages between the socket and one `Call`.

It decides nothing about the conversation, and nothing that goes wrong in one call leaves it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Literal, assert_never

from aiohttp import WSCloseCode, WSMsgType, web
from multidict import MultiDict

from bridge.ticker import Ticker
from bridge.twilio_media import codec
from bridge.twilio_media.playout import TwilioPlayout
from bridge.twilio_media.tokens import (
    HungUpByUs,
    Outcome,
    Outcomes,
    Ticket,
    Tickets,
    Transferred,
)
from bridge.twilio_media.webhooks import MEDIA_PATH, Signatures, TwilioSettings
from engine.core.audio import RATE
from engine.ports import Busy, Call, CallFacts, OpenCall

log = logging.getLogger(__name__)

START_SECONDS = 5.0
CLOSE_SECONDS = 1.0
"""How long the other side may take to answer a close."""
END_SECONDS = 10.0
"""How long a call may take to end after its line is gone."""
BACKLOG_BYTES = 32_768
"""About 2 s of sound as messages: what may wait for a peer that does not read."""
SEND_BUFFER = 32_768
"""What the kernel may hold back of it besides: else it would hide a peer that does not read."""
NEVER_WAIT = 1 << 40
"""Bytes after which the socket may hold up who writes: `Stream` watches the backlog itself."""
SPARE_SOCKETS = 8
SUSPECT_SECONDS = 3.0
"""Twilio sends 50 times a second: after so long without anything the stream may be dead."""
DEAD_SECONDS = 6.0
"""And after so long it is, if it does not answer a ping either."""
BEAT = "hb-"
MAX_REASON = 120
"""Bytes of a close reason; a control frame holds 125 with the code."""


class Refused(Exception):
    """A socket that never became a call; says why."""

    def __init__(self, why: str, code: WSCloseCode = WSCloseCode.POLICY_VIOLATION) -> None:
        super().__init__(why)
        self.code = code


Socket = web.WebSocketResponse[Literal[False]]


class MediaServer:
    """All calls on this door."""

    def __init__(
        self,
        settings: TwilioSettings,
        *,
        open_call: OpenCall,
        ticker: Ticker,
        signatures: Signatures,
        tickets: Tickets,
        outcomes: Outcomes,
    ) -> None:
        self._settings = settings
        self._open_call = open_call
        self._ticker = ticker
        self._signatures = signatures
        self._tickets = tickets
        self._outcomes = outcomes
        self._sockets = 0
        self._live: dict[str, Stream] = {}

    def live_calls(self) -> int:
        return len(self._live)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        # The upgrade is signed like a webhook, over the URL that our TwiML gave.
        url = self._settings.websocket(MEDIA_PATH)
        if not self._signatures.genuine(request, url, MultiDict()):
            raise self._signatures.refusal(request)
        if self._sockets >= self._settings.max_calls + SPARE_SOCKETS:
            log.warning("a media stream is refused: too many are open")
            return web.Response(status=503)
        socket: Socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            autoping=False,  # pongs are wanted here, for their time
            compress=False,
            max_msg_size=codec.MAX_MESSAGE,
            writer_limit=NEVER_WAIT,
            decode_text=False,
        )
        self._sockets += 1
        try:
            await socket.prepare(request)
            if request.transport is not None:
                kernel = request.transport.get_extra_info("socket")
                kernel.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)
            await self._welcome(request, socket)
        finally:
            self._sockets -= 1
        return socket

    async def stop(self, _: web.Application) -> None:
        for stream in list(self._live.values()):
            stream.close("the bridge stops", WSCloseCode.GOING_AWAY)

    async def _welcome(self, request: web.Request, socket: Socket) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                start = await _receive_start(socket)
            ticket = self._redeem(start)
            await self._make_way(socket, start.call)
        except TimeoutError:
            await _turn_away(socket, Refused(f"no `start` within {START_SECONDS:g} s"))
        except Refused as refused:
            await _turn_away(socket, refused)
        else:
            await self._carry(request, socket, start, ticket)

    def _redeem(self, start: codec.Start) -> Ticket:
        if self._settings.account not in ("", start.account):
            raise Refused(f"call {start.call} is of another account")
        now = asyncio.get_running_loop().time()
        ticket = self._tickets.redeem(start.call, start.parameters.get("token", ""), now)
        if ticket is None:
            raise Refused(f"call {start.call}: its token is missing, wrong, used or late")
        return ticket

    async def _make_way(self, socket: Socket, call: str) -> None:
        """An older stream of the call ends, if it is dead; else the newer one is refused.

        A stream that broke on Twilio's side is asked for anew before we can know of it."""
        while (older := self._live.get(call)) is not None:
            async with asyncio.TaskGroup() as tasks:
                # What the caller says meanwhile would only come too late.
                skipping = tasks.create_task(_skip(socket))
                gone = await older.is_gone()
                if gone:
                    await older.make_way()
                skipping.cancel()
            if not gone:
                raise Refused(f"call {call} has a stream already")
        if socket.closed:
            raise Refused(f"call {call}: the socket was closed before its turn came")

    async def _carry(
        self, request: web.Request, socket: Socket, start: codec.Start, ticket: Ticket
    ) -> None:
        stream = Stream(
            socket,
            start.stream,
            CallFacts(
                start.call, "twilio", ticket.caller, ticket.called, ticket.back, ticket.outbound
            ),
            transport=request.transport,
            outcomes=self._outcomes,
            heartbeat=self._settings.heartbeat,
        )
        self._live[start.call] = stream
        begun = {"call": start.call, "facts": {"stream": start.stream, "back": ticket.back}}
        log.info("the media stream begins", extra=begun)
        self._outcomes.forget(start.call)
        try:
            await stream.carry(self._open_call, self._ticker)
        finally:
            del self._live[start.call]
            stream.over.set()


async def _receive_start(socket: Socket) -> codec.Start:
    while True:
        received = await socket.receive()
        match received.type:
            case WSMsgType.TEXT:
                start = _start_in(received.data)
                if start is not None:
                    return start
            case WSMsgType.BINARY:
                raise Refused("a binary message", WSCloseCode.UNSUPPORTED_DATA)
            case WSMsgType.PING:
                await socket.pong(received.data)
            case WSMsgType.PONG:
                pass
            case _:
                raise Refused("the socket was closed before `start`")


async def _skip(socket: Socket) -> None:
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG):
        pass


def _start_in(text: bytes) -> codec.Start | None:
    try:
        message = codec.decode(text)
    except codec.MalformedMessage as malformed:
        raise Refused(f"malformed message: {malformed}") from None
    match message:
        case codec.Start():
            return message
        case codec.Connected() | codec.Other():
            return None
        case _:
            raise Refused("expected `start` before anything else")


async def _turn_away(socket: Socket, refused: Refused) -> None:
    log.warning("a media stream is refused: %s", refused)
    await socket.close(code=refused.code, message=_reason(str(refused)))


def _reason(why: str) -> bytes:
    return why.encode("ascii", "replace")[:MAX_REASON]


class Stream:
    """One call's stream; it is the call's `engine.ports.Line`."""

    def __init__(
        self,
        socket: Socket,
        stream: str,
        facts: CallFacts,
        *,
        transport: asyncio.Transport | None,
        outcomes: Outcomes,
        heartbeat: float,
    ) -> None:
        self.over = asyncio.Event()
        """The socket is closed and the call has ended."""
        self._socket = socket
        self._stream = stream
        self._facts = facts
        self._about: dict[str, object] = {"call": facts.id}
        self._transport = transport
        self._outcomes = outcomes
        self._playout = TwilioPlayout(stream)
        self._framer = codec.Framer()
        self._heart = _Heart(facts.id, heartbeat, self._now())
        self._call: Call | None = None
        self._outgoing: deque[tuple[bytes, WSMsgType]] = deque()
        self._queued = 0
        self._work = asyncio.Event()
        self._closing: tuple[str, WSCloseCode] | None = None
        self._alive_at = self._spoke_at = self._now()
        """When anything came last, and when a message did."""
        self._strange = 0
        """Messages of another stream, and starts after the first."""

    # The line, as the engine sees it.

    def play(self, turn: int, pcm: bytes) -> None:
        now = self._now()
        self._playout.play(turn, pcm, now)
        self._send_due(now)

    def end_reply(self, turn: int) -> None:
        now = self._now()
        self._playout.end_reply(turn, now)
        self._send_due(now)

    def clear(self) -> None:
        now = self._now()
        self._playout.clear(now)
        self._send_due(now)

    def hang_up(self, why: str) -> None:
        self._leave(HungUpByUs(), why)

    def transfer(self, key: str) -> None:
        self._leave(Transferred(key), "transferred")

    def _leave(self, outcome: Outcome, why: str) -> None:
        # Known before the socket closes: Twilio asks at once what comes next.
        if self._closing is None:
            self._outcomes.note(self._facts.id, outcome, self._now())
        self.close(why)

    # The call, as the socket sees it.

    def close(self, why: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Ends the stream; the first reason counts."""
        if self._closing is None:
            self._closing = why, code
            self._work.set()

    async def is_gone(self) -> bool:
        """Whether it has been silent for too long; waits until that is known."""
        spoke_at = self._spoke_at
        with suppress(TimeoutError):
            async with asyncio.timeout_at(spoke_at + SUSPECT_SECONDS):
                await self.over.wait()
        return self.over.is_set() or self._spoke_at == spoke_at

    async def make_way(self) -> None:
        """For a newer stream of the same call; returns when the call has ended."""
        self.close("a newer stream takes its place", WSCloseCode.GOING_AWAY)
        self._abort()  # nobody is there to answer a close
        await self.over.wait()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def carry(self, open_call: OpenCall, ticker: Ticker) -> None:
        """Returns when the socket is closed and the call has ended."""
        with self._border():
            try:
                self._call = open_call(self._facts, self)
            except Busy as busy:
                log.warning("refused: %s", busy, extra=self._about)
                self.close("busy", WSCloseCode.TRY_AGAIN_LATER)
        if self._call is not None:
            await self._converse(self._call, ticker)
        await self._close_socket()
        log.info("the media stream is over: %s", self._why(), extra=self._about | self._facts_in())

    async def _converse(self, call: Call, ticker: Ticker) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._run(call))
            reading = tasks.create_task(self._read(call))  # after it: first it is answered
            ticker.add(self._tick)
            try:
                await self._write()
            finally:
                ticker.remove(self._tick)
                reading.cancel()
                if not running.done():
                    with self._border():
                        call.hung_up(self._why())
            await asyncio.wait({reading})
            await self._close_socket()
            await asyncio.wait({running}, timeout=END_SECONDS)
            if running.cancel():
                log.error("the call did not end within %g s", END_SECONDS, extra=self._about)

    async def _run(self, call: Call) -> None:
        with self._border():
            call.answered()
            await call.run()
        self.close("the call has ended")

    async def _write(self) -> None:
        """Sends what is queued, until the stream is to be closed."""
        while self._closing is None:
            await self._work.wait()
            self._work.clear()
            self._queued = 0
            while self._outgoing:
                try:
                    await self._socket.send_frame(*self._outgoing.popleft())
                except ConnectionError:
                    self.close("the connection is broken")
                    return

    async def _close_socket(self) -> None:
        why, code = self._closing or (self._why(), WSCloseCode.GOING_AWAY)
        if not self._socket.closed:
            await self._socket.close(code=code, message=_reason(why))

    def _why(self) -> str:
        return self._closing[0] if self._closing else "the bridge stops"

    def _facts_in(self) -> dict[str, object]:
        """What was wrong with the caller's sound on its way to us; nothing, if nothing was."""
        framer = self._framer
        counted = {
            "filled_ms": 1000 * framer.filled // RATE,
            "jumps": framer.jumps,
            "disorder": framer.disorder,
            "ignored": self._strange,
        }
        return {"facts": {what: number for what, number in counted.items() if number}}

    @contextmanager
    def _border(self) -> Iterator[None]:
        """What fails in here ends this call, and no other."""
        try:
            yield
        except Exception:
            log.exception("the call failed", extra=self._about)
            self.close("an error in the bridge", WSCloseCode.INTERNAL_ERROR)

    # What comes in.

    async def _read(self, call: Call) -> None:
        with self._border():
            while self._closing is None:
                received = await self._socket.receive()
                self._alive_at = self._now()
                if received.type is WSMsgType.TEXT:
                    self._spoke_at = self._alive_at
                    self._take_text(call, received.data)
                else:
                    self._take_other(received.type, received.data)

    def _take_other(self, kind: WSMsgType, data: bytes) -> None:
        match kind:
            case WSMsgType.PING:
                self._put(data, WSMsgType.PONG)
            case WSMsgType.PONG:
                self._heart.echo(data.decode("ascii", "replace"), self._now())
            case WSMsgType.BINARY:
                self.close("a binary message", WSCloseCode.UNSUPPORTED_DATA)
            case WSMsgType.ERROR:
                self.close("the connection broke, or its protocol", WSCloseCode.PROTOCOL_ERROR)
            case _:
                self.close("the other side closed the stream")

    def _take_text(self, call: Call, text: bytes) -> None:
        try:
            message = codec.decode(text)
        except codec.MalformedMessage as malformed:
            self.close(f"malformed message: {malformed}", WSCloseCode.POLICY_VIOLATION)
            return
        match message:
            case codec.Connected() | codec.Other():
                pass
            case codec.Start():
                self._ignore("a second `start`")
            case _ if message.stream != self._stream:
                self._ignore("a message of another stream")
            case codec.Media():
                for frame in self._framed(message):
                    call.frame(frame)
            case codec.Mark(name=name):
                self._take_mark(call, name)
            case codec.DtmfPressed(digit=digit):
                call.dtmf(digit)
            case codec.Stop():
                self.close("the caller hung up")
            case _:
                assert_never(message)

    def _framed(self, media: codec.Media) -> list[bytes]:
        disorder = self._framer.disorder
        frames = self._framer.frames(media)
        if self._framer.disorder > disorder == 0:
            log.warning("sound comes twice or out of order, told once", extra=self._about)
        return frames

    def _take_mark(self, call: Call, name: str) -> None:
        now = self._now()
        if name.startswith(BEAT):
            self._heart.echo(name, now)
            return
        self._playout.mark(name, now)
        self._tell_news(call, now)

    def _ignore(self, what: str) -> None:
        self._strange += 1
        if self._strange == 1:
            log.warning("ignored: %s, and what follows of the kind", what, extra=self._about)

    # What goes out.

    def _tick(self, now: float) -> None:
        if self._call is None or self._closing is not None:
            return
        with self._border():
            self._send_due(now)
            self._tell_news(self._call, now)
            self._keep_alive(now)

    def _tell_news(self, call: Call, now: float) -> None:
        news = self._playout.news(now)
        if news is not None:
            call.played(news)

    def _keep_alive(self, now: float) -> None:
        silent = now - self._alive_at
        asked = now - self._heart.asked_at
        suspect = silent >= SUSPECT_SECONDS and asked > silent
        # Asked first: after a stall of our own, what has come waits to be read.
        if silent >= DEAD_SECONDS and not suspect and asked >= DEAD_SECONDS - SUSPECT_SECONDS:
            self.close(f"nothing came for {silent:.0f} s", WSCloseCode.GOING_AWAY)
            self._abort()  # a close would wait for an answer from nobody
        elif suspect or now >= self._heart.next:
            self._beat(now)

    def _beat(self, now: float) -> None:
        beat = self._heart.beat(now)
        self._put(beat.encode(), WSMsgType.PING)
        if self._playout.idle:  # else the mark would wait behind the sound
            self._put(codec.mark(self._stream, beat).encode(), WSMsgType.TEXT)

    def _send_due(self, now: float) -> None:
        for text in self._playout.due(now):
            self._put(text.encode(), WSMsgType.TEXT)

    def _put(self, data: bytes, kind: WSMsgType) -> None:
        if self._closing is not None:
            return
        self._outgoing.append((data, kind))
        self._queued += len(data)
        self._work.set()
        unsent = self._transport.get_write_buffer_size() if self._transport else 0
        if self._queued + unsent > BACKLOG_BYTES:
            self.close("the other side does not read", WSCloseCode.POLICY_VIOLATION)
            self._outgoing.clear()
            self._abort()  # a close would wait for the reader that is not there

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _Heart:
    """When a stream's next heartbeat is due, and how long the last one took to come back."""

    def __init__(self, call: str, every: float, now: float) -> None:
        self.next = now + every
        self.asked_at = 0.0
        """When the last beat was sent."""
        self._call = call
        self._every = every
        self._beats = 0
        self._open = False
        """The last beat has not come back."""

    def beat(self, now: float) -> str:
        """The name of the beat that is due."""
        if self._open:
            log.warning("WS_KEEPALIVE", extra=self._facts(answered=False))
        self.next = now + self._every
        self.asked_at = now
        self._beats += 1
        self._open = True
        return f"{BEAT}{self._beats}"

    def echo(self, name: str, now: float) -> None:
        """A ping or a mark came back; the first of a beat counts."""
        if not self._open or name != f"{BEAT}{self._beats}":
            return
        rtt_ms = round(1000 * (now - self.asked_at), 1)
        self._open = False
        log.info("WS_KEEPALIVE", extra=self._facts(rtt_ms=rtt_ms))

    def _facts(self, **facts: float) -> dict[str, object]:
        return {"call": self._call, "facts": {"beat": self._beats, **facts}}
