from hypothesis import given
from hypothesis import strategies as st

from engine.providers.pieces import Span, spans, word_times

words = st.lists(
    st.text("abcאבג0,.?", min_size=1, max_size=9).filter(lambda word: bool(word.split())),
    max_size=30,
)


def texts(text: str) -> list[str]:
    return [span.text for span in spans(text)]


def test_the_first_piece_is_short_and_the_later_ones_are_whole_clauses() -> None:
    assert texts("I have Sunday at ten, Sunday at four, or Monday at noon. Which suits you?") == [
        "I have Sunday at ten,",
        "Sunday at four, or Monday at noon.",
        "Which suits you?",
    ]


def test_one_word_before_a_comma_is_no_piece() -> None:
    assert texts("Hello, this is Leah, the assistant.") == [
        "Hello, this is Leah,",
        "the assistant.",
    ]


def test_a_long_sentence_without_a_comma_begins_with_a_part_of_it() -> None:
    first, rest = texts("Are you looking for an apartment to rent or for an apartment to buy here?")
    assert first == "Are you looking for an apartment"
    assert rest == "to rent or for an apartment to buy here?"


def test_a_title_does_not_end_a_sentence() -> None:
    assert texts("Dr. Levi calls.") == ["Dr. Levi calls."]


def test_languages_are_told_by_their_script() -> None:
    assert spans("שָׁלוֹם Leah Cohen 7") == [Span("שָׁלוֹם", "he"), Span("Leah Cohen 7", "en")]


def test_figures_alone_are_english() -> None:
    assert spans("7 10") == [Span("7 10", "en")]


def test_nothing_to_say_is_no_piece() -> None:
    assert spans("  ") == []


@given(words)
def test_no_word_is_lost_or_moved(given_words: list[str]) -> None:
    text = " ".join(given_words)
    assert " ".join(texts(text)) == text


@given(words, st.floats(0, 1), st.floats(0, 9))
def test_words_begin_one_after_another_within_their_piece(
    given_words: list[str], lead: float, length: float
) -> None:
    text = " ".join(given_words)
    times = word_times(text, lead, lead + length)
    assert [word.text for word in times] == text.split()
    begins = [word.at for word in times]
    assert begins == sorted(begins)
    assert all(lead - 0.001 <= at <= lead + length + 0.001 for at in begins)
