"""A call from its UUID to its end, with a PBX to ask and without one; and UUIDs that come back."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import uvloop

from bridge.audiosocket import PbxFailed, UnknownCall, serve, server
from bridge.audiosocket.codec import HANG_UP, audio_header
from bridge.audiosocket.register import DROPPED_FOR, TRANSFERRED_FOR, Register, Spent
from bridge.notes import NotesInFiles
from engine.core.audio import SILENCE
from engine.ports import Back, CallFacts
from tests.bridge.test_audiosocket_server import (
    HEADER,
    VOICE,
    Recorder,
    Server,
    frames_until_end_closing,
    hello,
)

CALL = UUID("5f3e1c0a-0000-4000-8000-000000000002")


class Exchange:
    """A PBX that knows every call, until it is told otherwise, and does what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.takes_away: Callable[[], None] = lambda: None
        self.back: Back = "unanswered"

    async def facts(self, call: UUID) -> CallFacts:
        await self.answers.wait()
        self._do(f"facts {call}")
        return CallFacts(str(call), "audiosocket", caller="201", called="100", back=self.back)

    async def transfer(self, call: UUID, key: str) -> None:
        self._do(f"transfer {call} {key}")
        self.takes_away()

    async def hang_up(self, call: UUID, why: str) -> None:
        self._do(f"hang up {call} {why}")
        self.takes_away()

    def way(self, call: UUID) -> float | None:
        return 0.25

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def a_server(
    pbx: Exchange | None = None,
    registered: Callable[[UUID], bool] = lambda _: True,
    heartbeat: float = 18.0,
    most_from_peer: int = 99,
) -> AsyncIterator[Server]:
    one = Server()
    async with serve(
        one.open,
        port=0,
        pbx=pbx,
        registered=registered,
        heartbeat=heartbeat,
        most_from_peer=most_from_peer,
    ) as one.address:
        try:
            yield one
        finally:
            one.leave()


def with_pbx(test: Callable[[Server, Exchange], Awaitable[None]]) -> None:
    async def main() -> None:
        exchange = Exchange()
        async with a_server(exchange) as one, asyncio.timeout(10):
            await test(one, exchange)

    uvloop.run(main())


def without_pbx(test: Callable[[Server], Awaitable[None]]) -> None:
    async def main() -> None:
        async with a_server() as one, asyncio.timeout(10):
            await test(one)

    uvloop.run(main())


async def refused(one: Server, call: UUID) -> bool:
    """With the hang-up message, after which the dialplan goes on, and no call."""
    before = one.calls.get(str(call))
    reader, writer = await one.connect()
    writer.write(hello(call))
    frames = await frames_until_end_closing(reader, writer)
    return set(frames[:-1]) <= {SILENCE} and one.calls.get(str(call)) is before


async def lose(call: Recorder, writer: asyncio.StreamWriter) -> None:
    writer.close()
    await call.until(call.over.is_set)


def facts_of(one: Server, call: UUID) -> CallFacts:
    return one.facts[str(call)]


# Who calls.


def test_the_pbx_is_asked_who_calls_and_silence_flows_meanwhile() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        exchange.answers.clear()
        reader, writer = await one.connect()
        writer.write(hello(CALL) + HEADER + VOICE)
        assert await reader.readexactly(323 * 5) == (HEADER + SILENCE) * 5
        assert one.calls == {}
        exchange.answers.set()
        await one.opened.wait()
        assert facts_of(one, CALL).caller == "201"
        assert facts_of(one, CALL).back == "unanswered"
        writer.close()

    with_pbx(test)


def test_a_call_that_the_pbx_does_not_know_is_refused() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        exchange.failure = UnknownCall("no such call")
        assert await refused(one, CALL)

    with_pbx(test)


def test_a_pbx_that_cannot_be_asked_keeps_nobody_out() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        exchange.failure = PbxFailed("not connected")
        await one.call(CALL)
        assert facts_of(one, CALL) == CallFacts(str(CALL), "audiosocket")

    with_pbx(test)


