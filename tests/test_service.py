"""The unit of systemd that is shipped, as far as it can be tried without installing it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.gate import LAST_WORDS
from bridge.settings import Settings

UNIT = Path(__file__).parents[1] / "deploy" / "kav.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_service_is_exposed_as_little_as_may_be() -> None:
    # In tenths: 2.0 is the bar.
    analysis = ("systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT))
    told = subprocess.run(analysis, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_a_service_that_is_stopped_has_the_time_to_drain() -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    assert int(found[1]) > Settings.model_fields["kav_drain_sec"].default + LAST_WORDS
