import asyncio
from collections.abc import Generator
from itertools import count
from pathlib import Path

import pytest

from tests.store.postgres import postgres, sql

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Generator[str]:
    with postgres() as address:
        yield address


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kav.sqlite'}"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)],
)
def address(request: pytest.FixtureRequest) -> str:
    """An empty database."""
    if request.param == "sqlite":
        value: str = request.getfixturevalue("sqlite")
        return value
    fresh: str = request.getfixturevalue("fresh_postgresql")
    return fresh


@pytest.fixture
def fresh_postgresql(postgresql: str) -> str:
    name = f"kav{next(_numbers)}"
    asyncio.run(sql(postgresql, f"CREATE DATABASE {name}"))
    return postgresql.replace("/postgres?", f"/{name}?")