def test_a_pbx_that_does_not_answer_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FACTS_LIMIT", 0.01)

    async def test(one: Server, exchange: Exchange) -> None:
        exchange.answers.clear()
        await one.call(CALL)
        assert facts_of(one, CALL).caller == ""

    with_pbx(test)


def test_a_pbx_that_breaks_closes_that_call_alone() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        good, _, writer = await one.call()
        exchange.failure = RuntimeError("planted")
        assert await refused(one, CALL)
        writer.write(HEADER + VOICE)
        await good.until(lambda: good.frames == [VOICE])

    with_pbx(test)


def test_only_registered_calls_are_taken() -> None:
    expected = {CALL}

    async def main() -> None:
        def registered(call: UUID) -> bool:
            return call in expected and not expected.remove(call)  # type: ignore[func-returns-value]

        async with a_server(registered=registered) as one, asyncio.timeout(10):
            assert await refused(one, uuid4())
            call, _, writer = await one.call(CALL)
            await lose(call, writer)
            await one.call(CALL)  # it comes back, and was registered

    uvloop.run(main())


# Transfer and goodbye.


def test_a_transfer_is_asked_of_the_pbx_which_closes_the_connection() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        call, reader, writer = await one.call(CALL)
        call.line.transfer("office")
        call.over.set()  # for the session that is the end
        call.line.hang_up("too late")
        for _ in range(10):
            assert await reader.readexactly(323) == HEADER + SILENCE
        assert exchange.asked[1:] == [f"transfer {CALL} office"]
        writer.close()

    with_pbx(test)


