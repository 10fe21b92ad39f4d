"""What a rehearsal measures on recordings, clips and traces: to the sample, the frame, the word."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rehearsal.callers import clip, cough, leveled, street, voiced, without_pauses
from bridge.rehearsal.ear import (
    Reply,
    find,
    first_sound,
    last_sound,
    percentile,
    samples,
    stretches,
)
from bridge.rehearsal.phone import Echo, Track
from bridge.rehearsal.told import read
from engine.core.audio import FRAME_BYTES, RATE, level, silence
from tests.bridge.scripted_agent import talk

SENTENCE = talk(2.0, seed=7)


def before(seconds: float, pcm: bytes) -> bytes:
    return silence(seconds) + pcm


def cut(pcm: bytes, start: float, end: float = math.inf) -> bytes:
    last = len(pcm) if end == math.inf else 2 * round(end * RATE)
    return pcm[2 * round(start * RATE) : last]


@given(st.integers(0, 4000), st.integers(1, 4000), st.integers(0, 4000))
def test_sound_begins_and_ends_to_the_sample(lead: int, length: int, rest: int) -> None:
    tone = (5000).to_bytes(2, "little") * length
    pcm = bytes(2 * lead) + tone + bytes(2 * rest)
    assert first_sound(pcm) == lead / RATE
    assert last_sound(pcm) == (lead + length) / RATE


def test_silence_has_no_sound() -> None:
    assert first_sound(silence(1.0)) is None
    assert last_sound(b"") is None
    assert stretches(silence(1.0)) == []


def test_stretches_are_parted_by_long_silences_only() -> None:
    tone = (5000).to_bytes(2, "little") * RATE
    pcm = before(0.5, tone) + silence(0.3) + tone + silence(0.7) + tone
    assert stretches(pcm, gap=0.5) == [(0.5, 2.8), (3.5, 4.5)]


@pytest.mark.parametrize("place", [0.0, 0.3125, 1.7])
def test_a_part_is_found_where_it_is(place: float) -> None:
    at, likeness = find(cut(SENTENCE, place, place + 0.3), SENTENCE)
    assert at == pytest.approx(place)
    assert likeness == pytest.approx(1.0)


def test_what_is_not_there_is_not_alike() -> None:
    assert find(talk(0.3, seed=8), SENTENCE)[1] < 0.3
    assert find(talk(0.3, seed=8), silence(1.0))[1] == 0.0
    assert find(b"", SENTENCE) == (0.0, 0.0)
    assert find(SENTENCE, b"") == (0.0, 0.0)


def test_a_reply_that_is_broken_off_fell_silent_at_its_last_sample() -> None:
    reply = Reply(SENTENCE)
    heard = before(0.25, cut(SENTENCE, 0.0, 1.0)) + silence(2.0)
    began = reply.begins(heard)
    assert began == pytest.approx(0.25, abs=0.001)
    assert began is not None
    assert reply.broken_off(heard, began, began) == pytest.approx(1.25, abs=0.002)
    assert not reply.heard_to_its_end(heard, began)


def test_a_reply_that_is_heard_whole_is_not_broken_off() -> None:
    reply = Reply(SENTENCE)
    heard = before(0.25, SENTENCE) + silence(1.0)
    assert reply.broken_off(heard, 0.25, 0.25) is None
    assert reply.heard_to_its_end(heard, 0.25)


def test_a_pause_of_the_reply_itself_is_no_end() -> None:
    pausing = cut(SENTENCE, 0.0, 0.8) + silence(0.4) + cut(SENTENCE, 0.8)
    reply = Reply(pausing)
    assert reply.broken_off(pausing, 0.0, 0.0) is None
    assert 0.7 not in reply.busy_places(0.1, 1.5)
    assert 0.2 in reply.busy_places(0.1, 1.5)


def test_where_a_reply_goes_on_is_told_by_its_place_in_it() -> None:
    heard = cut(SENTENCE, 0.0, 1.0) + silence(0.5) + cut(SENTENCE, 0.8)
    went_on = Reply(SENTENCE).goes_on(heard, 1.1)
    assert went_on is not None
    assert went_on == pytest.approx((1.5, 0.8), abs=0.001)
    other = cut(SENTENCE, 0.0, 1.0) + silence(0.5) + talk(1.0, seed=9)
    assert Reply(SENTENCE).goes_on(other, 1.1) is None


def test_a_reply_that_leaves_something_out_is_not_heard_to_its_end() -> None:
    heard = cut(SENTENCE, 0.0, 1.0) + cut(SENTENCE, 1.2) + silence(1.0)
    assert not Reply(SENTENCE).heard_to_its_end(heard, 0.0)


def test_percentiles_are_values_that_were_measured() -> None:
    hundred = [float(value) for value in range(1, 101)]
    assert percentile(hundred, 0.5) == 50.0
    assert percentile(hundred, 0.95) == 95.0
    assert percentile(hundred, 1.0) == 100.0
    assert percentile([7.0], 0.5) == 7.0
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize("dbfs", [-20.0, -32.0, -40.0])
def test_a_clip_knows_its_voice_at_every_level(dbfs: float) -> None:
    made = clip("word", before(0.1, talk(0.4, seed=3)) + silence(0.2), dbfs)
    assert made.onset == pytest.approx(0.1, abs=0.005)
    assert made.end == pytest.approx(0.5, abs=0.005)
    assert 20 * math.log10(level(cut(made.pcm, 0.1, 0.5)) / 32768) == pytest.approx(dbfs, abs=0.3)


def test_who_does_not_pause_is_silent_for_60_ms_at_most() -> None:
    pausing = talk(1.0, seed=4) + silence(0.5) + talk(1.0, seed=5)
    spoken = without_pauses(pausing)
    assert len(stretches(spoken, gap=0.1)) == 1
    assert len(pausing) - len(spoken) == 2 * round(0.44 * RATE)


def test_noises_have_their_length_and_are_the_same_each_time() -> None:
    assert len(cough()) == 2 * round(0.3 * RATE)
    assert cough(1) == cough(1)
    assert voiced(cough()) != (0.0, 0.0)
    traffic = street(5.0, -36.0)
    assert 20 * math.log10(level(traffic) / 32768) == pytest.approx(-36.0, abs=0.5)
    assert leveled(silence(0.1), -20.0) == silence(0.1)


def test_an_echo_is_softer_and_later() -> None:
    heard = Track()
    heard.put(0, SENTENCE)
    echo = Echo(loss_db=20.0, delay=0.1)
    assert level(echo.of(heard, 0.05)) == 0
    came = samples(echo.of(heard, 0.5))
    sent = samples(heard.between(0.4, 0.42))
    assert np.abs(came - sent / 10).max() <= 0.5


TRACE = """# A call over audiosocket.
0.000 > answered
0.000   < ask 1 greet
0.002   < say 1 "Hello there."
0.003 > audio 1 1.0000 "Hello"@0.020 "the\\"re"@0.500 loud="Xq@0.1"
0.003   < play 1 1.0000
0.003   < = Speaking
0.004 > audio 1 0.5000 "friend"@0.100
0.004   < play 1 0.7000
0.025 > frames 30x3 500/90 600+10 .x2 30
0.185   < listen 1 0.06
0.200 > frames 40x4
0.260   < stop-listening 1 5
0.300 > played 1 1.700 done
0.300   < note reply_cut turn=1 words_heard=2 cause="a \\"voice\\"" ok=true
0.300   < = Refractory
not a line of a trace
"""


def test_a_trace_tells_frames_states_and_notes() -> None:
    told = read(TRACE)
    assert len(told.arrivals) == 10
    assert told.arrivals[:4] == (0.025, 0.045, 0.065, 0.085)
    assert told.arrivals[4] == pytest.approx(0.115)
    assert told.levels[3:6] == (500, 600, 30)
    assert told.states == [(0.0, "Listening"), (0.003, "Speaking"), (0.3, "Refractory")]
    (note,) = told.notes("reply_cut")
    assert note.facts == {"turn": 1, "words_heard": 2, "cause": 'a "voice"', "ok": True}
    assert told.of("say")[0].texts == ["Hello there."]
    assert (told.of("played")[0].number, told.of("played")[0].rest) == (1, "1 1.700 done")


def test_a_trace_tells_when_words_end_and_which_frames_were_given() -> None:
    told = read(TRACE)
    assert told.word_ends(1) == [0.5, 1.1, 1.5]
    assert told.word_ends(2) == []
    assert told.reply_length(1) == pytest.approx(1.7)
    # The pre-roll of three frames ends with the sixth frame that came.
    assert told.covered() == {3, 4, 5, 6, 7}


def test_the_clocks_of_phone_and_bridge_are_laid_over_each_other() -> None:
    frames = [talk(0.02, seed, 300 + 200 * (seed % 7)) for seed in range(40)]
    levels = " ".join(str(level(frame)) for frame in frames)
    # The bridge heard three frames of somebody else before; a frame takes 1 ms to it.
    told = read(f"5.021 > frames 0x3 {levels}\n")
    spoken = b"".join(frames)
    assert len(spoken) == 40 * FRAME_BYTES
    assert told.lag(spoken) == 3
    assert told.behind(told.lag(spoken)) == pytest.approx(5.061, abs=1e-6)
    assert read("").lag(spoken) == 0
    assert read("").behind(0) == 0.0


def test_a_reply_that_paused_is_heard_late_and_one_that_was_cut_is_not() -> None:
    paused = cut(SENTENCE, 0.0, 1.0) + silence(0.25) + cut(SENTENCE, 0.9)
    assert Reply(SENTENCE).heard_late(paused, 0.0)
    assert not Reply(SENTENCE).heard_late(SENTENCE, 0.0)
    assert not Reply(SENTENCE).heard_late(cut(SENTENCE, 0.0, 1.0) + silence(1.5), 0.0)
