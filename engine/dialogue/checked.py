"""What a model proposes, checked before it counts: is what it understood borne out by the words,
is its sentence fit to be spoken? In doubt it is dropped; there is always a phrase of our own.

A sentence of the model's is made of harmless words only: a name, a place or a fact that no list
here has cannot be said."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import assert_never

from engine.dialogue import vocabulary as say
from engine.dialogue.acts import (
    Act,
    AnotherTime,
    Ask,
    ConfirmBudget,
    ConfirmCancel,
    Greet,
    Introduce,
    Menu,
    Narrow,
    Offer,
    OfferPerson,
    Question,
    WhichOne,
    WindowMenu,
)
from engine.dialogue.harmless import HARMLESS
from engine.dialogue.hebrew import without_points
from engine.dialogue.numerals import number_at
from engine.dialogue.phrases import MOST_WORDS, count_words
from engine.dialogue.profile import (
    Answers,
    Choice,
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
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When

_SHORT, _FEW = 3, 6
"""Words. A short answer hides nothing that the rules miss; in a few words, what was asked for is
all there is."""
_MUCH = 3
"""Slots that one sentence can be expected to tell."""


def suffices(profile: Profile, question: Question, found: Understood, words: str) -> bool:
    """What the rules found is all that a model could find."""
    if found.distress:
        return True
    number = len(_tokens(words))
    if sum(_tells(profile, slot, found) for slot in profile.asked) >= _MUCH:
        return True
    answered = number <= _FEW and answers(profile, question, found)
    return bool(found) and (number <= _SHORT or answered)


def answers(profile: Profile, question: Question, found: Understood) -> bool:
    """The rules found what was asked for."""
    match question:
        case Ask(slot) | Narrow(slot) | Menu(slot):
            return found.no_matter or _tells(profile, slot, found)
        case ConfirmBudget():
            money = profile.slot_of(Money)
            return found.answer is not None or (money is not None and _tells(profile, money, found))
        case Offer() | WhichOne() | WindowMenu():
            chosen = found.answer is not None or found.ordinals != ()
            return chosen or _tells(profile, profile.time, found)
        case Greet():
            return any(len(found.chosen(slot)) == 1 for slot in profile.asked)
        case OfferPerson() | Introduce() | ConfirmCancel():
            return found.answer is not None
        case AnotherTime():
            return found.answer is not None or _tells(profile, profile.time, found)
        case _:
            assert_never(question)


def _tells(profile: Profile, slot: Slot, found: Understood) -> bool:
    match profile.topic(slot).answers:
        case Choices():
            return len(found.chosen(slot)) == 1
        case Money():
            return found.budget is not None or found.unclear_budget or found.number is not None
        case Count():
            return slot in dict(found.counts) or found.number is not None
        case Time():
            return found.when is not None or found.number is not None
        case Name():
            return found.name is not None
        case Phone():
            return found.phone is not None
        case other:
            assert_never(other)


def merged(
    profile: Profile, question: Question, words: str, rules: Understood, model: Understood
) -> Understood:
    """The rules' reading, and of the model's what they did not find and the words bear out."""
    numbers = _numbers(_tokens(words))
    named = _names(_tokens(words), profile)
    offering = isinstance(question, Offer | WhichOne | WindowMenu)
    found = replace(
        rules,
        language=rules.language or model.language,
        choices=_choices(profile, rules, model, named),
        counts=_counts(profile, rules, model, numbers),
        when=rules.when or _borne_out(model.when, numbers),
        name=rules.name or _said_name(model.name, words),
        ordinals=rules.ordinals or (model.ordinals if offering else ()),
    )
    # A “yes” can book a meeting: it must have been said.
    if model.answer == "no" or (model.answer == "yes" and not offering):
        found = replace(found, answer=rules.answer or model.answer)
    if offering and _is_doubtful_choice(words, rules, found):
        # It is read back, as «לא הראשון» is, and booked on a yes.
        found = replace(found, answer="no")
    if rules.budget is None and rules.budget_guess is None and _is_said(model.budget, numbers):
        found = replace(found, unclear_budget=True, budget_guess=model.budget)
    return found if rules else _with_flags(found, model)


def _is_doubtful_choice(words: str, rules: Understood, found: Understood) -> bool:
    """Only the model has heard it; or it is a number among many words: “a better one than that”."""
    if (found.ordinals, found.when) != (rules.ordinals, rules.when):
        return True
    bare = rules.number is not None and not rules.ordinals and rules.when is None
    return bare and len(_tokens(words)) > _FEW


def _known(keys: Iterable[str], choices: Iterable[Choice], named: set[str]) -> tuple[str, ...]:
    """Those that there are. One that was named by its name the rules have seen, and have left out
    for a reason: «לא ביפו»."""
    known = {choice.key for choice in choices}
    return tuple(key for key in keys if key in known and key not in named)


def _choices(
    profile: Profile, rules: Understood, model: Understood, named: set[str]
) -> tuple[tuple[Slot, tuple[str, ...]], ...]:
    found = (
        (slot, rules.chosen(slot) or _known(model.chosen(slot), choices, named))
        for slot, choices in profile.choices.items()
    )
    return tuple((slot, keys) for slot, keys in found if keys)


def _counts(
    profile: Profile, rules: Understood, model: Understood, numbers: Sequence[float]
) -> tuple[tuple[Slot, float], ...]:
    borne_out = {slot: number for slot, number in model.counts if number in numbers}
    found = {**borne_out, **dict(rules.counts)}
    return tuple((topic.key, found[topic.key]) for topic in profile.topics if topic.key in found)


def _said_name(name: str | None, words: str) -> str | None:
    """Each of its words must have been said."""
    said = name is not None and bool(_tokens(name)) and set(_tokens(name)) <= set(_tokens(words))
    return name if said else None


def _borne_out(when: When | None, numbers: Sequence[float]) -> When | None:
    """A clock time must have been said."""
    if when is None or when.clock is None:
        return when
    hours = {int(number) % 12 for number in numbers}
    if when.clock // 60 % 12 in hours:
        return when
    rest = replace(when, clock=None)
    return rest if rest != When() else None


def _is_said(amount: int | None, numbers: Sequence[float]) -> bool:
    """As “seven” for seven thousand, at least."""
    scales = (1, 1_000, 1_000_000)
    return amount is not None and any(
        number * scale == amount for number in numbers for scale in scales
    )


def _with_flags(found: Understood, model: Understood) -> Understood:
    """Goodbye ends the call: it counts only if there was nothing else."""
    return replace(
        found,
        no_matter=model.no_matter,
        wait=model.wait,
        repeat=model.repeat,
        hello=model.hello,
        purpose=model.purpose,
        thanks=model.thanks,
        goodbye=model == Understood(language=model.language, goodbye=True),
    )


def fits(
    sentence: str,
    act: Act,
    own: str,
    language: Language,
    profile: Profile,
    *,
    before: Sequence[str] = (),
) -> bool:
    """May this be said after `before`, in the place of our `own` question or leading up to it?"""
    if not _PLAIN[language].fullmatch(sentence):
        return False
    asks = sentence.endswith("?")
    tokens = _tokens(sentence)
    reply = (*before, sentence) if asks else (*before, sentence, own)
    slot = act.slot if isinstance(act, Ask | Narrow) else None
    return (
        slot is not None
        and count_words(reply) <= MOST_WORDS
        and _topics(tokens, profile) == ({slot} if asks else set())
        and _is_harmless(tokens, _harmless(profile, language).union(_tokens(own)))
        and not _has(tokens, _UNFIT if asks else _UNFIT | _CLAIMS)
        and (not (facts := _facts(sentence, profile)) or facts <= _facts(own, profile))
        and _strange_names(sentence) <= set(tokens) & set(_tokens(own))
    )


_PREFIXES = frozenset("בלמהושכ")
_PLAIN: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"[A-Z][A-Za-z',’ -]{0,150}[.!?]"),
    "he": re.compile(r"[א-ת][\u0591-\u05c7א-ת'\"׳״, -]{0,250}[.!?]"),
}
"""One sentence in the language's own letters: no digits, no marks, nothing that is not spoken."""


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub("[’'׳\"״]", "", without_points(text).lower()))


