"""Who has the floor: the state machine of a call.

Events and the time go in, effects come out; nothing here waits, logs or does I/O. What an event
alone decides is in `_take`; what holds however it came about is in `_settle`. One line assigns
the state (`_go`), and what the state left behind is ended there.
"""

import math
from dataclasses import replace
from typing import assert_never

from engine.core import events as ev
from engine.core.audio import FRAME_SECONDS
from engine.core.cues import Awaits, Ending, Over
from engine.core.echo import AHEAD, Echo, FrameClock
from engine.core.effects import (
    Ask,
    Cancel,
    Clear,
    Clip,
    Effect,
    EndReply,
    Fill,
    HangUp,
    Heard,
    Note,
    Occasion,
    Play,
    Say,
    StopListening,
    Transfer,
)
from engine.core.hearing import ONSET_FRAMES, Hearing
from engine.core.reading import Reading, read
from engine.core.reply import Reply
from engine.core.rules import Rules
from engine.core.states import (
    MAX_DIGITS,
    Awaited,
    Draining,
    Ended,
    Held,
    Listening,
    Refractory,
    Said,
    Speaking,
    State,
    Thinking,
    Turn,
    Wait,
    turn_of,
)
from engine.core.vad import Vad

RECOGNITION_LIMIT = 5.5
"""Seconds after an utterance in which its words must come; then it was not understood."""
FILLERS = ((1.5, Clip.MOMENT), (4.0, Clip.STILL), (6.5, Clip.THANKS))
"""What a caller is told who has waited so many seconds for our speech."""
ABOUT_TO_SPEAK = 0.3
"""Seconds by which that is put off when there is already a sentence to be said."""
SORRY_AFTER = 9.0
"""Seconds after which a waiting caller is told that there will be no answer. Well above the limit
of recognition: words that do not come are asked for again first."""
SORRY_AFTER_ASKED = 4.0
"""But the brain is given so many, if the words themselves came late."""
BETWEEN_FILLERS = 2.0
"""Seconds from one to the next at the least, however late we are."""
CLIP_LIMIT = 1.0
"""Seconds in which the last clip must come; then the call ends without it."""
ACK_MARGIN = 1.0
"""Seconds after a reply should have ended, in which the line's word for it must come."""
UNSEEN_START = 1.0
"""Seconds after which a reply counts as being heard although the line has not said so."""
MOST_FAILURES = 2
"""Replies in a row that broke, after which the call ends."""
NO_TURN = -1
"""Of the empty ledger between two replies: no event carries it."""
NOISE_FRAMES = 8
"""Fewer voiced frames without words in them are a cough or a click, not a question."""
HOLD_LIMIT = 0.8
"""Seconds that a reply is held for a sound that does not turn out to be a voice."""
QUIET_FRAMES = 8
"""Frames without a sound after which a reply that was held goes on: it was a cough."""
WORD_FRAMES = 7
"""So many frames in which a detector was sure of speech may be a word, however short: the reply is
held until the recognizer has told, or until `HOLD_LIMIT`."""
COMPANY_FRAMES = 30
"""So long a voice may be an accompanying word, if the recognizer says that it is one."""
ANSWER_LEFT = 1.0
"""Seconds of a reply not heard yet, below which «כן» is an answer to it and not company."""
BREAK = 1.5
"""Seconds without a voice that end a monologue: who pauses for less talks on."""
FAREWELL_LIMIT = 4.0
"""Seconds that are left to a call when the bridge closes."""
CLOSED = "stopped"
"""Why it has ended then."""
LAST_WORDS = ((60.0, Occasion.LATE), (10.0, Occasion.OVER))
"""How long before the end of the longest call the caller is told."""
_CALLERS = ev.Frame | ev.Dtmf | ev.Partial | ev.Final | ev.RecognitionFailed
"""Events that come of what the caller does."""


