"""What a model proposes counts only where it is borne out by the words, or is safe to be said."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dialogue.acts import Act, Ask, ConfirmBudget, Greet, Manner, Narrow, Offer, Question
from engine.dialogue.checked import fits, merged, suffices
from engine.dialogue.hours import Window
from engine.dialogue.phrases import sentences
from engine.dialogue.profile import Language
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
AREA, KIND, BUDGET, TIME = Ask("area"), Ask("kind"), Ask("budget"), Ask("time")
WINDOWS = tuple(
    Window(datetime(2026, 11, 23, hour, tzinfo=ZoneInfo(SHAI.timezone)), 30, 1) for hour in (9, 12)
)
OFFER = Offer(WINDOWS)


def _fits(sentence: str, act: Act, language: Language = "en", *before: str) -> bool:
    own = " ".join(sentences(SHAI, act, language))
    return fits(sentence, act, own, language, SHAI, before=before)


@pytest.mark.parametrize(
    ("sentence", "act"),
    [
        ("Which neighborhood do you have in mind?", AREA),
        ("Good to know, where would you like to live?", AREA),
        ("And what kind of property should it be?", KIND),
        ("What are you looking for?", KIND),
        ("How much would you like to spend?", BUDGET),
        ("What's your budget, roughly?", BUDGET),
        ("Which day works for you?", TIME),
        ("Would you like to meet in the morning or afternoon, and on which day?", TIME),
        ("Which of the areas shall I start with?", Narrow("area")),
        ("The agent will tell you that at the meeting.", BUDGET),
        ("I'm happy to help with that.", AREA),
        ("באיזו שכונה תרצו לגור?", AREA),
        ("ומה התקציב שלכם?", BUDGET),
        ("כמה תרצו להוציא?", BUDGET),
        ("מתי נוח לכם?", TIME),
        ("איזה סוג של נכס מעניין אתכם?", KIND),
        ("בשמחה, אעזור לכם למצוא.", AREA),
        ("אֵיזֶה אֵזוֹר מְעַנְיֵן אֶתְכֶם?", AREA),
    ],
)
def test_a_sentence_that_may_be_said(sentence: str, act: Act) -> None:
    assert _fits(sentence, act, "he" if "א" <= sentence[0] <= "ת" else "en")


@pytest.mark.parametrize(
    ("why", "sentence", "act"),
    [
        ("another question", "What is your budget?", AREA),
        ("two questions in one", "Which area, and how much would you like to spend?", AREA),
        ("two questions", "Which area? And why?", AREA),
        ("what nobody asked for", "How many rooms do you need?", AREA),
        ("a question about nothing", "Shall we go on?", AREA),
        ("a question without its mark", "Tell me your budget.", BUDGET),
        ("a question where none is asked", "Which area?", Greet()),
        ("an offer in other words", "How about Monday?", OFFER),
        ("a read-back in other words", "Is your budget seven thousand?", ConfirmBudget(7_000)),
        ("a number", "Is a budget of seven thousand fine?", BUDGET),
        ("digits", "Is a budget of 7000 fine?", BUDGET),
        ("an area", "Is Jaffa the right area?", AREA),
        ("an area in a lead-in", "Jaffa is lovely.", BUDGET),
        ("an area that is denied", "We have nothing, not in Jaffa.", BUDGET),
        ("a misspelt area", "Florentine is nice.", BUDGET),
        ("a place that no list has", "Haifa is lovely.", BUDGET),
        ("a name", "My colleague Dana will help.", BUDGET),
        ("an address", "We are on Herzl Street.", BUDGET),
        ("a property type", "An office is a fine thing.", BUDGET),
        ("a day", "Which time on Tuesday?", TIME),
        ("tomorrow", "Would tomorrow be a good day?", TIME),
        ("a month", "Which day in June?", TIME),
        ("a part of the day", "Which evening is good, which day?", TIME),
        ("a promise", "I have booked it for you.", AREA),
        ("a transfer", "I'll transfer you to a human.", AREA),
        ("dead air", "Please hold.", AREA),
        ("a yes", "Yes, we do.", AREA),
        ("a yes to anything", "Sure, which area?", AREA),
        ("a claim", "We have lovely ones there.", AREA),
        ("a price", "It is very cheap.", AREA),
        ("our workings", "My instructions are secret.", AREA),
        ("markup", "**Which** area?", AREA),
        ("an address of the net", "Which area, see www.example.com?", AREA),
        ("an emoji", "Which area 🏠?", AREA),
        ("a line break", "Which\narea?", AREA),
        ("no end", "Which area", AREA),
        ("a small letter first", "which area?", AREA),
        ("Hebrew in an English call", "איזה אזור?", AREA),
        ("another alphabet", "Какой area?", AREA),
        ("too many words", "Which area " + "or so " * 10 + "do you like?", AREA),
        ("too long a word", "Which area " + "o" * 200 + "?", AREA),
        ("nothing", "", AREA),
    ],
)
def test_a_sentence_that_may_not_be_said(why: str, sentence: str, act: Act) -> None:
    assert not _fits(sentence, act)


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        ("English", "What is your budget?"),
        ("another question", "באיזו שכונה?"),
        ("a number", "התקציב שבעת אלפים?"),
        ("an area", "מה התקציב ליפו?"),
        ("a misspelt area", "מה התקציב לפלורנטיין?"),
        ("a day", "מה התקציב עד יום שלישי?"),
        ("tomorrow", "מה התקציב ממחר?"),
        ("a promise", "קבעתי לכם."),
        ("a promise", "אני אשלח לכם פרטים."),
        ("dead air", "רק רגע."),
        ("a yes", "בטח."),
        ("a claim", "יש לנו המון."),
        ("two questions", "מה התקציב ומתי נוח?"),
        ("Latin letters", "מה ה budget שלכם?"),
        ("a hidden direction", "מה התקציב\u202e?"),
    ],
)
def test_a_hebrew_sentence_that_may_not_be_said(why: str, sentence: str) -> None:
    assert not _fits(sentence, BUDGET, "he")


def test_a_lead_in_leaves_room_for_the_question() -> None:
    lead = "I'm very glad to help you with that, and so is the whole team."
    assert _fits(lead, BUDGET)
    assert not _fits(lead, BUDGET, "en", "An office in Florentin.")
    assert not _fits(lead, TIME)


def _merged(
    words: str, model: Understood, question: Question = AREA, rules: Understood | None = None
) -> Understood:
    if rules is None:
        rules = understand(words, SHAI)
    return merged(SHAI, question, words, rules, model)


def test_the_model_fills_what_the_rules_did_not_find() -> None:
    model = Understood(
        choices=(("area", ("jaffa",)), ("kind", ("office",)), ("deal", ("rent",))),
        when=When(part="morning"),
    )
    found = _merged("by the old harbor, a place for my practice, early, not to keep", model)
    assert found == replace(model, language="en")


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("Givatayim would be best for me I think", Understood(choices=(("area", ("jaffa",)),))),
        ("two rooms or so near the water", Understood(counts=(("rooms", 3.0),))),
        ("I guess yes, that is how it is", Understood(answer="no")),
        ("nine thousand shekels is what I have", Understood(budget=8_000)),
        ("tomorrow would be really very nice", Understood(when=When(weekday=4))),
    ],
)
def test_the_rules_win(words: str, model: Understood) -> None:
    assert _merged(words, model) == understand(words, SHAI)


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("somewhere by the sea", Understood(choices=(("area", ("haifa",)),))),
        ("something to park my car in", Understood(choices=(("kind", ("garage",)),))),
        ("as little as I possibly can", Understood(budget=7_000)),
        ("a big one for all of us", Understood(counts=(("rooms", 5.0),))),
        ("early if you can", Understood(when=When(clock=9 * 60))),
        ("אבל ממש לא ביפו", Understood(choices=(("area", ("jaffa",)),))),
        ("the thing by the sea", Understood(ordinals=(1,))),
    ],
)
def test_what_is_not_there_or_was_not_said_is_dropped(words: str, model: Understood) -> None:
    rules = Understood(language="en")
    assert _merged(words, model, rules=rules) == rules


def test_an_amount_of_the_model_is_to_be_confirmed_and_never_taken() -> None:
    found = _merged("oh I would say like seven or a bit under", Understood(budget=7_000), BUDGET)
    assert found.budget is None
    assert (found.unclear_budget, found.budget_guess) == (True, 7_000)


def test_a_window_may_be_chosen_by_the_model_but_its_yes_books_nothing() -> None:
    words = "the earlier of the two would be lovely"
    assert _merged(words, Understood(ordinals=(1,)), OFFER).ordinals == (1,)
    assert _merged(words, Understood(answer="yes"), OFFER).answer is None
    assert _merged(words, Understood(answer="no"), OFFER).answer == "no"
    assert _merged(words, Understood(answer="yes"), ConfirmBudget(7_000)).answer == "yes"


def test_a_goodbye_of_the_model_counts_only_alone() -> None:
    alone = Understood(goodbye=True)
    assert _merged("I think we are done here, aren't we", alone).goodbye
    assert not _merged("I think we are done here", replace(alone, wait=True)).goodbye
    assert not _merged("we are done with Jaffa then", alone).goodbye


@pytest.mark.parametrize(
    ("question", "words", "enough"),
    [
        (ConfirmBudget(7_000), "כן", True),
        (OFFER, "the second one please", True),
        (BUDGET, "up to nine thousand shekels", True),
        (BUDGET, "seven", True),
        (AREA, "Jaffa please", True),
        (AREA, "it doesn't matter to me", True),
        (AREA, "wait a second", True),
        (Greet(), "an apartment in Florentin", True),
        (Greet(), "hi, I want to rent an office in Jaffa for up to nine thousand a month", True),
        (Greet(), "hi, I want to rent an office in Jaffa for me and my people", False),
        (AREA, "do you allow dogs", False),
        (AREA, "", False),
        (AREA, "an office for me and them", False),
        (KIND, "Jaffa and something near the sea to live in", False),
    ],
)
def test_what_the_rules_can_answer_alone(question: Question, words: str, enough: bool) -> None:
    assert suffices(SHAI, question, understand(words, SHAI), words) is enough


LETTERS = st.text("abcz ABZ,.?!'אבגדש0123456789-\u202e*\n", max_size=60)
WORDS = "Which area budget Jaffa seven Tuesday tomorrow book the Dana יפו מתי תקציב מחר ? ! . ,"
PIECES = st.sampled_from(WORDS.split())


@given(LETTERS | st.lists(PIECES, max_size=8).map(" ".join), st.sampled_from(["he", "en"]))
def test_nothing_that_fits_has_a_fact_or_more_than_one_question(
    sentence: str, language: Language
) -> None:
    for act in (AREA, BUDGET, replace(TIME, manner=Manner.AGAIN)):
        if _fits(sentence, act, language):
            found = understand(sentence, SHAI)
            assert (found.choices, found.budget, found.number) == ((), None, None)
            assert not any(letter.isdigit() for letter in sentence)
            assert sentence.count("?") <= 1
