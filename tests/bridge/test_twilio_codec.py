import contextlib
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.twilio_media import codec
from engine.core.audio import mulaw_to_pcm
from tests.bench.twilio_fuzz import SLOW_SECONDS, decode_all

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
EXAMPLES = Path(__file__).parents[1] / "twilio"
CONNECTED, START, MEDIA, DTMF, MARK, STOP = (
    (EXAMPLES / f"{event}.json").read_text()
    for event in ("connected", "start", "media", "dtmf", "mark", "stop")
)
DOCUMENTED = [CONNECTED, START, MEDIA, DTMF, MARK, STOP]


def test_the_documented_messages_are_understood() -> None:
    assert [codec.decode(text) for text in DOCUMENTED] == [
        codec.Connected(),
        codec.Start(
            STREAM,
            "CAf4e6a1b7c2d93e58a0b1c2d3e4f50617",
            "AC5ef8732a3c49700934481addd5ce1659",
            {"FirstName": "Jane", "LastName": "Doe"},
        ),
        codec.Media(STREAM, b64decode("no+JhoaJjpzSHxA="), 3, 40),
        codec.DtmfPressed(STREAM, "1"),
        codec.Mark(STREAM, "my label"),
        codec.Stop(STREAM),
    ]


def test_bytes_are_as_good_as_text() -> None:
    assert codec.decode(MARK.encode()) == codec.decode(MARK)


def test_sound_of_another_track_is_not_the_caller() -> None:
    assert codec.decode(MEDIA.replace("inbound", "outbound")) == codec.Other()


def test_an_event_that_is_new_to_us_is_no_fault() -> None:
    assert codec.decode('{"event":"weather"}') == codec.Other()


def test_the_token_is_not_in_the_repr_of_start() -> None:
    assert "Jane" not in repr(codec.decode(START))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "media",
        "null",
        "[]",
        "7",
        '"media"',
        "{}",
        '{"event":null}',
        '{"event":["media"]}',
        '{"event":"media"}',
        '{"event":"media","streamSid":"MZ1","media":[]}',
        '{"event":"media","streamSid":7,"media":{"payload":""}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":7}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"שלום"}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"AAA"}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"AA\\nAA"}}',
        '{"event":"mark","streamSid":"MZ1","mark":{}}',
        '{"event":"mark","streamSid":"MZ1","mark":{"name":1}}',
        '{"event":"mark","streamSid":"MZ1","mark":{"name":"\\ud800"}}',
        '{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"12"}}',
        '{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":""}}',
        '{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":1}}',
        '{"event":"stop","streamSid":NaN}',
        '{"event":"stop","streamSid":-Infinity}',
        '{"event":"stop","x":1e999}',
        '{"event":"stop"}',
        '{"event":"stop","streamSid":{}}',
        START.replace("8000", "16000"),
        START.replace("audio/x-mulaw", "audio/x-l16"),
        START.replace('"channels": 1', '"channels": 2'),
        START.replace('"Jane"', "7"),
        START.replace('{"FirstName": "Jane", "LastName": "Doe"}', "[]"),
        START.replace("CAf4e6a1b7c2d93e58a0b1c2d3e4f50617", "CA 1"),
        START.replace("CAf4e6a1b7c2d93e58a0b1c2d3e4f50617", "C" * 65),
        START.replace(STREAM, "MZ\\u0022", 1),
        START.replace(STREAM, "MZ2", 1),
        "[" * 60_000,
        '{"event":' * 5_000,
        "9" * 6_000,
        " " * 65_537,
        "\ud800",
    ],
)
def test_what_twilio_would_not_send_is_malformed(text: str) -> None:
    with pytest.raises(codec.MalformedMessage):
        codec.decode(text)


def test_what_is_not_utf8_is_malformed() -> None:
    with pytest.raises(codec.MalformedMessage):
        codec.decode(b'{"event":"\xff"}')


def test_a_fault_does_not_repeat_what_came() -> None:
    with pytest.raises(codec.MalformedMessage) as malformed:
        codec.decode('{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"972501234567"}}')
    assert "972" not in str(malformed.value)
    assert malformed.value.__cause__ is None


def test_no_message_raises_anything_else_and_none_takes_long() -> None:
    decoded = decode_all(20_000, seed=18)
    assert decoded.slowest < SLOW_SECONDS
    assert decoded.outcomes["refused"] > 10_000
    assert len(decoded.outcomes) == 8  # each kind of message came through, too


VALUES = ("null", "true", "7", "-0.5", '""', '"x"', "[]", '["x"]', "{}", '{"name":1}')
VALUE = st.sampled_from(VALUES)
NAMES = st.sampled_from(["payload", "name", "digit", "streamSid", "callSid", "mediaFormat"])
BODY = VALUE | st.builds('{{"{}":{}}}'.format, NAMES, VALUE)
EVENT = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop"])


