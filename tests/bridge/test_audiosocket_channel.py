"""A call as straight code, in virtual time; the line is the metronome without its socket."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.audiosocket.channel import AFTERWARDS, Channel
from bridge.audiosocket.playout import Playout
from engine.core.audio import FRAME_SECONDS
from engine.ports import CallFacts
from tests import virtual_time

RATE = 16000
VOICE = b"\x10\x27" * 320
SILENCE = bytes(640)


class Line:
    rate = RATE

    def __init__(self) -> None:
        self.playout = Playout(0.0, rate=RATE)
        self.playout.due(0.0)  # silence, before there is a call
        self.heard = 0
        """Sounding frames."""
        self.ended: list[str] = []

    def play(self, turn: int, pcm: bytes) -> None:
        self.playout.play(turn, pcm, now())

    def end_reply(self, turn: int) -> None:
        self.playout.end_reply(turn, now())

    def clear(self) -> None:
        self.playout.clear(now())

    def hang_up(self, why: str) -> None:
        self.ended.append("hang-up")

    def transfer(self, key: str) -> None:
        self.ended.append(f"transfer {key}")

    async def beat(self, channel: Channel, frames: int) -> None:
        for _ in range(frames):
            await asyncio.sleep(FRAME_SECONDS)
            self.heard += sum(any(message[3:]) for message in self.playout.due(now()))
            if (told := self.playout.news(now())) is not None:
                channel.played(told)


def now() -> float:
    return asyncio.get_running_loop().time()


Script = Callable[[Channel, Line], Awaitable[None]]


def on_call(handler: Callable[[Channel], Awaitable[None]], script: Script) -> None:
    async def main() -> None:
        line = Line()
        channel = Channel(CallFacts("1", "audiosocket"), line, handler)
        channel.answered()
        async with asyncio.TaskGroup() as group:
            group.create_task(channel.run())
            await script(channel, line)
            channel.hung_up("over")

    virtual_time.run(main())


async def speak(channel: Channel, frames: int) -> None:
    for _ in range(frames):
        await asyncio.sleep(FRAME_SECONDS)
        channel.frame(VOICE)


class Listener:
    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def __call__(self, channel: Channel) -> None:
        async for pcm in channel:
            self.got += [pcm]


@pytest.mark.parametrize("gap", [0.1, 0.24, 1.0, 7.0])
def test_a_gap_in_the_frames_is_filled_by_the_time_that_went_by(gap: float) -> None:
    async def script(channel: Channel, line: Line) -> None:
        await speak(channel, 10)
        await asyncio.sleep(gap)
        await speak(channel, 10)

    listener = Listener()
    on_call(listener, script)
    filled = round(gap / FRAME_SECONDS)
    assert listener.got == [VOICE] * 10 + [SILENCE] * filled + [VOICE] * 10


def test_a_short_pause_of_the_network_is_no_gap() -> None:
    async def script(channel: Channel, line: Line) -> None:
        await speak(channel, 5)
        await asyncio.sleep(0.06)
        for _ in range(4):
            channel.frame(VOICE)

    listener = Listener()
    on_call(listener, script)
    assert listener.got == [VOICE] * 9


def test_a_stall_of_our_own_is_no_gap() -> None:
    async def script(channel: Channel, line: Line) -> None:
        await speak(channel, 5)
        virtual_time.stall(0.3)
        for _ in range(10):  # whatever is due by now comes first
            await asyncio.sleep(0)
        for _ in range(15):
            channel.frame(VOICE)

    listener = Listener()
    on_call(listener, script)
    assert listener.got == [VOICE] * 20


def test_who_does_not_listen_in_time_gets_the_newest_half_second() -> None:
    got: list[bytes] = []

    async def handler(channel: Channel) -> None:
        await asyncio.sleep(2.005)
        assert channel.dropped == 75
        got.append(await anext(channel))

    on_call(handler, lambda channel, line: numbered(channel, 100))
    assert got == [bytes([75]) * 640]


async def numbered(channel: Channel, frames: int) -> None:
    for number in range(frames):
        await asyncio.sleep(FRAME_SECONDS)
        channel.frame(bytes([number]) * 640)
    await asyncio.sleep(1)


def test_what_was_sent_has_been_heard_when_that_is_said() -> None:
    at: list[float] = []

    async def handler(channel: Channel) -> None:
        for _ in range(2):
            channel.send(VOICE * 50)
            await channel.heard()
            at.append(now())
        await channel.heard()

    async def script(channel: Channel, line: Line) -> None:
        await line.beat(channel, 150)
        assert line.heard == 100

    on_call(handler, script)
    assert [round(seconds, 1) for seconds in at] == [1.1, 2.2]


def test_a_clear_ends_the_sound_and_the_waiting_for_it() -> None:
    at: list[float] = []

    async def handler(channel: Channel) -> None:
        channel.send(VOICE * 500)
        asyncio.get_running_loop().call_later(1.01, channel.clear)
        await channel.heard()
        at.append(now())
        channel.send(VOICE)
        await channel.heard()

    async def script(channel: Channel, line: Line) -> None:
        await line.beat(channel, 100)
        assert line.heard == 50 + 1

    on_call(handler, script)
    assert at == [1.01]


def test_keys_wait_to_be_taken() -> None:
    keys: list[str] = []

    async def handler(channel: Channel) -> None:
        keys.append(await channel.keys.get())
        keys.append(await channel.keys.get())

    async def script(channel: Channel, line: Line) -> None:
        for key in "5#" * 100:
            channel.dtmf(key)

    on_call(handler, script)
    assert keys == ["5", "#"]


def test_the_end_of_the_call_ends_the_loop_and_the_waiting() -> None:
    async def handler(channel: Channel) -> None:
        channel.send(VOICE)
        await channel.heard()
        assert channel.why == "over"
        async for _ in channel:
            raise AssertionError("there was no frame")
        channel.send(VOICE)

    async def script(channel: Channel, line: Line) -> None:
        await asyncio.sleep(0.05)

    on_call(handler, script)


def test_a_handler_that_outlives_its_call_is_ended() -> None:
    ended: list[float] = []

    async def handler(channel: Channel) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(now())

    async def script(channel: Channel, line: Line) -> None:
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        on_call(handler, script)
    assert isinstance(caught.value.exceptions[0], TimeoutError)
    assert ended == [1 + AFTERWARDS]


def test_what_a_handler_raises_comes_out_and_a_late_hang_up_changes_nothing() -> None:
    async def handler(channel: Channel) -> None:
        raise LookupError("planted")

    async def main() -> None:
        channel = Channel(CallFacts("1", "audiosocket"), Line(), handler)
        with pytest.raises(LookupError):
            await channel.run()
        channel.hung_up("internal error")

    virtual_time.run(main())


def test_the_line_is_told_of_hang_up_and_transfer() -> None:
    async def handler(channel: Channel) -> None:
        channel.hang_up()
        channel.transfer("office")

    async def script(channel: Channel, line: Line) -> None:
        await asyncio.sleep(0.1)
        assert line.ended == ["hang-up", "transfer office"]

    on_call(handler, script)
