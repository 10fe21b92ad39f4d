"""The server against connections that behave, misbehave, and vanish."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import pytest
import uvloop

from bridge.audiosocket import serve
from bridge.audiosocket.codec import HANG_UP, audio_header
from engine.core.audio import FRAME_BYTES, SILENCE
from engine.core.events import Played
from engine.ports import Busy, Call, CallFacts, Line
from tests.bench.audiosocket_fuzz import through_the_door
from tests.bench.audiosocket_pacing import Measured, figures

VOICE = b"\x10\x27" * 160
HEADER = audio_header(FRAME_BYTES)


class Recorder:
    """A call that only remembers what it was told."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.told: list[str] = []
        self.frames: list[bytes] = []
        self.over = asyncio.Event()
        self.changed = asyncio.Event()

    def tell(self, what: str) -> None:
        self.told.append(what)
        self.changed.set()

    def answered(self) -> None:
        self.tell("answered")

    def frame(self, pcm: bytes) -> None:
        self.frames.append(pcm)
        self.changed.set()

    def played(self, told: Played) -> None:
        self.tell(f"played {told.turn} {told.seconds:.2f}{' done' if told.done else ''}")

    def dtmf(self, digit: str) -> None:
        self.tell(f"dtmf {digit}")

    def hung_up(self, why: str) -> None:
        if not self.over.is_set():
            self.tell(f"hung up: {why}")
            self.over.set()

    async def run(self) -> None:
        await self.over.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Server:
    def __init__(self) -> None:
        self.calls: dict[str, Recorder] = {}
        self.facts: dict[str, CallFacts] = {}
        self.opened = asyncio.Event()
        self.address = ("", 0)
        self.busy = False
        self._writers: list[asyncio.StreamWriter] = []

    def open(self, facts: CallFacts, line: Line) -> Call:
        if self.busy:
            raise Busy("all lines are taken")
        self.facts[facts.id] = facts
        self.calls[facts.id] = call = Recorder(line)
        self.opened.set()
        return call

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        self._writers.append(writer)
        return reader, writer

    def leave(self) -> None:
        for writer in self._writers:
            writer.close()

    async def call(
        self, call: UUID | None = None
    ) -> tuple[Recorder, asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        call = call or uuid4()
        writer.write(hello(call))
        self.opened.clear()
        async with asyncio.timeout(5):
            await self.opened.wait()
        return self.calls[str(call)], reader, writer


def hello(call: UUID) -> bytes:
    return b"\x01\x00\x10" + call.bytes


@asynccontextmanager
async def a_server() -> AsyncIterator[Server]:
    server = Server()
    async with serve(server.open, port=0) as server.address:
        yield server


async def hung_up_without_a_word(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Nothing but silence came before the hang-up message, that lets the dialplan go on."""
    frames = await frames_until_end_closing(reader, writer)
    return all(frame == SILENCE for frame in frames[:-1])


async def closed_without_a_word(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Nothing but silence came before the end of the stream."""
    async with asyncio.timeout(5):
        sent = await reader.read()
    writer.close()
    return sent == (HEADER + SILENCE) * (len(sent) // 323)


def run(test: Callable[[Server], object]) -> None:
    async def main() -> None:
        async with a_server() as server:
            await test(server)  # type: ignore[misc] # each test is a coroutine function

    uvloop.run(main())


def test_silence_flows_from_accept_before_anything_is_said() -> None:
    async def test(server: Server) -> None:
        reader, writer = await server.connect()
        async with asyncio.timeout(5):
            assert await reader.readexactly(323 * 5) == (HEADER + SILENCE) * 5
        writer.close()

    run(test)


def test_a_call_hears_frames_and_digits_and_ends_with_the_connection() -> None:
    async def test(server: Server) -> None:
        call, _, writer = await server.call()
        writer.write(HEADER + VOICE + b"\x03\x00\x015")
        await call.until(lambda: "dtmf 5" in call.told)
        writer.close()
        await call.until(call.over.is_set)
        assert call.told == ["answered", "dtmf 5", "hung up: the peer closed the connection"]
        assert call.frames == [VOICE]

    run(test)


def test_messages_of_other_lengths_become_frames_of_20_ms() -> None:
    async def test(server: Server) -> None:
        call, _, writer = await server.call()
        writer.write(audio_header(480) + VOICE + VOICE[:160] + audio_header(160) + VOICE[:160])
        await call.until(lambda: len(call.frames) == 2)
        assert call.frames == [VOICE, VOICE]
        writer.close()

    run(test)


def test_a_reply_is_played_reported_and_its_end_acknowledged_once() -> None:
    async def test(server: Server) -> None:
        call, reader, writer = await server.call()
        call.line.play(7, VOICE * 3)
        call.line.end_reply(7)
        await call.until(lambda: "played 7 0.06 done" in call.told)
        assert call.told[1].startswith("played 7 0.0")
        assert "done" not in call.told[1]
        call.line.hang_up("done")
        frames = await frames_until_end_closing(reader, writer)
        assert frames[-1] == HANG_UP
        assert [frame for frame in frames[:-1] if frame != SILENCE] == [VOICE] * 3

    run(test)


async def frames_until_end_closing(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> list[bytes]:
    """As Asterisk does: close when the hang-up message comes."""
    frames: list[bytes] = []
    async with asyncio.timeout(5):
        while not frames or frames[-1] != HANG_UP:
            header = await reader.readexactly(3)
            length = struct.unpack(">H", header[1:])[0]
            frames.append(await reader.readexactly(length) if length else header)
    writer.close()
    return frames


def test_cleared_audio_is_not_sent_and_never_acknowledged() -> None:
    async def test(server: Server) -> None:
        call, reader, writer = await server.call()
        call.line.play(1, VOICE * 500)
        call.line.end_reply(1)
        await call.until(lambda: len(call.told) > 1)
        call.line.clear()
        call.line.play(2, VOICE)
        call.line.end_reply(2)
        await call.until(lambda: "played 2 0.02 done" in call.told)
        call.line.hang_up("done")
        frames = await frames_until_end_closing(reader, writer)
        assert sum(frame == VOICE for frame in frames) < 100
        assert not any(told.startswith("played 1") and "done" in told for told in call.told)

    run(test)


def test_malformed_bytes_close_that_call_with_a_reason_and_no_other() -> None:
    async def test(server: Server) -> None:
        good, _, good_writer = await server.call()
        bad, reader, writer = await server.call()
        writer.write(b"\x10\x00\x03abc")
        await bad.until(bad.over.is_set)
        assert bad.told[-1] == "hung up: audio of 3 bytes, not 2 to 8192 and even"
        assert (await frames_until_end_closing(reader, writer))[-1] == HANG_UP
        good_writer.write(HEADER + VOICE)
        await good.until(lambda: good.frames == [VOICE])
        assert not good.over.is_set()
        good_writer.close()

    run(test)


def test_audio_before_the_uuid_is_refused() -> None:
    async def test(server: Server) -> None:
        reader, writer = await server.connect()
        writer.write(HEADER + VOICE)
        assert await closed_without_a_word(reader, writer)
        assert server.calls == {}

    run(test)


def test_a_connection_without_a_uuid_is_closed_after_two_seconds() -> None:
    async def test(server: Server) -> None:
        reader, writer = await server.connect()
        began = asyncio.get_running_loop().time()
        assert await closed_without_a_word(reader, writer)
        assert 1.9 <= asyncio.get_running_loop().time() - began <= 3.0

    run(test)


def test_a_second_connection_for_a_live_call_is_refused_and_the_first_goes_on() -> None:
    async def test(server: Server) -> None:
        call = uuid4()
        first, _, first_writer = await server.call(call)
        reader, writer = await server.connect()
        writer.write(hello(call))
        assert await hung_up_without_a_word(reader, writer)
        first_writer.write(HEADER + VOICE)
        await first.until(lambda: first.frames == [VOICE])
        assert not first.over.is_set()
        first_writer.close()

    run(test)


def test_a_busy_bridge_refuses() -> None:
    async def test(server: Server) -> None:
        server.busy = True
        reader, writer = await server.connect()
        writer.write(hello(uuid4()))
        assert await hung_up_without_a_word(reader, writer)

    run(test)


def test_a_reset_ends_the_call_like_a_hang_up() -> None:
    async def test(server: Server) -> None:
        call, _, writer = await server.call()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close resets
        writer.transport.abort()
        await call.until(call.over.is_set)
        assert call.told[-1].startswith("hung up: ")

    run(test)


def test_a_call_that_breaks_is_closed_and_the_others_go_on() -> None:
    async def test(server: Server) -> None:
        good, _, good_writer = await server.call()
        bad, reader, writer = await server.call()

        def explode(pcm: bytes) -> None:
            raise RuntimeError("planted")

        bad.frame = explode  # type: ignore[method-assign] # the planted bug
        writer.write(HEADER + VOICE)
        assert (await frames_until_end_closing(reader, writer))[-1] == HANG_UP
        good_writer.write(HEADER + VOICE)
        await good.until(lambda: good.frames == [VOICE])
        good_writer.close()

    run(test)


def test_the_server_ends_although_its_peers_do_not_close() -> None:
    async def main() -> None:
        server = Server()
        async with serve(server.open, port=0) as server.address:
            call, _, one = await server.call()
            _, other = await server.connect()
        assert call.told[-1] == "hung up: the bridge stops"
        for writer in (one, other):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    uvloop.run(main())


def test_who_is_not_allowed_is_closed_at_once() -> None:
    async def main() -> None:
        server = Server()
        async with serve(server.open, port=0, allow=()) as address:
            reader, writer = await asyncio.open_connection(*address)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()

    uvloop.run(main())


def test_broken_streams_at_the_door_disturb_no_call() -> None:
    assert uvloop.run(through_the_door(40, seed=3)) > 0


def test_the_pacing_bench_counts_what_is_late_and_what_is_missing() -> None:
    """How evenly frames leave is measured by `python -m tests.bench.audiosocket_pacing`."""
    even = [beat * 0.02 for beat in range(200)]
    late = [*even[:100], *(at + 0.15 for at in even[100:])]
    measured = {one.what: one.measured for one in figures(Measured([even, late], 0.0))}
    assert measured["2 calls: later than 20 ms, most"] == pytest.approx(150)
    assert measured["2 calls: gaps of 0.1 s among 398 frames"] == 1
    assert measured["2 calls: frames too few or too many, worst call"] == pytest.approx(7.5)
