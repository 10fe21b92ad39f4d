"""A caller who waits for an answer: what is said meanwhile, step by step and without a clock."""

from collections.abc import Iterator

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import SILENCE, silence
from engine.core.conversation import FILLERS, SORRY_AFTER, Conversation
from engine.core.effects import Clip, Effect
from engine.core.rules import Rules

LOUD = [1500, 900, 400, 1200]


class Call:
    """Answered at 0.0, with nothing said yet."""

    def __init__(self) -> None:
        self.conversation = Conversation(Rules())
        self.at(0.0, ev.Answered())

    @property
    def state(self) -> str:
        return type(self.conversation.state).__name__

    def at(self, now: float, event: ev.Event) -> list[Effect]:
        self.now = now
        return self.conversation.handle(event, now)

    def frames(self, *levels: int) -> Iterator[Effect]:
        for level in levels:
            yield from self.at(round(self.now + 0.02, 3), ev.Frame(SILENCE, level))

    def fills(self, effects: list[Effect]) -> list[Clip]:
        return [effect.clip for effect in effects if isinstance(effect, fx.Fill)]

    def waits(self, until: float) -> list[tuple[float, Clip]]:
        """Ticks when it is asked for, and no clip comes."""
        told: list[tuple[float, Clip]] = []
        while (deadline := self.conversation.deadline) is not None and deadline <= until:
            told += [(deadline, clip) for clip in self.fills(self.at(deadline, ev.Tick()))]
        return told


def test_each_filler_has_its_time_and_the_apology_comes_last() -> None:
    assert Call().waits(20.0) == [*FILLERS, (SORRY_AFTER, Clip.SORRY)]


def test_however_late_we_are_one_thing_is_said_at_a_time() -> None:
    call = Call()
    assert call.fills(call.at(30.0, ev.Tick())) == [Clip.MOMENT]
    assert call.waits(31.9) == []
    assert call.waits(32.0) == [(32.0, Clip.STILL)]


def test_the_words_are_waited_for_as_well() -> None:
    call = Call()
    call.at(0.0, ev.ReplyDone(1))
    list(call.frames(*[12] * 60, *LOUD * 8, *[12] * 40))
    assert call.state == "Listening"
    (until, clip), *_ = call.waits(20.0)
    assert (round(until - 60 * 0.02 - 32 * 0.02, 3), clip) == (1.5, Clip.MOMENT)


def test_a_clip_that_comes_after_the_answer_is_not_played() -> None:
    call = Call()
    call.at(1.5, ev.Tick())
    call.at(1.5, ev.ReplyAudio(1, silence(1.0)))
    assert call.at(1.5, ev.Filler(1, silence(1.2))) == []


def test_a_cough_into_a_filler_does_not_begin_the_wait_anew() -> None:
    call = Call()
    list(call.frames(*[12] * 75))
    assert isinstance(call.at(1.5, ev.Filler(1, silence(1.2)))[-1], fx.Play)
    call.at(1.52, ev.Played(1, 0.02))
    list(call.frames(*[12] * 20, *LOUD))
    assert call.state == "Held"
    list(call.frames(*[12] * 12))
    assert call.state == "Speaking"
    assert call.waits(4.1) == [(4.0, Clip.STILL)]


def test_the_latency_of_a_turn_is_told_when_its_answer_is_heard() -> None:
    call = Call()
    call.at(1.5, ev.Tick())
    call.at(1.5, ev.Filler(1, silence(1.2)))
    call.at(1.6, ev.ReplyAudio(1, silence(1.0)))
    assert call.at(2.5, ev.Played(1, 1.0)) == []
    (note,) = call.at(2.8, ev.Played(1, 1.3))
    assert isinstance(note, fx.Note)
    assert note.what == "turn_latency"


def test_the_apology_ends_the_call_also_if_it_never_comes() -> None:
    call = Call()
    call.waits(9.0)
    call.waits(30.0)
    assert call.state == "Ended"
