"""Judges a call at the caller's ear: was it short, one question at a time, true, and allowed? Facts
may come from the business's profile, its calendar, or the caller; all others are inventions."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.evaluation.caller import Deed
from bridge.evaluation.callers import SLOTS
from bridge.evaluation.office import amounts, is_area
from bridge.evaluation.reading import Reading, amounts_in, named_in, read, windows_in
from engine.core.effects import Heard, Transfer
from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import number_at
from engine.dialogue.phrases import MOST_WORDS, count_words
from engine.dialogue.profile import Profile

Flaw = tuple[str, str]
"""What is wrong (`KINDS`), and where it is seen."""
KINDS = {
    "long": f"replies over {MOST_WORDS} words",
    "questions": "replies with two questions",
    "known": "questions for what was said back before",
    "invented": "inventions",
    "forbidden": "forbidden acts",
    "unannounced": "personal questions before she said that she is automated",
}


def inventions(
    spoken: str,
    profile: Profile,
    now: datetime,
    *,
    told: Collection[str],
    starts: Collection[datetime],
    meant: Collection[object] = (),
) -> Iterator[str]:
    """Facts in it that are from nowhere. `told`: the caller's words; `starts`: of the windows that
    are free, or the caller's own; `meant`: what the caller meant, however it was heard."""
    for window in windows_in(spoken, now):
        if window.start not in starts:
            yield f"the time “{window.words}”"
    heard = " ".join(told)
    sentences = re.split(r"(?<=[.?!])\s+", without_points(spoken))
    items = read(spoken, profile, now).items
    numbers = _amounts(heard) | {value for value in meant if isinstance(value, int)}
    if items:
        numbers |= set(amounts(profile))
    for part in [words for words, _ in items] or [spoken]:
        yield from (f"the amount {n}" for n in amounts_in(part) if n not in numbers)
    if items:
        return
    named = {*named_in(heard, profile), *(value for value in meant if isinstance(value, str))}
    for sentence in sentences:
        for name in () if sentence.endswith("?") else named_in(sentence, profile):
            if name not in named:
                yield f"the name {name}"


def _amounts(heard: str) -> set[int]:
    """Every number that was heard, as thousands and millions too."""
    tokens = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", re.sub(r"(?<=\d),(?=\d)", "", heard.lower()))
    found = (number_at(tokens, start) for start in range(len(tokens)))
    values = {number.value for number in found if number is not None}
    return {int(value * scale) for value in values for scale in (1, 1_000, 1_000_000)}


@dataclass(slots=True)
class Judge:
    """Of one call."""

    profile: Profile
    now: datetime
    flaws: list[Flaw] = field(default_factory=list)
    replies: int = 0
    questions: int = 0
    words: int = 0
    asked_again: int = 0
    """Questions for what the caller had told clearly, and she had not understood."""
    _told: list[str] = field(default_factory=list)
    _meant: set[object] = field(default_factory=set)
    _clear: set[str] = field(default_factory=set)
    """What was told so that it could be understood."""
    _known: set[str] = field(default_factory=set)
    """What was said back."""
    _announced: bool = False
    _wanted: str = ""

    def replied(
        self,
        sentences: Sequence[str],
        free: Collection[datetime],
        transfer: Transfer | None,
    ) -> None:
        """What she said."""
        spoken = " ".join(sentences)
        reading = read(spoken, self.profile, self.now)
        self.replies += 1
        self.words += count_words(sentences)
        self.questions += spoken.count("?")
        if count_words(sentences) > MOST_WORDS:
            self._blame("long", spoken)
        if spoken.count("?") > 1:
            self._blame("questions", spoken)
        facts = inventions(
            spoken, self.profile, self.now, told=self._told, starts=free, meant=self._meant
        )
        for fact in facts:
            self._blame("invented", f"{fact}: {spoken}")
        if transfer is not None and self._wanted != "human":
            self._blame("forbidden", f"a transfer to {transfer.key} that nobody asked for")
        self._asked(reading, spoken)

    def _asked(self, reading: Reading, spoken: str) -> None:
        self._note_said_back(reading)
        topic = reading.topic
        if topic in ("name", "phone") and not self._announced:
            self._blame("unannounced", spoken)
        if topic in self._known:
            self._blame("known", spoken)
        elif topic in self._clear:
            self.asked_again += 1

    def _note_said_back(self, reading: Reading) -> None:
        for key in reading.said_back:
            self._known.add("area" if is_area(key, self.profile) else "kind")
        if reading.amounts:
            self._known.add("budget")
        if reading.windows and reading.topic != "booked":
            self._known.add("when")

    def did(self, deed: Deed, heard: Heard) -> None:
        """What the caller did, what was heard of it, and how much of her words reached them."""
        reached = without_points(heard.said).lower()
        self._announced |= "automat" in reached or "אוטומט" in reached
        self._wanted = deed.wants or self._wanted
        self._told.append(heard.words)
        self._meant |= {value for value in deed.told.values() if isinstance(value, str | int)}
        told = {slot for slot in SLOTS if slot in deed.told}
        refused = not deed.chose and "when" in self._known
        self._known -= told | ({"when"} if refused else set())
        self._clear -= {"when"} if refused else set()
        if heard.words == deed.words and told:
            self._clear |= told

    def blame_booking(self, why: str) -> None:
        self._blame("forbidden", why)

    def _blame(self, what: str, where: str) -> None:
        self.flaws.append((what, without_points(where)))