@pytest.mark.parametrize("limit", [5.0, 0.05])
def test_a_caller_whom_the_pbx_does_not_take_goes_on_in_the_dialplan(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LEAVE_LIMIT", limit)

    async def test(one: Server, exchange: Exchange) -> None:
        call, reader, writer = await one.call(CALL)
        exchange.failure = PbxFailed("no such target") if limit > 1 else None
        call.line.transfer("office")
        call.over.set()
        frames = await frames_until_end_closing(reader, writer)
        assert frames[-1] == HANG_UP
        assert set(frames[:-1]) == {SILENCE}

    with_pbx(test)


def test_a_goodbye_ends_the_callers_own_channel() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        call, _, writer = await one.call(CALL)
        exchange.takes_away = writer.close
        call.line.hang_up("goodbye")
        await call.until(call.over.is_set)
        assert exchange.asked[1:] == [f"hang up {CALL} goodbye"]

    with_pbx(test)


def test_what_goes_wrong_with_us_is_no_goodbye() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        _, reader, writer = await one.call(CALL)
        writer.write(b"\x10\x00\x03abc")
        assert (await frames_until_end_closing(reader, writer))[-1] == HANG_UP
        assert exchange.asked == [f"facts {CALL}"]

    with_pbx(test)


def test_without_a_pbx_a_transfer_goes_on_in_the_dialplan() -> None:
    async def test(one: Server) -> None:
        call, reader, writer = await one.call(CALL)
        call.line.transfer("office")
        assert (await frames_until_end_closing(reader, writer))[-1] == HANG_UP

    without_pbx(test)


# UUIDs that come again.


def test_a_call_whose_connection_was_lost_may_come_back() -> None:
    async def test(one: Server) -> None:
        call, _, writer = await one.call(CALL)
        assert facts_of(one, CALL).back == ""
        await lose(call, writer)
        await one.call(CALL)
        assert facts_of(one, CALL).back == "dropped"

    without_pbx(test)


def test_a_call_that_was_here_is_known_though_the_pbx_could_not_announce_it_again() -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        exchange.back = ""
        call, _, writer = await one.call(CALL)
        await lose(call, writer)
        await one.call(CALL)
        assert facts_of(one, CALL).back == "dropped"

    with_pbx(test)


def test_a_call_that_was_transferred_may_come_back_unanswered() -> None:
    async def test(one: Server) -> None:
        call, reader, writer = await one.call(CALL)
        call.line.transfer("office")
        call.over.set()  # for the session that is the end
        await frames_until_end_closing(reader, writer)
        await one.call(CALL)
        assert facts_of(one, CALL).back == "unanswered"

    without_pbx(test)


@pytest.mark.parametrize("ends", ["the call hangs up", "the call returns"])
def test_the_uuid_of_a_call_that_said_goodbye_is_used(ends: str) -> None:
    async def test(one: Server) -> None:
        call, reader, writer = await one.call(CALL)
        if ends == "the call returns":
            call.over.set()
        else:
            call.line.hang_up("goodbye")
        await frames_until_end_closing(reader, writer)
        await call.until(call.over.is_set)
        assert await refused(one, CALL)

    without_pbx(test)


def test_a_busy_answer_uses_no_uuid() -> None:
    async def test(one: Server) -> None:
        one.busy = True
        assert await refused(one, CALL)
        one.busy = False
        await one.call(CALL)
        assert facts_of(one, CALL).back == ""

    without_pbx(test)


def test_a_uuid_is_good_for_a_while_after_its_call() -> None:
    register = Register()
    assert register.back(CALL, 0.0) == ""
    register.end(CALL, "dropped", 0.0)
    assert register.back(CALL, DROPPED_FOR) == "dropped"
    with pytest.raises(Spent):
        register.back(CALL, DROPPED_FOR + 1)
    register.end(CALL, "transferred", 0.0)
    assert register.back(CALL, TRANSFERRED_FOR) == "unanswered"
    with pytest.raises(Spent):
        register.back(CALL, TRANSFERRED_FOR + 1)


def test_what_becomes_of_a_call_is_known_to_the_processes_that_share_it(tmp_path: Path) -> None:
    ours, theirs = (Register(NotesInFiles(tmp_path, "audiosocket")) for _ in range(2))
    assert theirs.back(CALL, 1.0) == ""
    ours.begin(CALL, 1.0)
    assert theirs.back(CALL, 3000.0) == "dropped", "ours may have died"
    ours.end(CALL, "transferred", 3000.0)
    assert theirs.back(CALL, 3001.0) == "unanswered"
    theirs.begin(CALL, 3001.0)
    theirs.end(CALL, "over", 3002.0)
    for one in (ours, theirs):
        with pytest.raises(Spent):
            one.back(CALL, 3003.0)
    ours.begin(UUID(int=1), 4000.0)
    assert len(list(tmp_path.iterdir())) == 1, "what is of no use any more is gone"


def test_what_cannot_be_shared_ends_no_call(tmp_path: Path) -> None:
    register = Register(NotesInFiles(tmp_path / "gone", "audiosocket"))
    register.begin(CALL, 1.0)
    register.end(CALL, "dropped", 2.0)
    assert register.back(CALL, 3.0) == "dropped"


def test_the_register_forgets_the_oldest() -> None:
    register = Register()
    for number in range(20_000):
        register.end(UUID(int=number), "over", 0.0)
    assert register.back(UUID(int=0), 1.0) == ""
    with pytest.raises(Spent):
        register.back(UUID(int=19_999), 1.0)


# A caller who sends nothing.


def test_another_connection_takes_over_from_one_that_has_fallen_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SUSPECT_AFTER", 0)

    async def test(one: Server) -> None:
        first, reader, writer = await one.call(CALL)
        second, _, _ = await one.call(CALL)
        assert first.told[-1] == "hung up: another connection has brought the call"
        assert (await frames_until_end_closing(reader, writer))[-1] == HANG_UP
        assert facts_of(one, CALL).back == "dropped"
        assert not second.over.is_set()

    without_pbx(test)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SUSPECT_AFTER", 2)
    monkeypatch.setattr(server, "SILENT_LIMIT", 6)
    monkeypatch.setattr(server, "HELD_LIMIT", 12)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (UnknownCall("none"), "hung up: no frame for 3 s, and the PBX has no such call"),
        (PbxFailed("down"), "hung up: no frame for 6 s, and the PBX does not say"),
        (None, "hung up: no frame for 30 min"),
    ],
)
def test_whether_a_silent_caller_is_there_the_pbx_knows(
    failure: Exception | None, why: str
) -> None:
    async def test(one: Server, exchange: Exchange) -> None:
        call, _, _ = await one.call(CALL)
        exchange.failure = failure
        await call.until(call.over.is_set)
        assert call.told[-1].startswith(why)

    with_pbx(test)


