"""One simulated caller in one call: hears the agent's words, and answers what was asked in words of
their own. Nothing else of the agent is known here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from bridge.evaluation.callers import DAYS, SLOTS, Caller, Time, Words
from bridge.evaluation.office import is_area
from bridge.evaluation.reading import Named, Reading, Topic, amounts_in, named_in
from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import in_words
from engine.dialogue.profile import Profile

_SELDOM, _OFTEN = 0.3, 0.6
_PATIENCE = 2
"""Offers of unfit windows that are refused before one is taken."""
_ASKS = 3
_MORE = "9"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a caller does in a turn."""

    words: str = ""
    digits: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    """What is said of the wish, rightly or not."""
    chose: datetime | None = None
    wants: str = ""
    """`human`, `bye`."""


class SimulatedCaller:
    def __init__(self, caller: Caller, profile: Profile, now: datetime, random: Random) -> None:
        self.chosen: datetime | None = None
        """The window that was agreed to last."""
        self.declined: set[datetime] = set()
        self._caller = caller
        self._goal = caller.goal
        self._temper = caller.temper
        self._words = caller.words
        self._profile = profile
        self._now = now
        self._random = random
        self._told: dict[str, Any] = {}
        self._open: Topic | None = "open"
        """What the agent has asked last."""
        self._offered: tuple[Named, ...] = ()
        """The windows that were named last."""
        self._turns = 0
        self._refusals = caller.temper.refuses
        self._unfit = 0
        self._done: set[str] = set()
        """What happens once in a call, and has happened."""
        self._leaves_at = random.randint(2, 4)
        self._asked_for_person = 0

    def answer(self, heard: Reading) -> Deed:
        self._turns += 1
        self._offered = heard.windows or self._offered
        if heard.topic not in (None, "wait"):
            self._open = heard.topic
        elif heard.windows:
            self._open = "offer"  # interrupted after some of them
        deed = self._other_purpose(heard) or self._correction(heard) or self._habit()
        return self._hesitating(deed or self._to_the_point(heard))

    def _other_purpose(self, heard: Reading) -> Deed | None:
        """Of callers who want no meeting; at an offer at the latest they say so."""
        purpose = self._caller.purpose
        if purpose == "wrong_number":
            return Deed(self._phrase("wrong_number"), wants="bye")
        if purpose == "meeting" or (self._turns < self._leaves_at and not heard.windows):
            return None
        if purpose == "leaves" or self._asked_for_person >= _ASKS:
            return Deed(self._phrase("bye"), wants="bye")
        self._asked_for_person += 1
        return Deed(self._phrase("human"), wants="human")

    def _correction(self, heard: Reading) -> Deed | None:
        """Of what was heard wrong, or said wrong before."""
        if heard.topic in ("menu", "amount", "booked", "bye"):
            return None
        slot = self._wrong_slot(heard)
        if slot is None or self._value(slot) is None:
            return None
        return self._tell(slot, f"correct_{slot}")

    def _wrong_slot(self, heard: Reading) -> str | None:
        said_back: dict[str, list[Any]] = {
            "area": [key for key in heard.said_back if is_area(key, self._profile)],
            "kind": [key for key in heard.said_back if not is_area(key, self._profile)],
            "budget": list(heard.amounts),
        }
        for slot, named in said_back.items():
            if named and slot in self._told and self._value(slot) not in named:
                return slot
        wrong = self._temper.corrects
        if wrong is not None and self._told.get(wrong, self._value(wrong)) != self._value(wrong):
            return wrong
        return None

    def _habit(self) -> Deed | None:
        """Once in a call at most, instead of an answer."""
        habits = (("hesitates", "wait"), ("repeats", "repeat"), ("asks", "ask_back"))
        for like, phrase in habits:
            if like in self._temper.likes and self._once(phrase, _SELDOM):
                return Deed(self._phrase(phrase))
        return None

    def _once(self, what: str, chance: float) -> bool:
        if what in self._done or self._turns < 2 or self._random.random() > chance:
            return False
        self._done.add(what)
        return True

    def _hesitating(self, deed: Deed) -> Deed:
        if "hesitates" not in self._temper.likes or not deed.words:
            return deed
        if self._random.random() > _OFTEN:
            return deed
        filler = self._random.choice(self._words.fillers)
        return replace(deed, words=f"{filler} {deed.words}")

    def _to_the_point(self, heard: Reading) -> Deed:
        match self._open:
            case "open":
                return self._opening()
            case "area" | "kind" | "budget" | "when" as slot:
                return self._tell_and_more(slot)
            case "name" | "phone" as what:
                return Deed(self._phrase(f"tell_{what}", **{what: getattr(self._goal, what)}))
            case "amount":
                return self._yes_or_no(heard)
            case "offer" if heard.windows:
                return self._choice(heard.windows)
            case "places" if self._offered:
                return self._choice(self._offered)
            case "menu":
                return self._key(heard)
            case "human":
                return Deed(self._phrase("no"))
            case "other":
                return Deed(self._phrase("no_matter"))
            case "booked" | "bye":
                return Deed(self._phrase("thanks"))
        return Deed(self._phrase("repeat"))

    def _opening(self) -> Deed:
        """As many facts as this caller tells at once; then those that are not told yet."""
        if self._told:
            return self._volunteer() or Deed(self._phrase("repeat"))
        wanted: list[str] = [slot for slot in _OPENINGS[self._temper.tells] if self._knows(slot)]
        name = "open_" + ("_".join(wanted) or "nothing")
        if name not in self._words.phrases:
            wanted, name = ["kind"], "open_kind"
        return self._tell_all(wanted, name)

    def _volunteer(self) -> Deed | None:
        for slot in SLOTS:
            if slot not in self._told and self._knows(slot):
                return self._tell(slot)
        return None

    def _tell_and_more(self, slot: str) -> Deed:
        if not self._knows(slot):
            return Deed(self._phrase("no_matter"))
        deed = self._tell(slot)
        more = self._volunteer() if "chatty" in self._temper.likes else None
        if more is None:
            return deed
        also = self._random.choice(self._words.phrases["also"])
        return Deed(f"{deed.words}, {also} {more.words}", told={**deed.told, **more.told})

    def _tell(self, slot: str, phrase: str = "") -> Deed:
        phrase = phrase or f"tell_{slot}"
        if slot == self._temper.slips and slot not in self._told and phrase == f"tell_{slot}":
            phrase = f"slip_{slot}"
        return self._tell_all([slot], phrase)

    def _tell_all(self, slots: Sequence[str], phrase: str) -> Deed:
        told = {slot: self._value_told(slot) for slot in slots}
        self._told |= told
        said = {slot: self._said(slot, value) for slot, value in told.items()}
        if phrase.startswith("slip_"):
            (slot,) = slots
            said["wrong"] = self._said(slot, self._decoy(slot))
            told[f"not {slot}"] = self._decoy(slot)
        return Deed(self._phrase(phrase, **said), told=dict(told))

    def _value_told(self, slot: str) -> Any:
        """The first time, it may be another than what is meant."""
        if slot == self._temper.corrects and slot not in self._told:
            return self._decoy(slot)
        return self._value(slot)

    def _value(self, slot: str) -> Any:
        return getattr(self._goal, slot)

    def _knows(self, slot: str) -> bool:
        return self._value(slot) is not None

    def _decoy(self, slot: str) -> Any:
        """Something else; the same each time."""
        if slot == "budget":
            return int(self._goal.budget or 5_000) * 2
        if slot == "when":
            return Time(day="wednesday" if self._goal.when.day != "wednesday" else "thursday")
        names = sorted(self._words.areas if slot == "area" else self._words.kinds)
        return names[(names.index(self._value(slot)) + 1) % len(names)]

    def _yes_or_no(self, heard: Reading) -> Deed:
        told = self._told.get("budget", self._goal.budget)
        if heard.amount is not None and heard.amount == told == self._goal.budget:
            return Deed(self._phrase("yes"), told={"budget": told})
        if not self._knows("budget"):
            return Deed(self._phrase("no_matter"))
        return self._tell("budget", "correct_budget")

    def _choice(self, windows: Sequence[Named]) -> Deed:
        starts = [window.start for window in windows]
        start = self._wanted(starts)
        if start is None:
            self.declined.update(starts)
            return self._refusal(starts)
        self.chosen = start
        if len(starts) == 1:
            return Deed(self._phrase("yes"), chose=start)
        place = starts.index(start)
        if "keys" in self._temper.likes:
            return Deed(digits=str(place + 1), chose=start)
        if "places" in self._temper.likes and place < len(self._words.places):
            return Deed(self._phrase("choose_place", place=self._words.places[place]), chose=start)
        return Deed(self._phrase("choose", choice=self._time_said(_exactly(start))), chose=start)

    def _wanted(self, starts: Sequence[datetime]) -> datetime | None:
        if self.chosen in starts:
            return self.chosen
        fitting = [start for start in starts if self._goal.when.fits(start, self._now)]
        new = [start for start in fitting if start not in self.declined]
        if fitting and self._refusals > 0:
            self._refusals -= 1
            return None
        if new or fitting:
            return self._random.choice(new or fitting)
        self._unfit += 1
        return None if self._unfit <= _PATIENCE else starts[0]

    def _refusal(self, starts: Collection[datetime]) -> Deed:
        fits = any(self._goal.when.fits(start, self._now) for start in starts)
        if fits or self._goal.when == Time():
            return Deed(self._phrase("refuse"))
        self._told["when"] = self._goal.when
        return self._tell("when", "refuse_for")

    def _key(self, heard: Reading) -> Deed:
        """Of a menu; what it does not name is said."""
        if heard.windows:
            return self._window_key(heard)
        for words, key in heard.items:
            told = self._wanted_of(words)
            if told:
                self._told |= told
                return Deed(digits=key, told=dict(told))
        keys = [key for _, key in heard.items]
        named = named_in(" ".join(words for words, _ in heard.items), self._profile)
        amounts = [amount for words, _ in heard.items for amount in amounts_in(words)]
        if amounts:
            return self._tell_and_more("budget")
        if not named:
            return self._tell_and_more("when")
        slot = "area" if is_area(named[0], self._profile) else "kind"
        if _MORE in keys and self._knows(slot):
            return Deed(digits=_MORE)
        return Deed(self._phrase("no_matter"))

    def _window_key(self, heard: Reading) -> Deed:
        start = self._wanted([window.start for window in heard.windows])
        if start is None:
            return Deed(digits=_MORE)
        self.chosen = start
        place = [window.start for window in heard.windows].index(start)
        return Deed(digits=str(place + 1), chose=start)

    def _wanted_of(self, words: str) -> dict[str, Any]:
        """What of the goal is named there."""
        named = {*named_in(words, self._profile), *amounts_in(words)}
        return {slot: self._value(slot) for slot in _NAMED if self._value(slot) in named}

    def _said(self, slot: str, value: Any) -> str:
        match slot:
            case "area" | "kind":
                table = self._words.areas if slot == "area" else self._words.kinds
                return self._random.choice(table[value])
            case "budget":
                return amount_said(value, self._random.choice(self._words.amounts), self._words)
        return self._time_said(value)

    def _time_said(self, time: Time) -> str:
        if time == Time():
            return self._random.choice(self._words.any_time)
        said = [self._random.choice(self._words.days[time.day])] if time.day else []
        if time.part:
            said.append(self._random.choice(self._words.parts[time.part]))
        if time.minute is not None:
            hour = self._words.hours[(time.minute // 60 - 1) % 12]
            said.append(self._words.half.format(hour=hour) if time.minute % 60 else hour)
        return " ".join(said)

    def _phrase(self, which: str, /, **said: str) -> str:
        phrase = self._random.choice(self._words.phrases[which])
        for what in ("area", "wrong"):
            if what in said and self._words.language == "he":
                bare = said[what].removeprefix("ה")
                said |= {f"in_{what}": f"ב{bare}", f"to_{what}": f"ל{bare}"}
        return phrase.format(**said)


_NAMED: tuple[str, ...] = ("area", "kind", "budget")
_OPENINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("kind",),
    ("kind", "area"),
    ("kind", "area", "budget"),
    ("kind", "area", "budget", "when"),
)


def _exactly(start: datetime) -> Time:
    return Time(day=DAYS[start.weekday()], minute=start.hour * 60 + start.minute)


def amount_said(amount: int, style: str, words: Words) -> str:
    hebrew = words.language == "he"
    if style == "grouped":
        return f"{amount:,}"
    if style == "words":
        return without_points(in_words(amount, words.language))
    if style == "thousands":
        scale, he, en = (
            (1_000_000, "מיליון", "million") if amount >= 1_000_000 else (1_000, "אלף", "thousand")
        )
        return f"{amount / scale:g} {he if hebrew else en}"
    return str(amount)
