"""AudioSocket over TCP: one connection, one call. This file only moves bytes.

The protocol has no authentication and no encryption: listen on loopback or on a network of the
PBX alone.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import cast
from uuid import UUID

from bridge.audiosocket import codec
from bridge.audiosocket.playout import Playout
from bridge.ticker import Ticker
from engine.core.audio import FRAME_BYTES
from engine.ports import Busy, Call, CallFacts, OpenCall

log = logging.getLogger(__name__)

UUID_LIMIT = 2.0
"""Seconds for the peer to say which call it brings."""
DEAD_PEER_MS = 5000
"""Milliseconds without a TCP acknowledgement after which the peer is gone."""
GOODBYE_LIMIT = 2.0
"""Seconds for the peer to close after our hang-up."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
MOST_UNSENT = 64 * 1024
"""Bytes, two seconds of sound, that a peer may leave unread."""


@asynccontextmanager
async def serve(
    open_call: OpenCall,
    *,
    host: str = "127.0.0.1",
    port: int = 9092,
    allow: Sequence[IPv4Network | IPv6Network] = LOOPBACK,
    ticker: Ticker | None = None,
    heartbeat: float = 18.0,
    share_port: bool = False,
    opened: Callable[[asyncio.AbstractServer], object] = lambda _: None,
) -> AsyncGenerator[tuple[str, int]]:
    """Listens until the context ends, then hangs up what is left; gives the address in use.

    Peers outside of `allow` are closed at once: the protocol has no authentication.
    `open_call` is asked once for each connection that has said its UUID; it may raise `Busy`.
    `share_port`: other processes listen on it too. `opened` is given the listener: who closes it
    lets nobody in any more, and the live calls go on."""
    beat = ticker or Ticker()
    loop = asyncio.get_running_loop()
    live: dict[UUID, _Connection] = {}
    connections: set[_Connection] = set()
    async with asyncio.TaskGroup() as calls:
        server = await loop.create_server(
            lambda: _Connection(open_call, allow, beat, heartbeat, calls, live, connections),
            host,
            port,
            reuse_port=share_port,
        )
        opened(server)
        try:
            bound = server.sockets[0].getsockname()
            yield bound[0], bound[1]
        finally:
            server.close()
            await _close_all(list(connections))


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

    def __init__(
        self,
        open_call: OpenCall,
        allow: Sequence[IPv4Network | IPv6Network],
        ticker: Ticker,
        heartbeat: float,
        calls: asyncio.TaskGroup,
        live: dict[UUID, "_Connection"],
        connections: set["_Connection"],
    ) -> None:
        self._open_call = open_call
        self._allow = allow
        self._ticker = ticker
        self._heartbeat = heartbeat
        self._calls = calls
        self._live = live
        self._connections = connections
        self.gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._decoder = codec.Decoder()
        self._sound = bytearray()
        self._id: UUID | None = None
        self._call: Call | None = None
        self._received = 0
        self._closing = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        self._transport = transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is its own class
        self._timer = self._loop.call_later(UUID_LIMIT, self._refuse, "no UUID within 2 s")
        peer = ip_address(transport.get_extra_info("peername")[0])
        if not any(peer in network for network in self._allow):
            log.warning("AudioSocket: a peer outside of the allowed networks is refused")
            self._closing = True
            transport.close()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
        now = self._loop.time()
        self._next_heartbeat = now + self._heartbeat
        self._playout = Playout(self._ticker.add(self._beat))
        self._beat(now)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._decoder.feed(data):
                if self._closing:
                    return
                self._take(message)
        except codec.MalformedStream as error:
            self._refuse(str(error))
        except Exception:
            log.exception("audiosocket call failed", extra={"call": str(self._id)})
            self._refuse("internal error")

    def eof_received(self) -> bool:
        return False  # close our side too

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._ticker.remove(self._beat)
        self._connections.discard(self)
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
        self.hang_up(f"transfer to {key}")

    def hang_up(self, why: str) -> None:
        """The hang-up message, then wait for the peer to close: closing with unread bytes would
        reset the connection, and a reset drops the caller instead of going on in the dialplan."""
        if self._closing:
            return
        self._closing = True
        self._ticker.remove(self._beat)
        self._timer.cancel()
        if self._call is None:
            self._transport.close()  # nobody's call: nothing to go on with
            return
        self._transport.write(codec.HANG_UP)
        self._timer = self._loop.call_later(GOODBYE_LIMIT, self._transport.close)

    def end(self, why: str) -> None:
        """The call is over for both sides."""
        self.hang_up(why)
        self.lost(why)

    def abort(self) -> None:
        self._transport.abort()

    def lost(self, why: str) -> None:
        """The call is over for the session, whoever ended it."""
        if self._id is not None and self._live.get(self._id) is self:
            del self._live[self._id]
        if self._call is not None:
            self._call.hung_up(why)

    # What came, and what is due.

    def _take(self, message: codec.Message) -> None:
        match message:
            case codec.Audio(pcm):
                self._hear(pcm)
            case codec.Hello(call):
                self._begin(call)
            case codec.Digit(key):
                if self._call is not None:
                    self._call.dtmf(key)
            case codec.HangUp():
                self._refuse("the peer hung up")

    def _begin(self, call: UUID) -> None:
        if self._call is not None:
            raise codec.MalformedStream("a second UUID")
        if call in self._live:
            self._refuse(f"a second connection for call {call}")
            return
        try:
            session = self._open_call(CallFacts(str(call), "audiosocket"), self)
        except Busy as busy:
            self._refuse(str(busy))
            return
        self._id, self._call = call, session
        self._live[call] = self
        self._timer.cancel()
        self._calls.create_task(self._run(session))
        session.answered()

    async def _run(self, session: Call) -> None:
        try:
            await session.run()
        except Exception:
            log.exception("audiosocket call failed", extra={"call": str(self._id)})
        finally:
            self.end("the call is over")

    def _hear(self, pcm: bytes) -> None:
        if self._call is None:
            raise codec.MalformedStream("audio before the UUID")
        self._received += 1
        if len(pcm) == FRAME_BYTES and not self._sound:
            self._call.frame(pcm)
            return
        self._sound += pcm
        while len(self._sound) >= FRAME_BYTES:
            frame, self._sound = bytes(self._sound[:FRAME_BYTES]), self._sound[FRAME_BYTES:]
            self._call.frame(frame)

    def _beat(self, now: float) -> None:
        try:
            self._send(now)
        except Exception:
            log.exception("audiosocket call failed", extra={"call": str(self._id)})
            self._refuse("internal error")

    def _send(self, now: float) -> None:
        write = self._transport.write
        for message in self._playout.due(now):
            write(message)
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self._refuse("the peer does not read what we send")
            return
        news = self._playout.news(now)
        if news is not None and self._call is not None:
            self._call.played(news)
        if now >= self._next_heartbeat:
            self._next_heartbeat += self._heartbeat
            self._log_heartbeat()

    def _log_heartbeat(self) -> None:
        facts = {
            "frames_in": self._received,
            "frames_out": self._playout.sent,
            "skipped": self._playout.skipped,
        }
        log.info("WS_KEEPALIVE", extra={"call": str(self._id), "facts": facts})

    def _refuse(self, why: str) -> None:
        log.warning(
            "AudioSocket: %s; the call is closed", why, extra={"call": str(self._id or "unknown")}
        )
        self.end(why)
