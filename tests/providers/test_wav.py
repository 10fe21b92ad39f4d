import io
import wave
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ports import ProviderFailed
from engine.providers.wav import WholeSamples, file

sounds = st.binary(max_size=200).filter(lambda sound: not sound.startswith(b"RIFF"))
cuts = st.lists(st.integers(0, 400), max_size=12)


def split(data: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(at)]


def samples(pieces: list[bytes], rate: int = 8000) -> bytes:
    whole = WholeSamples(rate)
    return b"".join([whole.feed(piece) for piece in pieces]) + whole.end()


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


@given(sounds, cuts)
def test_sound_without_a_header_comes_out_as_it_went_in(sound: bytes, places: list[int]) -> None:
    assert samples(split(sound, places)) == sound[: len(sound) & ~1]


@given(st.integers(0, 11), cuts)
def test_sound_that_begins_like_a_header_is_not_lost(length: int, places: list[int]) -> None:
    sound = b"RIFF\x10\0\0\0WAVE"[:length]
    assert samples(split(sound, places)) == sound[: length & ~1]


@given(sounds, cuts)
def test_a_header_is_left_out_however_it_is_cut(sound: bytes, places: list[int]) -> None:
    pcm = sound[: len(sound) & ~1]
    assert samples(split(file(pcm, 8000), places)) == pcm


@given(sounds.filter(bool), st.binary(max_size=9), cuts)
def test_other_chunks_before_and_after_the_sound_are_left_out(
    sound: bytes, other: bytes, places: list[int]
) -> None:
    pcm = sound + sound
    header = file(b"", 8000)
    chunks = header[:36] + chunk(b"LIST", other) + chunk(b"data", pcm) + chunk(b"LIST", other)
    assert samples(split(chunks, places)) == pcm


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36])
def test_the_length_of_an_endless_stream_is_not_believed(length: int) -> None:
    header = file(b"", 8000)[:-4] + length.to_bytes(4, "little")
    assert samples([header, b"abcdef"]) == b"abcdef"


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(ProviderFailed, match=r"at 8000 Hz.* at 24000 Hz"):
        samples([file(b"abcdef", 24000)])


def test_a_header_without_an_end_is_refused() -> None:
    header = file(b"", 8000)[:36] + b"junk" + (1 << 30).to_bytes(4, "little")
    with pytest.raises(ProviderFailed, match="without an end"):
        samples([header, bytes(1 << 17)])


def test_our_files_are_wav() -> None:
    with wave.open(io.BytesIO(file(b"abcdef", 8000))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        assert sound.readframes(9) == b"abcdef"