@lru_cache(maxsize=4096)
def _forms(token: str) -> tuple[str, ...]:
    """The word, and what it is without one or two Hebrew prefixes."""
    ends = (end for end in (1, 2) if len(token) > end + 1 and set(token[:end]) <= _PREFIXES)
    return (token, *(token[end:] for end in ends))


def _has(tokens: Iterable[str], words: frozenset[str]) -> bool:
    return any(form in words for token in tokens for form in _forms(token))


def _is_harmless(tokens: Iterable[str], words: Collection[str]) -> bool:
    return all(any(form in words for form in _forms(token)) for token in tokens)


def _harmless(profile: Profile, language: Language) -> frozenset[str]:
    """With the words in which this business asks."""
    return HARMLESS[language].union(*(t.about | t.also_about for t in profile.topics))


def _topics(tokens: Sequence[str], profile: Profile) -> set[str]:
    about = {topic.key: topic.about | _about(topic.answers) for topic in profile.topics}
    known = frozenset[str]().union(*about.values())
    topics = {slot for slot, words in about.items() if _has(tokens, words)}
    if _has(tokens, _ABOUT_OTHERS - known):
        topics.add("something else")
    also = {topic.key for topic in profile.topics if _has(tokens, topic.also_about)}
    return topics or also


def _about(answers: Answers) -> frozenset[str]:
    match answers:
        case Money():
            return _ABOUT_MONEY
        case Time():
            return _ABOUT_TIME
        case Name():
            return _ABOUT_NAMES
        case Phone():
            return _ABOUT_PHONES
        case Choices() | Count():
            return frozenset()
        case _:
            assert_never(answers)


