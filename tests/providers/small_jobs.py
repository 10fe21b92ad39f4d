"""Work for the worker's process that a test can follow: it counts, waits at a gate, and dies."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from engine.core.audio import FRAME_BYTES
from engine.ports import ProviderFailed
from engine.providers.jobs import Understood, Utterance


def open_counter() -> Callable[[str], str]:
    counts = itertools.count(1)

    def work(request: str) -> str:
        match request.split(":", 1):
            case ["die"]:
                os._exit(3)
            case ["fail"]:
                raise ValueError("it cannot")
            case ["gate", path]:
                Path(path).read_text(encoding="utf-8")  # a fifo: until somebody writes
        return f"{request} {next(counts)}"

    return work


def open_nothing() -> Callable[[str], str]:
    raise ProviderFailed("its weights are damaged")


def open_frame_counter(fifo: str) -> Callable[[Utterance], Understood]:
    """Understands how many frames and which decoding it was; the first is held at `fifo`."""
    decodings = itertools.count(1)

    def hear(utterance: Utterance) -> Understood:
        number = next(decodings)
        if number == 1 and fifo:
            Path(fifo).read_text(encoding="utf-8")
        if utterance.phrases == ("die",):
            os._exit(3)
        frames = len(utterance.pcm) // FRAME_BYTES
        said = f"{frames} frames, decoding {number}, after {utterance.prefer or 'nothing'}"
        return Understood(said if frames else "", 0.5, utterance.languages[0])

    return hear
