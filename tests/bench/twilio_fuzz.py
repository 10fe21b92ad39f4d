"""`python -m tests.bench.twilio_fuzz --messages 1000000`: what Twilio would never send.

Malformed, oversize, deep and binary messages go to the decoder; one in a thousand to the sockets of
a running bridge, in the middle of a call each. All must end in a reason: `MalformedMessage`, or a
close with a code and words. A call beside them must not notice."""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
import uvloop

from bridge.rehearsal import twilio_phone
from bridge.rehearsal.phone import comfort_noise
from bridge.twilio_media import codec
from bridge.twilio_media.webhooks import MEDIA_PATH
from tests.bench.bridge_process import ROOT, BridgeProcess, bridge_process

LIVE_SHARE = 1000
SLOW_SECONDS = 0.1
CLOSED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
EXAMPLES = [path.read_bytes() for path in sorted((ROOT / "tests/twilio").glob("*.json"))]
PIECES = [b"{", b"[", b'"', b"null", b"\\ud800", b"1e9", b",", b"\xff", b"NaN", b"9" * 5000, b"\0"]
BOMBS = [
    b"[" * 60_000,
    b'{"event":' * 5_000,
    b"9" * 6_000,
    b'{"event":"stop","streamSid":NaN}',
    b'{"event":"mark","streamSid":"MZ","mark":{"name":"\\ud800"}}',
    b'{"event":"media","streamSid":"MZ","media":{"payload":"' + b"A" * 65_000 + b'"}}',
    b" " * 65_537,
    b'{"x":"' + b"a" * 1_000_000 + b'"}',
]


def message(dice: random.Random) -> bytes:
    """Something that is nearly right, or not at all."""
    kind = dice.random()
    if kind < 0.05:
        return dice.choice(BOMBS)
    if kind < 0.1:
        return dice.randbytes(dice.randrange(200))
    return _damaged(dice.choice(EXAMPLES), dice) if kind < 0.6 else _reshaped(dice)


