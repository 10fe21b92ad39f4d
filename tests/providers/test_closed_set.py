import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.providers.closed_set import distance, nearest, plain

PHRASES = ("כן", "לא", "אני רוצה לקנות דירה", "אני מחפש דירה להשכרה")
texts = st.text("אבגד ", max_size=12)


def test_case_points_and_punctuation_are_not_compared() -> None:
    assert plain("שָׁלוֹם, Hello!  (7)") == "שלום hello 7"


def test_a_phrase_heard_with_a_wrong_letter_is_found() -> None:
    found = nearest(["אני רוצה לתנות דירה."], PHRASES)
    assert found
    assert found.phrase == "אני רוצה לקנות דירה"


def test_the_best_of_several_hypotheses_counts() -> None:
    found = nearest(["רדה", "כן."], PHRASES)
    assert found
    assert (found.phrase, found.distance) == ("כן", 0.0)


def test_words_may_be_joined_or_cut_otherwise() -> None:
    found = nearest(["אנירוצה לקנותדירה"], PHRASES)
    assert found
    assert found.distance == 0.0


@pytest.mark.parametrize("heard", ["הכלב רץ בגן הירוק", "", "...", "תפוח", "כד"])
def test_what_is_far_from_all_phrases_is_none_of_them(heard: str) -> None:
    assert nearest([heard], PHRASES) is None


def test_nothing_is_found_without_phrases() -> None:
    assert nearest(["כן"], ()) is None


@given(texts, texts)
def test_distance_is_a_share_and_symmetric(one: str, other: str) -> None:
    assert 0.0 <= distance(one, other) <= 1.0
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0.0) == (one == other)
