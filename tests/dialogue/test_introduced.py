"""When we have called: who calls and why comes first, and whoever wants to be left alone is."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from engine.dialogue import policy
from engine.dialogue.acts import (
    Act,
    Ask,
    Ending,
    Goodbye,
    Greet,
    Introduce,
    Manner,
    Rest,
)
from engine.dialogue.expected import fixed_phrases
from engine.dialogue.hebrew import unpointed_words, without_points
from engine.dialogue.hours import free_windows
from engine.dialogue.phrases import sentences, too_long
from engine.dialogue.talk import Talk, Turn
from engine.dialogue.understand import understand
from engine.dialogue.unwanted import never_again, not_now
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
FREE = free_windows(SHAI, datetime(2026, 11, 22, 9, 10, tzinfo=ZoneInfo(SHAI.timezone)), ())
FOR_GOOD = [
    "אל תתקשרו אליי",
    "אל תתקשרי אליי יותר",
    "תפסיקו להתקשר אליי בבקשה",
    "תורידו אותי מהרשימה",
    "תמחקו את המספר שלי",
    "אני לא רוצה שתתקשרו אליי",
    "don't call me again",
    "Please do not call this number",
    "take me off your list",
    "stop calling me!",
    "Remove me from the list, please",
]
NOT_NOW = [
    "לא",
    "לא תודה",
    "לא עכשיו",
    "אני בפגישה",
    "תחזרו אליי אחר כך",
    "אל תתקשרו אליי בשעות האלה",
    "no",
    "Not now, I'm driving",
    "it's not a good time",
    "call me back later",
    "don't call me at work",
]


def after(*words: str, talk: Talk | None = None, knows: bool = True) -> Talk:
    """`knows`: the introduction was heard."""
    talk = talk or policy.start(SHAI, False, "+97235550100", outbound=True)
    announced = frozenset(SHAI.languages) if knows else frozenset()
    for one in words:
        turn = Turn(understand(one, SHAI), announced=announced, words=one)
        talk = policy.answer(talk, turn, FREE)
    return talk


def test_a_call_of_ours_says_who_calls_why_and_asks_for_a_moment() -> None:
    talk = policy.start(SHAI, False, outbound=True)
    said = " ".join(sentences(SHAI, talk.act, "he"))
    assert without_points(said) == (
        "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים, בקשר לבקשה שלכם. זה זמן טוב לדבר?"
    )


def test_without_words_of_its_own_it_is_the_greeting() -> None:
    plain = replace(SHAI, outbound_opening={})
    said = sentences(plain, Introduce(), "en")
    assert said == (SHAI.greeting["en"], "Is now a good time?")


@pytest.mark.parametrize("words", FOR_GOOD)
def test_who_wants_no_calls_is_left_alone_for_good(words: str) -> None:
    assert never_again(words)
    assert after(words).act == Goodbye(Ending.UNWANTED)
    assert after("כן", words).act == Goodbye(Ending.UNWANTED)
    assert not isinstance(after(words, talk=policy.start(SHAI, False)).act, Goodbye)


@pytest.mark.parametrize("words", NOT_NOW)
def test_who_has_no_time_is_let_go_but_may_be_called_another_day(words: str) -> None:
    assert not never_again(words)
    assert after(words).act == Goodbye(Ending.BAD_TIME)


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("כן", Ask("area")),
        ("yes, sure", Ask("area")),
        ("דירה ביפו", Ask("budget")),
        ("לא, אני מחפש משרד ביפו", Ask("budget")),
        ("הלו", Introduce(Manner.AGAIN)),
        ("מי זה?", Introduce()),
        ("ביי", Goodbye(Ending.CALLED)),
        ("נציג", Introduce(Manner.AGAIN)),
    ],
)
def test_everybody_else_goes_on(words: str, act: Act) -> None:
    assert not never_again(words)
    assert not not_now(words)
    assert after(words).act == act


@pytest.mark.parametrize("words", ["כן?", "הלו", "hello?"])
def test_who_has_not_heard_who_calls_hears_it_first(words: str) -> None:
    assert after(words, knows=False).act == Introduce()


def test_who_is_never_understood_is_not_kept() -> None:
    assert after(*3 * ["mumble"]).act == Goodbye(Ending.LOST)


def test_with_keys_it_is_a_yes_or_a_no() -> None:
    def press(digit: str) -> Act:
        talk = policy.start(SHAI, False, outbound=True)
        announced = frozenset(SHAI.languages)
        turn = Turn(understand("", SHAI), digits=digit, announced=announced)
        return policy.answer(talk, turn, FREE).act

    assert press("1") == Ask("area")
    assert press("2") == Goodbye(Ending.BAD_TIME)
    assert policy.start(SHAI, True, outbound=True).act == Greet()


def keyed(*digits: str, outbound: bool = True) -> Talk:
    """A call in which nothing can be recognized."""
    talk = policy.start(SHAI, True, "+97235550100", outbound=outbound)
    for one in digits:
        talk = policy.answer(talk, Turn(understand("", SHAI), digits=one), FREE)
    return talk


def test_where_nothing_is_recognized_the_opening_tells_the_key_against_more_calls() -> None:
    said = sentences(SHAI, keyed().act, "he", keypad=True, outbound=True)
    assert without_points(" ".join(said)) == (
        "שלום, כאן לאה, העוזרת האוטומטית של שי דירות ומשרדים. "
        "לעברית הקישו אחת. For English, press two. להסרה הקישו כוכבית."
    )
    assert not too_long(said)
    assert not any(unpointed_words(sentence) for sentence in said)
    assert set(said) <= set(fixed_phrases(SHAI)), "all of it is kept ready"
    assert "כוכבית" not in without_points(" ".join(sentences(SHAI, Greet(), "he", keypad=True)))


@pytest.mark.parametrize("digits", [("*",), ("1", "*"), ("1", "1*"), ("2", "2", "*")])
def test_that_key_is_good_for_the_whole_call(digits: tuple[str, ...]) -> None:
    assert keyed(*digits).act == Goodbye(Ending.UNWANTED)
    assert not isinstance(keyed(*digits, outbound=False).act, Goodbye)


def test_who_was_not_told_of_the_key_has_not_used_it() -> None:
    talk = policy.start(SHAI, False, outbound=True)
    turn = Turn(understand("", SHAI), digits="*")
    assert not isinstance(policy.answer(talk, turn, FREE).act, Goodbye)


def test_a_machine_says_not_that_nobody_shall_call() -> None:
    assert after("השאירו הודעה אחרי הצפצוף", "אני עסוק כרגע").act == Rest()
