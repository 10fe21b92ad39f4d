"""AudioSocket over TCP: one connection, one call. This file only moves bytes.

The protocol has no authentication and no encryption: listen on loopback or on a network of the
PBX alone.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol, cast
from uuid import UUID

from bridge.audiosocket import codec
from bridge.audiosocket.inbound import Inbound
from bridge.audiosocket.pbx import Pbx, PbxFailed, UnknownCall
from bridge.audiosocket.playout import Playout
from bridge.audiosocket.register import Ending, Register, Spent
from bridge.ticker import PERIOD, Ticker
from engine import ports
from engine.core.audio import RATE
from engine.ports import Busy, Call, CallFacts

log = logging.getLogger(__name__)

UUID_LIMIT = 2.0
"""Seconds for the peer to say which call it brings."""
CROWD_AFTER = 0.25
"""Seconds after which a connection without a UUID counts as waiting: Asterisk says it at once."""
MOST_WAITING = 32
"""Connections without a UUID at a time; one more is closed."""
MOST_FROM_PEER = 1024
"""Connections from one address at a time; one more is closed."""
DEAD_PEER_MS = 5000
"""Milliseconds without a TCP acknowledgement after which the peer is gone."""
GOODBYE_LIMIT = 2.0
"""Seconds for the peer to close after our hang-up."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
UNSENT_LIMIT = 2.0
"""Seconds of sound that may wait for a peer that does not read."""
SEND_BUFFER = 8 * 1024
"""Bytes that the kernel may hold back of it besides (it takes twice as many). On its own it takes
megabytes, minutes of sound, and hides a peer that does not read."""
FACTS_LIMIT = 1.0
"""Seconds for the PBX to say whose call this is; then it is let in unknown."""
LEAVE_LIMIT = 5.0
"""Seconds for the PBX to take a caller away whom we have given back to it."""
WAY_EVERY = 1.0
"""Seconds between two looks at how far away the phone is."""
SUSPECT_AFTER = round(3.0 / PERIOD)
"""Beats without a frame, after which the PBX is asked whether the caller is there, and after which
another connection may bring the same call."""
SILENT_LIMIT = round(6.0 / PERIOD)
"""Beats without a frame and without the PBX's answer: it is gone. Without a PBX to ask it is TCP
that tells (`DEAD_PEER_MS`), as callers on hold send nothing either."""
HELD_LIMIT = round(1800.0 / PERIOD)
"""Beats that a caller who is there may send nothing."""


class Line(ports.Line, Protocol):
    """The way back to the caller. No method blocks; all are called on the event loop."""

    @property
    def rate(self) -> int:
        """Samples a second of what is played, and of the frames that the call is given."""
        ...


OpenCall = Callable[[CallFacts, Line], Call]
"""Also every `engine.ports.OpenCall`."""


@asynccontextmanager
async def serve(
    open_call: OpenCall,
    *,
    host: str = "127.0.0.1",
    port: int = 9092,
    allow: Sequence[IPv4Network | IPv6Network] = LOOPBACK,
    ticker: Ticker | None = None,
    heartbeat: float = 18.0,
    rate: int = RATE,
    pbx: Pbx | None = None,
    registered: Callable[[UUID], bool] = lambda _: True,
    most_from_peer: int = MOST_FROM_PEER,
    share_port: bool = False,
    register: Register | None = None,
    opened: Callable[[asyncio.AbstractServer], object] = lambda _: None,
) -> AsyncGenerator[tuple[str, int]]:
    """Listens until the context ends, then hangs up what is left; gives the address in use.

    `open_call` is asked once for each connection that has said its UUID; it may raise `Busy`. For
    calls that are written as straight code it is `answering(...)`.
    `allow`: peers outside of it are closed at once, as the protocol has no authentication.
    `heartbeat`: seconds between two log lines of each call.
    `rate`: samples a second of the sound on our side. What the line has, in the kind of message
    that it sends, is converted; if it has the same, nothing is touched.
    `pbx` knows who calls and takes callers away.
    `registered` is asked for each UUID that has not been here; false refuses the call.
    `most_from_peer`: connections from one address at a time.
    `share_port`: other processes listen on it too; then `register` is shared with them.
    `opened` is given the listener: who closes it lets nobody in any more; live calls go on.

    Raises `OSError` if the address cannot be had, `ValueError` for a rate that AudioSocket has
    not."""
    codec.check_rate(rate)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as calls:
        door = _Door(
            open_call=open_call,
            allow=allow,
            ticker=ticker or Ticker(),
            heartbeat=heartbeat,
            rate=rate,
            pbx=pbx,
            registered=registered,
            most_from_peer=most_from_peer,
            register=register or Register(),
            calls=calls,
        )
        server = await loop.create_server(
            lambda: _Connection(door), host, port, reuse_port=share_port
        )
        opened(server)
        try:
            bound = server.sockets[0].getsockname()
            yield bound[0], bound[1]
        finally:
            server.close()
            await _close_all(list(door.connections))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """What all connections of a server share."""

    open_call: OpenCall
    allow: Sequence[IPv4Network | IPv6Network]
    ticker: Ticker
    heartbeat: float
    rate: int
    pbx: Pbx | None
    registered: Callable[[UUID], bool]
    most_from_peer: int
    register: Register
    calls: asyncio.TaskGroup
    live: dict[UUID, "_Connection"] = field(default_factory=dict)
    connections: set["_Connection"] = field(default_factory=set)

    def objection(self, peer: str) -> str:
        """Why a connection from there is not taken; empty if it is."""
        address = ip_address(peer)
        if not any(address in network for network in self.allow):
            return "a peer outside of the allowed networks is refused"
        if sum(one.peer == peer for one in self.connections) > self.most_from_peer:
            return f"more than {self.most_from_peer} connections from one peer: one is refused"
        return ""

    def waiting(self) -> int:
        """Connections that have not said which call they bring."""
        return sum(one.waits for one in self.connections)


