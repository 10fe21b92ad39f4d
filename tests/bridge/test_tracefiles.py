"""Traces on disk: every line is in the file of its call, in order, however many gather."""

from pathlib import Path

import pytest

from bridge.tracefiles import TOGETHER, TraceFiles


@pytest.mark.parametrize("count", [0, 1, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 1])
def test_every_line_is_in_the_file_of_its_call(tmp_path: Path, count: int) -> None:
    traces = TraceFiles(tmp_path)
    calls = {name: traces.open(name) for name in ("one", "two")}
    for number in range(count):
        for name, (write, _) in calls.items():
            write(f"{name} {number}")
    for _, end in calls.values():
        end()
    traces.close()
    for name in calls:
        (file,) = tmp_path.glob(f"*-{name}.txt")
        assert file.read_text().splitlines() == [f"{name} {number}" for number in range(count)]


def test_a_call_that_has_just_begun_has_a_file(tmp_path: Path) -> None:
    traces = TraceFiles(tmp_path)
    traces.open("one")
    traces.close()
    assert [file.name.rpartition("-")[2] for file in tmp_path.iterdir()] == ["one.txt"]
