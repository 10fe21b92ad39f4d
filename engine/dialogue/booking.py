"""What becomes of a meeting once it is booked: it is canceled, moved, or left standing."""

from collections.abc import Sequence
from dataclasses import replace

from engine.core.effects import Occasion
from engine.dialogue.acts import (
    AnotherTime,
    Cancel,
    Confirm,
    ConfirmCancel,
    Ending,
    Goodbye,
    HandOver,
    Lead,
    Offer,
    Offering,
    Wait,
    Why,
)
from engine.dialogue.answers import bare_clock, learn
from engine.dialogue.endings import farewell, hand_over, parted
from engine.dialogue.hours import Window, is_at
from engine.dialogue.offers import offer, windows_meant
from engine.dialogue.questions import MISSES_BEFORE_MENU
from engine.dialogue.talk import Talk, Turn, acting
from engine.dialogue.understand import Understood
from engine.dialogue.wish import When, fill


def booked(talk: Talk, window: Window) -> Talk:
    lead = talk.lead if talk.leaving is None else Lead.MOVED
    talk = replace(talk, booked=window, leaving=None, heard=(), lead=lead)
    return acting(talk, Confirm(window))


def canceled(talk: Talk) -> Talk:
    """The meeting that the caller had is not kept any more."""
    window = talk.meeting
    assert window is not None
    # In this call it is not offered again: one booking and one end of it are told outside.
    refused = talk.refused | {window.start}
    talk = replace(talk, booked=None, leaving=None, refused=refused, refusals=0, misses=0)
    return acting(talk, AnotherTime(window))


def unstored(talk: Talk) -> Talk:
    """What was to be kept could not be: nothing is promised, and nothing has changed."""
    if talk.meeting is not None:
        return _stands(replace(talk, booked=talk.meeting, leaving=None))
    return acting(talk, Goodbye(Ending.BROKEN))


def taken(talk: Talk, window: Window, free: Sequence[Window]) -> Talk:
    """Somebody else was faster."""
    left = [other for other in free if other.start != window.start]
    return left_standing(offer(talk, left, Why.TAKEN))


def as_stored(talk: Talk, meeting: Window | None) -> Talk:
    """`meeting`: what is stored for a caller who is back; it may be newer than the talk."""
    if meeting == talk.meeting:
        return talk
    return canceled(talk) if meeting is None else booked(talk, meeting)


def after_booking(talk: Talk, window: Window, turn: Turn, free: Sequence[Window]) -> Talk:
    """What is booked is canceled or moved if the caller wants it; else it stands."""
    meaning = _with_keys_as_words(talk, turn)
    if turn.occasion is Occasion.OVER:
        return asks_nothing(talk, Confirm(window))
    told = talk.act == Goodbye(Ending.STANDS)
    if meaning.human:
        return acting(talk, farewell(talk)) if told else _stands(talk)
    if meaning.move or _is_elsewhere(talk, window, meaning):
        return _move(talk, window, meaning, free)
    if meaning.wait and not meaning.cancel:
        return acting(talk, Wait())
    if isinstance(talk.question, ConfirmCancel):
        return _cancel(talk, window, meaning)
    if meaning.cancel:
        return acting(replace(talk, misses=0), ConfirmCancel(window))
    if isinstance(talk.question, AnotherTime):
        wanted = meaning.answer == "yes"
        return _move(talk, window, meaning, free) if wanted else asks_nothing(talk, Confirm(window))
    if meaning.correction or meaning.answer == "no":
        return _wrong(talk)
    if (meaning.goodbye or meaning.thanks or meaning.answer == "yes") and (talk.heard or told):
        return acting(talk, farewell(talk))
    return acting(talk, talk.act if told else Confirm(window))


def _with_keys_as_words(talk: Talk, turn: Turn) -> Understood:
    asked = isinstance(talk.question, ConfirmCancel | AnotherTime)
    match turn.digits.strip("*#"):
        case "1" if asked:
            return replace(turn.meaning, answer="yes")
        case "2" if asked:
            return replace(turn.meaning, answer="no")
    return turn.meaning


def _is_elsewhere(talk: Talk, window: Window, meaning: Understood) -> bool:
    """Another time than that of the meeting was named."""
    windows = talk.question.windows if isinstance(talk.question, Offering) else ()
    # Whoever chose it may say so once more: «השני», “Tuesday at nine”.
    elsewhere = meaning.when is not None and not is_at(window, meaning.when)
    picked = windows_meant(windows, meaning)
    named = bool(picked) or meaning.number is not None
    return elsewhere or (named and window not in picked)


