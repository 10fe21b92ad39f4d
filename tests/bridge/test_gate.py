"""The gate of a bridge that drains: what is promised is kept, and nobody is left without a word."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import uvloop
from yarl import URL

from bridge.commands import serve
from bridge.commands.serve import listening
from bridge.gate import Gate
from bridge.settings import Settings
from bridge.switchboard import Switchboard
from bridge.tracefiles import TraceFiles
from bridge.twilio_media import PlacedEnded, unrecorded
from engine.core.audio import RATE
from engine.ports import Speech
from tests.bench.bridge_process import instant
from tests.twilio import Twilio


@asynccontextmanager
async def bridge(
    folder: Path, placed_ended: PlacedEnded = unrecorded
) -> AsyncIterator[tuple[Gate, Twilio]]:
    settings = Settings(kav_audiosocket_port=0, kav_http_port=0, kav_data=folder)
    traces = TraceFiles(folder)
    brief = replace(instant(settings), open_voice=lambda _: Beep())
    gate = Gate(Switchboard(brief, traces, most=5, trace_text=False), afterwards=0.5)
    async with (
        listening(settings, gate, placed_ended=placed_ended) as addresses,
        aiohttp.ClientSession() as http,
    ):
        url = f"http://127.0.0.1:{addresses.http[1]}"
        yield gate, Twilio(http, at=url, public_url=url)
    traces.close()


class Beep:
    """A voice that needs a tenth of a second for whatever it says."""

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        yield Speech(bytes(RATE // 5))


async def end_of(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


async def events(socket: aiohttp.ClientWebSocketResponse) -> list[str]:
    """Of what comes until it is closed."""
    return [json.loads(message.data)["event"] async for message in socket]


def test_a_promised_stream_is_let_in_told_at_the_limit_and_answered_afterwards(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as (gate, twilio), asyncio.TaskGroup() as group:
            _, promise = await twilio.ask("/twilio/voice")
            gate.close("draining")
            socket = await twilio.connect(promise)
            assert (await socket.receive_json())["streamSid"] == "MZ1"
            closing = group.create_task(gate.empty(0.0, asyncio.Event()))
            told = await events(socket)
            assert "media" in told[told.index("clear") :], "its caller hears of it"
            assert socket.close_code == aiohttp.WSCloseCode.OK
            assert "<Say" in (await twilio.ask("/twilio/after_stream"))[1]
            assert not closing.done()
            await closing
            assert gate.live_calls == 0

    uvloop.run(test())


def test_what_became_of_a_placed_call_is_told_while_the_bridge_drains(tmp_path: Path) -> None:
    told: list[str] = []

    async def test() -> None:
        async with bridge(tmp_path, lambda _, outcome: told.append(outcome)) as (gate, twilio):
            gate.close("draining")
            await twilio.ask("/twilio/call_status", CallStatus="busy")
            await twilio.ask("/twilio/answered_by", AnsweredBy="human")

    uvloop.run(test())
    assert told == ["busy", "person"]


def test_a_stream_that_comes_when_all_were_told_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as (gate, twilio):
            _, promise = await twilio.ask("/twilio/voice")
            await gate.empty(0.0, asyncio.Event())
            assert await end_of(await twilio.connect(promise)) == 1013

    uvloop.run(test())


def test_a_caller_whom_nobody_answered_is_not_sent_to_a_closed_door(tmp_path: Path) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as (gate, twilio):
            await gate.empty(0.0, asyncio.Event())
            _, answer = await twilio.ask("/twilio/after_dial", DialCallStatus="no-answer")
            assert "<Say" in answer
            assert "<Stream" not in answer

    uvloop.run(test())


@pytest.mark.parametrize("sent", [b"", b"POST /twilio/voice HTTP/1.1\r\nHost: ka"])
def test_who_connects_and_does_not_ask_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(serve, "IDLE_SECONDS", 0.1)

    async def test() -> None:
        async with bridge(tmp_path) as (_, twilio), asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(twilio._at).port)
            writer.write(sent)
            assert await reader.read() == b""
            writer.close()

    uvloop.run(test())


def test_without_a_call_or_a_request_nothing_is_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with bridge(tmp_path) as (gate, _), asyncio.timeout(5):
            await gate.empty(600.0, asyncio.Event())

    uvloop.run(test())
