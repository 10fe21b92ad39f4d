"""A real phone calls a real Asterisk: AudioSocket, the dialplan and the lab, without our bridge."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import uuid
import wave
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bridge.lab import Asterisk, AsteriskFailed, run_phone_lab
from bridge.rehearsal.phone import LOUD, CallFailed, Phone
from bridge.rehearsal.sip_phone import open_phone
from bridge.rehearsal.sip_stack import SipStack
from engine.core.audio import RATE
from tests.e2e.conftest import PROJECT
from tests.pbx.conftest import manager, until
from tests.pbx.far_bridge import FarBridge, far_bridge

pytestmark = pytest.mark.e2e

Samples = npt.NDArray[Any]


@dataclass
class Lab:
    echo: FarBridge
    asterisk: Asterisk
    stack: SipStack

    def call(self, extension: str) -> AbstractAsyncContextManager[Phone]:
        return self.stack.call(f"sip:{extension}@127.0.0.1:{self.asterisk.sip_port}")


Scene = Callable[[Lab], Awaitable[None]]


def play(folder: Path, scene: Scene) -> str:
    """The scene with everything up; Asterisk's log of it."""

    async def whole() -> str:
        async with far_bridge() as echo:
            async with Asterisk(folder, bridge_port=echo.port) as asterisk, SipStack() as stack:
                await scene(Lab(echo, asterisk, stack))
            return asterisk.log()

    return asyncio.run(whole())


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


def test_the_echo_extension_returns_what_the_phone_said(
    asterisk_folder: Path, tmp_path: Path
) -> None:
    told = speech(4)

    async def scene(lab: Lab) -> None:
        async with lab.call("600") as phone:
            await comes_back(phone, told)
            await phone.hang_up()
            assert phone.faults == []
            phone.save_stereo(tmp_path / "call.wav")

    play(asterisk_folder, scene)

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnchannels() == 2
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert share_heard(told, both[:, 0].tobytes()) > 0.6
    assert share_heard(told, both[:, 1].tobytes()) > 0.6


@pytest.mark.parametrize("extension", ["100", "101"])
def test_the_bridge_hears_the_caller_and_is_heard(asterisk_folder: Path, extension: str) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call(extension) as phone:
            leg = await lab.echo.leg()
            await comes_back(phone, speech(3))
            await phone.press("7")
            await until(leg.dialed)
            assert leg.digits == "7"
        await until(leg.gone)
        # Who hangs up is told by the end of the connection: no message of kind 0 comes.
        assert leg.kinds == {(0x10, 320)}
        assert f"UUID: {leg.id}" in lab.asterisk.log()

    play(asterisk_folder, scene)


def test_through_the_application_an_orderly_end_ends_with_a_tone(asterisk_folder: Path) -> None:
    async def scene(lab: Lab) -> None:
        async with lab.call("101") as phone:
            (await lab.echo.leg()).hang_up()
            await until(phone.closed)
            assert phone.last_heard() > 0

    play(asterisk_folder, scene)


def test_a_softphone_registers_and_calls_the_agent(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with (
            far_bridge() as echo,
            Asterisk(asterisk_folder, bridge_port=echo.port, anyone_on_loopback=False) as asterisk,
        ):
            server = f"127.0.0.1:{asterisk.sip_port}"
            async with SipStack(user="6001", password=asterisk.secret, server=server) as stack:
                assert "6001" in await asterisk.cli("pjsip show contacts")
                async with stack.call(f"sip:100@{server}") as phone:
                    await echo.leg()
                    await comes_back(phone, speech(2))

    asyncio.run(scene())


def test_without_the_lab_nobody_calls_without_a_password(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with Asterisk(asterisk_folder, bridge_port=9, anyone_on_loopback=False) as asterisk:
            with pytest.raises(CallFailed, match="401"):
                async with open_phone(f"sip:600@127.0.0.1:{asterisk.sip_port}"):
                    pass

    asyncio.run(scene())


def test_the_bridge_is_told_who_calls_under_which_uuid_and_little_else(
    asterisk_folder: Path,
) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami, lab.call("100"):
            seen = set()
            while (event := await ami.told("Event: "))["Event"] != "UserEvent":
                seen.add(event["Event"])
            assert seen <= {"FullyBooted", "Newchannel", "Newstate"}
            assert event["UUID"] == str((await lab.echo.leg()).id)
            assert (event["CallerIDNum"], event["Exten"]) == ("caller", "100")

    play(asterisk_folder, scene)


def test_the_managers_user_can_run_no_commands(asterisk_folder: Path) -> None:
    async def scene(lab: Lab) -> None:
        async with manager(lab.asterisk) as ami:
            ami.ask("Command", Command="core show uptime")
            answer = await ami.told("Response: Error")
            assert "Permission denied" in answer["Message"]

    play(asterisk_folder, scene)


def test_the_agent_calls_a_softphone(asterisk_folder: Path) -> None:
    async def scene() -> None:
        async with (
            far_bridge() as echo,
            Asterisk(asterisk_folder, bridge_port=echo.port) as asterisk,
            SipStack(
                user="6002", password=asterisk.secret, server=f"127.0.0.1:{asterisk.sip_port}"
            ) as stack,
            manager(asterisk) as ami,
        ):
            ami.ask(
                "Originate",
                Channel="PJSIP/6002",
                Application="AudioSocket",
                Data=f"{uuid.uuid4()},127.0.0.1:{echo.port}",
                Async="true",
            )
            async with stack.answer() as phone:
                await echo.leg()
                await comes_back(phone, speech(2))

    asyncio.run(scene())


def test_a_person_with_a_softphone_is_told_the_account_and_sees_the_calls(
    asterisk_folder: Path,
) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from bridge.lab import run_phone_lab; "
        "sys.exit(asyncio.run(run_phone_lab(bridge_host='127.0.0.1', bridge_port=9, "
        f"sip_port=None, folder=Path({str(asterisk_folder)!r}))))"
    )

    async def scene() -> str:
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
            said = (await lab.stdout.readuntil(b"Calls:\n")).decode()
            account = dict(re.findall(r"^ +(port|user|password) +(\S+)", said, re.MULTILINE))
            server = f"127.0.0.1:{account['port']}"
            user, password = account["user"], account["password"]
            async with SipStack(user=user, password=password, server=server) as stack:
                async with stack.call(f"sip:600@{server}"):
                    pass
                said += (await lab.stdout.readuntil(b"ended after")).decode()
        finally:
            lab.send_signal(signal.SIGINT)
            rest, _ = await lab.communicate()
        assert lab.returncode == 0, rest
        return said

    said = asyncio.run(asyncio.wait_for(scene(), 60))

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
        async with Asterisk(asterisk_folder, bridge_port=9) as one:
            with pytest.raises(AsteriskFailed, match="already in use"):
                await Asterisk(asterisk_folder, bridge_port=9, sip_port=one.sip_port).__aenter__()

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
