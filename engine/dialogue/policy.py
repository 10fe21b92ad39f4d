"""Decides the next act of a call from what is known, what was just understood, and the windows
that are free. It never words anything, and books nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import SequenceMatcher
from enum import Enum
from typing import assert_never

from engine.core.effects import Occasion
from engine.dialogue import menu
from engine.dialogue.acts import (
    Act,
    AnotherTime,
    Ask,
    Book,
    Cancel,
    Confirm,
    ConfirmBudget,
    ConfirmCancel,
    Distress,
    Ending,
    Goodbye,
    Greet,
    HandOver,
    Introduce,
    Lead,
    LeaveMessage,
    Manner,
    Menu,
    Narrow,
    Offer,
    Offering,
    OfferPerson,
    Question,
    Rest,
    StillThere,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.amounts import budget_guess, scale_of
from engine.dialogue.hours import Fit, Window, choose, is_at
from engine.dialogue.machine import takes_messages
from engine.dialogue.profile import (
    Choices,
    Count,
    Language,
    Money,
    Name,
    Phone,
    Profile,
    Slot,
    Time,
)
from engine.dialogue.understand import Understood
from engine.dialogue.unrecorded import refuses_recording
from engine.dialogue.unwanted import never_again, not_now
from engine.dialogue.wish import Value, When, Wish, fill, forget, leave_open, missing

MISSES_BEFORE_MENU = 3
MISSES_BEFORE_GOODBYE = 6
REFUSALS_BEFORE_ASKING = 2
MOST_TURNS = 300
"""About an hour of talk: nobody is kept, or keeps us, for ever."""
MOST_ECHOES = 3
"""Long turns in a row that say what a recent one said: nobody talks like that but a machine."""
RECENT = 3
"""Turns: machines that answer each other may say two things in turn."""
MOST_IDLE = 40
"""Spoken turns in a row that add nothing to the wish."""
SILENCES_BEFORE_GOODBYE = 3
SILENCES_OF_A_MOMENT = 3
"""So many more go unnoticed after the caller asked for a moment."""
MOST_MESSAGES = 2
"""Times that a message is begun: the tone of the machine may cut the first."""
LONGEST_GREETING = 6
"""Turns: a machine that still talks then is spoken to."""

_NEAR, _LONG = 0.9, 3
_PHONE_DIGITS = 7
_LEADS = {Occasion.MONOLOGUE: Lead.MONOLOGUE, Occasion.LATE: Lead.LATE}


class Recording(Enum):
    """What the caller knows of a recording of the call, and thinks of it."""

    UNTOLD = "nothing"
    TOLD = "that there is one"
    REFUSED = "that there shall be none"


@dataclass(frozen=True, slots=True)
class Talk:
    """A call so far."""

    profile: Profile = field(repr=False)
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
    leaving: Window | None = None
    """What was booked, and stands until another time is booked instead of it."""
    refused: frozenset[datetime] = frozenset()
    refusals: int = 0
    misses: int = 0
    """Turns in a row of which nothing useful was understood."""
    announced: frozenset[Language] = frozenset()
    """The languages in which the caller has heard who speaks."""
    lead: Lead | None = None
    """What comes before the question."""
    abused: bool = False
    refused_person: bool = False
    words: str = ""
    """The caller's last."""
    before: tuple[str, ...] = ()
    """Those of the few turns before, the newest first."""
    echoes: int = 0
    """Turns in a row that said what one of the few before had said."""
    silences: int = 0
    """Times in a row that the caller was silent for long; below zero: he may be."""
    noisy: bool = False
    """For long there was only noise, and the caller was told."""
    outbound: bool = False
    """We have called: a machine may answer."""
    greetings: int = 0
    """Turns of a machine's greeting so far."""
    messages: int = 0
    """Times that a message for it was begun."""
    idle: int = 0
    """Spoken turns since the wish last grew."""
    turns: int = 0
    recording: Recording = Recording.UNTOLD

    @property
    def meeting(self) -> Window | None:
        """The one that the caller has."""
        return self.booked or self.leaving


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller did."""

    meaning: Understood
    digits: str = ""
    heard: tuple[Window, ...] = ()
    """The windows of our last reply that reached the caller."""
    announced: frozenset[Language] = frozenset()
    """The languages in which it has announced who speaks."""
    words: str = ""
    occasion: Occasion = Occasion.ANSWER
    recorded: bool = False
    """What has announced who speaks has announced a recording, too."""


def start(profile: Profile, keypad: bool, caller: str = "", *, outbound: bool = False) -> Talk:
    """`caller`: the number that calls, or that we have called, if it is known: then nobody asks
    for it. Keys spell no names."""
    wish = Wish()
    phone, name = profile.slot_of(Phone), profile.slot_of(Name)
    if phone is not None and sum(letter.isdigit() for letter in caller) >= _PHONE_DIGITS:
        wish = fill(wish, phone, caller)
    if name is not None and keypad:
        wish = leave_open(wish, name)
    # Keys tell nothing before a language is chosen.
    first = Introduce() if outbound and not keypad else Greet()
    language = profile.languages[0]
    return Talk(profile, language, keypad, wish, act=first, question=first, outbound=outbound)


def answer(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    """The talk with its next act."""
    return _left_standing(_answered(talk, turn, free))


def _answered(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    talk = replace(_counted(talk, turn), learned=frozenset(), lead=None)
    if isinstance(talk.act, Offer | WhichOne | WindowMenu | Confirm | ConfirmCancel | AnotherTime):
        talk = replace(talk, heard=_in_order(talk.heard, turn.heard))
    meaning = turn.meaning
    if meaning.distress:
        return _act(_in_language(talk, meaning), Distress(*talk.profile.people[:1]))
    ending = _enough(talk, turn.occasion)
    if ending is not None:
        return _act(talk, Goodbye(ending))
    ending = _called_off(talk, turn)
    if ending is not None:
        return _act(_in_language(talk, meaning), Goodbye(ending))
    if refuses_recording(turn.words):
        return _unrecorded(_in_language(talk, meaning), turn, free)
    if talk.booked is not None:
        return _after_booking(_in_language(talk, meaning), talk.booked, turn, free)
    if _is_untold(talk):
        return _tell_again(_in_language(talk, meaning), meaning)
    if talk.outbound and (talk.greetings or takes_messages(turn.words)):
        return _to_machine(_in_language(talk, meaning), turn.words)
    return _press(talk, turn.digits, free) if turn.digits else _by_occasion(talk, turn, free)


def _by_occasion(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    match turn.occasion:
        case Occasion.SILENCE:
            return _unheard(talk)
        case Occasion.NOISE if not talk.keypad:
            return _act(replace(talk, noisy=True, lead=Lead.NOISE), _plainly(talk))
        case Occasion.LATE if not turn.words:
            return _act(replace(talk, lead=Lead.LATE), _plainly(talk))
    answered = _respond(_in_language(talk, turn.meaning), turn.meaning, free)
    return replace(answered, lead=answered.lead or _LEADS.get(turn.occasion))


def _called_off(talk: Talk, turn: Turn) -> Ending | None:
    """Why the call ends in the middle of the talk."""
    away = turned_away(talk, turn.words, turn.digits)
    return Ending.CLOSING if away is None and turn.occasion is Occasion.CLOSING else away


def turned_away(talk: Talk, words: str, digits: str = "") -> Ending | None:
    """How whom we have called ends it, if he does."""
    if not talk.outbound or talk.greetings:
        return None
    if never_again(words) or (talk.keypad and menu.NO_MORE_CALLS in digits):
        return Ending.UNWANTED
    asked = isinstance(talk.question, Introduce)
    return Ending.BAD_TIME if asked and not_now(words) else None


def _unrecorded(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    """The call goes on: with what else was said, or with the question that stands."""
    # «לא רוצה הקלטה» says no to nothing else.
    meaning = replace(turn.meaning, answer=None, correction=False, wait=False, maybe_name=None)
    if talk.booked is not None:
        talk = _after_booking(talk, talk.booked, replace(turn, meaning=meaning), free)
    elif meaning.tells_a_wish or meaning.human:
        talk = _respond(talk, meaning, free)
    else:
        talk = _act(talk, _plainly(talk))
    return replace(talk, lead=Lead.UNRECORDED)


def _enough(talk: Talk, occasion: Occasion) -> Ending | None:
    """Why the call ends, whatever was said."""
    if occasion is Occasion.OVER and talk.booked is None:
        return Ending.TIME
    if talk.echoes >= MOST_ECHOES:
        return Ending.MACHINE
    if talk.turns > MOST_TURNS or talk.idle >= MOST_IDLE:
        return Ending.LOST
    if talk.silences >= SILENCES_BEFORE_GOODBYE and talk.booked is None:
        return Ending.SILENT
    return Ending.NOISE if talk.noisy and occasion is Occasion.NOISE else None


def _unheard(talk: Talk) -> Talk:
    """A caller who is silent is asked whether he is there, then the question; keys are looked for,
    so a menu is only said again."""
    if talk.silences <= 0:
        return _act(talk, Rest())
    if talk.silences == 1 and not talk.keypad:
        return _act(talk, StillThere())
    return _act(replace(talk, lead=Lead.STILL_HERE), _plainly(talk))


def _to_machine(talk: Talk, words: str) -> Talk:
    """Its greeting is heard out: the tone after it, or the silence, is where the message begins."""
    if words and talk.greetings < LONGEST_GREETING:
        return _act(replace(talk, greetings=talk.greetings + 1), Rest())
    if talk.messages == MOST_MESSAGES:
        return _act(talk, Goodbye(Ending.MACHINE))
    return _act(replace(talk, messages=talk.messages + 1), LeaveMessage())


def _counted(talk: Talk, turn: Turn) -> Talk:
    before = (talk.words, *talk.before)[:RECENT]
    echo = len(turn.words.split()) >= _LONG and any(_alike(one, turn.words) for one in before)
    silent = turn.occasion is Occasion.SILENCE
    return replace(
        talk,
        turns=talk.turns + 1,
        recording=_recording(talk, turn),
        announced=talk.announced | turn.announced,
        words=turn.words,
        before=before,
        echoes=talk.echoes + 1 if echo else 0,
        silences=talk.silences + 1 if silent else 0,
        noisy=talk.noisy and not (turn.digits or turn.meaning),
        idle=0 if talk.learned else talk.idle + bool(turn.words),
    )


def _recording(talk: Talk, turn: Turn) -> Recording:
    if refuses_recording(turn.words):
        return Recording.REFUSED
    tells = turn.recorded and turn.announced and talk.recording is Recording.UNTOLD
    return Recording.TOLD if tells else talk.recording


def agrees_to_recording(talk: Talk) -> bool:
    """The caller has heard of it in the language that is spoken now, and has not said no."""
    return talk.recording is Recording.TOLD and talk.language in talk.announced


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other)
    return matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR


def booked(talk: Talk, window: Window) -> Talk:
    lead = talk.lead if talk.leaving is None else Lead.MOVED
    talk = replace(talk, booked=window, leaving=None, heard=(), lead=lead)
    return _act(talk, Confirm(window))


def canceled(talk: Talk) -> Talk:
    """The meeting that the caller had is not kept any more."""
    window = talk.meeting
    assert window is not None
    # In this call it is not offered again: one booking and one end of it are told outside.
    refused = talk.refused | {window.start}
    talk = replace(talk, booked=None, leaving=None, refused=refused, refusals=0, misses=0)
    return _act(talk, AnotherTime(window))


def unstored(talk: Talk) -> Talk:
    """What was to be kept could not be: nothing is promised, and nothing has changed."""
    if talk.meeting is not None:
        return _stands(replace(talk, booked=talk.meeting, leaving=None))
    return _act(talk, Goodbye(Ending.BROKEN))


def taken(talk: Talk, window: Window, free: Sequence[Window]) -> Talk:
    """Somebody else was faster."""
    left = [other for other in free if other.start != window.start]
    return _left_standing(_offer(talk, left, Why.TAKEN))


def as_stored(talk: Talk, meeting: Window | None) -> Talk:
    """`meeting`: what is stored for a caller who is back; it may be newer than the talk."""
    if meeting == talk.meeting:
        return talk
    return canceled(talk) if meeting is None else booked(talk, meeting)


def resumed(talk: Talk, lead: Lead, free: Sequence[Window]) -> Talk:
    """The caller is with us again: what stood open is asked again, what was booked is told again,
    and who should get a person still does, unless there is none."""
    talk = replace(talk, lead=lead, turns=max(talk.turns, 1))
    if lead is Lead.UNANSWERED:
        return _without_person(replace(talk, refused_person=True), free)
    if talk.booked is not None and not isinstance(talk.question, ConfirmCancel | AnotherTime):
        return _act(talk, Confirm(talk.booked))
    return talk if isinstance(talk.act, HandOver) else _act(talk, _open_question(talk))


def _without_person(talk: Talk, free: Sequence[Window]) -> Talk:
    if talk.meeting is not None:
        talk = replace(talk, booked=talk.meeting, leaving=None, lead=Lead.NO_PERSON)
        return _asks_nothing(talk, Goodbye(Ending.STANDS))
    if isinstance(talk.question, OfferPerson):
        return _with_keys_now(talk, free)
    return _act(talk, _open_question(talk))


def _open_question(talk: Talk) -> Question:
    question = _plainly(talk)
    return Offer(question.windows) if isinstance(question, Offer) else question


def in_short(talk: Talk) -> Talk:
    """The question in a form that leaves room for what must be announced before it."""
    match talk.question:
        case Offer(windows) | WhichOne(windows):
            return _act(talk, Offer(windows[:1]))
        case WindowMenu(windows):
            return _act(talk, WindowMenu(windows[:1]))
        case Menu(slot):
            return _act(talk, Ask(slot))
        case _:
            return talk


def _act(talk: Talk, act: Act) -> Talk:
    match act:
        case Offer() | WhichOne() | WindowMenu():
            heard = tuple(window for window in talk.heard if window in act.windows)
            return replace(talk, act=act, question=act, heard=heard)
        case Greet() | Introduce() | Ask() | Narrow() | ConfirmBudget() | Menu() | OfferPerson():
            return replace(talk, act=act, question=act, heard=())
        case ConfirmCancel() | AnotherTime():
            heard = talk.heard if talk.question == act else ()
            return replace(talk, act=act, question=act, heard=heard)
        case Wait():
            return replace(talk, act=act, silences=-SILENCES_OF_A_MOMENT)
        case Book() | Cancel() | Confirm() | HandOver() | Goodbye():
            return replace(talk, act=act)
        case Rest() | StillThere() | Distress() | LeaveMessage():
            return replace(talk, act=act)
        case _:
            assert_never(act)


def _in_order(one: Sequence[Window], other: Sequence[Window]) -> tuple[Window, ...]:
    return tuple(sorted({*one, *other}, key=lambda window: window.start))


def _in_language(talk: Talk, meaning: Understood) -> Talk:
    """The caller's language, once words of it were understood; before that, what it sounds like."""
    if meaning.language not in talk.profile.languages or meaning.language is None:
        return talk
    if meaning or isinstance(talk.question, Greet | Introduce):
        return replace(talk, language=meaning.language)
    return talk


