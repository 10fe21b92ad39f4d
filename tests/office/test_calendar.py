import asyncio
import logging
import random
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from engine.office.address import BadAddress
from engine.office.calendar import CalDav, CalendarAway, open_calendar
from engine.office.entries import Entry, Verdict, read, verdict
from engine.office.invitation import claim, event
from engine.office.meeting import Meeting, meeting_uid
from engine.store import SlotTaken
from tests.office.radicale_server import PASSWORD, USER, Radicale, serving_radicale

JERUSALEM = ZoneInfo("Asia/Jerusalem")
TEN = datetime(2026, 11, 24, 10, 0, tzinfo=JERUSALEM)
WEEK = (TEN - timedelta(days=2), TEN + timedelta(days=4))
HALF_HOUR = timedelta(minutes=30)
_names = count()


def meeting(call: str = "one", start: datetime = TEN) -> Meeting:
    return Meeting(meeting_uid(call, "1"), start, 30, "פגישה: דירה", "אזור: פלורנטין", "0501234567")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_radicale(tmp_path_factory.mktemp("radicale")) as url:
        yield url


@pytest.fixture
def office(server: str) -> Radicale:
    office = Radicale(f"{server}{USER}/{next(_names)}/")
    office.make()
    return office


@asynccontextmanager
async def opened(
    url: str, password: str = PASSWORD, patience: float = 30.0
) -> AsyncIterator[CalDav]:
    async with open_calendar(
        url, USER, password, zone=JERUSALEM, patience=patience, pause=0.01
    ) as calendar:
        yield calendar


def busy(office: Radicale, *, since: datetime = WEEK[0], until: datetime = WEEK[1]) -> set[str]:
    """As a person in the office says it."""

    async def ask() -> list[tuple[datetime, int]]:
        async with opened(office.url) as calendar:
            return await calendar.busy(since, until)

    times = asyncio.run(ask())
    return {f"{start.astimezone(JERUSALEM):%a %H:%M} {minutes}" for start, minutes in times}


