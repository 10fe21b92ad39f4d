"""`python -m tests.bench.audiosocket_fuzz`: streams that are broken at random, into the decoder and
through the door of a server.

Each goes into one decoder whole and into another in pieces: both must give the same, and nothing
but `MalformedStream` may come out. Through the door beside a call that must not notice. Fails
when something breaks, differs, or takes more than 100 ms of the processor for one stream."""

import argparse
import asyncio
import logging
import random
import sys
import time
from dataclasses import dataclass
from uuid import UUID

import uvloop

from bridge.audiosocket import Channel, answering, serve
from bridge.audiosocket.codec import HANG_UP, Decoder, MalformedStream, Message, audio_header

MOST_SECONDS = 0.1
_AT_ONCE = 8
_HELLO = b"\x01\x00\x10" + UUID(int=7).bytes
_PIECES = (
    _HELLO,
    audio_header(320) + bytes(range(160)) * 2,
    audio_header(640, 16000) + bytes(range(160)) * 4,
    audio_header(2) + b"\x01\x02",
    b"\x03\x00\x015",
    b"\x02\x00\x03abc",
    b"\xff\x00\x01\x02",
    HANG_UP,
)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    inputs: int
    refused: int
    """Of them, as malformed."""
    slowest: float
    """Processor seconds for one."""


def fuzz(inputs: int, seed: int) -> Fuzzed:
    """Raises what breaks, and `AssertionError` where the pieces give something else."""
    chance = random.Random(seed)
    refused, slowest = 0, 0.0
    for _ in range(inputs):
        stream = broken(chance)
        pieces = cut(chance, stream)
        began = time.process_time()
        whole = decoded([stream])
        parts = decoded(pieces)
        slowest = max(slowest, time.process_time() - began)
        assert whole == parts, f"in pieces it is another: {[piece.hex() for piece in pieces]}"
        refused += whole[1] != ""
    return Fuzzed(inputs, refused, slowest)


def broken(chance: random.Random) -> bytes:
    """A stream with up to three things wrong."""
    stream = bytearray(b"".join(chance.choices(_PIECES, k=chance.randrange(1, 6))))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(stream) + 1)
        match chance.randrange(4):
            case 0:
                stream[at : at + 1] = chance.randbytes(1)
            case 1:
                del stream[at : at + chance.randrange(1, 400)]
            case 2:
                stream[at:at] = chance.randbytes(chance.randrange(1, 12))
            case _:
                stream[at:at] = chance.randbytes(3) + bytes(chance.randrange(300))
    return bytes(stream)


def cut(chance: random.Random, stream: bytes) -> list[bytes]:
    edges = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(6)))
    return [
        stream[start:end] for start, end in zip([0, *edges], [*edges, len(stream)], strict=True)
    ]


def decoded(pieces: list[bytes]) -> tuple[list[Message], str]:
    decoder, messages = Decoder(), list[Message]()
    try:
        for piece in pieces:
            messages.extend(decoder.feed(piece))
    except MalformedStream as error:
        return messages, str(error)
    return messages, ""


async def through_the_door(connections: int, seed: int) -> int:
    """Beside a call; gives how many of its frames went by meanwhile. Raises if it was closed."""
    heard = 0

    async def listen(channel: Channel) -> None:
        nonlocal heard
        async for pcm in channel:
            if channel.facts.id == str(UUID(int=1)):
                heard += 1
                channel.send(pcm)

    chance = random.Random(seed)
    async with serve(answering(listen), port=0) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"\x01\x00\x10" + UUID(int=1).bytes)
        done = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_keep_talking(reader, writer, done))
                for _ in range(0, connections, _AT_ONCE):
                    async with asyncio.TaskGroup() as some:
                        for _ in range(_AT_ONCE):
                            some.create_task(_break_in(address, chance))
                done.set()
        finally:
            writer.close()
    return heard


async def _keep_talking(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, done: asyncio.Event
) -> None:
    """A frame for each that comes. The end of the stream would be an error."""
    while not done.is_set():
        writer.write(_PIECES[1])
        await reader.readexactly(323)


async def _break_in(address: tuple[str, int], chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection(*address)
    call = UUID(bytes=chance.randbytes(16)).bytes
    for piece in cut(chance, broken(chance).replace(UUID(int=7).bytes, call)):
        if writer.transport.is_closing():
            return
        writer.write(piece)
        await asyncio.sleep(0)
    try:
        writer.write_eof()
        while await reader.read(4096):
            pass
    except (ConnectionError, RuntimeError):  # uvloop's word for a transport that has just closed
        pass
    writer.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audiosocket_fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = fuzz(args.inputs, args.seed)
    print(f"decoder: {found.inputs} streams, {found.refused} refused as malformed, 0 broken")
    print(f"slowest: {found.slowest * 1000:.1f} ms of the processor")
    logging.disable(logging.WARNING)  # each is refused with a line; what breaks is an error
    heard = uvloop.run(through_the_door(args.connections, args.seed))
    print(f"door: {args.connections} connections; the call beside them heard {heard} frames")
    return 0 if found.slowest <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
