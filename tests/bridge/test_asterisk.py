"""Which versions of Asterisk are warned of."""

import pytest

from bridge.asterisk import outdated


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("16.28.0~dfsg-0+deb11u4", "no AudioSocket"),
        ("18.26.1", "100 %"),
        ("20.6.0~dfsg+~cs6.13.40431414-2build5", "100 %"),
        ("certified/20.7-cert5", "100 %"),
        ("20.18.2", "cut"),
        ("21.12.0", "cut"),
        ("22.8.1", "cut"),
        ("23.2.0", "cut"),
    ],
)
def test_a_version_that_harms_calls_is_warned_of(version: str, word: str) -> None:
    assert word in outdated(version)


@pytest.mark.parametrize("version", ["20.19.0", "22.9.0", "22.10.1", "23.3.0", "24.0.0", "GIT-x"])
def test_others_are_not(version: str) -> None:
    assert outdated(version) == ""
