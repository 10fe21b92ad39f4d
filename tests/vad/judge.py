"""Runs a line through a detector and the rules of turn taking, and counts what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.core.audio import FRAME_SECONDS, level
from engine.core.effects import StopListening
from engine.core.hearing import ONSET_FRAMES, Hearing
from engine.core.rules import Rules, frames
from engine.core.vad import Vad
from engine.ports import SpeechDetector
from tests.vad.lines import SILENT, SPEECH, Line

Detector = Callable[[bytes], tuple[bool, bool]]
"""A frame in; whether it is voice, and whether it is loud, out."""
_RULES = Rules()
_SETTLED = frames(1.5)
"""An utterance that is closed so soon after its last loud frame was closed by the silence."""

_FOUR = 4
_EARLY, _LATE = frames(0.5), frames(0.3)
"""An utterance explains what happens from so long before its first loud frame, as some breathe in
first, to so long after its last one."""


def by_energy() -> Detector:
    vad = Vad(_RULES.vad_base_rms, _RULES.vad_calibration_frames)

    def judge(pcm: bytes) -> tuple[bool, bool]:
        return vad.hear(level(pcm)), vad.opened

    return judge


def confirmed_by(detector: SpeechDetector) -> Detector:
    vad = Vad(_RULES.vad_base_rms, _RULES.vad_calibration_frames)

    def judge(pcm: bytes) -> tuple[bool, bool]:
        loudness = level(pcm)
        speech = detector.hear(pcm, loudness >= vad.gate)
        return vad.hear(loudness, speech), vad.opened

    return judge


@dataclass(slots=True)
class Count:
    """Sums over lines; lengths in frames."""

    speech: int = 0
    hits: int = 0
    silence: int = 0
    false_alarms: int = 0
    length: int = 0
    false_interruptions: int = 0
    """Runs of voice that would have cut a reply off, and that no utterance explains."""
    false_holds: int = 0
    """Likewise runs of loud frames that would have held it."""
    listened: int = 0
    """Frames in which an utterance was open."""
    utterances: int = 0
    opened: int = 0
    closed: int = 0
    interrupting: int = 0
    """Utterances that would have cut a reply off."""
    delays: list[float] = field(default_factory=list)
    """Seconds from the first loud frame of an utterance to the fourth in a run that is voice."""
    hold_delays: list[float] = field(default_factory=list)
    """Likewise to the fourth loud one."""


def judge(line: Line, detector: Detector, count: Count) -> None:
    hearing = Hearing(_RULES)
    voice_runs, sound_runs, opens, closes = [], [], [], []
    for number, pcm in enumerate(line.frames):
        voiced, loud = detector(pcm)
        label = line.labels[number]
        count.speech += label == SPEECH
        count.hits += label == SPEECH and voiced
        count.silence += label == SILENT
        count.false_alarms += label == SILENT and voiced
        effects = hearing.frame(pcm, voiced, loud)
        closes += [number for effect in effects if isinstance(effect, StopListening)]
        if not hearing.open and hearing.voice_run >= ONSET_FRAMES:
            hearing.begin()
            opens.append(number)
        count.listened += hearing.open
        voice_runs.append(hearing.voice_run)
        sound_runs.append(hearing.sound_run)
    count.length += len(line.frames)
    cuts = _reached(_RULES.barge_in_voice_frames, voice_runs)
    holds = _reached(_RULES.barge_in_hold_frames, sound_runs)
    count.false_interruptions += sum(not _explained(cut, line) for cut in cuts)
    count.false_holds += sum(not _explained(hold, line) for hold in holds)
    for begin, end in line.utterances:
        of_voice, of_sound = (runs[begin : end + _LATE] for runs in (voice_runs, sound_runs))
        count.utterances += 1
        count.opened += any(begin - _EARLY <= at <= end + _LATE for at in opens)
        count.closed += any(end <= at <= end + _SETTLED for at in closes)
        count.interrupting += max(of_voice) >= _RULES.barge_in_voice_frames
        count.delays += _delay(of_voice)
        count.hold_delays += _delay(of_sound)


def _reached(frames: int, runs: list[int]) -> list[int]:
    """When a run became so long."""
    return [at for at, run in enumerate(runs) if run == frames != runs[at - 1]]


def _delay(runs: list[int]) -> list[float]:
    """Seconds until a run of four, if there is one."""
    return [(at + 1) * FRAME_SECONDS for at, run in enumerate(runs) if run >= _FOUR][:1]


def _explained(at: int, line: Line) -> bool:
    return any(begin - _EARLY <= at <= end + _LATE for begin, end in line.utterances)
