"""`kav outbound`: what was placed, and who opts out."""

from pathlib import Path

import pytest

from bridge.__main__ import main

NUMBER = "+97235550199"


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_whoever_opts_out_is_not_called_until_they_opt_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("KAV_OUTBOUND", "true"),
        ("KAV_OUTBOUND_PREFIXES", "+9723"),
        ("KAV_OUTBOUND_FROM", "+97235550100"),
        ("KAV_OUTBOUND_QUIET", "none"),
        ("KAV_PUBLIC_URL", "https://kav.example"),
        ("TWILIO_ACCOUNT_SID", "AC" + 32 * "0"),
        ("TWILIO_API_KEY", "SK" + 32 * "0"),
        ("TWILIO_API_SECRET", "secret"),
        ("KAV_TWILIO_ENDPOINT", "http://127.0.0.1:9"),
    ):
        monkeypatch.setenv(name, value)
    dial = ["twilio", "dial", "--number", NUMBER, "--consent", "form 7"]
    assert main(["outbound", "opt-out", "--number", NUMBER]) == 0
    assert main(dial) == 2
    assert "does not want to be called" in capsys.readouterr().err
    assert main(["outbound", "list"]) == 0
    assert capsys.readouterr().out == "No call was placed yet.\n"
    assert main(["outbound", "opt-in", "--number", NUMBER]) == 0
    assert main(dial) == 1
    assert main(["outbound", "list"]) == 0
    [line] = capsys.readouterr().out.splitlines()[1:]
    assert line.endswith(f"UTC  {NUMBER}     failed     form 7")


def test_an_opt_out_needs_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbound", "opt-out", "--number", "035550199"]) == 2
    assert "opt-out needs --number" in capsys.readouterr().err