@given(event=EVENT, body=BODY, stream=st.just(f'"{STREAM}"') | VALUE)
def test_wrong_shapes_raise_nothing_else(event: str, body: str, stream: str) -> None:
    with contextlib.suppress(codec.MalformedMessage):
        codec.decode(f'{{"event":"{event}","streamSid":{stream},"{event}":{body}}}')


def test_sound_goes_out_as_documented() -> None:
    sent = json.loads(codec.media(STREAM, bytes(range(256))))
    assert b64decode(sent["media"].pop("payload")) == bytes(range(256))
    assert sent == {"event": "media", "streamSid": STREAM, "media": {}}


def test_marks_and_clears_go_out_as_documented() -> None:
    assert json.loads(codec.mark(STREAM, "3:end")) == {
        "event": "mark",
        "streamSid": STREAM,
        "mark": {"name": "3:end"},
    }
    assert json.loads(codec.clear(STREAM)) == {"event": "clear", "streamSid": STREAM}


def pieces_of(sounds: list[bytes], start: int = 40) -> list[codec.Media]:
    """The sounds, one after the other without a hole."""
    media = []
    for number, sound in enumerate(sounds, 2):
        media.append(codec.Media(STREAM, sound, number, start))
        start += len(sound)
    return media


def heard(framer: codec.Framer, pieces: list[codec.Media]) -> bytes:
    frames = [frame for piece in pieces for frame in framer.frames(piece)]
    assert all(len(frame) == 320 for frame in frames)
    return b"".join(frames)


@given(st.lists(st.binary(max_size=700)))
def test_frames_are_the_same_however_the_sound_is_cut(sounds: list[bytes]) -> None:
    framer = codec.Framer()
    whole = mulaw_to_pcm(b"".join(sounds))
    assert heard(framer, pieces_of(sounds)) == whole[: len(whole) // 320 * 320]
    assert (framer.filled, framer.jumps, framer.disorder) == (0, 0, 0)


@pytest.mark.parametrize(
    ("lost_ms", "filled_ms", "jumps"), [(20, 20, 0), (37, 37, 0), (200, 200, 0), (201, 0, 1)]
)
def test_a_short_hole_in_the_timeline_is_filled_with_silence(
    lost_ms: int, filled_ms: int, jumps: int
) -> None:
    framer = codec.Framer()
    first, second, third = pieces_of([b"\x01" * 160, b"\x02" * 160, b"\x03" * 1600])
    second.sample += 8 * lost_ms
    third.sample += 8 * lost_ms
    silence = b"\xff" * 8 * filled_ms
    whole = mulaw_to_pcm(first.mulaw + silence + second.mulaw + third.mulaw)
    assert heard(framer, [first, second, third]) == whole[: len(whole) // 320 * 320]
    assert (framer.filled, framer.jumps, framer.disorder) == (8 * filled_ms, jumps, 0)


def test_uneven_dates_are_no_loss() -> None:
    framer = codec.Framer()
    pieces = pieces_of([bytes(160)] * 100)
    for piece, late_ms in zip(pieces, [0, 19, 0, 11, 25, 0, 3, 25] * 20, strict=False):
        piece.sample += 8 * late_ms
    assert len(heard(framer, pieces)) == 320 * 101
    assert framer.filled == 8 * 25  # once: the timeline stays ahead by it


def test_what_comes_again_or_out_of_order_is_counted_and_heard() -> None:
    framer = codec.Framer()
    one, two, three, four = pieces_of([bytes([number]) * 160 for number in range(4)])
    told = heard(framer, [one, two, two, four, three])
    assert sorted({told[at : at + 2] for at in range(0, len(told), 320)}) == sorted(
        mulaw_to_pcm(bytes([number])) for number in range(4)
    )
    assert framer.disorder == 2


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=700), st.integers(0, 10**15 - 1), st.integers(0, 8 * 10**15 - 8)
        )
    )
)
def test_no_dates_lose_sound_or_make_up_much(told: list[tuple[bytes, int, int]]) -> None:
    framer = codec.Framer()
    pieces = [codec.Media(STREAM, *one) for one in told]
    samples = sum(len(sound) for sound, _, _ in told)
    frames = len(heard(framer, pieces)) // 320
    assert frames == (samples + framer.filled) // 160
    assert framer.filled <= codec.FILLED_SAMPLES * len(told)


@pytest.mark.parametrize(
    "number", ['"-1"', '"1.5"', '"٣"', '"1e3"', '""', "7", '"' + "9" * 16 + '"']
)
def test_numbers_are_digits_and_few(number: str) -> None:
    for name in ("sequenceNumber", "timestamp"):
        text = re.sub(f'("{name}": )"[0-9]*"', rf"\g<1>{number}", MEDIA)
        assert text != MEDIA
        with pytest.raises(codec.MalformedMessage):
            codec.decode(text)
