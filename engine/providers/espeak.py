"""espeak-ng as a program beside ours: sounds of a text, or the speech itself.

It is never linked (GPL); without it this machine cannot read English aloud."""

import re
import subprocess
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.ports import ProviderFailed

RATE = 22050
_VOICES = {"en": "en-us", "he": "he"}
_WORDS_PER_MINUTE = 175
_LIMIT = 5.0
_WAV_HEADER = 44
_MNEMONICS = {
    "dʒ": "dZ", "tʃ": "tS", "ʃ": "S", "ʒ": "Z", "χ": "X", "ʁ": "R", "ɡ": "g", "ˈ": "'",
}  # fmt: skip
_SOUND = re.compile("|".join(_MNEMONICS))
_WORD = re.compile(r"[\w']+")
_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")


@lru_cache(maxsize=512)
def ipa(text: str) -> str:
    """The sounds of English, clauses separated by commas; nothing of the closing mark."""
    printed = _run("-q", "--ipa", "-v", _VOICES["en"], "--", text).decode()
    clauses = (_LANGUAGE_SWITCH.sub("", line).strip() for line in printed.splitlines())
    return ", ".join(clause for clause in clauses if clause)


def speak(text: str, language: str, rate: float) -> npt.NDArray[np.float32]:
    """Samples at `RATE`."""
    words = str(round(_WORDS_PER_MINUTE * rate))
    wav = _run("--stdout", "-s", words, "-v", _VOICES[language], "--", text)
    # The header's length is that of an endless stream: what follows it is the sound.
    return np.asarray(np.frombuffer(wav[_WAV_HEADER:], np.int16) / 32768, np.float32)


def hebrew_by_sounds(ipa: str) -> str:
    """The text for `speak` that sounds like this. Its own reading of Hebrew guesses the vowels."""
    spelled = (_SOUND.sub(lambda sound: _MNEMONICS[sound[0]], word) for word in ipa.split())
    return " ".join(_WORD.sub(r"[[\g<0>]]", word) for word in spelled)


def _run(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["espeak-ng", *arguments], capture_output=True, check=True, timeout=_LIMIT
        )
    except FileNotFoundError:
        raise ProviderFailed(
            "espeak-ng is not installed: install it (Debian: apt-get install espeak-ng)"
        ) from None
    except subprocess.SubprocessError as why:
        raise ProviderFailed(f"espeak-ng failed: {why}") from why
    return done.stdout
