import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import digit_in_words
from engine.dialogue.profile import Language
from engine.dialogue.telephone import telephone


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("050 555 0112", "+972505550112"),
        ("0505550112", "+972505550112"),
        ("03 555 0123", "+97235550123"),
        ("plus 972 50 555 0158", "+972505550158"),
        ("972505550133", "+972505550133"),
        ("plus 1 212 555 0143", "+12125550143"),
        ("212 555 0143", "+12125550143"),
        ("plus 44 20 7946 0018", "+442079460018"),
        ("המספר שלי אפס חמישים וארבע חמש מאות חמישים וחמש אפס אחת שלושים", "+972545550130"),
        ("אפס חמישים חמש חמש חמש אפס אחת ארבעים ושתיים", "+972505550142"),
        ("אפס חמישים שלוש פעמים חמש אפס אחת תשע שלוש", "+972505550193"),
        ("oh five two triple five oh one seven two", "+972525550172"),
        ("zero fifty double five five zero one double nine", "+972505550199"),
        ("050 555 0140 sorry 0141", "+972505550141"),
        ("050 555 0190 no 050 555 0177", "+972505550177"),
        ("050 5550", None),
        ("מיליון וחצי", None),
        ("5000 6000", None),
        ("plus 0 50 555 0112", None),
        ("plus", None),
        ("", None),
    ],
)
def test_a_number_is_heard_in_any_groups(words: str, number: str | None) -> None:
    found = telephone(words.split())
    assert (found.number if found else None) == number


@given(st.integers(0, 9_999_999), st.sampled_from(["he", "en"]))
def test_every_number_is_understood_digit_by_digit(rest: int, language: Language) -> None:
    digits = f"050{rest:07}"
    words = " ".join(digit_in_words(int(digit), language) for digit in digits)
    found = telephone(without_points(words).split())
    assert found is not None
    assert found.number == f"+972{digits[1:]}"


def test_digits_that_are_no_whole_number_are_told_apart_from_amounts() -> None:
    found = telephone(["five", "five", "five", "oh", "one", "two", "three"])
    assert found is not None
    assert (found.number, found.start, found.end) == (None, 0, 7)
