"""Which recordings are begun, ended and deleted, for what is said in a call."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.audiosocket.pbx import PbxFailed
from bridge.doubles.twilio_rest import ACCOUNT, KEY, SECRET, Fault, TwilioScript, serve_twilio_rest
from bridge.office import CallRecord
from bridge.recording import ATTEMPTS, Recorder, Tape, open_recorder
from bridge.settings import Settings
from engine.core.effects import Heard
from engine.office.desk import Desk
from engine.ports import CallFacts
from engine.profile import shipped_profile
from engine.receptionist import Receptionist
from engine.store import Appointments
from engine.store.opening import Store, open_store
from engine.store.tables import consents
from tests.test_receptionist import SUNDAY

SHAI = shipped_profile("shai")
FACTS = CallFacts("call-1", "twilio")


@dataclass
class Reel:
    """A `Tape` that can be read."""

    did: list[str] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    """Of each act, how many more times."""
    may_start: asyncio.Event = field(default_factory=asyncio.Event)
    """It is slow at that, and quick at the rest."""

    async def start(self, call: str) -> None:
        await self.may_start.wait()
        await self._do("start", call)

    async def stop(self, call: str) -> None:
        await self._do("stop", call)

    async def erase(self, call: str) -> None:
        await self._do("erase", call)

    async def _do(self, what: str, call: str) -> None:
        self.did.append(f"{what} {call}")
        if self.fails.get(what, 0):
            self.fails[what] -= 1
            raise PbxFailed(f"{what} did not work")


@asynccontextmanager
async def recorder(reel: Tape) -> AsyncGenerator[Recorder]:
    async with asyncio.TaskGroup() as tasks:
        yield Recorder({"twilio": reel}, tasks, pause=0)


def test_what_is_asked_for_about_a_call_is_done_in_that_order_and_waits_for_no_other_call() -> None:
    async def go() -> None:
        slow, other = Reel(), replace(FACTS, id="call-2", line="audiosocket")
        quick = Reel()
        quick.may_start.set()
        async with asyncio.TaskGroup() as tasks:
            one = Recorder({"twilio": slow, "audiosocket": quick}, tasks, pause=0)
            one.start(FACTS)
            one.stop(FACTS)
            one.start(FACTS)
            one.erase(FACTS)
            one.start(other)
            await one._last[other.id]
            assert (quick.did, slow.did) == (["start call-2"], [])
            slow.may_start.set()
        assert slow.did == [f"{what} call-1" for what in ("start", "stop", "start", "erase")]
        assert one._last == {}

    asyncio.run(go())


@pytest.mark.parametrize(("what", "times"), [("start", 1), ("stop", ATTEMPTS), ("erase", ATTEMPTS)])
def test_what_fails_is_logged_and_what_may_be_asked_for_again_is(
    what: str, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> None:
        reel = Reel(fails={what: 99})
        reel.may_start.set()
        async with recorder(reel) as one:
            {"start": one.start, "stop": one.stop, "erase": one.erase}[what](FACTS)
        assert reel.did == [f"{what} call-1"] * times

    asyncio.run(go())
    failed = [record for record in caplog.records if record.msg == "recording_failed"]
    assert [record.levelno for record in failed] == [logging.WARNING] * times
    assert vars(failed[-1])["facts"] == {
        "what": what,
        "why": f"{what} did not work",
        "attempts_left": 0,
    }


def test_it_is_not_asked_for_again_once_it_is_done() -> None:
    async def go() -> None:
        reel = Reel(fails={"erase": 1})
        reel.may_start.set()
        async with recorder(reel) as one:
            one.erase(FACTS)
        assert reel.did == ["erase call-1"] * 2

    asyncio.run(go())


# A call, from its words to its recording.


async def recorded(store: Store, reel: Reel, *lines: str, cut: int | None = None) -> list[str]:
    """What was done about the recording of a call in which that was said; of the greeting so many
    words were heard."""
    reel.may_start.set()
    async with recorder(reel) as one:
        journal = CallRecord(store.records, Desk(Appointments()), SHAI, FACTS, {}, one)
        brain = Receptionist(SHAI, Appointments(), lambda: SUNDAY, recorded=True, journal=journal)
        said = [part async for part in brain.reply(None) if isinstance(part, str)]
        heard = " ".join(said)
        for line in lines:
            words = heard if cut is None else " ".join(heard.split()[:cut])
            turn = Heard(words=line, confidence=0.9, said=words, cut=cut is not None)
            heard = " ".join([part async for part in brain.reply(turn) if isinstance(part, str)])
            cut = None
        journal.close("hangup")
    await store.records.written()
    return [one.partition(" ")[0] for one in reel.did]


async def agreed(store: Store) -> list[str]:
    async with store.bookings._database.reading() as connection:
        rows = await connection.execute(select(consents.c.what).order_by(consents.c.what))
        return list(rows.scalars())


CALLS: dict[str, tuple[tuple[str, ...], int | None, list[str], list[str]]] = {
    "nothing was said": ((), None, [], []),
    "she was heard out": (("שלום",), None, ["start", "stop"], ["automated", "recorded"]),
    "and talked with": (
        ("שלום", "דירה ביפו", "עד שבעת אלפים"),
        None,
        ["start", "stop"],
        ["automated", "recorded"],
    ),
    "she was cut off": (("שלום",), 3, [], []),
    "and has said it again": (
        ("שלום", "דירה ביפו"),
        3,
        ["start", "stop"],
        ["automated", "recorded"],
    ),
    "heard in a language that he does not speak": (("an office",), None, [], ["automated"]),
    "and then in his own": (
        ("an office", "in Jaffa"),
        None,
        ["start", "stop"],
        ["automated", "recorded"],
    ),
    "refused at once": (("בלי הקלטה",), None, ["erase"], ["automated", "recording refused"]),
    "refused before it was heard": (("בלי הקלטה",), 3, ["erase"], ["recording refused"]),
    "refused later": (
        ("שלום", "don't record me", "דירה ביפו", "בלי הקלטה"),
        None,
        ["start", "erase"],
        ["automated", "recorded", "recording refused"],
    ),
}


@pytest.mark.parametrize("title", CALLS)
def test_a_call_is_recorded_from_when_the_caller_has_heard_so_unless_he_does_not_want_it(
    title: str, tmp_path: Path
) -> None:
    lines, cut, did, consent = CALLS[title]

    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            assert await recorded(store, Reel(), *lines, cut=cut) == did
            assert await agreed(store) == consent

    asyncio.run(go())


def test_a_recording_that_cannot_be_had_changes_nothing_for_the_caller(tmp_path: Path) -> None:
    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'kav.sqlite'}") as store:
            reel = Reel(fails={"start": 99})
            assert await recorded(store, reel, "שלום", "דירה ביפו") == ["start", "stop"]

    asyncio.run(go())


# Twilio's.


def test_twilio_is_asked_with_the_account_of_the_settings() -> None:
    async def go() -> None:
        script = TwilioScript(faults=(None, Fault.DISCONNECT))
        async with serve_twilio_rest(script) as twilio:
            told = {
                "kav_record": "on",
                "twilio_account_sid": ACCOUNT,
                "twilio_api_key": KEY,
                "twilio_api_secret": SECRET,
                "kav_twilio_endpoint": twilio.base,
            }
            live, refused = twilio.call(), twilio.call()
            async with open_recorder(Settings.model_validate(told), None) as one:
                one.start(replace(FACTS, id=live))
                await one._last[live]
                one._pause = 0
                one.stop(replace(FACTS, id=live))
                await one._last[live]
                one.start(replace(FACTS, id=refused))
                one.erase(replace(FACTS, id=refused))
            kept = [(one["call_sid"], one["status"]) for one in twilio.recordings.values()]
            assert kept == [(live, "stopped")]

    asyncio.run(go())
