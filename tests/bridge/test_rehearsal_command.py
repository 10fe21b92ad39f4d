"""`kav rehearse` from outside: what it refuses, what it prints, its exit codes; and one small
AudioSocket server that it calls over real sockets."""

import argparse
import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.commands import rehearse as command
from bridge.rehearsal.callers import Cast
from bridge.rehearsal.checks import CHECKS
from bridge.rehearsal.phone import CallFailed
from bridge.rehearsal.results import Finding, Recording
from bridge.rehearsal.roads import Doors, Road, road
from bridge.rehearsal.runner import rehearse, save, table
from bridge.rehearsal.stage import QUICK, Stage
from bridge.rehearsal.told import Traces
from bridge.rehearsal.verdicts import Judged
from engine.core.audio import FRAME_BYTES
from tests import virtual_time
from tests.bridge.scripted_agent import Agent, Manners, Talker, road_to

PLAN = replace(QUICK, quiet=2.0, weak=0)


def asked(*options: str) -> int:
    """The exit code of `kav rehearse` with these options."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return asyncio.run(command.run(parser.parse_args(options)))


def finding(verdict: str) -> Finding:
    return Finding("barge-in", "twilio", "soon", "late", verdict, "why it is")  # type: ignore[arg-type] # one of three


def stage(way: Road) -> Stage:
    return Stage(way, Cast(Talker(), ("en",)), PLAN, Traces(Path("nowhere")), None, lambda _: None)


def test_every_check_is_listed_with_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("--list") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(CHECKS)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["barge"], "there is no check 'barge'"),
        (["--calls", "0"], "--calls 0: at least 1"),
        (["--rtt", "-5"], "not less than 0"),
        (["--minutes", "0"], "more than 0 expected"),
        (["--audiosocket", "9092"], "HOST:PORT expected"),
        (["--log", "nowhere.jsonl"], "there is no file nowhere.jsonl"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(*options) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_nobody_there_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert asked("--quick", "--audiosocket", f"127.0.0.1:{port}") == 2
    assert f"nothing listens on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["passed", "passed"], 0),
        (["passed", "not done"], 0),
        (["passed", "failed", "not done"], 1),
        ([], 0),
    ],
)
def test_the_exit_code_is_1_if_a_bar_was_missed(verdicts: list[str], code: int) -> None:
    assert command.exit_code([finding(verdict) for verdict in verdicts]) == code


def test_the_table_has_a_row_for_each_finding_and_the_reasons_below() -> None:
    lines = table([finding("failed"), finding("passed")]).splitlines()
    assert lines[0].split() == ["check", "road", "bar", "measured", "verdict"]
    assert lines[1].split() == ["barge-in", "twilio", "soon", "late", "failed"]
    assert "twilio barge-in: why it is" in lines[4:]


def test_recordings_are_stereo_files_beside_the_report(tmp_path: Path) -> None:
    one = Recording("a", "twilio", caller=b"\1\0" * 10, agent=b"\2\0" * 12, file="a.wav")
    save(tmp_path, [one])
    assert (tmp_path / "a.wav").read_bytes().endswith(b"\1\0\2\0" * 10)


def test_a_bar_that_was_missed_while_the_callers_were_late_is_not_judged() -> None:
    results: list[Judged] = []

    async def main() -> None:
        busy = stage(road_to(Manners(hold=0)))
        busy.lateness.extend([0.02] * 100_000)
        results.extend(await rehearse(busy, ["barge-in"]))

    virtual_time.run(main())
    (found,) = results
    assert found.finding.verdict == "not done"
    assert "the machine was too busy to judge: callers' timers 20 ms late" in found.finding.why


def test_an_agent_that_says_nothing_fails_and_nothing_else_is_done() -> None:
    results: list[Judged] = []

    async def main() -> None:
        results.extend(await rehearse(stage(road_to(Manners(mute=True))), ["echo"]))

    virtual_time.run(main())
    verdicts = [(one.finding.check, one.finding.verdict) for one in results]
    assert verdicts == [("greeting", "failed"), ("echo", "not done")]


@asynccontextmanager
async def answering(manners: Manners) -> AsyncIterator[int]:
    """An AudioSocket server on loopback: the scripted agent, in step with what comes in."""
    lines: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        lines.append(task)
        agent = Agent(manners)
        try:
            while True:
                header = await reader.readexactly(3)
                payload = await reader.readexactly(int.from_bytes(header[1:], "big"))
                if len(payload) == FRAME_BYTES:
                    writer.write(b"\x10\x01\x40" + agent.frame(payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait(lines)


@pytest.mark.e2e
def test_any_audiosocket_server_can_be_rehearsed() -> None:
    async def verdict(manners: Manners) -> str:
        async with answering(manners) as port:
            doors = Doors(("127.0.0.1", port), "http://127.0.0.1:1/")
            async with road("audiosocket", doors, Path("nowhere")) as way:
                results = await rehearse(stage(way), ["quiet-line"])
        return results[0].finding.measured

    async def main() -> tuple[str, str]:
        async with asyncio.TaskGroup() as group:
            good = group.create_task(verdict(Manners()))
            haunted = group.create_task(verdict(Manners(ghost_after=0.3)))
        return good.result(), haunted.result()

    good, haunted = asyncio.run(main())
    assert good.startswith("0 in ")
    assert haunted.startswith("1 in ")


@pytest.mark.e2e
def test_a_server_that_is_gone_is_told_by_its_address() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        doors = Doors(("127.0.0.1", port), "")
        async with road("audiosocket", doors, Path("nowhere")) as way:
            await rehearse(stage(way), ["quiet-line"])

    with pytest.raises(CallFailed, match="nothing listens on"):
        asyncio.run(main())