def _after_booking(talk: Talk, window: Window, turn: Turn, free: Sequence[Window]) -> Talk:
    """What is booked is canceled or moved if the caller wants it; else it stands."""
    meaning = _with_keys_as_words(talk, turn)
    if turn.occasion is Occasion.OVER:
        return _asks_nothing(talk, Confirm(window))
    told = talk.act == Goodbye(Ending.STANDS)
    if meaning.human:
        return _act(talk, _farewell(talk)) if told else _stands(talk)
    if meaning.move or _is_elsewhere(talk, window, meaning):
        return _move(talk, window, meaning, free)
    if meaning.wait and not meaning.cancel:
        return _act(talk, Wait())
    if isinstance(talk.question, ConfirmCancel):
        return _cancel(talk, window, meaning)
    if meaning.cancel:
        return _act(replace(talk, misses=0), ConfirmCancel(window))
    if isinstance(talk.question, AnotherTime):
        wanted = meaning.answer == "yes"
        return (
            _move(talk, window, meaning, free) if wanted else _asks_nothing(talk, Confirm(window))
        )
    if meaning.correction or meaning.answer == "no":
        return _wrong(talk)
    if (meaning.goodbye or meaning.thanks or meaning.answer == "yes") and (talk.heard or told):
        return _act(talk, _farewell(talk))
    return _act(talk, talk.act if told else Confirm(window))


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
    picked = _picked(windows, meaning)
    named = bool(picked) or meaning.number is not None
    return elsewhere or (named and window not in picked)


