"""`python -m tests.bench.twilio_cuts --cuts 50`: the websocket is cut in the middle of calls.

Callers with a keypad talk to a bridge as its users have it, each until a random moment; then the
socket breaks and Twilio does what our TwiML says: it asks again and connects again. The agent has
to speak within 5 s of that request, know that the line was dropped, and not greet a second time."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from bridge.rehearsal import own_bridge, told, twilio_phone
from bridge.rehearsal.own_bridge import Bridge
from bridge.rehearsal.phone import CallOver, Phone, WaitedTooLong
from bridge.rehearsal.twilio_phone import Caller
from tests.bench.figures import Figure, percentile, table
from tests.bench.twilio_webhooks import CACHE, PUBLIC, SETTINGS, TOKEN, at, post

EARLIEST, LATEST = 1.1, 20.0
RESUMED_SECONDS = 5.0
LISTENS_SECONDS = 6.0
"""What is said in so long after it came back is looked at."""
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Cut:
    call: str
    at: float
    resumed: float
    """Seconds from Twilio's request to the agent's voice; infinite if it did not come."""


@dataclass(frozen=True, slots=True)
class Talk:
    """What a call's two traces tell."""

    before: tuple[tuple[int, str], ...]
    """The sentences that were said, each with its turn."""
    after: tuple[tuple[int, str], ...]

    @property
    def greeted_twice(self) -> bool:
        return bool(self.before) and self.before[0][1] in {text for _, text in self.after}

    @property
    def asked_again(self) -> bool:
        """What the caller had answered."""
        first = [text for turn, text in self.before if turn == self.before[0][0]]
        answered = self.before[-1:] != self.before[:1] and len(first) < len(self.before)
        return answered and bool({*first} & {text for _, text in self.after})


async def measure(cuts: int, seed: int, folder: Path) -> tuple[Bridge, list[Cut]]:
    dice = random.Random(seed)
    moments = [dice.uniform(EARLIEST, LATEST) for _ in range(cuts)]
    seats = asyncio.Semaphore(AT_ONCE)
    async with own_bridge.running(folder, CACHE, SETTINGS) as bridge:
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(_cut(http, bridge, seats, moment)) for moment in moments]
        return bridge, [call.result() for call in calls]


async def _cut(
    http: aiohttp.ClientSession, bridge: Bridge, seats: asyncio.Semaphore, moment: float
) -> Cut:
    caller = Caller()
    async with seats:
        async with _stream(http, bridge, "voice", caller) as phone:
            talking = asyncio.create_task(_talk(phone))
            await phone.until(moment)
            talking.cancel()
            _break(phone)
            await phone.closed.wait()
        asked = time.monotonic()
        async with _stream(http, bridge, "after_stream", caller) as phone:
            resumed = float("inf")
            with suppress(WaitedTooLong, CallOver):
                await phone.agent_speaks(2 * RESUMED_SECONDS, since=0.0)
                resumed = time.monotonic() - asked
                await phone.until(phone.now + LISTENS_SECONDS)
    return Cut(caller.call_sid, moment, resumed)


async def _talk(phone: Phone) -> None:
    """Answers each question with a key."""
    with suppress(WaitedTooLong, CallOver):
        while True:
            await phone.quiet()
            await phone.press("1")


def _break(phone: Phone) -> None:
    """The connection is gone, without a word."""
    wire = phone._wire
    assert isinstance(wire, twilio_phone.TwilioWire)
    transport = wire._socket._writer.transport
    assert transport is not None
    transport.abort()


@asynccontextmanager
async def _stream(
    http: aiohttp.ClientSession, bridge: Bridge, webhook: str, caller: Caller
) -> AsyncIterator[Phone]:
    """The stream that this webhook's answer connects the caller to."""
    form = twilio_phone.webhook_form(caller) | {"CallStatus": "in-progress"}
    status, text = await post(http, bridge, webhook, form)
    if status != 200:
        raise RuntimeError(f"{webhook} was answered with {status}")
    stream = twilio_phone.read_twiml(text, PUBLIC, [])
    async with twilio_phone.open_phone(
        stream.url,
        at=at(bridge),
        auth_token=TOKEN,
        caller=caller,
        parameters=stream.parameters,
    ) as phone:
        yield phone


def backs(bridge: Bridge) -> dict[str, list[str]]:
    """Why each stream of each call began, as the bridge's log tells."""
    assert bridge.log is not None
    found: dict[str, list[str]] = {}
    for line in map(json.loads, bridge.log.read_text().splitlines()):
        if line["event"] == "the media stream begins":
            found.setdefault(line["call"], []).append(line["back"])
    return found


def talk(data: Path, call: str) -> Talk:
    files = sorted((data / "traces").glob(f"*-{call}*.txt"))
    said = [
        tuple(
            (entry.number, text)
            for entry in told.read(file.read_text()).of("say")
            for text in entry.texts
        )
        for file in files
    ]
    before, after = (*said, (), ())[:2]
    return Talk(before, after)


def figures(cuts: Sequence[Cut], bridge: Bridge) -> list[Figure]:
    resumed = [cut.resumed for cut in cuts]
    known = backs(bridge)
    wrong = sum(known.get(cut.call) != ["", "dropped"] for cut in cuts)
    talks = [talk(bridge.data, cut.call) for cut in cuts]
    greeted = sum(one.greeted_twice for one in talks)
    asked = sum(one.asked_again for one in talks)
    return [
        Figure("request to the agent's voice, p50", percentile(resumed, 0.5), "s"),
        Figure("request to the agent's voice, most", max(resumed), "s", RESUMED_SECONDS),
        Figure("not told that the line was dropped", wrong, "", 0),
        Figure("greeted a second time", greeted, "", 0),
        Figure("asked again what was answered", asked, "", 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.twilio_cuts")
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kav-cuts-") as folder:
        bridge, cuts = uvloop.run(measure(args.cuts, args.seed, Path(folder) / "data"))
        print(table(found := figures(cuts, bridge)))
    return 1 if any(one.failed for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
