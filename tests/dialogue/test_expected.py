"""What a recognizer is told of a business, before the first call."""

from engine.dialogue.expected import hints
from engine.dialogue.hebrew import without_points
from engine.profile import shipped_profile


def test_names_and_places_of_the_business_are_expected_most() -> None:
    profile = shipped_profile("shai")
    boosts = dict(hints(profile))
    assert boosts[without_points(profile.name["he"])] == max(boosts.values()) <= 15
    for area in profile.choices["area"]:
        for name in (area.he, area.he_in, *area.aliases):
            assert boosts[without_points(name)] >= 12
    assert boosts["כן"] < boosts[without_points(profile.choices["kind"][0].he)]


def test_no_hint_has_points_or_comes_twice() -> None:
    phrases = [phrase for phrase, _ in hints(shipped_profile("shai"))]
    assert phrases == [without_points(phrase) for phrase in phrases]
    assert len(phrases) == len(set(phrases)) <= 5000
