"""Whole calls as text. After `pytest --rewrite`, read the diff as if someone else had made it."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.switchboard import Equipment, Switchboard
from bridge.tracefiles import TraceFiles
from engine.core import events as ev
from engine.core.audio import silence
from engine.core.conversation import Conversation
from engine.core.rules import Rules
from engine.ports import Busy, CallFacts, Speech
from engine.providers.deaf import Deaf
from engine.trace import MalformedTrace, Trace, masked, replay

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_the_core_does_what_the_trace_says(path: Path, pytestconfig: pytest.Config) -> None:
    told = path.read_text()
    assert told.startswith("# "), "the first line is a sentence of what the trace shows"
    now = replay(told)
    if pytestconfig.getoption("--rewrite"):
        path.write_text(now)
    assert now == replay(now), "the same trace twice gives the same effects"
    if not pytestconfig.getoption("--rewrite"):
        assert now == told


def test_a_line_that_is_no_event_is_named() -> None:
    with pytest.raises(MalformedTrace, match=r"line 2: '1\.0 > frob 3'"):
        replay("# A broken one.\n1.0 > frob 3\n")


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(MalformedTrace, match="no rule 'barge_out'"):
        replay("rules barge_out=True\n")


def test_masking_keeps_the_shape_and_nothing_else() -> None:
    assert masked("Call Leah, 03-555!") == "xxxx xxxx, 00-000!"
    assert masked("שלום 7") == "xxxx 0"


@given(st.text())
@settings(deadline=None)
def test_whatever_is_said_a_trace_replays_to_itself(text: str) -> None:
    lines: list[str] = []
    trace = Trace(lines.append)
    conversation = Conversation(Rules())
    events: list[ev.Event] = [
        ev.Answered(),
        ev.Sentence(1, text),
        ev.ReplyAudio(1, silence(0.5), (ev.Word(text, 0.1), ev.Word("x", 0.2))),
        ev.ReplyFailed(1, text),
        ev.HungUp(text),
    ]
    for event in events:
        trace.record(event, 0.5, conversation.handle(event, 0.5), conversation.state)
    told = "".join(f"{line}\n" for line in lines)
    assert replay(told) == told


def test_a_call_is_masked_unless_it_is_asked_for(tmp_path: Path) -> None:
    async def main(trace_text: bool) -> str:
        traces = TraceFiles(tmp_path / str(trace_text))
        equipment = Equipment(Rules(), lambda _: Deaf(), lambda _: Silent(), lambda *_: Silent())
        board = Switchboard(equipment, traces, most=1, trace_text=trace_text)
        call = board.open(CallFacts("call-1", "test"), Nowhere())
        with pytest.raises(Busy, match="all 1 lines are taken"):
            board.open(CallFacts("call-2", "test"), Nowhere())
        async with asyncio.TaskGroup() as group:
            group.create_task(call.run())
            call.answered()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            call.hung_up("gone")
        assert board.live == set()
        traces.close()
        (path,) = (tmp_path / str(trace_text)).iterdir()
        return path.read_text()

    assert "the secret" in asyncio.run(main(True))
    masked_text = asyncio.run(main(False))
    assert "secret" not in masked_text
    assert "xxx xxxxxx" in masked_text


class Silent:
    """A brain with one sentence, and a voice with none."""

    async def reply(self, heard: object) -> AsyncGenerator[str]:
        yield "the secret"

    def expected(self) -> list[str]:
        return []

    async def guess(self, words: str) -> None: ...

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        await asyncio.Event().wait()
        yield Speech(b"")


class Nowhere:
    """A line that nobody is at."""

    def play(self, turn: int, pcm: bytes) -> None: ...

    def end_reply(self, turn: int) -> None: ...

    def clear(self) -> None: ...

    def hang_up(self, why: str) -> None: ...

    def transfer(self, key: str) -> None: ...