def _wrong(talk: Talk) -> Talk:
    """It is not what the caller wants, and that is all that is known."""
    if talk.profile.people:
        return hand_over(talk)
    told = talk.act == Goodbye(Ending.STANDS)
    return acting(talk, farewell(talk) if told else AnotherTime())


def _cancel(talk: Talk, window: Window, meaning: Understood) -> Talk:
    """“Shall I cancel it?” Only a plain yes to what was heard cancels."""
    agreed = meaning.answer == "yes" or meaning.cancel
    if not agreed and (meaning.answer == "no" or meaning.keep or meaning.goodbye):
        return asks_nothing(talk, Confirm(window))
    if agreed and window in talk.heard and not (meaning.doubtful or meaning.wait):
        return acting(talk, Cancel(window))
    if talk.misses + 1 >= MISSES_BEFORE_MENU:
        return _stands(talk)
    return acting(replace(talk, misses=talk.misses + 1), ConfirmCancel(window))


def _move(talk: Talk, window: Window, meaning: Understood, free: Sequence[Window]) -> Talk:
    """Other times are offered; the meeting stands until one of them is booked."""
    offered = talk.question.windows if isinstance(talk.question, Offering) else ()
    picked = tuple(one for one in windows_meant(offered, meaning) if one in free)
    when = meaning.when or bare_clock(talk, meaning)
    refused = talk.refused | {window.start}
    talk = replace(
        talk, booked=None, leaving=window, heard=(), refused=refused, refusals=0, misses=0
    )
    if picked:
        return acting(talk, Offer(picked))
    if when is None or when == When():
        return offer(talk, free, Why.OTHERS)
    wish = fill(talk.wish, talk.profile.time, _on_its_day(window, when))
    return offer(replace(talk, wish=wish), free, Why.ASKED)


def _on_its_day(window: Window, when: When) -> When:
    """“No, at eleven”: of the same day."""
    if when.next_week or (when.weekday, when.days_ahead, when.day) != (None, None, None):
        return when
    return replace(when, days_ahead=window.days_ahead)


def about_the_meeting(talk: Talk, window: Window, meaning: Understood) -> Talk | None:
    """While another time is looked for."""
    if meaning.tells_a_wish or meaning.move:
        return None
    stands = replace(talk, booked=window, leaving=None)
    if meaning.keep:
        return acting(stands, Confirm(window))
    return acting(replace(stands, misses=0), ConfirmCancel(window)) if meaning.cancel else None


def _stands(talk: Talk) -> Talk:
    if talk.profile.people:
        return hand_over(talk)
    return asks_nothing(talk, Goodbye(Ending.STANDS))


def asks_nothing(talk: Talk, act: Confirm | Goodbye) -> Talk:
    """Of what stood open about the meeting nothing does any more."""
    if isinstance(talk.question, ConfirmCancel | AnotherTime) and talk.booked is not None:
        talk = replace(talk, question=Offer((talk.booked,)))
    return acting(talk, act)


def left_standing(talk: Talk) -> Talk:
    """Whoever goes is told how the meeting stands, if that is not known yet."""
    if isinstance(talk.act, Goodbye | HandOver) and is_untold(talk):
        return replace(talk, lead=Lead.CANCELED)
    window = talk.leaving
    if window is None or not isinstance(talk.act, Goodbye):
        return talk
    ending = talk.act.ending
    talk = replace(talk, booked=window, leaving=None)
    match ending:
        case Ending.ABUSE | Ending.UNWANTED:
            return talk
        case Ending.CALLER | Ending.CALLED:
            return acting(talk, Confirm(window))
        case Ending.FULL:
            talk = replace(talk, lead=Lead.FULL)
    return acting(talk, Goodbye(Ending.STANDS))


def is_untold(talk: Talk) -> bool:
    """The caller has not heard yet that the meeting is canceled."""
    match talk.question:
        case AnotherTime(Window() as canceled):
            return canceled not in talk.heard
    return False


def tell_again(talk: Talk, meaning: Understood) -> Talk:
    """That the meeting is canceled; whatever else was said has to wait."""
    parts = meaning.goodbye or meaning.human or meaning.abuse
    parting = parted(talk, meaning) if parts else None
    return parting or acting(replace(talk, wish=learn(talk, meaning)), talk.question)
