"""Words -> meaning, by rules. It reports what was said and adds nothing: what is unclear stays
unclear (`unclear_budget`, several `choices` of a topic), and the policy asks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum, auto
from functools import lru_cache
from itertools import chain, pairwise
from typing import Generic, Literal, TypeVar

from engine.dialogue import vocabulary as say
from engine.dialogue.hebrew import is_hebrew, without_points
from engine.dialogue.names import answered, introduced
from engine.dialogue.numerals import Number, number_at
from engine.dialogue.profile import Choice, Count, Language, Money, Profile, Slot
from engine.dialogue.spelling import distance_of, fold
from engine.dialogue.telephone import PLUS, telephone
from engine.dialogue.wish import Part, When


@dataclass(frozen=True, slots=True)
class Understood:
    """Everything that one utterance tells. Nothing set: nothing was understood."""

    language: Language | None = None
    """The language of the words; of no words, None."""
    answer: Literal["yes", "no"] | None = None
    choices: tuple[tuple[Slot, tuple[str, ...]], ...] = ()
    """By topic, in the profile's order: the keys that were named; topics without one are left
    out."""
    budget: int | None = None
    unclear_budget: bool = False
    """Money was named, but not how much."""
    budget_guess: int | None = None
    """What the unclear budget most likely is: to be confirmed, never taken."""
    counts: tuple[tuple[Slot, float], ...] = ()
    """By topic: a number of which the words tell what it counts («שלושה חדרים»)."""
    when: When | None = None
    number: float | None = None
    """A number of which the words do not tell what it counts."""
    name: str | None = None
    """The caller's, as it was written."""
    maybe_name: str | None = None
    """Words that are a name if a name was asked for."""
    phone: str | None = None
    """As E.164."""
    ordinals: tuple[int, ...] = ()
    """Places in a list: the first is 1; -1 is the last."""
    no_matter: bool = False
    wait: bool = False
    goodbye: bool = False
    repeat: bool = False
    hello: bool = False
    purpose: bool = False
    """The caller says what the call is about, but nothing of the wish."""
    thanks: bool = False
    human: bool = False
    """The caller wants to speak with a person."""
    correction: bool = False
    """“No, I meant …”: what is said replaces what was said before."""
    abuse: bool = False
    distress: bool = False
    """The caller speaks of dying, or of doing himself harm."""
    doubtful: bool = field(default=False, compare=False)
    """More was said than what was understood, or it was said with doubt: what sounds like a choice
    may be none («ביום ראשון אני בחו״ל»)."""

    def chosen(self, slot: Slot) -> tuple[str, ...]:
        return dict(self.choices).get(slot, ())

    @property
    def tells_a_wish(self) -> bool:
        told = self.choices or self.counts or self.when or self.ordinals
        return bool(told or self.tells_a_number or self.unclear_budget)

    @property
    def tells_a_number(self) -> bool:
        clock = self.when.clock if self.when else None
        return self.budget is not None or clock is not None

    def __bool__(self) -> bool:
        return self != Understood(language=self.language, maybe_name=self.maybe_name)


def understand(words: str, profile: Profile) -> Understood:
    tokens = _tokens(words)
    phone = telephone(tokens)
    language = _language(words, tokens)
    if phone is not None:
        tokens = tokens[: phone.start] + tokens[phone.end :]
    name = introduced(words)
    tokens = _without(tokens, _tokens(name or ""))
    text = _plain(tokens)
    found = _corrected(tokens, profile) or _meaning(text, profile)
    perhaps = None if found.tells_a_wish or found.number is not None else answered(words)
    if perhaps is not None and not _is_new(text, _tokens(perhaps)):
        perhaps = None
    return replace(
        found,
        language=language,
        name=name,
        maybe_name=name or perhaps,
        phone=phone.number if phone else None,
        correction=found.correction or bool(phone and phone.corrected),
    )


def _without(tokens: list[str], part: list[str]) -> list[str]:
    """The tokens without these, which follow each other; a name is no area and no weekday."""
    for start in range(len(tokens) - len(part) + 1):
        if part and tokens[start : start + len(part)] == part:
            return tokens[:start] + tokens[start + len(part) :]
    return tokens


def _is_new(text: "_Text", part: list[str]) -> bool:
    """None of these words has been understood as something else."""
    understood = {token for token, taken in zip(text.tokens, text.taken, strict=True) if taken}
    return not understood & set(part)


