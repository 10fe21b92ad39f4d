"""Pointed Hebrew (with niqqud) as the sounds of modern Israeli speech, in IPA.

Pure. What the points leave open, a writer may settle with two marks of the dictionaries:
ole (U+05AB) on the stressed syllable, meteg (U+05BD) with a shva that is spoken."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHVA, HATAF_SEGOL, HATAF_PATAH, HATAF_QAMATS = "\u05b0", "\u05b1", "\u05b2", "\u05b3"
HIRIQ, TSERE, SEGOL, PATAH, QAMATS = "\u05b4", "\u05b5", "\u05b6", "\u05b7", "\u05b8"
HOLAM, HOLAM_HASER, QUBUTS, DAGESH = "\u05b9", "\u05ba", "\u05bb", "\u05bc"
METEG, SIN_DOT, QAMATS_QATAN, OLE = "\u05bd", "\u05c2", "\u05c7", "\u05ab"

_VOWELS = {
    HATAF_SEGOL: "e", HATAF_PATAH: "a", HATAF_QAMATS: "o", HIRIQ: "i", TSERE: "e", SEGOL: "e",
    PATAH: "a", QAMATS: "a", HOLAM: "o", HOLAM_HASER: "o", QUBUTS: "u", QAMATS_QATAN: "o",
}  # fmt: skip
_CONSONANTS = {
    "א": "", "ב": "v", "ג": "ɡ", "ד": "d", "ה": "h", "ו": "v", "ז": "z", "ח": "χ", "ט": "t",
    "י": "j", "כ": "χ", "ך": "χ", "ל": "l", "מ": "m", "ם": "m", "נ": "n", "ן": "n", "ס": "s",
    "ע": "", "פ": "f", "ף": "f", "צ": "ts", "ץ": "ts", "ק": "k", "ר": "ʁ", "ש": "ʃ", "ת": "t",
}  # fmt: skip
_HARD = {"ב": "b", "כ": "k", "ך": "k", "פ": "p", "ף": "p"}
_WITH_GERESH = {"ג": "dʒ", "ז": "ʒ", "צ": "tʃ", "ץ": "tʃ"}
_GUTTURALS = "אהחע"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What the points do not tell, by the letters alone.
_WHOLE = {"טלפון": "tˈelefon", "אנגלית": "anɡlˈit", "בראשית": "beʁeʃˈit"}
_STRESS_BEFORE_LAST = _words(
    "לאה דנה שרה רינה לילה הלילה למה אלה איפה חיפה בחיפה שמונה כמה ככה הנה יפו ביפו הרבה"
)
_STRESS_LAST = _words("אחת האחת אחר אהב")
_CLUSTER = _words(
    "ברית בלי ברור ברכה בריכה בריא כלי כלל כלום כמו כבר כביש כפר כניסה כתובת כתב כך בגדים"
)
_SHORT_QAMATS = _words("כל הכל בכל לכל מכל וכל שכל חכמה תכנית תכניות אמנם קרבן צהרים")

_WORD = re.compile(r"[\u0591-\u05bd\u05bf\u05c1-\u05c7א-ת׳״'\"]+|[^\s\w]|\s+|\w+")


@dataclass(frozen=True, slots=True)
class _Letter:
    base: str
    marks: frozenset[str]
    geresh: bool = False

    @property
    def vowel(self) -> str:
        """Its vowel mark, or nothing."""
        return next((mark for mark in self.marks if mark in _VOWELS), "")

    @property
    def bare(self) -> bool:
        return not self.vowel and SHVA not in self.marks


@dataclass(frozen=True, slots=True)
class _Sound:
    ipa: str
    place: int
    """Of the letter that it comes from."""
    mark: str = ""
    """A vowel's mark; nothing: it is a consonant."""


def ipa(text: str) -> str:
    """Words and punctuation in order, the stressed vowel of each word after ˈ."""
    return "".join(
        _word(token) if is_hebrew(token) else token
        for token in _WORD.findall(unicodedata.normalize("NFD", text))
    )


