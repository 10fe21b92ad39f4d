"""A call whose ears, voice and model are stand-ins for the cloud, with their wire and latency."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REHEARSAL = "yes-no --quick --own-bridge --cloud --calls 2"
pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.long, pytest.mark.timeout(300)]


def test_callers_are_understood_through_the_cloud_providers(tmp_path: Path) -> None:
    (tmp_path / "cache").symlink_to(ROOT / "var" / "cache", target_is_directory=True)
    rehearsal = subprocess.run(
        [sys.executable, "-m", "bridge", "rehearse", *REHEARSAL.split()],
        env=os.environ | {"KAV_DATA": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert rehearsal.returncode == 0, rehearsal.stdout + rehearsal.stderr
    passed = [line.split()[0] for line in rehearsal.stdout.splitlines() if " passed" in line]
    assert passed == ["yes-no"], rehearsal.stdout
    log = (tmp_path / "rehearsal" / "log.jsonl").read_text()
    assert '"turn_latency"' in log
    assert "provider_changed" not in log
