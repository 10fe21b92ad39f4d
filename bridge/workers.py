"""Several processes that answer calls at the same addresses, and the parent that keeps them up.

The kernel deals connections out to them. The parent answers nothing: it starts them again when they
die, passes on what it is told, and ends when they have ended. They do not listen to signals
themselves: a whole group or container may be sent one, and it would come twice.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from bridge.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before one that died is started again; they double while it keeps dying."""
STEADY = 60.0
"""Who has lived so long did not die of its start."""
KILL_AFTER = 12.0
"""Seconds that they have when they shall end now."""
_SPAWN = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is given."""

    number: int
    settings: Settings
    parent: Connection
    """Gives it the numbers of signals, and is told once when its doors are open."""
    shared: Path
    """A folder of all workers, for what must be known to each."""
    begins: bool
    """It is the very first: nobody else has live calls."""

    @property
    def tells(self) -> bool:
        """It does what is done once for all of them."""
        return self.number == 1


Work = Callable[[Post], None]


class Crew:
    """`work` is the life of a worker: it runs in a process of its own."""

    def __init__(self, count: int, work: Work, settings: Settings, shared: Path) -> None:
        self._count = count
        self._work = work
        self._settings = settings
        self._shared = shared
        self._workers: dict[int, _Worker] = {}
        self._begun = asyncio.Event()
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Until all have ended because they were told to; or the first one could not start. The
        worst of their exit codes."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, self._count + 1):
                    group.create_task(self._keep(number))
        finally:
            for worker in self._workers.values():
                worker.leave()
        return self._code

    def order(self, number: int) -> None:
        """Passes a signal on: SIGTERM, twice at most, SIGINT or SIGHUP."""
        if number != signal.SIGHUP:
            if number == signal.SIGINT or self._stopping.is_set():
                asyncio.get_running_loop().call_later(KILL_AFTER, self._kill)
            self._stopping.set()
            self._begun.set()
        for worker in self._workers.values():
            worker.order(number)

    async def _keep(self, number: int) -> None:
        if number > 1:
            await self._begun.wait()
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            lived = await self._live(number)
            if self._stopping.is_set():
                return
            if lived >= STEADY:
                pause = FIRST_PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self, number: int) -> float:
        """One life of a worker; its seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        worker = self._workers[number] = _Worker(
            self._post(number), self._work, lambda: self._ready(number)
        )
        code = await worker.ended()
        del self._workers[number]
        lived = loop.time() - began
        if self._stopping.is_set():
            self._code = max(self._code, abs(code))
        elif not self._begun.is_set():  # what it cannot do, the others can't
            self._code = abs(code) or 1
            self._stopping.set()
            self._begun.set()
        else:
            facts = {"worker": number, "code": code, "seconds": round(lived, 1)}
            log.error("worker_died", extra={"facts": facts})
        return lived

    def _ready(self, number: int) -> None:
        log.info("worker_ready", extra={"facts": {"worker": number}})
        self._begun.set()

    def _post(self, number: int) -> Callable[[Connection], Post]:
        begins = not self._begun.is_set()
        return lambda parent: Post(number, self._settings, parent, self._shared, begins)

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.kill()


class _Worker:
    def __init__(
        self, post: Callable[[Connection], Post], work: Work, ready: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = ready
        self._over = asyncio.Event()
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=work, args=(post(theirs),), name="kav worker")
        self._process.start()
        theirs.close()
        self._loop.add_reader(self._pipe.fileno(), self._hear)
        self._loop.add_reader(self._process.sentinel, self._end)

    def order(self, number: int) -> None:
        with suppress(OSError):  # it is gone
            self._pipe.send(number)

    def kill(self) -> None:
        self._process.kill()

    def leave(self) -> None:
        """That its parent is gone tells it to end."""
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()

    async def ended(self) -> int:
        await self._over.wait()
        self._process.join()
        self.leave()
        return self._process.exitcode or 0

    def _hear(self) -> None:
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            self._loop.remove_reader(self._pipe.fileno())
        else:
            self._ready()

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._over.set()