def _plain(tokens: list[str]) -> "_Text":
    return _Text([token for token in tokens if token not in say.FILLERS])


def _corrected(tokens: list[str], profile: Profile) -> Understood | None:
    """«פלורנטין, סליחה, יפו»: what is told after such words replaces what was told before them."""
    places = [(place, False) for place in _Text(tokens).find(say.TAKEN_BACK)]
    places += [(place, True) for place in _Text(tokens).find(say.MEANT)]
    for (start, end), meant in sorted(places, reverse=True):
        before = _meaning(_plain(tokens[:start]), profile)
        after = _meaning(_plain(tokens[end:]), profile)
        told = after.tells_a_wish or (after.number is not None and before.tells_a_number)
        if told and (meant or before.tells_a_wish):
            return replace(_replaced(before, after, profile), correction=True)
    return None


def _replaced(before: Understood, after: Understood, profile: Profile) -> Understood:
    """What both tell; where both tell something, what came after."""
    after = _as_before(before, after, profile)
    nothing = Understood()
    merged = {
        field.name: getattr(after if told else before, field.name)
        for field in fields(Understood)
        for told in [getattr(after, field.name) != getattr(nothing, field.name)]
    }
    money = after if after.budget or after.unclear_budget else before
    return replace(
        Understood(**merged),
        budget=money.budget,
        unclear_budget=money.unclear_budget,
        budget_guess=money.budget_guess,
        when=_revised(before.when, after.when),
        number=None if after.tells_a_wish else after.number,
    )


def _as_before(before: Understood, after: Understood, profile: Profile) -> Understood:
    """“Six thousand, sorry, seven”: a bare number counts what the one before it counted."""
    number = after.number
    if number is None:
        return after
    if before.when is not None and before.when.clock is not None and number < 24:
        return replace(after, when=When(clock=int(number * 60)), number=None)
    if before.budget is not None:
        scale = 1 if number >= 1_000 else 1_000 if before.budget < 1_000_000 else 1_000_000
        amount = int(number * scale)
        money = profile.money
        plausible = money is not None and money.least <= amount <= money.most
        return replace(after, budget=amount, number=None) if plausible else after
    return after


def _revised(before: When | None, after: When | None) -> When | None:
    if before is None or after is None:
        return after or before
    day = before if after.weekday is None and after.days_ahead is None else after
    hour = before if after.clock is None and after.part is None else after
    next_week = after.next_week or (before.next_week and after.days_ahead is None)
    return When(day.weekday, day.days_ahead, next_week, hour.part, hour.clock)


def _meaning(text: "_Text", profile: Profile) -> Understood:
    found = _phrases(text)
    _leave_out(text, profile)
    chosen = [(slot, _choices(text, choices)) for slot, choices in profile.choices.items()]
    ordinals = _ordinals(text)
    when, ordinals = _when(text, ordinals)
    choices = tuple((slot, keys) for slot, keys in chosen if keys)
    numbers = _numbers(text, profile, scale_of(profile, choices))
    clock = numbers.clock
    if clock is None and numbers.bare and _is_day(when) and _is_hour(int(numbers.bare)):
        clock, numbers.bare = int(numbers.bare * 60), None
    if clock is not None:
        when = replace(when or When(), clock=_on_the_day(clock, when))
    return replace(
        found,
        choices=choices,
        budget=numbers.budget,
        unclear_budget=numbers.unclear,
        budget_guess=numbers.guess,
        counts=tuple(numbers.counts.items()),
        when=when,
        number=numbers.bare,
        ordinals=ordinals,
        correction=text.contrast,
        doubtful=found.doubtful or _has_rest(text),
    )


def _has_rest(text: "_Text") -> bool:
    """Words that were not understood, and are none that usually come with a choice."""
    text = text.copy()
    for number in _free_numbers(text):
        text.take(number.start, number.end)
    for phrases in (say.CHOOSING, say.YES, say.WEAK_YES, say.THANKS):
        text.takes_any(phrases)
    rest = {token for token, taken in zip(text.tokens, text.taken, strict=True) if not taken}
    return not rest <= say.BESIDE_A_CHOICE


