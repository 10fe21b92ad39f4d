"""What holds for every call, whatever comes, in whatever order, late, twice or never."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, islice

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, seconds, silence
from engine.core.conversation import ACK_MARGIN, FAREWELL_LIMIT, Conversation
from engine.core.cues import Awaits
from engine.core.rules import Rules
from engine.core.states import Draining, Ended, Listening, Refractory, State, Thinking, turn_of
from engine.trace import Trace, replay

pytestmark = pytest.mark.timeout(400)  # a law that is broken is first reduced to a small call


@dataclass(frozen=True)
class Frames:
    """The caller's next frames: their levels, again and again."""

    levels: tuple[int, ...]
    speech: int
    count: int
    every: float = 0.02
    """Seconds between two; zero: they waited somewhere, and come at once."""


@dataclass(frozen=True)
class Sound:
    """Stands for a `ReplyAudio`, whose bytes would fill pages when a law is broken."""

    turn: int
    seconds: float
    words: int


@dataclass(frozen=True)
class Clip:
    """Stands for a `Filler`, of the turn for which the newest was asked."""

    ago: int
    seconds: float


@dataclass(frozen=True)
class Wait:
    """Nothing comes; the call is asked at its deadline, if that is earlier."""

    seconds: float
    clip: float = 0.0
    """But fillers of this length do, when they are asked for."""


# Turns and utterances are told as how many ago: 0 is the newest, and -1 has not been yet.
Step = ev.Event | Frames | Sound | Clip | Wait
Steps = tuple[Step, ...]
AGO = (0, 0, 1, -1)
TEXTS = ("", "כן", "אהה", "לא", "רגע", "a flat in", "a flat in Florentin", "oh five four")
ENDS = (None, fx.HangUp("bye"), fx.Transfer("sales"))
SILENT, VOICE = (12,), (1500, 900, 400, 1200)
QUIET = Frames(SILENT, ev.UNKNOWN, 15)

