"""What the core reads out of a caller's words, as a value: a trace that masks the words keeps it,
and replays the same."""

from dataclasses import dataclass

from engine.core.cues import Awaits, Ending, Over, ending, over


@dataclass(frozen=True, slots=True)
class Reading:
    over: Over
    endings: tuple[Ending, ...]
    """One for each of `Awaits`, in its order."""

    def ending(self, awaits: Awaits) -> Ending:
        return self.endings[list(Awaits).index(awaits)]

    def __str__(self) -> str:
        return ":".join((self.over, *self.endings))


def read(text: str) -> Reading:
    return Reading(over(text), tuple(ending(text, awaits) for awaits in Awaits))


def reading(told: str) -> Reading:
    """From its text. Raises `ValueError`."""
    meaning, *endings = told.split(":")
    if not endings or len(endings) > len(Awaits):
        raise ValueError(f"{told!r} is no reading of words")
    # An older trace knows of fewer questions, and asks none of the others.
    endings += [Ending.OPEN] * (len(Awaits) - len(endings))
    return Reading(Over(meaning), tuple(Ending(one) for one in endings))