def is_hebrew(text: str) -> bool:
    return any("א" <= letter <= "ת" for letter in text)


def is_pointed(word: str) -> bool:
    return any(mark in _VOWELS or mark in (SHVA, DAGESH) for mark in word)


def unpointed(text: str) -> str:
    kept = (letter for letter in unicodedata.normalize("NFD", text))
    return "".join(letter for letter in kept if not "\u0591" <= letter <= "\u05c7")


def pointed(text: str, lexicon: Mapping[str, str]) -> str | None:
    """The text with all its Hebrew words pointed; `None` if one of them is not known."""
    tokens = _WORD.findall(unicodedata.normalize("NFD", text))
    found = [_pointed_word(token, lexicon) for token in tokens]
    return None if None in found else "".join(token for token in found if token)


def _pointed_word(token: str, lexicon: Mapping[str, str]) -> str | None:
    if is_hebrew(token):
        return token if is_pointed(token) else lexicon.get(token)
    return None if token[0].isalnum() else token


def _word(word: str) -> str:
    letters = _letters(word)
    bases = "".join(letter.base for letter in letters)
    if bases in _WHOLE:
        return _WHOLE[bases]
    sounds: list[_Sound] = []
    for place in range(len(letters)):
        sounds += _sounds(letters, place, bases)
    vowels = [sound for sound in sounds if sound.mark]
    stressed = _stressed(letters, vowels, bases) if vowels else None
    return "".join(("ˈ" if sound is stressed else "") + sound.ipa for sound in sounds)


def _letters(word: str) -> list[_Letter]:
    letters: list[_Letter] = []
    for sign in word:
        if sign in _CONSONANTS:
            letters.append(_Letter(sign, frozenset()))
        elif not letters:
            continue
        elif sign in "׳'":
            letters[-1] = _Letter(letters[-1].base, letters[-1].marks, geresh=True)
        elif unicodedata.combining(sign):
            letters[-1] = _Letter(letters[-1].base, letters[-1].marks | {sign}, letters[-1].geresh)
    return letters


def _sounds(letters: Sequence[_Letter], place: int, bases: str) -> list[_Sound]:
    letter = letters[place]
    before = letters[place - 1] if place else None
    if letter.base == "ו" and letter.vowel in (HOLAM, "") and (before is None or before.bare):
        if letter.vowel == HOLAM and before:
            return [_Sound("o", place, HOLAM)]
        if DAGESH in letter.marks and letter.bare:
            return [_Sound("u", place, QUBUTS)]
    if _is_silent(letters, place):
        return []
    consonant = [_Sound(_consonant(letter), place)]
    if _has_furtive_patah(letters, place):
        return [_Sound("a", place, PATAH), *consonant]
    if letter.vowel:
        return [*consonant, _Sound(_vowel(letters, place, bases), place, letter.vowel)]
    if SHVA in letter.marks and _shva_is_spoken(letters, place, bases):
        return [*consonant, _Sound("e", place, SHVA)]
    return consonant


def _consonant(letter: _Letter) -> str:
    if letter.geresh and letter.base in _WITH_GERESH:
        return _WITH_GERESH[letter.base]
    if DAGESH in letter.marks and letter.base in _HARD:
        return _HARD[letter.base]
    if letter.base == "ש" and SIN_DOT in letter.marks:
        return "s"
    return _CONSONANTS[letter.base]


def _vowel(letters: Sequence[_Letter], place: int, bases: str) -> str:
    mark = letters[place].vowel
    if mark == QAMATS:
        after = letters[place + 1] if place + 1 < len(letters) else None
        if after and after.vowel == HATAF_QAMATS:
            return "o"
        if bases in _SHORT_QAMATS and (after is None or after.base != "ה"):
            return "o"
    return _VOWELS[mark]


