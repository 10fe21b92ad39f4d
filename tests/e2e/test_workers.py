"""Several workers at one address: what one was told, all know; and one that dies is replaced."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
import uvloop

from tests.serving import FRAME, Bridge, heard, serving
from tests.store.postgres import postgres
from tests.twilio import Twilio

pytestmark = pytest.mark.e2e
WORKERS = 2
CALLS = 24
"""So many are dealt out to both by the kernel: that one gets none is as likely as 1 in 2**23."""


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Generator[Bridge]:
    folder = tmp_path_factory.mktemp("workers")
    with (
        postgres() as database,
        serving(folder, "--workers", str(WORKERS), KAV_DATABASE=database) as it,
    ):
        it.wait_for("worker_ready", WORKERS)
        yield it


def processes(bridge: Bridge) -> list[int]:
    """Of its workers."""
    pid = bridge.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [int(child) for child, command in commands.items() if b"spawn_main" in command]


def hears(caller: socket.socket) -> bool:
    """A second more of sound comes."""
    with suppress(ConnectionResetError):
        return len(heard(caller, 50 * FRAME)) == 50 * FRAME
    return False


def test_a_stream_is_let_in_by_a_worker_that_another_has_promised_it(bridge: Bridge) -> None:
    url = f"http://127.0.0.1:{bridge.http}"

    async def test() -> None:
        # A connection for each request: the kernel deals them out.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            for _ in range(CALLS):
                twilio = Twilio(http, at=url, public_url=url)
                _, twiml = await twilio.ask("/twilio/voice")
                async with await twilio.connect(twiml) as stream:
                    assert (await stream.receive_json())["streamSid"] == "MZ1"

    uvloop.run(test())


@pytest.mark.long
def test_a_worker_that_dies_takes_only_its_own_calls_with_it_and_is_replaced(
    bridge: Bridge,
) -> None:
    calls = [uuid4() for _ in range(CALLS)]
    callers = [bridge.call(call) for call in calls]
    assert all(hears(caller) for caller in callers)
    os.kill(processes(bridge)[-1], signal.SIGKILL)
    bridge.wait_for("worker_died", 1)
    lost = [call for call, caller in zip(calls, callers, strict=True) if not hears(caller)]
    assert 0 < len(lost) < CALLS
    more = [bridge.call(call) for call in lost]  # as the dialplan brings them, nobody being asked
    # Not as new ones; a database that is too slow for all of them at once is another matter.
    bridge.wait_for("call_resumed|call_not_recalled", len(lost))
    bridge.wait_for("worker_ready", WORKERS + 1)
    more += [bridge.call() for _ in range(CALLS)]
    assert all(hears(caller) for caller in more)
    bridge.process.send_signal(signal.SIGTERM)
    bridge.wait_for("draining", WORKERS)
    assert all(hears(caller) for caller in more)
    for caller in callers + more:
        caller.close()
    assert bridge.process.wait(timeout=30) == 0


def test_sqlite_is_refused_by_name(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bridge", "serve", "--workers", "2"],
        env=os.environ | {"KAV_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stderr == (
        "kav: --workers 2 needs PostgreSQL: SQLite is for one process; "
        "set KAV_DATABASE to postgresql://USER:PASSWORD@HOST/NAME\n"
    )