def _leave_out(text: "_Text", profile: Profile) -> None:
    """«בת ים» is no misspelt «בתים», «ראשון לציון» no Sunday; unless the business is there."""
    groups = chain.from_iterable(_names(one).values() for one in profile.choices.values())
    known = {words for group in groups for _, words in group}
    for start, end in text.find(say.ELSEWHERE):
        if tuple(text.tokens[start:end]) not in known:
            text.take(start, end)


def _is_day(when: When | None) -> bool:
    return when is not None and (when.weekday is not None or when.days_ahead is not None)


def _tokens(words: str) -> list[str]:
    text = without_points(words).lower().replace("\u05be", " ")
    text = re.sub("[’‘'׳\"״“”„`]", "", text)
    text = re.sub("[₪$€]", " shekels ", text).replace("+", f" {PLUS} ")
    # “7 000”, “7,000”, “7.000” are one number; so is “1 250 000”.
    text = re.sub(
        r"(?<![\d.,:])\d{1,3}(?:[ ,.]\d{3})+(?![\d:])",
        lambda number: re.sub(r"\D", "", number[0]),
        text,
    )
    text = re.sub(r"(\d),(?=\d)", r"\1.", text)
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", text)
    text = re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)", " ", text)
    return re.findall(r"\d+(?:[.:]\d+)?|[^\W\d_]+", text)


def _language(words: str, tokens: Sequence[str]) -> Language | None:
    for name, language in say.LANGUAGE_NAMES.items():
        if name in tokens:
            return language
    hebrew = len(re.findall("[א-ת]+", words))
    latin = len(re.findall("[A-Za-z]+", words))
    if hebrew == latin == 0:
        return None
    return "he" if hebrew >= latin else "en"


_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class _Match(Generic[_Key]):
    key: _Key
    start: int
    end: int
    distance: int


@dataclass(slots=True)
class _Text:
    """The tokens, and which of them have been understood: a word is taken once."""

    tokens: list[str]
    taken: list[bool] = field(default_factory=list)
    contrast: bool = False
    """Something was named and denied, and something else of its kind was not."""

    def __post_init__(self) -> None:
        self.taken = [False] * len(self.tokens)

    def copy(self) -> "_Text":
        other = _Text(self.tokens)
        other.taken = list(self.taken)
        return other

    def take(self, start: int, end: int) -> None:
        self.taken[start:end] = [True] * (end - start)

    def is_free(self, start: int, end: int) -> bool:
        return 0 <= start < end <= len(self.tokens) and not any(self.taken[start:end])

    def take_phrase(self, phrases: say.Phrases) -> int | None:
        """Where the longest of the phrases is, and of equally long ones the first."""
        found = [(end - start, -start) for start, end in self.find(phrases)]
        if not found:
            return None
        length, start = max(found)
        self.take(-start, -start + length)
        return -start

    def takes_any(self, phrases: say.Phrases) -> bool:
        found = False
        while self.take_phrase(phrases) is not None:
            found = True
        return found

    def find(self, phrases: say.Phrases) -> list[tuple[int, int]]:
        """Where any of them begins and ends."""
        return [
            (start, start + len(phrase))
            for start, token in enumerate(self.tokens)
            for phrase in phrases.get(token, ())
            if tuple(self.tokens[start : start + len(phrase)]) == phrase
            and self.is_free(start, start + len(phrase))
        ]

    def take_all(self, table: dict[_Key, say.Phrases]) -> list["_Match[_Key]"]:
        """Every phrase of the table that is here, long before short, in the order of the words."""
        found = [
            _Match(key, start, end, 0)
            for key, phrases in table.items()
            for start, end in self.find(phrases)
        ]
        best: list[_Match[_Key]] = []
        for match in sorted(found, key=lambda one: one.start - one.end):
            if self.is_free(match.start, match.end):
                self.take(match.start, match.end)
                best.append(match)
        return sorted(best, key=lambda one: one.start)

    def at(self, position: int) -> str:
        return self.tokens[position] if 0 <= position < len(self.tokens) else ""


