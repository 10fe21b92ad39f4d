from collections.abc import Generator

import pytest

from tests.store.postgres import postgres


@pytest.fixture(scope="session")
def postgresql() -> Generator[str]:
    with postgres() as address:
        yield address
