"""How long sound takes from our socket to a caller's ear, as RTCP measures it. Times are given."""

import math
from collections import deque
from dataclasses import dataclass, field

WINDOW = 30.0
"""Seconds: the quickest round trip of this long is the way, what was slower is a passing queue."""
LEAST_BUFFER = 0.04
"""What a telephone keeps ahead against jitter, at least."""
LEAST, MOST = 0.02, 1.0
CLOCK = 8000
"""Of RTP's time stamps: G.711 and G.722."""
WRAP = 65536.0
"""Seconds. RTCP counts them in 16 bits and no sign: on a quick network, where rounding makes a
round trip a little less than nothing, Asterisk tells 65535.9997."""


@dataclass(slots=True)
class Way:
    """The way of one call."""

    jitter: float = 0.0
    """Seconds, as the far end sees it in our sound."""
    _trips: deque[tuple[float, float]] = field(default_factory=deque)

    def report(self, now: float, *, round_trip: float, jitter: float) -> None:
        """One RTCP report of the far end: seconds, and time stamps' units."""
        if not (math.isfinite(round_trip) and math.isfinite(jitter)):
            return
        if round_trip >= WRAP / 2:
            round_trip -= WRAP
        self._trips.append((now, min(max(round_trip, 0.0), 2 * MOST)))
        self.jitter = min(max(jitter, 0.0) / CLOCK, MOST)

    def round_trip(self, now: float) -> float | None:
        """Seconds; None: not known yet."""
        while len(self._trips) > 1 and self._trips[0][0] < now - WINDOW:
            self._trips.popleft()
        return min((trip for _, trip in self._trips), default=None)

    def seconds(self, now: float) -> float | None:
        """From the write to the ear; None: not known yet. A frame is whole when it is written: how
        long it lasts is no part of its way."""
        trip = self.round_trip(now)
        if trip is None:
            return None
        way = trip / 2 + max(LEAST_BUFFER, 2 * self.jitter)
        return min(max(way, LEAST), MOST)