async def _close_all(connections: list["_Connection"]) -> None:
    """Returns when all are gone: most close when they are told, some have to be made to."""
    for connection in connections:
        connection.end("the bridge stops")
    try:
        async with asyncio.timeout(GOODBYE_LIMIT):
            for connection in connections:
                await connection.gone.wait()
    except TimeoutError:
        for connection in connections:
            connection.abort()
            await connection.gone.wait()


class _Connection(asyncio.Protocol):
    """One TCP connection; also the `Line` of its call."""

    def __init__(self, door: _Door) -> None:
        self.gone = asyncio.Event()
        self.peer = ""
        self.rate = door.rate
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._decoder = codec.Decoder()
        self._id: UUID | None = None
        self._call: Call | None = None
        self._ending: Ending = "dropped"
        """What the end of the connection would mean for the call."""
        self._leaving = False
        """The PBX has been asked to take the caller away."""
        self._closing = False
        self._inbound = Inbound(door.rate)
        self._unheard = 0
        """Beats since the last frame."""
        self._there = False
        """The PBX has said so since the last frame."""

    @property
    def waits(self) -> bool:
        return self._id is None and not self._closing

    @property
    def suspect(self) -> bool:
        """Another connection may bring the same call."""
        return self._leaving or self._unheard >= SUSPECT_AFTER

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is its own class
        self._timer = self._loop.call_later(CROWD_AFTER, self._still_waits)
        self._door.connections.add(self)
        name = transport.get_extra_info("peername")  # none, if it is gone by now
        self.peer = name[0] if name else ""
        objection = self._door.objection(self.peer) if name else "a peer is gone at once"
        if objection:
            log.warning("AudioSocket: %s", objection)
            self._closing = True
            transport.close()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        now = self._loop.time()
        self._next_heartbeat = now + self._door.heartbeat
        self._next_way = now
        self._playout = Playout(self._door.ticker.add(self._beat), rate=self.rate)
        self._playout.tune(RATE)
        self._beat(now)

    def data_received(self, data: bytes) -> None:
        self._inbound.read(len(data))
        try:
            for message in self._decoder.feed(data):
                if self._closing:
                    return
                self._take(message)
        except codec.MalformedStream as error:
            self._refuse(str(error))
        except Exception:
            log.exception("audiosocket call failed", extra=self._name())
            self._refuse("internal error")

    def eof_received(self) -> bool:
        return False  # close our side too

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._door.ticker.remove(self._beat)
        self._door.connections.discard(self)
        self.gone.set()
        self._closing = True
        # Asterisk tells a hang-up, a transfer and its own crash alike: by closing.
        self.lost(f"connection reset: {error}" if error else "the peer closed the connection")

    # The `Line` of the session.

    def play(self, turn: int, pcm: bytes) -> None:
        self._playout.play(turn, pcm, self._loop.time())

    def end_reply(self, turn: int) -> None:
        self._playout.end_reply(turn, self._loop.time())

    def clear(self) -> None:
        self._playout.clear(self._loop.time())

    def transfer(self, key: str) -> None:
        self._leave("transferred", lambda pbx, call: pbx.transfer(call, key))

    def hang_up(self, why: str) -> None:
        """The call has said goodbye. Without a PBX to end the caller's own channel, its dialplan
        goes on."""
        self._leave("over", lambda pbx, call: pbx.hang_up(call, why))

    # Its end.

    def _leave(self, ending: Ending, ask: Callable[[Pbx, UUID], Awaitable[None]]) -> None:
        if self._leaving or self._closing:
            return
        self._ending = ending
        if self._door.pbx is None or self._id is None:
            self._part()
            return
        self._leaving = True
        self._start(self._left(ask(self._door.pbx, self._id)))

    async def _left(self, asked: Awaitable[None]) -> None:
        """The PBX takes the caller and closes; if it does not, our hang-up lets the dialplan go
        on with him."""
        try:
            async with asyncio.timeout(LEAVE_LIMIT):
                await asked
                await self.gone.wait()
        except (PbxFailed, TimeoutError) as failed:
            why = str(failed) or f"nothing within {LEAVE_LIMIT:g} s"
            log.warning("AudioSocket: the PBX did not take the caller: %s", why, extra=self._name())
        self._part()

    def _part(self) -> None:
        """The hang-up message, then wait for the peer to close: closing with unread bytes would
        reset the connection, and a reset drops the caller instead of going on in the dialplan."""
        if self._closing:
            return
        self._closing = True
        self._door.ticker.remove(self._beat)
        self._timer.cancel()
        if self._id is None:
            self._transport.close()  # nobody's call: nothing to go on with
            return
        self._transport.write(codec.HANG_UP)
        self._timer = self._loop.call_later(GOODBYE_LIMIT, self._shut)

    def _shut(self) -> None:
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # who does not read our hang-up does not let us close either
        else:
            self._transport.close()

    def end(self, why: str) -> None:
        """The call is over for both sides."""
        self._part()
        self.lost(why)

    def abort(self) -> None:
        self._transport.abort()

    def lost(self, why: str) -> None:
        """The call is over for the session, whoever ended it."""
        if self._id is not None and self._door.live.get(self._id) is self:
            del self._door.live[self._id]
            if self._call is not None:
                self._door.register.end(self._id, self._ending, self._loop.time())
        call, self._call = self._call, None
        if call is None:
            return
        try:
            call.hung_up(why)
        except Exception:
            log.exception("audiosocket call failed", extra=self._name())

    def _refuse(self, why: str) -> None:
        log.warning("AudioSocket: %s; the call is closed", why, extra=self._name())
        self.end(why)

    def _name(self) -> dict[str, str]:
        return {"call": str(self._id or "unknown")}

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """Work that no failure of may reach the other calls."""

        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception("audiosocket call failed", extra=self._name())
                self._refuse("internal error")

        self._door.calls.create_task(guarded())

    # Its beginning.

    def _still_waits(self) -> None:
        if (others := self._door.waiting()) > MOST_WAITING:
            self._refuse(f"{others} connections have not said which call they bring")
            return
        rest = UUID_LIMIT - CROWD_AFTER
        self._timer = self._loop.call_later(rest, self._refuse, "no UUID within 2 s")

    def _begin(self, call: UUID) -> None:
        if self._id is not None:
            raise codec.MalformedStream("a second UUID")
        self._id = call
        self._timer.cancel()
        door = self._door
        first = door.live.get(call)
        if first is not None and not first.suspect:
            self._refuse(f"a second connection for call {call}")
            return
        if first is not None:
            first.end("another connection has brought the call")
        facts = CallFacts(str(call), "audiosocket")
        try:
            facts = replace(facts, back=door.register.back(call, self._loop.time()))
        except Spent as spent:
            if door.pbx is None:  # the dialplan asks in this way whether it was a goodbye
                log.info("AudioSocket: %s", spent, extra=self._name())
                self.end(str(spent))
                return
        if not facts.back and not door.registered(call):
            self._refuse(f"call {call} is not registered")
            return
        door.live[call] = self
        if door.pbx is None:
            self._open(facts)
        else:
            self._start(self._look_up(door.pbx, call, facts))

    async def _look_up(self, pbx: Pbx, call: UUID, facts: CallFacts) -> None:
        try:
            async with asyncio.timeout(FACTS_LIMIT):
                told = await pbx.facts(call)
            # A PBX that could not announce it again does not know that it has been here.
            facts = replace(told, back=told.back or facts.back)
        except UnknownCall:
            self._refuse(f"the PBX has no call {call}")
        except (PbxFailed, TimeoutError) as failed:
            why = str(failed) or f"nothing within {FACTS_LIMIT:g} s"
            log.warning("AudioSocket: nobody knows who calls: %s", why, extra=self._name())
        if not self._closing:
            self._open(facts)

    def _open(self, facts: CallFacts) -> None:
        try:
            self._call = call = self._door.open_call(facts, self)
        except Busy as busy:
            self._refuse(str(busy))
            return
        assert self._id is not None
        self._door.register.begin(self._id, self._loop.time())
        self._unheard = 0
        self._measure_way()
        self._start(self._run(call))
        call.answered()

    async def _run(self, call: Call) -> None:
        await call.run()
        if self._leaving:
            return  # the PBX ends the connection
        if self._ending == "dropped":
            self._ending = "over"
        self.end("the call is over")

    # What came, and what is due.

    def _take(self, message: codec.Message) -> None:
        match message:
            case codec.Audio():
                self._hear(message)
            case codec.Hello(call):
                self._begin(call)
            case codec.Digit(key):
                if self._call is not None:
                    self._call.dtmf(key)
            case codec.HangUp():
                self._refuse("the peer hung up")

    def _hear(self, audio: codec.Audio) -> None:
        if self._id is None:
            raise codec.MalformedStream("audio before the UUID")
        self._unheard = 0
        self._there = False
        if audio.rate != self._inbound.line_rate:
            self._playout.tune(audio.rate)
        for frame in self._inbound.frames(audio):
            if self._call is not None:  # the PBX may still be asked who this is
                self._call.frame(frame)

    def _beat(self, now: float) -> None:
        try:
            self._send(now)
        except Exception:
            log.exception("audiosocket call failed", extra=self._name())
            self._refuse("internal error")

    def _send(self, now: float) -> None:
        write = self._transport.write
        for message in self._playout.due(now):
            write(message)
        unsent = self._transport.get_write_buffer_size() / (2 * self._inbound.line_rate)
        if unsent > UNSENT_LIMIT:
            self._refuse("the peer does not read what we send")
            return
        news = self._playout.news(now)
        if news is not None and self._call is not None:
            self._call.played(news)
        self._unheard += 1
        if self._unheard >= SUSPECT_AFTER and self._call is not None:
            self._doubt()
        if now >= self._next_way:
            self._next_way = now + WAY_EVERY
            self._measure_way()
        if now >= self._next_heartbeat:
            self._next_heartbeat += self._door.heartbeat
            self._log_heartbeat()

    def _doubt(self) -> None:
        """The caller sends nothing: is he there?"""
        if self._unheard >= HELD_LIMIT:
            self._refuse("no frame for 30 min")
        elif self._door.pbx is None:
            return
        elif self._unheard == SUSPECT_AFTER:
            self._start(self._ask_for_caller(self._door.pbx))
        elif self._unheard >= SILENT_LIMIT and not self._there:
            self._refuse("no frame for 6 s, and the PBX does not say that the caller is there")

    async def _ask_for_caller(self, pbx: Pbx) -> None:
        assert self._id is not None
        try:
            async with asyncio.timeout((SILENT_LIMIT - SUSPECT_AFTER) * PERIOD):
                await pbx.facts(self._id)
            self._there = True
        except UnknownCall:
            self._refuse("no frame for 3 s, and the PBX has no such call")
        except (PbxFailed, TimeoutError) as failed:
            log.warning("AudioSocket: is the caller there? %s", failed, extra=self._name())

    def _measure_way(self) -> None:
        if self._door.pbx is None or self._id is None:
            return
        way = self._door.pbx.way(self._id)
        if way is not None:
            self._playout.way = way

    def _log_heartbeat(self) -> None:
        facts = {
            "frames_in": self._inbound.received,
            "frames_out": self._playout.sent,
            "skipped": self._playout.skipped,
            "stale": self._inbound.stale,
            "way_ms": round(self._playout.way * 1000),
            "way_measured": self._playout.way_measured,
        }
        log.info("WS_KEEPALIVE", extra={"call": str(self._id), "facts": facts})
