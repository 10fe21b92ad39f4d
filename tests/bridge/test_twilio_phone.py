"""The phone that plays Twilio, against small websocket servers on loopback."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # no stubs

from bridge.rehearsal.phone import CallFailed, Phone
from bridge.rehearsal.twilio_phone import Caller, open_phone
from engine.core.audio import FRAME_BYTES, SILENCE, level, mulaw_to_pcm, pcm_to_mulaw

pytestmark = pytest.mark.e2e

TOKEN = "a token for tests"
TONE = ((3000).to_bytes(2, "little") + (-3000).to_bytes(2, "little", signed=True)) * 80
WORD = ((9000).to_bytes(2, "little") + (-9000).to_bytes(2, "little", signed=True)) * 80
Message = dict[str, Any]  # JSON of Twilio's shape, read where it is needed


class Stream:
    """One websocket of a Media Streams server, and all that came in on it."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.socket = web.WebSocketResponse()
        self.came: list[Message] = []
        self.sid = ""

    async def read(self) -> Message:
        message: Message = json.loads(await self.socket.receive_str())
        self.came.append(message)
        self.sid = message.get("streamSid", "")
        return message

    async def read_until(self, event: str) -> Message:
        while True:
            message = await self.read()
            if message["event"] == event:
                return message

    async def send(self, event: str, **body: object) -> None:
        await self.socket.send_json({"event": event, "streamSid": self.sid, **body})

    async def media(self, pcm: bytes) -> None:
        payload = base64.b64encode(pcm_to_mulaw(pcm)).decode("ascii")
        await self.send("media", media={"payload": payload})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})


Answer = Callable[[Stream], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer, voice: str = "") -> AsyncIterator[tuple[str, list[Stream]]]:
    """Where the server is ("127.0.0.1:port"), and the streams that were opened on it."""
    streams: list[Stream] = []
    posts: list[Mapping[str, Any]] = []

    async def stream(request: web.Request) -> web.WebSocketResponse:
        opened = Stream(request)
        await opened.socket.prepare(request)
        streams.append(opened)
        with suppress(TypeError, ConnectionError):  # the caller hung up: no more text comes
            await answer(opened)
        await opened.socket.close()
        return opened.socket

    async def webhook(request: web.Request) -> web.Response:
        form = dict(await request.post())
        posts.append(form)
        signed = request.headers.get("X-Twilio-Signature", "")
        if not RequestValidator(TOKEN).validate("https://kav.example/voice", form, signed):
            return web.Response(status=403)
        return web.Response(text=voice, content_type="text/xml")

    app = web.Application()
    app.router.add_get("/stream", stream)
    app.router.add_post("/voice", webhook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}", streams
    finally:
        await runner.cleanup()


async def listen(stream: Stream) -> None:
    await stream.read_until("stop")


def call(answer: Answer, caller: Callable[[Phone], Awaitable[None]], **network: float) -> Phone:
    async def scenario() -> Phone:
        async with (
            serving(answer) as (at, _),
            open_phone(f"ws://{at}/stream", **network) as phone,  # type: ignore[arg-type]  # floats
        ):
            await caller(phone)
            return phone

    return asyncio.run(scenario())