class Conversation:
    """One call. `handle` takes what happened and the time (seconds, monotonic) and returns what
    is to be done, in order; `deadline` is when to come back with `Tick` at the latest."""

    def __init__(self, rules: Rules) -> None:
        self.state: State = Listening()
        self._rules = rules
        self._vad = Vad(rules.vad_base_rms, rules.vad_calibration_frames)
        self._echo = Echo()
        self._clock = FrameClock()
        self._hearing = Hearing(rules)
        self._now = 0.0
        self._out: list[Effect] = []
        self._turns = 0
        self._failures = 0
        self._failed = 0
        """The utterance whose recognition broke while it was being said."""
        self._turn = Turn(0.0, Said())
        self._reply = Reply(NO_TURN)
        self._unanswered = Said()
        self._wait = Wait(0.0)
        self._silent_from = 0.0
        """When the caller last stopped hearing us."""
        self._giving_up = False
        """The present reply is an apology that has still to come."""
        self._awaited: dict[int, Awaited] = {}
        self._sound_began = 0.0
        self._voice_end = 0.0
        self._held_at = 0.0
        self._over = 0
        """The newest utterance that began over our speech."""
        self._company = 0
        """The utterance that, by its partial results, only accompanies."""
        self._detects = False
        """A neural detector tells what is speech."""
        self._shrugged = False
        """The present sound has held us before and was no voice."""
        self._cut: Reply | None = None
        """The whole reply that the last interruption cut short: it may go on after all."""
        self._awaits = Awaits.ANYTHING
        self._last_said = ""
        self._last_cut = False
        self._wordless = 0.0
        """Seconds of voice since the caller's last words."""
        self._wordless_cuts = 0
        """Replies in a row that a voice without words has cut."""
        self._cutting = 0
        """The utterance that cut the last one."""
        self._talks_since = 0.0
        """The caller talks since then, with hardly a pause."""
        self._over_at = math.inf
        """The longest call ends then."""
        self._last_words = list(LAST_WORDS)
        """Those that are still to be said."""
        self._closing = False
        """This is the end of the call, whatever the caller still says."""
        self._keys_dropped = 0
        """Since the last question: a caller has not so many to press."""

    @property
    def gate(self) -> float:
        """The level from which a frame may be a voice: what is below needs no second opinion."""
        return self._vad.gate

    @property
    def deadline(self) -> float | None:
        waits = [awaited.until for awaited in self._awaited.values()]
        if self._over_at < math.inf:
            waits.append(self._over_at)
        match self.state:
            case Thinking(since=since):
                waits.append(self._next_word_at(since))
            case Speaking():
                waits.append(self._late_at(self.state))
            case Draining(until=until) | Held(until=until) | Refractory(until):
                waits.append(until)
            case Listening():
                if (waited := self._kept_waiting_since) is not None:
                    waits.append(self._next_word_at(waited))
                if self._unanswered.unfinished and self._may_answer:
                    waits.append(self._more_until)
                if self._is_quiet and (due := self._speaks_up_at) < math.inf:
                    waits.append(due)
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
        if not (self._closing and isinstance(event, _CALLERS)):
            self._take(event)
        while self._settle():
            pass
        return self._out

    # What an event alone decides.

    def _take(self, event: ev.Event) -> None:  # noqa: C901 - one line for each kind of event
        match event:
            case ev.Frame():
                self._hear(event)
            case ev.Played():
                self._played(event)
            case ev.Answered() if not self._turns:
                self._silent_from = self._talks_since = self._now
                self._over_at = self._now + self._rules.call_limit
                self._ask(None)
            case ev.Final():
                self._count_wordless(event)
                self._recognized(event)
            case ev.RecognitionFailed(utterance, why):
                self._note("recognition_failed", utterance=utterance, why=why)
                if utterance not in self._awaited:
                    self._failed = utterance  # before it was over
                self._recognized(ev.Final(utterance, "", 0.0))
            case ev.Partial(utterance, text):
                self._note("partial", utterance=utterance, words=len(text.split()))
                if utterance == self._hearing.number:
                    self._guessed(utterance, event.reading or read(text))
            case ev.Dtmf(digit):
                self._keyed(digit)
            case ev.Sentence(turn, text) if turn == self._reply.turn:
                self._turn.sentence = self._turn.sentence or self._now
                self._out.append(Say(turn, text))
            case ev.ReplyAudio(turn) if turn == self._reply.turn:
                self._play(event)
            case ev.Filler():
                self._fill(event)
            case ev.ReplyDone(turn, then, awaits) if turn == self._reply.turn:
                self._failures = 0
                self._finish(then, awaits)
            case ev.ReplyFailed(turn, why) if turn == self._reply.turn:
                self._note("reply_failed", turn=turn, why=why)
                self._fail(turn)
            case ev.HungUp(why):
                self._go(Ended(why))
            case ev.Closing() if not self._closing:
                self._take_leave()
            case ev.Sentence() | ev.ReplyAudio() | ev.ReplyDone() | ev.ReplyFailed():
                pass  # of a turn that is over
            case ev.Answered() | ev.Tick() | ev.Closing():
                pass
            case _:
                assert_never(event)

    def _hear(self, frame: ev.Frame) -> None:
        hearing = self._hearing
        self._detects = self._detects or frame.speech != ev.UNKNOWN
        spoken = self._clock.tick(self._now)
        echo = self._echo.expect(self._reply.level(spoken + AHEAD), frame.level)
        voiced = self._vad.hear(frame.level, frame.speech, echo)
        if self._vad.opened and not hearing.sound_run:
            self._sound_began = self._now
        if voiced:
            if self._now - self._voice_end > BREAK:
                self._talks_since = self._now
            self._voice_end = self._now
        for effect in hearing.frame(frame.pcm, voiced, self._vad.opened):
            if isinstance(effect, StopListening):
                self._awaited[effect.utterance] = Awaited(
                    self._now + RECOGNITION_LIMIT,
                    self._voice_end,
                    self._now,
                    voiced=hearing.voiced * FRAME_SECONDS,
                    noise=hearing.voiced < NOISE_FRAMES,
                    over=effect.utterance == self._over and self._has_more_to_say,
                )
            self._out.append(effect)
            if isinstance(effect, StopListening) and effect.utterance == self._failed:
                self._recognized(ev.Final(effect.utterance, "", 0.0))
        self._shrugged = self._shrugged and hearing.sound_run > 0

    def _guessed(self, utterance: int, reading: Reading) -> None:
        """The words of the present utterance so far."""
        self._hearing.words_tell(reading.ending(self._awaits))
        if utterance != self._over:
            return
        self._company = utterance if reading.over is Over.COMPANY else 0
        if reading.over is Over.STOP and self._is_talking:
            self._go(Listening())

    def _recognized(self, final: ev.Final) -> None:
        text = final.text
        awaited = self._awaited.pop(final.utterance, None)
        if awaited is None:
            self._repair(final)
            return
        if awaited.noise and not text:
            return
        reading = final.reading or read(text)
        if awaited.over and self._changes_nothing(awaited, bool(text), reading.over):
            self._note("company", utterance=final.utterance, words=len(text.split()))
            return
        said = Said(
            words=(text,),
            utterances=(final.utterance,),
            confidence=final.confidence if text else 1.0,
            spoke=True,
            unfinished=reading.ending(self._awaits) is Ending.UNFINISHED,
            voice_end=awaited.voice_end,
            closed=awaited.closed,
            recognized=self._now,
        )
        self._unanswered = self._unanswered.then(said)
        if awaited.over and self._is_talking:
            self._go(Listening())

    def _count_wordless(self, final: ev.Final) -> None:
        """A recognizer that breaks tells nothing: its utterances do not come here."""
        awaited = self._awaited.get(final.utterance)
        if final.text:
            self._wordless, self._wordless_cuts = 0.0, 0
        elif awaited is not None:
            self._wordless += awaited.voiced
            self._wordless_cuts += final.utterance == self._cutting

    def _keyed(self, digit: str) -> None:
        self._wordless = 0.0
        waiting = self._unanswered.digits
        if isinstance(self.state, Thinking):
            waiting = self._turn.said.digits + waiting
        if len(waiting) >= MAX_DIGITS:
            self._keys_dropped += 1
            return
        self._unanswered = self._unanswered.then(Said(digits=digit, recognized=self._now))

    def _repair(self, final: ev.Final) -> None:
        """The recognizer has thought better of what it told: what was made of it is void, however
        much of the answer was heard."""
        number, text = final.utterance, final.text
        told = (number, text, final.confidence, self._now)
        if not text:
            return
        if number in self._unanswered.utterances:
            self._note("repaired", utterance=number)
            self._unanswered = self._unanswered.corrected(*told)
        elif number in self._turn.said.utterances:
            self._note("repaired", utterance=number)
            whole = self._turn.said.corrected(*told).then(self._unanswered)
            self._unanswered = replace(whole, instead=True)
            if turn_of(self.state) is not None:
                self._go(Listening())

    def _changes_nothing(self, awaited: Awaited, words: bool, meaning: Over) -> bool:
        """Were these words, said over our speech, no more than company? Then it goes on. A voice
        that interrupted us and was not understood is asked again."""
        if self._is_talking and awaited.noise:
            return meaning is not Over.STOP
        if meaning is not Over.COMPANY or (self._cut and not words):
            return False
        return self._cut is None or self._goes_on()

    def _played(self, told: ev.Played) -> None:
        if told.turn != self._reply.turn:
            return
        self._reply.played(told.seconds, self._now, told.on_the_way)
        self._note_latency(told.turn)
        if told.done and isinstance(self.state, Draining):
            self._note("playout_ack", turn=told.turn, seconds=round(told.seconds, 3))
            self._close_reply()

    def _play(self, audio: ev.ReplyAudio) -> None:
        if self._reply.complete or not audio.pcm:
            return
        self._turn.audio = self._turn.audio or self._now
        self._turn.sound = self._turn.sound or self._now
        self._reply.more_comes(self._now)
        self._reply.add(audio.pcm, audio.words, audio.loudness)
        if isinstance(self.state, Held):
            return
        self._out.append(Play(audio.turn, audio.pcm))
        self._speak_on()

    def _finish(self, then: HangUp | Transfer | None, awaits: Awaits = Awaits.ANYTHING) -> None:
        """Nothing more comes of this reply."""
        if self._reply.complete:
            return
        if isinstance(self.state, Thinking):  # there was nothing to say
            self._reply_is_over(then)
            return
        turn = self._reply.turn
        tail = self._reply.finish(self._rules.tail_silence, then, awaits)
        if isinstance(self.state, Speaking):
            self._out += [Play(turn, tail), EndReply(turn)]
            self._go(Draining(turn, self._left(ACK_MARGIN)))

    def _fail(self, turn: int) -> None:
        """A reply broke: what there is of it is played; one without a sound is asked for again,
        and a caller who can't be answered is not kept on a silent line."""
        if self._turn.early or self._reply.complete:
            return
        self._failures += 1
        if self._failures == MOST_FAILURES:
            self._give_up()
            return
        if self._reply.answer_at is not None:
            self._finish(None)
            return
        if self._reply.length:
            self._out.append(Clear())
        self._out.append(Cancel(turn))
        self._reply = Reply(NO_TURN)
        again = self._turn.said
        self._ask(replace(again, instead=True) if again else None)

    # What holds however it came about.

    def _settle(self) -> bool:
        """One step, if one is due; true if there may be another."""
        self._expire_recognition()
        if self._now >= self._over_at:
            return self._end_it()
        match self.state:
            case Listening():
                self._notice_voice()
                if self._kept_company() or self._answer_if_due() or self._speaks_up():
                    return True
                since = self._kept_waiting_since
                return since is not None and self._fill_the_wait(self._turns + 1, since)
            case Refractory(until):
                self._notice_voice()
                if self._now < until:
                    return False
                self._go(Listening())
                return True
            case Thinking():
                self._notice_voice()
                return self._reconsider(self.state)
            case Speaking():
                return self._interrupted() or self._asked_late() or self._late(self.state)
            case Draining():
                return self._interrupted() or self._overdue(self.state)
            case Held(until=until):
                return self._interrupted_for_good() or self._resumed(until)
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
                self._recognized(ev.Final(utterance, "", 0.0))

    def _caller_goes_on(self) -> bool:
        """More words are being said that belong to what is to be answered."""
        return self._hearing.open and not self._hearing.going_on

    @property
    def _may_answer(self) -> bool:
        """There is something to answer, and no more of it is on its way."""
        return bool(self._unanswered) and not self._awaited and not self._caller_goes_on()

    def _answer_if_due(self) -> bool:
        if not self._may_answer:
            return False
        if self._unanswered.unfinished and self._now < self._more_until:
            return False
        self._ask(self._to_answer())
        return True

    def _reconsider(self, state: Thinking) -> bool:
        """Has the caller added something before our answer began? Then it is one question."""
        if self._takes_the_floor:
            return self._fill_the_wait(state.turn, state.since)
        if self._unanswered or self._caller_goes_on():
            self._go(Listening())
            return True
        return self._fill_the_wait(state.turn, state.since)

    @property
    def _more_until(self) -> float:
        """Until when a caller who has not finished his sentence is waited for."""
        return self._unanswered.voice_end + self._rules.end_silence_unfinished

    # Callers who are silent, who are a noise, or who never end.

    @property
    def _is_quiet(self) -> bool:
        """The caller is the next to speak, and doesn't."""
        return bool(self._turns) and not (self._unanswered or self._awaited or self._hearing.open)

    @property
    def _speaks_up_at(self) -> float:
        """When a quiet caller hears of us again."""
        return min(self._asks_for_him_at, self._last_words_at)

    @property
    def _asks_for_him_at(self) -> float:
        if not self._rules.silence:
            return math.inf
        since = self._silent_from
        if self._turn.said.occasion is Occasion.SILENCE:
            # However long it takes to ask, he must not be kept for long.
            since = max(self._turn.asked, since - self._rules.silence / 2)
        return since + self._rules.silence

    @property
    def _last_words_at(self) -> float:
        return self._over_at - self._last_words[0][0] if self._last_words else math.inf

    def _speaks_up(self) -> bool:
        if not self._is_quiet or self._now < self._speaks_up_at:
            return False
        occasion = self._due_last_words() or Occasion.SILENCE
        self._note("spoke_up", why=occasion)
        self._ask(Said(recognized=self._now, occasion=occasion))
        return True

    def _to_answer(self) -> Said:
        """What was said, and what is to be told besides."""
        said = self._unanswered
        occasion = self._due_last_words() or self._strain()
        if occasion is None:
            return said
        self._note("spoke_up", why=occasion)
        return replace(said, occasion=occasion)

    def _due_last_words(self) -> Occasion | None:
        """Each is told once; of several that were not told in time, the last."""
        occasion = None
        while self._now >= self._last_words_at:
            _, occasion = self._last_words.pop(0)
        return occasion

    def _strain(self) -> Occasion | None:
        """What is hard about this caller; told, it is counted anew."""
        if self._wordless >= self._rules.wordless:
            self._wordless = 0.0
            return Occasion.NOISE
        if self._voice_end - self._talks_since >= self._rules.monologue:
            self._talks_since = self._now
            return Occasion.MONOLOGUE
        return None

    @property
    def _takes_the_floor(self) -> bool:
        """The present reply interrupts the caller: it is not interrupted itself."""
        return self._closing or self._turn.said.occasion is Occasion.MONOLOGUE

    def _take_leave(self) -> None:
        """Whatever is being said is cut short, unless the call ends with it anyhow."""
        self._closing = True
        self._over_at = min(self._over_at, self._now + FAREWELL_LIMIT)
        if self._giving_up or self._reply.then is not None:
            return
        if turn_of(self.state) is not None:
            self._go(Listening())
        said = self._unanswered.then(Said(recognized=self._now))
        self._ask(replace(said, occasion=Occasion.CLOSING))

    def _end_it(self) -> bool:
        """Whatever is being said."""
        if self._closing:
            self._go(Ended(CLOSED))
            return False
        self._go(Ended("call limit"))
        self._out.append(HangUp("call limit"))
        return False

    # Interruption, in two steps.

    @property
    def _is_talking(self) -> bool:
        return isinstance(self.state, Speaking | Draining | Held)

    def _interrupted(self) -> bool:
        """The first step: a key ends a reply, a sound holds it."""
        if self._unanswered.digits:
            self._go(Listening())
            return True
        hearing, rules = self._hearing, self._rules
        if hearing.going_on or not rules.barge_in or self._takes_the_floor:
            self._notice_voice()  # heard and kept, but it stops nobody
            return False
        if self._wordless_cuts >= rules.wordless_cuts:
            if hearing.voice_run >= ONSET_FRAMES and not hearing.open:
                self._listen_over()  # only words stop us now
            return False
        if not self._vad.calibrated or not self._grace_is_over():
            return False
        if hearing.voice_run >= rules.barge_in_voice_frames:
            self._listen_over()
            self._go(Listening())
            return True
        if hearing.sound_run < rules.barge_in_hold_frames or hearing.quiet_run or self._shrugged:
            return False
        self._hold()
        return True

    def _listen_over(self) -> None:
        """The recognizer hears what is said over our speech."""
        if not self._hearing.open:
            self._out.append(self._hearing.begin())
        self._over = self._hearing.number

    def _hold(self) -> None:
        turn = self._reply.turn
        self._reply.hold(self._now)
        self._held_at = self._now
        self._out.append(Clear())
        self._listen_over()
        self._note("held", turn=turn, halt_ms=_ms(self._now - self._sound_began))
        self._go(Held(turn, self._now + HOLD_LIMIT))

    def _interrupted_for_good(self) -> bool:
        """The second step."""
        company = self._company == self._hearing.number
        enough = COMPANY_FRAMES if company else self._rules.barge_in_voice_frames
        if self._hearing.voice_run < enough and not self._unanswered.digits:
            return False
        self._go(Listening())
        return True

    def _resumed(self, until: float) -> bool:
        """Or the sound was none that matters: the reply goes on."""
        quiet = self._hearing.quiet_run >= QUIET_FRAMES and not self._may_be_word
        if not quiet and self._now < until:
            return False
        self._shrugged = self._hearing.sound_run > 0
        self._note("resumed", turn=self._reply.turn, held_ms=_ms(self._now - self._held_at))
        self._play_rest(self._reply.turn)
        return True

    @property
    def _may_be_word(self) -> bool:
        hearing = self._hearing
        told = not hearing.open or self._company == hearing.number
        return self._detects and not told and hearing.voiced >= WORD_FRAMES

    def _play_rest(self, turn: int) -> None:
        """The present reply, from the word at which it was held."""
        rest = self._reply.go_on(turn)
        if rest:
            self._out.append(Play(turn, rest))
        if not self._reply.complete or self._giving_up:
            self._speak_on()
            return
        self._out.append(EndReply(turn))
        self._go(Draining(turn, self._left(ACK_MARGIN)))

    @property
    def _has_more_to_say(self) -> bool:
        """Words said now fall into our speech; they are not an answer to its end."""
        reply = self._reply if self._is_talking else self._cut
        return reply is not None and not self._nearly_heard(reply)

    def _nearly_heard(self, reply: Reply) -> bool:
        """So little is left of it that who speaks now answers it."""
        return reply.complete and reply.left(self._now) < ANSWER_LEFT

    def _kept_company(self) -> bool:
        """The voice that cut our reply has ended, and by the words so far it was none to answer."""
        hearing = self._hearing
        quiet = hearing.quiet_run >= QUIET_FRAMES
        return hearing.open and self._company == hearing.number and quiet and self._goes_on()

    def _goes_on(self) -> bool:
        """A reply that was cut for nothing goes on after all, if it can: in a turn of its own."""
        cut, state = self._cut, self.state
        if cut is None or self._nearly_heard(cut) or not isinstance(state, Listening):
            return False
        if self._unanswered or self._awaited or (self._hearing.number not in (0, self._over)):
            return False
        self._cut = None
        self._turns += 1
        self._reply = cut
        self._turn = Turn(self._now, Said(), noted=True)
        self._note("went_on", turn=self._turns, after=cut.turn)
        self._play_rest(self._turns)
        return True

    def _grace_is_over(self) -> bool:
        began = self._reply.began_at
        if began is None:
            began = self._turn.sound + UNSEEN_START
        return self._now >= began + self._rules.barge_in_grace

    def _overdue(self, state: Draining) -> bool:
        if self._now < state.until:
            return False
        self._note("playout_ack_missing", turn=state.turn)
        self._close_reply()
        return True

    # A caller who waits is told so.

    @property
    def _kept_waiting_since(self) -> float | None:
        """Since when the caller has waited while his words are being recognized."""
        if not self._awaited or self._caller_goes_on():
            return None
        waits: list[Awaited | Said] = [one for one in self._awaited.values() if not one.noise]
        if self._unanswered.spoke:
            waits.append(self._unanswered)
        return max((self._since(one) for one in waits), default=None)

    def _since(self, said: Awaited | Said) -> float:
        """From the end of the caller's voice; if he was given time for more, from its end."""
        if isinstance(said, Said) and not said.spoke:
            return max(said.recognized, self._silent_from)
        return max(said.voice_end, said.closed - self._rules.end_silence, self._silent_from)

    def _told(self, since: float) -> int:
        """How many fillers were asked for in this wait."""
        return self._wait.fillers if self._wait.since == since else 0

    def _next_word_at(self, since: float) -> float:
        """When a caller who has waited since then must hear of us."""
        told = self._told(since)
        if told == len(FILLERS):
            return max(since + SORRY_AFTER, self._turn.asked + SORRY_AFTER_ASKED)
        at = since + FILLERS[told][0]
        if self._turn.sentence and not self._turn.audio:
            at += ABOUT_TO_SPEAK
        return max(at, self._wait.told + BETWEEN_FILLERS) if told else at

    def _late_at(self, state: Speaking) -> float:
        """When more must have come of a reply."""
        if self._giving_up:
            return state.until
        return max(state.until, self._next_word_at(state.since))

    def _late(self, state: Speaking) -> bool:
        if self._giving_up and self._now >= state.until:
            self._apologize(ev.Filler(state.turn, b""))
            return True
        return self._now >= state.until and self._fill_the_wait(state.turn, state.since)

    def _fill_the_wait(self, turn: int, since: float) -> bool:
        if self._giving_up or self._now < self._next_word_at(since):
            return False
        told = self._told(since)
        if told == len(FILLERS):
            self._give_up()
            return True
        self._wait = Wait(since, told + 1, self._now)
        self._out.append(Fill(turn, FILLERS[told][1]))
        return True

    def _fill(self, filler: ev.Filler) -> None:
        """The clip is here: if the caller still waits, it is played."""
        if self._giving_up and filler.turn == self._reply.turn:
            self._apologize(filler)
            return
        match self.state:
            case Thinking(turn, since) | Speaking(turn, _, since):
                pass
            case Listening() if (waited := self._kept_waiting_since) is not None:
                turn, since = self._turns + 1, waited
            case _:
                return
        if (turn, since) != (filler.turn, self._wait.since) or not filler.pcm:
            return
        if isinstance(self.state, Listening):
            self._begin(Turn(self._now, Said(), early=True))
        self._note("filler", turn=turn, waited_ms=_ms(self._now - since))
        self._reply.more_comes(self._now)
        self._reply.fill(filler.pcm, filler.loudness)
        self._turn.sound = self._turn.sound or self._now
        self._out.append(Play(turn, filler.pcm))
        self._go(Speaking(turn, self._left(0.0), since))

    def _asked_late(self) -> bool:
        """The caller was told to wait before it was known what to ask."""
        if not self._turn.early or (self._awaited and not self._may_answer):
            return False
        if self._may_answer:
            said = self._to_answer()
            self._turn = replace(self._turn, asked=self._now, said=said, early=False)
            self._put(said)
        else:  # it was nothing
            self._finish(None)
        return True

    def _give_up(self) -> None:
        """No answer will come: the caller is told, and given to a person or a goodbye."""
        turn = self._reply.turn
        stalled = self._reply.answer_at is not None
        self._note("reply_stalled" if stalled else "no_reply", turn=turn)
        self._out += [Cancel(turn), Fill(turn, Clip.SORRY)]
        self._reply.complete = self._giving_up = True
        if not isinstance(self.state, Held):
            self._speak_on()

    def _apologize(self, sorry: ev.Filler) -> None:
        key, turn, reply = self._rules.way_out, sorry.turn, self._reply
        self._giving_up = False
        reply.more_comes(self._now)
        reply.fill(sorry.pcm, sorry.loudness)
        then = Transfer(key) if key else HangUp("no reply could be made")
        tail = reply.finish(self._rules.tail_silence, then, Awaits.ANYTHING)
        if isinstance(self.state, Held):
            return
        self._out += [Play(turn, sorry.pcm + tail), EndReply(turn)]
        self._go(Draining(turn, self._left(ACK_MARGIN)))

    # Turns and states.

    def _ask(self, said: Said | None) -> None:
        self._begin(Turn(self._now, said or Said()))
        self._put(said)
        self._go(Thinking(self._turns, self._since(self._turn.said)))

    def _begin(self, turn: Turn) -> None:
        self._turns += 1
        self._reply = Reply(self._turns)
        self._turn = turn
        self._cut = None

    def _put(self, said: Said | None) -> None:
        """The question of the present turn."""
        self._unanswered = Said()
        if self._keys_dropped:
            self._note("keys_dropped", keys=self._keys_dropped)
            self._keys_dropped = 0
        self._out.append(Ask(self._turns, None if said is None else self._heard(said)))

    def _speak_on(self) -> None:
        """More is to come of the reply when what there is has been heard."""
        until = self._left(CLIP_LIMIT if self._giving_up else 0.0)
        answered = self._reply.answer_at is not None
        self._go(Speaking(self._reply.turn, until, until if answered else self._wait.since))

    def _heard(self, said: Said) -> Heard:
        return Heard(
            words=said.text,
            confidence=said.confidence if said.text else 0.0,
            digits=said.digits,
            said=self._last_said,
            cut=self._last_cut,
            instead=said.instead,
            occasion=said.occasion,
        )

    def _left(self, margin: float) -> float:
        """When what the line was given has been played, and the margin is over."""
        return self._now + self._reply.length - self._reply.heard(self._now) + margin

    def _close_reply(self) -> None:
        """The caller has heard it all."""
        if self._reply.answer_at is not None:
            self._last_said, self._last_cut = self._reply.words_heard(self._reply.length), False
            self._awaits = self._reply.awaits
        self._reply_is_over(self._reply.then)

    def _reply_is_over(self, then: HangUp | Transfer | None) -> None:
        self._reply = Reply(NO_TURN)
        self._silent_from = self._now
        if then is None and self._closing:
            self._go(Ended(CLOSED))  # nobody hangs up: others go on with the caller
            return
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
        reply = self._reply
        spoken = not isinstance(self.state, Thinking)
        if spoken:
            self._out.append(Clear())
        self._out.append(Cancel(turn))
        if spoken:
            reply.hold(self._now)
            position = reply.heard(self._now)
            self._silent_from = self._now
            if reply.answer_at is not None:
                self._last_said, self._last_cut = reply.words_heard(position), True
                self._awaits = reply.awaits if self._nearly_heard(reply) else Awaits.ANYTHING
            self._note(
                "reply_cut",
                turn=turn,
                heard_seconds=round(position, 3),
                sent_seconds=round(reply.length, 3),
                words_heard=len(reply.words_heard(position).split()),
                **self._cause(state),
            )
            self._cut = reply if reply.complete else None
            self._cutting = self._hearing.number
        if reply.answer_at is None and not (self._turn.early or self._unanswered.instead):
            # It is still to be answered.
            self._unanswered = replace(self._turn.said.then(self._unanswered), instead=True)
        self._giving_up = False
        self._reply = Reply(NO_TURN)

    def _cause(self, state: State) -> dict[str, int | str]:
        """What stopped a reply; and, if it was a voice, how long after its first frame."""
        if isinstance(state, Ended) or self._closing:
            return {"cause": "end of call"}
        if self._unanswered.digits:
            return {"cause": "key"}
        if self._unanswered.instead:
            return {"cause": "repair"}
        halted = self._held_at if isinstance(self.state, Held) else self._now
        return {"cause": "voice", "halt_ms": _ms(halted - self._sound_began)}

    # What the log and the metrics are told.

    def _note(self, what: str, **facts: float | int | str | bool) -> None:
        self._out.append(Note(what, facts))

    def _note_latency(self, turn: int) -> None:
        """The breakdown of a turn, once, when the caller begins to hear it."""
        times, said = self._turn, self._turn.said
        answer = self._reply.answer_at
        if times.noted or answer is None or self._reply.heard(self._now) < answer:
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
