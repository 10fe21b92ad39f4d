"""The figures of a benchmark: what was measured, and the bar it is held to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, lower is better; without a bar it only informs."""

    what: str
    measured: float
    unit: str
    bar: float | None = None
    goal: bool = False
    """The bar is where we want to be: to miss it is told, and is no failure."""

    @property
    def missed(self) -> bool:
        return self.bar is not None and not self.measured <= self.bar

    @property
    def failed(self) -> bool:
        return self.missed and not self.goal

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        if self.goal:
            return "goal missed" if self.missed else "goal met"
        return "MISSED" if self.missed else "ok"


def percentile(values: Iterable[float], part: float) -> float:
    """The value that `part` (0 to 1) of all do not exceed; not a number if there are none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that fits the points best."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return rise / sum((x - middle_x) ** 2 for x in xs)


def table(figures: Sequence[Figure]) -> str:
    rows = [("what", "bar", "measured", "verdict")]
    for one in figures:
        bar = "" if one.bar is None else f"<= {one.bar:g} {one.unit}"
        rows.append((one.what, bar, f"{one.measured:.4g} {one.unit}", one.verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{what:{widths[0]}}  {bar:>{widths[1]}}  {measured:>{widths[2]}}  {verdict}".rstrip()
        for what, bar, measured, verdict in rows
    )
