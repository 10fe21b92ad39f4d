"""The manager interface (AMI) of an Asterisk, behind a guard; the only file that knows panoramisk.

Of panoramisk it takes actions, messages, and which answer belongs to which action. Its `Manager` is
left out: it sends actions again after a reconnect, cannot be stopped, and expects no answer to its
pings. So is its reading: it loses the letters that two packets share.
"""

import asyncio
import logging
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from panoramisk.actions import Action  # type: ignore[import-untyped]  # has no types
from panoramisk.ami_protocol import AMIProtocol  # type: ignore[import-untyped]
from panoramisk.message import Message  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

ACTIONS = frozenset(
    {
        *("CoreSettings", "CoreShowChannels", "Getvar", "Setvar"),
        *("Redirect", "Hangup", "PlayDTMF", "Originate"),
    }
)
"""What may be asked; a command, a setting or a file never."""
EVENTS = "call,user,reporting"
"""The classes of events that Asterisk shall send."""

LONGEST_VALUE = 900
"""Bytes; Asterisk takes no line of more than 1,024."""
LONGEST_MESSAGE = 64 * 1024
BATCH = 32
"""Messages read at a stretch, about a millisecond: then sound has its turn."""

Told = Mapping[str, str]
"""An event or an answer: its headers, by their names in lower case."""
Hear = Callable[[Told], None]

_END = b"\r\n\r\n"
_EVENT = b"Event: "
_NAME = re.compile(r"[A-Za-z]{1,40}")
_UNSENDABLE = re.compile("[\r\n\0]")


class AmiFailed(Exception):
    """Asterisk did not do what it was asked; the message says why."""


class Refused(AmiFailed):
    """Asterisk has answered no."""


class OutcomeUnknown(AmiFailed):
    """It was asked, and did not answer: whether it was done must be asked, not tried again."""


class Unsendable(AmiFailed):
    """Nothing was sent: this is not the one action that it claims to be."""


class LoginRefused(AmiFailed):
    """User or secret are wrong, or Asterisk does not take them from this address."""


@dataclass(frozen=True, slots=True)
class Account:
    """With whom, and as whom, we talk."""

    user: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5038
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds."""

    answer: float = 5.0
    """Within which an action, a login or a ping is answered."""
    ping: float = 10.0
    """Between pings."""
    first_pause: float = 1.0
    """Before the first new connection; it doubles,"""
    longest_pause: float = 30.0
    """up to this."""
    refused_pause: float = 60.0
    """After a refused login: Asterisk bans who hammers."""


TIMES = Times()


class Link(AMIProtocol):  # type: ignore[misc]  # has no types
    """One connection. When it is lost it stays lost: what waits on it fails, and nothing of it is
    ever sent again."""

    def __init__(self, heard: Mapping[str, Hear]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why."""
        self._heard = heard
        self._buffer = bytearray()
        self._searched = 0
        self._behind = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.factory = self  # where `handle_message` takes events to

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._behind:
            self._read()

    def connection_lost(self, error: Exception | None) -> None:
        self.drop("Asterisk closed the connection")

    # What goes out.

    def send(self, action: Action) -> "asyncio.Future[Message]":
        self.responses[action.id] = action
        self.transport.write(str(action).encode())
        answer: asyncio.Future[Message] = action.future
        return answer

    def forget(self, action: Action) -> None:
        """An answer that comes later is nobody's."""
        self.responses.pop(action.id, None)

    def drop(self, why: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(why)
        self.transport.abort()
        for action in self.responses.values():
            if not action.future.done():
                action.future.set_exception(OutcomeUnknown(why))

    # What comes in.

    def _read(self) -> None:
        """A batch; the rest after the loop's other work, and until then nothing more is taken from
        the network. So what waits here is bounded, and a storm of events delays no sound."""
        for _ in range(BATCH):
            if self.lost.done():
                return
            end = self._buffer.find(_END, self._searched)
            if end < 0:
                self._wait_for_more()
                return
            raw = bytes(self._buffer[:end])
            del self._buffer[: end + len(_END)]
            self._searched = 0
            self._take(raw)
        self._behind = True
        self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._read)

    def _wait_for_more(self) -> None:
        if len(self._buffer) > LONGEST_MESSAGE:
            self.drop("it sent a message without an end")
            return
        self._searched = max(0, len(self._buffer) - len(_END) + 1)
        if self._behind:
            self._behind = False
            self.transport.resume_reading()

    def _take(self, raw: bytes) -> None:
        if raw.startswith(_EVENT) and b"\r\nActionID:" not in raw:
            name = raw[len(_EVENT) :].partition(b"\r\n")[0].decode(errors="replace")
            if name not in self._heard:
                return  # unread: most of a storm is not for us
        self.handle_message(Message(_headers(raw)))

    def dispatch(self, message: Message) -> None:
        """An event that answers no action."""
        hear = self._heard.get(message["event"])
        if hear is None:
            return
        try:
            hear(dict(message))
        except Exception:
            log.exception("AMI: an event could not be used")


