"""A peer that vanishes without a word: its network is unplugged while a call goes on.

Server and peer are processes in network namespaces of their own. Run as a module this is the
server."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
import uvloop

from bridge.audiosocket import Channel, answering, serve, server

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PORT = 9092
PEER = """
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
peer.send(bytes([1, 0, 16]) + bytes(16))
while peer.recv(65536):
    peer.send(bytes([16, 1, 64]) + bytes(320))
"""


def ip(words: str, *, check: bool = True) -> bool:
    done = subprocess.run(["ip", *words.split()], check=check, capture_output=True)
    return done.returncode == 0


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Two namespaces, of .1 and .2 in a network that nobody has (RFC 5737)."""
    ends = (f"kav{os.getpid()}a", f"kav{os.getpid()}b")
    if shutil.which("ip") is None or not ip(f"netns add {ends[0]}", check=False):
        pytest.skip("no right to make a network namespace")
    try:
        ip(f"netns add {ends[1]}")
        ip(f"-n {ends[0]} link add {ends[0]} type veth peer name {ends[1]} netns {ends[1]}")
        for number, end in enumerate(ends, 1):
            ip(f"-n {end} address add 192.0.2.{number}/30 dev {end}")
            ip(f"-n {end} link set {end} up")
        yield ends
    finally:
        for end in ends:
            ip(f"netns delete {end}", check=False)


def test_a_call_whose_peer_is_unplugged_ends(cable: tuple[str, str], tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(PEER)

    async def main() -> str:
        async with asyncio.timeout(60), process(cable[0], "-m", __name__) as ours:
            assert await told(ours) == "listening"
            async with process(cable[1], str(script), "192.0.2.1", str(PORT)):
                assert await told(ours) == "hears"
                ip(f"-n {cable[0]} link set {cable[0]} down")
                return await told(ours)

    assert asyncio.run(main()).startswith("connection reset: ")


@asynccontextmanager
async def process(space: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    one = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", space, sys.executable, *words),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        yield one
    finally:
        one.kill()
        await one.wait()


async def told(one: asyncio.subprocess.Process) -> str:
    assert one.stdout is not None
    return (await one.stdout.readline()).decode().strip()


async def answer() -> None:
    async def listen(channel: Channel) -> None:
        await anext(channel)
        tell("hears")
        async for _ in channel:
            pass
        tell(channel.why)

    network = [ip_network("192.0.2.0/30")]
    async with serve(answering(listen), host="192.0.2.1", port=PORT, allow=network):
        tell("listening")
        await asyncio.Event().wait()


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    server.DEAD_PEER_MS = 1000
    uvloop.run(answer())
