"""The Piper voice "joe" through onnxruntime: sounds in IPA in, speech out.

Joe is American; Hebrew is spoken with the nearest of his sounds."""

import json
import os
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

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
    def __init__(self, model: Path, config: Path, cache: Path | None = None) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # it has no types; not there without Joe

        onnxruntime.set_seed(_SEED)
        self._session = _opened(model) if cache is None else open_kept(model, cache)
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


def open_kept(model: Path, cache: Path) -> Any:  # Any: it has no types
    """The model's session, by its simplified copy in the folder `cache`, made if need be: to
    simplify it takes two thirds of the loading. What goes wrong with the copy costs only time."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures  # type: ignore[import-untyped]  # it has no types

    kept = cache / f"{model.stem}-{model.stat().st_size}-{onnxruntime.__version__}.onnx"
    try:
        if not kept.is_file():
            _simplify(model, kept)
        return _opened(kept)
    except (OSError, failures.Fail, failures.InvalidArgument, failures.InvalidProtobuf):
        with suppress(OSError):
            kept.unlink(missing_ok=True)
        return _opened(model)


def _simplify(model: Path, kept: Path) -> None:
    """All of the copy appears at once, and stays over a power cut."""
    import onnxruntime

    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="voice-") as unfinished:
        made = Path(unfinished) / kept.name
        options = _options()
        # The steps beyond these are another on each kind of processor.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(made)
        onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        with made.open("rb") as whole:
            os.fsync(whole.fileno())
        made.rename(kept)


def _opened(model: Path) -> Any:  # Any: it has no types
    import onnxruntime

    return onnxruntime.InferenceSession(str(model), _options(), providers=["CPUExecutionProvider"])


def _options() -> Any:  # Any: it has no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a second one spins more than it helps
    options.inter_op_num_threads = 1
    # Planning which buffers to share takes 5 of 6 seconds of loading, and gains nothing.
    options.enable_mem_reuse = False
    options.enable_cpu_mem_arena = False  # it would keep 20 to 60 MB more
    return options
