"""How the benchmarks of the line judge what they measured: the pace on the wire, the position."""

import pytest

from engine.core.audio import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, RATE
from tests.bench.playout_position import WAV_HEADER, Recording, Said, Told, compare, noise
from tests.bench.wire_pacing import Packet, Stream

LUMP = 4096


def packet(number: int, late: float = 0.0, *, begins: bool = False) -> Packet:
    stamp = (0xFFFFFF00 + number * FRAME_SAMPLES) & 0xFFFFFFFF
    return Packet((65_530 + number) & 0xFFFF, stamp, begins, 100 + number * FRAME_SECONDS + late)


def test_a_packet_is_late_against_the_grid_of_its_own_stream() -> None:
    stream = Stream([packet(0, 0.004), packet(1, 0.001), packet(2, 0.016), packet(3, 0.001)])
    assert stream.lateness() == pytest.approx([0.003, 0.0, 0.015, 0.0], abs=1e-6)
    assert max(stream.intervals()) == pytest.approx(0.035)
    assert stream.missing() == 0


def test_after_a_stall_there_is_a_new_grid_and_a_lost_packet_is_missed() -> None:
    stream = Stream([packet(7), packet(8), packet(10, 0.3, begins=True), packet(11, 0.305)])
    assert stream.lateness() == pytest.approx([0.0, 0.0, 0.0, 0.005], abs=1e-6)
    assert stream.missing() == 1


def speaker(pcm: bytes, begins: float, *, late: float) -> Recording:
    """A player's pipe: a lump comes when its last frame is played, every other one late."""
    wav = bytes(WAV_HEADER) + pcm
    lumps = []
    for number, first in enumerate(range(0, len(wav), LUMP)):
        lump = wav[first : first + LUMP]
        frame = (first + len(lump) - WAV_HEADER - 1) // FRAME_BYTES
        lumps.append((begins + frame * FRAME_SECONDS + number % 2 * late, lump))
    return Recording(lumps)


def test_a_position_is_compared_with_the_moment_at_which_it_was_heard() -> None:
    reply = noise(7)
    heard = speaker(bytes(2 * RATE) + reply + bytes(2 * RATE), 50.0, late=0.006)
    told = [Told("while", 52.0, 0.97), Told("while", 52.1, 1.1), Told("while", 51.0, 0.02)]
    offs = list(compare(Said(reply, 0.04, told), heard))
    assert [off.seconds for off in offs] == pytest.approx([-0.03, 0.0], abs=1e-3)


def test_a_reply_that_was_broken_off_was_heard_as_far_as_the_recording_has_it() -> None:
    reply = noise(8)
    heard = speaker(bytes(2 * RATE) + reply[: 2 * 8160] + bytes(4 * RATE), 50.0, late=0.0)
    (off,) = compare(Said(reply, None, [], cut=Told("cut", 52.0, 1.0)), heard)
    assert off.seconds == pytest.approx(1.0 - 1.02, abs=1e-3)


def test_a_position_that_nobody_heard_is_told_as_such() -> None:
    said = Said(noise(9), 0.04, [Told("while", 51.0, 0.5)])
    (off,) = compare(said, speaker(noise(10), 50.0, late=0.0))
    assert off.seconds is None
