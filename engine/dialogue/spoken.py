"""A sentence as it is spoken: numbers, prices, times, dates, telephone numbers and abbreviations
become words, before any voice sees them, and before anybody remembers what was said.

Our own phrases are words already and come back as they are."""

import re

from engine.dialogue import spoken_en, spoken_he
from engine.dialogue.hebrew import is_hebrew
from engine.dialogue.profile import Language
from engine.dialogue.written import FRACTIONS, applied, plain_digits

_LATIN = re.compile("[A-Za-z]")
_RULES = {"he": spoken_he.RULES, "en": spoken_en.RULES}
_ABBREVIATIONS = {"he": spoken_he.ABBREVIATIONS, "en": spoken_en.ABBREVIATIONS}


def spoken(text: str, language: Language) -> str:
    """`language` is the speaker's; a sentence that has no letter of it is in the other one."""
    language = _language(text, language)
    if any(letter.isdigit() or letter in FRACTIONS for letter in text):
        text = applied(_RULES[language], plain_digits(text))
    return applied(_ABBREVIATIONS[language], text)


def _language(text: str, language: Language) -> Language:
    if is_hebrew(text):
        return "he" if language == "he" or not _LATIN.search(text) else "en"
    return "en" if _LATIN.search(text) else language
