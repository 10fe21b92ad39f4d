"""The media websocket as Twilio meets it: a real server and a real client, on loopback."""

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bridge.ticker import Ticker
from bridge.twilio_media import TwilioSettings, add_routes, server
from engine.core.audio import mulaw_to_pcm
from engine.core.events import Played
from engine.ports import Busy, Call, CallFacts, Line

EXAMPLES = Path(__file__).parents[1] / "twilio"
STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CAf4e6a1b7c2d93e58a0b1c2d3e4f50617"
OTHER_CALL = "CA00000000000000000000000000000001"
ACCOUNT = "AC5ef8732a3c49700934481addd5ce1659"
PUBLIC = "https://kav.example"
PATIENCE = 5.0

pytestmark = pytest.mark.e2e


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what it waits for cannot call us
            await asyncio.sleep(0.002)


@dataclass
class FakeCall:
    """Records what the line tells it; ends when it is told that the line is gone."""

    facts: CallFacts
    line: Line
    frames: list[bytes] = field(default_factory=list)
    digits: str = ""
    positions: list[tuple[int, float, bool]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    was_answered: int = 0
    ran: bool = False
    breaks_at: str = ""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self) -> None:
        self.was_answered += 1
        self._maybe_break("answered")

    def frame(self, pcm: bytes) -> None:
        self.frames.append(pcm)
        self._maybe_break("frame")

    def played(self, told: Played) -> None:
        self.positions.append((told.turn, told.seconds, told.done))
        self._maybe_break("played")

    def dtmf(self, digit: str) -> None:
        self.digits += digit

    def hung_up(self, why: str) -> None:
        self.ends.append(why)
        self._over.set()

    def end(self) -> None:
        self._over.set()

    async def run(self) -> None:
        self._maybe_break("run")
        await self._over.wait()
        self.ran = True

    def _maybe_break(self, where: str) -> None:
        if self.breaks_at == where:
            raise RuntimeError("planted")


@dataclass
class Bridge:
    url: str
    http: aiohttp.ClientSession
    calls: list[FakeCall] = field(default_factory=list)
    breaks_at: str = ""
    kind: type[FakeCall] = FakeCall

    def open_call(self, facts: CallFacts, line: Line) -> Call:
        if self.breaks_at == "open":
            raise RuntimeError("planted")
        if self.breaks_at == "busy":
            raise Busy("all lines are taken")
        call = self.kind(facts, line, breaks_at=self.breaks_at)
        self.calls.append(call)
        return call

    async def ask(self, webhook: str, call: str = CALL, **more: str) -> str:
        ids = {"CallSid": call, "AccountSid": ACCOUNT, "CallStatus": "in-progress"}
        form = {**ids, "From": "+97250", "To": "+9723", **more}
        async with self.http.post(f"{self.url}/twilio/{webhook}", data=form) as answer:
            return await answer.text()

    async def token(self, call: str = CALL, webhook: str = "voice", **more: str) -> str:
        twiml = await self.ask(webhook, call, **more)
        return twiml.split('name="token" value="')[1].split('"')[0]

    async def connect(self) -> "Phone":
        return Phone(await self.http.ws_connect(f"{self.url}/ws/twilio-media", autoping=False))

    async def dial(self, call: str = CALL, **more: str) -> "Phone":
        """A phone whose stream has started, and whose call is open."""
        phone = await self.connect()
        known = len(self.calls)
        await phone.start(await self.token(call, **more), call)
        await until(lambda: len(self.calls) > known and self.calls[-1].was_answered == 1)
        return phone

    async def dial_again(self) -> "Phone":
        """The stream that Twilio opens after the first one: begun, and perhaps no call."""
        phone = await self.connect()
        await phone.start(await self.token(webhook="after_stream"))
        return phone


