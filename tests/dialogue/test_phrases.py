"""Every act in every language: short, one question, and Hebrew that the voice can read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue import menu
from engine.dialogue.acts import (
    Act,
    Ask,
    Confirm,
    ConfirmBudget,
    Ending,
    Goodbye,
    Greet,
    Introduce,
    Manner,
    Menu,
    Narrow,
    Offer,
    Wait,
    WhichOne,
    Why,
    WindowMenu,
)
from engine.dialogue.hebrew import conjoin, is_hebrew, to, toward, unpointed_words, without_points
from engine.dialogue.hours import Window
from engine.dialogue.phrases import count_words, said_back, sentences, too_long, windows_heard
from engine.dialogue.profile import Language
from engine.dialogue.wish import Value, Wish
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
LANGUAGES: tuple[Language, ...] = ("he", "en")
SUNDAY = datetime(2026, 11, 22, tzinfo=UTC)


def window(days_ahead: int, hour: int, minute: int = 0) -> Window:
    start = SUNDAY + timedelta(days=days_ahead, hours=hour, minutes=minute)
    return Window(start, 30, days_ahead)


LONGEST = (window(2, 11, 30), window(3, 11, 30), window(4, 12, 30))
USUAL = (window(0, 10), window(1, 16), window(3, 10))


def acts() -> Iterator[Act]:
    yield from (Greet(), Greet(Manner.AGAIN), Wait())
    yield from (Introduce(), Introduce(Manner.AGAIN))
    yield from (Goodbye(ending) for ending in Ending)
    yield from (Ask(slot, manner) for slot in SHAI.asked for manner in Manner)
    yield from (Narrow("area"), Narrow("kind"))
    yield from (Menu(slot, p) for slot in SHAI.asked for p in range(menu.pages(SHAI, slot)))
    yield from (ConfirmBudget(amount) for amount in (7_000, 1_250_000, 49_999_000))
    for windows in (USUAL[:1], USUAL[:2], USUAL, LONGEST):
        yield from (Offer(windows, why) for why in Why)
        yield from (WhichOne(windows), WindowMenu(windows), Confirm(windows[-1]))


def wish_for(**values: Value) -> Wish:
    return Wish(tuple(sorted(values.items())))


WISHES = (
    Wish(),
    wish_for(area="neve_tzedek", kind="apartment", budget=7_000),
    wish_for(area="city_center", kind="apartment", budget=1_234_567),
)


def everything(language: Language, *, keypad: bool) -> Iterator[tuple[str, ...]]:
    for act in acts():
        for wish in WISHES:
            yield sentences(SHAI, act, language, wish=wish, learned=SHAI.asked, keypad=keypad)


@pytest.mark.parametrize("keypad", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reply_is_short_and_asks_at_most_once(language: Language, keypad: bool) -> None:
    for said in everything(language, keypad=keypad):
        assert said
        assert count_words(said) <= 20, said
        assert sum(sentence.count("?") for sentence in said) <= 1, said


@pytest.mark.parametrize("keypad", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_in_one_language_and_hebrew_has_its_points(
    language: Language, keypad: bool
) -> None:
    for said in everything(language, keypad=keypad):
        for sentence in said:
            letters = {is_hebrew(letter) for letter in without_points(sentence) if letter.isalpha()}
            assert len(letters) == 1, sentence
            assert unpointed_words(sentence) == []
            assert not any(letter.isdecimal() for letter in sentence)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_that_stays_open_ends_its_reply(language: Language) -> None:
    for act in acts():
        said = " ".join(sentences(SHAI, act, language))
        assert "?" not in said[:-1], said


@given(st.sampled_from(LANGUAGES), st.integers(1_000, 50_000_000))
def test_a_summary_is_short_whatever_the_amount(language: Language, amount: int) -> None:
    wish = wish_for(area="old_north", kind="apartment", budget=amount)
    for chosen in LONGEST:
        assert not too_long(sentences(SHAI, Confirm(chosen), language, wish=wish))


def test_the_summary_tells_the_window_and_the_wish() -> None:
    wish = wish_for(area="florentin", kind="apartment", budget=7_000)
    hebrew = sentences(SHAI, Confirm(window(3, 10)), "he", wish=wish)
    assert without_points(" ".join(hebrew)) == (
        "קבענו: יום רביעי בעשר, דירה בפלורנטין, עד שבעת אלפים שקלים. תודה ולהתראות!"
    )
    assert " ".join(sentences(SHAI, Confirm(window(3, 10)), "en", wish=wish)) == (
        "You're booked: Wednesday at ten, an apartment in Florentin, "
        "up to seven thousand shekels. Thank you, goodbye!"
    )


def test_the_greeting_begins_by_telling_that_she_is_automated_and_for_whom() -> None:
    first, second = sentences(SHAI, Greet(), "he")
    assert without_points(first) == "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים."
    assert "automated" in second
    assert second.endswith("?")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("act", [Offer(USUAL), WindowMenu(USUAL)])
def test_windows_are_heard_one_by_one_as_their_words_reach_the_caller(
    act: Offer | WindowMenu, language: Language
) -> None:
    words = " ".join(sentences(SHAI, act, language)).split()
    counts = [
        len(windows_heard(act, language, " ".join(words[:heard]), cut=True))
        for heard in range(len(words) + 1)
    ]
    assert counts[0] == 0
    assert counts[-1] == 3
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3}


def test_half_an_hour_that_was_not_heard_is_not_that_window() -> None:
    act = Offer((window(2, 10, 30), window(3, 10)))
    assert windows_heard(act, "en", "I have Tuesday at ten", cut=True) == ()


@pytest.mark.parametrize("hours", list(combinations(range(7, 19), 2)))
def test_two_windows_of_a_day_never_sound_alike(hours: tuple[int, int]) -> None:
    for language in LANGUAGES:
        one, other = (sentences(SHAI, Confirm(window(2, hour)), language) for hour in hours)
        assert (one == other) == (hours[0] % 12 == hours[1] % 12)


@pytest.mark.parametrize(
    ("joined", "expected"),
    [
        (conjoin("חָמֵשׁ"), "וְחָמֵשׁ"),
        (conjoin("חֲמִישָּׁה"), "וַחֲמִישָּׁה"),
        (conjoin("שְׁמוֹנָה"), "וּשְׁמוֹנָה"),
        (conjoin("מֵאָה"), "וּמֵאָה"),
        (toward("חֲמֵשֶׁת"), "לַחֲמֵשֶׁת"),
        (toward("שְׁנֵי"), "לִשְׁנֵי"),
        (toward("שִׁבְעַת"), "לְשִׁבְעַת"),
        (to("בִּפְלוֹרֶנְטִין"), "לִפְלוֹרֶנְטִין"),
        (to("בַּצָּפוֹן"), "לַצָּפוֹן"),
        (said_back(SHAI, "budget", 7_000, "he"), "עַד שִׁבְעַת אֲלָפִים שְׁקָלִים"),
    ],
)
def test_hebrew_prefixes_take_the_vowel_of_what_follows(joined: str, expected: str) -> None:
    assert joined == expected
