"""What the tests with real parts share: the real Asterisk, fetched once for all runs."""

import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
CACHE = PROJECT / "var" / "cache"
"""What local speech keeps between runs."""


@pytest.fixture(scope="session")
def asterisk_folder() -> Path:
    """Where `asterisk/fetch` has put Asterisk; the first time takes a quarter of a minute."""
    folder = PROJECT / "var" / "asterisk"
    fetch = subprocess.run(
        [PROJECT / "asterisk" / "fetch", folder], capture_output=True, text=True, check=False
    )
    if fetch.returncode != 0:
        pytest.fail(fetch.stderr.strip(), pytrace=False)
    return folder
