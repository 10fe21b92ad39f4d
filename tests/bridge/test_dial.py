"""`kav dial` against a simulated Asterisk: placed once, and what became of it."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bridge.__main__ import main
from bridge.asterisk import ami_account
from bridge.audiosocket.ami import Account, Ami, AmiFailed, Times
from bridge.audiosocket.dialing import Dialing, Placement
from bridge.commands.dial import dial
from bridge.outbound import NotAllowed, OutboundRequest, Outcome
from bridge.settings import Settings
from tests.bridge.ami_server import SECRET, AmiServer, ami_server, play

NUMBER = "+97235550100"
QUICK = Times(first_pause=0.01, longest_pause=0.02)


@asynccontextmanager
async def dialing(
    ring: float = 30,
) -> AsyncGenerator[tuple[AmiServer, "asyncio.Task[Outcome]", str]]:
    """A call is being placed; its id."""
    async with (
        ami_server() as server,
        Ami(Account("kav", SECRET, port=server.port), QUICK) as ami,
    ):
        await ami.up()
        placement = Placement(f"PJSIP/{NUMBER}@trunk", NUMBER, "+97231234567", ring, 900)
        task = asyncio.create_task(Dialing(ami, placement).outcome())
        yield server, task, str(placement.call)


def respond(server: AmiServer, call: str, response: str, reason: str) -> None:
    told = {"ActionID": call, "Uniqueid": call, "Response": response, "Reason": reason}
    server.tell("OriginateResponse", **told)


def test_what_is_asked_of_asterisk() -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            assert await server.came("Originate") == {
                "Action": "Originate",
                "ActionID": call,
                "Channel": f"PJSIP/{NUMBER}@trunk",
                "ChannelId": call,
                "CallerID": "+97231234567",
                "Context": "kav-out",
                "Exten": "s",
                "Priority": "1",
                "Timeout": "30000",
                "Variable": (
                    f"KAV_UUID={call},KAV_NUMBER=+97231234567,KAV_CALLEE={NUMBER},KAV_LONGEST=900"
                ),
                "Async": "true",
            }
            task.cancel()

    play(scene())


@pytest.mark.parametrize(
    ("channel", "caller"),
    [
        (f"PJSIP/{NUMBER}@trunk&PJSIP/+1900", "100"),
        ("PJSIP/1,2", "100"),
        ("/PJSIP/", "100"),
        (f"PJSIP/{NUMBER}@trunk", "100,SHELL=x"),
        (f"PJSIP/{NUMBER}@trunk", ""),
    ],
)
def test_what_is_no_channel_or_number_is_not_placed(channel: str, caller: str) -> None:
    with pytest.raises(ValueError, match="are expected"):
        Placement(channel, NUMBER, caller, 30, 900)


@pytest.mark.parametrize("cause_first", [False, True])
@pytest.mark.parametrize(
    ("reason", "cause", "outcome"),
    [
        ("3", "0", "no answer"),
        ("5", "16", "busy"),
        ("8", "34", "failed"),
        ("0", "17", "busy"),
        ("0", "21", "busy"),
        ("0", "19", "no answer"),
        ("0", "3", "failed"),
    ],
)
def test_nobody_answers(reason: str, cause: str, outcome: str, cause_first: bool) -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            await server.came("Originate")
            if cause_first:
                server.tell("Hangup", Uniqueid=call, Cause=cause)
            respond(server, call, "Failure", reason)
            if not cause_first:
                server.tell("Hangup", Uniqueid="another", Cause="17")
                server.tell("Hangup", Uniqueid=call, Cause=cause)
            assert await task == outcome

    play(scene())


@pytest.mark.parametrize(
    ("status", "outcome"), [("HUMAN", "person"), ("MACHINE", "machine"), ("NOTSURE", "unknown")]
)
def test_the_dialplan_tells_who_answered(status: str, outcome: str) -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            await server.came("Originate")
            respond(server, "another", "Failure", "5")
            server.tell("UserEvent", UserEvent="KavOut", UUID="another", Status="HUMAN")
            respond(server, call, "Success", "4")
            server.tell("UserEvent", UserEvent="KavOut", UUID=call, Status=status)
            assert await task == outcome

    play(scene())


def test_whoever_hangs_up_before_it_is_known_who_it_was() -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            await server.came("Originate")
            respond(server, call, "Success", "4")
            server.tell("Hangup", Uniqueid=call, Cause="16")
            assert await task == "unknown"

    play(scene())


def test_a_call_that_never_had_a_channel_has_failed() -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            await server.came("Originate")
            respond(server, call, "Failure", "0")
            assert await task == "failed"

    play(scene())


def test_asterisk_that_tells_nothing_is_not_waited_for_for_ever() -> None:
    async def scene() -> None:
        async with dialing(ring=-4.9) as (server, task, _):
            await server.came("Originate")
            assert await task == "unknown"

    play(scene())


@pytest.mark.parametrize("is_there", [False, True])
def test_a_call_in_flight_when_the_link_breaks_is_asked_for_and_not_placed_again(
    is_there: bool,
) -> None:
    async def scene() -> None:
        async with dialing() as (server, task, call):
            server.drops_at = {"Originate"}
            if is_there:
                server.channels = [{"Uniqueid": call, "ChannelStateDesc": "Ringing"}]
            await server.came("CoreShowChannels")
            if is_there:
                server.tell("Hangup", Uniqueid=call, Cause="17")
                respond(server, call, "Failure", "0")
            assert await task == ("busy" if is_there else "unknown")
            assert server.count("Originate") == 1

    play(scene())


def settings(server: AmiServer, folder: Path, **more: object) -> Settings:
    given: dict[str, object] = {
        "kav_ami_host": "127.0.0.1",
        "kav_ami_port": server.port,
        "kav_ami_secret": SECRET,
        "kav_data": folder,
        "kav_outbound": True,
        "kav_outbound_prefixes": "+9723",
        "kav_outbound_from": "+97231234567",
        "kav_outbound_quiet": "none",
        "kav_outbound_per_hour": 1,
    }
    return Settings.model_validate(given | more)


REQUEST = OutboundRequest(NUMBER, "asked for it")


async def dialed(told: Settings, request: OutboundRequest = REQUEST) -> Outcome:
    account = ami_account(told)
    assert account is not None
    return await dial(told, account, request, ring=30)


def test_a_call_counts_and_the_next_one_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            told = settings(server, tmp_path)
            task = asyncio.create_task(dialed(told))
            call = (await server.came("Originate"))["ActionID"]
            server.tell("Hangup", Uniqueid=call, Cause="17")
            respond(server, call, "Failure", "0")
            assert await task == "busy"
            with pytest.raises(NotAllowed, match="in the last hour"):
                await dialed(told)
            assert server.count("Originate") == 1

    play(scene())


@pytest.mark.parametrize(
    ("more", "request_", "why"),
    [
        ({"kav_outbound": False}, REQUEST, "are off"),
        ({}, OutboundRequest("+97225550100", "yes"), "KAV_OUTBOUND_PREFIXES"),
        ({}, OutboundRequest(f"{NUMBER}@evil", "yes"), "no telephone number"),
        ({}, OutboundRequest(NUMBER, " "), "consent"),
    ],
)
def test_what_the_rules_refuse_never_reaches_asterisk(
    more: dict[str, object], request_: OutboundRequest, why: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            with pytest.raises(NotAllowed, match=why):
                await dialed(settings(server, tmp_path, **more), request_)
            # It is said at once, also where the PBX is down.
            assert server.logins == 0

    play(scene())


def test_without_the_pbx_nothing_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            told = settings(server, tmp_path)
            server.refused["Originate"] = "Permission denied"
            with pytest.raises(AmiFailed, match="Permission denied"):
                await dialed(told)
            assert outcomes(tmp_path) == ["failed"]

    play(scene())


def outcomes(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "kav.sqlite")) as database:
        return [outcome for (outcome,) in database.execute("SELECT outcome FROM outbound_calls")]


def test_ctrl_c_ends_the_call(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            told = settings(server, tmp_path)
            task = asyncio.create_task(dialed(told))
            call = (await server.came("Originate"))["ActionID"]
            task.cancel()
            await asyncio.wait([task])
            assert (await server.came("Hangup"))["Channel"] == call
            assert outcomes(tmp_path) == ["canceled"]

    play(scene())


def test_sigterm_hangs_up(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ami_server() as server:
            told = {
                "KAV_AMI_HOST": "127.0.0.1",
                "KAV_AMI_PORT": str(server.port),
                "KAV_AMI_SECRET": SECRET,
                "KAV_DATA": str(tmp_path),
                "KAV_OUTBOUND": "true",
                "KAV_OUTBOUND_PREFIXES": "+9723",
                "KAV_OUTBOUND_FROM": "+97231234567",
                "KAV_OUTBOUND_QUIET": "none",
            }
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bridge", "dial", NUMBER, "--consent", "asked for it"),
                env={**os.environ, **told},
            )
            call = (await server.came("Originate"))["ActionID"]
            process.terminate()
            assert (await server.came("Hangup"))["Channel"] == call
            assert await process.wait() == 130
            assert outcomes(tmp_path) == ["canceled"]

    play(scene())


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", NUMBER, "--consent", "asked for it"]) == 2
    assert "kav dial needs the PBX: set KAV_AMI_HOST" in capsys.readouterr().err
