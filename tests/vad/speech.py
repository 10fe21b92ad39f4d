"""People and voices that speak: recorded prompts, music and coughs of Debian packages, and what the
voices of this machine say. Nothing of it is kept in the project."""

import shutil
import subprocess
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]  # it has no types

from engine.core.audio import RATE
from engine.providers.jobs import Piece, open_mouth
from tests.vad.sounds import Sound, narrow, samples

FETCHED = Path(__file__).parents[2] / "var" / "sounds"
PACKAGES = {
    "asterisk-core-sounds-en-wav": "usr/share/asterisk/sounds",
    "asterisk-moh-opsound-wav": "usr/share/asterisk/moh",
    "hedgewars-data": "usr/share/games/hedgewars/Data/Sounds/voices",
}
"""Where their sounds are. Prompts: CC-BY-SA 3.0; music: CC-BY-SA; coughs and laughs: GFDL 1.3."""

SENTENCES = (
    "I am looking for an apartment in Jaffa.",
    "Up to seven thousand shekels a month.",
    "Can I speak to a person, please?",
    "Three rooms, and a balcony if possible.",
    "Tomorrow morning would be fine for me.",
    "Could you repeat the last one?",
)
HEBREW = (
    "אֲנִי מְחַפֵּשׂ דִּירָה בְּפְלוֹרֶנְטִין.",
    "עַד שִׁבְעַת אֲלָפִים.",
    "אֶפְשָׁר לְדַבֵּר עִם נָצִיג?",
    "מָחָר בַּבּוֹקֶר.",
)
_FLITE = ("slt", "rms", "awb") if shutil.which("flite") else ()
SHORT = ("yes", "no", "okay", "wait", "hello?", "stop")
SHORT_HEBREW = ("כֵּן", "לֹא", "רֶגַע", "הַלּוֹ?", "טוֹב", "דַּי")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Somebody says something: over the telephone, at the usual level."""

    who: str
    words: str
    sound: Sound


def fetch() -> None:
    """All packages, into `FETCHED`; what is there already is left alone."""
    for package, inside in PACKAGES.items():
        if folder(package) is None:
            FETCHED.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "-qq", "download", package], cwd=FETCHED, check=True)
            (archive,) = FETCHED.glob(f"{package}_*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, FETCHED], check=True)
            archive.unlink()
            assert folder(package), f"{package} has no {inside}"


def folder(package: str) -> Path | None:
    """Where the sounds of a package are, if it is installed or was fetched."""
    places = (root / PACKAGES[package] for root in (Path("/"), FETCHED))
    return next((place for place in places if place.is_dir()), None)


@cache
def prompts() -> tuple[Spoken, ...]:
    """Recorded sentences of one to six seconds, in an order that mixes them."""
    found = folder("asterisk-core-sounds-en-wav")
    files = sorted(found.glob("en/*.wav")) if found else []
    spoken = [_recorded(path) for path in files if not path.stem.startswith(_NO_SPEECH)]
    fitting = [one for one in spoken if 1 < len(one.sound) / RATE < 6]
    return tuple(fitting[number] for number in np.random.default_rng(0).permutation(len(fitting)))


_NO_SPEECH = (
    "beep",
    "tt-monkeys",
    "ascending",
    "descending",
    "confbridge-join",
    "confbridge-leave",
)


@cache
def short_words() -> tuple[Spoken, ...]:
    """Recorded words of one or two syllables."""
    found = folder("asterisk-core-sounds-en-wav")
    names = [f"digits/{n}" for n in range(1, 13)] + [
        "digits/oh",
        "hello",
        "goodbye",
        "sorry",
        "vm-no",
    ]
    return tuple(_recorded(found / "en" / f"{name}.wav") for name in names) if found else ()


def voices(english: tuple[str, ...], hebrew: tuple[str, ...]) -> tuple[Spoken, ...]:
    """The same by the voices of this machine: Joe, espeak-ng, and flite's if it is installed."""
    joe, espeak = open_mouth({}, True), open_mouth({}, False)
    said = []
    for text in english:
        said += [Spoken(f"flite {who}", text, _flite(who, text)) for who in _FLITE]
    for language, texts in (("en", english), ("he", hebrew)):
        for text in texts:
            piece = Piece(text, language, 0.95)
            said.append(Spoken("Joe", text, narrow(samples(joe(piece)))))
            said.append(Spoken("espeak-ng", text, narrow(samples(espeak(piece)))))
    return tuple(said)


@cache
def music() -> tuple[Spoken, ...]:
    """Of a line on hold: the first minute of each piece."""
    found = folder("asterisk-moh-opsound-wav")
    files = sorted(found.glob("*.wav")) if found else []
    whole = [_recorded(path) for path in files]
    return tuple(Spoken("music", one.words, one.sound[: 60 * RATE]) for one in whole)


@cache
def recorded_noises(kind: str) -> tuple[Spoken, ...]:
    """People who cough (`PoisonCough`) or laugh (`Laugh`); sox decodes them."""
    found = folder("hedgewars-data") if shutil.which("sox") else None
    once = (
        {path.read_bytes(): path for path in sorted(found.glob(f"*/{kind}.ogg"))} if found else {}
    )
    return tuple(Spoken(path.parent.name, kind, narrow(_decoded(path))) for path in once.values())


def _recorded(path: Path) -> Spoken:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        sound = samples(file.readframes(file.getnframes()))
    return Spoken("prompt", path.stem, narrow(sound))


def _decoded(path: Path) -> Sound:
    told = ["sox", "-V1", str(path), "-r", str(RATE), "-c", "1", "-b", "16", "-t", "raw", "-"]
    return samples(subprocess.run(told, capture_output=True, check=True).stdout)


def _flite(who: str, text: str) -> Sound:
    told = ["flite", "-voice", who, "-t", text, "-o", "/dev/stdout"]
    wav = subprocess.run(told, capture_output=True, check=True).stdout
    return narrow(np.asarray(soxr.resample(samples(wav[44:]), 16000, RATE), np.float64))
