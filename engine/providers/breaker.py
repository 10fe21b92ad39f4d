"""May a provider be asked now? What is known of its health, for all calls of the process.

Bookkeeping only: the time is an argument (seconds, monotonic)."""

from collections import deque

MOST_FAILURES = 5
"""Failures within `WINDOW`, from which on the provider is left alone."""
WINDOW = 60.0
REST = 10.0
"""Seconds between two calls that try a provider which is left alone."""
QUOTA_PAUSE = 1.0
"""Seconds between two tries of a provider that has had enough of us."""


class Breaker:
    """Closed: everybody may ask. Open: one call each `REST` (each `QUOTA_PAUSE`, if the quota is
    used up) may try, and its success closes it. A try that tells nothing keeps nothing open."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)
        self._pause = 0.0
        """Seconds between two tries; zero: closed."""
        self._next_try = 0.0

    @property
    def closed(self) -> bool:
        return not self._pause

    def allows(self, now: float) -> bool:
        """Asking it now is all right; the answer yes counts as a try."""
        if self.closed:
            return True
        if now < self._next_try:
            return False
        self._next_try = now + self._pause
        return True

    def worked(self) -> None:
        """Failures are kept while it is closed: one that fails now and then is ill, too."""
        if not self.closed:
            self._pause = 0.0
            self._failures.clear()

    def failed(self, now: float, *, quota: bool = False) -> None:
        self._failures.append(now)
        full = len(self._failures) == MOST_FAILURES and now - self._failures[0] <= WINDOW
        if full or self._pause == REST:
            self._open(REST, now)
        elif quota:
            self._open(QUOTA_PAUSE, now)

    def _open(self, pause: float, now: float) -> None:
        self._pause = pause
        self._next_try = now + pause
