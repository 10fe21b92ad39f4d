"""What the settings imply at worst, in time, beside what the contract allows. Pure.

Only what Kav itself decides is counted: a provider's time is what is left for it.
"""

from dataclasses import dataclass

from bridge.audiosocket.playout import LEAD, WAY
from engine.core.audio import FRAME_SECONDS
from engine.core.conversation import (
    HOLD_LIMIT,
    QUIET_FRAMES,
    SORRY_AFTER,
)
from engine.core.hearing import LATEST_CUT
from engine.core.rules import Rules

FRAME_MS = 1000 * FRAME_SECONDS
ENGINE_MS = 10
"""Our own share of a turn, p99 (design: a few milliseconds)."""
TURN_MS = 1200
"""From the end of the utterance to the first sound of the answer (requirements 1, rule 5)."""
HALT_MS = 200
"""From the caller's first sound to our silence at his ear (requirements 5.1)."""
GOES_ON_MS = 400
CUT_MS = 5000


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    made_of: str
    ms: float
    bar_ms: float | None = None
    """None: the contract says nothing."""

    @property
    def over(self) -> bool:
        return self.bar_ms is not None and self.ms > self.bar_ms


def worst_case(rules: Rules) -> list[Row]:
    """The slowest that each step can be with these numbers, network and providers apart."""
    sorry = Row("no answer made: an apology and a way out after", "at most", _ms(SORRY_AFTER))
    return [*_interrupted(rules), *_answered(rules), *_monologue(rules), sorry]


def _interrupted(rules: Rules) -> list[Row]:
    hold, voice = rules.barge_in_hold_frames, rules.barge_in_voice_frames
    lead = FRAME_MS * LEAD
    return [
        Row(
            "interruption, Twilio: caller's first sound to `clear`",
            f"a frame to fill + {hold} frames to hold",
            FRAME_MS * (1 + hold),
            HALT_MS,
        ),
        Row(
            "interruption, AudioSocket: the same to the last sound in the phone",
            f"a frame to fill + {hold} frames to hold + {LEAD} frame of lead",
            FRAME_MS * (1 + hold) + lead,
            HALT_MS,
        ),
        Row(
            "interruption for good",
            f"a frame to fill + {voice} voiced frames",
            FRAME_MS * (1 + voice),
        ),
        Row(
            "after a cough: its end to the agent's voice",
            f"{QUIET_FRAMES} quiet frames + lead and way of AudioSocket",
            FRAME_MS * (1 + QUIET_FRAMES) + lead + 1000 * WAY,
            GOES_ON_MS,
        ),
        Row(
            "a word so short that it may be none, or a noise without a voice, holds the agent for",
            "at most",
            1000 * HOLD_LIMIT,
        ),
    ]


def _answered(rules: Rules) -> list[Row]:
    silence, unfinished = 1000 * rules.end_silence, 1000 * rules.end_silence_unfinished
    return [
        Row(
            "end of utterance, left to recognizer, brain and voice",
            f"{TURN_MS} ms - silence {silence:.0f} ms - ours {ENGINE_MS} ms",
            TURN_MS - silence - ENGINE_MS,
        ),
        Row(
            "end of utterance: our part of the answer's delay",
            f"silence {silence:.0f} ms + ours {ENGINE_MS} ms",
            silence + ENGINE_MS,
            TURN_MS,
        ),
        Row("the same after words that want others", "silence", unfinished + ENGINE_MS),
    ]


def _monologue(rules: Rules) -> list[Row]:
    return [
        Row(
            "a monologue is cut after",
            f"MAX_UTT_SEC + {LATEST_CUT:g} s without a gap between words",
            1000 * (rules.max_utterance + LATEST_CUT),
            CUT_MS,
        ),
        Row(
            "and answered no sooner after our last reply than", "refractory", _ms(rules.refractory)
        ),
    ]


def _ms(seconds: float) -> float:
    return 1000 * seconds