frames: list[Steps] = [
    (Frames(levels, speech, count, every),)
    for levels, speech in [
        (SILENT, ev.UNKNOWN),
        ((70,), ev.UNKNOWN),
        ((900,), ev.UNKNOWN),
        (VOICE, 0),
        (VOICE, 100),
        ((3000, 60), 50),
        ((ev.UNKNOWN,), ev.UNKNOWN),
    ]
    for count in (1, 4, 8, 10, 30, 60)
    for every in ((0.02, 0.0) if count % 20 else (0.02,))
]
odd: list[Step] = [
    ev.Answered(),
    ev.Dtmf("1"),
    ev.Closing(),
    *(Wait(seconds) for seconds in (0.02, 0.7, 3.0, 9.0)),
    *(Wait(seconds, clip=1.2) for seconds in (0.7, 2.0, 2.0, 5.0, 12.0)),
    *(Clip(ago, seconds) for ago in AGO for seconds in (0.0, 1.2)),
    *(ev.Partial(ago, text) for ago in AGO for text in TEXTS),
    *(ev.Final(ago, text, 0.123) for ago in AGO for text in TEXTS),
    *(ev.RecognitionFailed(ago, "lost") for ago in AGO),
    *(ev.Sentence(ago, text) for ago in AGO for text in TEXTS[:2]),
    *(Sound(ago, *sound) for ago in AGO for sound in [(0.0, 0), (0.3, 0), (1.0, 3)]),
    *(ev.ReplyDone(ago, then, Awaits.YES_NO) for ago in AGO for then in ENDS),
    *(ev.ReplyFailed(ago, "lost") for ago in AGO),
]
marks: list[Step] = [
    ev.Played(ago, seconds, done, way)
    for ago in AGO
    for seconds in (0.0, 0.3, 1.2, 9.0)
    for done, way in [(False, 0.0), (False, 0.1), (True, 0.0)]
]
answers: list[Steps] = [
    (ev.Sentence(0, "An answer."), Sound(0, seconds, words), ev.Played(0, 0.02), *end, QUIET)
    for seconds, words in [(0.5, 0), (2.0, 6), (5.0, 12)]
    for end in [
        (),
        (ev.ReplyDone(0),),
        (ev.ReplyDone(0, fx.HangUp("bye")),),
        (ev.ReplyDone(0, None, Awaits.PHONE), Wait(0.5), ev.ReplyDone(0)),
        (Sound(0, 1.0, 3), ev.ReplyDone(0)),
    ]
]
answers += [(*answer[:2], ev.ReplyDone(0), Wait(9.0)) for answer in answers[::5]]
speech: list[Steps] = [
    (Frames(VOICE, ev.UNKNOWN, voiced), *partial, replace(QUIET, count=quiet), *final)
    for voiced in (5, 9, 12, 35)
    for text in TEXTS
    for partial in [(), (ev.Partial(0, text),)]
    for quiet, final in [(9, ()), (9, (ev.Final(0, text, 0.9),)), (55, (ev.Final(0, text, 0.9),))]
]
QUESTION = (Frames(VOICE, ev.UNKNOWN, 30), replace(QUIET, count=30), ev.Final(0, "and now", 0.9))
ACKNOWLEDGED = (ev.Played(0, 2.2, done=True), replace(QUIET, count=50))
SPEECH, ANSWER = st.sampled_from(speech), st.sampled_from(answers)
TURN = st.builds(lambda answer, over: (*QUESTION, *answer, *over), ANSWER, SPEECH)
LATE = st.builds(
    lambda asked, wait, after: (*asked, wait, *after),
    st.sampled_from([QUESTION, QUESTION[:2]]),
    st.sampled_from([Wait(seconds, clip=1.2) for seconds in (1.6, 2.5, 5.0, 12.0)]),
    st.one_of(
        SPEECH,
        ANSWER,
        st.sampled_from(
            [
                (ev.Final(0, "and now", 0.9), Wait(2.0, clip=1.2)),
                (ev.ReplyFailed(0, "lost"), Wait(2.0, clip=1.2)),
                (ev.Final(0, "a flat", 0.8), ev.Sentence(0, "Well."), ev.Final(0, "a shop", 0.9)),
                (ev.Played(0, 0.3), Sound(0, 1.0, 3), Wait(5.0, clip=1.2)),
                (ev.ReplyDone(0), ev.Played(0, 1.4, done=True)),
            ]
        ),
    ),
)
ODD, MARK = st.tuples(st.sampled_from(odd)), st.tuples(st.sampled_from(marks))
PART = st.one_of(
    SPEECH, st.sampled_from(frames), TURN, TURN, LATE, ANSWER, ODD, MARK, st.just(ACKNOWLEDGED)
)
STEPS = st.builds(
    lambda answer, over, parts: [*answer, *over, *chain.from_iterable(parts)],
    ANSWER,
    SPEECH,
    st.lists(PART, min_size=2, max_size=12),
)
RULES = st.sampled_from(
    [
        Rules(),
        Rules(),
        Rules(barge_in=False),
        Rules(min_utterance=0.3, refractory=0.0),
        Rules(silence=1.0, wordless=1.0, wordless_cuts=1, monologue=3.0, call_limit=75.0),
    ]
)


@dataclass(frozen=True)
class Moment:
    """An event, and what came of it."""

    event: ev.Event
    now: float
    before: State
    effects: list[fx.Effect]
    after: State


