"""Whoever reads the log holds no call up."""

import json
import logging
import os
import subprocess
import sys

from bridge.log import Aside, JsonLines

LINE = 99 * "x" + "\n"


def test_a_log_that_nobody_reads_is_not_waited_for_and_what_is_lost_is_told() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as reading, os.fdopen(writer, "w") as writing:
        aside = Aside(writing)
        for _ in range(3 * Aside.MOST):
            aside.write(LINE)
        written = dropped = 0
        while written + dropped < 3 * Aside.MOST:
            if (line := reading.readline()) == LINE:
                written += 1
            else:
                dropped += json.loads(line)["lines"]
        assert written >= Aside.MOST
        assert dropped
        aside.close(patience=5.0)


def test_the_last_line_of_a_process_is_written() -> None:
    script = "import logging, bridge.log as log; log.set_up('json', 'INFO'); logging.info('last')"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert json.loads(told.stderr)["event"] == "last"


def test_a_line_is_whole() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as reading, os.fdopen(writer, "w") as writing:
        aside = Aside(writing)
        handler = logging.StreamHandler(aside)
        handler.setFormatter(JsonLines())
        handler.handle(logging.makeLogRecord({"msg": "שלום\nעולם", "levelname": "INFO"}))
        aside.close()
        assert json.loads(reading.readline())["event"] == "שלום\nעולם"
