"""What the store promises, on both databases."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from engine.office.agents import Agents
from engine.ports import CallFacts
from engine.store import MAIN, Appointment, SlotTaken, StoreBroken, StoreFailed
from engine.store.bookings import Bookings
from engine.store.database import Database, database_url, utc_now
from engine.store.opening import Store, open_store
from engine.store.outbox import Outbox
from engine.store.records import COMES_BACK, DIED, Records
from engine.store.tables import metadata
from tests.bench.booking_kills import kill_and_look
from tests.bench.bookings import won
from tests.store.postgres import sql

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DAY = TEN, TEN + timedelta(days=1)
FACTS = CallFacts("line-1", "twilio", "0501234567")


def meeting(start: datetime = TEN, call: str = "one") -> Appointment:
    return Appointment(start, 30, call, "0501234567", {"area": "יפו", "budget": 7_000})


async def _refused(store: Store, appointment: Appointment) -> None:
    with pytest.raises(SlotTaken, match="is taken"):
        await store.bookings.book(appointment)


@pytest.mark.parametrize("minutes", [-29, 0, 29])
def test_a_time_that_overlaps_is_taken(address: str, minutes: int) -> None:
    async def go() -> None:
        async with open_store(address, tells=True) as store:
            await store.bookings.book(meeting())
            await _refused(store, meeting(TEN + timedelta(minutes=minutes), "two"))
            await store.bookings.book(meeting(TEN + timedelta(minutes=30), "two"))
            await store.bookings.book(meeting(TEN - timedelta(minutes=30), "three"))
            assert len(await store.bookings.busy(*DAY)) == 2
            assert len(await store.bookings.booked()) == 3

    asyncio.run(go())


def test_the_same_call_that_asks_twice_has_it_once_and_it_is_told_once(address: str) -> None:
    async def go() -> None:
        async with open_store(address, tells=True) as store:
            await store.bookings.book(meeting())
            await store.bookings.book(meeting())
        async with open_store(address, tells=True) as store:
            await store.bookings.book(meeting())
            assert await store.bookings.booked() == (meeting(),)
            assert [row.kind for row in await store.outbox.pending(datetime.now(UTC), 9)] == [
                "booking"
            ]

    asyncio.run(go())


def test_each_agent_has_a_calendar_and_a_call_one_meeting_in_all(address: str) -> None:
    async def go() -> None:
        async with open_store(address) as store:
            agents = Agents({MAIN: store.bookings, "dana": store.bookings.of("dana")})
            for call in ("one", "one", "two", "one", "two"):
                await agents.book(meeting(call=call))
            with pytest.raises(SlotTaken):
                await agents.book(meeting(call="three"))
            booked = await store.bookings.booked()
            assert [(one.call, one.calendar) for one in booked] == [("one", MAIN), ("two", "dana")]
            assert await agents.busy(*DAY) == [(TEN, 30)]

    asyncio.run(go())


async def _told(store: Store) -> list[tuple[str, object]]:
    rows = await store.outbox.pending(datetime.now(UTC), 9)
    return [(row.kind, row.payload["start"]) for row in rows]


def test_a_canceled_meeting_is_free_again_and_told_once(address: str) -> None:
    async def go() -> None:
        async with open_store(address, tells=True) as store:
            await store.bookings.cancel(meeting())
            await store.bookings.book(replace(meeting(), calendar="dana"))
            for _ in range(2):
                await store.bookings.cancel(meeting())
            assert await store.bookings.booked() == ()
            at_ten = meeting().act
            assert await _told(store) == [("booking", at_ten), ("canceled", at_ten)]
            row = (await store.outbox.pending(datetime.now(UTC), 9))[1]
            assert row.payload["wish"] == {"area": "יפו", "budget": 7_000}
            assert row.payload["calendar"] == "dana"
            await store.bookings.book(meeting(call="two"))

    asyncio.run(go())


def test_a_meeting_is_moved_wholly_or_not_at_all(address: str) -> None:
    async def go() -> None:
        eleven = TEN + timedelta(hours=1)
        moved = replace(meeting(eleven), instead_of=TEN)
        async with open_store(address, tells=True) as store:
            await store.bookings.book(meeting())
            await store.bookings.book(meeting(eleven, "two"))
            await _refused(store, moved)
            assert [one.call for one in await store.bookings.booked()] == ["one", "two"]
            await store.bookings.cancel(meeting(eleven, "two"))
            for _ in range(2):
                await store.bookings.book(moved)
            assert await store.bookings.booked() == (meeting(eleven),)
            kinds = [kind for kind, _ in await _told(store)]
            assert kinds == ["booking", "booking", "canceled", "booking", "canceled"]
            assert (await _told(store))[-1] == ("canceled", meeting().act)

    asyncio.run(go())


def test_a_message_waits_until_it_is_due_and_is_told_once(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True, clock=lambda: TEN) as store:
            await store.bookings.book(meeting())
            (row,) = await store.outbox.pending(TEN, 9)
            assert row.payload["wish"] == {"area": "יפו", "budget": 7_000}
            later = TEN + timedelta(minutes=1)
            await store.outbox.failed(row.id, later)
            assert await store.outbox.pending(TEN, 9) == []
            (row,) = await store.outbox.pending(later, 9)
            assert row.attempts == 1
            await store.outbox.told(row.id)
            assert await store.outbox.pending(later, 9) == []

    asyncio.run(go())


def test_where_nobody_is_told_nothing_waits_to_be_told_later(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite) as store:
            await store.bookings.book(meeting())
            call = store.records.open_call(FACTS)
            store.records.lead(call, {"area": "jaffa"})
            store.records.close_call(call, "goodbye", {"transcript": []})
        async with open_store(sqlite, tells=True) as store:
            assert await store.outbox.pending(utc_now(), 9) == []

    asyncio.run(go())


def test_what_was_told_is_kept_no_longer_in_the_outbox(tmp_path: Path, sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            await store.bookings.book(meeting())
            (row,) = await store.outbox.pending(utc_now(), 9)
            await store.outbox.told(row.id)

    asyncio.run(go())
    with closing(sqlite3.connect(tmp_path / "kav.sqlite")) as database:
        assert database.execute("SELECT payload FROM outbox").fetchall() == [("{}",)]


def test_a_call_leaves_its_turns_lead_and_summary(address: str) -> None:
    async def go() -> None:
        async with open_store(address, tells=True) as store:
            records = store.records
            call = records.open_call(FACTS)
            records.turn(call, said="מה התקציב?", heard="הכרטיס 4111 1111 1111 1111")
            records.consent(call, "recording", TEN)
            records.lead(call, {"area": "jaffa"})
            records.lead(call, {"area": "florentin"})
            records.close_call(call, "goodbye", {"text": "שלום"})
            await records.written()
            lead, end = await store.outbox.pending(datetime.now(UTC), 9)
        assert records.lost == 0
        assert lead.payload["wish"] == {"area": "florentin"}
        assert (end.kind, end.payload["summary"]) == ("call", {"text": "שלום"})
        assert end.key == f"call:{call}"

    asyncio.run(go())


def test_what_was_said_is_stored_without_the_number_of_a_card(tmp_path: Path, sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            call = store.records.open_call(FACTS)
            store.records.turn(call, said="", heard="4111 1111 1111 1111")

    asyncio.run(go())
    with closing(sqlite3.connect(tmp_path / "kav.sqlite")) as database:
        assert database.execute("SELECT heard FROM turns").fetchall() == [("[card]",)]


def test_calls_that_a_stop_ends_are_written_to_the_last(sqlite: str) -> None:
    async def serve(live: asyncio.Event) -> None:
        async with open_store(sqlite, tells=True) as store:
            keys = [store.records.open_call(FACTS) for _ in range(10)]
            live.set()
            try:
                await asyncio.Event().wait()
            finally:
                for key in keys:
                    store.records.close_call(key, "stopped", {})

    async def go() -> list[str]:
        live = asyncio.Event()
        serving = asyncio.create_task(serve(live))
        await live.wait()
        serving.cancel()
        await asyncio.wait([serving])
        async with open_store(sqlite, tells=True) as store:
            rows = await store.outbox.pending(utc_now() + COMES_BACK, 20)
            return [row.payload["reason"] for row in rows]

    assert asyncio.run(go()) == ["stopped"] * 10


def test_a_call_that_a_crash_left_open_is_closed_and_its_lead_is_told(address: str) -> None:
    async def go() -> None:
        async with open_store(address, tells=True) as store:
            call = store.records.open_call(FACTS)
            store.records.lead(call, {"area": "jaffa"})
        async with open_store(address, tells=True) as store:
            assert await store.outbox.pending(utc_now(), 9) == []  # it may be another's live call
            assert await store.records.reconcile() == 1
            assert await store.outbox.pending(utc_now(), 9) == []  # it may come back
            lead, end = await store.outbox.pending(utc_now() + COMES_BACK, 9)
            assert lead.payload["wish"] == {"area": "jaffa"}
            assert end.payload["reason"] == DIED
        async with open_store(address, tells=True) as store:
            assert await store.records.reconcile() == 0
            assert len(await store.outbox.pending(utc_now() + COMES_BACK, 9)) == 2

    asyncio.run(go())


def test_too_much_to_write_is_counted_and_never_stops_a_call(
    sqlite: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(database_url(sqlite))
    outbox = Outbox(database, lambda: TEN, is_read=True)
    records = Records(database, lambda: TEN, outbox, most=2)
    call = records.open_call(FACTS)
    for _ in range(3):
        records.turn(call, said="", heard="")
    assert records.lost == 2
    assert caplog.text.count("store_lost") == 2


def test_an_entry_that_cannot_be_written_is_lost_and_the_next_is_not(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            store.records.turn("no such call", said="", heard="")
            call = store.records.open_call(FACTS)
            store.records.close_call(call, "goodbye", {})
            await store.records.written()
            assert store.records.lost == 1
            assert len(await store.outbox.pending(datetime.now(UTC), 9)) == 1

    asyncio.run(go())


async def _book_many(store: Store, most: int) -> None:
    for hour in range(1, most):
        await store.bookings.book(meeting(TEN + timedelta(hours=hour)))


def test_a_full_disk_refuses_clearly_and_what_is_stored_stays(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            await store.bookings.book(meeting())
            async with store.bookings._database.writing() as connection:
                await connection.exec_driver_sql("PRAGMA max_page_count = 1")
            with pytest.raises(StoreFailed, match="full"):
                await _book_many(store, 500)
            before = len(await store.bookings.booked())
            async with store.bookings._database.writing() as connection:
                await connection.exec_driver_sql("PRAGMA max_page_count = 100000")
            await store.bookings.book(meeting(TEN - timedelta(hours=1)))
            assert len(await store.bookings.booked()) == before + 1

    asyncio.run(go())


def test_a_damaged_file_fails_no_turn_and_refuses_clearly(tmp_path: Path, sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite) as store:
            await store.bookings.book(meeting())
            assert len(await store.bookings.busy(*DAY)) == 1
            file = tmp_path / "kav.sqlite"
            whole = file.read_bytes()
            # Another change counter: what is cached of the file is not trusted any more.
            head = whole[:24] + b"\x00\x00\xff\xff" + whole[28:100]
            file.write_bytes(head + b"\xff" * (len(whole) - 100))
            assert len(await store.bookings.busy(*DAY)) == 1
            with pytest.raises(StoreFailed, match="malformed"):
                await store.bookings.booked()

    asyncio.run(go())


@pytest.mark.e2e
def test_what_postgresql_does_not_take_is_lost_and_holds_nothing_up(
    fresh_postgresql: str,
) -> None:
    async def go() -> None:
        async with open_store(fresh_postgresql, tells=True) as store:
            call = store.records.open_call(FACTS)
            store.records.turn(call, said="", heard="a \x00 in a text")
            store.records.close_call(call, "goodbye", {})
            await store.records.written()
            assert store.records.lost == 1
            assert len(await store.outbox.pending(utc_now(), 9)) == 1

    asyncio.run(go())


_HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_while_another_process_holds_the_database_nothing_is_lost(
    tmp_path: Path, sqlite: str
) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            await store.bookings.book(meeting())
            assert len(await store.bookings.busy(*DAY)) == 1
            command = [sys.executable, "-c", _HOLD, str(tmp_path / "kav.sqlite")]
            pipe = subprocess.PIPE
            with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
                command, stdin=pipe, stdout=pipe, text=True
            ) as other:
                assert other.stdin is not None
                assert other.stdout is not None
                other.stdout.readline()
                async with asyncio.TaskGroup() as tasks:
                    call = store.records.open_call(FACTS)
                    store.records.close_call(call, "goodbye", {})
                    tasks.create_task(store.bookings.book(meeting(TEN + timedelta(hours=1), "two")))
                    assert len(await store.bookings.busy(*DAY)) == 1
                    other.stdin.close()
            await store.records.written()
            assert store.records.lost == 0
            assert len(await store.bookings.busy(*DAY)) == 2
            assert len(await store.outbox.pending(datetime.now(UTC), 9)) == 3

    asyncio.run(go())


@pytest.mark.e2e
def test_a_connection_lost_while_booking_books_once(fresh_postgresql: str) -> None:
    address = fresh_postgresql

    async def go() -> None:
        async with open_store(address, tells=True) as store:
            await sql(address, "CREATE SEQUENCE tries")
            await sql(
                address,
                "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "IF nextval('tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                "END IF; RETURN NEW; END $$",
            )
            await sql(
                address,
                "CREATE TRIGGER cut BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION cut()",
            )
            await store.bookings.book(meeting())
            assert await store.bookings.booked() == (meeting(),)

    asyncio.run(go())


def test_a_booking_that_is_abandoned_at_any_step_harms_no_later_one(sqlite: str) -> None:
    async def go() -> None:
        async with open_store(sqlite, tells=True) as store:
            for steps in range(25):
                one = meeting(TEN + timedelta(hours=steps))
                task = asyncio.create_task(store.bookings.book(one))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await store.bookings.book(one)
            assert len(await store.bookings.booked()) == 25

    asyncio.run(go())


@dataclass(frozen=True, slots=True)
class Older:
    path: Path

    def line(self, start: datetime = TEN, call: str = "one") -> str:
        record = {"start": start.isoformat(), "minutes": 30, "call": call, "caller": "", "wish": {}}
        return json.dumps(record) + "\n"


def test_what_an_earlier_version_kept_is_taken_over_once(tmp_path: Path, sqlite: str) -> None:
    older = Older(tmp_path / "appointments.jsonl")
    torn = '{"start": "2026'
    older.path.write_text(older.line() + older.line(TEN + timedelta(hours=1), "two") + torn)

    async def go() -> None:
        for _ in range(2):
            async with open_store(sqlite, older=older.path, tells=True) as store:
                assert len(await store.bookings.booked()) == 2
                assert await store.outbox.pending(datetime.now(UTC), 9) == []

    asyncio.run(go())
    assert not older.path.exists()
    assert (tmp_path / "appointments.jsonl.imported").exists()


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"start": "10:00"}', "[]"])
def test_a_broken_line_of_an_earlier_version_is_not_passed_over(
    tmp_path: Path, sqlite: str, line: str
) -> None:
    older = Older(tmp_path / "appointments.jsonl")
    older.path.write_text(f"{line}\n" + older.line())
    with pytest.raises(StoreBroken, match="line 1 is no appointment"):
        asyncio.run(_open(sqlite, older.path))


async def _open(address: str, older: Path | None = None) -> None:
    async with open_store(address, older=older):
        pass


def test_the_schema_is_what_the_code_believes(address: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        found: list[object] = list(compare_metadata(context, metadata))
        return [one for one in found if "no_overlap" not in str(one)]

    async def go() -> None:
        async with (
            open_store(address, tells=True) as store,
            store.bookings._database.writing() as connection,
        ):
            assert await connection.run_sync(differences) == []

    asyncio.run(go())


def test_a_newer_schema_is_refused_in_a_sentence(address: str) -> None:
    async def go() -> None:
        async with (
            open_store(address, tells=True) as store,
            store.bookings._database.writing() as connection,
        ):
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '99'")
        with pytest.raises(StoreBroken, match="schema 99, which this version of Kav does not know"):
            await _open(address)

    asyncio.run(go())


@pytest.mark.parametrize("broken", ["mysql://host/db", "nonsense", "sqlite://"])
def test_an_address_that_is_none_is_refused(broken: str) -> None:
    with pytest.raises(StoreBroken, match="expected sqlite"):
        asyncio.run(_open(broken))


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("postgresql://kav@host/kav?sslmod=require", "sslmod= is not understood; expected host"),
        ("postgresql://kav@host/kav?sslmode=please", "sslmode is one of disable, allow"),
        ("sqlite:///kav.sqlite?sslmode=require", "sslmode= is not understood; expected none"),
    ],
)
def test_what_an_address_asks_for_and_nobody_knows_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(StoreBroken, match=complaint):
        database_url(address)


def test_postgresql_is_asked_for_encryption_as_everybody_writes_it() -> None:
    assert database_url("postgresql://kav@host/kav?sslmode=require").query == {"ssl": "require"}


def test_a_database_that_does_not_answer_holds_no_turn_up(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        server = await asyncio.start_server(lambda _, line: accepted.put(line), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        database = Database(database_url(f"postgresql://kav@127.0.0.1:{port}/kav?ssl=disable"))
        bookings = Bookings(database, utc_now, Outbox(database, utc_now, is_read=False))
        async with asyncio.timeout(2):
            assert await bookings.busy(*DAY) == []
        (await accepted.get()).close()
        await database.close()
        server.close()

    asyncio.run(go())
    assert "busy_windows_not_read" in caplog.text


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, sqlite: str) -> None:
    (tmp_path / "kav.sqlite").write_text("this is no database" * 100)
    with pytest.raises(StoreBroken, match="file is not a database"):
        asyncio.run(_open(sqlite))


@pytest.mark.e2e
def test_of_a_hundred_callers_in_two_processes_exactly_one_has_the_time(address: str) -> None:
    rounds = 3
    result = won(address, processes=2, callers=50, rounds=rounds)
    assert (result.counts, result.stored) == ([1] * rounds, rounds)


@pytest.mark.e2e
def test_what_was_announced_before_a_kill_is_stored_once(tmp_path: Path) -> None:
    assert kill_and_look(tmp_path / "kav.sqlite", kills=8, seed=1).is_right
