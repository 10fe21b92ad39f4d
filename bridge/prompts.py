"""What Asterisk itself tells a caller when the agent cannot, as sound files made from these texts.

    python -m bridge.prompts FOLDER

The local voice reads them, so that no sound package is needed; `asterisk/run` calls this once. The
words are pointed and gendered as in `engine/dialogue/texts.py`."""

import math
import shutil
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.core.audio import RATE
from engine.dialogue.numerals import digit_in_words
from engine.dialogue.profile import Language, Texts
from engine.ports import ProviderFailed
from engine.providers import local
from engine.providers.jobs import Piece, open_mouth

PROMPTS: dict[str, Texts] = {
    "moment": {"he": "רַק רֶ֫גַע, בְּבַקָּשָׁה.", "en": "One moment, please."},
    "sorry": {
        "he": "סְלִיחָה, יֵשׁ לָ֫נוּ תַּקָּלָה. אֲנִי מַעֲבִירָה אֶתְכֶם לְנָצִיג שֶׁל הַמִּשְׂרָד.",
        "en": "Sorry, we have a technical problem. I'm transferring you to a colleague.",
    },
    "nobody": {
        "he": "סְלִיחָה, אֵין נָצִיג פָּנוּי כָּעֵת. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב מְאוּחָר יוֹתֵר. לְהִתְרָאוֹת!",
        "en": "Sorry, nobody is free right now. Please call again later. Goodbye!",
    },
    # To the person who is asked whether to take a caller; the number is read between them.
    "call-from": {"he": "שִׂיחָה מֵהַמִּסְפָּר,", "en": "A call from,"},
    "call-withheld": {"he": "שִׂיחָה מִמִּסְפָּר חָסוּי.", "en": "A call from a withheld number."},
    "press-one": {"he": "לְקַבָּלַת הַשִּׂיחָה הַקִּישׁוּ אַחַת.", "en": "To take the call, press one."},
}
LANGUAGES: tuple[Language, ...] = ("he", "en")
_SLOWER = 0.95
_CHORD = (220.0, 277.18, 329.63)
_CHORD_SECONDS = 8.0
_CHORD_LEVEL = 900.0

Say = Callable[[Piece], bytes]


def main() -> int:
    folder = Path(sys.argv[1])
    try:
        make(folder, open_mouth({}, "Piper" not in " ".join(local.check(whisper=False))))
    except ProviderFailed as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


def make(folder: Path, say: Say) -> None:
    """The folder appears complete or not at all. Asterisk's names: `he/kav/sorry.wav` is
    `Playback(kav/sorry)` in Hebrew; `he/digits/0.wav` is for `SayDigits`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        new.chmod(0o755)
        for language in LANGUAGES:
            for name, text in _texts(language).items():
                _write(new / language / f"{name}.wav", say(Piece(text, language, _SLOWER)))
        _write(new / "hold" / "chord.wav", _chord())
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _texts(language: Language) -> dict[str, str]:
    told = {f"kav/{name}": texts[language] for name, texts in PROMPTS.items()}
    digits = {f"digits/{digit}": digit_in_words(digit, language) for digit in range(10)}
    return told | digits


def _chord() -> bytes:
    """A soft chord that swells and fades, without a seam where it begins again."""
    at = np.arange(round(_CHORD_SECONDS * RATE)) / RATE
    swell = np.sin(math.pi * at / _CHORD_SECONDS) ** 2
    sound = sum(np.sin(2 * math.pi * tone * at) for tone in _CHORD) * swell * _CHORD_LEVEL
    return np.asarray(sound, "<i2").tobytes()


def _write(path: Path, pcm: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)


if __name__ == "__main__":
    sys.exit(main())
