"""What the caller may well say next, for a recognizer that chooses from a list; and all phrases
of a business with their points. Callers of either gender: both forms are listed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from string import Formatter
from typing import assert_never

from engine.dialogue import menu, phrases, texts
from engine.dialogue.acts import (
    Act,
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
    LeaveMessage,
    Manner,
    Menu,
    Narrow,
    Offer,
    OfferPerson,
    StillThere,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.hebrew import hebrew_words, without_points
from engine.dialogue.hours import Window
from engine.dialogue.numerals import in_words
from engine.dialogue.profile import (
    Choices,
    Count,
    Money,
    Name,
    Phone,
    Profile,
    Slot,
    Time,
    Topic,
)
from engine.dialogue.talk import Talk

MOST_PHRASES = 60

_ALWAYS = ("כֵּן", "לֹא", "רֶגַע", "לְהִתְרָאוֹת", "אֶפְשָׁר לַחֲזוֹר עַל זֶה", "תּוֹדָה")
_ALWAYS_EN = ("yes", "no", "wait", "goodbye", "repeat that, please")
_CHANGES = ("לְבַטֵּל אֶת הַפְּגִישָׁה", "תְּבַטְּלִי אֶת הַפְּגִישָׁה", "אֶפְשָׁר לְשָׁעָה אַחֶרֶת")
_CHANGES_EN = ("cancel the meeting", "another time")
"""What else may be said of a meeting that is booked."""
_NO_MATTER = "לֹא מְשַׁנֶּה לִי"
_PARTS = (
    "בַּבּוֹקֶר",
    "אַחֲרֵי הַצׇּהֳרַ֫יִים",
    "הַיּוֹם",
    "מָחָר",
    "מָחָר בַּבּוֹקֶר",
    "מָחָר אַחֲרֵי הַצׇּהֳרַ֫יִים",
    "מָתַי שֶׁנּוֹחַ",
)
_OTHERS = ("מַ֫שֶּׁהוּ אַחֵר", "לֹא מַתְאִים לִי")
NO_RECORDING = "בְּלִי הַקְלָטָה"
_PLACES = ("הָרִאשׁוֹן", "הַשֵּׁנִי", "הַשְּׁלִישִׁי")
# Words of callers that no list needs, so that they can be spoken in tests.
_ALSO = (
    "בְּבַקָּשָׁה",
    "רֶגַע אֶחָד",
    "סְלִיחָה",
    "הַשְּׁנִיָּה",
    "הָרִאשׁוֹנָה",
    "מָחֳרָתַ֫יִים",
    "נָכוֹן",
    NO_RECORDING,
)


def expected_phrases(profile: Profile, talk: Talk) -> list[str]:
    """Most likely first, Hebrew with points."""
    always: tuple[str, ...] = (*_ALWAYS, *_ALWAYS_EN)
    if talk.meeting is not None:
        always = (*_CHANGES, *_CHANGES_EN, *always)
    answers = list(_answers(profile, talk))[: MOST_PHRASES - len(always)]
    return list(dict.fromkeys((*answers, *always)))


def _answers(profile: Profile, talk: Talk) -> Iterator[str]:
    match talk.question:
        case Offer(windows) | WhichOne(windows) | WindowMenu(windows):
            yield from _choices(windows)
        case ConfirmBudget(amount):
            yield from ("כֵּן", "לֹא", "נָכוֹן")
            yield from _amounts(profile, [amount])
        case OfferPerson() | Introduce() | ConfirmCancel():
            yield from ("כֵּן", "לֹא", "נָכוֹן")
        case AnotherTime():
            yield from ("כֵּן", "לֹא", *_answers_to(profile, profile.time))
        case Ask(slot) | Narrow(slot) | Menu(slot):
            yield from _answers_to(profile, slot)
        case Greet():
            yield from _beginnings(profile)
            yield from _answers_to(profile, profile.asked[0])


def _choices(windows: Iterable[Window]) -> Iterator[str]:
    windows = list(windows)
    yield from _PLACES[: len(windows)]
    yield from (phrases.on_window(window, "he") for window in windows)
    yield from (phrases.window_name(window, "he") for window in windows)
    yield from (phrases.clock_name(window, "he") for window in windows)
    yield from (phrases.window_name(window, "en") for window in windows)
    yield from ("the first one", "the second one", "the third one")[: len(windows)]
    yield from _OTHERS


def _answers_to(profile: Profile, slot: Slot) -> Iterator[str]:
    topic = profile.topic(slot)
    match topic.answers:
        case Choices():
            yield from _names(profile, topic)
            yield _NO_MATTER
            yield from _beginnings(profile, slot)
        case Money(amounts=amounts):
            yield from _amounts(profile, amounts)
            yield _NO_MATTER
        case Count(least, most):
            yield from (in_words(number, "he") for number in range(least, most + 1))
        case Time():
            yield from (*_PARTS, *_days(profile), "in the morning", "in the afternoon")
        case Name() | Phone():
            pass
        case other:
            assert_never(other)


def _names(profile: Profile, topic: Topic) -> Iterator[str]:
    choices = profile.choices[topic.key]
    yield from (phrases.said_back(profile, topic.key, choice.key, "he") for choice in choices)
    yield from (choice.he for choice in choices)
    yield from (phrases.said_back(profile, topic.key, choice.key, "en") for choice in choices)


def _days(profile: Profile) -> list[str]:
    weekdays = dict.fromkeys(opening.weekday for opening in profile.hours)
    return [f"בְּ{phrases.weekday_name(weekday, 'he')}" for weekday in weekdays]


def _beginnings(profile: Profile, slot: Slot | None = None) -> Iterator[str]:
    """«אני מחפשת דירה בפלורנטין»: how callers begin; `slot`: only with that as the last thing."""
    for said in profile.callers_say:
        slots = [name for _, name, _, _ in Formatter().parse(said) if name]
        if slot is not None and slots[-1:] != [slot]:
            continue
        firsts = {one: profile.choices[one][0].key for one in slots}
        for choice in profile.choices[slots[-1]] if slots else ():
            keys = {**firsts, slots[-1]: choice.key}
            names = {one: phrases.said_back(profile, one, key, "he") for one, key in keys.items()}
            yield said.format(**names)
        if not slots:
            yield said


def _amounts(profile: Profile, amounts: Sequence[int]) -> Iterator[str]:
    slot = profile.slot_of(Money)
    if slot is None:
        return
    unit = profile.topic(slot).back.get("he", "").partition("{amount}")[2]
    hebrew = [phrases.said_back(profile, slot, amount, "he") for amount in amounts]
    yield from hebrew
    yield from (said.removesuffix(unit) for said in hebrew)
    yield from (in_words(amount, "he") for amount in amounts)
    yield from (phrases.said_back(profile, slot, amount, "en") for amount in amounts)


def hints(profile: Profile) -> list[tuple[str, float]]:
    """All that this business's callers may well say, without points, and how strongly a recognizer
    should expect it (0 to 20; above 15 recognizers invent words)."""
    boosts = {without_points(text): boost for text, boost in profile.hints}
    names = [*profile.name.values(), *profile.agent.values()]
    places = [name for topic in profile.topics for name in _all_names(profile, topic)]
    others = [text for slot in profile.asked for text in _answers_to(profile, slot)]
    others += [*_ALWAYS, *_ALWAYS_EN]
    for boost, said in ((14.0, names), (12.0, places), (6.0, others)):
        for text in said:
            boosts.setdefault(without_points(text), boost)
    return [(text, boost) for text, boost in boosts.items() if text]


def _all_names(profile: Profile, topic: Topic) -> Iterator[str]:
    if isinstance(topic.answers, Choices):
        yield from _names(profile, topic)
        yield from (alias for choice in topic.answers.choices for alias in choice.aliases)


def fixed_phrases(profile: Profile) -> list[str]:
    """Every sentence that depends on nothing but the profile."""
    acts: list[Act] = [Greet(), Greet(Manner.AGAIN), Wait(), StillThere(), LeaveMessage()]
    acts += [Introduce(), Introduce(Manner.AGAIN), AnotherTime()]
    acts += [AnotherTime(window) for window in islice(_every_window(), 1)]
    acts += [Distress(key) for key in profile.people[:1] or ("",)]
    acts += (
        [OfferPerson(), *(HandOver(key) for key in profile.people[:1])] if profile.people else []
    )
    acts += [Goodbye(ending) for ending in Ending]
    for slot in profile.asked:
        acts += [Ask(slot, manner) for manner in Manner]
        acts += [Narrow(slot)] if slot in profile.choices else []
        acts += [Menu(slot, page) for page in range(menu.pages(profile, slot))]
    found: dict[str, None] = {}
    for language in profile.languages:
        for act in acts:
            found.update(dict.fromkeys(phrases.sentences(profile, act, language)))
            keyed = phrases.sentences(profile, act, language, keypad=True)
            found.update(dict.fromkeys(keyed))
        found.update(dict.fromkeys(lead[language] for lead in texts.LEADS.values()))
        found[texts.NO_MORE_CALLS_KEY[language]] = None
        found.update(
            dict.fromkeys(
                phrases.announcement(language, recorded, keypad)
                for recorded in (False, True)
                for keypad in (False, True)
            )
        )
    return list(found)


def words_with_points(profile: Profile) -> dict[str, str]:
    """Unpointed word -> pointed. Where one spelling is read in two ways, the first one met."""
    words: dict[str, str] = {}
    for text in _all_texts(profile):
        for word in hebrew_words(text):
            words.setdefault(without_points(word), word)
    return words


def _all_texts(profile: Profile) -> Iterator[str]:
    yield from (
        *_ALWAYS,
        *_CHANGES,
        *_PARTS,
        *_OTHERS,
        *_PLACES,
        _NO_MATTER,
        *_ALSO,
        *profile.also_said,
    )
    windows = list(_every_window())
    yield from _choices(windows)
    yield from _beginnings(profile)
    for slot in profile.asked:
        yield from _answers_to(profile, slot)
    yield from fixed_phrases(profile)
    if "he" not in profile.languages:
        return
    amounts = profile.money.amounts if profile.money is not None else ()
    acts: list[Act] = [ConfirmBudget(amount) for amount in amounts]
    acts += [Offer(tuple(windows[:1]), why) for why in Why]
    acts += [Offer(tuple(windows[:2])), WhichOne(tuple(windows[:3]))]
    acts += [
        act
        for window in windows
        for act in (Confirm(window), WindowMenu((window,)), ConfirmCancel(window))
    ]
    for act in acts:
        yield from phrases.sentences(profile, act, "he", keypad=True)
    yield from (profile.name["he"], profile.agent["he"])


def _every_window() -> Iterator[Window]:
    """One at each hour and half hour, and one on each day of a week."""
    first = datetime(2000, 1, 2)  # noqa: DTZ001 - any Sunday will do, only its names are used
    for half_hour in range(24):
        yield Window(first + timedelta(hours=7, minutes=30 * half_hour), 30, half_hour % 2)
    for day in range(7):
        yield Window(first + timedelta(days=day, hours=10), 30, 2)
