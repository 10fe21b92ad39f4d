"""One process that does one job at a time, for work that would hold up the event loop.

What the work is, it does not know. A process that dies or hangs is replaced; its job fails with
`ProviderFailed`; the jobs behind it are done by its successor."""

import asyncio
import atexit
import itertools
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from engine.ports import ProviderFailed

log = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_NICENESS = 5
_START_LIMIT = 90.0


class Withdrawn(Exception):
    """The job was taken out of the queue before it began."""


class Urgency(IntEnum):
    """Which of the waiting jobs is next."""

    NOW = 1
    """A caller waits for it."""
    GUESS = 2
    """A caller may wait for it soon."""
    IDLE = 3


_BEFORE_ALL = 0
_START = "start"
"""What a job without a request asks for: that the process is there."""
_CLOSE = "close"


@dataclass(frozen=True, slots=True)
class _Failed:
    why: str


@dataclass(order=True, slots=True)
class _Job:
    urgency: int
    number: int
    request: Any = field(compare=False)  # pickled as it is: any value
    limit: float = field(compare=False)
    future: "Future[Any]" = field(compare=False, default_factory=Future)


class Worker(Generic[Request, Answer]):
    """`load` is called once in each new process (it must be picklable, and may raise
    `ProviderFailed`); what it returns is called with each request."""

    def __init__(
        self,
        name: str,
        load: Callable[[], Callable[[Request], Answer]],
    ) -> None:
        self.name = name
        self._load = load
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closed = False
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._thread = threading.Thread(target=self._work, name=f"{name} worker", daemon=True)
        self._thread.start()
        # The process ignores SIGTERM (its parent decides), so multiprocessing's own end would
        # wait for it for ever. Registered later, this runs earlier.
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        """The process that would do the next job; `None` before the first."""
        return self._process.pid if self._process else None

    def submit(self, request: Request, urgency: Urgency, limit: float) -> "Future[Answer]":
        """Begins as soon as nothing more urgent waits, and then takes `limit` seconds at most.

        Cancelling it takes it out of the queue; once begun it goes on."""
        return self._put(urgency, request, limit)

    async def ask(self, request: Request, urgency: Urgency, limit: float) -> Answer:
        """As `submit`, and not longer than `limit` in all. Raises `ProviderFailed`."""
        return await self.answer(self.submit(request, urgency, limit), limit)

    async def answer(self, job: "Future[Answer]", limit: float) -> Answer:
        """What comes of a submitted job within `limit` seconds from now.

        Raises `Withdrawn` if somebody cancels the job meanwhile."""
        coming = asyncio.wrap_future(job)
        try:
            await asyncio.wait({coming}, timeout=limit)
        finally:
            coming_in_time = coming.done()
            coming.cancel()
        if not coming_in_time:
            raise ProviderFailed(f"{self.name}: no answer within {limit:.0f} s")
        if coming.cancelled():
            raise Withdrawn
        return coming.result()

    async def ready(self) -> None:
        """Returns when the process has loaded what it needs. Raises `ProviderFailed`."""
        await self.answer(self._put(_BEFORE_ALL, _START, 0.0), _START_LIMIT)

    def close(self) -> None:
        """Ends the process now; what waits for it fails."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(_Job(_BEFORE_ALL, -1, _CLOSE, 0.0))
        while self._thread.is_alive():
            process = self._process
            if process and process.pid:
                process.kill()
            self._thread.join(0.1)
        atexit.unregister(self.close)

    def _put(self, urgency: int, request: object, limit: float) -> "Future[Any]":
        if self._closed:
            raise ProviderFailed(f"{self.name}: it is closed")
        job = _Job(urgency, next(self._numbers), request, limit)
        self._jobs.put(job)
        return job.future

    # From here on: in the thread.

    def _work(self) -> None:
        # Inherited by the processes that this thread starts: Ctrl-C is for the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        while (job := self._jobs.get()).request is not _CLOSE:
            if job.future.set_running_or_notify_cancel():
                self._settle(job)
        self._end_process()
        while not self._jobs.empty():
            job = self._jobs.get()
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(ProviderFailed(f"{self.name}: it was closed"))

    def _settle(self, job: _Job) -> None:
        try:
            answer = self._exchange(job)
        except Exception as why:  # noqa: BLE001 - the wrapper of a provider job
            job.future.set_exception(why)
            self._replace()
            return
        if isinstance(answer, _Failed):
            job.future.set_exception(ProviderFailed(f"{self.name}: {answer.why}"))
        else:
            job.future.set_result(answer)

    def _exchange(self, job: _Job) -> object:
        pipe = self._running()
        if job.request is _START:
            return None
        pipe.send(job.request)
        return self._receive(pipe, job.limit)

    def _receive(self, pipe: Connection, limit: float) -> object:
        if not pipe.poll(limit):
            self._end_process()
            raise ProviderFailed(f"{self.name}: no answer within {limit:.0f} s, process replaced")
        try:
            return pipe.recv()
        except (EOFError, OSError):
            self._end_process()
            raise ProviderFailed(f"{self.name}: the process has died") from None

    def _running(self) -> Connection:
        if self._pipe and self._process and self._process.is_alive():
            return self._pipe
        self._end_process()
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(
            target=_process, args=(far_end, self._load), name=self.name, daemon=True
        )
        self._process.start()
        far_end.close()
        answer = self._receive(self._pipe, _START_LIMIT)
        if isinstance(answer, _Failed):
            self._end_process()
            raise ProviderFailed(f"{self.name}: {answer.why}")
        return self._pipe

    def _replace(self) -> None:
        """So that the next caller need not wait for the loading."""
        if self._closed or self._process:
            return
        try:
            self._running()
        except ProviderFailed as why:
            log.warning("%s", why)

    def _end_process(self) -> None:
        if self._process and self._process.pid:
            self._process.kill()
            self._process.join()
        if self._pipe:
            self._pipe.close()
        self._process = self._pipe = None


def _process(
    pipe: Connection, load: Callable[[], Callable[[Any], object]]
) -> None:  # Any: whatever was pickled
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    work = _attempt(load)
    if isinstance(work, _Failed):
        pipe.send(work)
        return
    pipe.send(None)
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        pipe.send(_attempt(partial(work, request)))


def _attempt(job: Callable[[], Answer]) -> Answer | _Failed:
    try:
        return job()
    except ProviderFailed as why:
        return _Failed(str(why))
    except Exception as why:  # the wrapper of a provider job
        log.exception("a job failed")
        return _Failed(f"{type(why).__name__}: {why}")


def _leave_with_parent() -> None:
    """Also when the parent was killed: no loaded model stays behind, whatever it is doing."""
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
        os._exit(1)
