"""The beat of the calls: each has its own every 20 ms, and few have theirs at the same moment."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from bridge.ticker import PERIOD, Ticker
from tests.virtual_time import run


@pytest.mark.parametrize(("calls", "most"), [(10, 10), (11, 10), (50, 10), (60, 12)])
def test_each_call_has_its_beat_every_period_and_few_of_many_have_it_at_a_time(
    calls: int, most: int
) -> None:
    times: list[list[float]] = [[] for _ in range(calls)]

    async def scene() -> None:
        ticker = Ticker()
        loop = asyncio.get_running_loop()
        for call in times:
            call.append(ticker.add(call.append))
            assert loop.time() - PERIOD < call[0] <= loop.time() + 1e-6
            await asyncio.sleep(0.003)
        await asyncio.sleep(0.5)

    run(scene())
    for call in times:
        assert [later - one for one, later in pairwise(call)] == pytest.approx(
            [PERIOD] * (len(call) - 1)
        )
    together = Counter(round(time, 4) for call in times for time in call[1:])
    assert max(together.values()) == most


def test_who_has_left_has_no_beat_and_leaves_room_in_its_part() -> None:
    beats: list[str] = []

    async def scene() -> None:
        ticker = Ticker()
        names = "abcdefghijklmnopqrstuvwxyz"
        members = [lambda now, name=name: beats.append(name) for name in names]
        added = [ticker.add(member) for member in members]
        ticker.remove(members[1])
        assert ticker.add(members[1]) == pytest.approx(added[1])
        for member in members[:-1]:
            ticker.remove(member)
        await asyncio.sleep(1.5 * PERIOD)
        ticker.remove(members[-1])
        await asyncio.sleep(1.0)

    run(scene())
    assert set(beats) == {"z"}
