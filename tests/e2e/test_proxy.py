"""A call behind the shipped `deploy/nginx.conf`, run by a real nginx."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvloop

from bridge.gate import Gate
from tests.certificates import write_certificate
from tests.nginx import TOKEN, bridge_behind_nginx, fetch
from tests.twilio import Twilio

pytestmark = pytest.mark.e2e
PUBLIC = "https://kav.example"


@pytest.fixture(scope="session")
def program() -> str:
    return fetch()


@asynccontextmanager
async def behind_nginx(
    program: str, folder: Path
) -> AsyncIterator[tuple[aiohttp.ClientSession, str, Gate]]:
    certificate, _ = write_certificate(folder)
    async with bridge_behind_nginx(program, folder, PUBLIC) as (at, gate):
        trusting = ssl.create_default_context(cafile=certificate)
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as http:
            yield http, at, gate


async def speech_of(socket: aiohttp.ClientWebSocketResponse) -> dict[str, str]:
    async for message in socket:
        told = message.json()
        if told["event"] == "media":
            media: dict[str, str] = told["media"]
            return media
    raise AssertionError(f"closed with {socket.close_code}")


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    uvloop.run(test())


def test_a_call_is_carried_and_its_signatures_are_of_the_public_address(
    program: str, tmp_path: Path
) -> None:
    async def test() -> None:
        async with behind_nginx(program, tmp_path) as (http, at, gate), asyncio.timeout(20):
            twilio = Twilio(http, at=at, public_url=PUBLIC, token=TOKEN)
            status, twiml = await twilio.ask("/twilio/voice")
            assert status == 200
            async with await twilio.connect(twiml) as socket:
                assert (await speech_of(socket))["payload"]
                assert gate.live_calls == 1
            assert (await twilio.ask("/twilio/stream_ended"))[0] == 204

    run(test)


def test_who_is_not_twilio_is_refused_behind_the_proxy_as_well(
    program: str, tmp_path: Path
) -> None:
    async def test() -> None:
        async with behind_nginx(program, tmp_path) as (http, at, _):
            # Signed for the address that nginx has, not for the one that Twilio was told.
            forger = Twilio(http, at=at, public_url=at, token=TOKEN)
            assert (await forger.ask("/twilio/voice"))[0] == 403

    run(test)


def test_only_what_twilio_needs_comes_through(program: str, tmp_path: Path) -> None:
    async def test() -> None:
        async with behind_nginx(program, tmp_path) as (http, at, gate):
            twilio = Twilio(http, at=at, public_url=PUBLIC, token=TOKEN)
            assert (await twilio.ask("/twilio/voice", Long="x" * 65_536))[0] == 413
            assert (await twilio.ask("/live"))[0] == 404
            async with http.get(at + "/version") as healthy:
                assert healthy.status == 200
            gate.close("draining")
            async with http.get(at + "/version") as draining:
                assert draining.status == 503

    run(test)
