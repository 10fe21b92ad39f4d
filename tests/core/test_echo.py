"""The agent's own echo does not stop it; callers do, over the echo too. Synthetic speech."""

from collections.abc import Iterable
from functools import cache

import pytest

from engine.core.echo import FrameClock
from tests.echo import sounds
from tests.echo.call import HOLD, Call, Outcome, Reply, alone, played
from tests.echo.paths import Kind, Path, heard, reflected
from tests.echo.sounds import AGENT_RMS

NOTHING = Path(Kind.PLAIN, return_loss=90.0, delay_ms=0.0)
HYBRID = Path(Kind.HYBRID, return_loss=12.0, delay_ms=130.0)


@cache
def replies(path: Path) -> list[Reply]:
    """A minute of them."""
    said = sounds.replies(sounds.synthetic_sentences(16), minutes=1.0)
    back = enumerate(reflected(said, path.kind))
    return [Reply(played(said[seed]), heard(sound, path, seed)) for seed, sound in back]


def speak(call: Call, several: Iterable[Reply]) -> list[Outcome]:
    return [call.speak(reply) for reply in several]


def interruptions(outcomes: Iterable[Outcome]) -> int:
    return sum(outcome.interrupted is not None for outcome in outcomes)


def quiet(outcomes: Iterable[Outcome]) -> bool:
    return not any(one.held or one.onsets or one.interrupted for one in outcomes)


@pytest.mark.parametrize("loss", [12.0, 21.0, 30.0])
@pytest.mark.parametrize(
    ("kind", "delay_ms"),
    [
        (Kind.PLAIN, 0.0),
        (Kind.PLAIN, 50.0),
        (Kind.HYBRID, 130.0),
        (Kind.TWO, 230.0),
        (Kind.ROOM, 70.0),
        (Kind.ROOM, 400.0),
    ],
)
def test_an_echo_neither_holds_the_agent_nor_begins_an_utterance(
    kind: Kind, loss: float, delay_ms: float
) -> None:
    path = Path(kind, loss, delay_ms)
    assert quiet(speak(Call(path.whole_frames), replies(path)))


def test_in_twenty_minutes_of_speech_the_agent_never_stops_itself() -> None:
    call = Call(HYBRID.whole_frames)
    assert all(quiet(speak(call, replies(HYBRID))) for _ in range(20))


def test_an_echo_that_is_louder_than_on_any_line_is_taken_for_a_caller() -> None:
    assert not quiet(speak(Call(0), replies(Path(Kind.PLAIN, 3.0, 0.0))))


@pytest.mark.parametrize("path", [NOTHING, HYBRID])
def test_a_caller_as_loud_as_the_agent_holds_him_within_300_ms(path: Path) -> None:
    caller = [float(level) for level in sounds.levels(AGENT_RMS * sounds.synthetic_callers()[0])]
    call = Call(path.whole_frames)
    speak(call, replies(path)[:5])
    reply = replies(path)[5]
    outcome = call.speak(reply, caller, at=50)
    assert outcome.held
    assert outcome.held[0] - 50 - alone(caller, HOLD) + HOLD <= 15


def test_an_echo_that_appears_in_the_middle_of_a_call_interrupts_once_at_most() -> None:
    call = Call(HYBRID.whole_frames)
    speak(call, replies(NOTHING)[:8])
    assert interruptions(speak(call, replies(HYBRID)[:5])) <= 1


def test_the_way_of_frames_that_come_in_a_burst_is_20_ms_each() -> None:
    clock = FrameClock()
    regular = [clock.tick(0.02 * n) for n in range(1, 11)]
    burst = [clock.tick(0.4) for _ in range(10)]
    assert regular == pytest.approx([0.02 * n for n in range(1, 11)])
    assert burst == sorted(burst)
    assert burst[0] < 0.3 <= burst[-1] <= 0.4


def test_after_a_long_gap_frames_are_timed_anew() -> None:
    clock = FrameClock()
    clock.tick(0.02)
    assert clock.tick(5.0) == 5.0
