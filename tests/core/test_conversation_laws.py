"""What holds for every call, whatever comes, in whatever order, late, twice or never."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, level, silence
from engine.core.conversation import Conversation
from engine.core.rules import Rules
from engine.core.states import Ended, Listening


@dataclass(frozen=True)
class Sound:
    """Stands for a `ReplyAudio`, whose bytes would fill pages when a law is broken."""

    turn: int
    seconds: float


TURNS = st.integers(0, 4)
UTTERANCES = st.integers(0, 4)
TEXTS = st.sampled_from(["", "yes", "a flat in Florentin", "רגע"])
EVENTS = st.one_of(
    st.just(ev.Answered()),
    st.just(ev.Tick()),
    st.builds(ev.Played, TURNS, st.floats(0, 5), st.booleans()),
    st.builds(ev.Dtmf, st.sampled_from("0123456789*#")),
    st.builds(ev.Partial, UTTERANCES, TEXTS),
    st.builds(ev.Final, UTTERANCES, TEXTS, st.floats(0, 1)),
    st.builds(ev.RecognitionFailed, UTTERANCES, st.just("lost")),
    st.builds(ev.Sentence, TURNS, TEXTS),
    st.builds(Sound, TURNS, st.sampled_from([0.0, 0.5, 3.0])),
    st.builds(ev.ReplyDone, TURNS, st.sampled_from([None, None, fx.HangUp("bye")])),
    st.builds(ev.ReplyFailed, TURNS, st.just("lost")),
)
Step = ev.Event | Sound | tuple[int, int]
SPEECH = st.tuples(st.sampled_from([0, 20, 500, 3000]), st.sampled_from([1, 2, 9, 12, 30, 60, 240]))
STEPS = st.lists(st.one_of(EVENTS, SPEECH), max_size=60)


class Call:
    """Feeds a conversation: an event, or (loudness, frames) of the caller's sound."""

    def __init__(self) -> None:
        self.conversation = Conversation(Rules())
        self.now = 0.0
        self.serial = 0
        self.sent: list[bytes] = []
        self.effects: list[fx.Effect] = []

    def step(self, step: Step) -> None:
        if isinstance(step, Sound):
            word = ev.Word("word", 0.0)
            step = ev.ReplyAudio(step.turn, silence(step.seconds), (word,))
        if not isinstance(step, tuple):
            self.now += 0.003
            self.effects += self.conversation.handle(step, self.now)
            return
        loudness, count = step
        for _ in range(count):
            self.now += FRAME_SECONDS
            pcm = self._frame(loudness)
            self.effects += self.conversation.handle(ev.Frame(pcm, level(pcm)), self.now)

    def _frame(self, loudness: int) -> bytes:
        """No two are alike, so that a frame can be found again."""
        self.serial += 1
        wave = loudness.to_bytes(2, "little", signed=True) * (FRAME_BYTES // 2)
        frame = wave[:-4] + self.serial.to_bytes(4, "little")
        self.sent.append(frame)
        return frame


def run(steps: list[Step]) -> Call:
    call = Call()
    call.step(ev.Answered())
    for step in steps:
        call.step(step)
    return call


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_whatever_happens_a_call_is_listening_or_ended_within_30_seconds(
    steps: list[Step],
) -> None:
    call = run(steps)
    call.step((0, 1500))
    assert isinstance(call.conversation.state, Listening | Ended)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_no_sound_of_a_turn_that_was_cancelled(
    steps: list[Step],
) -> None:
    gone: set[int] = set()
    for effect in run(steps).effects:
        match effect:
            case fx.Cancel(turn):
                gone.add(turn)
            case fx.Say(turn, _):
                assert turn not in gone
            case fx.Play(turn, _) | fx.EndReply(turn):
                # A stalled reply is cancelled, and then ended with its tail.
                assert turn == max(gone, default=turn) or turn not in gone


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_a_new_reply_begins_only_when_the_one_before_is_over(
    steps: list[Step],
) -> None:
    playing: int | None = None
    call = Call()
    for step in [ev.Answered(), *steps]:
        before = len(call.effects)
        call.step(step)
        for effect in call.effects[before:]:
            match effect:
                case fx.Ask(turn, _):
                    assert playing is None, f"turn {turn} is asked while {playing} is played"
                case fx.Play(turn, _):
                    playing = turn
                case fx.Clear():
                    playing = None
                case fx.Note("playout_ack" | "playout_ack_missing", _):
                    playing = None
                case _:
                    pass


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_every_sample_reaches_the_recognizer_at_most_once_and_in_order(
    steps: list[Step],
) -> None:
    call = run(steps)
    heard = b""
    listening = 0
    for effect in call.effects:
        match effect:
            case fx.Listen(utterance, preroll):
                assert utterance == listening + 1
                listening = utterance
                heard += preroll
            case fx.Hear(utterance, pcm):
                assert utterance == listening
                heard += pcm
            case _:
                pass
    frames = [heard[at : at + FRAME_BYTES] for at in range(0, len(heard), FRAME_BYTES)]
    places = [call.sent.index(frame) for frame in frames]
    assert places == sorted(set(places))


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_from_the_preroll_on_nothing_of_an_utterance_is_missing(
    steps: list[Step],
) -> None:
    call = run(steps)
    length: dict[int, int] = {}
    for effect in call.effects:
        match effect:
            case fx.Listen(utterance, pcm) | fx.Hear(utterance, pcm):
                length[utterance] = length.get(utterance, 0) + len(pcm) // FRAME_BYTES
            case fx.Pause(utterance, frames) | fx.StopListening(utterance, frames):
                assert frames <= length[utterance], "it was promised more than it was given"
            case _:
                pass


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_nothing_happens_after_the_end(steps: list[Step]) -> None:
    call = run([*steps, ev.HungUp("gone")])
    assert isinstance(call.conversation.state, Ended)
    assert call.conversation.deadline is None
    before = len(call.effects)
    for step in steps:
        call.step(step)
    assert len(call.effects) == before


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_the_same_call_twice_gives_the_same_effects(
    steps: list[Step],
) -> None:
    assert run(steps).effects == run(steps).effects
