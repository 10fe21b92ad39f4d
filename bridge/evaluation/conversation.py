"""A whole call: a simulated caller, by text, and the receptionist herself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from bridge.evaluation.caller import Deed, SimulatedCaller
from bridge.evaluation.callers import Caller
from bridge.evaluation.judge import Flaw, Judge
from bridge.evaluation.mishearing import SURE, mumbled
from bridge.evaluation.reading import read
from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Transfer
from engine.dialogue.hebrew import without_points
from engine.dialogue.hours import free_windows
from engine.dialogue.profile import Profile
from engine.ports import Brain
from engine.receptionist import Receptionist
from engine.store import Appointment, Appointments

NewBrain = Callable[[Appointments, Callable[[], datetime], str], Brain]
Listen = Callable[[str, Sequence[str]], Awaitable[Heard]]
"""Words, and what is expected -> what is heard of them."""
MOST_TURNS = 40
_MUMBLES, _INTERRUPTS = 0.3, 0.35
_MOST_CUTS = 4
_CALL = "evaluation"


@dataclass(frozen=True, slots=True)
class Line:
    caller: bool
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """How a call went."""

    caller: Caller
    lines: tuple[Line, ...]
    flaws: tuple[Flaw, ...]
    turns: int
    words: int
    questions: int
    asked_again: int
    right: bool
    """A caller who wanted a meeting has the right one; another caller has none."""
    wrong: tuple[str, ...]
    """What of it is not right."""
    transferred: bool


def monday_morning(profile: Profile) -> datetime:
    """The evaluation's now: a day on which much is free."""
    return datetime(2026, 11, 23, 8, 10, tzinfo=ZoneInfo(profile.timezone))


async def converse(
    profile: Profile,
    caller: Caller,
    new_brain: NewBrain | None = None,
    listen: Listen | None = None,
) -> Conversation:
    """`listen`: what is heard of the caller's words, where they are spoken."""
    return await _Call(profile, caller, new_brain or rules_alone(profile), listen).run()


def rules_alone(profile: Profile) -> NewBrain:
    def new_brain(store: Appointments, clock: Callable[[], datetime], number: str) -> Brain:
        return Receptionist(profile, store, clock, call=_CALL, caller=number)

    return new_brain