class Call:
    """A conversation that is fed with steps, and what became of it."""

    def __init__(self, rules: Rules, steps: Sequence[Step]) -> None:
        self.moments: list[Moment] = []
        self.deadlines: list[tuple[float, float | None]] = []
        """After each step, and when that was."""
        self.conversation = Conversation(rules)
        self.now = 0.0
        self.rules = rules
        self._steps = steps
        self._turn = self._utterance = self._sent = self._fill = 0
        self.take(ev.Answered())
        for step in steps:
            self.step(step)
            self.deadlines.append((self.now, self.conversation.deadline))

    def __repr__(self) -> str:
        return f"Call({list(self._steps)})"

    @property
    def effects(self) -> Iterator[fx.Effect]:
        return chain.from_iterable(moment.effects for moment in self.moments)

    def step(self, step: Step) -> None:
        match step:
            case Frames(levels, speech, count, every):
                for level in islice(cycle(levels), count):
                    self.now += every
                    # No two are alike, so that a frame can be found again.
                    self._sent += 1
                    pcm = self._sent.to_bytes(FRAME_BYTES, "little")
                    self.take(ev.Frame(pcm, level, speech))
            case Wait(length, clip):
                until = self.now + length
                for _ in range(20):  # more often it is not asked for, if the laws hold
                    asked = self.tick(min(self.conversation.deadline or until, until))
                    if asked and clip:
                        self.step(Clip(0, clip))
            case Clip(ago, length):
                turn = max(1, self._fill - ago)
                self.take(ev.Filler(turn, silence(length), "n" * round(length / FRAME_SECONDS)))
            case Sound(ago, length, count):
                words = tuple(
                    ev.Word(f"word{number}", round(length * number / count, 3))
                    for number in range(count)
                )
                loud = "n" * round(length / FRAME_SECONDS) if count % 2 else ""
                turn = max(1, self._turn - ago)
                self.take(ev.ReplyAudio(turn, silence(length), words, loud))
            case ev.Partial(ago) | ev.Final(ago) | ev.RecognitionFailed(ago):
                self.take(replace(step, utterance=self._utterance - ago))
            case ev.Played(ago) | ev.Sentence(ago) | ev.ReplyDone(ago) | ev.ReplyFailed(ago):
                self.take(replace(step, turn=max(1, self._turn - ago)))
            case _:
                self.take(step)

    def tick(self, at: float) -> bool:
        """As the session does: a millisecond later than it was asked to. Was a clip asked for?"""
        self.now = max(self.now, at) + 0.001
        self.take(ev.Tick())
        return any(isinstance(effect, fx.Fill) for effect in self.moments[-1].effects)

    def take(self, event: ev.Event) -> None:
        self.now = round(self.now, 3)
        before = self.conversation.state
        effects = self.conversation.handle(event, self.now)
        after = self.conversation.state
        self.moments.append(Moment(event, self.now, before, effects, after))
        for effect in effects:
            if isinstance(effect, fx.Ask | fx.Play):
                self._turn = effect.turn
            elif isinstance(effect, fx.Fill):
                self._fill = effect.turn
            elif isinstance(effect, fx.Listen):
                self._utterance = effect.utterance


CALLS = st.builds(Call, RULES, STEPS)


def law(check: Callable[[Call], None]) -> Callable[[], None]:
    """It holds for every call."""
    few = settings(max_examples=60, deadline=None, phases=set(Phase) - {Phase.explain})
    return few(given(CALLS)(check))


@law
def test_whatever_happens_a_call_is_listening_or_ended_within_30_seconds(call: Call) -> None:
    """Not counting the seconds in which it may be playing what it was given."""
    played = sum(seconds(effect.pcm) for effect in call.effects if isinstance(effect, fx.Play))
    until = call.now + 30 + played
    while not isinstance(call.conversation.state, Listening | Ended):
        deadline = call.conversation.deadline
        assert deadline is not None
        assert deadline <= until
        call.tick(deadline)


@law
def test_whatever_is_going_on_a_bridge_that_closes_has_no_call_left_in_time(call: Call) -> None:
    until = call.now + FAREWELL_LIMIT
    call.take(ev.Closing())
    while (deadline := call.conversation.deadline) is not None:
        assert deadline <= until
        call.take(ev.Dtmf("1"))
        call.tick(deadline)


@law
def test_the_deadline_lies_ahead(call: Call) -> None:
    """Or the session would come back at once, again and again."""
    for now, deadline in call.deadlines:
        assert deadline is None or deadline > now


