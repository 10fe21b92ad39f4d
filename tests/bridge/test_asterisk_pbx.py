"""What is asked of the PBX beside AudioSocket, against a simulated Asterisk."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from bridge.audiosocket import asterisk_pbx
from bridge.audiosocket.ami import Account, Times
from bridge.audiosocket.asterisk_pbx import AsteriskPbx, open_pbx
from bridge.audiosocket.pbx import Pbx, PbxFailed, UnknownCall
from engine.ports import CallFacts
from tests.bridge.ami_server import SECRET, AmiServer, ami_server, play

CALL = UUID("6f1b2a34-0c5d-4e6f-8a7b-9c0d1e2f3a4b")
OTHER = UUID("00000000-0000-4000-8000-000000000001")
CHANNEL = {"Channel": "PJSIP/6001-00000001", "Uniqueid": "1.1", "Linkedid": "1.1"}
CALLER = CHANNEL | {"CallerIDNum": "0501234567", "CallerIDName": "רות", "Exten": "100"}


@asynccontextmanager
async def pbx_and_server(
    *transfers: str, times: Times | None = None
) -> AsyncGenerator[tuple[AsteriskPbx, AmiServer]]:
    async with ami_server() as server:
        account = Account("kav", SECRET, port=server.port)
        times = times or Times(first_pause=0.01, longest_pause=0.02)
        async with open_pbx(account, transfers=transfers, times=times) as pbx:
            yield pbx, server


async def brought(pbx: AsteriskPbx, server: AmiServer, **more: str) -> CallFacts:
    """The caller's call, announced by the dialplan."""
    told = {"UserEvent": "BridgeCall", "UUID": str(CALL)}
    server.tell("UserEvent", **(CALLER | told | more))
    return await pbx.facts(CALL)


def test_it_is_the_port() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, _):
            port: Pbx = pbx
            assert port.way(CALL) is None

    play(scene())


@pytest.mark.parametrize("back", ["", "dropped", "unanswered"])
def test_the_dialplan_tells_who_calls_and_why_he_is_back(back: str) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            more = {"Back": back} if back else {}
            facts = await brought(pbx, server, **more)
            assert facts == CallFacts(str(CALL), "audiosocket", "0501234567", "100", back)  # type: ignore[arg-type]  # a parameter

    play(scene())


@pytest.mark.parametrize(("placed", "outbound"), [("yes", True), ("", False), ("1", False)])
def test_the_dialplan_tells_of_a_call_that_we_placed(placed: str, outbound: bool) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            facts = await brought(pbx, server, Back="", Placed=placed)
            assert facts.outbound is outbound

    play(scene())


def test_who_opens_it_can_ask_at_once() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            server.channels = [CALLER | APPLICATION]
            async with open_pbx(Account("kav", SECRET, port=server.port)) as pbx:
                assert (await pbx.facts(CALL)).caller == "0501234567"

    play(scene())


def test_what_a_name_adds_to_the_event_is_not_believed() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            forged = {"callerIDNum": "1", "uuid": str(OTHER), "CHANNEL": "PJSIP/6002-1"}
            facts = await brought(pbx, server, **forged, Back="whenever")
            assert (facts.id, facts.caller, facts.back) == (str(CALL), "0501234567", "")
            await pbx.hang_up(CALL, "over")
            assert server.actions[-1]["Channel"] == CHANNEL["Channel"]

    play(scene())


@pytest.mark.parametrize("number", ["<unknown>", "", "a b", "x" * 65, "1\x1b[2J", "שלום"])
def test_a_number_that_is_none_is_not_shown(number: str) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            event = CALLER | {"CallerIDNum": number, "UserEvent": "BridgeCall", "UUID": str(CALL)}
            server.tell("UserEvent", **event)
            assert (await pbx.facts(CALL)).caller == ""

    play(scene())


def test_an_event_that_comes_after_the_socket_is_waited_for() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            asking = asyncio.create_task(pbx.facts(CALL))
            await asyncio.sleep(0)
            server.tell("UserEvent", **CALLER, UserEvent="BridgeCall", UUID=str(CALL))
            assert (await asking).caller == "0501234567"
            assert server.count("CoreShowChannels") == 1  # that of the login

    play(scene())


def test_a_call_that_comes_back_is_not_mistaken_for_its_beginning() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            assert (await brought(pbx, server)).back == ""
            asking = asyncio.create_task(pbx.facts(CALL))
            await asyncio.sleep(0)
            assert not asking.done()
            again = {"UserEvent": "BridgeCall", "UUID": str(CALL), "Back": "dropped"}
            server.tell("UserEvent", **CALLER, **again)
            assert (await asking).back == "dropped"

    play(scene())


APPLICATION = {"Application": "AudioSocket", "ApplicationData": f"{CALL},127.0.0.1:9092"}
DIALED = {
    "Application": "Dial",
    "ApplicationData": f"AudioSocket/127.0.0.1:9092/{CALL}/c(slin),,g",
}


