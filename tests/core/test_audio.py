import sys

import numpy as np
import pytest

from engine.core import audio


def test_every_mulaw_code_word_survives_the_way_to_pcm_and_back() -> None:
    words = bytes(range(256))
    again = audio.pcm_to_mulaw(audio.mulaw_to_pcm(words))
    # 0x7F and 0xFF are both zero ("negative" and "positive"); zero encodes as 0xFF.
    assert again == words.replace(b"\x7f", b"\xff")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library")
@pytest.mark.filterwarnings("ignore:'audioop' is deprecated")
def test_mulaw_is_bit_exact_with_the_c_implementation() -> None:
    import audioop

    every_sample = np.arange(-32768, 32768).astype(np.int16).tobytes()
    assert audio.pcm_to_mulaw(every_sample) == audioop.lin2ulaw(every_sample, 2)
    words = bytes(range(256))
    assert audio.mulaw_to_pcm(words) == audioop.ulaw2lin(words, 2)


@pytest.mark.parametrize("amplitude", [0, 1, 45, 1000, 32767])
def test_level_is_the_root_mean_square(amplitude: int) -> None:
    square_wave = np.tile(np.array([amplitude, -amplitude], np.int16), 80).tobytes()
    assert audio.level(square_wave) == amplitude


def test_nothing_has_no_level() -> None:
    assert audio.level(b"") == 0


def test_seconds_and_silence_agree() -> None:
    assert audio.seconds(audio.silence(0.2)) == 0.2
    assert audio.silence(audio.FRAME_SECONDS) == audio.SILENCE