def _phrases(text: _Text) -> Understood:
    """The order tells who wins: «לא משנה» is no «לא», “one second” is no “second”."""
    distress = text.takes_any(say.DISTRESS) or _is_all(text, say.DISTRESS_ALONE)
    abuse = text.takes_any(say.ABUSE) or _takes_alone(text, say.ABUSE_ALONE)
    doubtful = text.takes_any(say.NOT_HUMAN)
    human = text.takes_any(say.TRANSFERRED_TO) | text.takes_any(say.HUMAN)
    human = human or _takes_alone(text, say.HUMAN_ALONE)
    goodbye = text.takes_any(say.GOODBYE)
    repeat = text.takes_any(say.REPEAT) or _is_all(text, say.REPEAT_ALONE)
    refusal = text.take_phrase(say.REFUSAL)
    no_matter = text.takes_any(say.NO_MATTER)
    wait = text.takes_any(say.WAIT)
    doubtful |= text.takes_any(say.UNSURE)
    hello = text.takes_any(say.HELLO)
    agreed = text.take_phrase(say.YES)
    if agreed is None:
        agreed = _beginning(text, say.YES_ALONE if _is_all(text, say.YES_ALONE) else say.WEAK_YES)
    doubtful |= text.takes_any(say.NO_ANSWER)
    refused = _refused(text) if refusal is None else refusal
    thanks = text.takes_any(say.THANKS)
    purpose = text.take_phrase(say.PURPOSE) is not None
    language_named = any(name in text.tokens for name in say.LANGUAGE_NAMES)
    return Understood(
        answer=_answer(agreed, refused),
        no_matter=no_matter,
        wait=wait,
        goodbye=goodbye,
        repeat=repeat,
        hello=hello or language_named,
        purpose=purpose,
        thanks=thanks,
        human=human,
        abuse=abuse,
        distress=distress,
        doubtful=doubtful or None not in (agreed, refused),
    )


def _beginning(text: _Text, phrases: say.Phrases) -> int | None:
    """“Good” is no yes in “any area is good”, nor «לא» a no in «חנות לא גדולה»: the answer comes
    first."""
    for start, end in sorted(text.find(phrases), key=lambda place: place[0] - place[1]):
        before = zip(text.tokens[:start], text.taken[:start], strict=True)
        if all(taken or token in say.COURTESY for token, taken in before):
            text.take(start, end)
            return start
    return None


def _refused(text: _Text) -> int | None:
    """«ביום שני, לא»: a no may come last as well."""
    for start, end in text.find(say.NO):
        if end == len(text.tokens):
            text.take(start, end)
            return start
    return _beginning(text, say.NO)


def _is_all(text: _Text, phrases: say.Phrases) -> bool:
    return bool(text.tokens) and tuple(text.tokens) in phrases.get(text.tokens[0], ())


def _takes_alone(text: _Text, phrases: say.Phrases) -> bool:
    """Nothing but courtesy stands beside it."""
    beside = text.copy()
    beside.takes_any(say.CHOOSING)
    words = [
        token
        for token, taken in zip(text.tokens, beside.taken, strict=True)
        if not taken and token not in say.BESIDE_A_CHOICE
    ]
    found = _is_all(_Text(words), phrases)
    return found and text.takes_any(phrases)


def _answer(agreed: int | None, refused: int | None) -> Literal["yes", "no"] | None:
    if agreed is None and refused is None:
        return None
    # “No, right, the second one”: what comes first is the answer.
    if refused is not None and (agreed is None or refused < agreed):
        return "no"
    return "yes"


