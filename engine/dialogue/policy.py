"""Decides the next act of a call from what is known, what was just understood, and the windows
that are free. It never words anything, and books nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from engine.dialogue import menu
from engine.dialogue.acts import (
    Act,
    Ask,
    Book,
    Confirm,
    ConfirmBudget,
    Ending,
    Goodbye,
    Greet,
    Manner,
    Menu,
    Narrow,
    Offer,
    Offering,
    Question,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.hours import Fit, Window, choose, is_at
from engine.dialogue.profile import Language, Profile
from engine.dialogue.understand import Understood, budget_guess
from engine.dialogue.wish import Slot, When, Wish, forget, leave_open, missing

MISSES_BEFORE_MENU = 3
MISSES_BEFORE_GOODBYE = 6
REFUSALS_BEFORE_ASKING = 2
MOST_TURNS = 300
"""About an hour of talk: nobody is kept, or keeps us, for ever."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A call so far."""

    language: Language
    keypad: bool = False
    """Questions are menus: nothing can be recognized here, or this caller answers with keys."""
    wish: Wish = field(default_factory=Wish)
    learned: frozenset[Slot] = frozenset()
    """What the caller's last words have told."""
    act: Act = field(default_factory=Greet)
    question: Question = field(default_factory=Greet)
    """The question that stands; an answer is an answer to it."""
    heard: tuple[Window, ...] = ()
    """Those of the windows on offer that reached the caller's ear."""
    booked: Window | None = None
    refused: frozenset[datetime] = frozenset()
    refusals: int = 0
    misses: int = 0
    """Turns in a row of which nothing useful was understood."""
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller did."""

    meaning: Understood
    digits: str = ""
    heard: tuple[Window, ...] = ()
    """The windows of our last reply that reached the caller."""


def start(profile: Profile, keypad: bool) -> Talk:
    return Talk(language=profile.languages[0], keypad=keypad)


def answer(profile: Profile, talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    """The talk with its next act."""
    talk = replace(talk, turns=talk.turns + 1, learned=frozenset())
    if isinstance(talk.act, Offer | WhichOne | WindowMenu | Confirm):
        talk = replace(talk, heard=_in_order(talk.heard, turn.heard))
    meaning = turn.meaning
    if talk.turns > MOST_TURNS:
        return _act(talk, Goodbye(Ending.LOST))
    if talk.booked is not None:
        return _after_booking(talk, talk.booked, meaning)
    if turn.digits:
        return _press(profile, talk, turn.digits, free)
    return _respond(profile, _in_language(profile, talk, meaning), meaning, free)


def booked(talk: Talk, window: Window) -> Talk:
    return replace(_act(talk, Confirm(window)), booked=window, heard=())


def unstored(talk: Talk) -> Talk:
    """The meeting could not be kept anywhere: nothing is promised."""
    return _act(talk, Goodbye(Ending.BROKEN))


def taken(talk: Talk, window: Window, free: Sequence[Window]) -> Talk:
    """Somebody else was faster."""
    left = [other for other in free if other.start != window.start]
    return _offer(talk, left, Why.TAKEN)


def _act(talk: Talk, act: Act) -> Talk:
    match act:
        case Offer() | WhichOne() | WindowMenu():
            heard = tuple(window for window in talk.heard if window in act.windows)
            return replace(talk, act=act, question=act, heard=heard)
        case Greet() | Ask() | Narrow() | ConfirmBudget() | Menu():
            return replace(talk, act=act, question=act, heard=())
        case Wait() | Book() | Confirm() | Goodbye():
            return replace(talk, act=act)
        case _:
            assert_never(act)


def _in_order(one: Sequence[Window], other: Sequence[Window]) -> tuple[Window, ...]:
    return tuple(sorted({*one, *other}, key=lambda window: window.start))


def _in_language(profile: Profile, talk: Talk, meaning: Understood) -> Talk:
    """The caller's language, once words of it were understood; before that, what it sounds like."""
    if meaning.language not in profile.languages or meaning.language is None:
        return talk
    if meaning or isinstance(talk.question, Greet):
        return replace(talk, language=meaning.language)
    return talk


def _after_booking(talk: Talk, window: Window, meaning: Understood) -> Talk:
    if meaning.wait:
        return _act(talk, Wait())
    done = meaning.goodbye or meaning.thanks or meaning.answer == "yes"
    if talk.heard and done:
        return _act(talk, Goodbye(Ending.CALLER))
    return _act(talk, Confirm(window))


