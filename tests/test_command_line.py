"""`kav` as a user meets it: exit codes, and one clear sentence when something is wrong."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.__main__ import main
from bridge.commands.settings import table

ROOT = Path(__file__).parents[1]
TRACE = ROOT / "tests" / "traces" / "barge_in.txt"


def kav(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"KAV_AUDIOSOCKET_PRT": "1"}, "did you mean KAV_AUDIOSOCKET_PORT?"),
        ({"BARGE_IN_GRACE_SEC": "0.5"}, "BARGE_IN_GRACE_SEC is '0.5': input should be less than"),
        ({"MIN_UTT_SEC": "soon"}, "MIN_UTT_SEC is 'soon': input should be a valid number"),
        ({"MIN_UTT_SEC": "3", "MAX_UTT_SEC": "2"}, "MIN_UTT_SEC must be less than MAX_UTT_SEC"),
        ({"KAV_HTTP_HOST": "0.0.0.0"}, "TWILIO_AUTH_TOKEN is needed"),
        ({"TWILIO_AUTH_TOKEN": "hush"}, "KAV_PUBLIC_URL must be the https:// address"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    environment: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("kav: ")
    assert told.count("\n") == 1
    assert "hush" not in told


def test_a_wrong_profile_is_one_sentence_and_the_process_s_exit_code_2() -> None:
    result = kav("serve", KAV_PROFILE="/nowhere.yaml")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("kav: KAV_PROFILE: ")


def test_check_prints_the_budget_of_the_defaults_and_they_fit() -> None:
    result = kav("check")
    assert result.returncode == 0
    assert "   100 ms  interruption, Twilio: caller's first sound to `clear`" in result.stdout
    assert "   690 ms  end of utterance, left to recognizer, brain and voice" in result.stdout


def test_check_says_what_is_too_slow_for_the_contract() -> None:
    result = kav("check", BARGE_IN_HOLD_FRAMES="9")
    assert result.returncode == 1
    assert result.stderr.startswith("kav: interruption, AudioSocket")


@pytest.mark.parametrize("door", ["AUDIOSOCKET", "HTTP"])
def test_a_taken_port_is_one_sentence_and_exit_code_2(door: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"KAV_AUDIOSOCKET_PORT": "0", "KAV_HTTP_PORT": "0", f"KAV_{door}_PORT": str(port)}
        result = kav("serve", KAV_DATA=str(tmp_path), **ports)
    assert result.returncode == 2
    assert result.stderr == (
        f"kav: cannot listen on 127.0.0.1:{port}: it is taken; "
        f"set KAV_{door}_HOST or KAV_{door}_PORT\n"
    )


def test_an_unknown_setting_in_the_env_file_is_found_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VAD_BASE_RSM=40\n")
    result = subprocess.run(
        [sys.executable, "-m", "bridge", "settings"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "VAD_BASE_RSM is not a setting of Kav; did you mean VAD_BASE_RMS?" in result.stderr


def test_help_names_every_command() -> None:
    result = kav("--help")
    assert result.returncode == 0
    for command in ("serve", "call", "phone", "replay", "settings"):
        assert command in result.stdout


def test_a_trace_that_is_decided_as_then_is_said_to_be() -> None:
    result = kav("replay", str(TRACE))
    assert (result.returncode, result.stdout) == (0, "The core decides today as it did then.\n")


def test_a_trace_that_is_decided_otherwise_is_shown_as_a_difference(tmp_path: Path) -> None:
    changed = tmp_path / "changed.txt"
    changed.write_text(TRACE.read_text().replace("  < clear\n", "  < nothing\n"))
    result = kav("replay", str(changed))
    assert result.returncode == 1
    assert "-2.210   < nothing" in result.stdout
    assert "+2.210   < clear" in result.stdout


def test_what_is_no_trace_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("dear diary\n")
    result = kav("replay", str(other))
    assert result.returncode == 2
    assert "line 1: 'dear diary'" in result.stderr


def test_the_readme_lists_the_settings_as_they_are() -> None:
    assert table() in (ROOT / "README.md").read_text()
