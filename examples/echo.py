"""An echo for Asterisk, in both bands: Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(slin16),,g)."""

import asyncio

from bridge.audiosocket import Channel, answering, serve


async def echo(channel: Channel) -> None:
    async for pcm in channel:
        channel.send(pcm)


async def main() -> None:
    async with serve(answering(echo), port=9092, rate=16000):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
