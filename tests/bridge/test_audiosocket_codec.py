from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audiosocket import codec
from tests.bench.audiosocket_fuzz import fuzz

CALL = UUID("5f3e1c0a-0000-4000-8000-000000000001")
HELLO = b"\x01\x00\x10" + CALL.bytes
FRAME = codec.audio_header(320) + bytes(range(160)) * 2
WIDE = codec.audio_header(640, 16000) + bytes(range(160)) * 4
STREAM = HELLO + FRAME + b"\x03\x00\x015" + b"\x02\x00\x03abc" + WIDE + codec.HANG_UP
MESSAGES = [
    codec.Hello(CALL),
    codec.Audio(FRAME[3:]),
    codec.Digit("5"),
    codec.Audio(WIDE[3:], 16000),
    codec.HangUp(),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_however_tcp_cuts_the_stream_the_messages_are_the_same(cuts: list[int]) -> None:
    decoder = codec.Decoder()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [message for piece in pieces for message in decoder.feed(piece)] == MESSAGES


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\x01\x00\x05hello", "UUID of 5 bytes"),
        (b"\x10\x00\x00", "audio of 0 bytes"),
        (b"\x10\x00\x03abc", "audio of 3 bytes"),
        (b"\x18\x00\x03abc", "audio of 3 bytes"),
        (b"\x10\xff\xfe", "audio of 65534 bytes"),
        (b"\x03\x00\x02 1", "DTMF message of 2 bytes"),
        (b"\x03\x00\x01x", "no DTMF digit"),
        (b"\x42\xff\xff", "kind 0x42 with 65535 bytes"),
    ],
)
def test_what_is_not_audiosocket_is_named(wire: bytes, reason: str) -> None:
    with pytest.raises(codec.MalformedStream, match=reason):
        list(codec.Decoder().feed(wire))


def test_each_rate_has_its_kind() -> None:
    rates = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)
    for kind, rate in enumerate(rates, 0x10):
        assert codec.audio_header(2 * rate // 50, rate)[0] == kind
        (audio,) = codec.Decoder().feed(bytes([kind, 0, 2, 1, 2]))
        assert audio == codec.Audio(b"\x01\x02", rate)
    with pytest.raises(ValueError, match="not 11025"):
        codec.check_rate(11025)


def test_unknown_kinds_are_skipped_but_not_without_end() -> None:
    decoder = codec.Decoder()
    assert list(decoder.feed(b"\x42\x00\x01z" * 10 + FRAME)) == [codec.Audio(FRAME[3:])]
    with pytest.raises(codec.MalformedStream, match="more than 10"):
        list(decoder.feed(b"\x42\x00\x01z"))


def test_streams_that_are_broken_at_random_break_nothing() -> None:
    """The long form is `python -m tests.bench.audiosocket_fuzz`."""
    assert 0 < fuzz(3000, seed=2).refused < 3000
