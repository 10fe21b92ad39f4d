import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from engine.ports import ProviderFailed
from engine.providers.worker import Urgency, Withdrawn, Worker
from tests.providers.small_jobs import open_counter, open_nothing

LIMIT = 30.0


@pytest.fixture
def worker() -> Iterator[Worker[str, str]]:
    counter: Worker[str, str] = Worker("Counter", open_counter)
    yield counter
    counter.close()


def ask(worker: Worker[str, str], request: str, limit: float = LIMIT) -> str:
    return asyncio.run(worker.ask(request, Urgency.NOW, limit))


def ended(pid: int) -> bool:
    """Waits until the process has ended, ten seconds at most."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(process, select.POLLIN)
    found = poll.poll(10_000)
    os.close(process)
    return bool(found)


def open_gate(fifo: Path) -> None:
    """Waits for the job that waits at it."""
    fifo.write_text("", encoding="utf-8")


def test_jobs_are_done_by_one_process(worker: Worker[str, str]) -> None:
    assert ask(worker, "a") == "a 1"
    assert ask(worker, "b") == "b 2"
    assert worker.pid != os.getpid()


def test_a_process_that_dies_fails_its_job_and_is_replaced(worker: Worker[str, str]) -> None:
    with pytest.raises(ProviderFailed, match="Counter: the process has died"):
        ask(worker, "die")
    assert ask(worker, "a") == "a 1"


def test_a_process_that_was_killed_while_idle_is_not_noticed(worker: Worker[str, str]) -> None:
    ask(worker, "a")
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    assert ended(worker.pid)
    assert ask(worker, "b") == "b 1"


def test_a_process_that_hangs_is_replaced(worker: Worker[str, str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    ask(worker, "a")
    hanging = worker.pid
    with pytest.raises(ProviderFailed, match="no answer"):
        ask(worker, f"gate:{tmp_path / 'gate'}", limit=0.2)
    assert ask(worker, "b") == "b 1"
    assert worker.pid != hanging


def test_a_job_that_fails_says_why_and_the_process_lives(worker: Worker[str, str]) -> None:
    with pytest.raises(ProviderFailed, match="Counter: ValueError: it cannot"):
        ask(worker, "fail")
    assert ask(worker, "a") == "a 1"


def test_what_waits_is_done_by_urgency_and_what_was_withdrawn_never(
    worker: Worker[str, str], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = worker.submit(f"gate:{gate}", Urgency.NOW, LIMIT)
    idle = worker.submit("idle", Urgency.IDLE, LIMIT)
    stale = worker.submit("stale", Urgency.GUESS, LIMIT)
    guess = worker.submit("guess", Urgency.GUESS, LIMIT)
    now = worker.submit("now", Urgency.NOW, LIMIT)
    assert stale.cancel()
    open_gate(gate)
    answers = [job.result(LIMIT) for job in (first, now, guess, idle)]
    assert answers[1:] == ["now 2", "guess 3", "idle 4"]


def test_who_waits_for_a_withdrawn_job_is_told(worker: Worker[str, str], tmp_path: Path) -> None:
    async def wait_for(job: Future[str]) -> None:
        with pytest.raises(Withdrawn):
            await worker.answer(job, LIMIT)

    async def withdraw() -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        worker.submit(f"gate:{gate}", Urgency.NOW, LIMIT)
        stale = worker.submit("stale", Urgency.GUESS, LIMIT)
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for(stale))
            stale.cancel()
        await asyncio.to_thread(open_gate, gate)

    asyncio.run(withdraw())


def test_a_cancelled_question_that_has_not_begun_never_does(
    worker: Worker[str, str], tmp_path: Path
) -> None:
    async def give_up() -> str:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        worker.submit(f"gate:{gate}", Urgency.NOW, LIMIT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await worker.ask("given up", Urgency.NOW, LIMIT)
        await asyncio.to_thread(open_gate, gate)
        return await worker.ask("next", Urgency.NOW, LIMIT)

    assert asyncio.run(give_up()) == "next 2"


def test_ctrl_c_and_a_service_manager_are_for_the_parent(worker: Worker[str, str]) -> None:
    ask(worker, "a")
    assert worker.pid
    os.kill(worker.pid, signal.SIGINT)
    os.kill(worker.pid, signal.SIGTERM)
    assert ask(worker, "b") == "b 2"


def test_what_cannot_be_loaded_is_said_and_does_not_hang() -> None:
    broken: Worker[str, str] = Worker("Broken", open_nothing)
    with pytest.raises(ProviderFailed, match="Broken: its weights are damaged"):
        asyncio.run(broken.ready())
    with pytest.raises(ProviderFailed, match="Broken: its weights are damaged"):
        ask(broken, "a")
    broken.close()


def test_closing_ends_the_process_and_fails_what_waits(
    worker: Worker[str, str], tmp_path: Path
) -> None:
    ask(worker, "a")
    os.mkfifo(tmp_path / "gate")
    assert worker.pid
    pid = worker.pid
    begun = worker.submit(f"gate:{tmp_path / 'gate'}", Urgency.NOW, LIMIT)
    waiting = worker.submit("b", Urgency.NOW, LIMIT)
    worker.close()
    assert ended(pid)
    for job in (begun, waiting):
        assert isinstance(job.exception(LIMIT), ProviderFailed)
    with pytest.raises(ProviderFailed, match="closed"):
        ask(worker, "c")


PARENT = """
import asyncio, sys
from engine.providers.worker import Worker
from tests.providers.small_jobs import open_counter
worker = Worker("Counter", open_counter)
asyncio.run(worker.ready())
print(worker.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_no_process_outlives_its_parent(killed: bool) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        assert parent.stdin
        pid = int(parent.stdout.readline())
        if killed:
            parent.kill()
        parent.stdin.close()
        assert ended(pid)
