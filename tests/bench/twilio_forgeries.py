"""`python -m tests.bench.twilio_forgeries --requests 100000`: requests that Twilio did not send, or
not so, against our webhooks: none may have an effect, none may be answered with a 500.

Each begins as a request that Twilio has signed, and is then spoiled: its signature, the cut of its
fields (that leaves the signature right), its account, its headers, its method, its body; or sent
again when its call is over. Real HTTP on loopback, over connections that are kept."""

import argparse
import asyncio
import json
import logging
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import uvloop
from aiohttp import web
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bridge.twilio_media.tokens import Outcomes, Tickets
from bridge.twilio_media.webhooks import Signatures, TwilioSettings, Webhooks

PUBLIC = "https://kav.example/line"
TOKEN, ACCOUNT = "the token of the bench", "AC" + 32 * "a"
ENDED, LIVE = "CA" + 32 * "e", "CA" + 32 * "1"
SETTINGS = TwilioSettings(PUBLIC, TOKEN, account=ACCOUNT, fallback="+97239876543")
READ = {
    "voice": ("From", "To", "CallStatus"),
    "after_stream": ("From", "To", "CallStatus"),
    "after_dial": ("From", "To", "CallStatus", "DialCallStatus"),
    "fallback": (),
    "call_status": ("CallStatus",),
    "answered_by": ("AnsweredBy",),
    "stream_status": ("StreamEvent",),
}
"""Fields that a webhook reads, besides the ids: another cut must not change one. A cut
can lose `Direction`, and `AnsweredBy` of a call's status, which are not in every request, but make
neither: nobody is let in by that."""
NAMES = tuple(READ)
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    form: tuple[tuple[str, str], ...]
    signature: str
    method: str = "POST"
    content_type: str = "application/x-www-form-urlencoded"
    host: str = "kav.example"
    target: str = ""
    body: bytes = b""
    headers: str = ""

    def raw(self) -> bytes:
        body = self.body or urlencode(self.form).encode()
        signed = f"X-Twilio-Signature: {self.signature}\r\n" if self.signature else ""
        head = (
            f"{self.method} {self.target or self.path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"{signed}{self.headers}"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("latin-1") + body

    @property
    def path(self) -> str:
        return f"/twilio/{self.name}"


def genuine(dice: random.Random, call: str = LIVE) -> Request:
    """As Twilio asks, in the middle of a call."""
    name = dice.choice(NAMES)
    form = {
        "AccountSid": ACCOUNT,
        "AnsweredBy": dice.choice(["human", "machine_start"]),
        "ApiVersion": "2010-04-01",
        "CallSid": call,
        "CallStatus": "in-progress",
        "Called": "+97231234567",
        "CalledCity": "",
        "Caller": "+972501234567",
        "DialCallStatus": dice.choice(["busy", "completed"]),
        "Direction": "inbound",
        "From": "+972501234567",
        "FromCity": dice.choice(["", "HAIFA", "תל אביב"]),
        "ParentCallSid": "CA" + 32 * "b",
        "StreamEvent": "stream-started",
        "To": "+97231234567",
        "ToCountry": "IL",
    }
    url = f"{PUBLIC}/twilio/{name}"
    return Request(name, tuple(form.items()), RequestValidator(TOKEN).compute_signature(url, form))


# Ways to spoil a request.


def wrong_signature(it: Request, dice: random.Random) -> Request:
    at = dice.randrange(len(it.signature) - 2)
    other = dice.choice("ABCabc019+/")
    changed = it.signature[:at] + other + it.signature[at + 1 :]
    wrong = [changed, it.signature[:at], it.signature + "A", "\xe9" * 28, "=", it.signature[::-1]]
    return replace(it, signature=dice.choice([one for one in wrong if one != it.signature]))


def another_webhook(it: Request, dice: random.Random) -> Request:
    return replace(it, name=dice.choice([name for name in NAMES if name != it.name]))


def another_value(it: Request, dice: random.Random) -> Request:
    fields = list(it.form)
    at = dice.randrange(len(fields))
    name, value = fields[at]
    fields[at] = dice.choice([(name, value + "0"), (name + "0", value), ("X", "")])
    return replace(it, form=tuple(fields))


def cut_elsewhere(it: Request, dice: random.Random) -> Request:
    """The same letters in other fields: the signature is right."""
    while True:
        fields = _cut(sorted(it.form), dice)
        if fields == sorted(set(fields)) and fields != sorted(it.form):
            return replace(it, form=tuple(fields))


def _cut(fields: list[tuple[str, str]], dice: random.Random) -> list[tuple[str, str]]:
    at = dice.randrange(len(fields) - 1)
    (name, value), (second, second_value) = fields[at : at + 2]
    letters = name + value + second + second_value
    if dice.random() < 0.4:  # two become one
        end = dice.randrange(1, len(letters))
        return [*fields[:at], (letters[:end], letters[end:]), *fields[at + 2 :]]
    cuts = sorted(dice.randrange(1, len(letters)) for _ in range(3))
    one = letters[: cuts[0]], letters[cuts[0] : cuts[1]]
    two = letters[cuts[1] : cuts[2]], letters[cuts[2] :]
    return [*fields[:at], one, two, *fields[at + 2 :]]


def without_signature(it: Request, dice: random.Random) -> Request:
    return replace(it, signature="")


def odd_address(it: Request, dice: random.Random) -> Request:
    """Of a wrong signature besides: who we are asked as must change nothing, and break nothing."""
    port = dice.choice(["99999", "-1", "x", "0", "443", ""])
    hosts = [f"kav.example:{port}", f"[::1]:{port}", "[::1", "a b"]
    targets = ["", f"http://kav.example:{port}{it.path}", f"{it.path}?a=%00&b=%ed%a0%80"]
    spoiled = wrong_signature(it, dice)
    return replace(spoiled, host=dice.choice(hosts), target=dice.choice(targets))


def another_account(it: Request, dice: random.Random) -> Request:
    form = dict(it.form) | {"AccountSid": "AC" + 32 * "0"}
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + it.path, form)
    return replace(it, form=tuple(form.items()), signature=signature)


