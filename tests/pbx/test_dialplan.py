"""Whatever the bridge does, the caller stays: the shipped dialplan on a real Asterisk.

What Asterisk does with a bridge of bad manners is its own business and may change with its version:
these tests say what ours relies on."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from bridge.rehearsal.phone import Phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import SILENCE
from tests.pbx.conftest import Lab, Play, manager, until
from tests.pbx.far_bridge import Leg, ids

pytestmark = [pytest.mark.pbx]
e2e = pytest.mark.e2e

SPLIT_TOO_LONG = 0.05
"""Seconds between a header and its payload; Asterisk waits 5 ms."""

SPLIT_FORGIVEN = 0.002
LARGEST = 65_534
"""Bytes of sound in one message."""
BURST = 500
"""Frames: 10 s of sound."""
UNREAD = 25.0
"""Seconds of the caller's sound that wait in the sockets: 400 kB."""

LONG_ENOUGH = 1.2
"""Seconds; a leg that ends within the first one was refused."""


async def _fatal_split(leg: Leg) -> None:
    await leg.split_frame(SPLIT_TOO_LONG)


BAD_MANNERS: dict[str, Callable[[Leg], object]] = {
    "hang-up frame": Leg.hang_up,
    "FIN": Leg.close,
    "RST": Leg.reset,
    "kind 0x03": lambda leg: leg.send(0x03, b"1"),
    "kind 0xff": lambda leg: leg.send(0xFF, b"\x01"),
    "kind 0x42": lambda leg: leg.send(0x42, SILENCE),
    "sound of no length": lambda leg: leg.send(0x10, b""),
}
ORDERLY = ("hang-up frame", "FIN")
"""Of them, those after which the application lets the dialplan go on."""


