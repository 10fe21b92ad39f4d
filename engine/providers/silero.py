"""Silero's neural detector of speech, at a telephone's 8 kHz: a second opinion on what is loud.

The model is loaded once in a process and shared by its calls. A window takes it a fifth of a
millisecond, less than handing it to a thread would: it is asked on the event loop itself.
"""

from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.audio import RATE
from engine.core.events import UNKNOWN
from engine.ports import ProviderFailed
from engine.providers import weights

_PACKAGE = "silero_vad"
_WINDOW = 256
_CONTEXT = 32
"""Samples before a window that the model wants with it."""
_KEPT = 13
"""Frames that are heard together after a pause, the loud one last: eight windows and a context.
What was quiet before them is left out."""
_PAUSE = 25
"""Frames that were not loud, after which it begins anew: a cough long after a sentence does not
belong to it. It goes on over the gaps in a sentence: else it would be deafer in noise."""
_GAIN = 10 / 32768
"""20 dB louder: more of the soft and short words interrupt, and no more of the noises."""

Sound = npt.NDArray[np.float32]


def installed() -> bool:
    return weights.installed("onnxruntime", _PACKAGE)


class Silero:
    """Keeps the port `SpeechDetector`."""

    def __init__(self, model: "_Model") -> None:
        self._model = model
        self._state = model.fresh
        self._frames: deque[bytes] = deque(maxlen=_KEPT)
        """Not heard by the model yet, with what came before."""
        self._quiet = 0
        """Frames in a row that were not loud."""
        self._sound = model.nothing
        """Samples that wait for their window, after its context."""
        self._speech = UNKNOWN

    def hear(self, pcm: bytes, loud: bool) -> int:
        self._frames.append(pcm)
        if not loud:
            self._quiet += 1
            return UNKNOWN
        if self._quiet >= _PAUSE:
            self._state, self._sound = self._model.fresh, self._model.nothing
        self._quiet = 0
        heard = np.frombuffer(b"".join(self._frames), np.int16).astype(np.float32)
        self._frames.clear()
        self._judge(np.concatenate([self._sound, heard * _GAIN]))
        return self._speech

    def _judge(self, sound: Sound) -> None:
        while len(sound) >= _CONTEXT + _WINDOW:
            sure, self._state = self._model.judge(sound[: _CONTEXT + _WINDOW], self._state)
            self._speech = round(100 * sure)
            sound = sound[_WINDOW:]
        self._sound = sound


def open_detector() -> Silero:
    """The detector of one call. The first one of a process loads the model (0.1 s)."""
    return Silero(_model())


class _Model:
    def __init__(self, path: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # it has no types; not there without speech

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a window is too little work to share
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(RATE, np.int64)
        self.fresh: Sound = np.zeros((2, 1, 128), np.float32)
        """What it remembers when it has heard nothing."""
        self.nothing: Sound = np.zeros(0, np.float32)

    def judge(self, sound: Sound, state: Sound) -> tuple[float, Sound]:
        """How sure it is, 0 to 1, and what it remembers then."""
        told: list[Any] = self._session.run(
            None, {"input": sound[np.newaxis], "state": state, "sr": self._rate}
        )
        return float(told[0][0, 0]), told[1]


@cache
def _model() -> _Model:
    data = weights.package_data(_PACKAGE)
    if data is None:
        raise ProviderFailed("Silero: the package silero-vad is not installed (tools/setup)")
    return _Model(data / "silero_vad.onnx")