def _facts(text: str, profile: Profile) -> set[str]:
    """What could be wrong about a sentence: numbers, days, parts of the day, places, months."""
    tokens = _tokens(text)
    understood = understand(text, profile)
    facts = {f"{number:g}" for number in _numbers(tokens)}
    facts |= {*_names(tokens, profile), *(key for _, keys in understood.choices for key in keys)}
    facts |= {name for name, phrases in _TIMES.items() if _has_phrase(tokens, phrases)}
    return facts | {form for token in tokens for form in _forms(token) if form in _MONTHS}


def _numbers(tokens: Sequence[str]) -> list[float]:
    found = (number_at(tokens, start) for start in range(len(tokens)))
    return [number.value for number in found if number is not None]


def _names(tokens: Sequence[str], profile: Profile) -> set[str]:
    """Choices that are named by their names."""
    return {
        key
        for choices in profile.choices.values()
        for key, phrases in _phrases_of(choices).items()
        if _has_phrase(tokens, phrases)
    }


@lru_cache(maxsize=64)
def _phrases_of(choices: tuple[Choice, ...]) -> dict[str, say.Phrases]:
    """The names of each, without articles, by their first word."""
    found: dict[str, say.Phrases] = {}
    for choice in choices:
        phrases = found.setdefault(choice.key, {})
        for name in (choice.he, choice.en, *choice.aliases):
            words = tuple(word for word in _tokens(name) if word not in ("a", "an", "the"))
            if not words:
                continue
            phrases[words[0]] = (*phrases.get(words[0], ()), words)
    return found


def _has_phrase(tokens: Sequence[str], phrases: say.Phrases) -> bool:
    return any(
        tuple(tokens[start + 1 : start + len(phrase)]) == phrase[1:]
        for start, token in enumerate(tokens)
        for form in _forms(token)
        for phrase in phrases.get(form, ())
    )


def _strange_names(sentence: str) -> set[str]:
    """English words with a capital letter that no rule of writing gives them."""
    first, *others = re.findall(r"[A-Za-z'’]+", sentence) or [""]
    names = [word for word in others if word[:1].isupper() and not re.match(r"I(['’]|$)", word)]
    if first and first.lower().replace("’", "'") not in _OPENERS:
        names.append(first)
    return {token for name in names for token in _tokens(name)}


