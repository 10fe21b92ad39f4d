"""`python -m tests.bench.twilio_webhooks`: how soon status webhooks answer while calls are live.

A bridge as its users have it, signatures checked, and silent callers on its media websocket; then
signed status callbacks, one after the other, over one connection."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import uvloop

from bridge.rehearsal import own_bridge, twilio_phone
from bridge.rehearsal.own_bridge import Bridge
from engine.core.audio import FRAME_SECONDS
from tests.bench.bridge_process import ROOT
from tests.bench.far_ends import CallLost, TwilioEnd
from tests.bench.figures import Figure, percentile, table

TOKEN, PUBLIC = "the token of the bench", "https://kav.example"
SETTINGS = {
    "TWILIO_AUTH_TOKEN": TOKEN,
    "KAV_PUBLIC_URL": PUBLIC,
    "KAV_RECOGNIZER": "none",
    "KAV_VOICE": "espeak",
    "KAV_MAX_CALLS": "100",
}
CACHE = ROOT / "var" / "cache-espeak"
STATUSES = (
    ("call_status", {"CallStatus": "in-progress"}),
    ("answered_by", {"AnsweredBy": "human"}),
    ("stream_status", {"StreamEvent": "stream-started"}),
    ("stream_ended", {"StreamEvent": "stream-stopped"}),
)
APART_SECONDS = 0.3004
"""Between two calls: else all would go through the same talk in step. No multiple of a frame, or 50
callers would all send in the same millisecond."""
BETWEEN_SECONDS = 0.02
BAR_MS = 25.0


def at(bridge: Bridge) -> str:
    """Where the bridge really is."""
    return bridge.doors.twilio_url.removeprefix("http://").partition("/")[0]


async def post(
    http: aiohttp.ClientSession, bridge: Bridge, webhook: str, form: dict[str, str]
) -> tuple[int, str]:
    """As Twilio posts, signed."""
    path = f"/twilio/{webhook}"
    headers = {"X-Twilio-Signature": twilio_phone.signature(TOKEN, PUBLIC + path, form)}
    async with http.post(f"http://{at(bridge)}{path}", data=form, headers=headers) as answer:
        return answer.status, await answer.text()


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: tuple[float, ...]
    refused: int
    lost: int
    """Calls that ended otherwise than by the agent's goodbye."""
    late_p99: float
    """Seconds, of the timers of the process that measures."""


async def measure(calls: int, requests: int, folder: Path) -> Measured:
    async with own_bridge.running(folder, CACHE, SETTINGS) as bridge, AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        lateness: list[float] = []
        lost: list[int | None] = []
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        seats = []
        for _ in range(calls):
            seats.append(tasks.create_task(_sit(http, bridge, lateness, lost)))
            await asyncio.sleep(APART_SECONDS)
        taken, refused = [], 0
        for number in range(requests):
            webhook, more = STATUSES[number % len(STATUSES)]
            form = twilio_phone.webhook_form(twilio_phone.Caller()) | more
            began = time.perf_counter()
            status, _ = await post(http, bridge, webhook, form)
            taken.append(time.perf_counter() - began)
            refused += status != 204
            await asyncio.sleep(BETWEEN_SECONDS)
        for seat in seats:
            seat.cancel()
        return Measured(tuple(taken), refused, len(lost), percentile(lateness, 0.99))


async def _sit(
    http: aiohttp.ClientSession, bridge: Bridge, lateness: list[float], lost: list[int | None]
) -> None:
    """Call after call: who says nothing for long is said goodbye to."""
    while True:
        async with _stream(http, bridge) as end, asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(end.listen())
            with suppress(CallLost):
                await _send(end, lateness)
            listening.cancel()
        if end.close_code != aiohttp.WSCloseCode.OK:
            lost.append(end.close_code)


async def _send(end: TwilioEnd, lateness: list[float]) -> None:
    """Silence, every 20 ms."""
    due = time.monotonic()
    while True:
        due += FRAME_SECONDS
        await asyncio.sleep(due - time.monotonic())
        lateness.append(max(0.0, time.monotonic() - due))
        await end.send(False, time.monotonic())


@asynccontextmanager
async def _stream(http: aiohttp.ClientSession, bridge: Bridge) -> AsyncIterator[TwilioEnd]:
    """A call that has begun."""
    caller = twilio_phone.Caller()
    _, text = await post(http, bridge, "voice", twilio_phone.webhook_form(caller))
    asked = twilio_phone.read_twiml(text, PUBLIC, [])
    start = orjson.loads((ROOT / "tests/twilio/start.json").read_bytes())
    start["start"] |= {"callSid": caller.call_sid, "customParameters": asked.parameters}
    headers = {"x-twilio-signature": twilio_phone.signature(TOKEN, asked.url)}
    url = asked.url.replace("wss://kav.example", f"ws://{at(bridge)}")
    async with http.ws_connect(url, headers=headers) as socket:
        await socket.send_str(orjson.dumps(start).decode())
        yield TwilioEnd(socket, start["streamSid"], caller.call_sid)


def figures(measured: Measured) -> Sequence[Figure]:
    ms = [1000 * one for one in measured.seconds]
    return [
        Figure("status webhook, p50", percentile(ms, 0.5), "ms"),
        Figure("status webhook, p99", percentile(ms, 0.99), "ms", BAR_MS),
        Figure("not answered 204", measured.refused, "", 0),
        Figure("calls lost meanwhile", measured.lost, "", 0),
        Figure("own timers late, p99", 1000 * measured.late_p99, "ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.twilio_webhooks")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--requests", type=int, default=2000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kav-webhooks-") as folder:
        measured = uvloop.run(measure(args.calls, args.requests, Path(folder) / "data"))
    print(table(told := figures(measured)))
    return 1 if any(one.failed for one in told) else 0


if __name__ == "__main__":
    sys.exit(main())
