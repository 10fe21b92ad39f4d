"""What the caller may well say next, for a recognizer that chooses from a list; and all phrases
of a business with their points. Callers of either gender: both forms are listed."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from engine.dialogue import menu, phrases
from engine.dialogue.acts import (
    Act,
    Ask,
    Confirm,
    ConfirmBudget,
    Ending,
    Goodbye,
    Greet,
    Manner,
    Menu,
    Narrow,
    Offer,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.hebrew import hebrew_words, without_points
from engine.dialogue.hours import Window
from engine.dialogue.numerals import in_words
from engine.dialogue.policy import Talk
from engine.dialogue.profile import Profile
from engine.dialogue.wish import SLOTS, Slot

MOST_PHRASES = 60

_ALWAYS = ("כֵּן", "לֹא", "רֶגַע", "לְהִתְרָאוֹת", "אֶפְשָׁר לַחֲזוֹר עַל זֶה", "תּוֹדָה")
_ALWAYS_EN = ("yes", "no", "wait", "goodbye", "repeat that, please")
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
_PLACES = ("הָרִאשׁוֹן", "הַשֵּׁנִי", "הַשְּׁלִישִׁי")
_LOOKING = ("אֲנִי מְחַפֵּשׂ", "אֲנִי מְחַפֶּשֶׂת")
_MEETING = "אֲנִי רוֹצָה לִקְבּוֹעַ פְּגִישָׁה"
# Words of callers that no list needs, so that they can be spoken in tests.
_ALSO = (
    "דִּירַת שְׁנֵי חֲדָרִים",
    "שְׁלוֹשָׁה חֲדָרִים",
    "אַרְבָּעָה חֲדָרִים וָחֵצִי",
    "אֲנִי רוֹצֶה לִשְׂכּוֹר",
    "לִקְנוֹת",
    "בְּבַקָּשָׁה",
    "רֶגַע אֶחָד",
    "סְלִיחָה",
    "הַשְּׁנִיָּה",
    "הָרִאשׁוֹנָה",
    "מָחֳרָתַ֫יִים",
    "נָכוֹן",
)
_UNIT = " שְׁקָלִים"


def expected_phrases(profile: Profile, talk: Talk) -> list[str]:
    """Most likely first, Hebrew with points."""
    always = (*_ALWAYS, *_ALWAYS_EN)
    answers = list(_answers(profile, talk))[: MOST_PHRASES - len(always)]
    return list(dict.fromkeys((*answers, *always)))


def _answers(profile: Profile, talk: Talk) -> Iterator[str]:
    match talk.question:
        case Offer(windows) | WhichOne(windows) | WindowMenu(windows):
            yield from _choices(windows)
        case ConfirmBudget(amount):
            yield from ("כֵּן", "לֹא", "נָכוֹן")
            yield phrases.up_to(amount, "he")
            yield from _budgets(profile)
        case Ask(slot) | Narrow(slot) | Menu(slot):
            yield from _answers_to(profile, slot)
        case Greet():
            yield from _wishes(profile)
            yield from (f"{looking} {kind.he}" for kind in profile.kinds for looking in _LOOKING)
            yield _MEETING
            yield from _areas(profile)


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
    match slot:
        case "area":
            yield from _areas(profile)
            yield _NO_MATTER
            yield from _wishes(profile)
        case "kind":
            yield from (kind.he for kind in profile.kinds)
            yield _NO_MATTER
            yield from (f"{_LOOKING[0]} {kind.he}" for kind in profile.kinds)
            yield from (f"{_LOOKING[1]} {kind.he}" for kind in profile.kinds)
            yield from (kind.en for kind in profile.kinds)
        case "budget":
            yield from _budgets(profile)
            yield _NO_MATTER
        case "time":
            yield from (*_PARTS, *_days(profile), "in the morning", "in the afternoon")


def _areas(profile: Profile) -> Iterator[str]:
    yield from (area.he_in for area in profile.areas)
    yield from (area.he for area in profile.areas)
    yield from (f"in {area.en}" for area in profile.areas)


def _days(profile: Profile) -> list[str]:
    weekdays = dict.fromkeys(opening.weekday for opening in profile.hours)
    return [f"בְּ{phrases.weekday_name(weekday, 'he')}" for weekday in weekdays]


def _wishes(profile: Profile) -> Iterator[str]:
    """«אני מחפשת דירה בפלורנטין», for the property type that is asked for most."""
    kind = profile.kinds[0].he
    yield from (f"{looking} {kind} {area.he_in}" for area in profile.areas for looking in _LOOKING)


def _budgets(profile: Profile) -> Iterator[str]:
    yield from (phrases.up_to(amount, "he") for amount in profile.budgets)
    yield from (phrases.up_to(amount, "he").removesuffix(_UNIT) for amount in profile.budgets)
    yield from (in_words(amount, "he") for amount in profile.budgets)
    yield from (phrases.up_to(amount, "en") for amount in profile.budgets)


def hints(profile: Profile) -> list[tuple[str, float]]:
    """All that this business's callers may well say, without points, and how strongly a recognizer
    should expect it (0 to 20; above 15 recognizers invent words)."""
    boosts: dict[str, float] = {}
    names = [*profile.name.values(), *profile.agent.values()]
    places = [*_areas(profile), *(alias for area in profile.areas for alias in area.aliases)]
    kinds = [name for kind in profile.kinds for name in (kind.he, kind.en, *kind.aliases)]
    others = [text for slot in SLOTS for text in _answers_to(profile, slot)]
    others += [*_ALWAYS, *_ALWAYS_EN]
    for boost, texts in ((14.0, names), (12.0, places), (9.0, kinds), (6.0, others)):
        for text in texts:
            boosts.setdefault(without_points(text), boost)
    return list(boosts.items())


def fixed_phrases(profile: Profile) -> list[str]:
    """Every sentence that depends on nothing but the profile."""
    acts: list[Act] = [Greet(), Greet(Manner.AGAIN), Wait()]
    acts += [Goodbye(ending) for ending in Ending]
    for slot in SLOTS:
        acts += [Ask(slot, manner) for manner in Manner]
        acts += [Narrow(slot)] if slot in ("area", "kind") else []
        acts += [Menu(slot, page) for page in range(menu.pages(profile, slot))]
    found: dict[str, None] = {}
    for language in profile.languages:
        for act in acts:
            found.update(dict.fromkeys(phrases.sentences(profile, act, language)))
            keyed = phrases.sentences(profile, act, language, keypad=True)
            found.update(dict.fromkeys(keyed))
    return list(found)


def words_with_points(profile: Profile) -> dict[str, str]:
    """Unpointed word -> pointed. Where one spelling is read in two ways, the first one met."""
    words: dict[str, str] = {}
    for text in _all_texts(profile):
        for word in hebrew_words(text):
            words.setdefault(without_points(word), word)
    return words


def _all_texts(profile: Profile) -> Iterator[str]:
    yield from (*_ALWAYS, *_PARTS, *_OTHERS, *_PLACES, *_LOOKING, _MEETING, _NO_MATTER, *_ALSO)
    windows = list(_every_window())
    yield from _choices(windows)
    for slot in SLOTS:
        yield from _answers_to(profile, slot)
    yield from fixed_phrases(profile)
    acts: list[Act] = [ConfirmBudget(amount) for amount in profile.budgets]
    acts += [Offer(tuple(windows[:1]), why) for why in Why]
    acts += [Offer(tuple(windows[:2])), WhichOne(tuple(windows[:3]))]
    acts += [act for window in windows for act in (Confirm(window), WindowMenu((window,)))]
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
