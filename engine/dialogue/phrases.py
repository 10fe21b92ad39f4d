"""Words an act, in Hebrew and English: at most 20 words and one question in a reply."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import assert_never

from engine.dialogue import menu, texts
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
    OfferPerson,
    Rest,
    StillThere,
    Wait,
    WhichOne,
    WindowMenu,
)
from engine.dialogue.hebrew import to, toward, without_points
from engine.dialogue.hours import Window
from engine.dialogue.numerals import digit_in_words, in_words
from engine.dialogue.profile import (
    Choices,
    Count,
    Language,
    Money,
    Name,
    Phone,
    Profile,
    Slot,
    Texts,
    Time,
    Topic,
)
from engine.dialogue.wish import Value, When, Wish

MOST_WORDS = 20

Sentences = tuple[str, ...]
_Question = (
    Ask
    | Narrow
    | ConfirmBudget
    | OfferPerson
    | Menu
    | Offer
    | WhichOne
    | WindowMenu
    | ConfirmCancel
    | AnotherTime
)
_NO_WISH = Wish()


def count_words(sentences: Iterable[str]) -> int:
    words = chain.from_iterable(sentence.split() for sentence in sentences)
    return sum(any(letter.isalnum() for letter in word) for word in words)


def too_long(sentences: Sentences) -> bool:
    """More than a reply may be: 20 words, one question."""
    questions = sum(sentence.count("?") for sentence in sentences)
    return count_words(sentences) > MOST_WORDS or questions > 1


def _shortest_that_fits(variants: Iterable[Sentences]) -> Sentences:
    """The first variant that is short enough; they go from the richest to the barest."""
    last: Sentences = ()
    for variant in variants:
        last = tuple(sentence for sentence in variant if sentence)
        if not too_long(last):
            return last
    return last


def day_name(window: Window, language: Language) -> str:
    if window.days_ahead < 2:
        return texts.TODAY[language][window.days_ahead]
    return weekday_name(window.start.weekday(), language)


def weekday_name(weekday: int, language: Language) -> str:
    return texts.WEEKDAYS[language][weekday]


def clock_name(window: Window, language: Language) -> str:
    """“At ten thirty”, «בְּעֶשֶׂר וָחֵצִי»: windows begin on the hour or the half hour."""
    hour = (window.start.hour - 1) % 12
    if language == "he":
        return texts.AT_HOUR_HE[hour] + (" וָחֵצִי" if window.start.minute == 30 else "")
    half = " thirty" if window.start.minute == 30 else ""
    return f"at {digit_in_words(hour + 1, 'en')}{half}"


def window_name(window: Window, language: Language) -> str:
    return f"{day_name(window, language)} {clock_name(window, language)}"


def on_window(window: Window, language: Language) -> str:
    """In a sentence: «בְּיוֹם רִאשׁוֹן בְּעֶשֶׂר»."""
    name = window_name(window, language)
    if language == "en" or window.days_ahead < 2:
        return name
    return f"בְּ{name}"


def time_name(when: When, language: Language) -> str:
    """A time that was asked for, to be read: “Tuesday in the afternoon at 4:00”."""
    parts: list[str] = []
    if when.days_ahead is not None and when.days_ahead < len(texts.TODAY[language]):
        parts.append(texts.TODAY[language][when.days_ahead])
    elif when.days_ahead is not None:
        parts.append(texts.IN_DAYS[language].format(days=when.days_ahead))
    if when.weekday is not None:
        parts.append(weekday_name(when.weekday, language))
    if when.day is not None:
        month = texts.MONTHS[language][when.month or 0]
        parts.append(texts.ON_DATE[language].format(day=_day(when.day, language), month=month))
    if when.next_week:
        parts.append(texts.NEXT_WEEK[language])
    if when.part is not None:
        parts.append(texts.PARTS[when.part][language])
    if when.clock is not None:
        clock = f"{when.clock // 60}:{when.clock % 60:02}"
        parts.append(texts.AT_CLOCK[language].format(clock=clock))
    return " ".join(parts) or texts.ANY_TIME[language]


def _day(day: int, language: Language) -> str:
    if language == "he":
        return str(day)
    last = 0 if 10 < day < 20 else day % 10
    ending = {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return f"{day}{ending}"


def said_back(profile: Profile, slot: Slot, value: Value, language: Language) -> str:
    """What is known of a topic, in words: “up to seven thousand shekels”."""
    topic = profile.topic(slot)
    back = topic.back.get(language, "")
    match topic.answers, value:
        case Choices(), str():
            choice = profile.choice(slot, value)
            parts = {"name": choice.name(language), "in": choice.he_in}
            return (back or "{name}").format(**parts)
        case Money(), int():
            return back.format(amount=in_words(value, language))
        case Count(), int() | float() if value == int(value):
            return back.format(number=in_words(int(value), language))
    return ""


def wish_name(profile: Profile, wish: Wish, slots: Iterable[Slot], language: Language) -> str:
    """“An apartment in Florentin, up to seven thousand shekels”: what of it is known."""
    wanted = set(slots)
    known = {slot: value for slot, value in wish.values if slot in wanted}
    groups = [
        [said_back(profile, slot, known[slot], language) for slot in group if slot in known]
        for group in profile.summary
    ]
    parts = [" ".join(part for part in group if part) for group in groups]
    return ", ".join(part for part in parts if part)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _list(items: Sequence[str], language: Language) -> str:
    if len(items) < 2:
        return "".join(items)
    comma = "," if len(items) > 2 and language == "en" else ""
    return f"{', '.join(items[:-1])}{comma} {texts.OR[language]} {items[-1]}"


def greeting_in(
    profile: Profile, keypad: bool, recorded: bool = False, *, outbound: bool = False
) -> Sentences:
    """Who speaks, that she is automated, and that it is recorded, if it is, first of all; then
    the way on, in each language. `outbound`: and how whom we have called gets rid of us by a key,
    should that make it long."""
    first, *others = profile.languages
    opening = profile.greeting[first]
    if recorded:
        opening = f"{opening} {texts.RECORDED[first]}"
    if keypad and outbound:
        return (*greeting_in(profile, keypad, recorded), texts.NO_MORE_CALLS_KEY[first])
    if keypad and not others:
        return (opening, texts.ANY_KEY[first])
    if keypad:
        keys = [
            texts.LANGUAGE_KEY[language].format(key=digit_in_words(number, language))
            for number, language in enumerate(profile.languages, 1)
        ]
        return (opening, *keys)
    if not others:
        return (opening, texts.HELP[first])
    also = texts.ALSO_SPEAKS if recorded else texts.SECOND_LANGUAGE
    way_on = texts.HELP[others[0]]
    return _shortest_that_fits([(opening, f"{also[others[0]]} {way_on}"), (opening, way_on)])


def introduction(profile: Profile, language: Language, recorded: bool = False) -> str:
    """Who calls, that she is automated, and why."""
    opening = profile.outbound_opening.get(language, profile.greeting[language])
    return f"{opening} {texts.RECORDED[language]}" if recorded else opening


def announcement(language: Language, recorded: bool, keypad: bool) -> str:
    """What a caller must have heard before the first question, in a few words; menus are long."""
    automated = texts.AUTOMATED_IN_SHORT if keypad else texts.AUTOMATED
    return (texts.AUTOMATED_AND_RECORDED if recorded else automated)[language]


def announced(
    profile: Profile, act: Act, language: Language, said: str, *, keypad: bool, recorded: bool
) -> frozenset[Language]:
    """The languages in which the caller has heard it, of a reply of which `said` was heard."""
    heard = _bare_words(said)
    if isinstance(act, Greet) and act.manner is Manner.PLAIN:
        language = profile.languages[0]
        opening = greeting_in(profile, False, recorded)[0]
        if not _contains(heard, _bare_words(opening)):
            return frozenset()
        second = _bare_words(texts.SECOND_LANGUAGE[_other(language)])
        # With keys, that she is automated is plain to everybody; not that the call is recorded.
        whole = (keypad and not recorded) or _contains(heard, second)
        return frozenset({language, _other(language)} if whole else {language})
    told = announcement(language, recorded, keypad)
    if isinstance(act, Introduce) and act.manner is Manner.PLAIN:
        told = introduction(profile, language, recorded)
    found = _contains(heard, _bare_words(told))
    return frozenset({language} if found else ())


def _other(language: Language) -> Language:
    return "en" if language == "he" else "he"


def sentences(
    profile: Profile,
    act: Act,
    language: Language,
    *,
    wish: Wish = _NO_WISH,
    learned: Iterable[Slot] = (),
    keypad: bool = False,
    recorded: bool = False,
    outbound: bool = False,
    before: str = "",
    lead: str = "",
) -> Sentences:
    """What is said for an act. `before` it stands what must be said; a `lead`, and the `learned`
    slots of the wish, if they fit."""
    match act:
        case Greet() if keypad or act.manner is Manner.PLAIN:
            greeting = greeting_in(profile, keypad, recorded, outbound=outbound)
            # Who is back has been greeted.
            return (lead, *greeting[1:]) if lead else greeting
        case Greet():
            return tuple(filter(None, (before, texts.HELP_AGAIN[language])))
        case Introduce(manner):
            whole = manner is Manner.PLAIN and not lead
            first = (introduction(profile, language, recorded),) if whole else (before, lead)
            return tuple(filter(None, (*first, texts.GOOD_TIME[language])))
        case Wait():
            return (texts.WAIT[language],)
        case Confirm(window):
            return _confirm(profile, window, wish, language, lead)
        case Goodbye(ending):
            return _after(lead, texts.ENDINGS[ending][language])
        case HandOver():
            return _after(lead, texts.HAND_OVER[language])
        case StillThere():
            return (texts.STILL_THERE[language],)
        case Distress(key):
            return _distress(profile, key, language)
        case LeaveMessage():
            return _message(profile, language)
        case Book() | Cancel() | Rest():
            return ()
        case _:
            question = _question(profile, act, language, keypad)
            backs = _less_and_less(profile, wish, frozenset(learned), language)
            return _asking(question, before, lead, backs, keypad)


def _message(profile: Profile, language: Language) -> Sentences:
    """Not why we have called: others may hear it as well."""
    opening = profile.greeting[language]
    return _shortest_that_fits([(opening, texts.CALL_BACK[language]), (opening,)])


def _asking(question: str, before: str, lead: str, backs: Iterable[str], keypad: bool) -> Sentences:
    """The question, after as much of the rest as leaves room for it."""
    leads = (lead, in_short(lead))
    variants = [(before, one, back, question) for back in backs for one in leads]
    # The longest menus leave no room for what must be said: the next question has it.
    bare = [(question,)] if keypad else []
    return _shortest_that_fits([*variants, (before, question), *bare])


def _distress(profile: Profile, key: str, language: Language) -> Sentences:
    through = texts.HAND_OVER_NOW[language] if key else ""
    said = (texts.DISTRESS[language], profile.emergency.get(language, ""), through)
    return tuple(filter(None, said))


def _less_and_less(
    profile: Profile, wish: Wish, learned: frozenset[Slot], language: Language
) -> list[str]:
    """What was learned, said back. An amount is heard wrong most easily: it is the last to be left
    out."""
    several = (learned, learned & {profile.slot_of(Money)}, ())
    return [_sentence(wish_name(profile, wish, slots, language)) for slots in several]


def _question(profile: Profile, act: _Question, language: Language, keypad: bool) -> str:
    match act:
        case Ask(slot, manner):
            return _ask(profile.topic(slot), manner, language)
        case Narrow(slot):
            return _narrow(profile.topic(slot), language)
        case ConfirmBudget(amount):
            return _confirm_budget(profile, amount, language, keypad)
        case OfferPerson():
            return (texts.PERSON_KEYS if keypad else texts.OFFER_PERSON)[language]
        case Menu(slot, page):
            return _menu(profile, slot, page, language)
        case Offer(windows, why):
            return _offer(windows, texts.BEFORE_OFFER[why][language], language)
        case WhichOne(windows):
            places = texts.PLACES[language][: len(windows)]
            return f"{_sentence_start(_list(places, language))}?"
        case WindowMenu(windows):
            return _window_menu(windows, language)
        case ConfirmCancel(window):
            return texts.CANCEL_IT[language].format(when=on_window(window, language))
        case AnotherTime(canceled):
            told = "" if canceled is None else texts.LEADS[Lead.CANCELED][language]
            return f"{told} {texts.ANOTHER_TIME[language]}".strip()
        case _:
            assert_never(act)


def _sentence_start(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ask(topic: Topic, manner: Manner, language: Language) -> str:
    choices = topic.answers.choices if isinstance(topic.answers, Choices) else ()
    names = [choice.name(language) for choice in choices[:3]]
    return _wording(topic, manner)[language].replace("{choices}", _list(names, language))


def _wording(topic: Topic, manner: Manner) -> Texts:
    match manner:
        case Manner.PLAIN:
            return topic.ask
        case Manner.AGAIN:
            return topic.again
        case Manner.OTHER_WORDS:
            return topic.other_words
        case Manner.ANOTHER_DAY:
            return topic.answers.another_day if isinstance(topic.answers, Time) else topic.ask
        case _:
            assert_never(manner)


def _narrow(topic: Topic, language: Language) -> str:
    return topic.answers.narrow[language] if isinstance(topic.answers, Choices) else ""


def _confirm_budget(profile: Profile, amount: int, language: Language, keypad: bool) -> str:
    if profile.money is None:
        return ""
    question = profile.money.confirm[language].format(amount=in_words(amount, language))
    return f"{question} {texts.YES_NO_KEYS[language]}" if keypad else question


def _menu(profile: Profile, slot: Slot, page: int, language: Language) -> str:
    names = _menu_names(profile, slot, page, language)
    return _keys(names, texts.MORE[language] if menu.has_more(profile, slot) else "", language)


def _keys(names: Sequence[str], last: str, language: Language) -> str:
    """“For Florentin, press one; Jaffa, two; more, nine.” `last` is on 9."""
    numbered = list(enumerate(names, 1)) + ([(int(menu.MORE), last)] if last else [])
    digits = [(name, digit_in_words(key, language)) for key, name in numbered]
    (first, one), *others = digits
    if language == "he":
        return ", ".join([f"{first} הַקִּישׁוּ {one}", *(f"{n} {d}" for n, d in others)]) + "."
    return "; ".join([f"{first}, press {one}", *(f"{n}, {d}" for n, d in others)]) + "."


def _menu_names(profile: Profile, slot: Slot, page: int, language: Language) -> list[str]:
    items = menu.page_items(profile, slot, page)
    match profile.topic(slot).answers:
        case Time():
            return list(texts.TIME_ITEMS[language])
        case Choices():
            choices = [item.choice for item in items if item.choice is not None]
            if language == "he":
                return [to(choice.he_in) for choice in choices]
            return [f"For {choices[0].en}", *(choice.en for choice in choices[1:])]
        case Money() | Count() as answers:
            numbers = [in_words(item.amount or item.number or 0, language) for item in items]
            if language == "he":
                return [toward(number) for number in numbers]
            head = "Up to" if isinstance(answers, Money) else "For"
            return [f"{head} {numbers[0]}", *numbers[1:]]
        case Name() | Phone():
            return []
        case other:
            assert_never(other)


def _offer(windows: Sequence[Window], before: str, language: Language) -> str:
    """Without what comes before, if that makes it too long."""
    times = _list([on_window(window, language) for window in windows], language)
    question = texts.DOES_IT[language] if len(windows) == 1 else texts.WHICH[language]
    if language == "he":
        possible = times if before.endswith(":") else f"אֶפְשָׁר {times}"
    else:
        possible = times if before.endswith(":") else f"I have {times}"
    full = f"{before} {possible}. {question}".strip()
    return _offer(windows, "", language) if before and too_long((full,)) else full


def _window_menu(windows: Sequence[Window], language: Language) -> str:
    names = [window_name(window, language) for window in windows]
    if language == "he":
        names = [toward(name) for name in names]
    else:
        names[0] = f"For {names[0]}"
    full = _keys(names, texts.OTHER_TIMES[language], language)
    return _keys(names, "", language) if too_long((full,)) else full


def in_short(lead: str) -> str:
    """A lead's first sentence."""
    first, rest, _ = lead.partition(". ")
    return f"{first}." if rest else lead