@dataclass
class Phone:
    socket: aiohttp.ClientWebSocketResponse
    sequence: int = 1
    sent_ms: float = 5.0

    async def say(self, **message: object) -> None:
        await self.socket.send_str(json.dumps(message))

    async def start(self, token: str, call: str = CALL, stream: str = STREAM) -> None:
        await self.say(event="connected", protocol="Call", version="1.0.0")
        await self.say(
            event="start",
            sequenceNumber="1",
            streamSid=stream,
            start={
                "accountSid": ACCOUNT,
                "streamSid": stream,
                "callSid": call,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": token},
            },
        )

    async def media(self, mulaw: bytes, stream: str = STREAM, lost_ms: float = 0.0) -> None:
        self.sequence += 1
        at = str(round(self.sent_ms + lost_ms))
        self.sent_ms += lost_ms + len(mulaw) / 8
        payload = b64encode(mulaw).decode()
        media = {"track": "inbound", "chunk": "1", "timestamp": at, "payload": payload}
        number = str(self.sequence)
        await self.say(event="media", sequenceNumber=number, streamSid=stream, media=media)

    async def mark(self, name: str) -> None:
        await self.say(event="mark", sequenceNumber="4", streamSid=STREAM, mark={"name": name})

    async def stop(self) -> None:
        ids = {"accountSid": ACCOUNT, "callSid": CALL}
        await self.say(event="stop", sequenceNumber="5", streamSid=STREAM, stop=ids)

    async def receive(self) -> aiohttp.WSMessage:
        async with asyncio.timeout(PATIENCE):
            return await self.socket.receive()

    async def next(self) -> dict[str, Any]:
        """The next message of the bridge."""
        message: dict[str, Any] = json.loads((await self.receive()).data)
        assert message["streamSid"] == STREAM
        return message

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the bridge closes the socket."""
        while (received := await self.receive()).type is not aiohttp.WSMsgType.CLOSE:
            assert received.type is not aiohttp.WSMsgType.CLOSED
        return received.data, received.extra or ""


SETTINGS = TwilioSettings(PUBLIC, None)


@asynccontextmanager
async def bridge(settings: TwilioSettings = SETTINGS) -> AsyncIterator[Bridge]:
    app = web.Application()
    async with aiohttp.ClientSession() as http:
        it = Bridge("", http)
        add_routes(app, open_call=it.open_call, ticker=Ticker(), settings=settings)
        runner = web.AppRunner(app, shutdown_timeout=PATIENCE)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert runner.addresses
        it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield it
        finally:
            await runner.cleanup()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not [task for task in left if "bridge" in repr(task.get_coro())]


@on_loop
async def test_a_call_from_its_start_to_the_callers_end() -> None:
    async with bridge() as it:
        phone = await it.dial()
        call = it.calls[0]
        assert call.facts == CallFacts(CALL, "twilio", "+97250", "+9723")
        await phone.media(bytes(range(160)))
        await phone.say(
            event="dtmf",
            streamSid=STREAM,
            sequenceNumber="5",
            dtmf={"track": "inbound_track", "digit": "#"},
        )
        await phone.stop()
        code, why = await phone.closed()
        assert (code, why) == (1000, "the caller hung up")
        await until(lambda: call.ran)
        assert call.frames == [mulaw_to_pcm(bytes(range(160)))]
        assert call.digits == "#"
        assert call.ends == ["the caller hung up"]


@on_loop
async def test_on_a_call_that_we_placed_the_caller_is_whom_we_called() -> None:
    async with bridge() as it:
        await it.dial(Direction="outbound-api")
        assert it.calls[0].facts == CallFacts(CALL, "twilio", "+9723", "+97250", outbound=True)


@on_loop
async def test_a_call_in_the_words_of_twilios_documentation() -> None:
    def example(event: str, **changed: object) -> str:
        message = json.loads((EXAMPLES / f"{event}.json").read_text())
        message.get(event, {}).update(changed)
        return json.dumps(message)

    async with bridge() as it:
        token = await it.token()
        phone = await it.connect()
        await phone.socket.send_str(example("connected"))
        await phone.socket.send_str(example("start", customParameters={"token": token}))
        await until(lambda: len(it.calls) == 1 and it.calls[0].was_answered == 1)
        call = it.calls[0]
        call.line.play(1, bytes(320))
        call.line.end_reply(1)
        sent: list[dict[str, Any]] = []
        while not sent or sent[-1].get("mark") != {"name": "1:end"}:
            sent.append(await phone.next())
        assert [message["event"] for message in sent] == ["mark", "media", "mark"]
        for message in sent[::2]:
            await phone.socket.send_str(example("mark", **message["mark"]))
        sound = b64encode(b"\1" * 160).decode()
        await phone.socket.send_str(example("media"))
        await phone.socket.send_str(example("media", payload=sound, timestamp="6", chunk="2"))
        await phone.socket.send_str(example("dtmf"))
        await until(lambda: call.digits == "1" and call.positions[-1:] == [(1, 0.02, True)])
        await phone.socket.send_str(example("stop"))
        assert await phone.closed() == (1000, "the caller hung up")
        await until(lambda: call.ran)
        heard = b64decode("no+JhoaJjpzSHxA=") + b"\1" * 149
        assert call.frames == [mulaw_to_pcm(heard)]


@on_loop
async def test_sound_of_any_length_becomes_frames_of_20_ms() -> None:
    async with bridge() as it:
        phone = await it.dial()
        sound = bytes(range(256)) * 5
        for start, end in [(0, 1), (1, 160), (160, 500), (500, 501), (501, 1280)]:
            await phone.media(sound[start:end])
        await until(lambda: len(it.calls[0].frames) == 8)
        assert b"".join(it.calls[0].frames) == mulaw_to_pcm(sound)
        await phone.socket.close()


@on_loop
async def test_a_reply_is_played_and_acknowledged() -> None:
    async with bridge() as it:
        phone = await it.dial()
        call = it.calls[0]
        call.line.play(1, bytes(2 * 1600))
        call.line.end_reply(1)
        sound = b""
        while True:
            message = await phone.next()
            if message["event"] == "media":
                sound += b64decode(message["media"]["payload"])
                continue
            await phone.mark(message["mark"]["name"])
            if message["mark"]["name"] == "1:end":
                break
        assert mulaw_to_pcm(sound) == bytes(2 * 1600)
        await until(lambda: bool(call.positions) and call.positions[-1][2])
        assert call.positions[0] == (1, 0.0, False)
        assert call.positions[-1] == (1, 0.2, True)
        await phone.socket.close()


@on_loop
async def test_a_clear_leaves_at_once_with_its_sentinel() -> None:
    async with bridge() as it:
        phone = await it.dial()
        it.calls[0].line.play(1, bytes(2 * 80_000))
        assert (await phone.next())["mark"] == {"name": "1:0"}
        it.calls[0].line.clear()
        events = []
        while (message := await phone.next())["event"] != "clear":
            events.append(message["event"])
        assert events.count("media") <= 4
        assert (await phone.next())["mark"] == {"name": "c-1"}
        await phone.socket.close()


@on_loop
async def test_hanging_up_closes_the_socket_with_1000() -> None:
    async with bridge() as it:
        phone = await it.dial()
        it.calls[0].line.hang_up("goodbye")
        assert await phone.closed() == (1000, "goodbye")
        await until(lambda: it.calls[0].ran)
        assert it.calls[0].ends == ["goodbye"]


@on_loop
async def test_a_call_that_has_ended_closes_its_socket() -> None:
    async with bridge() as it:
        phone = await it.dial()
        it.calls[0].end()
        assert (await phone.closed())[0] == 1000
        assert it.calls[0].ends == []


@on_loop
async def test_a_socket_that_just_vanishes_ends_its_call_once() -> None:
    async with bridge() as it:
        phone = await it.dial()
        transport = phone.socket._writer.transport
        transport.abort()
        await until(lambda: it.calls[0].ran)
        assert len(it.calls[0].ends) == 1


@on_loop
async def test_stop_and_close_are_one_end() -> None:
    async with bridge() as it:
        phone = await it.dial()
        await phone.stop()
        await phone.stop()
        await phone.socket.close()
        await until(lambda: it.calls[0].ran)
        assert it.calls[0].ends == ["the caller hung up"]


SPOILED: list[tuple[Callable[[Phone], Awaitable[None]], int]] = [
    (lambda phone: phone.socket.send_bytes(b"\0"), 1003),
    (lambda phone: phone.socket.send_str("{"), 1008),
    (lambda phone: phone.socket.send_str("[" * 10_000), 1008),
    (lambda phone: phone.socket.send_str('{"event":NaN}'), 1008),
    (lambda phone: phone.socket.send_str('{"event":"mark"}'), 1008),
    (lambda phone: phone.socket.send_str("x" * 70_000), 1009),
    (lambda phone: phone.socket.send_str("[" * 1_000_000), 1009),
    (lambda phone: phone.socket.send_str('{"event":"mark","x":' + "9" * 5_000), 1008),
    (lambda phone: phone.socket.send_str('{"event":"\\ud800"}'), 1008),
]


@pytest.mark.parametrize(("spoil", "code"), SPOILED)
@on_loop
async def test_a_bad_message_ends_its_own_call_only(
    spoil: Callable[[Phone], Awaitable[None]], code: int
) -> None:
    async with bridge() as it:
        good, bad = await it.dial(CALL), await it.dial(OTHER_CALL)
        await spoil(bad)
        assert (await bad.closed())[0] == code
        await until(lambda: it.calls[1].ran)
        assert len(it.calls[1].ends) == 1
        await good.media(bytes(160))
        await until(lambda: len(it.calls[0].frames) == 1)
        assert it.calls[0].ends == []
        await good.socket.close()


@pytest.mark.parametrize("where", ["open", "answered", "run", "frame", "played"])
@on_loop
async def test_an_error_inside_ends_its_own_call_only(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge() as it:
        good = await it.dial(CALL)
        it.breaks_at = where
        bad = await it.connect()
        await bad.start(await it.token(OTHER_CALL), OTHER_CALL)
        if where in ("frame", "played"):
            await until(lambda: len(it.calls) == 2 and it.calls[1].was_answered == 1)
            await bad.media(bytes(160))
            it.calls[1].line.play(1, bytes(320))
            await bad.mark("1:0")
        assert (await bad.closed())[0] == 1011
        await good.media(bytes(160))
        await until(lambda: len(it.calls[0].frames) == 1)
        assert it.calls[0].ends == []
        assert "planted" in caplog.text
        await good.socket.close()


@on_loop
async def test_a_call_that_nobody_can_take_is_closed_without_an_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bridge() as it:
        it.breaks_at = "busy"
        phone = await it.connect()
        await phone.start(await it.token())
        assert await phone.closed() == (1013, "busy")
    assert not [line for line in caplog.records if line.levelno > logging.WARNING]


@on_loop
async def test_a_call_is_answered_before_its_first_frame() -> None:
    order = []

    class Orderly(FakeCall):
        def answered(self) -> None:
            order.append("answered")

        def frame(self, pcm: bytes) -> None:
            order.append("frame")

    async with bridge() as it:
        it.kind = Orderly
        phone = await it.connect()
        await phone.start(await it.token())
        await phone.media(bytes(160))
        await until(lambda: "frame" in order)
        assert order == ["answered", "frame"]
        await phone.socket.close()


@on_loop
async def test_what_is_not_for_this_stream_is_ignored() -> None:
    async with bridge() as it:
        phone = await it.dial()
        await phone.media(b"\1" * 160, stream="MZ2")
        await phone.start("again")
        await phone.media(b"\2" * 160)
        await until(lambda: bool(it.calls[0].frames))
        assert it.calls[0].frames == [mulaw_to_pcm(b"\2" * 160)]
        assert len(it.calls) == 1
        assert it.calls[0].ends == []
        await phone.socket.close()


@on_loop
async def test_media_before_start_is_refused() -> None:
    async with bridge() as it:
        phone = await it.connect()
        await phone.media(bytes(160))
        assert (await phone.closed())[0] == 1008
        assert it.calls == []


@on_loop
async def test_a_socket_that_never_starts_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0.05)
    async with bridge() as it:
        phone = await it.connect()
        assert (await phone.closed())[0] == 1008


@on_loop
async def test_a_token_opens_one_stream_of_one_call() -> None:
    async with bridge() as it:
        token = await it.token(CALL)
        for wrong_token, call in [("", CALL), ("שלום", CALL), (token, OTHER_CALL)]:
            phone = await it.connect()
            await phone.start(wrong_token, call)
            assert (await phone.closed())[0] == 1008
        first = await it.connect()
        await first.start(token)
        await until(lambda: len(it.calls) == 1)
        await first.stop()
        assert (await first.closed())[0] == 1000
        second = await it.connect()
        await second.start(token)
        assert (await second.closed())[0] == 1008
        assert len(it.calls) == 1


@on_loop
async def test_a_second_stream_of_a_live_call_is_refused() -> None:
    async with bridge() as it:
        first = await it.dial()
        second = await it.connect()
        await second.start(await it.token(CALL))
        assert (await second.closed())[0] == 1008
        await first.media(bytes(160))
        await until(lambda: len(it.calls[0].frames) == 1)
        await first.socket.close()


@on_loop
async def test_a_lost_call_goes_on_in_a_new_stream_and_is_told_so() -> None:
    async with bridge() as it:
        first = await it.dial()
        first.socket._writer.transport.abort()
        await until(lambda: it.calls[0].ran)
        second = await it.dial_again()
        await until(lambda: len(it.calls) == 2)
        assert it.calls[1].facts == CallFacts(CALL, "twilio", "+97250", "+9723", "dropped")
        await second.socket.close()


@on_loop
async def test_who_was_not_answered_comes_back_and_a_later_loss_does_not_dial_again() -> None:
    async with bridge(replace(SETTINGS, transfers={"sales": "+97239999999"})) as it:
        first = await it.dial()
        it.calls[0].line.transfer("sales")
        await first.closed()
        assert "+97239999999" in await it.ask("after_stream")
        assert "<Connect>" in await it.ask("after_dial", DialCallStatus="no-answer")
        second = await it.dial_again()  # the first try failed
        await until(lambda: len(it.calls) == 2)
        assert it.calls[1].facts.back == "unanswered"
        await second.socket.close()
        await until(lambda: it.calls[1].ran)
        assert "<Connect>" in await it.ask("after_stream")


@on_loop
async def test_a_stream_that_has_fallen_silent_makes_way_for_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SUSPECT_SECONDS", 0.05)
    async with bridge() as it:
        first = await it.dial()
        second = await it.dial_again()
        await until(lambda: len(it.calls) == 2)
        assert it.calls[0].ran
        assert it.calls[0].ends == ["a newer stream takes its place"]
        await second.media(b"\2" * 160)
        await until(lambda: len(it.calls[1].frames) == 1)
        await first.socket.close()
        await second.socket.close()


@on_loop
async def test_a_newer_stream_that_does_not_wait_becomes_no_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SUSPECT_SECONDS", 0.2)
    async with bridge() as it:
        first = await it.dial()
        second = await it.dial_again()
        await second.socket.close()
        await until(lambda: it.calls[0].ran)
        third = await it.dial_again()
        await until(lambda: len(it.calls) == 2)
        await third.media(bytes(160))
        await until(lambda: len(it.calls[1].frames) == 1)
        await first.socket.close()
        await third.socket.close()


@on_loop
async def test_a_stream_that_is_heard_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SUSPECT_SECONDS", 0.5)
    async with bridge() as it:
        first = await it.dial()
        second = await it.dial_again()

        async def speak() -> None:
            while True:
                await first.media(bytes(160))
                await first.socket.ping()
                await first.receive()

        speaking = asyncio.ensure_future(speak())
        code, why = await second.closed()
        speaking.cancel()
        assert (code, why) == (1008, f"call {CALL} has a stream already")
        assert len(it.calls) == 1
        assert it.calls[0].ends == []
        await first.socket.close()


@on_loop
async def test_a_stream_of_another_account_is_refused() -> None:
    async with bridge(replace(SETTINGS, account="AC" + 32 * "0")) as it:
        phone = await it.connect()
        await phone.start("")
        assert await phone.closed() == (1008, f"call {CALL} is of another account")


@on_loop
async def test_lost_sound_is_silence_and_the_end_tells_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with bridge() as it:
        phone = await it.dial()
        await phone.media(b"\1" * 160)
        await phone.media(b"\2" * 160, lost_ms=40)
        phone.sequence -= 1
        await phone.media(b"\3" * 160)
        phone.sequence -= 1
        await phone.media(b"\4" * 160, lost_ms=2000)
        await until(lambda: len(it.calls[0].frames) == 6)
        whole = b"\1" * 160 + b"\xff" * 320 + b"\2" * 160 + b"\3" * 160 + b"\4" * 160
        assert b"".join(it.calls[0].frames) == mulaw_to_pcm(whole)
        await phone.stop()
        await phone.closed()
    assert sum("out of order" in message for message in caplog.messages) == 1
    end = vars(next(line for line in caplog.records if "stream is over" in line.getMessage()))
    assert end["facts"] == {"filled_ms": 40, "jumps": 1, "disorder": 2}


@on_loop
async def test_pings_are_answered() -> None:
    async with bridge() as it:
        phone = await it.dial()
        await phone.socket.ping(b"are you there")
        received = await phone.receive()
        assert (received.type, received.data) == (aiohttp.WSMsgType.PONG, b"are you there")
        await phone.socket.close()


@on_loop
async def test_the_heartbeat_is_logged_with_its_round_trip(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with bridge(replace(SETTINGS, heartbeat=0.05)) as it:
        phone = await it.dial()
        ping = await phone.receive()
        assert (ping.type, ping.data) == (aiohttp.WSMsgType.PING, b"hb-1")
        assert (await phone.next())["mark"] == {"name": "hb-1"}
        await phone.socket.pong(b"hb-1")
        await phone.mark("hb-1")
        await until(lambda: "WS_KEEPALIVE" in caplog.messages)
        await phone.socket.close()
    told = [vars(line) for line in caplog.records if line.message == "WS_KEEPALIVE"]
    first = [line for line in told if line["facts"]["beat"] == 1]
    assert len(first) == 1
    assert first[0]["call"] == CALL
    assert first[0]["facts"]["rtt_ms"] >= 0


@on_loop
async def test_no_mark_goes_with_the_heartbeat_while_something_plays() -> None:
    async with bridge(replace(SETTINGS, heartbeat=0.05)) as it:
        phone = await it.dial()
        it.calls[0].line.play(1, bytes(2 * 80_000))
        names = []
        while (received := await phone.receive()).type is not aiohttp.WSMsgType.PING:
            names.append(json.loads(received.data).get("mark", {}).get("name", ""))
        while (received := await phone.receive()).type is aiohttp.WSMsgType.PING:
            pass
        assert json.loads(received.data)["event"] == "media"
        assert not [name for name in names if name.startswith("hb")]
        await phone.socket.close()


@on_loop
async def test_a_line_that_is_dead_both_ways_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SUSPECT_SECONDS", 0.05)
    monkeypatch.setattr(server, "DEAD_SECONDS", 0.1)
    async with bridge() as it:
        phone = await it.dial()
        received = await phone.receive()
        assert (received.type, received.data) == (aiohttp.WSMsgType.PING, b"hb-1")
        await until(lambda: it.calls[0].ran)
        assert it.calls[0].ends == ["nothing came for 0 s"]
        await phone.socket.close()


@on_loop
async def test_a_silent_line_that_answers_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SUSPECT_SECONDS", 0.1)
    monkeypatch.setattr(server, "DEAD_SECONDS", 0.3)
    async with bridge() as it:
        phone = await it.dial()
        for number in range(1, 6):
            while (received := await phone.receive()).type is not aiohttp.WSMsgType.PING:
                pass
            assert received.data == f"hb-{number}".encode()
            await phone.socket.pong(received.data)
        assert it.calls[0].ends == []
        await phone.socket.close()


@on_loop
async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BACKLOG_BYTES", 500)
    async with bridge() as it:
        phone = await it.dial()
        it.calls[0].line.play(1, bytes(2 * 8000))
        await until(lambda: it.calls[0].ran)
        assert it.calls[0].ends == ["the other side does not read"]
        await phone.socket.close()


@on_loop
async def test_a_full_house_answers_busy() -> None:
    async with bridge(replace(SETTINGS, max_calls=1)) as it:
        phone = await it.dial()
        assert '<Reject reason="busy" />' in await it.ask("voice", OTHER_CALL)
        await phone.socket.close()


@on_loop
async def test_idle_sockets_have_a_limit() -> None:
    async with bridge(replace(SETTINGS, max_calls=0)) as it:
        phones = [await it.connect() for _ in range(server.SPARE_SOCKETS)]
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await it.connect()
        for phone in phones:
            await phone.socket.close()


@on_loop
async def test_a_bridge_that_stops_tells_its_calls() -> None:
    async with bridge() as it:
        phone = await it.dial()
        closed = asyncio.ensure_future(phone.closed())
    assert (await closed)[0] == 1001
    assert it.calls[0].ends == ["the bridge stops"]


@on_loop
async def test_after_a_goodbye_twilio_hangs_up_and_after_a_transfer_it_dials() -> None:
    async with bridge(replace(SETTINGS, transfers={"sales": "+97239999999"})) as it:
        said_goodbye, transferred = await it.dial(CALL), await it.dial(OTHER_CALL)
        it.calls[0].line.hang_up("goodbye")
        it.calls[1].line.transfer("sales")
        await said_goodbye.closed()
        await transferred.closed()
        assert "<Hangup />" in await it.ask("after_stream", CALL)
        assert ">+97239999999</Dial>" in await it.ask("after_stream", OTHER_CALL)


@on_loop
async def test_a_transfer_to_nobody_known_is_not_answered() -> None:
    async with bridge() as it:
        first = await it.dial()
        it.calls[0].line.transfer("+1900")
        await first.closed()
        second = await it.dial_again()
        await until(lambda: len(it.calls) == 2)
        assert it.calls[1].facts.back == "unanswered"
        await second.socket.close()
        await until(lambda: it.calls[1].ran)
        third = await it.dial_again()
        await until(lambda: len(it.calls) == 3)
        assert it.calls[2].facts.back == "dropped"
        await third.socket.close()


@on_loop
async def test_the_upgrade_must_be_signed_over_the_public_wss_url() -> None:
    async with bridge(replace(SETTINGS, auth_token="secret")) as it:

        async def upgrade(url: str) -> int:
            signature = RequestValidator("secret").compute_signature(url, MultiDict())
            headers = {"X-Twilio-Signature": signature}
            try:
                socket = await it.http.ws_connect(f"{it.url}/ws/twilio-media", headers=headers)
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status
            await socket.close()
            return 101

        assert await upgrade("wss://kav.example/ws/twilio-media") == 101
        assert await upgrade("https://kav.example/ws/twilio-media") == 403
        assert await upgrade(f"{it.url}/ws/twilio-media") == 403
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await it.http.ws_connect(f"{it.url}/ws/twilio-media")


@on_loop
async def test_nobody_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with bridge() as it:
        token = await it.token()
        phone = await it.connect()
        await phone.start(token)
        await until(lambda: len(it.calls) == 1)
        await phone.stop()
        await phone.closed()
    everything = " ".join(str(vars(line)) for line in caplog.records)
    assert CALL in everything
    assert token not in everything
    assert "+9725" not in everything
