"""AMI behind its guard, against a simulated Asterisk that breaks as it is told."""

import asyncio
import contextlib
import random
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audiosocket.ami import (
    ACTIONS,
    BATCH,
    LONGEST_MESSAGE,
    Account,
    Ami,
    AmiFailed,
    Hear,
    Link,
    OutcomeUnknown,
    Pauses,
    Refused,
    Times,
    Told,
    Unsendable,
)
from tests.bridge.ami_server import SECRET, AmiServer, actions_in, ami_server, packet, play
from tests.certificates import write_certificate

QUICK = Times(first_pause=0.01, longest_pause=0.05, refused_pause=600)
NO_PINGS = Times(first_pause=0.01, ping=600)


def account(server: AmiServer, secret: str = SECRET) -> Account:
    return Account("kav", secret, port=server.port)


async def up(ami: Ami, server: AmiServer, logins: int = 1) -> None:
    """The connection of that number is ready."""
    await server.came("Command", logins)
    assert ami.connected


def heard(ami: Ami, event: str) -> "asyncio.Queue[Told]":
    told: asyncio.Queue[Told] = asyncio.Queue()
    ami.on(event, told.put_nowait)
    return told


def test_a_question_is_answered_and_a_list_is_one_answer() -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            await up(ami, server)
            server.values["NAME"] = "שלום"
            server.channels = [{"Channel": "PJSIP/1-1"}, {"Channel": "PJSIP/2-2"}]
            answer = await ami.ask("Getvar", Channel="PJSIP/1-1", Variable="NAME")
            assert answer["value"] == "שלום"
            rows = await ami.rows("CoreShowChannels")
            assert [row["channel"] for row in rows] == ["PJSIP/1-1", "PJSIP/2-2"]

    play(scene())


def test_what_asterisk_refuses_is_told_with_its_reason_also_of_a_list() -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            await up(ami, server)
            server.refused = dict.fromkeys(("Hangup", "CoreShowChannels"), "No such channel")
            with pytest.raises(Refused, match="Hangup: No such channel"):
                await ami.ask("Hangup", Channel="PJSIP/1-1")
            with pytest.raises(Refused):
                await ami.rows("CoreShowChannels")

    play(scene())


@pytest.mark.parametrize("action", ["Command", "UpdateConfig", "MixMonitor", "hangup", "Ping\r\n"])
def test_an_action_that_is_not_on_the_list_is_not_sent(action: str) -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            await up(ami, server)
            before = len(server.actions)
            with pytest.raises(Unsendable):
                await ami.ask(action)
            await ami.ask("CoreSettings")  # nothing has come before it
            assert len(server.actions) == before + 1

    play(scene())


def test_a_value_is_one_value_or_it_is_not_sent() -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            await up(ami, server)
            before = len(server.actions)
            bad = ("a\r\nAction: Command", "a\n", "a\r", "a\0", "\ud800", "x" * 901)
            for value in bad:
                with pytest.raises(Unsendable):
                    await ami.ask("Setvar", Variable="V", Value=value)
            for header in ("Value: x\r\nAction", "Action", "aCTION", ""):
                with pytest.raises(Unsendable):
                    await ami.ask("Setvar", **{header: "Hangup"})
            await ami.ask("Setvar", Variable="V", Value="שלום, 'world' ; & | $(x) ${y}")
            assert [one["Action"] for one in server.actions[before:]] == ["Setvar"]
            assert server.actions[-1]["Value"] == "שלום, 'world' ; & | $(x) ${y}"

    play(scene())


hostile = st.text(st.characters() | st.sampled_from("\r\n\0: ,\u2028\x85"), max_size=60)


@given(st.dictionaries(st.sampled_from(["Channel", "Exten", "Value"]), hostile, min_size=1))
def test_whatever_is_asked_arrives_as_exactly_that_one_action_or_not_at_all(
    headers: dict[str, str],
) -> None:
    sent = asyncio.run(written(headers))
    arrived = actions_in(sent)
    assert len(arrived) == bool(sent)
    for action in arrived:
        assert action.pop("ActionID")
        assert action == {"Action": "Setvar", **headers}


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def abort(self) -> None: ...


def bare_link(heard: dict[str, Hear]) -> tuple[Link, Wire]:
    link, wire = Link(heard), Wire()
    link.connection_made(wire)
    return link, wire


async def written(headers: dict[str, str]) -> bytes:
    """What goes onto the wire for a Setvar; nothing: it was refused."""
    link, wire = bare_link({})
    ami = Ami(Account("kav", SECRET))
    ami.link = link
    asyncio.get_running_loop().call_soon(link.drop, "nobody answers here")
    with contextlib.suppress(Unsendable, OutcomeUnknown):
        await ami.ask("Setvar", **headers)
    return bytes(wire.sent)


