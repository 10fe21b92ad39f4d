"""Talk with the receptionist in this terminal, in writing: what you type is what she hears.

  some words        she hears them
  #1                the key 1
  (empty line)      you made a sound, and nothing of it was understood
  /unsure words     they were heard badly: with low confidence
  /cut 3 words      you interrupt her last reply after three words, and say this; nothing more, and
                    she hears only that you interrupted
  /again words      you went on before she began to answer: this is your last sentence, said whole

Ctrl-D or Ctrl-C hangs up. Lines can come from a file or a pipe as well; they are shown then. With a
model, if KAV_MODEL is set, else by rules alone. Meetings are forgotten at the end, unless --keep.

Hebrew runs from right to left. Some terminals see to that themselves, others show it the wrong way
round: try --bidi kav there.
"""

import argparse
import re
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from bridge.equipment import cloud
from bridge.settings import BadSettings, Settings, read_profile, read_settings
from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Transfer
from engine.dialogue.hebrew import is_hebrew, without_points
from engine.dialogue.profile import Profile
from engine.dialogue.understand import Understood, understand
from engine.ports import Consultation, Model, ProviderFailed
from engine.receptionist import LOW_CONFIDENCE, Receptionist
from engine.store import Appointment, Appointments, Calendar, StoreBroken
from engine.store.opening import open_store

PROMPT = "> "
_UNSURE = LOW_CONFIDENCE / 2
_SURE = 0.9
_Show = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--explain", action="store_true", help="show what was understood of each line"
    )
    parser.add_argument("--points", action="store_true", help="Hebrew with its points (niqqud)")
    parser.add_argument(
        "--bidi",
        choices=("auto", "terminal", "kav"),
        default="auto",
        help="who turns Hebrew to run from right to left: the terminal; kav; auto: the terminal, "
        "with a hint",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the meetings in KAV_DATABASE, where `kav serve` tells KAV_WEBHOOK_URL of them; "
        "the office's calendar and KAV_INVITATIONS are left alone",
    )
    parser.add_argument("--keypad", action="store_true", help="she cannot hear words, only keys")
    parser.add_argument("--caller", default="", metavar="NUMBER", help="the number that calls")


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    profile = read_profile(settings)
    show = _display(args)
    async with AsyncExitStack() as stack:
        kept = await _calendar(settings, stack) if args.keep else Appointments()
        calendar = Noted(kept)
        far = await stack.enter_async_context(cloud(settings, profile))
        model = Overheard(far.model, partial(_explain, show)) if far.model else None
        brain = _receptionist(settings, profile, calendar, model, args)
        ended = await _call(brain, profile, args, show)
    for booked in calendar.booked:
        print(f"({_told(booked)})")
    if not ended:
        print("(you hang up)")
    return 0


async def _calendar(settings: Settings, stack: AsyncExitStack) -> Calendar:
    try:
        settings.kav_data.mkdir(parents=True, exist_ok=True)
        opening = open_store(settings.database(), tells=settings.kav_webhook_url is not None)
        store = await stack.enter_async_context(opening)
    except (OSError, StoreBroken) as why:
        raise BadSettings(f"KAV_DATABASE: {why}") from None
    return store.bookings


def _receptionist(
    settings: Settings,
    profile: Profile,
    calendar: Calendar,
    model: "Overheard | None",
    args: argparse.Namespace,
) -> Receptionist:
    zone = ZoneInfo(profile.timezone)
    if model is not None:
        model.explains = args.explain
    return Receptionist(
        profile,
        calendar,
        lambda: datetime.now(zone),
        args.keypad,
        call="talk",
        caller=args.caller,
        model=model,
        patience=settings.kav_first_token_sec,
        gap=settings.kav_gap_sec,
    )


async def _call(
    brain: Receptionist, profile: Profile, args: argparse.Namespace, show: _Show
) -> bool:
    """Whether she ended the call."""
    heard: Heard | None = None
    while True:
        reply = await _reply(brain, heard, show)
        if reply.ended:
            print(reply.ended)
            return True
        heard = None
        while heard is None:
            line = _line()
            if line is None:
                return False
            heard = _heard(line, reply.said)
        if args.explain and heard.words:
            _explain(show, "rules", understand(heard.words, profile))


@dataclass(frozen=True, slots=True)
class _Reply:
    said: str
    ended: str = ""
    """How the call ended with it."""