def another_body(it: Request, dice: random.Random) -> Request:
    body = json.dumps(dict(it.form)).encode()
    kinds = ["application/json", "multipart/form-data; boundary=x", "text/plain", "/"]
    junk = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 60)))
    return replace(it, body=dice.choice([body, junk, b"&" * 300]), content_type=dice.choice(kinds))


def another_method(it: Request, dice: random.Random) -> Request:
    return replace(it, method=dice.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS"]))


def another_encoding(it: Request, dice: random.Random) -> Request:
    encoding = dice.choice(["gzip", "deflate", "br", "zstd"])
    return replace(wrong_signature(it, dice), headers=f"Content-Encoding: {encoding}\r\n")


def replayed(it: Request, dice: random.Random) -> Request:
    """Right in all, but its call is over."""
    return genuine(dice, ENDED)


SPOILT: Sequence[Callable[[Request, random.Random], Request]] = (
    wrong_signature,
    another_webhook,
    another_value,
    cut_elsewhere,
    without_signature,
    odd_address,
    another_account,
    another_body,
    another_method,
    another_encoding,
    replayed,
)


class Door:
    """Our webhooks on a port, and what they hold."""

    def __init__(self) -> None:
        self.tickets = Tickets()
        self.webhooks = Webhooks(
            SETTINGS,
            signatures=Signatures(TOKEN),
            tickets=self.tickets,
            outcomes=Outcomes(),
            live_calls=lambda: 0,
        )
        self.port = 0

    def holds(self) -> str:
        hooks = self.webhooks
        return repr((vars(self.tickets._waiting), hooks._ended._order, hooks._resumes._times))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        app = web.Application()
        app.add_routes(self.webhooks.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()


class Sender:
    """Sends bytes as they are, over one connection for as long as the other side keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, raw: bytes) -> int:
        """The status of the answer. A connection that was closed meanwhile is opened again."""
        for _ in range(2):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await self._ask(*self._streams, raw)
            if status:
                return status
            await self.close()
        raise ConnectionError("the connection is closed before an answer")

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes
    ) -> int:
        writer.write(raw)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        lines = head.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection") == "close":
            await self.close()
        return int(lines[0].split()[1])

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass(slots=True)
class Found:
    answers: Counter[int]
    kinds: Counter[str]
    effects: list[str]

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.answers.items() if status >= 500)


def is_effect(kind: str, spoilt: Request, original: Request, status: int) -> bool:
    """Accepted, though it does not say what Twilio said."""
    if status >= 300 or kind == "replayed":
        return False
    read, told = dict(spoilt.form), dict(original.form)
    needed = ("CallSid", "AccountSid", *READ[spoilt.name])
    same = all(read.get(name) == told.get(name) for name in needed)
    return not (kind == "cut_elsewhere" and same)


async def forge(requests: int, seed: int) -> Found:
    """Sends so many; what the door holds must not change."""
    dice = random.Random(seed)
    door, found = Door(), Found(Counter(), Counter(), [])
    async with door.open():
        sender = Sender(door.port)
        over = {"CallStatus": "completed", "CallSid": ENDED, "AccountSid": ACCOUNT}
        signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/twilio/call_status", over)
        ending = Request("call_status", tuple(over.items()), signature)
        if await sender.send(ending.raw()) != 204:
            raise RuntimeError("a genuine request was refused")
        for _ in range(requests):
            original = genuine(dice)
            spoil = dice.choice(SPOILT)
            spoilt = spoil(original, dice)
            held = door.holds()
            status = await sender.send(spoilt.raw())
            found.answers[status] += 1
            found.kinds[spoil.__name__] += 1
            harmless = spoil is cut_elsewhere and status < 300
            if is_effect(spoil.__name__, spoilt, original, status) or (
                door.holds() != held and not harmless
            ):
                found.effects.append(f"{spoil.__name__}: {status} for {spoilt}")
        await sender.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.twilio_forgeries")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    found = uvloop.run(forge(args.requests, args.seed))
    for kind, count in sorted(found.kinds.items()):
        print(f"  {kind:20}{count:8}")
    print("answers: " + ", ".join(f"{count} x {one}" for one, count in found.answers.most_common()))
    print(f"with an effect: {len(found.effects)}; answered 500: {found.errors}")
    print("\n".join(found.effects[:5]))
    return 1 if found.effects or found.errors else 0


if __name__ == "__main__":
    sys.exit(main())
