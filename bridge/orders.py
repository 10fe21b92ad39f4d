"""What a process that answers calls is told: by signals, or by the parent of several workers.

SIGTERM: no new calls, live ones go on to their end. A second one, or SIGINT: end now, in order.
SIGHUP: read the certificate anew.
"""

import asyncio
import faulthandler
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

LAST_SECONDS = 9.5
"""Who shall end now is gone after this, whatever it hangs on."""


class Orders:
    """`take` is given the number of a signal."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self.drain = asyncio.Event()
        self.now = asyncio.Event()
        self._renew = renew
        self._starting: asyncio.Task[object] | None = None

    @contextmanager
    def starting(self) -> Iterator[None]:
        """While the present task starts up, there is nothing to be brought to its end: whatever
        tells it to stop cancels it."""
        self._starting = asyncio.current_task()
        try:
            yield
        finally:
            self._starting = None

    def take(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._renew()
        elif self._starting is not None:
            _be_gone_soon()
            self._starting.cancel()
            self._starting = None  # once: it cleans up now
        elif number == signal.SIGTERM and not self.drain.is_set():
            self.drain.set()
        elif not self.now.is_set():
            _be_gone_soon()
            self.drain.set()
            self.now.set()


def _be_gone_soon() -> None:
    faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)


def obey_signals(take: Callable[[int], None], *numbers: int) -> None:
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, take, number)


def obey_parent(take: Callable[[int], None], parent: Connection) -> None:
    """A worker without a parent ends: nobody would start it again, or tell it to stop."""
    loop = asyncio.get_running_loop()

    def hear() -> None:
        try:
            take(parent.recv())
        except (EOFError, OSError):
            loop.remove_reader(parent.fileno())
            take(signal.SIGINT)

    loop.add_reader(parent.fileno(), hear)