async def _reply(brain: Receptionist, heard: Heard | None, show: _Show) -> _Reply:
    said: list[str] = []
    ended = ""
    async with aclosing(brain.reply(heard)) as parts:
        async for part in parts:
            match part:
                case Awaits():
                    pass
                case HangUp():
                    ended = "(she hangs up)"
                case Transfer(key):
                    ended = f"(she puts you through to {key})"
                case str():
                    said.append(part)
                    print(show(part))
    return _Reply(" ".join(said), ended)


def _line() -> str | None:
    """What is typed; None when that is all. It holds the event loop up: nothing else runs here,
    and only so does Ctrl-C end it at once."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        line = input(PROMPT)
    except (EOFError, KeyboardInterrupt):
        print()
        return None
    finally:
        signal.signal(signal.SIGINT, before)
    if not sys.stdin.isatty():
        print(line)
    return line.strip()


def _heard(line: str, said: str) -> Heard | None:
    """The line as the receptionist hears it; None, with a word why, if it means nothing."""
    if line.startswith("#"):
        return Heard(digits=line[1:], said=said)
    if not line.startswith("/"):
        return Heard(words=line, confidence=_SURE, said=said)
    cut = re.fullmatch(r"/cut\s+(\d+)\s*(.*)", line)
    if cut:
        kept = " ".join(said.split()[: int(cut[1])])
        return Heard(words=cut[2], confidence=_SURE, said=kept, cut=True)
    command, _, words = line.partition(" ")
    if command == "/unsure":
        return Heard(words=words, confidence=_UNSURE, said=said)
    if command == "/again":
        return Heard(words=words, confidence=_SURE, said=said, instead=True)
    print("(/cut N words, /unsure words, /again words; `kav talk --help` tells more)")
    return None


class Noted:
    """A calendar that remembers what this call has booked. Keeps the port `Calendar`."""

    def __init__(self, calendar: Calendar) -> None:
        self.booked: list[Appointment] = []
        self._calendar = calendar

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, int]]:
        return await self._calendar.busy(since, until)

    async def book(self, appointment: Appointment) -> None:
        await self._calendar.book(appointment)
        for one in (appointment, appointment.replaced):
            if one is not None:
                self._forget(one)
        self.booked.append(appointment)

    async def cancel(self, appointment: Appointment) -> None:
        await self._calendar.cancel(appointment)
        self._forget(appointment)

    def _forget(self, appointment: Appointment) -> None:
        act = appointment.call, appointment.act
        self.booked = [one for one in self.booked if (one.call, one.act) != act]


class Overheard:
    """A model whose understanding is shown. Keeps the port `Model`."""

    def __init__(self, model: Model, tell: Callable[[str, Understood], None]) -> None:
        self.explains = False
        self._model = model
        self._tell = tell

    async def consult(self, turn: Consultation) -> AsyncGenerator[Understood | str]:
        try:
            async with aclosing(self._model.consult(turn)) as parts:
                async for part in parts:
                    if self.explains and isinstance(part, Understood):
                        self._tell("model", part)
                    yield part
        except ProviderFailed as why:
            print(f"(by rules: {why})")
            raise

    async def probe(self) -> None:
        await self._model.probe()

    async def warm(self) -> None:
        await self._model.warm()

    async def close(self) -> None:
        await self._model.close()


def _explain(show: _Show, who: str, found: Understood) -> None:
    told = [
        f"{field.name}: {value}"
        for field in fields(found)
        if (value := getattr(found, field.name)) != field.default
    ]
    print(show(f"   ({who}: {', '.join(told) or 'nothing'})"))


def _told(booked: Appointment) -> str:
    wish = ", ".join(f"{what} {value}" for what, value in booked.wish.items() if value is not None)
    return f"booked: {booked.start:%A %d %B %Y, %H:%M}, {booked.minutes} minutes; {wish}"


def _display(args: argparse.Namespace) -> _Show:
    """How a line is put on the screen."""
    turn = _turned() if args.bidi == "kav" else str
    if args.bidi == "auto" and sys.stdout.isatty():
        print("(Hebrew the wrong way round? kav talk --bidi kav)")

    def show(line: str) -> str:
        line = line if args.points else without_points(line)
        return turn(line) if is_hebrew(line) else line

    return show


def _turned() -> Callable[[str], str]:
    try:
        from bidi import get_display  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise BadSettings("--bidi kav needs python-bidi: pip install python-bidi") from None

    def turned(line: str) -> str:
        return str(get_display(line, base_dir="R"))

    return turned