@law
def test_nothing_happens_after_the_end(call: Call) -> None:
    call.take(ev.HungUp("gone"))
    assert isinstance(call.conversation.state, Ended)
    assert call.conversation.deadline is None
    steps = len(call.moments)
    for event in [moment.event for moment in call.moments]:
        call.take(event)
    assert not any(moment.effects for moment in call.moments[steps:])


@law
def test_no_sound_of_a_reply_that_was_given_up(call: Call) -> None:
    given_up: set[int] = set()
    newest = 0
    for moment in call.moments:
        told = _notes(moment, "reply_stalled") + _notes(moment, "no_reply")
        sorry = {note.facts["turn"] for note in told}
        for effect in moment.effects:
            match effect:
                case fx.Cancel(turn) if turn not in sorry:  # the apology is part of it
                    given_up.add(turn)
                case fx.Play(turn) | fx.EndReply(turn) | fx.Say(turn) | fx.Ask(turn):
                    assert turn not in given_up
                    assert turn >= newest
                    newest = turn
                case _:
                    pass


@law
def test_each_take_of_a_reply_ends_once_and_nothing_of_it_follows(call: Call) -> None:
    ended = 0
    for effect in call.effects:
        match effect:
            case fx.Clear():
                ended = 0
            case fx.Play(turn) | fx.EndReply(turn):
                assert turn != ended
                ended = turn if isinstance(effect, fx.EndReply) else 0
            case _:
                pass


@law
def test_the_agent_listens_only_when_its_reply_was_played_or_cleared(call: Call) -> None:
    playing = False
    for moment in call.moments:
        for effect in moment.effects:
            match effect:
                case fx.Play() | fx.EndReply():
                    playing = True
                case fx.Clear():
                    playing = False
                case fx.Note("playout_ack"):
                    assert isinstance(moment.event, ev.Played)
                    assert moment.event.done
                    assert moment.event.turn == turn_of(moment.before)
                    playing = False
                case fx.Note("playout_ack_missing"):
                    playing = False
                case fx.Ask(turn) if turn != turn_of(moment.before):  # else a filler came before
                    assert not playing
                case _:
                    pass
        if isinstance(moment.after, Listening | Thinking | Refractory):
            assert not playing


@law
def test_an_end_that_nobody_reports_is_waited_for_until_it_can_have_been_played(
    call: Call,
) -> None:
    length = due = 0.0
    best: tuple[float, float] | None = None  # the furthest position of this take, and when
    for moment in call.moments:
        match moment:
            case Moment(ev.Played(turn, position), now, before) if turn == turn_of(before):
                best = (position, now) if best is None or position > best[0] else best
            case _:
                pass
        for effect in moment.effects:
            match effect:
                case fx.Clear() | fx.Note("playout_ack"):
                    length, best = 0.0, None
                case fx.Play(_, pcm):
                    length += seconds(pcm)
                case fx.EndReply():
                    position, at = best or (0.0, moment.now)
                    due = max(moment.now, at + length - position) + ACK_MARGIN
                case fx.Note("playout_ack_missing"):
                    assert isinstance(moment.before, Draining)
                    assert moment.now >= due - 1e-6
                    length, best = 0.0, None
                case _:
                    pass


@law
def test_an_interruption_clears_then_cancels_before_anything_else_begins(call: Call) -> None:
    for moment in call.moments:
        cuts = _notes(moment, "reply_cut")
        if not cuts:
            continue
        kinds = [type(effect) for effect in moment.effects]
        cancel = moment.effects.index(cuts[0]) - 1
        assert moment.effects[cancel] == fx.Cancel(turn_of(moment.before) or 0)
        assert kinds[cancel - 1] is fx.Clear
        assert not {fx.Ask, fx.Play, fx.Say, fx.EndReply} & set(kinds[:cancel])


