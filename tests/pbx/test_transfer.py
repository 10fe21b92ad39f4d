"""A caller is given to a person, and comes back if nobody is there; calls of ours."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.rehearsal.phone import Phone
from tests.e2e.test_asterisk_lab import speech
from tests.pbx.conftest import Lab, Manager, Play, manager, until
from tests.pbx.far_bridge import Leg

pytestmark = [pytest.mark.pbx]
e2e = pytest.mark.e2e


@asynccontextmanager
async def caller(
    lab: Lab, ami: Manager, extension: str = "100"
) -> AsyncIterator[tuple[Phone, Leg, str]]:
    """A call with the agent; its leg and the caller's channel."""
    async with lab.call(extension) as phone:
        event = await ami.told("UserEvent: BridgeCall")
        yield phone, await lab.bridge.leg(), event["Channel"]


def transfer(ami: Manager, channel: str, key: str) -> None:
    ami.ask("Redirect", Channel=channel, Context="kav-transfer", Exten=key, Priority="1")


async def _is_back(lab: Lab, ami: Manager, leg: Leg, within: float = 20.0) -> None:
    await until(leg.gone)
    event = await ami.told("UserEvent: BridgeCall", "Back: unanswered", within=within)
    again = await lab.bridge.leg(2)
    assert (again.id, event["UUID"]) == (leg.id, str(leg.id))


@e2e
@pytest.mark.parametrize("key", ["office", "nobody-of-this-name"])
def test_a_caller_whom_nobody_can_take_is_back_with_the_agent(play: Play, key: str) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, caller(lab, ami) as (phone, leg, channel):
            transfer(ami, channel, key)
            await _is_back(lab, ami, leg)
            assert not phone.closed.is_set()

    play(scene)


def test_who_called_through_the_application_is_back_with_the_agent_too(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, caller(lab, ami, "101") as (_, leg, channel):
            transfer(ami, channel, "nobody-of-this-name")
            await _is_back(lab, ami, leg)

    play(scene)


@e2e
def test_a_transferred_caller_talks_to_the_person(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            manager(lab.asterisk) as ami,
            lab.people() as people,
            caller(lab, ami) as (phone, leg, channel),
        ):
            transfer(ami, channel, "office")
            async with people.answer() as person:
                person.say(speech(2))
                await phone.agent_speaks(since=phone.now)
                await until(leg.gone)
            await until(phone.closed)
        assert len(lab.bridge.legs) == 1

    play(scene)


def test_a_person_who_is_asked_takes_the_call_by_pressing_one(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            manager(lab.asterisk) as ami,
            lab.people() as people,
            caller(lab, ami) as (phone, _, channel),
        ):
            transfer(ami, channel, "manager")
            async with people.answer() as person:
                await lab.hears(person, "kav/press-one")
                await person.press("1")
                person.say(speech(2))
                await phone.agent_speaks(since=phone.now)
        assert len(lab.bridge.legs) == 1

    play(scene)


def test_a_person_who_does_not_want_the_call_gives_the_caller_back(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            manager(lab.asterisk) as ami,
            lab.people() as people,
            caller(lab, ami) as (phone, leg, channel),
        ):
            transfer(ami, channel, "manager")
            async with people.answer() as person:
                await lab.hears(person, "kav/press-one")
                await person.press("2")
                await _is_back(lab, ami, leg)
            assert not phone.closed.is_set()

    play(scene)


def test_a_person_who_hangs_up_instead_of_pressing_a_key_gives_the_caller_back(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            manager(lab.asterisk) as ami,
            lab.people() as people,
            caller(lab, ami) as (phone, leg, channel),
        ):
            transfer(ami, channel, "manager")
            async with people.answer() as person:
                await lab.hears(person, "kav/press-one")
                await person.hang_up()
                await _is_back(lab, ami, leg)
            assert not phone.closed.is_set()

    play(scene)


def test_a_phone_that_nobody_picks_up_gives_the_caller_back(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            manager(lab.asterisk) as ami,
            lab.people(),
            caller(lab, ami) as (phone, leg, channel),
        ):
            transfer(ami, channel, "office")
            await _is_back(lab, ami, leg, within=30)
            assert phone.last_heard() > 0, "music meanwhile"

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