def use(office: Radicale, scenario: Callable[[CalDav], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(office.url) as calendar:
            await scenario(calendar)

    asyncio.run(run())


def test_what_the_office_writes_takes_time(office: Radicale) -> None:
    office.put("a", "DTSTART:20261124T080000Z", "DTEND:20261124T090000Z", "SUMMARY:viewing")
    office.put("b", "DTSTART;TZID=Asia/Jerusalem:20261125T110000", "DURATION:PT45M10S")
    office.put("c", "DTSTART:20261126T120000", "DTEND:20261126T123000")
    assert busy(office) == {"Tue 10:00 60", "Wed 11:00 46", "Thu 12:00 30"}


def test_a_series_takes_time_each_time_but_for_its_exceptions(office: Radicale) -> None:
    office.put(
        "weekly",
        "DTSTART;TZID=Asia/Jerusalem:20250105T090000",
        "DURATION:PT1H",
        "RRULE:FREQ=WEEKLY;BYDAY=SU,TU,TH",
        "EXDATE;TZID=Asia/Jerusalem:20261124T090000",
    )
    assert busy(office) == {"Thu 09:00 60"}
    assert busy(office, since=WEEK[0] - timedelta(days=1)) == {"Thu 09:00 60", "Sun 09:00 60"}


def test_a_moved_occurrence_takes_its_new_time_only(office: Radicale) -> None:
    office.put(
        "moved",
        "DTSTART:20261123T080000Z",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=2",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:moved",
        "DTSTAMP:20260101T000000Z",
        "RECURRENCE-ID:20261124T080000Z",
        "DTSTART:20261124T120000Z",
        "DURATION:PT30M",
    )
    assert busy(office) == {"Mon 10:00 60", "Tue 14:00 30"}


def test_a_whole_day_is_the_business_s_day(office: Radicale) -> None:
    office.put("holiday", "DTSTART;VALUE=DATE:20261125", "DTEND;VALUE=DATE:20261126")
    assert busy(office) == {"Wed 00:00 1440"}


def test_what_is_canceled_or_free_or_elsewhere_in_time_takes_none(office: Radicale) -> None:
    at_ten = ("DTSTART:20261124T080000Z", "DTEND:20261124T090000Z")
    office.put("canceled", *at_ten, "STATUS:CANCELLED")
    office.put("birthday", *at_ten, "TRANSP:TRANSPARENT")
    office.put("before", "DTSTART:20261101T080000Z", "DTEND:20261101T090000Z")
    assert busy(office) == set()


def test_a_booked_meeting_stands_there_and_takes_its_time(office: Radicale) -> None:
    use(office, lambda calendar: calendar.book(meeting()))
    content = office.content()
    assert "SUMMARY:פגישה: דירה" in content
    assert "STATUS:CONFIRMED" in content
    assert busy(office) == {"Tue 10:00 30"}


def test_the_same_meeting_again_is_booked_once(office: Radicale) -> None:
    async def twice(calendar: CalDav) -> None:
        await calendar.book(meeting())
        await calendar.book(meeting())

    use(office, twice)
    assert office.content().count("BEGIN:VEVENT") == 1


def test_what_the_office_changed_in_a_booked_meeting_stays(office: Radicale) -> None:
    changed = event(replace(meeting(), title="moved to the roof"), zone=JERUSALEM, now=TEN)

    async def twice(calendar: CalDav) -> None:
        await calendar.book(meeting())
        office.put_file(f"{meeting().uid.removesuffix('@kav')}.ics", changed)
        await calendar.book(meeting())

    use(office, twice)
    assert "SUMMARY:moved to the roof" in office.content()


def test_a_booking_that_was_broken_off_goes_on(office: Radicale) -> None:
    left = claim(meeting(), zone=JERUSALEM, now=datetime(2026, 11, 22, tzinfo=UTC))
    office.put_file(f"{meeting().uid.removesuffix('@kav')}.ics", left)
    use(office, lambda calendar: calendar.book(meeting()))
    assert office.content().count("BEGIN:VEVENT") == 1
    assert "STATUS:CONFIRMED" in office.content()


@pytest.mark.parametrize("rival", ["0@kav", "z@kav"])
def test_a_claim_that_nobody_gives_up_keeps_its_time(office: Radicale, rival: str) -> None:
    office.put(rival, "DTSTART:20261124T080000Z", "DURATION:PT30M", "STATUS:TENTATIVE")

    async def book(calendar: CalDav) -> None:
        with pytest.raises(SlotTaken):
            await calendar.book(meeting())

    use(office, book)
    assert "פגישה" not in office.content()


@pytest.mark.parametrize("minutes", [-29, 0, 29])
def test_a_time_that_a_person_has_taken_is_refused_and_left_alone(
    office: Radicale, minutes: int
) -> None:
    start = (TEN + timedelta(minutes=minutes)).astimezone(UTC)
    office.put("viewing", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", "DURATION:PT30M", "STATUS:TENTATIVE")

    async def book(calendar: CalDav) -> None:
        with pytest.raises(SlotTaken):
            await calendar.book(meeting())

    use(office, book)
    assert "פגישה" not in office.content()
    assert office.content().count("BEGIN:VEVENT") == 1


def test_the_next_time_is_free(office: Radicale) -> None:
    async def both(calendar: CalDav) -> None:
        await calendar.book(meeting("one"))
        await calendar.book(meeting("two", TEN + HALF_HOUR))

    use(office, both)
    assert busy(office) == {"Tue 10:00 30", "Tue 10:30 30"}


def test_a_canceled_time_is_free_again_and_canceling_twice_is_no_harm(office: Radicale) -> None:
    async def changed_his_mind(calendar: CalDav) -> None:
        await calendar.book(meeting("one"))
        await calendar.cancel(meeting("one").uid)
        await calendar.cancel(meeting("one").uid)
        await calendar.book(meeting("two"))

    use(office, changed_his_mind)
    assert office.content().count("BEGIN:VEVENT") == 1


def test_of_ten_who_book_one_time_over_two_clients_one_has_it(office: Radicale) -> None:
    won: list[str] = []

    async def book(calendar: CalDav, call: str) -> None:
        try:
            await calendar.book(meeting(call, TEN + timedelta(minutes=10 * (int(call) % 3))))
        except SlotTaken:
            return
        won.append(call)

    async def race() -> None:
        async with (
            opened(office.url) as one,
            opened(office.url) as other,
            asyncio.TaskGroup() as group,
        ):
            for number in range(10):
                group.create_task(book((one, other)[number % 2], str(number)))

    asyncio.run(race())
    assert len(won) == 1
    assert office.content().count("BEGIN:VEVENT") == 1
    assert "STATUS:CONFIRMED" in office.content()


def test_what_a_person_is_not_sure_of_is_waited_for_by_nobody() -> None:
    ours = Entry("a@kav", TEN, TEN + HALF_HOUR, tentative=True)
    theirs = Entry("z", TEN, TEN + HALF_HOUR, tentative=True)
    assert verdict("a@kav", (ours, theirs)) is Verdict.TAKEN


def test_in_whatever_order_the_steps_of_rivals_come_one_has_the_time() -> None:
    for seed in range(1000):
        there, booked = _raced(random.Random(seed))
        assert len(booked) == 1, seed
        assert set(there) == booked, seed


def _raced(order: random.Random) -> tuple[dict[str, Entry], set[str]]:
    """The rule alone, on a calendar in memory: a step is one request."""
    there: dict[str, Entry] = {}
    steps = {f"{name}@kav": "claim" for name in "abcd"[: order.randint(2, 4)]}
    booked: set[str] = set()
    while steps:
        uid = order.choice(sorted(steps))
        match steps[uid]:
            case "claim":
                there[uid] = Entry(uid, TEN, TEN + HALF_HOUR, tentative=True)
                steps[uid] = "look"
            case "look":
                seen = verdict(uid, tuple(there.values()))
                steps[uid] = {Verdict.FREE: "confirm", Verdict.TAKEN: "leave"}.get(seen, "look")
            case "confirm":
                there[uid] = Entry(uid, TEN, TEN + HALF_HOUR)
                booked.add(uid)
                del steps[uid]
            case "leave":
                del there[uid], steps[uid]
    return there, booked


def multistatus(*calendars: str) -> bytes:
    responses = "".join(
        "<d:response><d:propstat><d:prop><d:getetag>e</d:getetag>"
        f"<c:calendar-data>{one}</c:calendar-data></d:prop></d:propstat></d:response>"
        for one in calendars
    )
    head = '<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    return f"{head}{responses}</d:multistatus>".encode()


def calendar_of(*lines: str) -> str:
    event = "\r\n".join(["BEGIN:VEVENT", "UID:x", *lines, "END:VEVENT"])
    return f"BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize(
    "broken",
    [
        "junk",
        calendar_of("DTSTART:soon"),
        calendar_of("SUMMARY:no start"),
        calendar_of("DTSTART:20261124T080000Z", "RRULE:FREQ=SOMETIMES"),
        calendar_of("DTSTART;VALUE=DATE:20261124", "DTEND;VALUE=DATE:99991231"),
        calendar_of("DTSTART;TZID=America/New_York:20261124T080000", "DTEND:99991231T235900"),
    ],
)
def test_an_event_that_nobody_understands_hides_no_other(broken: str) -> None:
    good = calendar_of("DTSTART:20261124T080000Z", "DURATION:PT30M")
    answer = multistatus(broken, good)
    reading = read(answer, zone=JERUSALEM, since=WEEK[0], until=WEEK[1])
    assert [entry.start for entry in reading.entries] == [TEN]
    assert reading.unread == 1


def test_what_only_touches_the_time_or_has_no_length_takes_none() -> None:
    answer = multistatus(
        calendar_of("DTSTART:20261124T073000Z", "DURATION:PT30M"),
        calendar_of("DTSTART:20261124T083000Z", "DURATION:PT30M"),
        calendar_of("DTSTART:20261124T081000Z", "DTEND:20261124T081000Z"),
    )
    reading = read(answer, zone=JERUSALEM, since=TEN, until=TEN + HALF_HOUR)
    assert (reading.entries, reading.unread) == ((), 0)


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/private-name/"
    finally:
        await runner.cleanup()


def failure(answer: Callable[[web.Request], Awaitable[web.Response]], patience: float = 30) -> str:
    """What is said when all three fail in the same way."""

    async def ask() -> set[str]:
        said: set[str] = set()
        async with answering(answer) as url, opened(url, patience=patience) as calendar:
            for work in (
                calendar.busy(*WEEK),
                calendar.book(meeting()),
                calendar.cancel(meeting().uid),
            ):
                with pytest.raises(CalendarAway) as away:
                    await work
                said.add(str(away.value))
        return said

    (said,) = asyncio.run(ask())
    assert "private-name" not in said
    return said


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "refused"), (403, "may not"), (302, "302"), (500, "500"), (507, "full")],
)
def test_a_refusal_says_what_it_is(status: int, says: str) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    assert says in failure(refuse)