def _wrong(talk: Talk) -> Talk:
    """It is not what the caller wants, and that is all that is known."""
    if talk.profile.people:
        return _hand_over(talk)
    told = talk.act == Goodbye(Ending.STANDS)
    return _act(talk, _farewell(talk) if told else AnotherTime())


def _cancel(talk: Talk, window: Window, meaning: Understood) -> Talk:
    """“Shall I cancel it?” Only a plain yes to what was heard cancels."""
    agreed = meaning.answer == "yes" or meaning.cancel
    if not agreed and (meaning.answer == "no" or meaning.keep or meaning.goodbye):
        return _asks_nothing(talk, Confirm(window))
    if agreed and window in talk.heard and not (meaning.doubtful or meaning.wait):
        return _act(talk, Cancel(window))
    if talk.misses + 1 >= MISSES_BEFORE_MENU:
        return _stands(talk)
    return _act(replace(talk, misses=talk.misses + 1), ConfirmCancel(window))


def _move(talk: Talk, window: Window, meaning: Understood, free: Sequence[Window]) -> Talk:
    """Other times are offered; the meeting stands until one of them is booked."""
    offered = talk.question.windows if isinstance(talk.question, Offering) else ()
    picked = tuple(one for one in _picked(offered, meaning) if one in free)
    when = meaning.when or _bare_clock(talk, meaning)
    refused = talk.refused | {window.start}
    talk = replace(
        talk, booked=None, leaving=window, heard=(), refused=refused, refusals=0, misses=0
    )
    if picked:
        return _act(talk, Offer(picked))
    if when is None or when == When():
        return _offer(talk, free, Why.OTHERS)
    wish = fill(talk.wish, talk.profile.time, _on_its_day(window, when))
    return _offer(replace(talk, wish=wish), free, Why.ASKED)