def test_an_action_in_flight_when_the_link_breaks_is_never_sent_again() -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            for round_, action in enumerate(sorted(ACTIONS), 1):
                await up(ami, server, round_)
                before = server.count(action)
                server.drops_at = {action}
                with pytest.raises(OutcomeUnknown):
                    await ami.ask(action, Channel="PJSIP/1-1")
                server.drops_at = set()
                await up(ami, server, round_ + 1)
                await ami.ask("CoreSettings")
                asked = server.count(action) - (action == "CoreSettings")
                assert asked - before == 1, action

    play(scene())


def test_without_a_connection_it_says_so_at_once_and_nothing_is_kept_for_later() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            async with Ami(account(server, "a wrong secret"), QUICK) as ami:
                await server.came("Login")
                with pytest.raises(AmiFailed, match="no connection"):
                    await ami.ask("Hangup", Channel="PJSIP/1-1")
            assert server.count("Hangup") == 0

    play(scene())


def test_an_action_that_is_not_answered_ends_and_a_late_answer_is_nobodys() -> None:
    async def scene() -> None:
        times = Times(answer=0.05)
        async with ami_server() as server, Ami(account(server), times) as ami:
            await up(ami, server)
            server.unanswered = {"Hangup"}
            with pytest.raises(OutcomeUnknown, match="no answer in"):
                await ami.ask("Hangup", Channel="PJSIP/1-1")
            late = server.actions[-1]["ActionID"]
            server.say(packet({"Response": "Success", "ActionID": late}))
            assert (await ami.ask("CoreSettings"))["asteriskversion"] == "22.10.1"

    play(scene())


def test_a_link_that_answers_no_ping_is_dropped_and_made_again() -> None:
    async def scene() -> None:
        times = Times(answer=0.05, ping=0.01, first_pause=0.01)
        async with ami_server() as server, Ami(account(server), times) as ami:
            await server.came("Ping", 2)
            server.unanswered = {"Ping"}
            await server.came("Login", 2)
            server.unanswered = set()
            await server.came("Ping", server.count("Ping") + 2)
            assert ami.connected

    play(scene())


def test_a_refused_login_has_a_pause_of_its_own() -> None:
    async def scene() -> None:
        # The pause after anything else is so long that the test would not see its end.
        times = Times(first_pause=600, refused_pause=0.01)
        async with ami_server() as server, Ami(account(server, "wrong"), times) as ami:
            await server.came("Login", 3)
            assert not ami.connected

    play(scene())
    assert Times().refused_pause == 60


def test_it_comes_back_whenever_it_is_dropped_and_tells_that_it_has() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            ami = Ami(account(server), QUICK)
            back: asyncio.Queue[Ami] = asyncio.Queue()
            ami.on_connected = back.put
            async with ami:
                for _ in range(5):
                    assert await back.get() is ami
                    server.drop()
            assert server.logins == 5

    play(scene())


def test_it_is_up_when_whoever_waits_for_that_has_been_told() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            ami = Ami(account(server), QUICK)
            told = asyncio.Event()

            async def connected(ami: Ami) -> None:
                await ami.ask("CoreSettings")
                told.set()

            ami.on_connected = connected
            async with ami:
                await ami.up()
                assert told.is_set()

    play(scene())


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_login() -> None:
    random.seed(7)
    pauses = Pauses(Times())
    rounds = [pauses.next() for _ in range(7)]
    for pause, middle in zip(rounds, (1, 2, 4, 8, 16, 30, 30), strict=True):
        assert 0.8 * middle <= pause <= 1.2 * middle
    assert rounds[5] != rounds[6]
    pauses.connected()
    assert pauses.next() <= 1.2


async def why_down(ami: Ami) -> str:
    with pytest.raises(AmiFailed) as failure:
        await ami.up()
    return str(failure.value)


def test_over_tls_it_talks_to_nobody_but_who_has_the_certificate(tmp_path: Path) -> None:
    async def scene() -> None:
        public, private = write_certificate(tmp_path)
        mine = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        mine.load_cert_chain(public, private)
        known, unknown = ssl.create_default_context(cafile=public), ssl.create_default_context()
        async with ami_server(mine) as server:
            async with Ami(Account("kav", SECRET, port=server.port, tls=known), QUICK) as ami:
                await ami.up()
                assert (await ami.ask("CoreSettings"))["asteriskversion"] == "22.10.1"
            times = Times(answer=0.2, first_pause=0.01)
            async with Ami(Account("kav", SECRET, port=server.port, tls=unknown), times) as ami:
                while "CERTIFICATE_VERIFY_FAILED" not in (await why_down(ami)):
                    pass
            assert server.logins == 1

    play(scene())