class _Call:
    def __init__(
        self, profile: Profile, caller: Caller, new_brain: NewBrain, listen: Listen | None
    ) -> None:
        self._profile = profile
        self._caller = caller
        self._listen = listen
        self._random = Random(caller.id)
        self._now = monday_morning(profile)
        self._store = Appointments(*self._others(caller.busy))
        number = "" if "unlisted" in caller.temper.likes else caller.goal.phone
        self._brain = new_brain(self._store, lambda: self._now, number)
        self._person = SimulatedCaller(caller, profile, self._now, self._random)
        self._judge = Judge(profile, self._now)
        self._free_at_first = set(self._starts())
        """What is taken later may still be named by who does not know it yet."""
        self._lines: list[Line] = []
        self._cuts = 0
        self._raced = False
        self._transfer: Transfer | None = None

    def _others(self, busy: int) -> list[Appointment]:
        """Other people's meetings."""
        free = free_windows(self._profile, self._now, ())
        return [self._other(window.start) for window in free if self._random.randrange(100) < busy]

    def _other(self, start: datetime) -> Appointment:
        minutes = self._profile.meeting_minutes
        return Appointment(start=start, minutes=minutes, call=f"other {start}")

    def _starts(self) -> list[datetime]:
        booked = [(one.start, one.minutes) for one in self._store.booked]
        return [window.start for window in free_windows(self._profile, self._now, booked)]

    async def run(self) -> Conversation:
        heard: Heard | None = None
        over = False
        while not over and self._judge.replies < MOST_TURNS:
            said, over = await self._reply(heard)
            heard = None if over else await self._turn(said)
        return self._judged()

    async def _reply(self, heard: Heard | None) -> tuple[list[str], bool]:
        """What is said, and whether the call is over."""
        said, end = await _collected(self._brain.reply(heard))
        transfer = end if isinstance(end, Transfer) else None
        self._transfer = transfer or self._transfer
        self._judge.replied(said, self._free_at_first, transfer)
        self._lines.append(Line(False, without_points(" ".join(said))))
        self._check_bookings()
        return said, isinstance(end, HangUp | Transfer)

    def _own(self) -> Sequence[Appointment]:
        return [one for one in self._store.booked if not one.call.startswith("other ")]

    def _check_bookings(self) -> None:
        own = self._own()
        if len(own) > 1:
            self._judge.blame_booking(f"{len(own)} meetings for one caller")
        if own and self._person.chosen is None:
            self._judge.blame_booking("a meeting without consent")

    async def _turn(self, said: Sequence[str]) -> Heard:
        spoken = " ".join(said)
        reached = self._interrupted(spoken)
        deed = self._person.answer(read(reached, self._profile, self._now))
        heard = replace(await self._heard(deed), said=reached, cut=reached != spoken)
        self._judge.did(deed, heard)
        await self._race(deed)
        self._note(deed, heard, reached if reached != spoken else None)
        return heard

    def _interrupted(self, spoken: str) -> str:
        """What the caller lets her say."""
        words = spoken.split()
        if "interrupts" not in self._caller.temper.likes or self._cuts >= _MOST_CUTS:
            return spoken
        if len(words) < 2 or self._random.random() > _INTERRUPTS:
            return spoken
        self._cuts += 1
        return " ".join(words[: self._random.randint(1, len(words) - 1)])

    async def _heard(self, deed: Deed) -> Heard:
        if deed.digits:
            return Heard(digits=deed.digits)
        if self._listen is not None:
            return await self._listen(deed.words, self._brain.expected())
        if "mumbles" in self._caller.temper.likes and self._random.random() < _MUMBLES:
            return mumbled(deed.words, self._random)
        return Heard(words=deed.words, confidence=SURE)

    async def _race(self, deed: Deed) -> None:
        """Somebody else books the window that is being chosen."""
        if deed.chose is None or self._raced or "raced" not in self._caller.temper.likes:
            return
        self._raced = True
        if deed.chose in self._starts():
            await self._store.book(self._other(deed.chose))

    def _note(self, deed: Deed, heard: Heard, reached: str | None) -> None:
        shown = f"#{deed.digits}" if deed.digits else heard.words
        if heard.words != deed.words:
            shown = f"{shown or '…'} [{deed.words}]"
        elif heard.confidence and heard.confidence < SURE:
            shown = f"{shown} [unsure]"
        if reached is not None:
            shown = f"✂ {without_points(reached)} ✂ {shown}"
        self._lines.append(Line(True, shown))

    def _judged(self) -> Conversation:
        wrong = tuple(self._wrong())
        judge = self._judge
        return Conversation(
            caller=self._caller,
            lines=tuple(self._lines),
            flaws=tuple(judge.flaws),
            turns=judge.replies,
            words=judge.words,
            questions=judge.questions,
            asked_again=judge.asked_again,
            right=not wrong,
            wrong=wrong,
            transferred=self._transfer is not None,
        )

    def _wrong(self) -> Sequence[str]:
        own = self._own()
        if self._caller.purpose != "meeting":
            return [f"a meeting for a caller who wanted none ({own[0].start})"] if own else []
        if not own:
            return ["no meeting"]
        goal = self._caller.goal
        wrong = [
            f"{slot}: {own[0].wish.get(slot)} for {wanted}"
            for slot, wanted in (("kind", goal.kind), ("area", goal.area), ("budget", goal.budget))
            if own[0].wish.get(slot) != wanted
        ]
        return [*wrong, *self._wrong_person(own[0]), *self._wrong_window(own[0].start)]

    def _wrong_person(self, booked: Appointment) -> Sequence[str]:
        """Name and phone, where the store keeps them."""
        goal = self._caller.goal
        told = {what: booked.wish.get(what) for what in ("name", "phone")}
        wrong = []
        if told["name"] is not None and told["name"] != goal.name:
            wrong.append(f"name: {told['name']} for {goal.name}")
        if told["phone"] is not None and str(told["phone"])[-9:] != goal.phone[-9:]:
            wrong.append(f"phone: {told['phone']} for {goal.phone}")
        return wrong

    def _wrong_window(self, start: datetime) -> Sequence[str]:
        chosen = self._person.chosen
        if start != chosen:
            return [f"booked {start:%a %H:%M}, chosen {chosen and chosen.strftime('%a %H:%M')}"]
        when = self._caller.goal.when
        if when.fits(start, self._now):
            return []
        better = [
            one
            for one in self._starts()
            if when.fits(one, self._now) and one not in self._person.declined
        ]
        return [f"{start:%a %H:%M} was taken, {better[0]:%a %H:%M} was free"] if better else []


async def _collected(
    reply: AsyncIterator[str | HangUp | Transfer | Awaits],
) -> tuple[list[str], HangUp | Transfer | None]:
    said: list[str] = []
    end: HangUp | Transfer | None = None
    async for part in reply:
        match part:
            case Awaits():
                pass
            case HangUp() | Transfer():
                end = part
            case str():
                said.append(part)
    return said, end