def _respond(profile: Profile, talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    if not meaning:
        return _miss(talk)
    if meaning.language is not None:
        talk = replace(talk, keypad=False)
    if meaning.goodbye:
        return _act(talk, Goodbye(Ending.CALLER))
    if isinstance(talk.question, Offer | WhichOne | WindowMenu):
        chosen = _choice(talk, talk.question, meaning)
        if chosen is not None:
            return chosen
    meaning = _as_key(profile, talk.question, meaning)
    wish = _learn(talk, meaning)
    changed = replace(talk, wish=wish, learned=_news(talk.wish, wish))
    if meaning.unclear_budget or _is_bare_budget(talk, meaning):
        return _clear_up_budget(profile, changed, meaning)
    several = _several(meaning)
    if several is not None:
        return _miss_with(replace(changed, wish=forget(wish, several)), Narrow(several))
    if wish != talk.wish:
        return _go_on(replace(changed, misses=0), free)
    return _without_news(talk, meaning, free)


def _as_key(profile: Profile, question: Question, meaning: Understood) -> Understood:
    """“One” for the first choice of a menu: keys may be spoken."""
    if not isinstance(question, Menu) or meaning.number is None:
        return meaning
    key = menu.choice(profile, question.slot, question.page, f"{meaning.number:g}")
    return meaning if key is None else key


def _several(meaning: Understood) -> Slot | None:
    if len(meaning.areas) > 1:
        return "area"
    return "kind" if len(meaning.kinds) > 1 else None


def _without_news(talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    """Understood, but nothing about the wish."""
    if meaning.wait:
        return _act(talk, Wait())
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return _act(replace(talk, misses=0), Ask("budget"))
    if isinstance(talk.question, Offering) and meaning.answer == "no":
        return _refuse(talk, talk.question.windows, free)
    if isinstance(talk.question, Greet) and (meaning.answer or meaning.hello or meaning.purpose):
        return _go_on(talk, free)
    if meaning.repeat or meaning.hello:
        return _act(talk, _plainly(talk))
    if isinstance(talk.question, Offering) and meaning.answer == "yes":
        return _act(talk, Offer(talk.question.windows, Why.AGAIN))
    return _miss(talk)


def _learn(talk: Talk, meaning: Understood) -> Wish:
    wish = talk.wish
    if len(meaning.areas) == 1:
        wish = replace(wish, area=meaning.areas[0], open=wish.open - {"area"})
    if len(meaning.kinds) == 1:
        wish = replace(wish, kind=meaning.kinds[0], open=wish.open - {"kind"})
    budget = meaning.budget
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "yes":
        budget = budget or talk.question.amount
    if budget is not None and not meaning.unclear_budget:
        wish = replace(wish, budget=budget, open=wish.open - {"budget"})
    when = meaning.when or _bare_clock(talk, meaning)
    if when is not None:
        wish = replace(wish, time=when, open=wish.open - {"time"})
    if meaning.rooms is not None:
        wish = replace(wish, rooms=meaning.rooms)
    if meaning.deal is not None:
        wish = replace(wish, deal=meaning.deal)
    asked = _asked(talk.question)
    if meaning.no_matter and asked is not None:
        wish = leave_open(wish, asked)
    return wish


def _asked(question: Question) -> Slot | None:
    match question:
        case Ask(slot) | Narrow(slot) | Menu(slot):
            return slot
        case ConfirmBudget():
            return "budget"
        case Greet() | Offer() | WhichOne() | WindowMenu():
            return None
        case _:
            assert_never(question)


def _news(before: Wish, after: Wish) -> frozenset[Slot]:
    news: set[Slot] = set()
    if after.area != before.area:
        news.add("area")
    if after.kind != before.kind:
        news.add("kind")
    if after.budget != before.budget:
        news.add("budget")
    if after.time != before.time:
        news.add("time")
    return frozenset(news)


def _bare_clock(talk: Talk, meaning: Understood) -> When | None:
    """“At what time?” “Ten.”"""
    asked_time = _asked(talk.question) == "time" or isinstance(talk.question, Offering)
    number = meaning.number
    if not asked_time or number is None or not 1 <= number < 24 or number * 4 % 1:
        return None
    return When(clock=int(number * 60))


def _is_bare_budget(talk: Talk, meaning: Understood) -> bool:
    return (
        _asked(talk.question) == "budget"
        and meaning.number is not None
        and meaning.budget is None
        and meaning.ordinals == ()
    )


def _clear_up_budget(profile: Profile, talk: Talk, meaning: Understood) -> Talk:
    talk = replace(talk, wish=forget(talk.wish, "budget"))
    guess = meaning.budget_guess
    if guess is None and meaning.number is not None and not meaning.unclear_budget:
        guess = budget_guess(meaning.number, profile, talk.wish.deal)
    if guess is not None and guess != _refuted(talk, meaning):
        return _miss_with(talk, ConfirmBudget(guess))
    return _miss_with(talk, Ask("budget", Manner.AGAIN))


def _refuted(talk: Talk, meaning: Understood) -> int | None:
    """«לא, שבע»: the guess that the caller has just denied."""
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return talk.question.amount
    return None


def _go_on(talk: Talk, free: Sequence[Window]) -> Talk:
    slot = missing(talk.wish)
    if slot is None:
        return _offer(talk, free, Why.ASKED)
    return _act(talk, _question(talk, slot))


def _question(talk: Talk, slot: Slot) -> Question:
    return Menu(slot) if talk.keypad else Ask(slot)


def _offer(talk: Talk, free: Sequence[Window], why: Why) -> Talk:
    windows, fit = choose(free, talk.wish.time or When(), talk.refused)
    if not windows:
        return _act(talk, Goodbye(Ending.FULL))
    if why is Why.ASKED and fit is Fit.OTHER:
        why = Why.NOTHING_THEN
    if why is Why.ASKED and fit is Fit.BEYOND:
        why = Why.BEYOND
    return _act(talk, WindowMenu(windows) if talk.keypad else Offer(windows, why))


def _refuse(talk: Talk, windows: Sequence[Window], free: Sequence[Window]) -> Talk:
    talk = replace(
        talk,
        refused=talk.refused | {window.start for window in windows},
        refusals=talk.refusals + 1,
        misses=0,
    )
    left = any(window.start not in talk.refused for window in free)
    if left and talk.refusals % REFUSALS_BEFORE_ASKING == 0 and not talk.keypad:
        talk = replace(talk, wish=forget(talk.wish, "time"))
        return _act(talk, Ask("time", Manner.ANOTHER_DAY))
    return _offer(talk, free, Why.OTHERS)


def _choice(talk: Talk, question: Offering, meaning: Understood) -> Talk | None:
    """The turn as a choice among the windows on offer; None if it is none."""
    meant = _picked(question.windows, meaning)
    picked = [window for window in meant if window in talk.heard]
    if len(picked) == 1 and meaning.answer == "no":
        # «לא הראשון»: “no, the first” or “not the first”?
        return _act(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if len(picked) == 1:
        return _act(replace(talk, misses=0), Book(picked[0]))
    if len(picked) > 1:
        return _act(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if meaning.answer == "yes" and meaning.when is None and not meaning.ordinals:
        accepted = _accepted(talk, question)
        if accepted is None or accepted not in talk.heard:
            return None
        return _act(replace(talk, misses=0), Book(accepted))
    if meaning.ordinals or meant:
        return _miss_with(talk, Offer(question.windows, Why.AGAIN))
    return None


def _accepted(talk: Talk, question: Offering) -> Window | None:
    """What a plain “yes” accepts: the only window, or the very one that was asked for."""
    asked = talk.wish.time
    windows = question.windows
    if len(windows) > 1 and asked is not None and asked.clock is not None:
        windows = tuple(window for window in windows if is_at(window, asked))
    return windows[0] if len(windows) == 1 else None


def _picked(windows: Sequence[Window], meaning: Understood) -> list[Window]:
    """Those of the windows that the words can mean."""
    readings: list[set[datetime]] = []
    if meaning.ordinals:
        readings.append({w.start for w in _by_place(windows, meaning.ordinals)})
    when = meaning.when
    if when is not None and when != When():
        readings.append({w.start for w in windows if is_at(w, when)})
    if meaning.number is not None:
        readings.append(_by_number(windows, meaning.number))
    if not readings:
        return []
    starts = set.intersection(*readings)
    if when is not None and when.clock is None and meaning.ordinals:
        # «ראשון» is Sunday or the first: whichever windows either means.
        starts = set.union(*readings)
    return [window for window in windows if window.start in starts]


def _by_place(windows: Sequence[Window], ordinals: Sequence[int]) -> list[Window]:
    places = [len(windows) if ordinal == -1 else ordinal for ordinal in ordinals]
    return [windows[place - 1] for place in places if 1 <= place <= len(windows)]


def _by_number(windows: Sequence[Window], number: float) -> set[datetime]:
    """“Two”: the second, or at two o'clock."""
    at_clock = {w.start for w in windows if is_at(w, When(clock=int(number * 60)))}
    place = _by_place(windows, (int(number),)) if number == int(number) else []
    return at_clock | {window.start for window in place}


def _miss(talk: Talk) -> Talk:
    return _miss_with(talk, _gently(talk.question, talk.misses + 1))


def _miss_with(talk: Talk, question: Question) -> Talk:
    """Another turn that did not help; after some of them keys do, after more it is goodbye."""
    misses = talk.misses + 1
    talk = replace(talk, misses=misses)
    if misses >= MISSES_BEFORE_GOODBYE:
        return _act(talk, Goodbye(Ending.LOST))
    if misses >= MISSES_BEFORE_MENU or talk.keypad:
        return _act(talk, _with_keys(talk, question))
    return _act(talk, question)


def _gently(question: Question, misses: int) -> Question:
    """The same question for the first and the second time that it is not answered."""
    first = misses == 1
    match question:
        case Greet():
            return Greet(Manner.AGAIN) if first else Ask("area", Manner.OTHER_WORDS)
        case Ask(slot) | Narrow(slot):
            return Ask(slot, Manner.AGAIN if first else Manner.OTHER_WORDS)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN) if first else WhichOne(windows)
        case ConfirmBudget() | Menu() | WindowMenu():
            return question
        case _:
            assert_never(question)


def _with_keys(talk: Talk, question: Question) -> Question:
    match question:
        case Greet():
            return Greet() if talk.keypad else Menu(missing(talk.wish) or "area")
        case Ask(slot) | Narrow(slot):
            return Menu(slot)
        case ConfirmBudget():
            return Menu("budget")
        case Offer(windows) | WhichOne(windows):
            return WindowMenu(windows)
        case Menu() | WindowMenu():
            return question
        case _:
            assert_never(question)


def _plainly(talk: Talk) -> Question:
    """The standing question once more, without an apology."""
    match talk.question:
        case Greet():
            return Greet() if talk.keypad else _question(talk, missing(talk.wish) or "area")
        case Ask(slot) | Narrow(slot):
            return Ask(slot)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN)
        case ConfirmBudget() | Menu() | WindowMenu():
            return talk.question
        case _:
            assert_never(talk.question)


def _press(profile: Profile, talk: Talk, digits: str, free: Sequence[Window]) -> Talk:
    keys = set(digits.strip("*#"))
    digit = keys.pop() if len(keys) == 1 else ""
    match talk.question:
        case Greet() if talk.keypad:
            return _press_language(profile, talk, digit, free)
        case Greet():
            return _act(talk, Menu(missing(talk.wish) or "area"))
        case Menu(slot, page):
            if digit == menu.MORE and menu.has_more(profile, slot):
                return _act(talk, Menu(slot, (page + 1) % menu.pages(profile, slot)))
            chosen = menu.choice(profile, slot, page, digit)
            if chosen is None:
                return _miss(talk)
            return _respond(profile, replace(talk, keypad=True), chosen, free)
        case Ask(slot) | Narrow(slot):
            return _miss_with(talk, Menu(slot))
        case ConfirmBudget():
            return _press_yes_or_no(profile, talk, digit, free)
        case Offer() | WhichOne() | WindowMenu():
            return _press_window(profile, talk, talk.question, digit, free)
        case _:
            assert_never(talk.question)


def _press_language(profile: Profile, talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    languages = profile.languages
    if not digit.isdecimal() or not 1 <= int(digit) <= len(languages):
        return _miss(talk)
    return _go_on(replace(talk, language=languages[int(digit) - 1], misses=0), free)


def _press_yes_or_no(profile: Profile, talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    if digit == "1":
        return _respond(profile, talk, Understood(answer="yes"), free)
    if digit == "2":
        return _respond(profile, talk, Understood(answer="no"), free)
    return _act(talk, Menu("budget"))


def _press_window(
    profile: Profile, talk: Talk, question: Offering, digit: str, free: Sequence[Window]
) -> Talk:
    if digit == menu.MORE:
        return _refuse(talk, question.windows, free)
    if digit in ("1", "2", "3"):
        return _respond(profile, talk, Understood(ordinals=(int(digit),)), free)
    return _miss_with(talk, WindowMenu(question.windows))
