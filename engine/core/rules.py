"""The numbers of turn taking. `bridge/settings.py` fills them from the environment.

Lengths are seconds; what is counted in frames (20 ms) says so.
"""

from dataclasses import dataclass

from engine.core.audio import FRAME_SECONDS


@dataclass(frozen=True, slots=True)
class Rules:
    barge_in: bool = True
    barge_in_hold_frames: int = 4
    """Loud frames that hold the reply, until it is an interruption or goes on."""
    barge_in_voice_frames: int = 10
    barge_in_grace: float = 0.2
    """From the start of our audio as the caller hears it."""
    min_utterance: float = 1.0
    max_utterance: float = 4.5
    refractory: float = 1.0
    hangover: float = 0.2
    end_silence: float = 0.5
    """Silence that ends the caller's turn; at least the hangover."""
    end_silence_complete: float = 0.3
    """The same after a whole short answer, as partial results tell."""
    end_silence_unfinished: float = 1.2
    """The same after words that something must follow."""
    vad_base_rms: int = 45
    vad_calibration_frames: int = 30
    tail_silence: float = 0.2
    silence: float = 8.0
    """A caller who says nothing for so long is asked whether he is there; 0: never."""
    wordless: float = 20.0
    """After so much voice without words in it, it is taken for a noise."""
    wordless_cuts: int = 3
    """Replies in a row that a voice without words may cut; the next one goes on."""
    monologue: float = 60.0
    """Who talks for so long with hardly a pause is interrupted."""
    call_limit: float = 1200.0
    """A call ends then, whatever is said in it."""
    way_out: str = ""
    """The person to whom a caller is given who can't be answered, as a key of the configuration.
    Empty: the call ends."""


def frames(seconds: float) -> int:
    """Whole 20 ms frames in a length."""
    return round(seconds / FRAME_SECONDS)