def _damaged(text: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, cut out or doubled."""
    damaged = bytearray(text)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(damaged) + 1)
        match dice.randrange(4):
            case 0:
                damaged[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del damaged[at : at + dice.randint(1, 40)]
            case 2:
                damaged[at:at] = damaged[at : at + dice.randint(1, 40)]
            case _:
                damaged[at:at] = dice.choice(PIECES)
    return bytes(damaged)


def _reshaped(dice: random.Random) -> bytes:
    """Right JSON with a value of another kind somewhere."""
    told = orjson.loads(dice.choice(EXAMPLES))
    inner = [told, *(value for value in told.values() if isinstance(value, dict))]
    body = dice.choice(inner)
    values: list[object] = [
        None,
        True,
        -1,
        2**63,
        0.5,
        "",
        "x" * 300,
        [],
        {},
        ["x"],
        "\u202e",
        "٣",
        "\x00",
    ]
    body[dice.choice([*body, "new"])] = dice.choice(values)
    return orjson.dumps(told)


@dataclass(slots=True)
class Decoded:
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def is_right(self) -> bool:
        return self.slowest < SLOW_SECONDS and self.outcomes["refused"] > 0


def decode_all(messages: int, seed: int) -> Decoded:
    """Anything that is raised besides `MalformedMessage` gets out of here: a crash."""
    dice, decoded = random.Random(seed), Decoded()
    for _ in range(messages):
        text = message(dice)
        began = time.thread_time()
        try:
            outcome = type(codec.decode(text)).__name__
        except codec.MalformedMessage:
            outcome = "refused"
        decoded.slowest = max(decoded.slowest, time.thread_time() - began)
        decoded.outcomes[outcome] += 1
    return decoded


@dataclass(slots=True)
class Live:
    """What became of the sockets that were sent such messages."""

    closes: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0
    beside: str = ""
    """What was wrong with the call beside them."""
    left: int = 0
    """Calls that the bridge still held at the end, besides that one."""

    @property
    def is_right(self) -> bool:
        return not (self.unexplained or self.beside or self.left)


async def send_all(bridge: BridgeProcess, messages: int, seed: int) -> Live:
    dice, live = random.Random(seed), Live()
    at = f"127.0.0.1:{bridge.http}"
    url = f"http://{at}/twilio/voice"
    async with (
        twilio_phone.open_phone(url, at=at) as beside,
        aiohttp.ClientSession() as http,
    ):
        await beside.quiet()
        sent = 0
        while sent < messages:
            async with _stream(http, at) as socket:
                sent += await _until_closed(socket, dice, messages - sent, live)
        beside.say(comfort_noise(-20, 1.2))
        await beside.agent_speaks()
        if beside.closed.is_set() or beside.faults or beside.gaps:
            live.beside = f"{beside.why} {beside.faults} {beside.gaps}"
        live.left = await _calls_left(bridge, 1) - 1
    return live


@asynccontextmanager
async def _stream(
    http: aiohttp.ClientSession, at: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A call that has begun."""
    url = f"http://{at}/twilio/voice"
    caller = twilio_phone.Caller()
    async with http.post(url, data=twilio_phone.webhook_form(caller)) as answer:
        twiml = twilio_phone.read_twiml(await answer.text(), url, [])
    start = orjson.loads((ROOT / "tests/twilio/start.json").read_bytes())
    start["start"] |= {"callSid": caller.call_sid, "customParameters": twiml.parameters}
    async with http.ws_connect(f"ws://{at}{MEDIA_PATH}", autoping=False) as socket:
        await socket.send_str(orjson.dumps(start).decode())
        yield socket


async def _until_closed(
    socket: aiohttp.ClientWebSocketResponse, dice: random.Random, most: int, live: Live
) -> int:
    """Sends messages until the bridge has enough; what it takes for harmless keeps it going."""
    sent, text = 0, b""
    with contextlib.suppress(ConnectionError):
        while sent < most and not socket.closed:
            sent += 1
            text = message(dice)
            if dice.random() < 0.1:
                await socket.send_bytes(text)
            else:
                await socket.send_str(text.decode("utf-8", "replace"))
            if await _is_closing(socket):
                break
    if sent == most and not socket.closed:
        await socket.close()
        return sent
    live.closes[str(socket.close_code)] += 1
    # A close that crosses the rest of a megabyte is lost with it.
    reasons = (1000, 1003, 1008, 1009, *([1006] if len(text) > codec.MAX_MESSAGE else []))
    live.unexplained += socket.close_code not in reasons
    return sent


async def _is_closing(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether what was sent ended the stream: an answer to a ping means that it did not."""
    await socket.ping(b"?")
    while True:
        received = await socket.receive(timeout=10)
        if received.type in CLOSED:
            return True
        if received.type is aiohttp.WSMsgType.PONG:
            return False


async def _calls_left(bridge: BridgeProcess, wanted: int) -> int:
    """Asked until it is so many, for some seconds."""
    for _ in range(100):
        calls = (await bridge.holdings()).calls
        if calls <= wanted:
            break
        await asyncio.sleep(0.1)
    return calls


async def live(messages: int, seed: int) -> Live:
    with tempfile.TemporaryDirectory(prefix="kav-fuzz-") as folder:
        async with bridge_process(Path(folder)) as bridge:
            return await send_all(bridge, messages, seed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.twilio_fuzz")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    decoded = decode_all(args.messages, args.seed)
    told = ", ".join(f"{count} {what}" for what, count in decoded.outcomes.most_common())
    print(f"decoder: {args.messages} messages, 0 crashes: {told}")
    print(f"the slowest took {1000 * decoded.slowest:.1f} ms")
    found = uvloop.run(live(max(1, args.messages // LIVE_SHARE), args.seed))
    codes = ", ".join(f"{count} x {code}" for code, count in found.closes.most_common())
    print(f"sockets: {args.messages // LIVE_SHARE} messages; closed with {codes}")
    print(f"without a reason: {found.unexplained}; calls left over: {found.left}")
    print(f"the call beside them: {found.beside or 'untouched'}")
    return 0 if decoded.is_right and found.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
