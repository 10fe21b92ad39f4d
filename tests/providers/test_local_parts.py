"""What is said at the start when parts of local speech are missing or damaged."""

import asyncio
from pathlib import Path

import pytest

from engine.ports import ProviderFailed
from engine.providers import local, weights


def lacking(monkeypatch: pytest.MonkeyPatch, *parts: str) -> None:
    for part in ("whisper", "piper", "espeak"):
        there = part not in parts
        monkeypatch.setattr(weights, f"{part}_is_installed", lambda there=there: there)


def test_nothing_is_missing_when_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch)
    assert local.check() == ()


@pytest.mark.parametrize(
    ("part", "consequence"),
    [
        ("whisper", "callers answer with the keypad"),
        ("piper", "espeak-ng speaks"),
        ("espeak", "apt-get install espeak-ng"),
    ],
)
def test_each_missing_part_is_told_with_its_consequence(
    monkeypatch: pytest.MonkeyPatch, part: str, consequence: str
) -> None:
    lacking(monkeypatch, part)
    (sentence,) = local.check()
    assert consequence in sentence


def test_a_bridge_without_any_part_loads_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking(monkeypatch, "whisper", "piper", "espeak")
    loaded = asyncio.run(local.load(cache=tmp_path))
    assert (loaded.recognizer, loaded.voice) == (None, None)
    assert len(loaded.missing) == 3


def test_damaged_weights_are_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (package / name).write_text("{}", encoding="utf-8")
    for name in ("model.bin.part1", "model.bin.part2"):
        (package / name).write_bytes(b"not the weights")
    monkeypatch.setattr(weights, "package_data", lambda _: package)
    with pytest.raises(ProviderFailed, match="sha256"):
        weights.joined_whisper(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
