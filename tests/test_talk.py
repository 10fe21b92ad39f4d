"""`kav talk`, as it is used: lines in, lines out."""

import argparse
import asyncio
import io
import os
import pty
import select
import sys
from pathlib import Path

import pytest

from bridge.commands import talk
from bridge.doubles.latency import Latency
from bridge.doubles.openai import Fault, Script, serve_openai
from engine.store.opening import open_store

CALL = """\
אני מחפשת דירה בפלורנטין
/cut 3 רגע

עד שבעת אלפים
מתי שנוח
/cut 4 השני
הראשון
"""


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAV_DATA", str(tmp_path))
    monkeypatch.setenv("KAV_MODEL", "")


def talked(
    lines: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
) -> list[str]:
    parser = argparse.ArgumentParser()
    talk.add_arguments(parser)
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert asyncio.run(talk.run(parser.parse_args(options))) == 0
    return capsys.readouterr().out.splitlines()


def test_a_call_from_a_pipe_ends_with_a_meeting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = talked(CALL, capsys, monkeypatch)
    assert shown[:2] == [
        "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים.",
        "I'm automated and speak English too. How can I help?",
    ]
    assert "> אני מחפשת דירה בפלורנטין" in shown
    assert "בטח, קחו את הזמן." in shown  # the answer to «רגע»
    assert "לא שמעתי טוב, אפשר לחזור על התקציב?" in shown  # the answer to the empty line
    assert any(line.startswith("שוב:") for line in shown)  # the second window was not heard
    assert shown[-2] == "(she hangs up)"
    assert shown[-1].startswith("(booked: ")
    assert "budget 7000" in shown[-1]


def test_a_call_that_stops_in_the_middle_is_hung_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert talked("hello\n", capsys, monkeypatch)[-1] == "(you hang up)"


def test_keys_low_confidence_and_the_whole_sentence_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "#1\n/unsure Jaffa\n/again Florentin\n/what\n"
    shown = talked(lines, capsys, monkeypatch)
    assert shown[3].startswith("לפלורנטין הקישו אחת")
    assert shown[5].startswith("לפלורנטין הקישו אחת")  # Jaffa was not heard
    assert shown[7] == "In Florentin."
    assert shown[-3].startswith("(/cut N words")


def test_what_was_understood_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = talked("Jaffa\n", capsys, monkeypatch)
    explained = talked("Jaffa\n", capsys, monkeypatch, "--explain")
    (added,) = [line for line in explained if line not in plain]
    assert added.startswith("   (rules: language: en")
    assert "jaffa" in added


def test_points_and_direction_are_a_matter_of_choice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert talked("", capsys, monkeypatch, "--points")[0].startswith("שָׁלוֹם, כָּאן")
    turned = talked("", capsys, monkeypatch, "--bidi", "kav")[0]
    assert turned.endswith("האל ןאכ ,םולש")
    assert turned.startswith(".")  # where a line ends that runs from right to left


@pytest.mark.parametrize("fault", [None, Fault.BROKEN])
def test_a_model_that_is_configured_is_asked_and_shown(
    fault: Fault | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = argparse.ArgumentParser()
    talk.add_arguments(parser)
    monkeypatch.setattr(
        sys, "stdin", io.StringIO("hello\nsomewhere near the old harbor, by the sea\n")
    )

    async def go() -> None:
        script = Script(first_token=Latency(), tokens_per_second=1e9, always=fault)
        async with serve_openai(script) as url:
            monkeypatch.setenv("KAV_MODEL", "double")
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            assert await talk.run(parser.parse_args(["--explain"])) == 0

    asyncio.run(go())
    shown = capsys.readouterr().out
    if fault is None:
        assert "   (model: language: en)" in shown
        assert "Happy to help. Which neighborhood do you have in mind?" in shown.replace("\n", " ")
    else:
        assert "(by rules: The model: " in shown
        assert "Could you repeat the area?" in shown


@pytest.mark.parametrize("options", [(), ("--keep",)])
def test_meetings_are_kept_only_if_asked_for(
    options: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    talked(CALL, capsys, monkeypatch, *options)

    async def kept() -> int:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            return len(await store.bookings.booked())

    assert asyncio.run(kept()) == len(options)


RUN = """
import argparse, sys, uvloop
from bridge.commands import talk
from bridge.doubles.latency import Latency
from bridge.doubles.openai import Fault, Script, serve_openai
parser = argparse.ArgumentParser()
talk.add_arguments(parser)
sys.exit(uvloop.run(talk.run(parser.parse_args([]))))
"""


def test_at_a_prompt_ctrl_c_hangs_up() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", RUN])
    shown = b""
    while not shown.endswith(b"> "):
        shown += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    while b"(you hang up)" not in shown:
        if select.select([terminal], [], [], 2.0)[0]:
            shown += os.read(terminal, 1024)
        else:  # between the prompt and the reading of a line a key can get lost
            os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    os.close(terminal)
    assert b"Traceback" not in shown
