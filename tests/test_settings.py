"""Each setting does what its name says, and only that."""

from dataclasses import fields
from pathlib import Path

import pytest

import engine.profile
from bridge.equipment import rules_for
from bridge.settings import BadSettings, Settings, read_profile
from engine.core.rules import Rules
from engine.profile import shipped_profile


@pytest.mark.parametrize(
    ("setting", "value", "rule", "expected"),
    [
        ("barge_in", False, "barge_in", False),
        ("barge_in_hold_frames", 5, "barge_in_hold_frames", 5),
        ("barge_in_voice_frames", 12, "barge_in_voice_frames", 12),
        ("barge_in_grace_sec", 0.25, "barge_in_grace", 0.25),
        ("min_utt_sec", 0.8, "min_utterance", 0.8),
        ("max_utt_sec", 4.8, "max_utterance", 4.8),
        ("reply_refractory_ms", 700, "refractory", 0.7),
        ("vad_hangover_ms", 240, "hangover", 0.24),
        ("kav_end_silence_ms", 640, "end_silence", 0.64),
        ("kav_end_silence_complete_ms", 400, "end_silence_complete", 0.4),
        ("kav_end_silence_unfinished_ms", 900, "end_silence_unfinished", 0.9),
        ("vad_base_rms", 50, "vad_base_rms", 50),
        ("vad_calibration_frames", 40, "vad_calibration_frames", 40),
        ("tts_tail_silence_ms", 300, "tail_silence", 0.3),
        ("kav_silence_sec", 5.0, "silence", 5.0),
        ("kav_noise_sec", 30.0, "wordless", 30.0),
        ("kav_noise_cuts", 2, "wordless_cuts", 2),
        ("kav_monologue_sec", 90.0, "monologue", 90.0),
        ("kav_call_minutes", 30.0, "call_limit", 1800.0),
    ],
)
def test_a_setting_changes_its_own_rule_and_no_other(
    setting: str, value: object, rule: str, expected: object
) -> None:
    rules = Settings.model_validate({setting: value}).rules()
    changed = {
        field.name: getattr(rules, field.name)
        for field in fields(Rules)
        if getattr(rules, field.name) != getattr(Rules(), field.name)
    }
    assert changed == {rule: expected}


def test_the_defaults_are_the_contract_s() -> None:
    assert Settings.model_validate({}).rules() == Rules()


def test_who_cannot_be_answered_is_given_to_whom_the_profile_names_first() -> None:
    settings = Settings.model_validate({})
    assert rules_for(settings, shipped_profile("spokes")).way_out == "workshop"
    assert rules_for(settings, shipped_profile("shai")) == Rules()


def test_an_address_that_may_hold_a_key_is_not_shown() -> None:
    url = "https://office.example/hook?key=hidden"
    told = Settings.model_validate({"kav_webhook_url": url, "kav_webhook_secret": "whsec_x"})
    assert "hidden" not in repr(told)


