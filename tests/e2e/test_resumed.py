"""A bridge that is killed in the middle of its calls: they go on at the next one."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.resumed import kill_and_look

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]


def test_callers_of_a_bridge_that_was_killed_go_on_at_the_next_one(tmp_path: Path) -> None:
    found = asyncio.run(kill_and_look(tmp_path, calls=3, after=2.0))
    assert found.wrong == ()
    assert found.resumed == 3