def test_the_messages_are_those_that_twilio_documents() -> None:
    caller = Caller()

    async def scenario() -> list[Message]:
        async with serving(listen) as (at, streams):
            async with open_phone(
                f"ws://{at}/stream", caller=caller, parameters={"token": "t1"}
            ) as phone:
                phone.say(WORD * 3)
                await phone.said()
                await phone.press("7")
                await phone.hang_up()
            return streams[0].came

    came = asyncio.run(scenario())
    connected, start, media = came[0], came[1], came[2]
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["sequenceNumber"] == "1"
    assert start["start"] == {
        "streamSid": start["streamSid"],
        "accountSid": caller.account_sid,
        "callSid": caller.call_sid,
        "tracks": ["inbound"],
        "customParameters": {"token": "t1"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    assert (media["media"]["track"], media["media"]["chunk"]) == ("inbound", "1")
    assert [m["media"]["timestamp"] for m in came if m["event"] == "media"][:3] == ["0", "20", "40"]
    assert level(mulaw_to_pcm(base64.b64decode(media["media"]["payload"]))) > 8000
    assert [m["sequenceNumber"] for m in came[1:]] == [str(n) for n in range(1, len(came))]
    assert [m["dtmf"]["digit"] for m in came if m["event"] == "dtmf"] == ["7"]
    assert came[-1]["event"] == "stop"
    assert came[-1]["stop"] == {"accountSid": caller.account_sid, "callSid": caller.call_sid}


def test_media_is_played_in_real_time_and_the_mark_comes_back_after_it() -> None:
    returned: list[float] = []

    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        clock = asyncio.get_running_loop().time
        sent = clock()
        await stream.media(TONE * 25)
        await stream.mark("end")
        await stream.read_until("mark")
        returned.append(clock() - sent)
        await stream.mark("idle")
        await stream.read_until("mark")
        returned.append(clock() - sent)
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.quiet(after=0.2, limit=5)

    phone = call(answer, caller)
    heard = phone.heard
    loud = [level(heard[at : at + FRAME_BYTES]) > 1000 for at in range(0, len(heard), FRAME_BYTES)]
    assert loud.count(True) in (25, 26)
    assert returned[0] >= 0.49
    assert returned[1] - returned[0] < 0.3
    assert [what for _, what in phone.happened] == [
        "mark end",
        "mark end returned",
        "mark idle",
        "mark idle returned",
    ]
    assert phone.faults == []


def test_clear_silences_the_phone_and_returns_every_mark() -> None:
    names: list[str] = []

    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        await stream.media(TONE * 500)
        for name in "abc":
            await stream.mark(name)
        await stream.read_until("dtmf")
        await stream.send("clear")
        for _ in "abc":
            names.append((await stream.read_until("mark"))["mark"]["name"])  # noqa: PERF401
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.agent_speaks(limit=5)
        await phone.press("1")
        await phone.quiet(after=0.3, limit=5)

    phone = call(answer, caller)
    assert names == ["a", "b", "c"]
    assert phone.now < 5
    assert phone.last_heard() < phone.now - 0.25


def test_the_network_delays_both_ways() -> None:
    trips: list[float] = []

    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        clock = asyncio.get_running_loop().time
        for name in ("one", "two", "three"):
            sent = clock()
            await stream.mark(name)
            await stream.read_until("mark")
            trips.append(clock() - sent)
        await stream.media(TONE * 5)
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.agent_speaks(limit=5)

    call(answer, caller, delay=0.1, jitter=0.05)
    assert min(trips) >= 0.2
    assert max(trips) < 1.0


def test_the_server_closes_the_stream_and_the_reason_is_told() -> None:
    async def answer(stream: Stream) -> None:
        await stream.read_until("media")
        await stream.socket.close(code=1000)

    async def caller(phone: Phone) -> None:
        await phone.closed.wait()

    phone = call(answer, caller)
    assert phone.why == "the server closed the stream (code 1000)"
    assert phone.faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"event": "clear", "streamSid": "MZ0"}', "not of this stream"),
        ('{"event": "dance", "streamSid": "SID"}', "'dance'"),
        ('{"event": "mark", "streamSid": "SID", "mark": {"name": ""}}', "'mark'"),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": "?"}}', "not base64"),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": ""}}', "without a sound"),
    ],
)
def test_what_twilio_would_refuse_is_a_fault_and_the_call_goes_on(text: str, fault: str) -> None:
    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        await stream.socket.send_str(text.replace("SID", stream.sid))
        await stream.media(TONE * 2)
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.agent_speaks(limit=5)

    phone = call(answer, caller)
    assert len(phone.faults) == 1
    assert fault in phone.faults[0]


def test_a_binary_message_is_a_fault() -> None:
    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        await stream.socket.send_bytes(SILENCE)
        await stream.media(TONE * 2)
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.agent_speaks(limit=5)

    phone = call(answer, caller)
    assert phone.faults == ["a binary message of 320 bytes (31950)"]


TWIML = (
    '<Response><Connect><Stream url="wss://kav.example/stream">'
    '<Parameter name="token" value="once"/></Stream></Connect></Response>'
)


def test_the_webhook_is_asked_first_and_both_requests_are_signed() -> None:
    async def scenario() -> Stream:
        async with serving(listen, TWIML) as (at, streams):
            async with open_phone(
                "https://kav.example/voice", at=at, auth_token=TOKEN, parameters={"more": "1"}
            ) as phone:
                phone.say(WORD)
                await phone.said()
            return streams[0]

    stream = asyncio.run(scenario())
    signed = stream.request.headers["X-Twilio-Signature"]
    start = next(m for m in stream.came if m["event"] == "start")
    assert RequestValidator(TOKEN).validate("wss://kav.example/stream", {}, signed)
    assert start["start"]["customParameters"] == {"token": "once", "more": "1"}


def test_a_webhook_that_refuses_fails_the_call() -> None:
    async def scenario() -> None:
        async with (
            serving(listen, TWIML) as (at, _),
            open_phone("https://kav.example/voice", at=at, auth_token="wrong"),
        ):
            pass

    with pytest.raises(CallFailed, match="HTTP 403"):
        asyncio.run(scenario())


def test_a_stream_that_is_not_there_fails_the_call() -> None:
    async def scenario() -> None:
        async with serving(listen) as (at, _), open_phone(f"ws://{at}/elsewhere"):
            pass

    with pytest.raises(CallFailed, match="HTTP 404"):
        asyncio.run(scenario())


def test_nobody_there_is_told_in_one_sentence() -> None:
    async def scenario() -> None:
        async with serving(listen) as (at, _):
            pass
        async with open_phone(f"ws://{at}/stream"):
            pass

    with pytest.raises(CallFailed, match=r"nothing listens on 127\.0\.0\.1:\d+"):
        asyncio.run(scenario())


def test_an_unfinished_reply_is_not_heard_after_the_hang_up() -> None:
    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        await stream.media(TONE * 500)
        await stream.read_until("stop")

    async def caller(phone: Phone) -> None:
        await phone.agent_speaks(limit=5)
        await phone.hang_up()

    phone = call(answer, caller)
    assert len(phone.heard) == len(phone.spoken)
    assert phone.now < 5
    assert phone.why == "the caller hung up"


def test_a_socket_that_breaks_ends_the_call() -> None:
    async def answer(stream: Stream) -> None:
        await stream.read_until("media")
        assert stream.request.transport is not None
        stream.request.transport.abort()

    async def caller(phone: Phone) -> None:
        await phone.closed.wait()

    phone = call(answer, caller)
    assert phone.why.startswith("the server closed the stream")
