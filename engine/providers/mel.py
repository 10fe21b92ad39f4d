"""Whisper's view of sound: 80 log-mel bands, 100 columns a second, of 16 kHz audio.

Pure; the arithmetic is that of the model's training (Slaney mel scale, 25 ms Hann windows)."""

import numpy as np
import numpy.typing as npt

RATE = 16000
COLUMNS_PER_SECOND = 100
_WINDOW = 400
_HOP = 160
_BANDS = 80
_FLOOR = 1e-10

Floats = npt.NDArray[np.float32]


def log_mel(audio: Floats, padding: float) -> Floats:
    """Bands by columns, of the audio and `padding` seconds of silence after it.

    The number of columns is even, as the encoder halves it."""
    columns = -(-len(audio) // _HOP)
    padded = np.concatenate([np.zeros(_WINDOW // 2, np.float32), audio, np.zeros(_WINDOW, "f4")])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:columns]
    power = np.abs(np.fft.rfft(windows * _HANN, axis=1)) ** 2
    heard = np.log10(np.maximum(power @ _FILTERS, _FLOOR)).T
    total = columns + round(padding * COLUMNS_PER_SECOND)
    bands = np.full((_BANDS, total + total % 2), np.log10(_FLOOR), np.float32)
    bands[:, :columns] = heard
    return np.asarray((np.maximum(bands, bands.max() - 8.0) + 4.0) / 4.0, np.float32)


def _mel_to_hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Slaney: linear up to 1 kHz (15 mels), 27 mels to each factor of 6.4 above.
    return np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))


def _filters() -> Floats:
    """Triangles of equal area, one for each band: bins by bands."""
    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    edges = _mel_to_hertz(np.linspace(0, top, _BANDS + 2))
    bins = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    height = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * height, np.float32)


_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_FILTERS = _filters()