def _headers(raw: bytes) -> dict[str, str]:
    """Of a header that comes twice the first counts: those of an event itself come before those
    that a dialplan adds, which a caller's name may have got into."""
    headers: dict[str, str] = {}
    for line in raw.decode(errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.lower(), value.strip())
    return headers


async def _nothing(ami: "Ami") -> None:
    pass


class Ami:
    """A connection that is made again whenever it is lost, in the background, while `async with`
    lasts."""

    def __init__(self, account: Account, times: Times = TIMES) -> None:
        self.on_connected: Callable[[Ami], Awaitable[None]] = _nothing
        """Awaited after each login: what was missed can be asked there."""
        self._account = account
        self._heard: dict[str, Hear] = {}
        self._times = times
        self.link: Link | None = None
        """The connection that is up now."""
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._why_down = "it has not been tried yet"
        self._running: asyncio.Task[None] | None = None

    def on(self, event: str, hear: Hear) -> None:
        """Who takes the events of that name, on the loop: it must not block."""
        self._heard[event] = hear

    async def __aenter__(self) -> "Ami":
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])

    @property
    def connected(self) -> bool:
        return self.link is not None and not self.link.lost.done()

    async def up(self) -> None:
        """Until there is a connection, and whoever waits for one has been told. Raises `AmiFailed`:
        there is none, and why."""
        try:
            async with asyncio.timeout(self._times.answer):
                await self._up.wait()
        except TimeoutError:
            raise AmiFailed(f"there is no connection to the PBX: {self._why_down}") from None

    async def tried(self) -> None:
        """Until the first attempt has succeeded or failed."""
        await self._tried.wait()

    async def ask(self, action: str, **headers: str) -> Told:
        """One action, its one answer. Raises `AmiFailed`."""
        answer = await self._ask(action, headers, as_list=False)
        return dict(answer)

    async def rows(self, action: str, **headers: str) -> list[Told]:
        """An action that is answered by a list: its events. Raises `AmiFailed`."""
        # None: panoramisk sees it by the first answer. Told that it is a list, it would wait for
        # the end of a refusal.
        answer = await self._ask(action, headers, as_list=None)
        if not isinstance(answer, list):
            raise AmiFailed(f"{action}: Asterisk did not answer by a list")
        return [dict(row) for row in answer[1:-1]]

    async def run(self) -> None:
        """Until it is cancelled."""
        pauses = Pauses(self._times)
        while True:
            try:
                link = await self._connect()
                pauses.connected()
                what, why = "ami_lost", await self._stay(link)
                pause = pauses.next()
            except LoginRefused as refusal:
                what, why = "ami_login_refused", str(refusal)
                pause = self._times.refused_pause
            except (AmiFailed, OSError, TimeoutError) as failure:
                what, why = "ami_unreachable", str(failure) or "no answer"
                pause = pauses.next()
            except Exception as bug:  # the border of a connection: the next one may do
                log.exception("ami failed")
                what, why = "ami_lost", type(bug).__name__
                pause = pauses.next()
            self._why_down = why
            self._tried.set()
            log.warning(what, extra={"facts": {"why": why, "again_in": round(pause, 1)}})
            await asyncio.sleep(pause)

    async def _connect(self) -> Link:
        account = self._account
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._times.answer):
            _, link = await loop.create_connection(
                lambda: Link(self._heard), account.host, account.port, ssl=account.tls
            )
        try:
            await self._send(
                link,
                "Login",
                {"Username": account.user, "Secret": account.secret, "Events": EVENTS},
            )
        except Refused as refusal:
            link.drop("login refused")
            raise LoginRefused(str(refusal)) from None
        except BaseException:
            link.drop("no login")
            raise
        return link

    async def _stay(self, link: Link) -> str:
        """While it lives; then, why it does not."""
        self.link = link
        try:
            log.info("ami_connected")
            await self._check_rights(link)
            await self.on_connected(self)
            self._up.set()
            self._tried.set()
            while not link.lost.done():
                await asyncio.wait([link.lost], timeout=self._times.ping)
                await self._send(link, "Ping", {})
        except AmiFailed as why:
            link.drop(str(why))
        finally:
            self.link = None
            self._up.clear()
            link.drop("closed by us")
        return link.lost.result()

    async def _check_rights(self, link: Link) -> None:
        """Whoever gets hold of our secret should not get hold of Asterisk."""
        try:
            await self._send(link, "Command", {"Command": "core show uptime"})
        except Refused:
            return
        log.warning("ami_user_may_run_commands", extra={"facts": {"user": self._account.user}})

    async def _ask(
        self, action: str, headers: Mapping[str, str], *, as_list: bool | None
    ) -> "Message | list[Message]":
        if action not in ACTIONS:
            raise Unsendable(f"{action!r} is not an action that this bridge asks for")
        if self.link is None:
            raise AmiFailed(f"{action}: there is no connection to the PBX: {self._why_down}")
        return await self._send(self.link, action, headers, as_list=as_list)

    async def _send(
        self,
        link: Link,
        name: str,
        headers: Mapping[str, str],
        *,
        as_list: bool | None = False,
    ) -> "Message | list[Message]":
        for header, value in headers.items():
            _check(name, header, value)
        if link.lost.done():
            raise AmiFailed(f"{name}: there is no connection to the PBX")
        action = Action({"Action": name, **headers}, as_list=as_list)
        try:
            async with asyncio.timeout(self._times.answer):
                answer = await link.send(action)
        except TimeoutError:
            raise OutcomeUnknown(f"{name}: no answer in {self._times.answer:g} s") from None
        finally:
            link.forget(action)
        first = answer[0] if isinstance(answer, list) else answer
        if not first.success:
            raise Refused(f"{name}: {first.message or first.response}")
        return answer


def _check(action: str, header: str, value: str) -> None:
    if not _NAME.fullmatch(header) or header.lower() == "action":
        raise Unsendable(f"{action}: {header!r} is no header")
    if _UNSENDABLE.search(value):
        raise Unsendable(f"{action}: a line break or NUL in {header}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unsendable(f"{action}: {header} is not text") from None
    if size > LONGEST_VALUE:
        raise Unsendable(f"{action}: {header} is longer than {LONGEST_VALUE} bytes")


class Pauses:
    """Between attempts: each twice the last, give or take a fifth, so that many bridges do not come
    back to an Asterisk at the same moment."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._next = times.first_pause

    def connected(self) -> None:
        self._next = self._times.first_pause

    def next(self) -> float:
        pause, self._next = self._next, min(2 * self._next, self._times.longest_pause)
        return pause * random.uniform(0.8, 1.2)
