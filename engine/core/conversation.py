"""Who has the floor: the state machine of a call.

Events and the time go in, effects come out; nothing here waits, logs or does I/O. What an event
alone decides is in `_take`; what holds however it came about is in `_settle`. One line assigns
the state (`_go`), and what the state left behind is ended there.
"""

from dataclasses import replace
from typing import assert_never

from engine.core import events as ev
from engine.core.audio import silence
from engine.core.effects import (
    Ask,
    Cancel,
    Clear,
    Effect,
    EndReply,
    HangUp,
    Heard,
    Note,
    Play,
    Say,
    StopListening,
    Transfer,
)
from engine.core.hearing import ONSET_FRAMES, Hearing
from engine.core.reply import Reply
from engine.core.rules import Rules
from engine.core.states import (
    Awaited,
    Draining,
    Ended,
    Listening,
    Refractory,
    Said,
    Speaking,
    State,
    Thinking,
    Turn,
    turn_of,
)
from engine.core.vad import Vad

RECOGNITION_LIMIT = 8.0
"""Seconds after an utterance in which its words must come; then it was not understood."""
THINKING_LIMIT = 8.0
"""Seconds from a question to the first sound of its answer."""
STALL_LIMIT = 8.0
"""Seconds without more of a reply, after what there is has been played."""
ACK_MARGIN = 1.0
"""Seconds after a reply should have ended, in which the line's word for it must come."""
UNSEEN_START = 1.0
"""Seconds after which a reply counts as being heard although the line has not said so."""
MOST_FAILURES = 2
"""Replies in a row that could not be made, after which the call ends."""
NOISE_FRAMES = 8
"""Fewer voiced frames without words in them are a cough or a click, not a question."""