@pytest.mark.usefixtures("impatient")
def test_without_a_pbx_a_silent_caller_is_left_to_tcp_and_the_half_hour() -> None:
    async def test(one: Server) -> None:
        call, _, _ = await one.call(CALL)
        await call.until(call.over.is_set)
        assert call.told[-1] == "hung up: no frame for 30 min"

    without_pbx(test)


# Limits, and what is measured.


def test_of_many_connections_without_a_uuid_some_are_closed_and_the_others_may_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MOST_WAITING", 2)

    async def test(one: Server) -> None:
        wires = [await one.connect() for _ in range(3)]
        ends = {asyncio.ensure_future(reader.read()): reader for reader, _ in wires}
        closed, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert len(closed) == 1
        for end, (_, writer) in zip(ends, wires, strict=True):
            if end not in closed:
                writer.write(hello(uuid4()))
        while len(one.calls) < 2:
            one.opened.clear()
            await one.opened.wait()
        for end in ends:
            end.cancel()

    without_pbx(test)


def test_one_peer_gets_so_many_connections() -> None:
    async def main() -> None:
        async with a_server(most_from_peer=1) as one, asyncio.timeout(10):
            call, _, writer = await one.call()
            reader, _ = await one.connect()
            assert await reader.read() == b""
            writer.write(HEADER + VOICE)
            await call.until(lambda: call.frames == [VOICE])

    uvloop.run(main())


def test_a_peer_that_does_not_read_is_closed_little_is_kept_for_it_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "UNSENT_LIMIT", 0.2)
    most_kept = 256 * 1024

    async def test(one: Server) -> None:
        other, _, writer = await one.call()
        with deaf_peer(one.address, uuid4()) as peer:
            while len(one.calls) < 2:
                one.opened.clear()
                await one.opened.wait()
            deaf = list(one.calls.values())[1]
            await deaf.until(deaf.over.is_set)
            assert deaf.told[-1] == "hung up: the peer does not read what we send"
            wire = await asyncio.open_connection(sock=peer)
            frames = await frames_until_end_closing(*wire)
        assert sum(map(len, frames)) < most_kept
        writer.write(HEADER + VOICE)
        await other.until(lambda: other.frames == [VOICE])
        assert not other.over.is_set()

    without_pbx(test)


def deaf_peer(address: tuple[str, int], call: UUID) -> socket.socket:
    """Wants the widest band, which fills every buffer in less than a second, and reads nothing."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(address)
    frame = bytes(7680)
    peer.send(hello(call) + audio_header(len(frame), 192_000) + frame)
    peer.setblocking(False)
    return peer


def test_after_a_stall_the_newest_half_second_is_heard_and_every_key() -> None:
    sounds = [bytes([number, 1]) * 160 for number in range(100)]

    async def test(one: Server) -> None:
        call, _, writer = await one.call()
        messages = [HEADER + sound for sound in sounds]
        key = b"\x03\x00\x015"
        writer.write(b"".join([*messages[:9], key, *messages[9:]]))
        await call.until(lambda: call.frames[-1:] == sounds[-1:])
        assert "dtmf 5" in call.told
        assert call.frames == sounds[-24:]  # half a second, less the key's own bytes

    without_pbx(test)


def test_the_way_to_the_phone_is_what_the_pbx_measured(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with a_server(Exchange(), heartbeat=0.02) as one, asyncio.timeout(10):
            with caplog.at_level(logging.INFO, "bridge.audiosocket.server"):
                _, reader, _ = await one.call(CALL)
                while 250 not in told(caplog, "way_ms"):
                    await reader.read(323)
        assert told(caplog, "way_measured")[-1] is True

    uvloop.run(main())


def told(caplog: pytest.LogCaptureFixture, fact: str) -> list[int | bool]:
    beats = [one for one in caplog.records if one.message == "WS_KEEPALIVE"]
    return [getattr(one, "facts")[fact] for one in beats]  # noqa: B009 # mypy knows no extras