def test_a_server_that_does_not_answer_is_left() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert failure(never, patience=0.1) == "no answer in time"


def test_a_server_that_is_not_there_is_away() -> None:
    async def ask() -> None:
        async with opened("http://127.0.0.1:1/private-name/") as calendar:
            with pytest.raises(CalendarAway, match=r"^the connection failed \(\w+\)$"):
                await calendar.busy(*WEEK)

    asyncio.run(ask())


@pytest.mark.parametrize("answer", [b"", b"<junk", b"<html/>", b"\xff\xfe"])
def test_an_answer_that_is_no_calendar_is_no_free_calendar(answer: bytes) -> None:
    async def say(request: web.Request) -> web.Response:
        return web.Response(status=207, body=answer)

    async def ask() -> None:
        async with answering(say) as url, opened(url) as calendar:
            with pytest.raises(CalendarAway):
                await calendar.busy(*WEEK)

    asyncio.run(ask())


def test_what_the_server_took_and_lost_is_not_booked() -> None:
    async def lose(request: web.Request) -> web.Response:
        return web.Response(status=201 if request.method == "PUT" else 207, body=multistatus())

    async def ask() -> None:
        async with answering(lose) as url, opened(url) as calendar:
            with pytest.raises(CalendarAway, match="not there"):
                await calendar.book(meeting())

    asyncio.run(ask())


def test_a_wrong_password_and_a_wrong_address_are_told_apart(office: Radicale) -> None:
    async def ask(url: str, password: str) -> str:
        async with opened(url, password) as calendar:
            with pytest.raises(CalendarAway) as away:
                await calendar.busy(*WEEK)
            return str(away.value)

    assert "password" in asyncio.run(ask(office.url, "wrong"))
    assert "no calendar" in asyncio.run(ask(office.url + "nothing/", PASSWORD))


def test_the_password_is_in_no_log_and_no_repr(
    office: Radicale, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def look(calendar: CalDav) -> None:
        await calendar.book(meeting())
        shown.append(repr(calendar))

    use(office, look)
    logged = " ".join(str(record.__dict__) for record in caplog.records) + shown[0]
    for private in (PASSWORD, b64encode(f"{USER}:{PASSWORD}".encode()).decode(), "0501234567"):
        assert private not in logged


@pytest.mark.parametrize("url", ["http://office.example/cal/", "https://office.example/cal/?key=1"])
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    async def ask() -> None:
        async with opened(url):
            pass

    with pytest.raises(BadAddress):
        asyncio.run(ask())