def _is_silent(letters: Sequence[_Letter], place: int) -> bool:
    """A letter that only lengthens or closes the vowel before it."""
    letter, last = letters[place], place == len(letters) - 1
    if not letter.bare or place == 0:
        return False
    if letter.base == "ה":
        return last
    if letter.base != "י" or DAGESH in letter.marks:
        return False
    before, after = letters[place - 1], None if last else letters[place + 1]
    if after and after.base == "ו" and after.bare and DAGESH not in after.marks:
        return True  # -av: his ...s
    if after and after.base == "ו":
        return False
    return before.vowel in (HIRIQ, TSERE, SEGOL, HATAF_SEGOL)


def _has_furtive_patah(letters: Sequence[_Letter], place: int) -> bool:
    """A patah under the last guttural is spoken before it: ruaḥ, shavua."""
    letter = letters[place]
    if place != len(letters) - 1 or place == 0 or letter.vowel != PATAH:
        return False
    before = letters[place - 1]
    return letter.base in "חעה" and (before.vowel != "" or before.base in "וי")


def _shva_is_spoken(letters: Sequence[_Letter], place: int, bases: str) -> bool:
    letter = letters[place]
    if METEG in letter.marks:
        return True
    if place == len(letters) - 1:
        return False
    after = letters[place + 1]
    if after.base == letter.base:
        return True
    if place == 0:
        return bases not in _CLUSTER and _first_shva_is_spoken(letter, after)
    before = letters[place - 1]
    if place == 1 and letter.base == "מ" and before.base == "ה" and before.vowel == PATAH:
        return True  # ha-medaber
    return SHVA in before.marks


def _first_shva_is_spoken(letter: _Letter, after: _Letter) -> bool:
    """Mostly it is not (shtayim, dvarim), but after the one-letter words and soft sounds."""
    if letter.base == "ת":
        return after.vowel == PATAH or after.base in _GUTTURALS[:2]
    return letter.base in "ולבכמניר" or after.base in "אהע"


def _stressed(letters: Sequence[_Letter], vowels: Sequence[_Sound], bases: str) -> _Sound:
    marked = [place for place, letter in enumerate(letters) if OLE in letter.marks]
    if marked:
        return next((vowel for vowel in vowels if vowel.place >= marked[0]), vowels[-1])
    if len(vowels) == 1 or bases in _STRESS_LAST:
        return vowels[-1]
    if bases in _STRESS_BEFORE_LAST or _ends_lightly(letters, vowels):
        return vowels[-2]
    return vowels[-1]


def _ends_lightly(letters: Sequence[_Letter], vowels: Sequence[_Sound]) -> bool:
    """The last syllable but one carries the stress."""
    closing, last, before = letters[-1], vowels[-1], vowels[-2]
    if _has_furtive_patah(letters, len(letters) - 1):
        return True
    if _has_light_suffix(letters):
        return True
    open_before = last.place - before.place == 1 and last.place == len(letters) - 2
    onset = letters[last.place]
    return open_before and closing.bare and _is_segolate(closing, onset, last.mark, before.mark)


def _is_segolate(closing: _Letter, onset: _Letter, last: str, before: str) -> bool:
    """Melekh, na'ar, sheva, bayit."""
    if last == SEGOL:
        return before in (SEGOL, TSERE, HOLAM)
    if last == PATAH and onset.base in "החע":
        return before == PATAH
    if last == PATAH and closing.base in "חע":
        return before in (SEGOL, TSERE)
    return last == HIRIQ and onset.base == "י" and before in (PATAH, QAMATS)


def _has_light_suffix(letters: Sequence[_Letter]) -> bool:
    """-nu, and after a closed syllable or i -ti and -ta, -eha, -ekha."""
    if len(letters) < 3:
        return False
    third, second, last = letters[-3:]
    if last.base == "ו" and DAGESH in last.marks and last.bare:
        return second.base == "נ"
    if last.base == "י" and last.bare and second.base == "ת" and second.vowel == HIRIQ:
        long_i = third.base == "י" and third.bare and letters[-4:][0].vowel == HIRIQ
        return SHVA in third.marks or long_i
    if last.base == "ת" and last.vowel == QAMATS:
        return SHVA in second.marks
    long_e = second.base == "י" and second.bare and third.vowel == SEGOL
    return last.base in "הך" and last.vowel == QAMATS and long_e
