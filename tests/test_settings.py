"""Each setting does what its name says, and only that."""

from dataclasses import fields

import pytest

from bridge.settings import Settings
from engine.core.rules import Rules


@pytest.mark.parametrize(
    ("setting", "value", "rule", "expected"),
    [
        ("barge_in", False, "barge_in", False),
        ("barge_in_voice_frames", 12, "barge_in_voice_frames", 12),
        ("barge_in_grace_sec", 0.25, "barge_in_grace", 0.25),
        ("min_utt_sec", 0.8, "min_utterance", 0.8),
        ("max_utt_sec", 4.8, "max_utterance", 4.8),
        ("reply_refractory_ms", 700, "refractory", 0.7),
        ("vad_hangover_ms", 240, "hangover", 0.24),
        ("kav_end_silence_ms", 640, "end_silence", 0.64),
        ("vad_base_rms", 50, "vad_base_rms", 50),
        ("vad_calibration_frames", 40, "vad_calibration_frames", 40),
        ("tts_tail_silence_ms", 300, "tail_silence", 0.3),
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


def test_an_empty_token_is_no_token() -> None:
    with pytest.raises(ValueError, match="TWILIO_AUTH_TOKEN is needed"):
        Settings.model_validate({"twilio_auth_token": "", "kav_http_host": "0.0.0.0"})
