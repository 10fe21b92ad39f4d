"""A caller is given to a person, and comes back if nobody is there; calls of ours."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bridge.rehearsal.phone import Phone
from tests.e2e.test_asterisk_lab import speech
from tests.pbx.conftest import Lab, Manager, Play, manager, until
from tests.pbx.far_bridge import Leg

pytestmark = [pytest.mark.pbx]
e2e = pytest.mark.e2e


@dataclass
class Caller:
    """In a call with the agent, who has just given it away."""

    lab: Lab
    ami: Manager
    phone: Phone
    leg: Leg

    async def is_back(self, within: float = 20.0) -> None:
        """With the agent, in the same call."""
        await until(self.leg.gone)
        event = await self.ami.told("UserEvent: BridgeCall", "Back: unanswered", within=within)
        again = await self.lab.bridge.leg(2)
        assert (again.id, event["UUID"]) == (self.leg.id, str(self.leg.id))
        assert not self.phone.closed.is_set()


@asynccontextmanager
async def transferred(lab: Lab, key: str, extension: str = "100") -> AsyncIterator[Caller]:
    async with manager(lab.asterisk) as ami, lab.call(extension) as phone:
        call = await ami.told("UserEvent: BridgeCall")
        leg = await lab.bridge.leg()
        ami.ask(
            "Redirect", Channel=call["Channel"], Context="kav-transfer", Exten=key, Priority="1"
        )
        yield Caller(lab, ami, phone, leg)


@asynccontextmanager
async def asked(lab: Lab) -> AsyncIterator[tuple[Caller, Phone]]:
    """A caller is given to a person, who has been told to press one for the call."""
    async with (
        lab.people() as people,
        transferred(lab, "manager") as caller,
        people.answer() as person,
    ):
        await lab.hears(person, "kav/press-one")
        yield caller, person


@e2e
@pytest.mark.parametrize("key", ["office", "nobody-of-this-name"])
def test_a_caller_whom_nobody_can_take_is_back_with_the_agent(play: Play, key: str) -> None:
    async def scene(lab: Lab) -> None:
        async with transferred(lab, key) as caller:
            await caller.is_back()

    play(scene)


def test_who_called_through_the_application_is_back_with_the_agent_too(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with transferred(lab, "nobody-of-this-name", "101") as caller:
            await caller.is_back()

    play(scene)


@e2e
def test_a_transferred_caller_talks_to_the_person(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.people() as people, transferred(lab, "office") as caller:
            async with people.answer() as person:
                person.say(speech(2))
                await caller.phone.agent_speaks(since=caller.phone.now)
                await until(caller.leg.gone)
            await until(caller.phone.closed)
        assert len(lab.bridge.legs) == 1

    play(scene)


def test_a_person_who_is_asked_takes_the_call_by_pressing_one(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with asked(lab) as (caller, person):
            await person.press("1")
            person.say(speech(2))
            await caller.phone.agent_speaks(since=caller.phone.now)
        assert len(lab.bridge.legs) == 1

    play(scene)


def test_a_person_who_does_not_want_the_call_gives_the_caller_back(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with asked(lab) as (caller, person):
            await person.press("2")
            await caller.is_back()

    play(scene)


def test_a_person_who_hangs_up_instead_of_pressing_a_key_gives_the_caller_back(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        async with asked(lab) as (caller, person):
            await person.hang_up()
            await caller.is_back()

    play(scene)


def test_a_phone_that_nobody_picks_up_gives_the_caller_back(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.people(), transferred(lab, "office") as caller:
            await caller.is_back(within=30)
            assert caller.phone.last_heard() > 0, "music meanwhile"

    play(scene)


@pytest.mark.parametrize(("says", "status"), [(0.6, "HUMAN"), (4.0, "MACHINE")])
def test_of_those_whom_we_call_people_talk_with_the_agent(
    play: Play, says: float, status: str
) -> None:
    call = uuid.uuid4()

    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, lab.people() as people:
            ami.ask(
                "Originate",
                Channel="PJSIP/6002",
                Context="kav-out",
                Exten="s",
                Priority="1",
                Variable=f"KAV_UUID={call},KAV_NUMBER=+97225551234,KAV_LONGEST=60",
                Async="true",
            )
            async with people.answer() as person:
                person.say(speech(says))
                assert (await ami.told("KavOut", f"UUID: {call}"))["Status"] == status
                if status == "MACHINE":
                    await until(person.closed)
                else:
                    told = await ami.told("UserEvent: BridgeCall", f"UUID: {call}")
                    assert told["Placed"] == "yes"
                    assert (await lab.bridge.leg()).id == call
        assert len(lab.bridge.legs) == (status == "HUMAN")

    play(scene)
