"""Words -> meaning, by rules. It reports what was said and adds nothing: what is unclear stays
unclear (`unclear_budget`, several `choices` of a topic), and the policy asks."""

from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Literal

from engine.dialogue import vocabulary as say
from engine.dialogue.amounts import numbers_in, scale_of
from engine.dialogue.dates import date_in
from engine.dialogue.named import choices_in, names_of
from engine.dialogue.names import answered, introduced
from engine.dialogue.profile import Language, Profile, Slot
from engine.dialogue.telephone import telephone
from engine.dialogue.times import is_hour, on_the_day, ordinals_in, when_in
from engine.dialogue.tokens import Text, free_numbers, language_of, tokens_of
from engine.dialogue.wish import When


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
    cancel: bool = field(default=False, compare=False)
    """A meeting that is booked is not wanted any more."""
    move: bool = field(default=False, compare=False)
    """It is wanted at another time."""
    keep: bool = field(default=False, compare=False)
    """It is wanted as it is, after all."""
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
    tokens = tokens_of(words)
    phone = telephone(tokens)
    language = language_of(words, tokens)
    if phone is not None:
        tokens = tokens[: phone.start] + tokens[phone.end :]
    name = introduced(words)
    tokens = _without(tokens, tokens_of(name or ""))
    text = _plain(tokens)
    found = _corrected(tokens, profile) or _meaning(text, profile)
    perhaps = None if found.tells_a_wish or found.number is not None else answered(words)
    if perhaps is not None and not _is_new(text, tokens_of(perhaps)):
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


def _is_new(text: "Text", part: list[str]) -> bool:
    """None of these words has been understood as something else."""
    understood = {token for token, taken in zip(text.tokens, text.taken, strict=True) if taken}
    return not understood & set(part)


def _plain(tokens: list[str]) -> "Text":
    return Text([token for token in tokens if token not in say.FILLERS])


def _corrected(tokens: list[str], profile: Profile) -> Understood | None:
    """«פלורנטין, סליחה, יפו»: what is told after such words replaces what was told before them."""
    places = [(place, False) for place in Text(tokens).find(say.TAKEN_BACK)]
    places += [(place, True) for place in Text(tokens).find(say.MEANT)]
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
    day = after if _is_day(after) else before
    hour = before if after.clock is None and after.part is None else after
    next_week = after.next_week or (before.next_week and after.days_ahead is None)
    return replace(day, next_week=next_week, part=hour.part, clock=hour.clock)


def _meaning(text: "Text", profile: Profile) -> Understood:
    found = _phrases(text)
    _leave_out(text, profile)
    chosen = [(slot, choices_in(text, choices)) for slot, choices in profile.choices.items()]
    # Before the places in a list: “January third”.
    date = date_in(text)
    ordinals = ordinals_in(text)
    when, ordinals = when_in(text, date, ordinals)
    choices = tuple((slot, keys) for slot, keys in chosen if keys)
    numbers = numbers_in(text, profile, scale_of(profile, choices))
    clock = numbers.clock
    if clock is None and numbers.bare and _is_day(when) and is_hour(int(numbers.bare)):
        clock, numbers.bare = int(numbers.bare * 60), None
    if clock is not None:
        when = replace(when or When(), clock=on_the_day(clock, when))
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


def _has_rest(text: "Text") -> bool:
    """Words that were not understood, and are none that usually come with a choice."""
    text = text.copy()
    for number in free_numbers(text):
        text.take(number.start, number.end)
    for phrases in (say.CHOOSING, say.YES, say.WEAK_YES, say.THANKS):
        text.takes_any(phrases)
    rest = {token for token, taken in zip(text.tokens, text.taken, strict=True) if not taken}
    return not rest <= say.BESIDE_A_CHOICE


def _leave_out(text: "Text", profile: Profile) -> None:
    """«בת ים» is no misspelt «בתים», «ראשון לציון» no Sunday; unless the business is there."""
    groups = chain.from_iterable(names_of(one).values() for one in profile.choices.values())
    known = {words for group in groups for _, words in group}
    for start, end in text.find(say.ELSEWHERE):
        if tuple(text.tokens[start:end]) not in known:
            text.take(start, end)


def _is_day(when: When | None) -> bool:
    return when is not None and (when.weekday, when.days_ahead, when.day) != (None, None, None)


def _phrases(text: Text) -> Understood:
    """The order tells who wins: «לא משנה» is no «לא», “one second” is no “second”."""
    distress = text.takes_any(say.DISTRESS) or _is_all(text, say.DISTRESS_ALONE)
    abuse = text.takes_any(say.ABUSE) or _takes_alone(text, say.ABUSE_ALONE)
    doubtful = text.takes_any(say.NOT_HUMAN)
    human = text.takes_any(say.TRANSFERRED_TO) | text.takes_any(say.HUMAN)
    human = human or _takes_alone(text, say.HUMAN_ALONE)
    goodbye = text.takes_any(say.GOODBYE)
    move, keep = bool(text.find(say.MOVE)), bool(text.find(say.KEEP))
    repeat = text.takes_any(say.REPEAT) or _is_all(text, say.REPEAT_ALONE)
    refusal = text.take_phrase(say.REFUSAL)
    cancel = text.takes_any(say.CANCEL)
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
        answer=_answer(agreed, refused) or ("no" if cancel else None),
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
        cancel=cancel,
        move=move,
        keep=keep,
        # «לא, לבטל»
        doubtful=doubtful or (refused is not None and (cancel or agreed is not None)),
    )


def _beginning(text: Text, phrases: say.Phrases) -> int | None:
    """“Good” is no yes in “any area is good”, nor «לא» a no in «חנות לא גדולה»: the answer comes
    first."""
    for start, end in sorted(text.find(phrases), key=lambda place: place[0] - place[1]):
        before = zip(text.tokens[:start], text.taken[:start], strict=True)
        if all(taken or token in say.COURTESY for token, taken in before):
            text.take(start, end)
            return start
    return None


def _refused(text: Text) -> int | None:
    """«ביום שני, לא»: a no may come last as well."""
    for start, end in text.find(say.NO):
        if end == len(text.tokens):
            text.take(start, end)
            return start
    return _beginning(text, say.NO)


def _is_all(text: Text, phrases: say.Phrases) -> bool:
    return bool(text.tokens) and tuple(text.tokens) in phrases.get(text.tokens[0], ())


def _takes_alone(text: Text, phrases: say.Phrases) -> bool:
    """Nothing but courtesy stands beside it."""
    beside = text.copy()
    beside.takes_any(say.CHOOSING)
    words = [
        token
        for token, taken in zip(text.tokens, beside.taken, strict=True)
        if not taken and token not in say.BESIDE_A_CHOICE
    ]
    found = _is_all(Text(words), phrases)
    return found and text.takes_any(phrases)


def _answer(agreed: int | None, refused: int | None) -> Literal["yes", "no"] | None:
    if agreed is None and refused is None:
        return None
    # “No, right, the second one”: what comes first is the answer.
    if refused is not None and (agreed is None or refused < agreed):
        return "no"
    return "yes"