def test_what_is_closed_stays_closed() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            async with Ami(account(server), QUICK) as ami:
                await up(ami, server)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not [task for task in others if "Ami.run" in repr(task.get_coro())]
            with pytest.raises(AmiFailed):
                await ami.ask("CoreSettings")
            assert server.logins == 1

    play(scene())


def test_a_name_is_whole_wherever_the_network_cuts_it() -> None:
    async def scene() -> None:
        told: list[Told] = []
        event = packet({"Event": "UserEvent", "CallerIDName": "שלום", "X": "é€𝄞"})
        for cut in range(1, len(event)):
            link, _ = bare_link({"UserEvent": told.append})
            link.data_received(event[:cut])
            link.data_received(event[cut:])
            got = told.pop()
            assert (got["calleridname"], got["x"]) == ("שלום", "é€𝄞")

    play(scene())


def test_an_event_that_breaks_its_listener_does_not_break_the_link() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            ami = Ami(account(server), QUICK)

            def break_(told: Told) -> None:
                raise KeyError(told["event"])

            ami.on("Hangup", break_)
            told = heard(ami, "UserEvent")
            async with ami:
                await up(ami, server)
                server.tell("Hangup")
                server.tell("UserEvent")
                await told.get()
                await ami.ask("CoreSettings")
            assert server.logins == 1

    play(scene())


def test_of_a_header_that_comes_twice_asterisks_own_counts() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            ami = Ami(account(server), QUICK)
            told = heard(ami, "UserEvent")
            async with ami:
                await up(ami, server)
                server.tell("UserEvent", CallerIDNum="6001", callerIDnum="1", EVENT="Hangup")
                assert (await told.get())["calleridnum"] == "6001"

    play(scene())


@pytest.mark.parametrize(
    "junk",
    [
        b"\r\n\r\n\r\n\r\n",
        b"\xff\xfe\x00: \x80\r\n\r\n",
        b"no header at all\r\n\r\n",
        b"Event: \r\n\r\n",
        b"Event: Hangup\r\nEvent: Hangup\r\nActionID: 1\r\nActionID: 2\r\n\r\n",
        b"Response: Success\r\nActionID: nobodys\r\n\r\n",
        b"Response: Follows\r\n--END COMMAND--\r\n\r\n",
        b": \r\n:\r\n\r\n",
    ],
)
def test_junk_is_passed_over(junk: bytes) -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), QUICK) as ami:
            ami.on("Hangup", lambda told: None)
            await up(ami, server)
            server.say(junk)
            await ami.ask("CoreSettings")
            assert server.logins == 1

    play(scene())


def test_a_message_without_an_end_ends_the_link() -> None:
    async def scene() -> None:
        async with ami_server() as server, Ami(account(server), NO_PINGS) as ami:
            await up(ami, server)
            server.say(b"x" * (LONGEST_MESSAGE + 1))
            await up(ami, server, 2)

    play(scene())


def test_in_a_storm_the_loop_has_its_turn_after_each_batch() -> None:
    async def scene() -> None:
        async with ami_server() as server:
            ami = Ami(account(server), QUICK)
            counts = [0]

            def count(_: Told) -> None:
                counts[-1] += 1

            ami.on("UserEvent", count)
            told = heard(ami, "Hangup")
            async with ami:
                await up(ami, server)
                event = packet({"Event": "UserEvent", "Channel": "PJSIP/1-1"})
                server.say(event * 5000)
                server.tell("Hangup")
                while told.empty():
                    counts.append(0)
                    await asyncio.sleep(0)
            assert sum(counts) == 5000
            assert max(counts) <= 2 * BATCH
            assert server.logins == 1

    play(scene())


def test_a_user_that_may_run_commands_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    class Careless(AmiServer):
        def _answer(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
            if action["Action"] == "Command":
                told = {"Response": "Success", "ActionID": action["ActionID"], "Output": "1 h"}
                writer.write(packet(told))
                return
            super()._answer(action, writer)

    async def scene() -> None:
        server = Careless()
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            server.port = listening.sockets[0].getsockname()[1]
            ami = Ami(account(server), QUICK)
            ready: asyncio.Queue[Ami] = asyncio.Queue()
            ami.on_connected = ready.put
            async with ami:
                await ready.get()

    play(scene())
    assert "ami_user_may_run_commands" in caplog.messages
    assert SECRET not in caplog.text
