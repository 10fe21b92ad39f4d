"""Callers who are silent, who are a noise, who never stop, and who press keys without end: step by
step, and without a clock."""

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

import pytest

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import SILENCE, seconds, silence
from engine.core.conversation import Conversation
from engine.core.effects import Heard, Occasion
from engine.core.rules import Rules
from engine.core.states import MAX_DIGITS, Ended, Thinking

QUIET, VOICE = (12,), (1500, 900, 400, 1200, 700)
TALK = [*islice(cycle(VOICE), 60), *[12] * 15]
"""A sentence, and a breath that interrupts it."""
FLOOD = 20_000


class Call:
    """A perfect line, a brain that thinks for so many seconds and answers with so many seconds of
    speech, and ears that find the same words in every utterance."""

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        thinks: float = 0.0,
        reply: float = 2.0,
        words: str = "",
        breaks: bool = False,
    ) -> None:
        self.conversation = Conversation(rules or Rules())
        self.thinks = thinks
        self.reply = reply
        self.words = words
        self._breaks = breaks
        self.asked: list[tuple[float, Heard | None]] = []
        self.notes: list[fx.Note] = []
        self.heard_out: list[int] = []
        """Turns whose reply was heard to its end."""
        self.ended = ""
        self.now = 0.0
        self._asked = self._turn = 0
        self._played = self._length = 0.0
        self._all = False
        self._take(ev.Answered())

    @property
    def occasions(self) -> list[tuple[int, Occasion]]:
        """At which second, after the greeting, each reply was asked for, and why."""
        return [(int(at), heard.occasion) for at, heard in self.asked if heard is not None]

    def turns(self, occasion: Occasion) -> list[int]:
        kinds = [heard and heard.occasion for _, heard in self.asked]
        return [turn for turn, kind in enumerate(kinds, 1) if kind is occasion]

    def listens(self, length: float, levels: Sequence[int] = QUIET) -> None:
        frames = islice(cycle(levels), round(length / 0.02))
        for level in frames:
            if isinstance(self.conversation.state, Ended):
                return
            self.now = round(self.now + 0.02, 3)
            if self._asked and self.now >= self.asked[-1][0] + self.thinks:
                self._answer(self._asked)
            self._play()
            self._take(ev.Frame(SILENCE, level))

    def press(self, digit: str) -> None:
        self._take(ev.Dtmf(digit))

    def _play(self) -> None:
        if self._played < self._length:
            self._played = min(self._length, self._played + 0.02)
            done = self._all and self._played == self._length
            if done:
                self.heard_out.append(self._turn)
            self._take(ev.Played(self._turn, round(self._played, 3), done))

    def _take(self, event: ev.Event) -> None:
        for effect in self.conversation.handle(event, self.now):
            self._do(effect)

    def _do(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Ask(turn, heard):
                self.asked.append((self.now, heard))
                self._asked = turn
            case fx.Play(turn, pcm):
                if turn != self._turn:
                    self._turn, self._played, self._length, self._all = turn, 0.0, 0.0, False
                self._length += seconds(pcm)
            case fx.EndReply():
                self._all = True
            case fx.Clear():
                self._length = self._played
            case fx.StopListening(utterance) if self._breaks:
                self._take(ev.RecognitionFailed(utterance, "lost"))
            case fx.StopListening(utterance):
                self._take(ev.Final(utterance, self.words, 0.9))
            case fx.HangUp(why):
                self.ended = why
            case fx.Note():
                self.notes.append(effect)
            case _:
                pass

    def _answer(self, turn: int) -> None:
        self._asked = 0
        if self.reply:
            self._take(ev.Sentence(turn, "Well, well."))
            self._take(ev.ReplyAudio(turn, silence(self.reply)))
            self._take(ev.ReplyDone(turn))


def test_a_silent_caller_is_asked_for_every_eight_seconds() -> None:
    call = Call()
    call.listens(30)
    assert call.occasions == [
        (10, Occasion.SILENCE),
        (18, Occasion.SILENCE),
        (26, Occasion.SILENCE),
    ]


def test_after_a_long_question_there_is_time_for_an_answer() -> None:
    call = Call(reply=6.0)
    call.listens(36)
    times = [at for at, _ in call.occasions]
    assert times == [14, 24, 34]


def test_silence_of_no_length_is_never_asked_about() -> None:
    call = Call(Rules(silence=0.0))
    call.listens(60)
    assert call.occasions == []


@pytest.mark.parametrize(
    "answer",
    [lambda call: call.listens(1, VOICE), lambda call: call.press("1")],
    ids=["words", "a key"],
)
def test_whatever_the_caller_does_the_silence_begins_anew(answer: Callable[[Call], None]) -> None:
    call = Call(words="a flat")
    call.listens(15)
    answer(call)
    call.listens(14)
    kinds = [occasion for _, occasion in call.occasions]
    assert kinds == [Occasion.SILENCE, Occasion.ANSWER, Occasion.SILENCE]
    (_, _), (answered, _), (asked, _) = call.occasions
    assert asked - answered >= 10


def test_who_speaks_as_he_is_asked_for_is_answered_instead() -> None:
    call = Call(reply=0.0, words="a flat")
    call._take(ev.ReplyAudio(1, silence(1.0)))
    call._take(ev.ReplyDone(1))
    call.listens(9.25)
    assert isinstance(call.conversation.state, Thinking)
    call.listens(1, VOICE)
    call.listens(1)
    _, (_, silent), (_, answer) = call.asked
    assert silent == Heard(occasion=Occasion.SILENCE)
    assert answer is not None
    assert (answer.words, answer.occasion, answer.instead) == ("a flat", Occasion.ANSWER, True)


def test_nobody_is_asked_for_while_his_words_are_recognized() -> None:
    call = Call()
    call.listens(9.0)
    conversation, now = call.conversation, call.now
    for level in (*islice(cycle(VOICE), 50), *[12] * 200):
        now = round(now + 0.02, 3)
        effects = conversation.handle(ev.Frame(SILENCE, level), now)
        assert not any(isinstance(effect, fx.Ask) for effect in effects)


def music() -> Iterator[int]:
    """Louder and softer, with short rests; never a word."""
    return cycle([*islice(cycle(VOICE), 80), *[12] * 14])


def test_music_cuts_three_replies_and_no_more() -> None:
    call = Call(reply=3.0)
    call.listens(45, list(islice(music(), 2250)))
    cuts = [note for note in call.notes if note.what == "reply_cut"]
    assert len(cuts) == 3
    assert call.heard_out


def test_music_is_told_as_a_noise_within_half_a_minute_and_again_within_a_minute() -> None:
    call = Call(reply=3.0)
    call.listens(60, list(islice(music(), 3000)))
    noises = [at for at, occasion in call.occasions if occasion is Occasion.NOISE]
    assert len(noises) == 2
    assert 20 <= noises[0] <= 30
    assert noises[1] <= 57


def test_who_answers_a_noise_with_keys_is_no_noise() -> None:
    call = Call(reply=3.0)
    for _ in range(4):
        call.listens(15, list(islice(music(), 750)))
        call.press("1")
    assert Occasion.NOISE not in {occasion for _, occasion in call.occasions}


def test_words_stop_us_again_after_music_did_in_vain() -> None:
    call = Call(reply=3.0)
    call.listens(45, list(islice(music(), 2250)))
    call.words = "no, stop"
    call.listens(8, list(islice(music(), 400)))
    cuts = [note for note in call.notes if note.what == "reply_cut"]
    assert len(cuts) > 3


def test_what_is_said_over_us_in_a_noise_stops_us_as_soon_as_it_is_understood() -> None:
    call = Call(reply=6.0)
    call.listens(45, list(islice(music(), 2250)))
    turn = len(call.asked)
    while len(call.asked) == turn:
        call.listens(0.02, VOICE)
    call.words = "no, stop"
    call.listens(0.6)
    call.listens(1.0, VOICE)
    call.listens(0.7)
    _, heard = call.asked[turn + 1]
    assert heard is not None
    assert heard.words == "no, stop"


def test_who_talks_for_a_minute_is_interrupted_and_hears_it_out() -> None:
    call = Call(thinks=0.7, reply=3.0, words="and then I said")
    call.listens(75, TALK)
    (told,) = [at for at, occasion in call.occasions if occasion is Occasion.MONOLOGUE]
    assert 60 <= told <= 66
    assert call.heard_out == call.turns(Occasion.MONOLOGUE)


def test_who_pauses_now_and_then_is_not_interrupted() -> None:
    call = Call(reply=1.0, words="and then I said")
    call.listens(150, [*TALK * 2, *[12] * 200])
    assert {occasion for _, occasion in call.occasions} == {Occasion.ANSWER}


def test_who_spoke_once_and_then_presses_keys_talks_for_no_minute() -> None:
    call = Call(Rules(silence=0.0), words="a flat")
    call.listens(3)
    call.listens(1, VOICE)
    for _ in range(10):
        call.listens(10)
        call.press("1")
    assert {occasion for _, occasion in call.occasions} == {Occasion.ANSWER}


def test_a_recognizer_that_breaks_makes_no_noise_of_the_caller() -> None:
    call = Call(reply=3.0, breaks=True)
    call.listens(60, list(islice(music(), 3000)))
    assert Occasion.NOISE not in {occasion for _, occasion in call.occasions}
    assert len([note for note in call.notes if note.what == "reply_cut"]) > 3


def test_the_longest_call_is_told_so_twice_and_then_ends() -> None:
    call = Call(Rules(silence=0.0, call_limit=120.0))
    call.listens(121)
    assert call.occasions == [(60, Occasion.LATE), (110, Occasion.OVER)]
    assert call.ended == "call limit"
    assert call.now == 120.0


def test_the_end_of_the_longest_call_waits_for_nobody() -> None:
    call = Call(Rules(call_limit=120.0), reply=30.0, words="and then")
    call.listens(121, TALK)
    assert call.ended == "call limit"
    assert call.now == 120.0
    assert {Occasion.LATE, Occasion.OVER} & {occasion for _, occasion in call.occasions}


def test_a_flood_of_keys_is_counted_and_not_kept() -> None:
    """Twenty keys a second; each question takes three seconds."""
    call = Call(Rules(silence=0.0, call_limit=1e9), reply=0.0)
    conversation = call.conversation
    conversation.handle(ev.ReplyDone(1), 0.0)
    asked = dropped = answered = 0
    turn, keys, since = 0, 0, 0.0
    for pressed in range(FLOOD):
        now = 2.0 + pressed / 20
        effects = conversation.handle(ev.Dtmf("7"), now)
        if turn and now >= since + 3.0:
            answered, turn = answered + keys, 0
            effects += conversation.handle(ev.ReplyDone(asked), now)
        for effect in effects:
            match effect:
                case fx.Ask(asked, Heard(digits=digits)):
                    turn, keys, since = asked, len(digits), now
                    assert keys <= MAX_DIGITS
                case fx.Note("keys_dropped", facts):
                    dropped += int(facts["keys"])
                case _:
                    pass
    assert FLOOD - 2 * 60 <= answered + dropped <= FLOOD
    assert dropped > FLOOD / 4
    assert sys.getsizeof(conversation._unanswered.digits) < 200