@pytest.mark.parametrize("form", [APPLICATION, DIALED])
def test_a_call_whose_event_was_missed_is_looked_up(form: dict[str, str]) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            other = {"Channel": "PJSIP/6002-00000002", "Uniqueid": "1.2", "CallerIDNum": "2"}
            lure = {"Application": "Dial", "ApplicationData": f"PJSIP/6002,,x({CALL})"}
            server.channels = [other | lure, CALLER | form]
            assert (await pbx.facts(CALL)).caller == "0501234567"

    play(scene())


def test_a_call_that_asterisk_does_not_have_is_unknown() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            with pytest.raises(UnknownCall):
                await pbx.facts(OTHER)
            await brought(pbx, server)
            server.tell("Hangup", **CHANNEL, Cause="16")
            server.tell("UserEvent", **CALLER, UserEvent="Else", UUID=str(OTHER))
            with pytest.raises(UnknownCall):
                await pbx.facts(CALL)
            for work in (pbx.hang_up(CALL, "over"), pbx.press(CALL, "1"), pbx.sent(CALL)):
                with pytest.raises(UnknownCall):
                    await work

    play(scene())


def test_without_a_connection_it_fails_and_says_so() -> None:
    async def scene() -> None:
        account = Account("kav", SECRET, port=9)
        async with open_pbx(account, transfers=["office"]) as pbx:
            with pytest.raises(PbxFailed, match="no connection"):
                await pbx.facts(CALL)

    play(scene())


def test_a_transfer_names_a_configured_key_and_the_callers_own_channel() -> None:
    async def scene() -> None:
        async with pbx_and_server("office", "sales") as (pbx, server):
            await brought(pbx, server)
            await pbx.transfer(CALL, "sales")
            sent = {name: value for name, value in server.actions[-1].items() if name != "ActionID"}
            assert sent == {
                "Action": "Redirect",
                "Channel": CHANNEL["Channel"],
                "Context": "kav-transfer",
                "Exten": "sales",
                "Priority": "1",
            }
            for key in ("boss", "", "0501234567", "sales\r\nAction: Hangup", "Sales"):
                with pytest.raises(PbxFailed, match="is not configured"):
                    await pbx.transfer(CALL, key)
            assert server.count("Redirect") == 1

    play(scene())


@pytest.mark.parametrize("key", ["+972501234567", "a b", "", "A", "x" * 33])
def test_a_transfer_key_is_a_word(key: str) -> None:
    async def scene() -> None:
        with pytest.raises(ValueError, match="is no transfer key"):
            async with open_pbx(Account("kav", SECRET), transfers=[key]):
                pass

    play(scene())


def test_a_refused_transfer_leaves_the_caller_with_us() -> None:
    async def scene() -> None:
        async with pbx_and_server("office") as (pbx, server):
            await brought(pbx, server)
            server.refused["Redirect"] = "Redirect failed"
            with pytest.raises(PbxFailed, match="Redirect failed"):
                await pbx.transfer(CALL, "office")
            server.refused.clear()
            await pbx.transfer(CALL, "office")

    play(scene())


def test_before_a_hang_up_the_dialplan_is_told_that_it_is_meant() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            await pbx.hang_up(CALL, "goodbye")
            over, hang_up = server.actions[-2:]
            assert (over["Action"], over["Variable"], over["Value"]) == ("Setvar", "KAV_OVER", "1")
            assert (hang_up["Action"], hang_up["Cause"]) == ("Hangup", "16")
            assert over["Channel"] == hang_up["Channel"] == CHANNEL["Channel"]

    play(scene())


def test_a_channel_that_would_be_a_pattern_is_never_named() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            forged = CALLER | {"Channel": "/^PJSIP/", "UserEvent": "BridgeCall"}
            server.tell("UserEvent", **forged, UUID=str(CALL))
            with pytest.raises(UnknownCall):
                await pbx.facts(CALL)

    play(scene())


def test_keys_are_pressed_one_after_the_other() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            await pbx.press(CALL, "12#")
            assert [one["Digit"] for one in server.actions[-3:]] == ["1", "2", "#"]
            for digits in ("", "1w", "1\n2", "1" * 33):
                with pytest.raises(PbxFailed):
                    await pbx.press(CALL, digits)
            assert server.count("PlayDTMF") == 3

    play(scene())


def test_packets_that_have_left_are_counted() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            server.values["CHANNEL(rtcp,txcount)"] = "278"
            assert await pbx.sent(CALL) == 278
            server.values.clear()
            with pytest.raises(PbxFailed, match="not a number"):
                await pbx.sent(CALL)

    play(scene())


REPORT = {"RTT": "0.0800", "Report0IAJitter": "40", "Report0LSR": "12345"}


