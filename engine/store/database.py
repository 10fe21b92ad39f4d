"""The connections to SQLite or PostgreSQL, how they write, and what their failures are called.

SQLite writes over one connection and reads over another, with a rollback journal: its write-ahead
log can damage a database before 3.51.3 ("WAL-reset bug", sqlite.org/wal.html)."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from engine.store.appointment import StoreBroken, StoreFailed

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

LOCKED = 5.0
"""Seconds that a write waits for another process's lock."""
READ = 0.2
"""The same for a read in SQLite: an older answer will do."""
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SSL = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PRAGMAS = (
    # TRUNCATE syncs the end of the journal: a commit outlives a power cut, as with DELETE it
    # need not, for the folder is not synced (sqlite.org/pragma.html, "synchronous": EXTRA).
    "journal_mode = TRUNCATE",
    "synchronous = FULL",
    "foreign_keys = ON",
)

T = TypeVar("T")
Clock = Callable[[], datetime]
Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"


def utc_now() -> datetime:
    return datetime.now(UTC)


class ConnectionLost(StoreFailed):
    """Nobody knows whether what was being written is kept."""


class Refused(StoreFailed):
    """The database does not take what was to be written, however often it is tried."""


def database_url(written: str) -> URL:
    """`sqlite:///file` or `postgresql://…`, with our drivers. Raises `StoreBroken`."""
    try:
        url = make_url(written)
    except ArgumentError:
        url = URL.create("nothing")
    driver = _DRIVERS.get(url.drivername)
    if driver is None or not url.database:
        raise StoreBroken("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return url.set(drivername=driver, query=_query(url))


def _query(url: URL) -> Mapping[str, str | tuple[str, ...]]:
    """As asyncpg names things. What is unknown there would fail much later, as a `TypeError`."""
    ours = {"sslmode": "ssl"} if url.drivername == "postgresql" else {}
    known = {*ours, "host", "port", "ssl"} if ours else set()
    if unknown := sorted(set(url.query) - known):
        raise StoreBroken(
            f"?{unknown[0]}= is not understood; expected {', '.join(sorted(known)) or 'none'}"
        )
    query = {ours.get(name, name): value for name, value in url.query.items()}
    if query.get("ssl", "require") not in _SSL:
        raise StoreBroken(f"sslmode is one of {', '.join(_SSL)}")
    return query


class Database:
    """Connects on first use."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._at_work: set[asyncio.Task[Any]] = set()
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite(url, waits=LOCKED, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite(url, waits=READ, begin="BEGIN")
            self._driver_failures: tuple[type[Exception], ...] = ()
        else:
            # It takes 0.1 s to import, with its dialect: SQLite does without both.
            import asyncpg  # type: ignore[import-untyped]  # it has none

            self._writer = self._reader = _postgresql(url)
            self._driver_failures = (asyncpg.PostgresError,)

    @property
    def name(self) -> str:
        """Without its password."""
        return self.url.render_as_string(hide_password=True)

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it to its end, even if whoever waits for it is canceled: a connection that is left
        in the middle of its work keeps SQLite locked."""
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            task.exception()  # seen, though perhaps by nobody else

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction. Raises `StoreFailed`."""
        with _failures(self._driver_failures):
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """Raises `StoreFailed`; never waits for long."""
        with _failures(self._driver_failures):
            async with self._reader.connect() as connection:
                yield connection

    def insert(self, table: Table) -> Insert:
        if self.is_sqlite:
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    async def close(self) -> None:
        if self._at_work:
            await asyncio.wait(self._at_work)
        await self._reader.dispose()
        await self._writer.dispose()


def _sqlite(url: URL, *, waits: float, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        connect_args={"timeout": waits},
        pool_size=1,
        max_overflow=0,
        pool_timeout=2 * waits,
        hide_parameters=True,
        json_serializer=_json,
    )
    _prepare(engine.sync_engine, begin)
    return engine


def _prepare(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        # Python's own BEGIN would come too late, and not be IMMEDIATE.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgresql(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        connect_args={"timeout": LOCKED, "command_timeout": 2 * LOCKED},
        pool_size=5,
        max_overflow=0,
        pool_timeout=LOCKED,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_json,
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def _failures(driver: tuple[type[Exception], ...]) -> Generator[None]:
    """The driver's failures in our words. `driver`: those that SQLAlchemy lets through."""
    try:
        yield
    except IntegrityError:
        raise  # what is written contradicts what is kept: the caller's matter
    except DBAPIError as error:
        if error.connection_invalidated:
            raise ConnectionLost(_reason(error.orig)) from error
        if _is_refusal(error):
            raise Refused(_reason(error.orig)) from error
        raise StoreFailed(_reason(error.orig)) from error
    except (NoConnection, OSError) as error:
        raise StoreFailed(_reason(error)) from error
    except driver as error:
        raise StoreFailed(_reason(error)) from error


def _is_refusal(error: DBAPIError) -> bool:
    # PostgreSQL: class 22 is "data exception"; SQLAlchemy has no name of its own for it there.
    is_data = str(getattr(error.orig, "sqlstate", "")).startswith("22")
    return is_data or isinstance(error, DataError | ProgrammingError | NotSupportedError)


def _reason(error: BaseException | None) -> str:
    return str(error).partition("\n")[0]
