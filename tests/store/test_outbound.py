"""What the store promises of calls that are placed: caps hold, whoever asks, and survive."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has none
import pytest
from sqlalchemy import select

from bridge.outbound import NotAllowed, OutboundRequest, OutboundRules, checked
from engine.store.opening import Store, open_store
from engine.store.outbound import PlacedCall
from engine.store.tables import outbound_calls

NOON = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NUMBER = "+97235550100"
CONSENT = "asked for a call back on the site"
RULES = OutboundRules(enabled=True, prefixes=("+972",), per_hour=3, per_day=50)
_numbers = count()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kav.sqlite'}"
    server: str = request.getfixturevalue("postgresql")
    name = f"outbound{next(_numbers)}"
    asyncio.run(_create(server, name))
    return server.replace("/postgres?", f"/{name}?")


async def _create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


async def place(store: Store, number: str = NUMBER, now: datetime = NOON) -> int:
    request = OutboundRequest(number, CONSENT)
    return await store.outbound.place(number, CONSENT, checked(request, RULES, now))


async def rows(store: Store) -> list[tuple[object, ...]]:
    columns = (outbound_calls.c[name] for name in ("number", "consent", "line_id", "outcome"))
    async with store.bookings._database.reading() as connection:
        found = await connection.execute(select(*columns).order_by(outbound_calls.c.id))
        return [tuple(row) for row in found]


async def try_to_place(store: Store) -> bool:
    try:
        await place(store)
    except NotAllowed:
        return False
    return True


def test_of_many_who_call_at_once_no_more_than_the_cap_are_let(address: str) -> None:
    async def go() -> None:
        async with (
            open_store(address, clock=lambda: NOON) as one,
            open_store(address, clock=lambda: NOON) as other,
        ):
            async with asyncio.TaskGroup() as group:
                tries = [group.create_task(try_to_place(store)) for store in (one, other) * 6]
            assert sum(task.result() for task in tries) == RULES.per_hour
            assert len(await rows(one)) == RULES.per_hour

    asyncio.run(go())


def test_a_cap_outlives_a_restart_and_a_day_is_remembered(address: str) -> None:
    times = [NOON - timedelta(hours=25), NOON - timedelta(hours=23), NOON]
    seen: list[Sequence[datetime]] = []

    async def go() -> None:
        for time in times:
            async with open_store(
                address, clock=partial(datetime.fromtimestamp, time.timestamp(), UTC)
            ) as store:
                await store.outbound.place(NUMBER, CONSENT, lambda placed, _: seen.append(placed))

    asyncio.run(go())
    assert seen == [[], times[:1], times[1:2]]


def test_whoever_opted_out_is_refused_and_nothing_is_noted(address: str) -> None:
    async def go() -> None:
        async with open_store(address, clock=lambda: NOON) as store:
            await store.outbound.opt_out(NUMBER)
            await store.outbound.opt_out(NUMBER)
            with pytest.raises(NotAllowed, match="does not want"):
                await place(store)
            assert await rows(store) == []
            assert await place(store, "+97235550111")
            await store.outbound.opt_in(NUMBER)
            assert await place(store)
            last = await store.outbound.last(1)
            assert last == [PlacedCall(NUMBER, NOON, CONSENT, None)]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (["machine", "unknown", "person"], "machine"),
        (["unknown", "machine"], "machine"),
        ([], None),
    ],
)
def test_the_first_outcome_that_says_something_is_kept(
    address: str, told: list[str], kept: str | None
) -> None:
    async def go() -> None:
        async with open_store(address, clock=lambda: NOON) as store:
            key = await place(store)
            await store.outbound.on_line(key, "CA1")
            for outcome in told:
                store.records.placed_ended("CA1", outcome)
                store.records.placed_ended("CA2", "failed")
            await store.records.written()
            assert await rows(store) == [(NUMBER, CONSENT, "CA1", kept)]

    asyncio.run(go())


def test_a_call_that_never_came_onto_a_line_has_an_outcome_too(address: str) -> None:
    async def go() -> None:
        async with open_store(address, clock=lambda: NOON) as store:
            await store.outbound.ended(await place(store), "failed")
            assert await rows(store) == [(NUMBER, CONSENT, None, "failed")]

    asyncio.run(go())
