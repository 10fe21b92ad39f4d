"""Whole calls as text. After `pytest --rewrite`, read the diff as if someone else had made it."""

from pathlib import Path

import pytest

from engine.trace import MalformedTrace, masked, replay

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_the_core_does_what_the_trace_says(path: Path, pytestconfig: pytest.Config) -> None:
    told = path.read_text()
    assert told.startswith("# "), "the first line is a sentence of what the trace shows"
    now = replay(told)
    if pytestconfig.getoption("--rewrite"):
        path.write_text(now)
    assert now == replay(now), "the same trace twice gives the same effects"
    if not pytestconfig.getoption("--rewrite"):
        assert now == told


def test_a_line_that_is_no_event_is_named() -> None:
    with pytest.raises(MalformedTrace, match=r"line 2: '1\.0 > frob 3'"):
        replay("# A broken one.\n1.0 > frob 3\n")


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(MalformedTrace, match="no rule 'barge_out'"):
        replay("rules barge_out=True\n")


def test_masking_keeps_the_shape_and_nothing_else() -> None:
    assert masked("Call Leah, 03-555!") == "xxxx xxxx, 00-000!"
    assert masked("שלום 7") == "xxxx 0"