def test_the_way_is_known_from_the_first_report_of_the_far_end_on() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            assert pbx.way(CALL) is None
            server.tell("RTCPReceived", **CHANNEL, **REPORT | {"Report0LSR": "0"})
            await server_has_been_heard(pbx)
            assert pbx.way(CALL) is None
            server.tell("RTCPReceived", **CHANNEL, **REPORT)
            await server_has_been_heard(pbx)
            assert pbx.way(CALL) == pytest.approx(0.04 + 0.04)
            assert pbx.way(OTHER) is None

    play(scene())


async def server_has_been_heard(pbx: AsteriskPbx) -> None:
    """An answer comes after all that was told before it."""
    await pbx.press(CALL, "1")


@pytest.mark.parametrize("measured", [False, True])
def test_a_calls_end_tells_whether_its_way_was_measured(
    measured: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            if measured:
                server.tell("RTCPReceived", **CHANNEL, **REPORT, Report0CumulativeLost="3")
            server.tell("Hangup", **CHANNEL, Cause="16")
            with pytest.raises(UnknownCall):
                await pbx.facts(CALL)

    caplog.set_level("INFO")
    play(scene())
    (line,) = [record for record in caplog.records if record.message == "LINE_WAY"]
    facts = line.__dict__["facts"]
    assert line.__dict__["call"] == str(CALL)
    assert facts["way"] == ("measured" if measured else "assumed")
    if measured:
        assert (facts["way_ms"], facts["round_trip_ms"], facts["lost"]) == (80, 80.0, 3)
    assert "0501234567" not in caplog.text


def test_a_call_that_goes_on_under_another_channel_is_not_forgotten_with_the_first() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            other = {"Channel": "PJSIP/6001-00000002", "Uniqueid": "1.2"}
            assert (await brought(pbx, server, **other)).caller == "0501234567"
            server.tell("Hangup", **CHANNEL)
            assert (await brought(pbx, server, **other, Back="dropped")).back == "dropped"

    play(scene())


def test_after_a_lost_link_it_knows_which_calls_are_still_there() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            late = {"Channel": "PJSIP/6002-00000002", "Uniqueid": "1.2", "CallerIDNum": "6002"}
            ours = {"Application": "AudioSocket", "ApplicationData": f"{OTHER},127.0.0.1:9092"}
            server.channels = [late | ours]
            server.drop()
            await server.came("CoreShowChannels", 2)
            assert (await pbx.facts(OTHER)).caller == "6002"
            with pytest.raises(UnknownCall):
                await pbx.press(CALL, "1")

    play(scene())


def tape(server: AmiServer, did: str, call: UUID = CALL) -> None:
    """The dialplan has done something about the recording of a call."""
    server.tell("UserEvent", UserEvent="KavTape", UUID=str(call), Did=did)


@pytest.mark.parametrize(
    ("ask", "what", "other"),
    [(AsteriskPbx.record, "start", "erase"), (AsteriskPbx.unrecord, "erase", "start")],
)
def test_a_recording_is_asked_of_the_dialplan_by_a_key_that_is_pressed_for_the_caller(
    ask: Callable[[AsteriskPbx, UUID], Awaitable[None]], what: str, other: str
) -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            server.values = {"DYNAMIC_FEATURES": "automon#kav-tape", "CHANNEL(rtcp,txcount)": "1"}
            asking = asyncio.ensure_future(ask(pbx, CALL))
            key = await server.came("PlayDTMF")
            wish = server.actions[-2]
            assert (wish["Variable"], wish["Value"]) == ("KAV_TAPE", what)
            assert (key["Digit"], key["Receive"]) == ("A", "true")
            assert wish["Channel"] == key["Channel"] == CHANNEL["Channel"]
            tape(server, other)
            tape(server, what, OTHER)
            await pbx.sent(CALL)  # what was told before has been heard by now
            assert not asking.done()
            for _ in range(2):
                tape(server, what)
            await asking
            tape(server, what)  # nobody waits for it any more
            await pbx.sent(CALL)

    play(scene())


def test_a_call_that_is_not_in_our_dialplan_hears_no_key() -> None:
    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            for features in ("", "automon", "automon#no-kav-tape"):
                server.values["DYNAMIC_FEATURES"] = features
                with pytest.raises(PbxFailed, match="does not record"):
                    await pbx.record(CALL)
            with pytest.raises(UnknownCall):
                await pbx.record(OTHER)
            assert server.count("Setvar") == server.count("PlayDTMF") == 0

    play(scene())


def test_a_dialplan_that_does_not_record_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterisk_pbx, "TAPE_LIMIT", 0.05)

    async def scene() -> None:
        async with pbx_and_server() as (pbx, server):
            await brought(pbx, server)
            server.values["DYNAMIC_FEATURES"] = "kav-tape"
            with pytest.raises(PbxFailed, match=r"start a recording: nothing within 0\.05 s"):
                await pbx.record(CALL)

    play(scene())