def _after(lead: str, sentence: str) -> Sentences:
    return _shortest_that_fits([(lead, sentence), (in_short(lead), sentence), (sentence,)])


def _confirm(
    profile: Profile, window: Window, wish: Wish, language: Language, lead: str
) -> Sentences:
    head = "קָבַעְנוּ" if language == "he" else "You're booked"
    thanks = "תּוֹדָה וּלְהִתְרָאוֹת!" if language == "he" else "Thank you, goodbye!"
    bye = "לְהִתְרָאוֹת!" if language == "he" else "Goodbye!"
    when = window_name(window, language)
    counts = range(len(profile.summary), -1, -1)
    wishes = [
        wish_name(profile, wish, chain(*profile.summary[:count]), language) for count in counts
    ]
    return _shortest_that_fits(
        (lead, f"{head}: {', '.join(part for part in (when, what) if part)}.", end)
        for what in wishes
        for end in (thanks, bye)
    )


def windows_heard(act: Act, language: Language, said: str, cut: bool) -> tuple[Window, ...]:
    """The windows that the caller has heard named, of a reply of which `said` was heard."""
    match act:
        case Offer(windows) | WindowMenu(windows):
            pass
        case Confirm(window) | ConfirmCancel(window):
            windows = (window,)
        case AnotherTime(canceled) if canceled is not None:
            told = _bare_words(texts.LEADS[Lead.CANCELED][language])
            return (canceled,) if not cut or _contains(_bare_words(said), told) else ()
        case _:
            return ()
    if not cut:
        return windows
    heard = _bare_words(said)
    return tuple(w for w in windows if _contains(heard, _bare_words(window_name(w, language))))


def _bare_words(text: str) -> list[str]:
    words = (
        "".join(letter for letter in word if letter.isalnum())
        for word in without_points(text).lower().split()
    )
    return [word for word in words if word]


def _contains(heard: Sequence[str], phrase: Sequence[str]) -> bool:
    """The phrase's words one after the other; a Hebrew prefix may precede the first."""
    return any(
        heard[start].endswith(phrase[0])
        and list(heard[start + 1 : start + len(phrase)]) == list(phrase[1:])
        for start in range(len(heard) - len(phrase) + 1)
    )