def _on_its_day(window: Window, when: When) -> When:
    """“No, at eleven”: of the same day."""
    if when.next_week or (when.weekday, when.days_ahead, when.day) != (None, None, None):
        return when
    return replace(when, days_ahead=window.days_ahead)


def _stands(talk: Talk) -> Talk:
    if talk.profile.people:
        return _hand_over(talk)
    return _asks_nothing(talk, Goodbye(Ending.STANDS))


def _asks_nothing(talk: Talk, act: Confirm | Goodbye) -> Talk:
    """Of what stood open about the meeting nothing does any more."""
    if isinstance(talk.question, ConfirmCancel | AnotherTime) and talk.booked is not None:
        talk = replace(talk, question=Offer((talk.booked,)))
    return _act(talk, act)


def _left_standing(talk: Talk) -> Talk:
    """Whoever goes is told how the meeting stands, if that is not known yet."""
    if isinstance(talk.act, Goodbye | HandOver) and _is_untold(talk):
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
            return _act(talk, Confirm(window))
        case Ending.FULL:
            talk = replace(talk, lead=Lead.FULL)
    return _act(talk, Goodbye(Ending.STANDS))


def _is_untold(talk: Talk) -> bool:
    """The caller has not heard yet that the meeting is canceled."""
    match talk.question:
        case AnotherTime(Window() as canceled):
            return canceled not in talk.heard
    return False


