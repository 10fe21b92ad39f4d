"""The Piper voice "joe" through onnxruntime: sounds in IPA in, speech out.

Joe is American; Hebrew is spoken with the nearest of his sounds."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 22050
_NOISE, _NOISE_OF_LENGTHS = 0.667, 0.8
_SEED = 1
"""So that a start renders as the start before did."""
_PAUSE, _BEGIN, _END = 0, 1, 2

# Chosen by how well a recognizer understood it; no native speaker has judged it yet.
_JOES_HEBREW = str.maketrans(
    {"a": "ɑː", "e": "ɛ", "i": "iː", "o": "oʊ", "u": "uː", "χ": "h", "ʁ": "ɹ"}
)


class Piper:
    def __init__(self, model: Path, config: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # it has no types; not there without Joe

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a second one spins more than it helps
        options.inter_op_num_threads = 1
        # Planning which buffers to share takes 5 of 6 seconds of loading, and gains nothing.
        options.enable_mem_reuse = False
        options.enable_cpu_mem_arena = False  # it would keep 20 to 60 MB more
        onnxruntime.set_seed(_SEED)
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        table = json.loads(config.read_text(encoding="utf-8"))["phoneme_id_map"]
        self._ids: dict[str, int] = {sign: numbers[0] for sign, numbers in table.items()}

    def speak(self, ipa: str, rate: float) -> npt.NDArray[np.float32]:
        """Samples at `RATE`. Signs that Joe does not know are left out."""
        known = [self._ids[sign] for sign in unicodedata.normalize("NFD", ipa) if sign in self._ids]
        ids = [_BEGIN, _PAUSE, *(number for one in known for number in (one, _PAUSE)), _END]
        (sound,) = self._session.run(
            None,
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([_NOISE, 1 / rate, _NOISE_OF_LENGTHS], np.float32),
            },
        )
        return np.asarray(sound, np.float32).reshape(-1)


def with_joes_sounds(hebrew: str) -> str:
    """Hebrew IPA in sounds that Joe has."""
    return hebrew.translate(_JOES_HEBREW)
