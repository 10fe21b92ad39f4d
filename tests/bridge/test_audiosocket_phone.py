"""The phone that plays Asterisk, against small AudioSocket servers on loopback."""

import asyncio
import uuid
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.rehearsal import audiosocket_phone
from bridge.rehearsal.audiosocket_phone import open_phone
from bridge.rehearsal.phone import CallFailed, CallOver, Phone, WaitedTooLong
from engine.core.audio import FRAME_BYTES, SILENCE, level

pytestmark = pytest.mark.e2e

TONE = ((3000).to_bytes(2, "little") + (-3000).to_bytes(2, "little", signed=True)) * 80
WORD = ((9000).to_bytes(2, "little") + (-9000).to_bytes(2, "little", signed=True)) * 80
Message = tuple[int, bytes]
Answer = Callable[["Server"], Awaitable[None]]


class Server:
    """One connection of an AudioSocket server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def read(self) -> Message:
        header = await self._reader.readexactly(3)
        return header[0], await self._reader.readexactly(int.from_bytes(header[1:], "big"))

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.writer.write(bytes([kind]) + len(payload).to_bytes(2, "big") + payload)

    async def play(self, *frames: bytes) -> None:
        """In step with the caller: one frame for each that comes in."""
        for frame in frames:
            self.send(0x10, frame)
            await self.read()

    async def until_hung_up(self) -> None:
        while await self._reader.read(4096):
            pass


@asynccontextmanager
async def calling(answer: Answer) -> AsyncIterator[Phone]:
    """A phone on a call to a server whose connection does what `answer` says."""
    async with serving(answer) as port, open_phone(port=port) as phone:
        yield phone


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    answered: list[asyncio.Task[None]] = []

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answered.append(task)
        try:
            await answer(Server(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the caller hung up
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait(answered)
    for task in answered:
        task.result()


def until_closed(answer: Answer) -> Phone:
    """After a call that the server ends."""

    async def scenario() -> Phone:
        async with calling(answer) as phone:
            await phone.closed.wait()
            return phone

    return asyncio.run(scenario())


def test_the_first_message_is_the_uuid_and_then_a_frame_every_20_ms() -> None:
    came: list[tuple[float, Message]] = []
    call = uuid.UUID("5f3e0f5c-6d1b-4b7e-9a53-0d5f8a3c1e11")

    async def answer(server: Server) -> None:
        while True:
            message = await server.read()
            came.append((asyncio.get_running_loop().time(), message))

    async def scenario() -> None:
        async with serving(answer) as port, open_phone(port=port, call=call) as phone:
            phone.say(WORD * 25)
            await phone.said()

    asyncio.run(scenario())
    assert came[0][1] == (0x01, call.bytes)
    assert [message for _, message in came[1:26]] == [(0x10, WORD)] * 25
    assert came[25][0] - came[1][0] == pytest.approx(0.48, abs=0.1)


def test_what_the_server_sends_is_heard_when_it_arrives() -> None:
    async def answer(server: Server) -> None:
        await server.play(*[SILENCE] * 10, *[TONE] * 10, *[SILENCE] * 1000)

    async def scenario() -> tuple[bytes, bytes]:
        async with calling(answer) as phone:
            await phone.quiet(after=0.2, limit=5)
            return phone.heard, phone.heard_between(0.0, phone.last_heard())

    heard, until_last = asyncio.run(scenario())
    loud = [level(heard[at : at + FRAME_BYTES]) > 1000 for at in range(0, len(heard), FRAME_BYTES)]
    assert loud.count(True) == 10
    assert level(until_last[-FRAME_BYTES:]) > 1000
    assert level(until_last[: 8 * FRAME_BYTES]) == 0


def test_both_sides_share_one_time_axis(tmp_path: Path) -> None:
    async def answer(server: Server) -> None:
        await server.read()
        while True:
            kind, payload = await server.read()
            server.send(kind, payload)  # an echo

    async def scenario() -> None:
        async with calling(answer) as phone:
            phone.say(WORD * 10)
            await phone.agent_speaks(limit=5)
            await phone.said()
            await phone.quiet(after=0.2, limit=5, since=0.0)
            phone.save_stereo(tmp_path / "call.wav")
            assert len(phone.heard) == pytest.approx(len(phone.spoken), abs=2 * FRAME_BYTES)

    asyncio.run(scenario())
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        both = file.readframes(file.getnframes())
    left, right = both[0::4] + both[1::4], both[2::4] + both[3::4]
    assert left.count(b"\x28")
    assert right.count(b"\x28")


def test_a_key_is_sent_and_the_sound_pauses_for_it() -> None:
    came: list[Message] = []

    async def answer(server: Server) -> None:
        while True:
            came.append(await server.read())

    async def scenario() -> float:
        async with calling(answer) as phone:
            phone.say(WORD)
            await phone.said()
            before = phone.now
            await phone.press("5")
            return phone.now - before

    took = asyncio.run(scenario())
    assert (0x03, b"5") in came
    assert took >= 0.15


def test_the_caller_hangs_up_with_a_plain_end_of_stream() -> None:
    kinds: list[int] = []

    async def answer(server: Server) -> None:
        while True:
            kind, _ = await server.read()
            kinds.append(kind)

    async def scenario() -> Phone:
        async with calling(answer) as phone:
            phone.say(WORD)
            await phone.said()
            await phone.hang_up()
            return phone

    phone = asyncio.run(scenario())
    assert 0x00 not in kinds
    assert phone.closed.is_set()
    assert phone.why == "the caller hung up"
    assert phone.faults == []


async def hang_up(server: Server) -> None:
    await server.play(SILENCE, SILENCE)
    server.send(0x00)
    await server.until_hung_up()


async def close(server: Server) -> None:
    await server.play(SILENCE)
    server.writer.write_eof()
    await server.until_hung_up()


async def reset(server: Server) -> None:
    await server.play(SILENCE)
    server.writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hang_up, "the server hung up"),
        (close, "the server closed the connection"),
    ],
)
def test_the_server_ends_the_call_and_the_reason_is_told(answer: Answer, why: str) -> None:
    phone = until_closed(answer)
    assert phone.why == why
    assert phone.faults == []


def test_a_lost_connection_ends_the_call_without_a_fault() -> None:
    phone = until_closed(reset)
    assert phone.why.startswith("the server ")
    assert phone.faults == []


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"\x42\x00\x01x", "kind 0x42"),
        (b"\x03\x00\x015", "kind 0x03"),
        (b"\x10\x00\x00", "no length"),
        (b"\x10\x01\x40half a payload", "after its header"),
    ],
)
def test_what_asterisk_would_drop_the_call_for_is_a_fault(message: bytes, fault: str) -> None:
    async def answer(server: Server) -> None:
        await server.play(SILENCE)
        server.writer.write(message)
        await server.until_hung_up()

    phone = until_closed(answer)
    assert len(phone.faults) == 1
    assert fault in phone.faults[0]
    assert "a fault of the server" in phone.why


def test_a_server_that_does_not_close_after_the_hang_up_is_a_fault() -> None:
    async def scenario() -> Phone:
        released = asyncio.Event()

        async def answer(server: Server) -> None:
            await released.wait()

        async with calling(answer) as phone:
            await phone.hang_up()
            released.set()
            return phone

    phone = asyncio.run(scenario())
    assert len(phone.faults) == 1
    assert "kept the connection open" in phone.faults[0]


def test_waiting_for_an_agent_that_says_nothing_ends_at_the_limit() -> None:
    async def answer(server: Server) -> None:
        await server.play(*[SILENCE] * 1000)

    async def scenario() -> None:
        async with calling(answer) as phone:
            await phone.quiet(limit=0.3)

    with pytest.raises(WaitedTooLong, match=r"0\.3 s"):
        asyncio.run(scenario())


def test_waiting_ends_with_the_call() -> None:
    async def scenario() -> None:
        async with calling(hang_up) as phone:
            await phone.agent_speaks()

    with pytest.raises(CallOver, match="the server hung up"):
        asyncio.run(scenario())


def test_an_answer_before_the_caller_spoke_does_not_count_for_quiet() -> None:
    async def answer(server: Server) -> None:
        await server.play(*[TONE] * 5)
        while (await server.read())[1] != WORD:
            server.send(0x10, SILENCE)
        await server.play(*[SILENCE] * 40, *[TONE] * 5, *[SILENCE] * 1000)

    async def scenario() -> tuple[float, float]:
        async with calling(answer) as phone:
            await phone.agent_speaks(since=0.0)
            phone.say(WORD * 10)
            await phone.said()
            spoke = phone.now
            await phone.quiet(after=0.3, limit=5)
            return spoke, phone.last_heard()

    spoke, last_heard = asyncio.run(scenario())
    assert last_heard > spoke + 0.3


def test_nobody_there_is_told_in_one_sentence() -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with open_phone(port=port):
            pass

    with pytest.raises(CallFailed, match=r"nothing listens on 127\.0\.0\.1:\d+"):
        asyncio.run(scenario())


def test_what_the_block_raises_comes_out_as_it_is() -> None:
    async def answer(server: Server) -> None:
        await server.until_hung_up()

    async def scenario() -> None:
        async with calling(answer):
            raise LookupError("of the block")

    with pytest.raises(LookupError, match="of the block"):
        asyncio.run(scenario())


def test_a_server_that_does_not_read_loses_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiosocket_phone, "UNREAD_BYTES", -1)

    async def answer(server: Server) -> None:
        await server.until_hung_up()

    phone = until_closed(answer)
    assert "does not read" in phone.why
    assert len(phone.faults) == 1
