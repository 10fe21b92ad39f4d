"""Calls of other rates than the engine's: the converter's spectrum, tones through the server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import uvloop

from bridge.audiosocket import Channel, answering, serve
from bridge.audiosocket.codec import Audio, Decoder, audio_header
from bridge.audiosocket.inbound import Inbound
from bridge.audiosocket.playout import Playout
from engine.core.audio import FRAME_SECONDS, RATE, Resampler
from examples.echo import echo
from tests.bridge.test_audiosocket_server import HEADER, VOICE, a_server, hello

LOUD = 8000


def tone(hertz: float, rate: int, length: float) -> bytes:
    turns = 2 * np.pi * hertz * np.arange(round(length * rate)) / rate
    wave: bytes = np.rint(LOUD * np.sin(turns)).astype("<i2").tobytes()
    return wave


def frames(pcm: bytes, rate: int) -> Iterator[bytes]:
    size = 2 * round(rate * FRAME_SECONDS)
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def decibels(pcm: bytes, rate: int, hertz: float) -> tuple[float, float]:
    """Of the tone, and of everything else, against a tone of the loudness that went in. A click at
    the border of each frame would be something else."""
    sound = np.frombuffer(pcm, "<i2")
    power = np.abs(np.fft.rfft(sound * np.kaiser(len(sound), 14.0))) ** 2
    whole = np.sum(np.kaiser(len(sound), 14.0) ** 2) * LOUD**2 / 2 * len(sound) / 2
    here = np.abs(np.fft.rfftfreq(len(sound), 1 / rate) - hertz) < 50
    told = [10 * np.log10(np.sum(power[part]) / whole + 1e-12) for part in (here, ~here)]
    return float(told[0]), float(told[1])


def converted(hertz: float, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    sound = b"".join(map(resampler.convert, frames(tone(hertz, source, 0.5), source)))
    assert len(sound) == target  # half a second, at two bytes a sample
    return sound[target // 5 :]


@pytest.mark.parametrize("rate", [12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000])
def test_a_tone_of_the_telephones_band_survives_and_brings_no_other(rate: int) -> None:
    for hertz in (300, 1000, 3400):
        for source, target in ((rate, RATE), (RATE, rate)):
            heard, rest = decibels(converted(hertz, source, target), target, hertz)
            assert abs(heard) < 0.5
            assert rest < -60


@pytest.mark.parametrize("hertz", [4050, 4600, 5500, 7900])
def test_what_eight_kilohertz_cannot_carry_does_not_come_back_as_an_alias(hertz: float) -> None:
    assert decibels(converted(hertz, 16000, RATE), RATE, RATE - hertz)[0] < -40


def test_the_converter_is_three_milliseconds_late() -> None:
    click = np.zeros(160, "<i2")
    click[0] = LOUD
    sound = np.frombuffer(Resampler(RATE, 16000).convert(click.tobytes()), "<i2")
    assert np.argmax(sound) / 16000 == pytest.approx(0.00325)


def test_the_line_is_sent_its_own_rate() -> None:
    playout = Playout(0.0)
    playout.tune(16000)
    playout.play(1, tone(1000, RATE, 0.5), 0.0)
    playout.end_reply(1, 0.0)
    sent = b"".join(b"".join(playout.due(beat * FRAME_SECONDS)) for beat in range(40))
    messages = list(Decoder().feed(sent))
    assert all(isinstance(one, Audio) and one.rate == 16000 for one in messages)
    sound = b"".join(one.pcm for one in messages if isinstance(one, Audio))
    heard, rest = decibels(sound[3200 : 2 * 16000 // 2 - 3200], 16000, 1000)
    assert abs(heard) < 0.5
    assert rest < -60


async def call(address: tuple[str, int], pcm: bytes, rate: int, until: int) -> list[Audio]:
    """Says it all at once, and gives what came up to that many sounding frames."""
    reader, writer = await asyncio.open_connection(*address)
    said = [audio_header(len(frame), rate) + frame for frame in frames(pcm, rate)]
    writer.write(b"".join([hello(uuid4()), *said]))
    decoder = Decoder()
    came: list[Audio] = []
    async with asyncio.timeout(10):
        while sum(any(audio.pcm) for audio in came) < until:
            for message in decoder.feed(await reader.read(65536)):
                assert isinstance(message, Audio)
                came.append(message)
    writer.close()
    return came


@pytest.mark.parametrize("hertz", [3500, 7000])
def test_a_wideband_tone_survives_both_ways_through_the_echo_example(hertz: int) -> None:
    said = tone(hertz, 16000, 0.48)

    async def main() -> list[Audio]:
        async with serve(answering(echo), port=0, rate=16000) as address:
            return await call(address, said, 16000, until=24)

    came = [audio for audio in uvloop.run(main()) if any(audio.pcm)]
    assert {audio.rate for audio in came} == {16000}
    assert b"".join(audio.pcm for audio in came) == said


def test_a_narrow_line_talks_to_a_wideband_handler() -> None:
    said = tone(1000, RATE, 0.48)
    sizes: set[int] = set()

    async def main() -> list[Audio]:
        async def listen(channel: Channel) -> None:
            async for pcm in channel:
                sizes.add(len(pcm))
                channel.send(pcm)

        async with serve(answering(listen), port=0, rate=16000) as address:
            return await call(address, said, RATE, until=24)

    came = uvloop.run(main())
    assert sizes == {640}
    assert {audio.rate for audio in came} == {RATE}
    heard, rest = decibels(b"".join(one.pcm for one in came if any(one.pcm))[1600:], RATE, 1000)
    assert abs(heard) < 0.5
    assert rest < -50


def test_half_a_second_of_a_wideband_call_is_not_old() -> None:
    inbound = Inbound(16000)
    sounds = [bytes([number]) * 640 for number in range(30)]
    inbound.read(30 * 643)
    heard = [frame for pcm in sounds for frame in inbound.frames(Audio(pcm, 16000))]
    assert heard == sounds[5:]
    assert (inbound.received, inbound.stale) == (30, 5)


def test_messages_of_other_lengths_become_frames_at_our_rate() -> None:
    inbound = Inbound(RATE)
    assert inbound.frames(Audio(bytes(960), 16000)) == [bytes(320)]
    assert inbound.frames(Audio(bytes(320), 16000)) == [bytes(320)]


def test_the_engine_hears_a_wideband_call_at_its_own_rate() -> None:
    async def main() -> None:
        async with a_server() as server:
            call, reader, writer = await server.call()
            writer.write(audio_header(640, 16000) + bytes(640))
            await call.until(lambda: call.frames == [bytes(320)])
            async with asyncio.timeout(5):
                while (header := await reader.readexactly(3)) == HEADER:
                    await reader.readexactly(len(VOICE))
            assert header == audio_header(640, 16000)
            writer.close()

    uvloop.run(main())


def test_the_page_shows_the_example_that_is_tested() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "audiosocket.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    example = (root / "examples" / "echo.py").read_text()
    body = example.partition("import asyncio")[2].replace('if __name__ == "__main__":\n    ', "")
    assert code.partition("import asyncio")[2] == body
