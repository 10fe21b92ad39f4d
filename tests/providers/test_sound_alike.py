import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.providers.sound_alike import distances, sounding

AREAS = ("פלורנטין", "יפו", "הצפון הישן", "נווה צדק", "מרכז העיר", "רמת גן", "גבעתיים", "תל אביב")
PHRASES = [
    *(f"אני מחפש דירה ב{area.removeprefix('ה')}" for area in AREAS),
    *(f"אני מחפשת דירה ב{area.removeprefix('ה')}" for area in AREAS),
    *(f"ב{area.removeprefix('ה')}" for area in AREAS),
    *("כן", "לא", "רגע", "תודה", "להתראות"),
]
texts = st.text("אבגדיטת t4", max_size=12)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # As Whisper wrote down synthetic speech.
        ("אני מהפסטת יראה ברמה כאן.", "ברמת גן"),
        ("עניים מהפסת תירה בגיבות העין.", "בגבעתיים"),
        ("אני מהפסטי רבי 4 in team.", "בפלורנטין"),
        ("אני מפסטירה ב-14.", "בפלורנטין"),
        ("אני מפסט דירבמר כסה הרעייר", "במרכז העיר"),
        ("כן.", "כן"),
        ("רדע.", "רגע"),
    ],
)
def test_a_phrase_is_known_by_its_sounds(written: str, said: str) -> None:
    found = sounding([written], PHRASES)
    assert found
    assert found.phrase.endswith(said)


@pytest.mark.parametrize("written", ["הכלב רץ מהר", "", "...", "תפוח", "בואו", "פליקנו."])
def test_what_sounds_like_no_phrase_is_none(written: str) -> None:
    assert sounding([written], PHRASES) is None


def test_between_two_that_are_as_much_alike_nobody_chooses() -> None:
    heard = ["אני מהפסטת תירה באביב"]
    assert sounding(heard, ["אני מחפשת דירה בתל אביב"])
    assert sounding(heard, ["אני מחפשת דירה בתל אביב", "אני מחפשת דירה בגן אביב"]) is None


def test_the_genders_of_a_phrase_are_no_rivals() -> None:
    both = ["אני מחפש דירה במרכז העיר", "אני מחפשת דירה במרכז העיר"]
    found = sounding(["פסט ירבמר כס היי"], both)
    assert found
    assert found.distance > 0.25


def test_digits_are_heard_in_both_languages() -> None:
    assert distances(["7,000"], ["שִׁבְעַת אֲלָפִים"])[0, 0] < 0.2
    assert distances(["414"], ["four fourteen"])[0, 0] == 0.0


def test_nothing_is_found_without_phrases_or_texts() -> None:
    assert sounding(["כן"], []) is None
    assert sounding([], ["כן"]) is None


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_each_distance_is_a_share_and_depends_on_its_own_two_texts(
    ones: list[str], others: list[str]
) -> None:
    together = distances(ones, others)
    assert together.shape == (len(ones), len(others))
    assert ((together >= 0) & (together <= 1.0001)).all()
    alone = [[distances([one], [other])[0, 0] for other in others] for one in ones]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@given(texts.filter(lambda text: "4" not in text))
def test_a_text_sounds_like_itself(text: str) -> None:
    assert distances([text], [text])[0, 0] == 0.0
