"""The gate of a bridge that drains: what is promised is kept, and nobody is left without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvloop

from bridge.commands.serve import listening
from bridge.gate import Gate
from bridge.rehearsal.twilio_phone import Caller, read_twiml, webhook_form
from bridge.settings import Settings
from bridge.switchboard import Equipment, Switchboard
from bridge.tracefiles import TraceFiles
from tests.bench.bridge_process import FixedEars, ToneVoice, TwoSentences

CALLER = Caller()


class Twilio:
    """Twilio, in front of a bridge."""

    def __init__(self, gate: Gate, url: str, http: aiohttp.ClientSession) -> None:
        self.gate = gate
        self._url = url
        self._http = http

    async def ask(self, path: str) -> str:
        async with self._http.post(self._url + path, data=webhook_form(CALLER)) as answer:
            return await answer.text()

    async def connect(self, twiml: str) -> aiohttp.ClientWebSocketResponse:
        """Opens the stream that was promised."""
        stream = read_twiml(twiml, self._url, [])
        socket = await self._http.ws_connect(self._url + "/ws/twilio-media")
        start = {
            "streamSid": "MZ1",
            "accountSid": CALLER.account_sid,
            "callSid": CALLER.call_sid,
            "tracks": ["inbound"],
            "customParameters": stream.parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        message = {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start}
        await socket.send_json(message)
        return socket


@asynccontextmanager
async def bridge(folder: Path) -> AsyncIterator[Twilio]:
    settings = Settings(kav_audiosocket_port=0, kav_http_port=0, kav_data=folder)
    voice = ToneVoice()
    equipment = Equipment(
        settings.rules(), lambda _: FixedEars(), lambda _: voice, lambda *_: TwoSentences()
    )
    traces = TraceFiles(folder)
    gate = Gate(Switchboard(equipment, traces, most=5, trace_text=False), afterwards=0.5)
    async with listening(settings, gate) as addresses, aiohttp.ClientSession() as http:
        yield Twilio(gate, f"http://127.0.0.1:{addresses.http[1]}", http)
    traces.close()


async def end_of(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


def test_a_promised_stream_is_let_in_told_at_the_limit_and_answered_afterwards(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as twilio, asyncio.TaskGroup() as group:
            promise = await twilio.ask("/twilio/voice")
            twilio.gate.close("draining")
            socket = await twilio.connect(promise)
            assert (await socket.receive_json())["streamSid"] == "MZ1"
            closing = group.create_task(twilio.gate.empty(0.0, asyncio.Event()))
            assert await end_of(socket) == aiohttp.WSCloseCode.OK
            assert "<Say" in await twilio.ask("/twilio/after_stream")
            assert not closing.done()
            await closing
            assert twilio.gate.live_calls == 0

    uvloop.run(test())


def test_a_stream_that_comes_when_all_were_told_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as twilio:
            promise = await twilio.ask("/twilio/voice")
            await twilio.gate.empty(0.0, asyncio.Event())
            assert await end_of(await twilio.connect(promise)) == 1013

    uvloop.run(test())


def test_without_a_call_or_a_request_nothing_is_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as twilio, asyncio.timeout(5):
            await twilio.gate.empty(600.0, asyncio.Event())

    uvloop.run(test())