def test_an_empty_token_is_no_token() -> None:
    with pytest.raises(ValueError, match="TWILIO_AUTH_TOKEN is needed"):
        Settings.model_validate({"twilio_auth_token": "", "kav_http_host": "0.0.0.0"})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"barge_in_hold_frames": 11}, "BARGE_IN_HOLD_FRAMES must not be more than"),
        ({"vad_hangover_ms": 320}, "VAD_HANGOVER_MS must not be more than KAV_END_SILENCE_COMPL"),
        ({"kav_end_silence_complete_ms": 600}, "must not be more than KAV_END_SILENCE_MS"),
        ({"kav_end_silence_ms": 1300}, "must not be more than KAV_END_SILENCE_UNFINISHED_MS"),
        (
            {"max_utt_sec": 2.0, "kav_end_silence_unfinished_ms": 2100},
            "KAV_END_SILENCE_UNFINISHED_MS must not be more than MAX_UTT_SEC",
        ),
    ],
)
def test_numbers_of_turn_taking_that_contradict_each_other(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kav_recognizer": "local,google"}, "KAV_RECOGNIZER is a list with at most one of"),
        ({"kav_recognizer": "none,local"}, "KAV_RECOGNIZER is a list with at most one of"),
        ({"kav_recognizer": ","}, "KAV_RECOGNIZER is a list with at most one of"),
        ({"kav_voice": "espeak,google"}, "KAV_VOICE is a list with at most one of"),
        ({"kav_voice": "google,google,local"}, "KAV_VOICE names a provider twice"),
        ({"kav_voice": "google"}, "GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON is needed"),
        ({"kav_model": "some"}, "OPENAI_API_KEY is needed"),
        ({"kav_openai_voice": "tts-1"}, "String should match pattern"),
        ({"kav_google_voices": "Kore"}, "String should match pattern"),
        (
            {"kav_google_speech_endpoint": "speech.example.com:443"},
            "KAV_GOOGLE_SPEECH_ENDPOINT must be HOST:PORT on this machine",
        ),
    ],
)
def test_providers_that_make_no_sense_are_refused(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings.model_validate(settings)


def test_providers_are_a_list_and_only_their_own_key_is_needed() -> None:
    given = {
        "kav_recognizer": "google, local",
        "kav_google_speech_endpoint": "127.0.0.1:9101",
        "kav_google_voices": "he-IL-Chirp3-HD-Kore,",
    }
    settings = Settings.model_validate(given)
    assert settings.kav_recognizer == ("google", "local")
    assert settings.kav_google_voices == ("he-IL-Chirp3-HD-Kore",)


AMI = {"kav_ami_host": "10.0.0.5", "kav_ami_secret": "hush"}
PBX = {"kav_ami_host": "127.0.0.1", "kav_ami_secret": "hush"}
TOKEN = {"twilio_auth_token": "hush", "kav_public_url": "https://kav.example"}
TWILIO = {"twilio_account_sid": "AC" + 32 * "0"}
KEY = {"twilio_api_key": "SK" + 32 * "0", "twilio_api_secret": "hush"}


@pytest.mark.parametrize(
    ("has", "lacks"),
    [
        ({}, "KAV_AMI_HOST"),
        (TWILIO, "KAV_AMI_HOST"),
        (KEY, "KAV_AMI_HOST"),
        (TOKEN, "TWILIO_ACCOUNT_SID is needed"),
        (TOKEN | PBX, "TWILIO_ACCOUNT_SID is needed"),
    ],
)
def test_a_recording_that_nobody_can_make_is_refused(has: dict[str, object], lacks: str) -> None:
    Settings.model_validate(has)
    with pytest.raises(ValueError, match=f"KAV_RECORD is on, so {lacks}"):
        Settings.model_validate(has | {"kav_record": "on"})


@pytest.mark.parametrize(
    ("has", "recorded"),
    [
        (PBX, {"audiosocket"}),
        (TWILIO | TOKEN, {"twilio"}),
        (TWILIO | KEY, {"twilio"}),
        (TWILIO | TOKEN | PBX, {"audiosocket", "twilio"}),
    ],
)
def test_each_line_is_recorded_by_its_own_means(has: dict[str, object], recorded: set[str]) -> None:
    lines = ("audiosocket", "twilio")
    off, on = Settings.model_validate(has), Settings.model_validate(has | {"kav_record": "on"})
    assert {line for line in lines if on.records(line)} == recorded
    assert not any(off.records(line) for line in lines)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kav_ami_host": "127.0.0.1"}, "so KAV_AMI_SECRET is needed"),
        (AMI, "its secret would be sent in clear: set KAV_AMI_TLS"),
        ({"kav_pbx_transfers": "office,+972501234567"}, "String should match pattern"),
        ({"kav_pbx_transfers": "Office"}, "String should match pattern"),
        ({"kav_pbx_trunk": "a/b"}, "String should match pattern"),
    ],
)
def test_a_pbx_that_would_be_unsafe_is_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings.model_validate(settings)


@pytest.mark.parametrize(
    "more", [{"kav_ami_tls": True}, {"kav_ami_unencrypted": True}, {"kav_ami_host": "localhost"}]
)
def test_a_pbx_that_is_safe_or_trusted_is_taken(more: dict[str, object]) -> None:
    settings = Settings.model_validate(AMI | {"kav_pbx_transfers": "office, sales"} | more)
    assert settings.kav_pbx_transfers == ("office", "sales")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("door", "target", "name"),
    [
        (
            {"twilio_auth_token": "t", "kav_public_url": "https://kav.example"},
            {"kav_transfers": "sales=+97235550100"},
            "KAV_TRANSFERS",
        ),
        (
            {"kav_ami_host": "127.0.0.1", "kav_ami_secret": "s"},
            {"kav_pbx_transfers": "sales"},
            "KAV_PBX_TRANSFERS",
        ),
    ],
)
def test_whom_the_profile_gives_callers_to_can_be_reached_by_each_door(
    door: dict[str, object], target: dict[str, object], name: str, tmp_path: Path
) -> None:
    profile = tmp_path / "staffed.yaml"
    shipped = (Path(engine.profile.__file__).parent / "profiles" / "shai.yaml").read_text()
    profile.write_text(shipped.replace("people: []", "people: [sales]"))
    assert read_profile(Settings(kav_profile=profile)).people == ("sales",)
    with pytest.raises(BadSettings, match=f"{name} does not have sales"):
        read_profile(Settings(kav_profile=profile, **door))  # type: ignore[arg-type]
    settings = Settings(kav_profile=profile, **door, **target)  # type: ignore[arg-type]
    assert read_profile(settings).people == ("sales",)
