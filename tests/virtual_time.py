"""An event loop whose clock jumps to what comes next, so that minutes of a call take no time."""

import asyncio
import selectors
from collections.abc import Coroutine


class _Jumping(selectors.DefaultSelector):
    """Does not wait: it moves the clock on by as long as it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing will ever happen any more")
        self.now += max(0.0, timeout)
        self.waits += timeout > 0
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Jumping) -> None:
        super().__init__(selector)
        self._jumping = selector

    def time(self) -> float:
        return self._jumping.now

    @property
    def waits(self) -> int:
        return self._jumping.waits

    def hold_up(self, seconds: float) -> None:
        self._jumping.now += seconds


def stall(seconds: float) -> None:
    """The process is held up: time passes, and nothing runs."""
    _loop().hold_up(seconds)


def waits() -> int:
    """How often the process would have slept so far."""
    return _loop().waits


def _loop() -> _Loop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    return loop


def run(work: Coroutine[None, None, None]) -> None:
    """As `asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=lambda: _Loop(_Jumping())) as runner:
        runner.run(work)
