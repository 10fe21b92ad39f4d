"""`kav twilio setup`: what it shows, what it does, and what it says when it cannot."""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.__main__ import main
from bridge.commands import twilio
from bridge.doubles.twilio_rest import (
    ACCOUNT,
    KEY,
    NUMBER,
    SECRET,
    Fault,
    TwilioDouble,
    TwilioScript,
    serve_twilio_rest,
)
from bridge.settings import BadSettings

SETUP = ("setup", "--number", NUMBER)
CHANGED = [
    "- voice_url               https://demo.twilio.com/welcome/voice/",
    "+ voice_url               https://kav.example/line/twilio/voice",
    "  voice_method            POST",
    "- voice_fallback_url      (none)",
    "+ voice_fallback_url      https://kav.example/line/twilio/fallback",
    "  voice_fallback_method   POST",
    "- status_callback         (none)",
    "+ status_callback         https://kav.example/line/twilio/call_status",
    "  status_callback_method  POST",
    "  voice_application_sid   (none)",
    "  trunk_sid               (none)",
]


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("KAV_PUBLIC_URL", "https://kav.example/line/"),
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_API_KEY", KEY),
        ("TWILIO_API_SECRET", SECRET),
    ):
        monkeypatch.setenv(name, value)


def kav_twilio(
    monkeypatch: pytest.MonkeyPatch, *runs: tuple[str, ...], script: TwilioScript | None = None
) -> tuple[list[int], TwilioDouble]:
    """The command, run after run, against one account: their exit codes."""

    async def go() -> tuple[list[int], TwilioDouble]:
        parser = argparse.ArgumentParser()
        twilio.add_arguments(parser)
        async with serve_twilio_rest(script) as double:
            monkeypatch.setenv("KAV_TWILIO_ENDPOINT", double.base)
            return [await twilio.run(parser.parse_args(run)) for run in runs], double

    return asyncio.run(go())


def test_what_would_change_is_shown_and_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, double = kav_twilio(monkeypatch, SETUP)
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert (codes, lines) == ([0], CHANGED)
    assert first.startswith(f"{NUMBER} (PN")
    assert last == "Nothing was changed. The same with --yes changes it."
    assert [asked.method for asked in double.asked] == ["GET"]


def test_yes_changes_it_and_a_second_time_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, double = kav_twilio(monkeypatch, (*SETUP, "--yes"), (*SETUP, "--yes"))
    out = capsys.readouterr().out
    assert codes == [0, 0]
    assert "Changed: its calls come to this bridge." in out
    assert out.endswith("It is set up already.\n")
    assert [asked.method for asked in double.asked] == ["GET", "POST", "GET"]
    [number] = double.numbers.values()
    assert number["voice_url"] == "https://kav.example/line/twilio/voice"


def test_a_file_on_the_web_can_be_the_fallback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kav_twilio(monkeypatch, (*SETUP, "--yes", "--fallback-url", "https://files.example/busy.xml"))
    out = capsys.readouterr().out
    assert "+ voice_fallback_url      https://files.example/busy.xml" in out
    assert "+ voice_fallback_method   GET" in out


def test_a_trunk_that_takes_the_calls_is_taken_off() -> None:
    wanted = twilio.setup("https://kav.example")
    there = replace(wanted, trunk_sid="TK1")
    lines = twilio.difference(there, wanted)
    assert lines[-2:] == ["- trunk_sid               TK1", "+ trunk_sid               (none)"]


def test_a_number_that_the_account_has_not_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="the account has no number"):
        kav_twilio(monkeypatch, SETUP, script=TwilioScript(numbers=(f"{NUMBER}1", "+97235550177")))


def test_refused_credentials_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_API_SECRET", "hush")
    with pytest.raises(BadSettings, match="refuses the credentials") as refused:
        kav_twilio(monkeypatch, SETUP)
    assert "hush" not in str(refused.value)


def test_the_auth_token_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWILIO_API_KEY")
    monkeypatch.delenv("TWILIO_API_SECRET")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    codes, _ = kav_twilio(monkeypatch, SETUP)
    assert codes == [0]


def test_when_twilio_is_broken_the_command_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = TwilioScript(faults=(Fault.TOO_MANY, None, Fault.BROKEN))
    codes, double = kav_twilio(monkeypatch, SETUP, (*SETUP, "--yes"), script=script)
    assert codes == [1, 1]
    assert capsys.readouterr().err == (
        "kav: list numbers: Twilio answered 429\n"
        "kav: set up the number: Twilio answered 500; it may be done all the same\n"
    )
    assert len(double.asked) == 3


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TWILIO_ACCOUNT_SID", "", "Twilio's account is not configured: set TWILIO_ACCOUNT_SID"),
        ("TWILIO_API_SECRET", "", "TWILIO_API_KEY and TWILIO_API_SECRET go together"),
        ("TWILIO_API_KEY", "hush", "TWILIO_API_KEY must be SK and 32 hexadecimal digits"),
        ("KAV_PUBLIC_URL", "", "KAV_PUBLIC_URL must be set"),
        ("KAV_TWILIO_ENDPOINT", "http://api.example", "must be an http:// address on this machine"),
    ],
)
def test_what_is_missing_is_one_sentence_and_exit_code_2(
    name: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["twilio", *SETUP]) == 2
    told = capsys.readouterr().err
    assert told.startswith("kav: ")
    assert sentence in told
    assert told.count("\n") == 1
    assert "hush" not in told


DIAL = ("dial", "--number", "+97235550199", "--consent", "call-back form of 2026-11-20")


@pytest.fixture
def _may_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (
        ("KAV_DATA", str(tmp_path)),
        ("KAV_OUTBOUND", "true"),
        ("KAV_OUTBOUND_PREFIXES", "+9723"),
        ("KAV_OUTBOUND_FROM", NUMBER),
        ("KAV_OUTBOUND_PER_HOUR", "2"),
        ("KAV_OUTBOUND_QUIET", "none"),
    ):
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_may_call")
def test_dial_tells_what_became_of_the_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = TwilioScript(progress=(("in-progress", "human"), ("busy", None)))
    codes, double = kav_twilio(monkeypatch, DIAL, DIAL, script=script)
    assert codes == [0, 1]
    assert capsys.readouterr().out == "a person has answered\nbusy\n"
    assert double.asked[0].form["Url"] == ("https://kav.example/line/twilio/voice",)
    answered_by = ("https://kav.example/line/twilio/answered_by",)
    assert double.asked[0].form["AsyncAmdStatusCallback"] == answered_by
    with pytest.raises(BadSettings, match="it is not called: 2 calls in the last hour"):
        kav_twilio(monkeypatch, DIAL)


def test_dial_is_off_unless_it_is_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="outbound calls are off"):
        kav_twilio(monkeypatch, DIAL)


@pytest.mark.usefixtures("_may_call")
def test_dial_wants_a_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="no record of consent"):
        kav_twilio(monkeypatch, DIAL[:3])


@pytest.mark.parametrize("number", ["035550100", "+972 3 555", "Leah"])
def test_what_is_no_number_is_one_sentence_and_exit_code_2(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["twilio", "setup", "--number", number]) == 2
    assert "expected + and a country code" in capsys.readouterr().err
