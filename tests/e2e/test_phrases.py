"""What never changes in the agent's words is rendered at the first start, and kept.

It takes a minute of a processor, here beside other tests: those that talk with the agent, and must
run alone, find it done."""

from pathlib import Path

import pytest

from engine.providers import local
from tests.e2e.conftest import CACHE
from tests.e2e.running_bridge import running_bridge

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]


def rendered() -> dict[Path, int]:
    """Each piece of speech, by its inode: rendered again it would be another file."""
    pieces = (CACHE / "speech").rglob("*")
    return {piece: piece.stat().st_ino for piece in pieces if piece.is_file()}


def test_at_the_next_start_no_phrase_is_rendered_again(tmp_path: Path) -> None:
    if missing := local.check():
        pytest.skip("; ".join(missing))
    CACHE.mkdir(parents=True, exist_ok=True)
    with running_bridge(tmp_path / "first", CACHE):
        pass
    before = rendered()
    with running_bridge(tmp_path / "next", CACHE):
        pass
    assert before
    assert rendered() == before
