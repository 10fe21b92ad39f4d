"""The cloud as an operator meets it: keys, and whether each provider works. On loopback."""

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.__main__ import main
from bridge.commands.check import providers_work
from bridge.doubles import everything, google_speech, openai
from bridge.settings import Settings, read_profile

KEY = "GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON"


@pytest.fixture(scope="module")
def account() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "office",
        "client_email": "leah@office.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": pem.decode(),
    }


def check(monkeypatch: pytest.MonkeyPatch, **environment: str) -> int:
    monkeypatch.setenv("KAV_RECOGNIZER", "google,local")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return main(["check"])


def test_a_good_key_is_taken(account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, **{KEY: json.dumps(account)}) == 0


def test_line_ends_of_two_characters_are_mended(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    escaped = account | {"private_key": account["private_key"].replace("\n", "\\n")}
    assert check(monkeypatch, **{KEY: json.dumps(escaped)}) == 0


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("none", f"so {KEY} is needed"),
        ("not JSON", "is not JSON"),
        ("base64", "is JSON in base64"),
        ("wrong type", "has the type 'authorized_user'"),
        ("no email", "has no client_email"),
        ("cut key", "cannot be read"),
    ],
)
def test_a_broken_key_is_one_sentence_and_exit_code_2(
    broken: str,
    sentence: str,
    account: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = json.dumps(account)
    lines = account["private_key"].splitlines(keepends=True)
    text = {
        "none": "",
        "not JSON": whole[:40],
        "base64": base64.b64encode(whole.encode()).decode(),
        "wrong type": json.dumps(account | {"type": "authorized_user"}),
        "no email": json.dumps(account | {"client_email": ""}),
        "cut key": json.dumps(account | {"private_key": "".join([*lines[:5], lines[-1]])}),
    }[broken]
    assert check(monkeypatch, **{KEY: text}) == 2
    told = capsys.readouterr().err
    assert told.startswith("kav: ")
    assert told.count("\n") == 1
    assert sentence in told
    assert lines[3].strip() not in told


SCRIPT = everything.script(
    hears=["hello"],
    aloud=False,
    misheard=0.0,
    speech_fault=None,
    voice_fault=None,
    model_fault=None,
)
REFUSED = google_speech.Fault("PERMISSION_DENIED")


def live(script: everything.Script, folder: Path) -> bool:
    async def ask() -> bool:
        async with everything.serve(script) as (speech, voice, api):
            settings = Settings(
                kav_recognizer=("google", "openai", "local"),
                kav_voice=("google", "openai", "local"),
                kav_model="double",
                kav_google_speech_endpoint=speech,
                kav_google_voice_endpoint=voice,
                openai_base_url=api,
                kav_data=folder,
            )
            return await providers_work(settings, read_profile(settings), live=True)

    return asyncio.run(ask())


def test_each_provider_is_asked_and_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live(SCRIPT, tmp_path)
    told = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "recognizer google",
        "recognizer openai",
        "voice google",
        "voice openai",
        "model openai",
    ]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            replace(SCRIPT, speech=replace(SCRIPT.speech, faults=(REFUSED,))),
            "recognizer google: ",
        ),
        (
            replace(SCRIPT, voice=replace(SCRIPT.voice, refuse=grpc.StatusCode.PERMISSION_DENIED)),
            "voice google: ",
        ),
        (
            replace(SCRIPT, model=replace(SCRIPT.model, always=openai.Fault.KEY_REFUSED)),
            "model openai: ",
        ),
    ],
)
def test_a_provider_that_refuses_us_is_one_sentence(
    script: everything.Script,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not live(script, tmp_path)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"kav: {sentence}")
    assert "sk-" not in told[0]