@e2e
def test_after_every_end_that_is_no_goodbye_the_caller_is_given_to_the_agent_again(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        async with AsyncExitStack() as calls, manager(lab.asterisk) as ami:
            for _ in (*BAD_MANNERS, "split"):
                phone = await calls.enter_async_context(lab.call("100"))
            count = len(BAD_MANNERS) + 1
            await lab.bridge.leg(count)
            await phone.until(LONG_ENOUGH)
            for leg, misbehave in zip(lab.bridge.legs, BAD_MANNERS.values(), strict=False):
                misbehave(leg)
            await _fatal_split(lab.bridge.legs[count - 1])
            await lab.bridge.leg(2 * count)
            assert ids(lab.bridge.legs[:count]) == ids(lab.bridge.legs[count:])
            event = await ami.told("UserEvent: BridgeCall", "Back: dropped")
            assert event["Exten"] == "100"

    play(scene)


@e2e
def test_what_asterisk_forgives_does_not_end_the_call(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call("100") as phone:
            leg = await lab.bridge.leg()
            await leg.split_frame(0.0)
            leg.send(0x10, SILENCE * 3)
            leg.send(0x10, SILENCE[:100])
            await phone.until(phone.now + 0.5)
            assert not leg.gone.is_set()

    play(scene)


@pytest.mark.parametrize("extension", ["100", "101"])
def test_bursts_parts_of_a_header_giants_and_peers_without_ear_or_voice_are_forgiven_too(
    play: Play, extension: str
) -> None:
    async def scene(lab: Lab) -> None:
        async with AsyncExitStack() as calls:
            for _ in range(5):
                phone = await calls.enter_async_context(lab.call(extension))
            await lab.bridge.leg(5)
            burst, parts, giant, deaf, mute = lab.bridge.legs
            for _ in range(BURST):
                burst.send(0x10, SILENCE)
            await parts.split_header(SPLIT_TOO_LONG)
            giant.send(0x10, bytes(LARGEST))
            deaf.stop_reading()
            mute.mute = True
            await phone.until(phone.now + UNREAD)
            assert not any(leg.gone.is_set() for leg in lab.bridge.legs)
            assert len(lab.bridge.legs) == 5

    play(scene)


def test_through_the_application_a_bridge_of_bad_manners_takes_the_caller_with_it(
    play: Play,
) -> None:
    """Why 101 is the weaker form: of all ends but the orderly ones the dialplan hears nothing."""

    async def scene(lab: Lab) -> None:
        async with AsyncExitStack() as calls:
            split = len(BAD_MANNERS)
            phones = [await calls.enter_async_context(lab.call("101")) for _ in range(split + 1)]
            await lab.bridge.leg(split + 1)
            # Which phone is which leg nobody says: so all that the phones tell is a number.
            for leg, misbehave in zip(lab.bridge.legs, BAD_MANNERS.values(), strict=False):
                misbehave(leg)
            await _fatal_split(lab.bridge.legs[split])
            for phone in phones:
                await until(phone.closed)
            tones = sum(phone.last_heard() > 0 for phone in phones)
            assert tones == len(ORDERLY)
        assert len(lab.bridge.legs) == split + 1

    play(scene)


def test_through_the_application_a_bridge_that_is_down_takes_the_caller_with_it(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        await lab.bridge.crash()
        async with lab.call("101") as phone:
            await until(phone.closed)
            assert phone.last_heard() == 0

    play(scene)


def test_a_payload_that_follows_its_header_within_milliseconds_is_forgiven(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        for number in range(1, 6):
            async with lab.call("100") as phone:
                leg = await lab.bridge.leg(number)
                gap = leg.split_frame_quickly(SPLIT_FORGIVEN)
                await phone.until(phone.now + 0.5)
                if gap < 2 * SPLIT_FORGIVEN:  # else this machine had no time for us
                    assert not leg.gone.is_set()
                    return
        raise AssertionError("a busy machine: the payload was always late")

    play(scene)


@e2e
def test_a_call_that_the_bridge_calls_over_ends_with_a_tone(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, lab.call("100") as phone:
            leg = await lab.bridge.leg()
            event = await ami.told("UserEvent: BridgeCall")
            ami.ask("Setvar", Channel=event["Channel"], Variable="KAV_OVER", Value="1")
            await ami.told("Response: Success", "Variable Set")
            await phone.until(LONG_ENOUGH)
            leg.hang_up()
            await until(phone.closed)
            assert phone.last_heard() > 0
        assert len(lab.bridge.legs) == 1

    play(scene)


@e2e
def test_without_ami_the_bridge_is_asked_whether_it_was_a_goodbye(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.globals(KAV_RETRY="no"), lab.call("100") as phone:
            leg = await lab.bridge.leg()
            await phone.until(LONG_ENOUGH)
            lab.bridge.over.add(leg.id)
            leg.hang_up()
            await until(phone.closed)
            assert phone.last_heard() > 0
        assert ids(lab.bridge.legs) == {leg.id}
        assert len(lab.bridge.legs) == 2

    play(scene)


def test_without_ami_a_call_that_a_living_bridge_has_lost_is_back_with_it(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.globals(KAV_RETRY="no"), lab.call("100") as phone:
            for number in (1, 2):
                leg = await lab.bridge.leg(number)
                await phone.until(phone.now + LONG_ENOUGH)
                leg.reset()
            await lab.bridge.leg(3)
            await phone.until(phone.now + LONG_ENOUGH)
            assert not phone.closed.is_set()
        assert ids(lab.bridge.legs) == {leg.id}

    play(scene)


@e2e
def test_a_caller_waits_for_a_bridge_that_crashed_and_is_back_with_it(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            lab.globals(KAV_RETRY="no"),
            manager(lab.asterisk) as ami,
            lab.call("100") as phone,
        ):
            first = await lab.bridge.leg()
            await phone.until(LONG_ENOUGH)
            await lab.bridge.crash()
            await lab.hears(phone, "kav/moment")
            await lab.bridge.open()
            second = await lab.bridge.leg(2)
            assert second.id == first.id
            assert not phone.closed.is_set()
            event = await ami.told("UserEvent: BridgeCall", "Back: dropped")
            assert event["UUID"] == str(first.id)

    play(scene)


@e2e
def test_without_a_bridge_the_caller_hears_an_apology_and_a_person_takes_the_call(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        await lab.bridge.crash()
        await _is_put_through(lab)

    play(scene)


def test_over_its_limit_the_caller_hears_an_apology_and_a_person_takes_the_call(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        lab.bridge.full = True
        await _is_put_through(lab)

    play(scene)


def test_a_caller_who_was_answered_before_is_refused_by_a_full_bridge_and_reaches_people_too(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        async with (
            lab.globals(KAV_RETRY="no"),
            manager(lab.asterisk) as ami,
            lab.call("100") as phone,
        ):
            event = await ami.told("UserEvent: BridgeCall")
            await lab.bridge.leg()
            lab.bridge.full = True
            back = {"Context": "kav-unanswered", "Exten": "s", "Priority": "1"}
            ami.ask("Redirect", Channel=event["Channel"], **back)
            await lab.hears(phone, "kav/sorry")

    play(scene)


def test_with_a_stuck_bridge_the_caller_hears_an_apology_and_a_person_takes_the_call(
    play: Play,
) -> None:
    async def scene(lab: Lab) -> None:
        lab.bridge.stuck = True
        await _is_put_through(lab)
        assert lab.bridge.legs == []

    play(scene)


async def _is_put_through(lab: Lab) -> None:
    async with lab.people() as people, AsyncExitStack() as calls:
        ringing = asyncio.create_task(_answered(people, calls))
        async with lab.call("100") as phone:
            await lab.hears(phone, "kav/sorry")
            person = await ringing
            assert not phone.closed.is_set()
            await person.hang_up()


async def _answered(people: SipStack, calls: AsyncExitStack) -> Phone:
    return await calls.enter_async_context(people.answer())


def test_a_lost_bridge_that_does_not_come_back_is_given_up(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.globals(KAV_PATIENCE="2"), lab.call("100") as phone:
            await lab.bridge.leg()
            await phone.until(LONG_ENOUGH)
            await lab.bridge.crash()
            await lab.hears(phone, "kav/sorry", within=20)
            # Nobody's phone is there either.
            await lab.hears(phone, "kav/nobody", within=20)
            await until(phone.closed)

    play(scene)


def test_a_bridge_that_fails_again_and_again_is_given_up(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call("100") as phone:
            for number in range(1, 5):
                leg = await lab.bridge.leg(number)
                await phone.until(phone.now + 2 * LONG_ENOUGH)  # a phone's clock may run ahead
                leg.reset()
            await lab.hears(phone, "kav/sorry")
        assert len(ids(lab.bridge.legs)) == 1

    play(scene)


@e2e
def test_the_wideband_extension_brings_16_000_samples_a_second(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call("102") as phone:
            leg = await lab.bridge.leg()
            await phone.until(phone.now + 0.5)
            assert leg.kinds == {(0x12, 640)}

    play(scene)
