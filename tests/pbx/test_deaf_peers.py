"""Peers that never read what they are sent: each call is ended, with its reason, and little is kept
for it meanwhile; who reads is not touched.

The server is a process of its own, so that its memory is not ours. Run as a module this is it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
import uvloop

from bridge.audiosocket import Channel, answering, serve, server
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, SILENCE

pytestmark = pytest.mark.pbx

ROOT = Path(__file__).parents[2]
PEERS = 50
SECONDS = 25.0
KERNELS_TAKE_IT = 2.0
"""Seconds after which the calls stand and the server itself keeps nothing for any yet."""
RECEIVE_BUFFER = 64 * 1024
"""Of a peer's kernel, which would let its own grow."""
MOST_GROWTH_KB = 10 * 1024
FRAME = b"\x10" + FRAME_BYTES.to_bytes(2, "big") + SILENCE


def test_fifty_peers_that_do_not_read_are_ended_and_the_one_that_does_is_not() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            bridge, port = await stack.enter_async_context(a_server())
            deaf = [stack.enter_context(a_peer(port)) for _ in range(PEERS)]
            reading = stack.enter_context(a_peer(port))
            await speak(deaf, reading, KERNELS_TAKE_IT)
            before = kilobytes(bridge.pid, "VmRSS")
            await speak(deaf, reading, SECONDS - KERNELS_TAKE_IT)
            assert kilobytes(bridge.pid, "VmHWM") - before < MOST_GROWTH_KB
            assert {await told(bridge) for _ in deaf} == {"the peer does not read what we send"}
            reading.shutdown(socket.SHUT_WR)  # closed with bytes unread, it would be a reset
            assert await told(bridge) == "the peer closed the connection"

    asyncio.run(main())


async def speak(deaf: list[socket.socket], reading: socket.socket, seconds: float) -> None:
    """Everybody says silence, as long as it is taken, and the one always hears something."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for beat in range(round(seconds / FRAME_SECONDS)):
        for peer in deaf:
            with suppress(ConnectionError):
                peer.send(FRAME)
        reading.send(FRAME)
        assert reading.recv(65536)
        await asyncio.sleep(begin + (beat + 1) * FRAME_SECONDS - loop.time())


def a_peer(port: int) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    peer.settimeout(20)
    peer.connect(("127.0.0.1", port))
    peer.send(b"\x01\x00\x10" + uuid4().bytes)
    return peer


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    bridge = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdout=asyncio.subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        yield bridge, int(await told(bridge))
    finally:
        bridge.kill()
        await bridge.wait()


async def told(bridge: asyncio.subprocess.Process) -> str:
    assert bridge.stdout is not None
    async with asyncio.timeout(20):
        return (await bridge.stdout.readline()).decode().strip()


def kilobytes(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(line.split()[1])


async def answer() -> None:
    async def listen(channel: Channel) -> None:
        async for _ in channel:
            pass
        tell(channel.why)

    async with serve(answering(listen), port=0) as (_, port):
        tell(str(port))
        await asyncio.Event().wait()


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The kernel gives such a peer up too, a second after we do, on a busy machine perhaps before:
    # that is another reason.
    server.DEAD_PEER_MS = 60_000
    uvloop.run(answer())
