"""Decides the next act of a call from what is known, what was just understood, and the windows
that are free. It never words anything, and books nothing itself."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import assert_never

from engine.core.effects import Occasion
from engine.dialogue import menu
from engine.dialogue.acts import (
    AnotherTime,
    Ask,
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
    Rest,
    StillThere,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.answers import (
    ambiguous,
    budget_slot,
    in_answer,
    learn,
    news,
    slot_asked,
    values_told,
)
from engine.dialogue.booking import (
    about_the_meeting,
    after_booking,
    asks_nothing,
    is_untold,
    left_standing,
    tell_again,
)
from engine.dialogue.endings import called_off, enough, parted
from engine.dialogue.hours import Window
from engine.dialogue.machine import takes_messages
from engine.dialogue.offers import choice, offer, refuse
from engine.dialogue.profile import Name, Phone, Profile
from engine.dialogue.questions import (
    MISSES_BEFORE_MENU,
    has_menu,
    menu_for,
    miss,
    miss_with,
    next_slot,
    open_question,
    plainly,
    question_for,
)
from engine.dialogue.talk import Recording, Talk, Turn, acting
from engine.dialogue.understand import Understood
from engine.dialogue.unrecorded import refuses_recording
from engine.dialogue.wish import Wish, fill, forget, leave_open, missing

RECENT = 3
"""Turns: machines that answer each other may say two things in turn."""
MOST_MESSAGES = 2
"""Times that a message is begun: the tone of the machine may cut the first."""
LONGEST_GREETING = 6
"""Turns: a machine that still talks then is spoken to."""

_NEAR, _LONG = 0.9, 3
_PHONE_DIGITS = 7
_LEADS = {Occasion.MONOLOGUE: Lead.MONOLOGUE, Occasion.LATE: Lead.LATE}


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
    return left_standing(_answered(talk, turn, free))


def _answered(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    no_recording = refuses_recording(turn.words)
    recording = Recording.REFUSED if no_recording else _told_of_recording(talk, turn)
    talk = replace(_counted(talk, turn), recording=recording, learned=frozenset(), lead=None)
    if isinstance(talk.act, Offer | WhichOne | WindowMenu | Confirm | ConfirmCancel | AnotherTime):
        talk = replace(talk, heard=_in_order(talk.heard, turn.heard))
    meaning = turn.meaning
    if meaning.distress:
        return acting(_in_language(talk, meaning), Distress(*talk.profile.people[:1]))
    ending = enough(talk, turn.occasion)
    if ending is not None:
        return acting(talk, Goodbye(ending))
    ending = called_off(talk, turn)
    if ending is not None:
        return acting(_in_language(talk, meaning), Goodbye(ending))
    if no_recording:
        return _unrecorded(_in_language(talk, meaning), turn, free)
    if talk.booked is not None:
        return after_booking(_in_language(talk, meaning), talk.booked, turn, free)
    if is_untold(talk):
        return tell_again(_in_language(talk, meaning), meaning)
    if talk.outbound and (talk.greetings or takes_messages(turn.words)):
        return _to_machine(_in_language(talk, meaning), turn.words)
    return _press(talk, turn.digits, free) if turn.digits else _by_occasion(talk, turn, free)


def _by_occasion(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    match turn.occasion:
        case Occasion.SILENCE:
            return _unheard(talk)
        case Occasion.NOISE if not talk.keypad:
            return acting(replace(talk, noisy=True, lead=Lead.NOISE), plainly(talk))
        case Occasion.LATE if not turn.words:
            return acting(replace(talk, lead=Lead.LATE), plainly(talk))
    answered = _respond(_in_language(talk, turn.meaning), turn.meaning, free)
    return replace(answered, lead=answered.lead or _LEADS.get(turn.occasion))


def _unrecorded(talk: Talk, turn: Turn, free: Sequence[Window]) -> Talk:
    """The call goes on: with what else was said, or with the question that stands."""
    # «לא רוצה הקלטה» says no to nothing else.
    meaning = replace(turn.meaning, answer=None, correction=False, wait=False, maybe_name=None)
    if talk.booked is not None:
        talk = after_booking(talk, talk.booked, replace(turn, meaning=meaning), free)
    elif meaning.tells_a_wish or meaning.human:
        talk = _respond(talk, meaning, free)
    else:
        talk = acting(talk, plainly(talk))
    return replace(talk, lead=Lead.UNRECORDED)


def _unheard(talk: Talk) -> Talk:
    """A caller who is silent is asked whether he is there, then the question; keys are looked for,
    so a menu is only said again."""
    if talk.silences <= 0:
        return acting(talk, Rest())
    if talk.silences == 1 and not talk.keypad:
        return acting(talk, StillThere())
    return acting(replace(talk, lead=Lead.STILL_HERE), plainly(talk))


def _to_machine(talk: Talk, words: str) -> Talk:
    """Its greeting is heard out: the tone after it, or the silence, is where the message begins."""
    if words and talk.greetings < LONGEST_GREETING:
        return acting(replace(talk, greetings=talk.greetings + 1), Rest())
    if talk.messages == MOST_MESSAGES:
        return acting(talk, Goodbye(Ending.MACHINE))
    return acting(replace(talk, messages=talk.messages + 1), LeaveMessage())


def _counted(talk: Talk, turn: Turn) -> Talk:
    before = (talk.words, *talk.before)[:RECENT]
    echo = len(turn.words.split()) >= _LONG and any(_alike(one, turn.words) for one in before)
    silent = turn.occasion is Occasion.SILENCE
    return replace(
        talk,
        turns=talk.turns + 1,
        announced=talk.announced | turn.announced,
        words=turn.words,
        before=before,
        echoes=talk.echoes + 1 if echo else 0,
        silences=talk.silences + 1 if silent else 0,
        noisy=talk.noisy and not (turn.digits or turn.meaning),
        idle=0 if talk.learned else talk.idle + bool(turn.words),
    )


def _told_of_recording(talk: Talk, turn: Turn) -> Recording:
    tells = turn.recorded and turn.announced and talk.recording is Recording.UNTOLD
    return Recording.TOLD if tells else talk.recording


def agrees_to_recording(talk: Talk) -> bool:
    """The caller has heard of it in the language that is spoken now, and has not said no."""
    return talk.recording is Recording.TOLD and talk.language in talk.announced


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other)
    return matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR


def resumed(talk: Talk, lead: Lead, free: Sequence[Window]) -> Talk:
    """The caller is with us again: what stood open is asked again, what was booked is told again,
    and who should get a person still does, unless there is none."""
    talk = replace(talk, lead=lead, turns=max(talk.turns, 1))
    if lead is Lead.UNANSWERED:
        return _without_person(replace(talk, refused_person=True), free)
    if talk.booked is not None and not isinstance(talk.question, ConfirmCancel | AnotherTime):
        return acting(talk, Confirm(talk.booked))
    return talk if isinstance(talk.act, HandOver) else acting(talk, open_question(talk))


def _without_person(talk: Talk, free: Sequence[Window]) -> Talk:
    if talk.meeting is not None:
        talk = replace(talk, booked=talk.meeting, leaving=None, lead=Lead.NO_PERSON)
        return asks_nothing(talk, Goodbye(Ending.STANDS))
    if isinstance(talk.question, OfferPerson):
        return _with_keys_now(talk, free)
    return acting(talk, open_question(talk))


def _in_order(one: Sequence[Window], other: Sequence[Window]) -> tuple[Window, ...]:
    return tuple(sorted({*one, *other}, key=lambda window: window.start))


def _in_language(talk: Talk, meaning: Understood) -> Talk:
    """The caller's language, once words of it were understood; before that, what it sounds like."""
    if meaning.language not in talk.profile.languages or meaning.language is None:
        return talk
    if meaning or isinstance(talk.question, Greet | Introduce):
        return replace(talk, language=meaning.language)
    return talk


