"""The three ways to a bridge, each as a way to open a simulated phone: AudioSocket, Twilio Media
Streams, and SIP through a real Asterisk.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.lab import Asterisk
from bridge.rehearsal import audiosocket_phone, sip_phone, twilio_phone
from bridge.rehearsal.callers import hiss
from bridge.rehearsal.ear import ALIKE, find
from bridge.rehearsal.phone import CallFailed, Echo, Phone

LINES = ("audiosocket", "twilio", "sip")
AGENT, ECHO = "100", "600"
"""What is dialled: see `asterisk/conf/extensions.conf.in`."""
KNOCKS = 5


class OpenPhone(Protocol):
    def __call__(
        self, *, background: bytes, echo: Echo | None, delay: float, jitter: float
    ) -> AbstractAsyncContextManager[Phone]:
        """A call. Raises `CallFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Road:
    name: str
    open: OpenPhone
    own_delay: float = 0.0
    """Seconds that the line takes for both ways together, without any network."""
    far: bool = True
    """A slow network can be put between."""
    named: bool = True
    """The bridge knows a call by the name that the phone has for it."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a server is reached."""

    audiosocket: tuple[str, int]
    twilio_url: str
    """The voice webhook or the stream, as Twilio was given it."""
    twilio_at: str | None = None
    """Where that really is, if not there."""
    auth_token: str | None = None
    account: str = ""
    """Of Twilio, if only its calls are taken."""


@asynccontextmanager
async def road(line: str, doors: Doors, asterisk_folder: Path) -> AsyncGenerator[Road]:
    """Raises `CallFailed`, `bridge.lab.AsteriskFailed`."""
    match line:
        case "audiosocket":
            yield Road(line, _audiosocket(doors))
        case "twilio":
            yield Road(line, _twilio(doors))
        case _:
            host, port = doors.audiosocket
            async with (
                Asterisk(asterisk_folder, bridge_host=host, bridge_port=port) as asterisk,
                sip_phone.open_stack() as stack,
            ):
                at = f"127.0.0.1:{asterisk.sip_port}"

                def call(
                    *, background: bytes, echo: Echo | None, delay: float, jitter: float
                ) -> AbstractAsyncContextManager[Phone]:
                    return stack.call(f"sip:{AGENT}@{at}", background=background, echo=echo)

                async with stack.call(f"sip:{ECHO}@{at}") as phone:
                    own_delay = await way_there_and_back(phone)
                yield Road(line, call, own_delay=own_delay, far=False, named=False)


async def way_there_and_back(phone: Phone) -> float:
    """Seconds that a sound takes through a line that returns it at once. Raises `CallFailed`."""
    delays = []
    for number in range(KNOCKS):
        knock = hiss(0.1, number)
        await phone.until(phone.now + 0.3)
        start = phone.say(knock)
        await phone.until(start + 0.7)
        at, likeness = find(knock, phone.heard_between(start, start + 0.7))
        if likeness >= ALIKE:
            delays.append(at)
    if not delays:
        raise CallFailed(f"Asterisk's echo ({ECHO}) does not return what is said")
    return min(delays)


def _audiosocket(doors: Doors) -> OpenPhone:
    host, port = doors.audiosocket

    def call(
        *, background: bytes, echo: Echo | None, delay: float, jitter: float
    ) -> AbstractAsyncContextManager[Phone]:
        return audiosocket_phone.open_phone(
            host, port, background=background, echo=echo, delay=delay, jitter=jitter
        )

    return call


def _twilio(doors: Doors) -> OpenPhone:
    def call(
        *, background: bytes, echo: Echo | None, delay: float, jitter: float
    ) -> AbstractAsyncContextManager[Phone]:
        return twilio_phone.open_phone(
            doors.twilio_url,
            at=doors.twilio_at,
            auth_token=doors.auth_token,
            caller=twilio_phone.of_account(doors.account),
            background=background,
            echo=echo,
            delay=delay,
            jitter=jitter,
        )

    return call
