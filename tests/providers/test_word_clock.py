import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.core.audio import FRAME_BYTES, seconds, silence
from engine.core.events import Word
from engine.providers.word_clock import WordClock, estimate

frames = st.lists(st.booleans(), min_size=1, max_size=200)
texts = st.lists(st.text("abאבָ,", min_size=1, max_size=9), min_size=1, max_size=20).map(" ".join)


def voice(length: float) -> bytes:
    return np.full(round(length * 8000), 3000, np.int16).tobytes()


def sound(loud: list[bool]) -> bytes:
    return b"".join(voice(0.02) if frame else bytes(FRAME_BYTES) for frame in loud)


def test_words_share_the_sound_by_their_letters() -> None:
    assert estimate("a abc", voice(0.6)) == (Word("a", 0.0), Word("abc", 0.2))


def test_silence_before_and_between_is_no_time_for_words() -> None:
    pcm = silence(0.3) + voice(0.2) + silence(0.5) + voice(0.4) + silence(0.2)
    assert estimate("a, abc", pcm) == (Word("a,", 0.3), Word("abc", 1.06))


def test_points_are_no_letters() -> None:
    assert estimate("כֵּן לא", voice(0.6)) == (Word("כֵּן", 0.0), Word("לא", 0.3))


def test_a_stream_has_each_word_in_the_piece_in_which_it_begins() -> None:
    clock = WordClock("a abc a", pace=10.0)
    assert clock.words(silence(0.1) + voice(0.1)) == (Word("a", 0.1),)
    assert clock.words(voice(0.2)) == (Word("abc", 0.1),)
    assert clock.words(voice(0.2)) == ()
    assert clock.last_words(voice(0.2)) == (Word("a", 0.1),)


def test_words_for_which_the_sound_was_too_short_are_at_its_end() -> None:
    clock = WordClock("a abc a", pace=2.0)
    assert clock.words(voice(0.2)) == (Word("a", 0.0),)
    assert clock.last_words(voice(0.2)) == (Word("abc", 0.18), Word("a", 0.18))


@given(texts, frames)
def test_all_words_are_told_in_order_within_the_sound(text: str, loud: list[bool]) -> None:
    pcm = sound(loud)
    words = estimate(text, pcm)
    assert [word.text for word in words] == text.split()
    times = [word.at for word in words]
    assert times == sorted(times)
    assert all(0 <= at < seconds(pcm) for at in times)


@given(texts, frames, st.floats(1, 40), st.integers(1, 50))
def test_how_a_stream_is_cut_does_not_matter(
    text: str, loud: list[bool], pace: float, step: int
) -> None:
    pieces = [sound(loud[at : at + step]) for at in range(0, len(loud), step)]
    clock, before, words = WordClock(text, pace), 0.0, list[tuple[str, float]]()
    for number, piece in enumerate(pieces, 1):
        told = clock.last_words(piece) if number == len(pieces) else clock.words(piece)
        words += [(word.text, round(before + word.at, 2)) for word in told]
        before += seconds(piece)
    whole = WordClock(text, pace).last_words(sound(loud))
    assert words == [(word.text, round(word.at, 2)) for word in whole]