_Names = dict[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""(key, words of one of its names), by their first letter."""


@lru_cache(maxsize=64)
def _names(choices: tuple[Choice, ...]) -> _Names:
    names: set[tuple[str, tuple[str, ...]]] = set()
    for choice in choices:
        for name in (choice.he, choice.en, *choice.aliases):
            words = [fold(word) for word in _tokens(name)]
            if len(words) > 1 and words[0] in ("the", "a", "an"):
                words = words[1:]
            if words:
                names.add((choice.key, tuple(words)))
    letters = {words[0][0] for _, words in names}
    return {
        letter: tuple(sorted(name for name in names if name[1][0].startswith(letter)))
        for letter in letters
    }


def _choices(text: _Text, choices: tuple[Choice, ...]) -> tuple[str, ...]:
    """The keys that were named, in that order; after a correction only the last."""
    matches = sorted(_best_matches(text, _names(choices)), key=lambda match: match.start)
    for match in matches:
        text.take(match.start, match.end)
    kept = _affirmed(text, matches)
    wide = {choice.key for choice in choices if choice.wide}
    if any(match.key not in wide for match in kept):
        kept = [match for match in kept if match.key not in wide]
    return tuple(dict.fromkeys(match.key for match in kept))


def _best_matches(text: _Text, names: _Names) -> list[_Match[str]]:
    """Matches that do not overlap: exact before misspelt, long before short. A stretch that fits
    two names equally well, and neither exactly, fits none."""
    found = sorted(
        _all_matches(text, names), key=lambda m: (m.distance > 0, m.start - m.end, m.distance)
    )
    best: list[_Match[str]] = []
    for match in found:
        if any(match.start < other.end and other.start < match.end for other in best):
            continue
        rivals = [m for m in found if (m.start, m.end) == (match.start, match.end)]
        tied = {m.key for m in rivals if m.distance == match.distance}
        if len(tied) == 1:
            best.append(match)
    return best


def _all_matches(text: _Text, names: _Names) -> Iterable[_Match[str]]:
    heard = [fold(token) for token in text.tokens]
    for start, token in enumerate(heard):
        for key, name in _candidates(token, names):
            # “Ramatgan” and “Flor entin”: a name may also be heard as one word less or more.
            for end in range(start + max(1, len(name) - 1), start + len(name) + 2):
                if not text.is_free(start, end):
                    break
                distance = distance_of(heard[start:end], name)
                if distance is not None:
                    yield _Match(key, start, end, distance)


def _candidates(token: str, names: _Names) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Names that can begin with this word, by its first letter: even misspelt ones keep that."""
    letters = {token[0]}
    if token[0] in "בלמהושכ":
        # After one or two prefixes; «ה» may have been swallowed by one.
        letters |= {*token[1:3], "ה"}
    return chain.from_iterable(names.get(letter, ()) for letter in letters)


def _affirmed(text: _Text, matches: list["_Match[_Key]"]) -> list["_Match[_Key]"]:
    """Without what was denied («לא ביפו, בפלורנטין», “an office, not a shop”) or taken back
    (“Jaffa, no, Florentin”)."""
    denials = {match: _denial(text, match) for match in matches}
    kept = [match for match in matches if denials[match] not in (_Denial.YES, _Denial.EXCEPT)]
    if any(denials[match] is None for match in kept):
        # The comma of “no, Florentin” was lost: a plain «לא» denies only if something else is left.
        kept = [match for match in kept if denials[match] is None]
    denied = {match.key for match in matches} - {match.key for match in kept}
    if any(
        token in say.CORRECTIONS
        for one, other in pairwise(kept)
        for token in text.tokens[one.end : other.start]
    ):
        kept = kept[-1:]
        text.contrast = True
    if kept and denied and _Denial.EXCEPT not in denials.values():
        text.contrast = True
    return kept


class _Denial(Enum):
    YES = auto()
    PERHAPS = auto()
    EXCEPT = auto()


def _denial(text: _Text, match: "_Match[_Key]") -> _Denial | None:
    before = match.start - 1
    while text.at(before) in say.BESIDE_DENIAL:
        before -= 1
    if (text.at(before - 1), text.at(before)) in _EXCEPTIONS:
        return _Denial.EXCEPT
    if text.at(before) in say.DENIED or _is_refused(text, match.end):
        return _Denial.YES
    wanted = text.at(before) in say.WANTED
    if wanted or text.at(before) in say.SAID:
        before -= 1
    if text.at(before) != "לא":
        return None
    return _Denial.YES if wanted or text.at(before - 1) not in ("", "לא") else _Denial.PERHAPS


def _is_refused(text: _Text, after: int) -> bool:
    """“Tomorrow doesn't work”, «מחר לא מתאים»."""
    return (text.at(after), text.at(after + 1)) in _UNSUITABLE


_UNSUITABLE = frozenset(phrase for phrases in say.UNSUITABLE.values() for phrase in phrases)
_EXCEPTIONS = frozenset(chain.from_iterable(say.ONLY_NOT.values()))


def _ordinals(text: _Text) -> tuple[int, ...]:
    """«לא הראשון» may be “no, the first”: denied places count if no other is named."""
    named = text.take_all(say.ORDINALS)
    return tuple(dict.fromkeys(match.key for match in _affirmed(text, named) or named))


def _when(text: _Text, ordinals: tuple[int, ...]) -> tuple[When | None, tuple[int, ...]]:
    """The day and its part. «ראשון» alone may be Sunday or the first: both are reported."""
    next_week = text.take_phrase(say.NEXT_WEEK) is not None
    days_ahead = _first(_affirmed(text, text.take_all(say.DAYS_AHEAD)))
    if days_ahead is None:
        days_ahead = _in_days(text)
    days = text.take_all(say.WEEKDAYS)
    if not ordinals:
        days += text.take_all(say.WEEKDAY_OR_ORDINAL)
    days = sorted(days, key=lambda day: day.start)
    kept = _affirmed(text, days)
    weekday = _first(kept)
    part = _first(_affirmed(text, parts := text.take_all(say.PARTS)))
    if any(text.at(day.start - 1) == "next" or text.at(day.end) in say.NEXT for day in kept):
        next_week = True
    if weekday is None and not ordinals:
        weekday = _monday(text)
    for day in kept:
        if _is_bare_ordinal(text, day):
            ordinals = (say.ORDINAL_OF_WEEKDAY[day.key],)
    if days_ahead is None and weekday is None and _is_today(text, parts):
        days_ahead = 0
    any_time = text.take_phrase(say.ANY_TIME) is not None
    if not any_time and not next_week and (days_ahead, weekday, part) == (None, None, None):
        return None, ordinals
    return When(weekday, days_ahead, next_week, part), ordinals


def _first(matches: Sequence["_Match[_Key]"]) -> _Key | None:
    return matches[0].key if matches else None


def _in_days(text: _Text) -> int | None:
    """“In three days”, «בעוד שלושה ימים»."""
    for number in _free_numbers(text):
        if text.at(number.end) in say.DAYS and text.at(number.start - 1) in ("in", "בעוד", "עוד"):
            text.take(number.start, number.end + 1)
            return int(number.value)
    return None


def _is_bare_ordinal(text: _Text, day: "_Match[int]") -> bool:
    """«שלישי» alone is a place in a list as well; «שלישי בשלוש» is a day."""
    if day.key not in say.ORDINAL_OF_WEEKDAY or day.end - day.start > 1:
        return False
    word = text.tokens[day.start]
    return word in say.WEEKDAY_OR_ORDINAL[day.key] and day.end == len(text.tokens)


def _monday(text: _Text) -> int | None:
    """«שני» before an hour or a part of the day; else it counts something."""
    for place, token in enumerate(text.tokens):
        hour = _number(text, place + 1) if token == "שני" else None
        timely = hour is not None and "ב" in hour.prefix and _is_hour(hour.value)
        if token == "שני" and (timely or text.at(place + 1) in _AFTER_A_DAY):
            text.take(place, place + 1)
            return 0
    return None


_AFTER_A_DAY = frozenset({*chain.from_iterable(say.PARTS.values()), "הקרוב", "הבא"})


def _number(text: _Text, place: int) -> Number | None:
    return number_at(text.tokens, place) if place < len(text.tokens) else None


def _is_today(text: _Text, parts: Sequence["_Match[Part]"]) -> bool:
    """“This afternoon”, «הערב»."""
    return any(
        text.at(part.start - 1) == "this"
        or (part.end - part.start == 1 and text.tokens[part.start] in say.PARTS_OF_TODAY)
        for part in parts
    )


def _on_the_day(clock: int, when: When | None) -> int:
    """“Four in the afternoon” is 16:00."""
    if when is not None and when.part in ("afternoon", "evening") and clock < 12 * 60:
        return clock + 12 * 60
    return clock


@dataclass(slots=True)
class _Numbers:
    budget: int | None = None
    unclear: bool = False
    guess: int | None = None
    counts: dict[Slot, float] = field(default_factory=dict)
    clock: int | None = None
    bare: float | None = None


def _numbers(text: _Text, profile: Profile, scale: int) -> _Numbers:
    result = _Numbers(clock=_clock_phrase(text))
    numbers = _free_numbers(text)
    money: list[Number] = []
    bare: list[Number] = []
    skip = -1
    for index, number in enumerate(numbers):
        if index == skip:
            continue
        following = numbers[index + 1] if index + 1 < len(numbers) else None
        if text.at(number.end) in say.OF_A_MONTH and number.value <= 31:
            continue
        counted = _counted(text, number, profile)
        if counted is not None:
            result.counts[counted] = _with_half(text, number)
        elif profile.money is not None and _is_thousands_and(number, following):
            assert following is not None
            money.append(replace(following, value=number.value * 1_000 + following.value))
            skip = index + 1
        elif profile.money is not None and _is_money(text, number):
            money.append(number)
        elif result.clock is None and (minutes := _minutes_after(number, following)) is not None:
            result.clock = minutes
            skip = index + 1
        elif result.clock is None and _is_clock(text, number):
            result.clock = _clock(text, number)
        elif following is not None and _shares_scale(text, number, following):
            continue
        else:
            bare.append(number)
    money = _kept_money(text, money, bare)
    # Of several numbers that nobody can place, none is taken.
    if len(bare) == 2 and _is_range(text, *bare):
        bare = bare[1:]
    result.bare = bare[0].value if len(bare) == 1 else None
    if profile.money is not None:
        _settle_money(result, money, text, profile.money, scale)
    return result


def _kept_money(text: _Text, money: list[Number], bare: list[Number]) -> list[Number]:
    """Without what was denied: «שמונה, לא שבעת אלפים» is eight thousand; the bare number is then
    taken out of `bare`."""
    matches = {_Match(number, number.start, number.end, 0): number for number in money}
    kept = [matches[match] for match in _affirmed(text, list(matches))]
    if kept or not money or len(bare) != 1 or bare[0].value >= 1_000 or money[0].value < 1_000:
        return kept
    text.contrast = True
    scale = 1_000_000 if money[0].value >= 1_000_000 else 1_000
    only = bare.pop()
    return [replace(only, value=only.value * scale, scaled=True)]


def _free_numbers(text: _Text) -> list[Number]:
    found: list[Number] = []
    position = 0
    while position < len(text.tokens):
        number = None if text.taken[position] else number_at(text.tokens, position)
        if (
            number is None
            or not text.is_free(number.start, number.end)
            or _is_that_one(text, number)
        ):
            position += 1
            continue
        found.append(number)
        position = number.end
    return found


def _is_that_one(text: _Text, number: Number) -> bool:
    """“The early one”: no number."""
    alone = number.value == 1 and number.end == number.start + 1
    before = text.at(number.start - 1)
    return alone and text.at(number.start) == "one" and before in say.BEFORE_THAT_ONE


def _counted(text: _Text, number: Number, profile: Profile) -> Slot | None:
    """What the number counts, by the word after it."""
    unit = text.at(number.end)
    for topic in profile.topics:
        counts = topic.answers
        if isinstance(counts, Count) and unit in counts.units:
            return topic.key if counts.least <= number.value <= counts.most else None
    return None


def _with_half(text: _Text, number: Number) -> float:
    """«שלושה חדרים וחצי»"""
    half = text.at(number.end + 1) == "וחצי"
    return number.value + (0.5 if half else 0)


def _is_money(text: _Text, number: Number) -> bool:
    if number.scaled or number.value >= 1_000 or text.at(number.end) in say.CURRENCY:
        return True
    before = {text.at(number.start - 1), text.at(number.start - 2)}
    return bool(before & say.MONEY_HINTS) and text.at(number.end) not in say.CLOCK_TAILS


def _is_thousands_and(number: Number, following: Number | None) -> bool:
    """«שבע חמש מאות», “seven five hundred”."""
    if following is None:
        return False
    hundreds = 100 <= following.value < 1_000 and following.value % 100 == 0
    adjacent = number.end == following.start and following.prefix in ("", "ו")
    return hundreds and adjacent and 1 <= number.value < 100 and not number.scaled


def _shares_scale(text: _Text, number: Number, following: Number) -> bool:
    """“Seven to eight thousand”: the first number counts thousands as well."""
    between = text.tokens[number.end : following.start]
    joined = all(token in say.RANGE for token in between) and number.value < following.value
    return joined and (bool(between) or following.prefix != "") and _is_money(text, following)


def _settle_money(
    result: _Numbers, amounts: list[Number], text: _Text, money: Money, scale: int
) -> None:
    if not amounts:
        return
    # Of a range the upper end is what the caller would pay at most; two amounts without a word
    # that joins them may be anything, except after “no” or “I mean”.
    last = amounts[-1]
    joined = all(_is_range(text, one, other) for one, other in pairwise(amounts))
    if len(amounts) > 1 and not joined and not _corrects_amount(text, amounts):
        result.unclear = True
        return
    number = max(amounts, key=lambda one: one.value) if joined else last
    value = number.value
    guess = budget_guess(value, money, scale)
    if number.doubtful and guess is not None and value % 1_000 >= 100 and value % 10 == 0:
        # «מיליון שמונה מאות»: nobody counts single hundreds beside millions.
        result.budget = guess
        return
    plausible = money.least <= value <= money.most and value == int(value)
    if plausible and not number.doubtful:
        result.budget = int(value)
        return
    result.unclear = True
    result.guess = guess


def _is_range(text: _Text, one: Number, other: Number) -> bool:
    between = text.tokens[one.end : other.start]
    return all(token in say.RANGE | say.CURRENCY for token in between) and bool(
        between or other.prefix
    )


def _corrects_amount(text: _Text, amounts: Sequence[Number]) -> bool:
    between = text.tokens[amounts[0].end : amounts[-1].start]
    return any(token in say.CORRECTIONS for token in between)


def scale_of(profile: Profile, chosen: Iterable[tuple[Slot, tuple[str, ...]]]) -> int:
    """What “seven” counts after these choices."""
    scales = [profile.choice(slot, keys[0]).scale for slot, keys in chosen if len(keys) == 1]
    usual = profile.money.scale if profile.money is not None else 1
    return next((scale for scale in scales if scale), usual)


def budget_guess(value: float, money: Money, scale: int) -> int | None:
    """What somebody most likely means who says only “seven” or «מיליון מאתיים»."""
    if value >= 1_000_000:
        guesses = [value - value % 1_000 + 1_000 * (value % 1_000)]
    elif value >= 1_000:
        return None
    else:
        guesses = [value * by for by in ((scale, money.scale) if value <= 20 else (money.scale,))]
    plausible = (g for g in guesses if money.least <= g <= money.most and g == int(g))
    return next((int(guess) for guess in plausible), None)


def _clock_phrase(text: _Text) -> int | None:
    """“10:30”, “half past ten”, “quarter to four”, «רבע לעשר»."""
    for position, token in enumerate(text.tokens):
        written = re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)", token)
        if written and text.at(position + 1) not in say.SCALES_AND_ROOMS:
            text.take(position, position + 1)
            minutes = int(written[1]) * 60 + int(written[2])
            return _with_half_of_day(text, position + 1, minutes)
    for phrase, minutes in say.CLOCK_PHRASES.items():
        for start in range(len(text.tokens) - len(phrase)):
            end = start + len(phrase)
            if tuple(text.tokens[start:end]) != phrase or not text.is_free(start, end):
                continue
            hour = number_at(text.tokens, end)
            if hour is None or not _is_minutes_of(text, start, hour):
                continue
            text.take(start, hour.end)
            return _with_half_of_day(text, hour.end, int(hour.value * 60) + minutes)
    return None


