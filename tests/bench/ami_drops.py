"""What the manager interface's guard promises, counted at a simulated Asterisk.

    python -m tests.bench.ami_drops --drops 200 --hostile 100000 --storm 10000

A link that breaks with an Originate in flight: how many are sent again. Hostile values: how many
arrive as anything but the one action that was asked. A storm of so many events a second: how late
the beat is that sends the sound of all calls."""

import argparse
import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvloop

from bridge.audiosocket.ami import Account, Ami, OutcomeUnknown, Times, Told, Unsendable
from bridge.ticker import PERIOD, Ticker
from tests.bench.figures import Figure, percentile, table
from tests.bridge.ami_server import SECRET, AmiServer, ami_server, packet

QUICK = Times(first_pause=0.001, longest_pause=0.002)
PIECES = (
    *("\r\n", "\n", "\r", "\0", "\r\n\r\n", "Action: Hangup", "Channel: /.*/", "ActionID: 1"),
    *("Response: Success", ":", ": ", ",", "\x85", "\u2028", "\ud800", "שלום", "${SHELL(id)}"),
    *("%0d%0a", "\\r\\n", "\v", "\f", "\x1c", "\u010a", "\uff0d", "x" * 400, "0501234567"),
)
STORM_SECONDS = 5


@asynccontextmanager
async def connected() -> AsyncGenerator[tuple[Ami, AmiServer]]:
    async with (
        ami_server() as server,
        Ami(Account("kav", SECRET, port=server.port), QUICK) as ami,
    ):
        await server.came("Command")
        yield ami, server


async def drops(count: int) -> list[Figure]:
    lost = 0
    async with connected() as (ami, server):
        server.drops_at = {"Originate"}
        for done in range(1, count + 1):
            try:
                await ami.ask("Originate", Channel="PJSIP/1", Async="true")
            except OutcomeUnknown:
                lost += 1
            await server.came("Command", done + 1)
            await ami.ask("CoreSettings")
        repeated = server.count("Originate") - count
    return [
        Figure("links lost with an Originate in flight", lost, ""),
        Figure("Originates sent again", repeated, "", 0),
        Figure("of which the outcome was not told as unknown", count - lost, "", 0),
    ]


async def hostile(count: int, seed: int) -> list[Figure]:
    chance = random.Random(seed)
    refused = wrong = 0
    async with connected() as (ami, server):
        server.actions.clear()
        for _ in range(count):
            value = "".join(chance.choices(PIECES, k=chance.randint(1, 3)))
            expected = [value]
            try:
                await ami.ask("Setvar", Variable="V", Value=value)
            except Unsendable:
                refused += 1
                expected = []
            # Every action that came but the pings; what is no Setvar has no Value.
            came = [one.get("Value") for one in server.actions if one["Action"] != "Ping"]
            wrong += came != expected
            server.actions.clear()
    return [
        Figure("hostile values sent whole", count - refused, ""),
        Figure("hostile values refused", refused, ""),
        Figure("that arrived as anything but one action", wrong, "", 0),
    ]


async def storm(rate: int) -> list[Figure]:
    """The events come from a process of their own, as Asterisk's do."""
    late: list[float] = []
    heard = [0]
    source = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.ami_drops", "--be-storm", str(rate),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert source.stdout is not None
    port = int(await source.stdout.readline())
    ami = Ami(Account("kav", SECRET, port=port), QUICK)

    def count(_: Told) -> None:
        heard[0] += 1

    ami.on("RTCPReceived", count)
    ticker = Ticker()
    loop = asyncio.get_running_loop()
    async with ami:
        await ami.up()
        first = ticker.add(lambda now: late.append((now - first + 1e-6) % PERIOD))
        began, worked = loop.time(), time.process_time()
        await source.wait()
        lasted, worked = loop.time() - began, time.process_time() - worked
    return [
        Figure("events a second, of which one in ten is read", 10 * heard[0] / lasted, "/s"),
        Figure("processor for 10,000 events", 1000 * worked / heard[0] * 1000, "ms"),
        Figure("beat late, p99", 1000 * percentile(late, 0.99), "ms", 10),
        Figure("beats missed", lasted / PERIOD - len(late), "", 2),
    ]


async def be_storm(rate: int) -> None:
    channel = {"Channel": "PJSIP/6001-00000001", "Uniqueid": "1.1", "CallerIDNum": "0501234567"}
    more = {f"Header{number}": "x" * 12 for number in range(16)}
    others = packet({"Event": "VarSet"} | channel | more) * 9
    batch = (others + packet({"Event": "RTCPReceived"} | channel | more)) * (rate // 500)
    async with ami_server() as server:
        print(server.port, flush=True)
        await server.came("Command")
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(STORM_SECONDS * 50):
            server.say(batch)
            due += PERIOD
            await asyncio.sleep(due - loop.time())


async def measure(args: argparse.Namespace) -> list[Figure]:
    figures = await drops(args.drops)
    figures += await hostile(args.hostile, args.seed)
    return figures + (await storm(args.storm) if args.storm else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=200)
    parser.add_argument("--hostile", type=int, default=100_000)
    parser.add_argument("--storm", type=int, default=10_000, metavar="EVENTS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--be-storm", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.be_storm:
        uvloop.run(be_storm(args.be_storm))
        return 0
    logging.disable(logging.WARNING)  # each lost link tells that it is
    figures = uvloop.run(measure(args))
    print(table(figures))
    return int(any(figure.failed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