def _respond(talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    meaning = in_answer(talk, meaning)
    if talk.leaving is not None:
        settled = about_the_meeting(talk, talk.leaving, meaning)
        if settled is not None:
            return settled
    here = isinstance(talk.act, StillThere) and talk.words
    if here and not replace(meaning, answer=None, hello=False):
        # «כן» says that he is there, and answers nothing else.
        return acting(talk, plainly(talk))
    if not meaning:
        return _not_understood(talk, free)
    if meaning.language is not None:
        talk = replace(talk, keypad=False)
    parting = parted(talk, meaning)
    if parting is not None:
        return parting
    if isinstance(talk.question, Offer | WhichOne | WindowMenu):
        chosen = choice(talk, talk.question, meaning)
        if chosen is not None:
            return chosen
    wish = learn(talk, meaning)
    changed = replace(talk, wish=wish, learned=news(talk.wish, wish))
    if meaning.unclear_budget:
        return _clear_up_budget(changed, meaning)
    several = ambiguous(talk.profile, meaning)
    if several is not None:
        return miss_with(replace(changed, wish=forget(wish, several)), Narrow(several))
    if wish != talk.wish:
        return _go_on(replace(changed, misses=0), free)
    return _without_news(talk, meaning, free)


def _not_understood(talk: Talk, free: Sequence[Window]) -> Talk:
    asked = slot_asked(talk)
    patience = talk.misses + 1 < MISSES_BEFORE_MENU
    if asked is None or patience or has_menu(talk, asked):
        return miss(talk)
    # Nobody is lost because of a name that cannot be heard.
    return _go_on(replace(talk, misses=0, wish=leave_open(talk.wish, asked)), free)


def _without_news(talk: Talk, meaning: Understood, free: Sequence[Window]) -> Talk:
    """Understood, but nothing about the wish."""
    if meaning.wait:
        return acting(talk, Wait())
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return acting(replace(talk, misses=0), Ask(budget_slot(talk)))
    if isinstance(talk.question, OfferPerson):
        # It was offered because nothing was understood: with keys it will be.
        return _with_keys_now(replace(talk, refused_person=True), free)
    if isinstance(talk.question, Offering) and meaning.answer == "no":
        return refuse(talk, talk.question.windows, free)
    told = any(value is not None for value in values_told(talk, meaning).values())
    if isinstance(talk.question, AnotherTime) and (meaning.answer == "yes" or told):
        return offer(talk, free, Why.ASKED if told else Why.OTHERS)
    willing = meaning.answer or meaning.hello or meaning.purpose or told
    if isinstance(talk.question, Greet) and willing:
        return _go_on(talk, free)
    if isinstance(talk.question, Introduce) and (meaning.answer or meaning.purpose or told):
        # «כן?» of somebody who does not know yet who calls is no consent.
        knows = talk.language in talk.announced
        return _go_on(talk, free) if knows else acting(talk, Introduce())
    if meaning.repeat or meaning.hello:
        return acting(talk, plainly(talk))
    if isinstance(talk.question, Offering) and meaning.answer == "yes":
        return acting(talk, Offer(talk.question.windows, Why.AGAIN))
    return miss(talk)


def _with_keys_now(talk: Talk, free: Sequence[Window]) -> Talk:
    slot = missing(talk.wish, talk.profile.asked)
    if slot is not None:
        return acting(talk, menu_for(talk, slot))
    offered = offer(talk, free, Why.ASKED)
    if isinstance(offered.act, Offer):
        return acting(offered, WindowMenu(offered.act.windows))
    return offered


def _clear_up_budget(talk: Talk, meaning: Understood) -> Talk:
    slot = budget_slot(talk)
    talk = replace(talk, wish=forget(talk.wish, slot))
    guess = meaning.budget_guess
    if guess is not None and guess != _refuted(talk, meaning):
        return miss_with(talk, ConfirmBudget(guess))
    return miss_with(talk, Ask(slot, Manner.AGAIN))


def _refuted(talk: Talk, meaning: Understood) -> int | None:
    """«לא, שבע»: the guess that the caller has just denied."""
    if isinstance(talk.question, ConfirmBudget) and meaning.answer == "no":
        return talk.question.amount
    return None


def _go_on(talk: Talk, free: Sequence[Window]) -> Talk:
    slot = missing(talk.wish, talk.profile.asked)
    if slot is None:
        return offer(talk, free, Why.ASKED)
    return acting(talk, question_for(talk, slot))


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
            return acting(talk, menu_for(talk, next_slot(talk)))
        case Menu(slot, page):
            if digit == menu.MORE and menu.has_more(talk.profile, slot):
                return acting(talk, Menu(slot, (page + 1) % menu.pages(talk.profile, slot)))
            chosen = menu.choice(talk.profile, slot, page, digit)
            if chosen is None:
                return miss(talk)
            return _respond(replace(talk, keypad=True), chosen, free)
        case Ask(slot) | Narrow(slot):
            return miss_with(talk, menu_for(talk, slot))
        case ConfirmBudget() | OfferPerson() | Introduce() | ConfirmCancel() | AnotherTime():
            return _press_yes_or_no(talk, digit, free)
        case Offer() | WhichOne() | WindowMenu():
            return _press_window(talk, talk.question, digit, free)
        case _:
            assert_never(talk.question)


def _asks_for_phone(talk: Talk) -> bool:
    asked = slot_asked(talk)
    return asked is not None and isinstance(talk.profile.topic(asked).answers, Phone)


def _press_language(talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    languages = talk.profile.languages
    if not digit.isdecimal() or not 1 <= int(digit) <= len(languages):
        return miss(talk)
    return _go_on(replace(talk, language=languages[int(digit) - 1], misses=0), free)


def _press_yes_or_no(talk: Talk, digit: str, free: Sequence[Window]) -> Talk:
    if digit == "1":
        return _respond(talk, Understood(answer="yes"), free)
    if digit == "2":
        return _respond(talk, Understood(answer="no"), free)
    if not isinstance(talk.question, ConfirmBudget):
        return miss(talk)
    return acting(talk, Menu(budget_slot(talk)))


def _press_window(talk: Talk, question: Offering, digit: str, free: Sequence[Window]) -> Talk:
    if digit == menu.MORE:
        return refuse(talk, question.windows, free)
    if digit in ("1", "2", "3"):
        return _respond(talk, Understood(ordinals=(int(digit),)), free)
    return miss_with(talk, WindowMenu(question.windows))
