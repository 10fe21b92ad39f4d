"""The pure parts of a rehearsal's phone: tracks, ears, buffers, delays. No socket, no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rehearsal.audiosocket_phone import Ear
from bridge.rehearsal.phone import LOUD, CallFailed, Delay, Mouth, Track, Watch, comfort_noise
from bridge.rehearsal.twilio_phone import Caller, PlayBuffer, read_twiml, signature
from engine.core.audio import FRAME_SAMPLES, RATE, SILENCE, level

LOUD_FRAME = (1000).to_bytes(2, "little") * FRAME_SAMPLES


def sound(frames: int) -> bytes:
    return LOUD_FRAME * frames


def test_a_track_is_silent_where_nothing_was_put() -> None:
    track = Track()
    track.put(2 * FRAME_SAMPLES, LOUD_FRAME)

    assert track.between(0.0, 0.08) == 2 * SILENCE + LOUD_FRAME + SILENCE


def test_a_track_that_was_cut_goes_on_from_there() -> None:
    track = Track()
    track.put(0, sound(3))
    track.cut(FRAME_SAMPLES)
    track.put(2 * FRAME_SAMPLES, LOUD_FRAME)

    assert track.between(0.0, 0.06) == LOUD_FRAME + SILENCE + LOUD_FRAME


@given(st.floats(0, 2), st.floats(0, 2))
def test_a_piece_of_a_track_is_as_long_as_was_asked_for(start: float, length: float) -> None:
    track = Track()
    track.put(0, sound(50))

    samples = round((start + length) * RATE) - round(start * RATE)

    assert len(track.between(start, start + length)) == 2 * samples


def test_a_watch_tells_when_the_last_loud_frame_ended() -> None:
    track = Track()
    track.put(5 * FRAME_SAMPLES, sound(2))
    watch = Watch(track)

    assert watch.last_loud(0.1) == 0.0
    assert watch.last_loud(0.12) == pytest.approx(0.12)
    assert watch.last_loud(3.0) == pytest.approx(0.14)


def test_a_mouth_fills_the_last_frame_with_silence() -> None:
    mouth = Mouth()
    mouth.say(LOUD_FRAME + b"\1\2")

    assert mouth.next_frame() == LOUD_FRAME
    assert mouth.next_frame() == b"\1\2" + SILENCE[2:]
    assert mouth.next_frame() == b""
    assert mouth.empty


def test_half_a_sample_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="16-bit"):
        Mouth().say(b"\1")


def test_comfort_noise_is_no_voice() -> None:
    assert 0 < level(comfort_noise(-60)) < LOUD


def test_frames_that_arrive_late_and_early_are_heard_without_a_gap_after_the_first() -> None:
    heard = Track()
    ear = Ear(heard)
    arrivals = (0.019, 0.041, 0.059, 0.081, 0.099, 0.121)
    for now in arrivals:
        ear.hear(LOUD_FRAME, now)

    assert heard.between(0.02, 0.18) == LOUD_FRAME + SILENCE + sound(5) + SILENCE


def test_a_burst_is_heard_one_frame_after_the_other() -> None:
    heard = Track()
    ear = Ear(heard)
    for _ in range(5):
        ear.hear(LOUD_FRAME, 0.1)

    assert heard.between(0.1, 0.22) == sound(5) + SILENCE


def test_silence_that_waits_too_long_is_left_out() -> None:
    heard = Track()
    ear = Ear(heard)
    for _ in range(50):
        ear.hear(SILENCE, 0.0)
    ear.hear(LOUD_FRAME, 0.1)

    assert heard.between(0.1, 0.12) == LOUD_FRAME


@given(st.lists(st.floats(0, 0.1), max_size=40))
def test_no_sound_is_heard_before_it_came(steps: list[float]) -> None:
    heard = Track()
    ear = Ear(heard)
    now = 0.0
    for step in steps:
        now += step
        before = heard.between(0.0, now)
        ear.hear(LOUD_FRAME, now)
        assert heard.between(0.0, now) == before


def test_twilio_plays_what_it_has_without_a_gap() -> None:
    heard = Track()
    buffer = PlayBuffer(heard)
    buffer.media(sound(5), 1.0)
    buffer.media(sound(5), 1.05)

    assert heard.between(1.0, 1.22) == sound(10) + SILENCE


def test_a_mark_comes_back_when_the_sound_before_it_was_played() -> None:
    buffer = PlayBuffer(Track())
    buffer.media(sound(5), 1.0)
    buffer.mark("middle")
    buffer.media(sound(5), 1.0)
    buffer.mark("end")

    assert buffer.played(1.09) == []
    assert buffer.played(1.11) == ["middle"]
    assert buffer.played(1.21) == ["end"]


def test_a_mark_comes_back_at_once_when_nothing_is_buffered() -> None:
    buffer = PlayBuffer(Track())
    buffer.media(sound(5), 1.0)

    buffer.mark("late")

    assert buffer.played(1.5) == ["late"]


def test_clear_returns_all_marks_and_the_rest_is_never_heard() -> None:
    heard = Track()
    buffer = PlayBuffer(heard)
    buffer.media(sound(10), 1.0)
    buffer.mark("a")
    buffer.mark("b")

    assert buffer.clear(1.1) == ["a", "b"]
    assert buffer.played(9.0) == []
    assert heard.between(1.0, 1.2) == sound(5) + 5 * SILENCE


def test_clear_with_nothing_buffered_keeps_what_was_heard() -> None:
    heard = Track()
    buffer = PlayBuffer(heard)
    buffer.media(sound(5), 1.0)

    assert buffer.clear(3.0) == []
    buffer.media(sound(1), 4.0)

    assert heard.between(1.0, 1.1) == sound(5)
    assert heard.between(4.0, 4.02) == sound(1)


@given(st.lists(st.floats(0, 0.05), min_size=1), st.floats(0, 0.3), st.floats(0, 0.2))
def test_a_network_delays_within_its_bounds_and_keeps_the_order(
    steps: list[float], fixed: float, jitter: float
) -> None:
    delay = Delay(fixed, jitter, seed=1)
    now = last = 0.0
    for step in steps:
        now += step
        due = delay.due(now)
        assert due >= max(last, now + fixed - 1e-9)
        assert due <= now + fixed + jitter + 1e-9
        last = due


def test_a_form_is_signed_as_twilio_documents_it() -> None:
    # The example of Twilio's page on webhook security.
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }

    signed = signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)

    assert signed == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_twiml_names_the_stream_and_its_parameters() -> None:
    faults: list[str] = []
    twiml = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Connect>'
        '<Stream url="wss://kav.example/ws"><Parameter name="token" value="t&amp;1"/></Stream>'
        "</Connect><Say>Goodbye</Say></Response>"
    )

    stream = read_twiml(twiml, "https://kav.example/voice", faults)

    assert stream.url == "wss://kav.example/ws"
    assert stream.parameters == {"token": "t&1"}
    assert faults == []


def test_a_stream_url_with_a_query_or_without_tls_is_a_fault() -> None:
    faults: list[str] = []
    twiml = '<Response><Connect><Stream url="ws://kav.example/ws?a=1"/></Connect></Response>'

    read_twiml(twiml, "https://kav.example/voice", faults)

    assert len(faults) == 2


@pytest.mark.parametrize("twiml", ["", "<Response><Reject/></Response>", "<html/>"])
def test_twiml_without_a_stream_fails_the_call(twiml: str) -> None:
    with pytest.raises(CallFailed):
        read_twiml(twiml, "https://kav.example/voice", [])


def test_every_caller_has_a_call_sid_of_its_own() -> None:
    assert Caller().call_sid != Caller().call_sid
