"""What a double has seen, for tests to ask and to wait for."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Seen:
    def __init__(self) -> None:
        self.requests = 0
        self.open = 0
        self.cancelled = 0
        """The client went away before the end."""
        self.texts: list[str] = []
        """What was to be said, or the hints for what is heard."""
        self.peers: set[str] = set()
        """The connections that requests came by, where the double tells."""
        self._change = asyncio.Event()

    @contextmanager
    def request(self, peer: str = "") -> Iterator[None]:
        """One request, from its arrival to the end of its answer."""
        self.requests += 1
        self.peers.add(peer)
        self.open += 1
        self._tell()
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled += 1
            raise
        finally:
            self.open -= 1
            self._tell()

    async def until(self, true: Callable[["Seen"], bool]) -> None:
        while not true(self):
            await self._change.wait()

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