_TIMES: dict[str, say.Phrases] = {
    "next week": say.NEXT_WEEK,
    **{f"day {day}": phrases for day, phrases in say.WEEKDAYS.items()},
    **{f"day or place {day}": phrases for day, phrases in say.WEEKDAY_OR_ORDINAL.items()},
    **{f"in {days} days": phrases for days, phrases in say.DAYS_AHEAD.items()},
    **{f"place {place}": phrases for place, phrases in say.ORDINALS.items()},
    **dict(say.PARTS.items()),
}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MONTHS = _set(
    "january february march april june july august september october november december"
    " ינואר פברואר מרץ מרס אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר"
)
_ABOUT_MONEY = _set(
    "spend pay price prices priced cost costs afford much money shekel shekels dollar dollars euro"
    " euros pound pounds"
    " כמה לשלם תשלמו להוציא סכום מחיר מחירים עלות שקל שקלים כסף"
)
_ABOUT_TIME = _set(
    "when day days date time times hour hours minute minutes week weeks month months year"
    " years oclock am pm soon מתי יום ימים תאריך שעה שעות דקה דקות שבוע שבועות חודש חודשים"
    " שנה שנים זמן זמנים מועד מועדים נפגש בקרוב"
)
_ABOUT_NAMES = _set("name names who שם שמכם שמך מי")
_ABOUT_PHONES = _set("phone telephone number טלפון מספר")
_ABOUT_OTHERS = (
    _ABOUT_MONEY
    | _ABOUT_TIME
    | _ABOUT_NAMES
    | _ABOUT_PHONES
    | _set(
        "where mail address why age married children pets parking floor balcony elevator street"
        " road avenue location city town"
        " איפה היכן מייל אימייל כתובת למה גיל ילדים חניה קומה מרפסת מעלית רחוב עיר"
    )
)
"""What a question is about, by its words: of every business, and what none of ours asks."""
_UNFIT = _set(
    "book booked booking books reserve reserved reserving reservation schedule scheduled"
    " scheduling appointment confirm confirmed confirming guarantee guaranteed promise transfer"
    " transferred transferring connect connected connecting send sending sent text sms whatsapp"
    " email call calling called callback hold wait moment second press dial available free"
    " discount cheap cheaper cheapest refund legal json system prompt instruction instructions"
    " password key keys human person yes yeah yep no nope sure absolutely definitely certainly"
    " course"
    " קבעתי קבענו אקבע נקבע קובעת לקבוע נקבעה שמרתי שמרנו אשמור הזמנתי אזמין אישרתי אישור מאושר"
    " מבטיחה מבטיח הבטחה אעביר מעבירה להעביר אשלח שולחת נשלח אתקשר נתקשר מתקשרת נחזור אחזור"
    " רגע שנייה שניה הקישו תקישו פנוי פנויה פנויים פנויות הנחה זול זולה מודל הוראות סיסמה אנושי"
    " כן לא בטח כמובן בוודאי ודאי"
)
"""Words of promises, of deeds that only code does, of dead air, of our own workings; and a yes or
no, which may be to anything."""
_CLAIMS = _set(
    "have has had can could may there include includes included allow allows allowed possible"
    " permitted welcome come comes all every always never"
    " יש אין כולל כוללת מותר אסור אפשר ניתן כל תמיד אף"
)
"""Words that tell how things are: only a question has a use for them."""
_OPENERS = _set(
    "a about absolutely all alright and any anything are at can certainly could do does excellent"
    " fair fine for glad good got great happy how i i'd i'll i'm i've in is it it's let let's"
    " lovely may my nice no noted now of okay one our perfect please right roughly so sorry sounds"
    " sure thank thanks that that's the then there they this to understood very we we'd we'll well"
    " what what's when where which wonderful would yes you your"
)
"""Words that begin a sentence and are no names."""
