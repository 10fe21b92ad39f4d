"""Which windows are offered, and which of them the caller means."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.dialogue.acts import (
    Ask,
    Book,
    Ending,
    Goodbye,
    Manner,
    Offer,
    Offering,
    Why,
    WindowMenu,
)
from engine.dialogue.hours import Fit, Window, choose, is_at
from engine.dialogue.questions import miss_with
from engine.dialogue.talk import Talk, acting
from engine.dialogue.understand import Understood
from engine.dialogue.wish import When, forget

REFUSALS_BEFORE_ASKING = 2


def offer(talk: Talk, free: Sequence[Window], why: Why) -> Talk:
    windows, fit = choose(free, _wanted(talk) or When(), talk.refused)
    if not windows:
        return acting(talk, Goodbye(Ending.FULL))
    if why is Why.ASKED and fit is Fit.OTHER:
        why = Why.NOTHING_THEN
    if why is Why.ASKED and fit is Fit.BEYOND:
        why = Why.BEYOND
    return acting(talk, WindowMenu(windows) if talk.keypad else Offer(windows, why))


def refuse(talk: Talk, windows: Sequence[Window], free: Sequence[Window]) -> Talk:
    talk = replace(
        talk,
        refused=talk.refused | {window.start for window in windows},
        refusals=talk.refusals + 1,
        misses=0,
    )
    left = any(window.start not in talk.refused for window in free)
    if left and talk.refusals % REFUSALS_BEFORE_ASKING == 0 and not talk.keypad:
        talk = replace(talk, wish=forget(talk.wish, talk.profile.time))
        return acting(talk, Ask(talk.profile.time, Manner.ANOTHER_DAY))
    return offer(talk, free, Why.OTHERS)


def choice(talk: Talk, question: Offering, meaning: Understood) -> Talk | None:
    """The turn as a choice among the windows on offer; None if it is none."""
    meant = windows_meant(question.windows, meaning)
    picked = [window for window in meant if window in talk.heard]
    if len(picked) == 1 and meaning.answer == "no":
        # «לא הראשון»: “no, the first” or “not the first”?
        return acting(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if len(picked) == 1:
        return _booking(talk, question, picked[0], meaning)
    if len(picked) > 1:
        return acting(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if meaning.answer == "yes" and meaning.when is None and not meaning.ordinals:
        accepted = _accepted(talk, question)
        if accepted is None or accepted not in talk.heard or meaning.wait or meaning.repeat:
            return None
        return _booking(talk, question, accepted, meaning)
    if meaning.ordinals or meant:
        return miss_with(talk, Offer(question.windows, Why.AGAIN))
    return None


def _booking(talk: Talk, question: Offering, window: Window, meaning: Understood) -> Talk:
    """Only a plain choice books. «ביום ראשון אני בחו״ל» names a window as well: that one is read
    back, and booked on a yes."""
    if not (meaning.doubtful or meaning.wait or meaning.repeat or meaning.cancel):
        return acting(replace(talk, misses=0), Book(window))
    again = Offer((window,), Why.AGAIN)
    if question.windows == again.windows:
        return miss_with(talk, again)
    return acting(replace(talk, misses=0), again)


def _wanted(talk: Talk) -> When | None:
    when = talk.wish.get(talk.profile.time)
    return when if isinstance(when, When) else None


def _accepted(talk: Talk, question: Offering) -> Window | None:
    """What a plain “yes” accepts: the only window, or the very one that was asked for."""
    asked = _wanted(talk)
    windows = question.windows
    if len(windows) > 1 and asked is not None and asked.clock is not None:
        windows = tuple(window for window in windows if is_at(window, asked))
    return windows[0] if len(windows) == 1 else None


def windows_meant(windows: Sequence[Window], meaning: Understood) -> list[Window]:
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
