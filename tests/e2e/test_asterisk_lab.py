"""A real phone calls a real Asterisk: AudioSocket, the dialplan and the lab, without our bridge."""

import asyncio
import os
import re
import select
import signal
import socket
import subprocess
import sys
import uuid
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bridge.lab import Asterisk, AsteriskFailed, run_phone_lab
from bridge.rehearsal.phone import LOUD, CallFailed, Phone
from engine.core.audio import RATE
from tests.e2e.conftest import PROJECT
from tests.pbx.conftest import Lab, Play, manager, playing, until

pytestmark = pytest.mark.e2e

Samples = npt.NDArray[Any]


@pytest.fixture(scope="module")
def play(asterisk_folder: Path) -> Iterator[Play]:
    with playing(asterisk_folder, {}) as play:
        yield play


def speech(seconds: float) -> bytes:
    """Noise that comes and goes four times a second: each moment of it is unlike all others."""
    rng = np.random.default_rng(6001)
    count = int(seconds * RATE)
    envelope = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(count) / RATE)
    return (rng.normal(0, 3000, count) * envelope).astype("<i2").tobytes()


def alike(told: bytes, heard: bytes, window: float = 0.1) -> list[float]:
    """For each window of `told`, how well it is found anywhere in `heard`: 1 is itself.

    In pieces, because a jitter buffer shifts what follows by some milliseconds, on a busy machine
    often. Windows without a sound are left out. Short ones suit noise, speech resembles itself."""
    size = round(window * RATE)
    mouth, ear = (np.frombuffer(sound, dtype="<i2").astype(float) for sound in (told, heard))
    ear = np.concatenate([ear, np.zeros(size)])
    energy = np.concatenate([[0.0], np.cumsum(ear**2)])
    loudness = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1.0))
    found = []
    for start in range(0, len(mouth) - size + 1, size):
        part = mouth[start : start + size]
        norm = float(np.linalg.norm(part))
        if norm >= LOUD * size**0.5:
            found.append(float(np.max(correlate(ear, part) / loudness)) / norm)
    return found


def correlate(long: Samples, short: Samples) -> Samples:
    """As `np.correlate(long, short, "valid")`, by way of the spectrum: a hundred times faster."""
    size = len(long) + len(short)
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    return product[: len(long) - len(short) + 1]


def share_heard(told: bytes, heard: bytes) -> float:
    """How much of it came through unharmed: all but a few windows, if the machine has time."""
    found = alike(told, heard)
    return sum(value > 0.8 for value in found) / len(found)


async def comes_back(phone: Phone, told: bytes) -> None:
    phone.say(told)
    await phone.quiet(after=0.5)
    assert share_heard(told, phone.heard) > 0.6


def test_the_echo_extension_returns_what_the_phone_said(play: Play, tmp_path: Path) -> None:
    told = speech(4)

    async def scene(lab: Lab) -> None:
        async with lab.call("600") as phone:
            await comes_back(phone, told)
            await phone.hang_up()
            assert phone.faults == []
            phone.save_stereo(tmp_path / "call.wav")

    play(scene)

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnchannels() == 2
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert share_heard(told, both[:, 0].tobytes()) > 0.6
    assert share_heard(told, both[:, 1].tobytes()) > 0.6


@pytest.mark.parametrize("extension", ["100", "101"])
def test_the_bridge_hears_the_caller_and_is_heard(play: Play, extension: str) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call(extension) as phone:
            leg = await lab.bridge.leg()
            await comes_back(phone, speech(3))
            await phone.press("7")
            await until(leg.dialed)
            assert leg.digits == "7"
        await until(leg.gone)
        # Who hangs up is told by the end of the connection: no message of kind 0 comes.
        assert leg.kinds == {(0x10, 320)}
        assert f"UUID: {leg.id}" in lab.asterisk.log()

    play(scene)


