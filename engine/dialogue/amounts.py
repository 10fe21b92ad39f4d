"""What numbers mean: money, counts of something, an hour, or nothing that can be told yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from engine.dialogue import vocabulary as say
from engine.dialogue.named import affirmed
from engine.dialogue.numerals import Number
from engine.dialogue.profile import Count, Money, Profile, Slot
from engine.dialogue.times import clock_of, clock_phrase, is_clock, minutes_after
from engine.dialogue.tokens import Match, Text, free_numbers


@dataclass(slots=True)
class Numbers:
    budget: int | None = None
    unclear: bool = False
    guess: int | None = None
    counts: dict[Slot, float] = field(default_factory=dict)
    clock: int | None = None
    bare: float | None = None


def numbers_in(text: Text, profile: Profile, scale: int) -> Numbers:
    result = Numbers(clock=clock_phrase(text))
    numbers = free_numbers(text)
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
        elif result.clock is None and (minutes := minutes_after(number, following)) is not None:
            result.clock = minutes
            skip = index + 1
        elif result.clock is None and is_clock(text, number):
            result.clock = clock_of(text, number)
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


def _kept_money(text: Text, money: list[Number], bare: list[Number]) -> list[Number]:
    """Without what was denied: «שמונה, לא שבעת אלפים» is eight thousand; the bare number is then
    taken out of `bare`."""
    matches = {Match(number, number.start, number.end, 0): number for number in money}
    kept = [matches[match] for match in affirmed(text, list(matches))]
    if kept or not money or len(bare) != 1 or bare[0].value >= 1_000 or money[0].value < 1_000:
        return kept
    text.contrast = True
    scale = 1_000_000 if money[0].value >= 1_000_000 else 1_000
    only = bare.pop()
    return [replace(only, value=only.value * scale, scaled=True)]


def _counted(text: Text, number: Number, profile: Profile) -> Slot | None:
    """What the number counts, by the word after it."""
    unit = text.at(number.end)
    for topic in profile.topics:
        counts = topic.answers
        if isinstance(counts, Count) and unit in counts.units:
            return topic.key if counts.least <= number.value <= counts.most else None
    return None


def _with_half(text: Text, number: Number) -> float:
    """«שלושה חדרים וחצי»"""
    half = text.at(number.end + 1) == "וחצי"
    return number.value + (0.5 if half else 0)


def _is_money(text: Text, number: Number) -> bool:
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


def _shares_scale(text: Text, number: Number, following: Number) -> bool:
    """“Seven to eight thousand”: the first number counts thousands as well."""
    between = text.tokens[number.end : following.start]
    joined = all(token in say.RANGE for token in between) and number.value < following.value
    return joined and (bool(between) or following.prefix != "") and _is_money(text, following)


def _settle_money(
    result: Numbers, amounts: list[Number], text: Text, money: Money, scale: int
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


def _is_range(text: Text, one: Number, other: Number) -> bool:
    between = text.tokens[one.end : other.start]
    return all(token in say.RANGE | say.CURRENCY for token in between) and bool(
        between or other.prefix
    )


def _corrects_amount(text: Text, amounts: Sequence[Number]) -> bool:
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
