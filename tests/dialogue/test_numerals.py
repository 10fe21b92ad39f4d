import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue.hebrew import unpointed_words, without_points
from engine.dialogue.numerals import in_words, number_at
from engine.dialogue.profile import Language


@pytest.mark.parametrize(
    ("number", "english", "hebrew"),
    [
        (0, "zero", "אפס"),
        (7, "seven", "שבעה"),
        (12, "twelve", "שנים עשר"),
        (25, "twenty five", "עשרים וחמישה"),
        (300, "three hundred", "שלוש מאות"),
        (1_000, "one thousand", "אלף"),
        (2_000, "two thousand", "אלפיים"),
        (7_000, "seven thousand", "שבעת אלפים"),
        (7_500, "seven thousand five hundred", "שבעת אלפים וחמש מאות"),
        (10_000, "ten thousand", "עשרת אלפים"),
        (15_000, "fifteen thousand", "חמישה עשר אלף"),
        (120_000, "one hundred twenty thousand", "מאה ועשרים אלף"),
        (1_250_000, "one million two hundred fifty thousand", "מיליון מאתיים וחמישים אלף"),
        (1_500_000, "one million five hundred thousand", "מיליון וחצי"),
        (2_000_000, "two million", "שני מיליון"),
    ],
)
def test_an_amount_is_spoken_in_words(number: int, english: str, hebrew: str) -> None:
    assert in_words(number, "en") == english
    assert without_points(in_words(number, "he")) == hebrew


@given(st.integers(0, 999_999_999), st.sampled_from(["he", "en"]))
def test_every_number_is_spoken_with_points_and_without_digits(
    number: int, language: Language
) -> None:
    words = in_words(number, language)
    assert not any(letter.isdecimal() for letter in words)
    assert unpointed_words(words) == []


# Above a million a rest below a thousand is doubtful («מיליון מאתיים»), so it is left out here.
AMOUNTS = st.integers(0, 999_999) | st.integers(1_000, 999_999).map(lambda n: n * 1_000)


@given(AMOUNTS, st.sampled_from(["he", "en"]))
def test_what_is_spoken_is_understood_as_the_same_number(number: int, language: Language) -> None:
    tokens = without_points(in_words(number, language)).split()
    heard = number_at(tokens, 0)
    assert heard is not None
    assert (heard.value, heard.end) == (number, len(tokens))


def test_a_number_too_large_to_speak_is_refused() -> None:
    with pytest.raises(ValueError, match="999,999,999"):
        in_words(1_000_000_000, "en")


@pytest.mark.parametrize(
    ("words", "value", "length"),
    [
        ("שלוש ועשרה", 3, 1),
        ("שלוש עשרה", 13, 2),
        ("חמש מאות ועשרה אלף", 510_000, 4),
        ("one point six million", 1_600_000, 4),
        ("שתיים נקודה ארבע מיליון", 2_400_000, 4),
        ("two mil", 2_000_000, 2),
        # As recognizers write “seven thousand”; nobody says “seven thousand thousand”.
        ("7000 thousand", 7_000, 2),
        ("1500 thousand", 1_500_000, 2),
        ("seven thousand thousand", 7_000, 2),
    ],
)
def test_a_number_ends_where_the_next_begins(words: str, value: float, length: int) -> None:
    heard = number_at(words.split(), 0)
    assert heard is not None
    assert (heard.value, heard.end) == (value, length)


def test_a_letter_is_no_amount() -> None:
    assert number_at(["k"], 0) is None
