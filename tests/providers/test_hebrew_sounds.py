import pytest

from engine.providers.hebrew_sounds import ipa, pointed, unpointed

WORDS = {
    # Vowels, vowel letters, hard and soft consonants.
    "שָׁלוֹם": "ʃalˈom", "תּוֹדָה": "todˈa", "כֵּן": "kˈen", "לֹא": "lˈo", "אֵיךְ": "ˈeχ",
    "דִּירָה": "diʁˈa", "רִאשׁוֹן": "ʁiʃˈon", "לִשְׂכּוֹר": "liskˈoʁ", "קִיּוּם": "kijˈum",
    "וּמָה": "umˈa", "מִצְוָה": "mitsvˈa", "עָוֹן": "avˈon", "גּוֹי": "ɡˈoj", "אוּלַי": "ulˈaj",
    "עַכְשָׁיו": "aχʃˈav", "דְּבָרָיו": "dvaʁˈav", "צִ׳ק": "tʃˈik",
    # Stress on the last syllable but one.
    "מְדַבֶּרֶת": "medabˈeʁet", "בַּיִת": "bˈajit", "שְׁתַּיִם": "ʃtˈajim", "צָהֳרַיִם": "tsohoʁˈajim",
    "שֶׁבַע": "ʃˈeva", "רֶגַע": "ʁˈeɡa", "בֹּקֶר": "bˈokeʁ", "נַעַר": "nˈaaʁ",
    "שָׁבוּעַ": "ʃavˈua", "רוּחַ": "ʁˈuaχ", "שֶׁלָּנוּ": "ʃelˈanu", "הָלַכְתִּי": "halˈaχti",
    "רָצִיתִי": "ʁatsˈiti", "אֵלֶיךָ": "elˈeχa", "לֵאָה": "lˈea", "לַיְלָה": "lˈajla",
    # Stress on the last.
    "אַחַת": "aχˈat", "שֶׁלְּךָ": "ʃelχˈa", "אֲלָפִים": "alafˈim", "חָמֵשׁ": "χamˈeʃ",
    # A shva that is spoken, and one that is not.
    "בְּבַקָּשָׁה": "bevakaʃˈa", "לְהִתְרָאוֹת": "lehitʁaˈot", "נְצִיגָה": "netsiɡˈa",
    "תְּדַבֵּר": "tedabˈeʁ", "תְּשׁוּבָה": "tʃuvˈa", "כְּבָר": "kvˈaʁ", "שְׁקָלִים": "ʃkalˈim",
    "יִשְׁמְרוּ": "jiʃmeʁˈu", "הִנְנִי": "hinenˈi", "הַמְּדַבֵּר": "hamedabˈeʁ",
    # A short qamats.
    "כָּל": "kˈol", "חָכְמָה": "χoχmˈa",
}  # fmt: skip


@pytest.mark.parametrize(("word", "sounds"), WORDS.items(), ids=[unpointed(word) for word in WORDS])
def test_a_pointed_word_sounds_as_it_is_spoken(word: str, sounds: str) -> None:
    assert ipa(word) == sounds


def test_a_writer_may_mark_the_stressed_syllable() -> None:
    assert ipa("מְדַבֵּ֫ר") == "medabˈeʁ"
    assert ipa("רָ֫חֵל") == "ʁˈaχel"


def test_a_writer_may_mark_a_shva_that_is_spoken() -> None:
    assert ipa("שְׁמִי") == "ʃmˈi"
    assert ipa("שְֽׁמִי") == "ʃemˈi"


def test_punctuation_and_spaces_stay() -> None:
    assert ipa("שָׁלוֹם, לֵאָה.") == "ʃalˈom, lˈea."


def test_unpointed_words_are_looked_up() -> None:
    lexicon = {"תל": "תֵּל", "אביב": "אָבִיב"}
    found = pointed("בְּרָמַת תל אביב.", lexicon)
    assert found
    assert ipa(found) == "beʁamˈat tˈel avˈiv."


@pytest.mark.parametrize("text", ["שָׁלוֹם חיפה", "שָׁלוֹם 7", "שָׁלוֹם Tel"])
def test_what_cannot_be_looked_up_is_said(text: str) -> None:
    assert pointed(text, {}) is None
