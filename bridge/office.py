"""What the office gets of its calls: meetings in its calendar, an invitation for each, news to its
own systems; and the record that each call leaves in the store."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bridge.outbound import is_number
from bridge.settings import BadSettings, Settings
from engine.dialogue.hebrew import without_points
from engine.dialogue.phrases import said_back, wish_name
from engine.dialogue.profile import Choices, Language, Profile
from engine.dialogue.wish import Value, Wish
from engine.office.address import BadAddress
from engine.office.agents import Agents
from engine.office.desk import Desk
from engine.office.meeting import Meeting, meeting_uid
from engine.office.signature import BadSecret
from engine.office.summary import (
    Ended,
    Report,
    as_json,
    as_text,
    meeting_about,
    meeting_title,
)
from engine.office.webhook import Webhook, open_webhook
from engine.ports import Before, CallFacts, Exchange
from engine.store import MAIN, Appointment, Calendar
from engine.store.identifiers import without_identifiers
from engine.store.opening import Store
from engine.store.records import Left, Records

if TYPE_CHECKING:
    from bridge.recording import Recorder
    from engine.office.diary import Diary

log = logging.getLogger(__name__)

PAUSE = 30.0
"""Seconds until what broke is begun again."""


@dataclass(frozen=True, slots=True)
class Office:
    calendar: Calendar
    """Where calls book."""
    open_record: Callable[[CallFacts], "CallRecord"]


async def open_office(
    settings: Settings,
    profile: Profile,
    store: Store,
    stack: AsyncExitStack,
    recorder: "Recorder | None" = None,
) -> Office:
    """Raises `BadSettings`."""
    zone = ZoneInfo(profile.timezone)

    def describe(one: Appointment) -> Meeting:
        return described(profile, one)

    def now() -> datetime:
        return datetime.now(zone)

    webhook = await _webhook(settings, store, stack)
    calendar = _agents(settings, profile, store)
    # What reads and writes calendars takes 0.2 s to import: only where one is wanted.
    if settings.kav_invitations is not None:
        from engine.office.folder import Invitations

        folder = settings.kav_invitations
        calendar = Invitations(calendar, folder, describe, zone=zone, clock=now)
    diary = await _diary(settings, zone, now, stack)
    if diary is not None:
        from engine.office.diary import Agenda

        calendar = agenda = Agenda(calendar, diary, describe)
        stack.push_async_callback(agenda.close)
    desk = Desk(calendar, webhook.wake if webhook else lambda: None)
    stack.push_async_callback(desk.close)
    tasks = await stack.enter_async_context(asyncio.TaskGroup())
    for work in (webhook, diary):
        if work is not None:
            stack.callback(tasks.create_task(kept_up(work.run)).cancel)
    live: dict[str, CallRecord] = {}

    def open_record(facts: CallFacts) -> CallRecord:
        taped = recorder if settings.records(facts.line) else None
        return CallRecord(store.records, desk, profile, facts, live, taped)

    return Office(desk, open_record)


def _agents(settings: Settings, profile: Profile, store: Store) -> Calendar:
    """Raises `BadSettings`."""
    others = profile.calendars[1:]
    if not others:
        return store.bookings
    if settings.kav_caldav_url:
        raise BadSettings(
            f"KAV_CALDAV_URL is one calendar, but the profile has {len(profile.calendars)}: "
            "leave one in it, or do without KAV_CALDAV_URL"
        )
    # The first is kept under a name of its own: to call it otherwise loses no meeting.
    return Agents({MAIN: store.bookings, **{key: store.bookings.of(key) for key in others}})


async def kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Until it is done. A defect in what is done beside the calls must not end them."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - like the border of a call: the process lives
            # Not its text, which may quote an address or a caller.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename}:{place.lineno}"
            facts = {"why": type(error).__name__, "where": where}
            log.error("office_task_broke", extra={"facts": facts})
        else:
            return
        await asyncio.sleep(PAUSE)


async def _webhook(settings: Settings, store: Store, stack: AsyncExitStack) -> Webhook | None:
    if settings.kav_webhook_url is None or settings.kav_webhook_secret is None:
        return None
    secret = settings.kav_webhook_secret.get_secret_value()
    opening = open_webhook(store.outbox, settings.kav_webhook_url.get_secret_value(), secret)
    try:
        return await stack.enter_async_context(opening)
    except BadAddress as error:
        raise BadSettings(f"KAV_WEBHOOK_URL: {error}") from None
    except BadSecret as error:
        raise BadSettings(f"KAV_WEBHOOK_SECRET: {error}") from None


async def _diary(
    settings: Settings, zone: ZoneInfo, clock: Callable[[], datetime], stack: AsyncExitStack
) -> "Diary | None":
    if settings.kav_caldav_password is None:
        return None
    from engine.office.calendar import open_calendar
    from engine.office.diary import Diary

    password = settings.kav_caldav_password.get_secret_value()
    opening = open_calendar(settings.kav_caldav_url, settings.kav_caldav_user, password, zone=zone)
    try:
        return Diary(await stack.enter_async_context(opening), clock)
    except BadAddress as error:
        raise BadSettings(f"KAV_CALDAV_URL: {error}") from None


class CallRecord:
    """What one call leaves; implements `engine.ports.Journal`."""

    def __init__(
        self,
        records: Records,
        desk: Desk,
        profile: Profile,
        facts: CallFacts,
        live: dict[str, "CallRecord"],
        recorder: "Recorder | None" = None,
    ) -> None:
        """`live`: of each key, the record of the call that lives."""
        self.key = ""
        self._records = records
        self._desk = desk
        self._profile = profile
        self._facts = facts
        self._live = live
        self._recorder = recorder
        self._recorded: bool | None = None
        """None: it has not been told; false: the caller does not want it."""
        self._before: Before | None = None
        self._started = datetime.now(UTC)
        self._exchanges: list[Exchange] = []
        self._wish: Mapping[str, object] = {}
        self._announced: set[str] = set()

    async def recall(self) -> Before | None:
        if not self.key:
            left = await self._records.left(self._facts)
            if left is None:
                self._open()
            else:
                self._reopen(left)
        return self._before

    def keep(self, talk: Mapping[str, object]) -> None:
        self._records.keep(self.key, talk)

    def exchange(self, said: str, heard: str, *, instead: bool) -> None:
        one = Exchange(without_identifiers(said), without_identifiers(heard))
        self._exchanges[len(self._exchanges) - instead :] = [one]
        self._records.turn(self.key, said=one.said, heard=one.heard, instead=instead)

    def wants(self, wish: Mapping[str, object]) -> None:
        if wish != self._wish:
            self._wish = dict(wish)
            self._records.lead(self.key, self._wish)

    def announced(self, what: str) -> None:
        if what not in self._announced:
            self._announced.add(what)
            self._records.consent(self.key, what, datetime.now(UTC))

    def record(self) -> None:
        if self._recorded is None:
            self._recorded = True
            self.announced("recorded")
            if self._recorder is not None:
                self._recorder.start(self._facts)

    def unrecord(self) -> None:
        if self._recorded is not False:
            self._recorded = False
            self.announced("recording refused")
            if self._recorder is not None:
                self._recorder.erase(self._facts)

    def unwanted(self) -> None:
        # Only of a call that we placed is it certain whose number it is.
        if self._facts.outbound and is_number(self._facts.caller):
            self._records.opt_out(self._facts.caller)
            log.info("opted_out", extra={"call": self._facts.id, "facts": {}})

    def close(self, why: str) -> None:
        if self._recorded and self._recorder is not None:
            self._recorder.stop(self._facts)
        if not self.key:
            self._open()
        if self._live.get(self.key) is not self:
            return  # the caller is back, over another line
        del self._live[self.key]
        ended_at = datetime.now(UTC)
        # What is being booked is known when it is done, also when the caller has gone meanwhile.
        self._desk.settle(self.key, lambda booked: self._close(why, ended_at, booked))

    def _open(self) -> None:
        self.key = self._records.open_call(self._facts)
        self._live[self.key] = self

    def _reopen(self, left: Left) -> None:
        self.key = left.call
        self._started = left.started
        self._exchanges = list(left.exchanges)
        self._wish = left.wish
        # Of a line that is not known to be dead yet, the desk knows.
        booked = self._desk.booked(self.key) or left.booked
        if booked is not None:
            self._desk.go_on(booked)
        meeting = None if booked is None else (booked.start, booked.minutes)
        self._before = Before(left.back, left.talk, left.exchanges, meeting)
        self._records.reopen_call(left)
        self._live[self.key] = self

    def _close(self, why: str, ended_at: datetime, booked: Appointment | None) -> None:
        if self.key in self._live:  # the caller came back while something was booked
            if booked is not None:
                self._desk.go_on(booked)
            return
        language: Language = "en" if self._wish.get("language") == "en" else "he"
        if language not in self._profile.languages:
            language = self._profile.languages[0]
        report = self._report(ended(why), ended_at, booked, language)
        text = as_text(report, language, ZoneInfo(self._profile.timezone))
        self._records.close_call(self.key, why, as_json(report) | {"text": text}, booked)

    def _report(
        self, end: Ended, ended_at: datetime, booked: Appointment | None, language: Language
    ) -> Report:
        return Report(
            call=self.key,
            line=self._facts.line,
            caller=self._facts.caller,
            agent=self._profile.agent[language],
            started=self._started,
            seconds=(ended_at - self._started).total_seconds(),
            ended=end,
            wish=spoken_wish(self._profile, self._wish, language),
            topics=self._profile.labels(language),
            meeting=None if booked is None else (booked.start, booked.minutes),
            exchanges=tuple(self._exchanges),
        )


def ended(why: str) -> Ended:
    match why.partition(":")[0]:
        case "goodbye" | "call limit":
            return "goodbye"
        case "transferred":
            return "transferred"
        case "stopped" | "no reply could be made":
            return "failed"
    return "hung_up"


def described(profile: Profile, one: Appointment) -> Meeting:
    """A meeting, for a person's calendar."""
    language: Language = profile.languages[0]
    wish = {slot: value for slot, value in one.wish.items() if value not in {None, one.caller}}
    return Meeting(
        meeting_uid(one.call, one.act),
        one.start,
        one.minutes,
        meeting_title(_wanted(profile, wish, language), language),
        meeting_about(
            spoken_wish(profile, wish, language), profile.labels(language), one.caller, language
        ),
        one.caller,
    )


def _wanted(profile: Profile, wish: Mapping[str, Value | None], language: Language) -> str:
    """As she says it back: «דירה בפלורנטין, עד שבעת אלפים שקלים»."""
    known = Wish(tuple((slot, value) for slot, value in wish.items() if value is not None))
    slots = [topic.key for topic in profile.topics]
    return wish_name(profile, known, slots, language)


def spoken_wish(profile: Profile, wish: Mapping[str, object], language: Language) -> dict[str, str]:
    """Topic -> what is wanted, as it is read."""
    told = {
        topic.key: _read(profile, topic.key, wish[topic.key], language)
        for topic in profile.topics
        if wish.get(topic.key) is not None
    }
    return {slot: value for slot, value in told.items() if value}


def _read(profile: Profile, slot: str, value: object, language: Language) -> str:
    if not isinstance(value, str | int | float):
        return ""
    if isinstance(profile.topic(slot).answers, Choices):
        return without_points(profile.choice(slot, str(value)).name(language))
    known: Value = value
    return without_points(said_back(profile, slot, known, language)) or str(value)