def _tell_again(talk: Talk, meaning: Understood) -> Talk:
    """That the meeting is canceled; whatever else was said has to wait."""
    parts = meaning.goodbye or meaning.human or meaning.abuse
    parting = _parting(talk, meaning) if parts else None
    return parting or _act(replace(talk, wish=_learn(talk, meaning)), talk.question)


def _about_the_meeting(talk: Talk, window: Window, meaning: Understood) -> Talk | None:
    """While another time is looked for."""
    if meaning.tells_a_wish or meaning.move:
        return None
    stands = replace(talk, booked=window, leaving=None)
    if meaning.keep:
        return _act(stands, Confirm(window))
    return _act(replace(stands, misses=0), ConfirmCancel(window)) if meaning.cancel else None


def _respond(talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    meaning = _in_answer(talk, meaning)
    if talk.leaving is not None:
        settled = _about_the_meeting(talk, talk.leaving, meaning)
        if settled is not None:
            return settled
    here = isinstance(talk.act, StillThere) and talk.words
    if here and not replace(meaning, answer=None, hello=False):
        # «כן» says that he is there, and answers nothing else.
        return _act(talk, _plainly(talk))
    if not meaning:
        return _not_understood(talk, free)
    if meaning.language is not None:
        talk = replace(talk, keypad=False)
    parting = _parting(talk, meaning)
    if parting is not None:
        return parting
    if isinstance(talk.question, Offer | WhichOne | WindowMenu):
        chosen = _choice(talk, talk.question, meaning)
        if chosen is not None:
            return chosen
    wish = _learn(talk, meaning)
    changed = replace(talk, wish=wish, learned=_news(talk.wish, wish))
    if meaning.unclear_budget:
        return _clear_up_budget(changed, meaning)
    several = _several(talk.profile, meaning)
    if several is not None:
        return _miss_with(replace(changed, wish=forget(wish, several)), Narrow(several))
    if wish != talk.wish:
        return _go_on(replace(changed, misses=0), free)
    return _without_news(talk, meaning, free)


def _not_understood(talk: Talk, free: Sequence[Window]) -> Talk:
    asked = _asked(talk)
    patience = talk.misses + 1 < MISSES_BEFORE_MENU
    if asked is None or patience or _has_menu(talk, asked):
        return _miss(talk)
    # Nobody is lost because of a name that cannot be heard.
    return _go_on(replace(talk, misses=0, wish=leave_open(talk.wish, asked)), free)


def _parting(talk: Talk, meaning: Understood) -> Talk | None:
    """What may end our part of the call, whatever else was said."""
    if meaning.abuse:
        return _after_abuse(talk)
    accepted = isinstance(talk.question, OfferPerson) and meaning.answer == "yes"
    if meaning.human or accepted:
        return _hand_over(talk)
    declined = meaning.answer == "no" and not meaning.tells_a_wish
    if isinstance(talk.question, Introduce) and declined:
        return _act(talk, Goodbye(Ending.BAD_TIME))
    if isinstance(talk.question, AnotherTime) and (
        declined or (meaning.thanks and not meaning.answer)
    ):
        return _act(talk, _farewell(talk))
    return _act(talk, _farewell(talk)) if meaning.goodbye else None


def _farewell(talk: Talk) -> Goodbye:
    return Goodbye(Ending.CALLED if talk.outbound else Ending.CALLER)


def _after_abuse(talk: Talk) -> Talk:
    if talk.abused:
        return _act(talk, Goodbye(Ending.ABUSE))
    return _act(replace(talk, abused=True, lead=Lead.ABUSE), _plainly(talk))


def _hand_over(talk: Talk) -> Talk:
    if talk.profile.people:
        return _act(talk, HandOver(talk.profile.people[0]))
    return _act(replace(talk, lead=Lead.NO_PERSON), _plainly(talk))


def _in_answer(talk: Talk, meaning: Understood) -> Understood:
    """What words alone leave open, the question that they answer may tell."""
    slot, number = _asked(talk), meaning.number
    if isinstance(talk.question, AnotherTime) and meaning.move:
        # «מועד אחר» refuses a time that is offered; here it is what was asked.
        meaning = replace(meaning, answer="yes")
    if meaning.unclear_budget and _budget(talk) not in talk.profile.asked:
        # Nobody has asked for it.
        meaning = replace(meaning, unclear_budget=False, budget_guess=None)
    if slot is None:
        return meaning
    if isinstance(talk.question, Menu) and number is not None:
        # “One” for the first choice: keys may be spoken.
        key = menu.choice(talk.profile, slot, talk.question.page, f"{number:g}")
        if key is not None:
            return key
    match talk.profile.topic(slot).answers:
        case Money() as money if number is not None:
            return _as_amount(talk, money, meaning, number)
        case Count(least, most) if number is not None and least <= number <= most:
            return replace(meaning, number=None, counts=((slot, number),))
        case Name() if meaning.name is None:
            return replace(meaning, name=meaning.maybe_name)
        case _:
            return meaning


def _as_amount(talk: Talk, money: Money, meaning: Understood, number: float) -> Understood:
    """“What is your budget?” “Seven.”"""
    if meaning.budget is not None or meaning.unclear_budget or meaning.ordinals:
        return meaning
    chosen = {slot: (str(value),) for slot, value in talk.wish.values}
    chosen = {slot: keys for slot, keys in chosen.items() if slot in talk.profile.choices}
    scale = scale_of(talk.profile, {**chosen, **dict(meaning.choices)}.items())
    return replace(meaning, unclear_budget=True, budget_guess=budget_guess(number, money, scale))


def _several(profile: Profile, meaning: Understood) -> Slot | None:
    """Of what must be known, that of which several were named."""
    return next((slot for slot in profile.asked if len(meaning.chosen(slot)) > 1), None)


def _without_news(talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    """Understood, but nothing about the wish."""
    if meaning.wait:
        return _act(talk, Wait())
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return _act(replace(talk, misses=0), Ask(_budget(talk)))
    if isinstance(talk.question, OfferPerson):
        # It was offered because nothing was understood: with keys it will be.
        return _with_keys_now(replace(talk, refused_person=True), free)
    if isinstance(talk.question, Offering) and meaning.answer == "no":
        return _refuse(talk, talk.question.windows, free)
    told = any(value is not None for value in _told(talk, meaning).values())
    if isinstance(talk.question, AnotherTime) and (meaning.answer == "yes" or told):
        return _offer(talk, free, Why.ASKED if told else Why.OTHERS)
    willing = meaning.answer or meaning.hello or meaning.purpose or told
    if isinstance(talk.question, Greet) and willing:
        return _go_on(talk, free)
    if isinstance(talk.question, Introduce) and (meaning.answer or meaning.purpose or told):
        # «כן?» of somebody who does not know yet who calls is no consent.
        knows = talk.language in talk.announced
        return _go_on(talk, free) if knows else _act(talk, Introduce())
    if meaning.repeat or meaning.hello:
        return _act(talk, _plainly(talk))
    if isinstance(talk.question, Offering) and meaning.answer == "yes":
        return _act(talk, Offer(talk.question.windows, Why.AGAIN))
    return _miss(talk)


def _with_keys_now(talk: Talk, free: Sequence[Window]) -> Talk:
    slot = missing(talk.wish, talk.profile.asked)
    if slot is not None:
        return _act(talk, _menu(talk, slot))
    offered = _offer(talk, free, Why.ASKED)
    if isinstance(offered.act, Offer):
        return _act(offered, WindowMenu(offered.act.windows))
    return offered


def _learn(talk: Talk, meaning: Understood) -> Wish:
    wish = talk.wish
    for slot, value in _told(talk, meaning).items():
        wish = wish if value is None else fill(wish, slot, value)
    asked = _asked(talk)
    if meaning.no_matter and asked is not None:
        wish = leave_open(wish, asked)
    return wish


def _told(talk: Talk, meaning: Understood) -> dict[Slot, Value | None]:
    budget = meaning.budget
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "yes":
        budget = budget or talk.question.amount
    told: dict[Slot, Value | None] = {}
    for topic in talk.profile.topics:
        match topic.answers:
            case Choices():
                keys = meaning.chosen(topic.key)
                told[topic.key] = keys[0] if len(keys) == 1 else None
            case Money():
                told[topic.key] = None if meaning.unclear_budget else budget
            case Count():
                told[topic.key] = dict(meaning.counts).get(topic.key)
            case Time():
                told[topic.key] = meaning.when or _bare_clock(talk, meaning)
            case Name():
                told[topic.key] = meaning.name
            case Phone():
                told[topic.key] = meaning.phone
            case other:
                assert_never(other)
    return told


def _asked(talk: Talk) -> Slot | None:
    match talk.question:
        case Ask(slot) | Narrow(slot) | Menu(slot):
            return slot
        case ConfirmBudget():
            return _budget(talk)
        case Greet() | Introduce() | OfferPerson() | ConfirmCancel() | AnotherTime():
            return None
        case Offer() | WhichOne() | WindowMenu():
            return None
        case _:
            assert_never(talk.question)


def _budget(talk: Talk) -> Slot:
    """Only where there is one can an amount be understood."""
    slot = talk.profile.slot_of(Money)
    assert slot is not None
    return slot


def _news(before: Wish, after: Wish) -> frozenset[Slot]:
    return frozenset(slot for slot, _ in set(before.values) ^ set(after.values))


def _bare_clock(talk: Talk, meaning: Understood) -> When | None:
    """“At what time?” “Ten.”"""
    asked_time = _asked(talk) == talk.profile.time or isinstance(talk.question, Offering)
    number = meaning.number
    if not asked_time or number is None or not 1 <= number < 24 or number * 4 % 1:
        return None
    return When(clock=int(number * 60))


def _clear_up_budget(talk: Talk, meaning: Understood) -> Talk:
    slot = _budget(talk)
    talk = replace(talk, wish=forget(talk.wish, slot))
    guess = meaning.budget_guess
    if guess is not None and guess != _refuted(talk, meaning):
        return _miss_with(talk, ConfirmBudget(guess))
    return _miss_with(talk, Ask(slot, Manner.AGAIN))


def _refuted(talk: Talk, meaning: Understood) -> int | None:
    """«לא, שבע»: the guess that the caller has just denied."""
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return talk.question.amount
    return None


def _go_on(talk: Talk, free: Sequence[Window]) -> Talk:
    slot = missing(talk.wish, talk.profile.asked)
    if slot is None:
        return _offer(talk, free, Why.ASKED)
    return _act(talk, _question(talk, slot))


def _question(talk: Talk, slot: Slot) -> Question:
    return _menu(talk, slot) if talk.keypad else Ask(slot)


def _menu(talk: Talk, slot: Slot) -> Question:
    """Names and numbers have none."""
    return Menu(slot) if _has_menu(talk, slot) else Ask(slot, Manner.OTHER_WORDS)


def _has_menu(talk: Talk, slot: Slot) -> bool:
    return menu.pages(talk.profile, slot) > 0


def _offer(talk: Talk, free: Sequence[Window], why: Why) -> Talk:
    windows, fit = choose(free, _wanted(talk) or When(), talk.refused)
    if not windows:
        return _act(talk, Goodbye(Ending.FULL))
    if why is Why.ASKED and fit is Fit.OTHER:
        why = Why.NOTHING_THEN
    if why is Why.ASKED and fit is Fit.BEYOND:
        why = Why.BEYOND
    return _act(talk, WindowMenu(windows) if talk.keypad else Offer(windows, why))


def _wanted(talk: Talk) -> When | None:
    when = talk.wish.get(talk.profile.time)
    return when if isinstance(when, When) else None


def _refuse(talk: Talk, windows: Sequence[Window], free: Sequence[Window]) -> Talk:
    talk = replace(
        talk,
        refused=talk.refused | {window.start for window in windows},
        refusals=talk.refusals + 1,
        misses=0,
    )
    left = any(window.start not in talk.refused for window in free)
    if left and talk.refusals % REFUSALS_BEFORE_ASKING == 0 and not talk.keypad:
        talk = replace(talk, wish=forget(talk.wish, talk.profile.time))
        return _act(talk, Ask(talk.profile.time, Manner.ANOTHER_DAY))
    return _offer(talk, free, Why.OTHERS)


def _choice(talk: Talk, question: Offering, meaning: Understood) -> Talk | None:
    """The turn as a choice among the windows on offer; None if it is none."""
    meant = _picked(question.windows, meaning)
    picked = [window for window in meant if window in talk.heard]
    if len(picked) == 1 and meaning.answer == "no":
        # «לא הראשון»: “no, the first” or “not the first”?
        return _act(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if len(picked) == 1:
        return _booking(talk, question, picked[0], meaning)
    if len(picked) > 1:
        return _act(replace(talk, misses=0), Offer(tuple(picked), Why.AGAIN))
    if meaning.answer == "yes" and meaning.when is None and not meaning.ordinals:
        accepted = _accepted(talk, question)
        if accepted is None or accepted not in talk.heard or meaning.wait or meaning.repeat:
            return None
        return _booking(talk, question, accepted, meaning)
    if meaning.ordinals or meant:
        return _miss_with(talk, Offer(question.windows, Why.AGAIN))
    return None


def _booking(talk: Talk, question: Offering, window: Window, meaning: Understood) -> Talk:
    """Only a plain choice books. «ביום ראשון אני בחו״ל» names a window as well: that one is read
    back, and booked on a yes."""
    if not (meaning.doubtful or meaning.wait or meaning.repeat or meaning.cancel):
        return _act(replace(talk, misses=0), Book(window))
    again = Offer((window,), Why.AGAIN)
    if question.windows == again.windows:
        return _miss_with(talk, again)
    return _act(replace(talk, misses=0), again)


def _accepted(talk: Talk, question: Offering) -> Window | None:
    """What a plain “yes” accepts: the only window, or the very one that was asked for."""
    asked = _wanted(talk)
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
    return _miss_with(talk, _gently(talk, talk.misses + 1))


def _miss_with(talk: Talk, question: Question) -> Talk:
    """Another turn that did not help; after some of them keys do, after more it is goodbye."""
    misses = talk.misses + 1
    talk = replace(talk, misses=misses)
    unheard = isinstance(question, Introduce) and misses >= MISSES_BEFORE_MENU
    if misses >= MISSES_BEFORE_GOODBYE or unheard:
        return _act(talk, Goodbye(Ending.LOST))
    offers = talk.profile.people and not talk.refused_person and not talk.keypad
    if misses >= MISSES_BEFORE_MENU and offers and not isinstance(talk.question, OfferPerson):
        return _act(talk, OfferPerson())
    if misses >= MISSES_BEFORE_MENU or talk.keypad:
        return _act(talk, _with_keys(talk, question))
    return _act(talk, question)


def _next(talk: Talk) -> Slot:
    """What is asked for next; of a wish that is complete, the first."""
    return missing(talk.wish, talk.profile.asked) or talk.profile.asked[0]


def _gently(talk: Talk, misses: int) -> Question:
    """The same question for the first and the second time that it is not answered."""
    first, question = misses == 1, talk.question
    match question:
        case Greet():
            return Greet(Manner.AGAIN) if first else Ask(_next(talk), Manner.OTHER_WORDS)
        case Introduce():
            return Introduce(Manner.PLAIN if first else Manner.AGAIN)
        case Ask(slot) | Narrow(slot):
            return Ask(slot, Manner.AGAIN if first else Manner.OTHER_WORDS)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN) if first else WhichOne(windows)
        case ConfirmBudget() | OfferPerson() | Menu() | WindowMenu():
            return question
        case ConfirmCancel() | AnotherTime():
            return question
        case _:
            assert_never(question)


def _with_keys(talk: Talk, question: Question) -> Question:
    match question:
        case Greet():
            return Greet() if talk.keypad else _menu(talk, _next(talk))
        case OfferPerson() | Introduce() | ConfirmCancel() | AnotherTime():
            return question
        case Ask(slot) | Narrow(slot):
            return _menu(talk, slot)
        case ConfirmBudget():
            return Menu(_budget(talk))
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
            return Greet() if talk.keypad else _question(talk, _next(talk))
        case Introduce():
            heard = talk.language in talk.announced
            return Introduce(Manner.AGAIN if heard else Manner.PLAIN)
        case Ask(slot) | Narrow(slot):
            return Ask(slot)
        case Offer(windows) | WhichOne(windows):
            return Offer(windows, Why.AGAIN)
        case ConfirmBudget() | OfferPerson() | Menu() | WindowMenu():
            return talk.question
        case ConfirmCancel() | AnotherTime():
            return talk.question
        case _:
            assert_never(talk.question)


def _press(talk: Talk, digits: str, free: Sequence[Window]) -> Talk:
    keys = set(digits.strip("*#"))
    digit = keys.pop() if len(keys) == 1 else ""
    number = digits.strip("*#")
    if _asks_for_phone(talk) and number.isdecimal() and len(number) >= _PHONE_DIGITS:
        return _respond(talk, Understood(phone=number), free)
    match talk.question:
        case Greet() if talk.keypad:
            return _press_language(talk, digit, free)
        case Greet():
            return _act(talk, _menu(talk, _next(talk)))
        case Menu(slot, page):
            if digit == menu.MORE and menu.has_more(talk.profile, slot):
                return _act(talk, Menu(slot, (page + 1) % menu.pages(talk.profile, slot)))
            chosen = menu.choice(talk.profile, slot, page, digit)
            if chosen is None:
                return _miss(talk)
            return _respond(replace(talk, keypad=True), chosen, free)
        case Ask(slot) | Narrow(slot):
            return _miss_with(talk, _menu(talk, slot))
        case ConfirmBudget() | OfferPerson() | Introduce() | ConfirmCancel() | AnotherTime():
            return _press_yes_or_no(talk, digit, free)
        case Offer() | WhichOne() | WindowMenu():
            return _press_window(talk, talk.question, digit, free)
        case _:
            assert_never(talk.question)


def _asks_for_phone(talk: Talk) -> bool:
    asked = _asked(talk)
    return asked is not None and isinstance(talk.profile.topic(asked).answers, Phone)


def _press_language(talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    languages = talk.profile.languages
    if not digit.isdecimal() or not 1 <= int(digit) <= len(languages):
        return _miss(talk)
    return _go_on(replace(talk, language=languages[int(digit) - 1], misses=0), free)


def _press_yes_or_no(talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    if digit == "1":
        return _respond(talk, Understood(answer="yes"), free)
    if digit == "2":
        return _respond(talk, Understood(answer="no"), free)
    if not isinstance(talk.question, ConfirmBudget):
        return _miss(talk)
    return _act(talk, Menu(_budget(talk)))


def _press_window(talk: Talk, question: Offering, digit: str, free: Sequence[Window]) -> Talk:
    if digit == menu.MORE:
        return _refuse(talk, question.windows, free)
    if digit in ("1", "2", "3"):
        return _respond(talk, Understood(ordinals=(int(digit),)), free)
    return _miss_with(talk, WindowMenu(question.windows))
