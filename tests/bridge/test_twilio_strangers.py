"""Whom we have refused too often."""

import pytest

from bridge.twilio_media import strangers
from bridge.twilio_media.strangers import BURST, PER_SECOND, Strangers

HERE, THERE = "192.0.2.1", "192.0.2.2"


def refused(known: Strangers, address: str, now: float, times: int) -> int:
    """How many of so many requests were too many."""
    return sum(known.another(address, now) for _ in range(times))


def test_a_burst_is_told_no_and_then_so_many_a_second() -> None:
    known = Strangers()
    assert refused(known, HERE, 10.0, round(BURST) + 3) == 3
    assert refused(known, HERE, 11.0, round(PER_SECOND) + 5) == 5
    assert refused(known, HERE, 1000.0, round(BURST) + 1) == 1


def test_nobody_is_refused_for_another() -> None:
    known = Strangers()
    assert refused(known, HERE, 10.0, 500) > 0
    assert not known.another(THERE, 10.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "a name", False),
    ],
)
def test_a_site_is_one_stranger(one: str, other: str, same: bool) -> None:
    known = Strangers()
    refused(known, one, 10.0, 500)
    assert known.another(other, 10.0) is same


def test_the_list_is_bounded_and_the_quietest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strangers, "MOST", 2)
    known = Strangers()
    for address in (HERE, THERE, HERE, "192.0.2.3"):
        refused(known, address, 10.0, 500)
    assert len(known._left) == 2
    assert known.another(HERE, 10.0)
    assert not known.another(THERE, 10.0)