def _is_minutes_of(text: _Text, start: int, hour: Number) -> bool:
    """“Five to six” may be a range as well; «רבע» and «עשרה» need a «ל»."""
    if not _is_hour(hour.value) or text.at(hour.end) in say.SCALES_AND_ROOMS:
        return False
    first = text.tokens[start]
    if first in ("five", "ten") and text.at(start + 1) == "to":
        return text.at(start - 1) in say.CLOCK_HEADS or text.at(hour.end) in say.CLOCK_TAILS
    return not is_hebrew(first) or "ל" in hour.prefix


def _minutes_after(hour: Number, following: Number | None) -> int | None:
    """“Ten thirty”, “10 30”, «עשר ושלושים»."""
    if following is None or following.start != hour.end or following.scaled or hour.scaled:
        return None
    minutes = following.value
    plain = 5 <= minutes <= 55 and minutes % 5 == 0 and _is_hour(hour.value)
    return int(hour.value) * 60 + int(minutes) if plain and following.prefix in "ו" else None


def _is_hour(value: float) -> bool:
    return 1 <= value <= 23 and value == int(value)


def _is_clock(text: _Text, number: Number) -> bool:
    if not (1 <= number.value < 24 and (number.value * 4) % 1 == 0):
        return False
    before, after = text.at(number.start - 1), text.at(number.end)
    return before in say.CLOCK_HEADS or "ב" in number.prefix or after in say.CLOCK_TAILS


def _clock(text: _Text, number: Number) -> int:
    return _with_half_of_day(text, number.end, int(number.value * 60))


def _with_half_of_day(text: _Text, position: int, minutes: int) -> int:
    if text.at(position) == "pm" and minutes < 12 * 60:
        return minutes + 12 * 60
    return minutes