class Conversation:
    """One call. `handle` takes what happened and the time (seconds, monotonic) and returns what
    is to be done, in order; `deadline` is when to come back with `Tick` at the latest."""

    def __init__(self, rules: Rules) -> None:
        self.state: State = Listening()
        self._rules = rules
        self._vad = Vad(rules.vad_base_rms, rules.vad_calibration_frames)
        self._hearing = Hearing(rules)
        self._tail = silence(rules.tail_silence)
        self._now = 0.0
        self._out: list[Effect] = []
        self._turns = 0
        self._failures = 0
        self._failed = 0
        """The utterance whose recognition broke while it was being said."""
        self._turn = Turn(0.0, Said())
        self._reply = Reply(0)
        self._unanswered = Said()
        self._awaited: dict[int, Awaited] = {}
        self._voice_began = 0.0
        self._voice_end = 0.0
        self._last_said = ""
        self._last_cut = False

    @property
    def deadline(self) -> float | None:
        waits = [awaited.until for awaited in self._awaited.values()]
        match self.state:
            case Thinking(until=until) | Speaking(until=until) | Draining(until=until):
                waits.append(until)
            case Refractory(until):
                waits.append(until)
            case Listening():
                pass
            case Ended():
                return None
            case _:
                assert_never(self.state)
        return min(waits, default=None)

    def handle(self, event: ev.Event, now: float) -> list[Effect]:
        if isinstance(self.state, Ended):
            return []
        self._now = now
        self._out = []
        self._take(event)
        while self._settle():
            pass
        return self._out

    # What an event alone decides.

    def _take(self, event: ev.Event) -> None:  # noqa: C901 - one line for each kind of event
        match event:
            case ev.Frame(pcm, level):
                self._hear(pcm, level)
            case ev.Played(turn, position, done):
                self._played(turn, position, done)
            case ev.Answered() if not self._turns:
                self._ask(None)
            case ev.Final(utterance, text, confidence):
                self._recognized(utterance, text, confidence)
            case ev.RecognitionFailed(utterance, why):
                self._note("recognition_failed", utterance=utterance, why=why)
                if utterance not in self._awaited:
                    self._failed = utterance  # before it was over
                self._recognized(utterance, "", 0.0)
            case ev.Partial(utterance, text):
                self._note("partial", utterance=utterance, words=len(text.split()))
            case ev.Dtmf(digit):
                self._unanswered = self._unanswered.then(Said(digits=digit, recognized=self._now))
            case ev.Sentence(turn, text) if turn == self._reply.turn:
                self._turn.sentence = self._turn.sentence or self._now
                self._out.append(Say(turn, text))
            case ev.ReplyAudio(turn, pcm, words) if turn == self._reply.turn:
                self._play(turn, pcm, words)
            case ev.ReplyDone(turn, then) if turn == self._reply.turn:
                self._finish(turn, then)
            case ev.ReplyFailed(turn, why) if turn == self._reply.turn:
                self._note("reply_failed", turn=turn, why=why)
                self._fail(turn)
            case ev.HungUp(why):
                self._go(Ended(why))
            case ev.Sentence() | ev.ReplyAudio() | ev.ReplyDone() | ev.ReplyFailed():
                pass  # of a turn that is over
            case ev.Answered() | ev.Tick():
                pass
            case _:
                assert_never(event)

    def _hear(self, pcm: bytes, level: int) -> None:
        voiced = self._vad.hear(level)
        if voiced:
            self._voice_end = self._now
            if not self._hearing.voice_run:
                self._voice_began = self._now
        for effect in self._hearing.frame(pcm, voiced):
            if isinstance(effect, StopListening):
                self._awaited[effect.utterance] = Awaited(
                    self._now + RECOGNITION_LIMIT,
                    self._voice_end,
                    self._now,
                    noise=self._hearing.voiced < NOISE_FRAMES,
                )
            self._out.append(effect)
            if isinstance(effect, StopListening) and effect.utterance == self._failed:
                self._recognized(effect.utterance, "", 0.0)

    def _recognized(self, utterance: int, text: str, confidence: float) -> None:
        awaited = self._awaited.pop(utterance, None)
        if awaited is None or (awaited.noise and not text):
            return
        said = Said(
            words=(text,) if text else (),
            confidence=confidence if text else 1.0,
            spoke=True,
            voice_end=awaited.voice_end,
            closed=awaited.closed,
            recognized=self._now,
        )
        self._unanswered = self._unanswered.then(said)

    def _played(self, turn: int, position: float, done: bool) -> None:
        if turn != self._reply.turn:
            return
        self._reply.played(position, self._now)
        self._note_latency(turn)
        if done and isinstance(self.state, Draining):
            self._note("playout_ack", turn=turn, seconds=round(position, 3))
            self._close_reply(self.state)

    def _play(self, turn: int, pcm: bytes, words: tuple[ev.Word, ...]) -> None:
        if isinstance(self.state, Draining) or not pcm:
            return
        self._turn.audio = self._turn.audio or self._now
        self._failures = 0
        self._reply.add(pcm, words)
        self._out.append(Play(turn, pcm))
        self._go(Speaking(turn, self._left(STALL_LIMIT)))

    def _finish(self, turn: int, then: HangUp | Transfer | None) -> None:
        """Nothing more comes of this reply."""
        match self.state:
            case Thinking():  # there was nothing to say
                self._reply_is_over(then)
            case Speaking():
                self._reply.pad(self._tail)
                self._out += [Play(turn, self._tail), EndReply(turn)]
                self._go(Draining(turn, self._left(ACK_MARGIN), then))
            case _:
                pass

    def _fail(self, turn: int) -> None:
        """A reply broke: what there is of it is played; one without a sound is asked for again,
        and a caller who can't be answered is not kept on a silent line."""
        if not isinstance(self.state, Thinking):
            self._finish(turn, None)
            return
        self._failures += 1
        if self._failures == MOST_FAILURES:
            self._reply_is_over(HangUp("no reply could be made"))
            return
        again = self.state.answering
        self._go(Listening())
        self._ask(replace(again, instead=True) if again else None)

    # What holds however it came about.

    def _settle(self) -> bool:
        """One step, if one is due; true if there may be another."""
        self._expire_recognition()
        match self.state:
            case Listening():
                self._notice_voice()
                return self._answer_if_due()
            case Refractory(until):
                self._notice_voice()
                if self._now < until:
                    return False
                self._go(Listening())
                return True
            case Thinking():
                self._notice_voice()
                return self._reconsider(self.state)
            case Speaking() | Draining():
                return self._interrupted() or self._overdue(self.state)
            case Ended():
                return False
            case _:
                assert_never(self.state)

    def _notice_voice(self) -> None:
        if not self._hearing.open and self._hearing.voice_run >= ONSET_FRAMES:
            self._out.append(self._hearing.begin())

    def _expire_recognition(self) -> None:
        for utterance, awaited in list(self._awaited.items()):
            if self._now >= awaited.until:
                self._note("recognition_late", utterance=utterance)
                self._recognized(utterance, "", 0.0)

    def _caller_goes_on(self) -> bool:
        """More words are being said that belong to what is to be answered."""
        return self._hearing.open and not self._hearing.going_on

    def _answer_if_due(self) -> bool:
        if not self._unanswered or self._awaited or self._caller_goes_on():
            return False
        self._ask(self._unanswered)
        return True

    def _reconsider(self, state: Thinking) -> bool:
        """Has the caller added something before our answer began? Then it is one question."""
        if self._unanswered or self._caller_goes_on():
            self._unanswered = replace(state.answering.then(self._unanswered), instead=True)
            self._go(Listening())
            return True
        if self._now < state.until:
            return False
        self._note("no_reply", turn=state.turn)
        self._fail(state.turn)
        return True

    def _interrupted(self) -> bool:
        hearing = self._hearing
        if hearing.going_on or not self._rules.barge_in:
            self._notice_voice()  # heard and kept, but it stops nobody
        by_voice = (
            self._rules.barge_in
            and self._vad.calibrated
            and not hearing.going_on
            and hearing.voice_run >= self._rules.barge_in_voice_frames
            and self._grace_is_over()
        )
        if not by_voice and not self._unanswered.digits:
            return False
        self._go(Listening())
        if by_voice and not hearing.open:
            self._out.append(hearing.begin())
        return True

    def _grace_is_over(self) -> bool:
        began = self._reply.began_at
        if began is None:
            began = self._turn.audio + UNSEEN_START
        return self._now >= began + self._rules.barge_in_grace

    def _overdue(self, state: Speaking | Draining) -> bool:
        if self._now < state.until:
            return False
        if isinstance(state, Draining):
            self._note("playout_ack_missing", turn=state.turn)
            self._close_reply(state)
        else:
            self._note("reply_stalled", turn=state.turn)
            self._out.append(Cancel(state.turn))
            self._finish(state.turn, None)
        return True

    # Turns and states.

    def _ask(self, said: Said | None) -> None:
        self._turns += 1
        self._reply = Reply(self._turns)
        self._turn = Turn(self._now, said or Said())
        self._unanswered = Said()
        self._out.append(Ask(self._turns, None if said is None else self._heard(said)))
        self._go(Thinking(self._turns, self._now + THINKING_LIMIT, said or Said()))

    def _heard(self, said: Said) -> Heard:
        return Heard(
            words=" ".join(said.words),
            confidence=said.confidence if said.words else 0.0,
            digits=said.digits,
            said=self._last_said,
            cut=self._last_cut,
            instead=said.instead,
        )

    def _left(self, margin: float) -> float:
        """When what the line was given has been played, and the margin is over."""
        return self._now + self._reply.length - self._reply.heard(self._now) + margin

    def _close_reply(self, state: Draining) -> None:
        """The caller has heard it all."""
        self._last_said, self._last_cut = self._reply.words_heard(self._reply.length), False
        self._reply_is_over(state.then)

    def _reply_is_over(self, then: HangUp | Transfer | None) -> None:
        self._reply = Reply(0)
        if then is None:
            self._go(Refractory(self._now + self._rules.refractory))
            return
        self._out.append(then)
        self._go(Ended(then.why if isinstance(then, HangUp) else "transferred"))

    def _go(self, state: State) -> None:
        left = turn_of(self.state)
        if left is not None and left == self._reply.turn and left != turn_of(state):
            self._abandon(left, state)
        self.state = state

    def _abandon(self, turn: int, state: State) -> None:
        """Stop a reply in the middle: the line, the makers, and the record of what was heard."""
        spoken = self._reply.length > 0
        if spoken:
            self._out.append(Clear())
        self._out.append(Cancel(turn))
        if spoken:
            position = self._reply.heard(self._now)
            self._last_said, self._last_cut = self._reply.words_heard(position), True
            cause = self._cause(state)
            self._note(
                "reply_cut",
                turn=turn,
                heard_seconds=round(position, 3),
                sent_seconds=round(self._reply.length, 3),
                words_heard=len(self._last_said.split()),
                **cause,
            )
        self._reply = Reply(0)

    def _cause(self, state: State) -> dict[str, int | str]:
        """What stopped a reply; and, if it was a voice, how long after its first frame."""
        if isinstance(state, Ended):
            return {"cause": "end of call"}
        if self._unanswered.digits:
            return {"cause": "key"}
        return {"cause": "voice", "halt_ms": _ms(self._now - self._voice_began)}

    # What the log and the metrics are told.

    def _note(self, what: str, **facts: float | int | str | bool) -> None:
        self._out.append(Note(what, facts))

    def _note_latency(self, turn: int) -> None:
        """The breakdown of a turn, once, when the caller begins to hear it."""
        times, said = self._turn, self._turn.said
        if times.noted:
            return
        times.noted = True
        steps: dict[str, float | int | str | bool] = {
            "brain_ms": _ms(times.sentence - times.asked),
            "voice_ms": _ms(times.audio - times.sentence),
            "line_ms": _ms(self._now - times.audio),
        }
        if said.voice_end:
            steps = {
                "total_ms": _ms(times.audio - said.voice_end),
                "endpoint_ms": _ms(said.closed - said.voice_end),
                "recognizer_ms": _ms(said.recognized - said.closed),
                "waited_ms": _ms(times.asked - said.recognized),
                **steps,
            }
        self._note("turn_latency", turn=turn, **steps)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
