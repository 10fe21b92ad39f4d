import random
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audiosocket import codec

CALL = UUID("5f3e1c0a-0000-4000-8000-000000000001")
HELLO = b"\x01\x00\x10" + CALL.bytes
FRAME = codec.audio_header(320) + bytes(range(160)) * 2
STREAM = HELLO + FRAME + b"\x03\x00\x015" + b"\x02\x00\x03abc" + FRAME + codec.HANG_UP
MESSAGES = [
    codec.Hello(CALL),
    codec.Audio(FRAME[3:]),
    codec.Digit("5"),
    codec.Audio(FRAME[3:]),
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
        (b"\x10\xff\xfe", "audio of 65534 bytes"),
        (b"\x03\x00\x02 1", "DTMF message of 2 bytes"),
        (b"\x03\x00\x01x", "no DTMF digit"),
        (b"\x42\xff\xff", "kind 0x42 with 65535 bytes"),
    ],
)
def test_what_is_not_audiosocket_is_named(wire: bytes, reason: str) -> None:
    with pytest.raises(codec.MalformedStream, match=reason):
        list(codec.Decoder().feed(wire))


def test_unknown_kinds_are_skipped_but_not_without_end() -> None:
    decoder = codec.Decoder()
    assert list(decoder.feed(b"\x42\x00\x01z" * 10 + FRAME)) == [codec.Audio(FRAME[3:])]
    with pytest.raises(codec.MalformedStream, match="more than 10"):
        list(decoder.feed(b"\x42\x00\x01z"))


def test_a_million_random_bytes_break_nothing() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        decoder = codec.Decoder()
        try:
            for _ in range(2):
                list(decoder.feed(chance.choice((HELLO, FRAME, b"")) + chance.randbytes(24)))
        except codec.MalformedStream:
            pass