def test_through_the_application_an_orderly_end_ends_with_a_tone(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call("101") as phone:
            (await lab.bridge.leg()).hang_up()
            await until(phone.closed)
            assert phone.last_heard() > 0

    play(scene)


def test_without_the_lab_only_a_softphone_with_its_password_calls_the_agent(
    play: Play, asterisk_folder: Path
) -> None:
    async def scene(lab: Lab) -> None:
        port = lab.bridge.port
        async with Asterisk(asterisk_folder, bridge_port=port, anyone_on_loopback=False) as strict:
            server = f"127.0.0.1:{strict.sip_port}"
            with pytest.raises(CallFailed, match="401"):
                async with lab.stack.call(f"sip:600@{server}"):
                    pass
            async with lab.stack.beside(
                user="6001", password=strict.secret, server=server
            ) as softphone:
                assert "6001" in await strict.cli("pjsip show contacts")
                async with softphone.call(f"sip:100@{server}") as phone:
                    await lab.bridge.leg()
                    await comes_back(phone, speech(2))

    play(scene)


def test_the_bridge_is_told_who_calls_under_which_uuid_and_little_else(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, lab.call("100"):
            seen = set()
            while (event := await ami.told("Event: "))["Event"] != "UserEvent":
                seen.add(event["Event"])
            assert seen <= {"FullyBooted", "Newchannel", "Newstate", "Hangup", "RTCPReceived"}
            assert event["UUID"] == str((await lab.bridge.leg()).id)
            assert (event["CallerIDNum"], event["Exten"]) == ("caller", "100")

    play(scene)


def test_the_managers_user_can_run_no_commands(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami:
            ami.ask("Command", Command="core show uptime")
            answer = await ami.told("Response: Error")
            assert "Permission denied" in answer["Message"]

    play(scene)


def test_the_agent_calls_a_softphone(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.people() as people, manager(lab.asterisk) as ami:
            ami.ask(
                "Originate",
                Channel="PJSIP/6002",
                Application="AudioSocket",
                Data=f"{uuid.uuid4()},127.0.0.1:{lab.bridge.port}",
                Async="true",
            )
            async with people.answer() as phone:
                await lab.bridge.leg()
                await comes_back(phone, speech(2))

    play(scene)


def test_a_person_with_a_softphone_is_told_the_account_and_sees_the_calls(
    play: Play, asterisk_folder: Path
) -> None:
    said = ""
    program = (
        "import asyncio, sys; from pathlib import Path; from bridge.lab import run_phone_lab; "
        "sys.exit(asyncio.run(run_phone_lab(bridge_host='127.0.0.1', bridge_port=9, "
        f"sip_port=None, folder=Path({str(asterisk_folder)!r}))))"
    )

    async def scene(here: Lab) -> None:
        nonlocal said
        lab = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-c",
            program,
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert lab.stdout is not None
        try:
            async with asyncio.timeout(60):
                said = (await lab.stdout.readuntil(b"Calls:\n")).decode()
                account = dict(re.findall(r"^ +(port|user|password) +(\S+)", said, re.MULTILINE))
                server = f"127.0.0.1:{account['port']}"
                user, password = account["user"], account["password"]
                async with here.stack.beside(user=user, password=password, server=server) as phone:
                    async with phone.call(f"sip:600@{server}"):
                        pass
                    said += (await lab.stdout.readuntil(b"ended after")).decode()
        finally:
            lab.send_signal(signal.SIGINT)
            rest, _ = await lab.communicate()
        assert lab.returncode == 0, rest

    play(scene)

    assert "No bridge answers at 127.0.0.1:9 yet" in said
    assert re.search(r"6001 calls 600\n.*6001 is answered\n.*6001 ended after", said)


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_an_address_of_another_machine_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = asyncio.run(
        run_phone_lab(
            bridge_host="127.0.0.1",
            bridge_port=9,
            sip_port=None,
            folder=tmp_path,
            listen="203.0.113.1",
        )
    )
    assert status == 1
    assert "--listen is an address of this machine" in capsys.readouterr().out


def test_two_run_side_by_side_and_leave_nothing_behind(asterisk_folder: Path) -> None:
    one = Asterisk(asterisk_folder, bridge_port=9)
    other = Asterisk(asterisk_folder, bridge_port=9)

    async def scene() -> list[int]:
        async with one, other:
            return [one.pid, other.pid]

    pids = asyncio.run(scene())

    assert not any(is_running(pid) for pid in pids)
    assert "loader.c" in one.log()


def test_a_port_that_is_taken_is_told_at_the_start(asterisk_folder: Path) -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            with pytest.raises(AsteriskFailed, match="already in use"):
                await Asterisk(asterisk_folder, bridge_port=9, sip_port=port).__aenter__()

    asyncio.run(scene())


def test_a_cancelled_test_leaves_no_asterisk_behind(asterisk_folder: Path) -> None:
    asterisk = Asterisk(asterisk_folder, bridge_port=9)
    pids: list[int] = []

    async def scene() -> None:
        async with asyncio.timeout(None) as limit, asterisk:
            pids.append(asterisk.pid)
            limit.reschedule(0)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(scene())

    assert not is_running(pids[0])


def test_it_ends_with_who_started_it_also_while_it_makes_its_sounds(
    asterisk_folder: Path, tmp_path: Path
) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go on"
    for pipe in (begun, go_on):
        os.mkfifo(pipe)
    maker = tmp_path / "python"
    maker.write_text(f"#!/bin/sh\n: >'{begun}'\n: <'{go_on}'\n")
    maker.chmod(0o700)
    starter = subprocess.Popen(
        ["sh", "-c", f"'{PROJECT}/asterisk/run' >/dev/null & echo $!; wait"],
        stdout=subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "FOLDER": str(asterisk_folder),
            "RUN": str(tmp_path / "run"),
            "SOUNDS": str(tmp_path / "sounds"),
            "PYTHON": str(maker),
            "WITH_PARENT": "yes",
        },
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    one = os.pidfd_open(pid)
    try:
        begun.read_bytes()
        starter.kill()
        starter.wait()
        starter.stdout.close()
        go_on.write_bytes(b"")
        ended, _, _ = select.select([one], [], [], 20)
        assert ended
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(one, signal.SIGKILL)
        os.close(one)


def test_a_folder_without_asterisk_is_told_in_a_sentence(tmp_path: Path) -> None:
    async def scene() -> None:
        await Asterisk(tmp_path, bridge_port=9).__aenter__()

    with pytest.raises(AsteriskFailed, match="run asterisk/fetch first"):
        asyncio.run(scene())
