"""How long a service takes, drawn from a distribution with a given median and 95th percentile."""

import math
from dataclasses import dataclass
from random import Random

_NORMAL_P95 = 1.6449


@dataclass(frozen=True, slots=True)
class Latency:
    """Log-normal, as the times of services are: most near the median, a few far beyond it."""

    median: float = 0.0
    """Seconds."""
    p95: float = 0.0
    """Seconds; not more than the median: always the median."""

    def draw(self, random: Random) -> float:
        """Seconds."""
        if self.p95 <= self.median:
            return self.median
        spread = math.log(self.p95 / self.median) / _NORMAL_P95
        return self.median * math.exp(random.gauss(0.0, spread))