@law
def test_a_reply_is_left_by_its_end_or_by_an_interruption(call: Call) -> None:
    for moment in call.moments:
        left = turn_of(moment.before)
        if left in (None, turn_of(moment.after)) or isinstance(moment.before, Thinking):
            continue
        told = ("reply_cut", "playout_ack", "playout_ack_missing")
        ends = sum(bool(_notes(moment, what)) for what in told)
        assert ends == 1 or (not ends and _notes(moment, "reply_failed"))  # only a filler was heard


@law
def test_a_reply_that_is_held_is_silent_until_it_goes_on_or_is_cut(call: Call) -> None:
    held = False
    for effect in call.effects:
        match effect:
            case fx.Note("held"):
                assert not held
                held = True
            case fx.Note("resumed" | "reply_cut"):
                held = False
            case fx.Play() | fx.EndReply():
                assert not held
            case _:
                pass


@law
def test_from_the_preroll_on_every_frame_reaches_the_recognizer_once(call: Call) -> None:
    """Each utterance is one stretch of the caller's frames, up to the one that closed it."""
    arrived = given = number = 0
    for moment in call.moments:
        arrived += isinstance(moment.event, ev.Frame)
        for effect in moment.effects:
            match effect:
                case fx.Listen(utterance, pcm):
                    assert utterance == number + 1
                    number = utterance
                    frames = _numbers(pcm)
                    first = frames[0] if frames else arrived + 1
                    assert first > given
                    assert frames == list(range(first, arrived + 1))
                    given = begun = arrived
                    begun = first
                case fx.Hear(utterance, pcm):
                    assert utterance == number
                    assert _numbers(pcm) == list(range(given + 1, arrived + 1))
                    given = arrived
                case fx.Pause(utterance, length) | fx.StopListening(utterance, length):
                    assert utterance == number
                    assert given == arrived, "all of it has been told"
                    assert 0 < length <= arrived - begun + 1
                case _:
                    pass


@law
def test_every_word_that_was_understood_is_asked_once_or_was_company(call: Call) -> None:
    closed: set[int] = set()
    failed = 0
    asked: dict[int, str] = {}
    said: dict[int, str] = {}
    for moment in call.moments:
        match moment.event:
            case ev.Final(utterance, text) if utterance in closed:
                closed.remove(utterance)
                if not _notes(moment, "company"):
                    said[utterance] = text
            case ev.Final(utterance, text) if _notes(moment, "repaired"):
                (said if utterance in said else asked)[utterance] = text
            case ev.RecognitionFailed(utterance):
                failed = failed if utterance in closed else utterance
                said.update(dict.fromkeys(closed & {utterance}, ""))
                closed.discard(utterance)
            case _:
                pass
        for effect in moment.effects:
            match effect:
                case fx.Ask(_, heard):
                    asked = {**asked, **said} if heard and heard.instead else said
                    said = {}
                    words = " ".join(filter(None, asked.values()))
                    assert (heard.words if heard else "") == words
                case fx.StopListening(utterance) if utterance == failed:
                    said[utterance] = ""
                case fx.StopListening(utterance):
                    closed.add(utterance)
                case fx.Note("recognition_late", facts):
                    closed.discard(int(facts["utterance"]))
                    said[int(facts["utterance"])] = ""
                case _:
                    pass


@law
def test_the_same_call_twice_gives_the_same_trace(call: Call) -> None:
    lines: list[str] = []
    trace = Trace(lines.append)
    trace.rules(call.rules)
    for moment in call.moments:
        trace.record(moment.event, moment.now, moment.effects, moment.after)
    trace.flush()
    text = "\n".join(lines) + "\n"
    assert replay(text) == text


def _numbers(pcm: bytes) -> list[int]:
    """Which frames these are."""
    frames = range(0, len(pcm), FRAME_BYTES)
    return [int.from_bytes(pcm[at : at + FRAME_BYTES], "little") for at in frames]


def _notes(moment: Moment, what: str) -> list[fx.Note]:
    return [note for note in moment.effects if isinstance(note, fx.Note) and note.what == what]
