"""The Brain of a call: understanding by rules, with a model's help where they do not suffice; then
the policy, the store, and the sentences.

It decides nothing itself, and the model still less: what a model says is checked, and what it
breaks or delays is done without it. One object is one call."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import uuid4

from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Occasion, Transfer
from engine.dialogue import booking, checked, endings, kept, policy, questions, texts
from engine.dialogue.acts import (
    AnotherTime,
    Ask,
    Book,
    Cancel,
    Confirm,
    ConfirmBudget,
    ConfirmCancel,
    Distress,
    Ending,
    Goodbye,
    Greet,
    HandOver,
    Introduce,
    Lead,
    LeaveMessage,
    Menu,
    Narrow,
    Offer,
    OfferPerson,
    Question,
    Rest,
    StillThere,
    WhichOne,
    WindowMenu,
    awaited,
)
from engine.dialogue.expected import (
    NO_RECORDING,
    expected_phrases,
    fixed_phrases,
    words_with_points,
)
from engine.dialogue.hebrew import without_points
from engine.dialogue.hours import DAYS_AHEAD, Window, free_windows, window_at
from engine.dialogue.phrases import (
    announced,
    announcement,
    sentences,
    time_name,
    too_long,
    window_name,
    windows_heard,
)
from engine.dialogue.profile import Language, Profile
from engine.dialogue.spoken import spoken
from engine.dialogue.talk import Recording, Talk, Turn
from engine.dialogue.understand import Understood, understand
from engine.dialogue.unrecorded import refuses_recording
from engine.dialogue.wish import When
from engine.ports import (
    Before,
    Consultation,
    Exchange,
    Journal,
    Model,
    ProviderFailed,
    Unwritten,
    failure,
)
from engine.store import Appointment, Calendar, SlotTaken, StoreFailed

log = logging.getLogger(__name__)

LOW_CONFIDENCE = 0.4
PATIENCE = 3.5
HASTE = 0.05
"""Seconds for the model to add to what the rules have found, if that answers the question."""
GAP = 2.0
MOST_GUESSES = 2
_REMEMBERED = 3
_READ_OUT = 0.5
"""Seconds; the reply takes longer than this to be heard."""

Thought = AsyncGenerator[Understood | str]
"""What a model says to a turn."""


class Receptionist:
    """Implements `engine.ports.Brain`."""

    def __init__(
        self,
        profile: Profile,
        calendar: Calendar,
        clock: Callable[[], datetime],
        keypad: bool = False,
        *,
        call: str = "",
        caller: str = "",
        outbound: bool = False,
        model: Model | None = None,
        wording: Callable[[], Collection[Language]] = lambda: ("he", "en"),
        patience: float = PATIENCE,
        gap: float = GAP,
        recorded: bool = False,
        journal: Journal | None = None,
    ) -> None:
        """`clock` tells the office's local time, with its time zone. `keypad`: nothing that is
        spoken can be recognized, so every question is a menu. `call`: for the log. `outbound`: we
        have called the caller, and a machine may answer. `wording` tells
        at any moment the languages in which the model's own sentences may be spoken: a voice that
        needs points cannot read its Hebrew. `recorded`: the call is, once the caller has
        heard so, and as long as he does not mind.
        `journal`: what the call leaves is written down there.
        After `patience` seconds without the model's understanding, or `gap` without its next
        sentence, the turn goes on without it."""
        self._profile = profile
        self._calendar = calendar
        self._clock = clock
        self._caller = caller
        self._model = model
        self._wording = wording
        self._patience = patience
        self._gap = gap
        self._recorded = recorded
        self._call = call
        self._journal = journal or Unwritten()
        self._booked_by = uuid4().hex
        self._talk = policy.start(profile, keypad, caller, outbound=outbound)
        self._exchanges: tuple[Exchange, ...] = ()
        self._before: tuple[Talk, tuple[Exchange, ...]] = self._talk, ()
        self._known = self._talk.wish
        """Nobody had to say it."""
        self._noted = False
        """This turn is in the journal, with the words that it began with."""
        self._wanted = False
        """The journal has been told a wish."""
        self._spoken = True
        """The talk's act was, or some of it."""
        self._understood = "", Understood()
        """The last words that were read by the rules, and what they mean."""
        self._said: list[str] = []
        self._begun = False
        """It is known whether the caller is back."""
        self._ahead: _Ahead | None = None
        self._guesses = 0

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer | Awaits]:
        if not self._begun:
            await self._begin()
        if heard is not None:
            await self._resume(heard)
        async with aclosing(self._thought(heard)) as thought:
            if heard is not None:
                await self._attend(heard, thought)
            self._said = []
            async with aclosing(self._sentences(thought)) as said:
                async for sentence in said:
                    # Before it is remembered: what was heard is told in the voice's words.
                    words = spoken(sentence, self._talk.language)
                    self._said.append(words)
                    yield words
            yield self._end()
            await _read_out(thought)

    def _end(self) -> HangUp | Transfer | Awaits:
        """What follows the reply."""
        match self._talk.act:
            case HandOver(key) | Distress(key) if key:
                return Transfer(key)
            case Confirm() | LeaveMessage() | Goodbye(Ending.CALLER | Ending.CALLED):
                return HangUp("goodbye")
            case Goodbye(Ending.CLOSING):
                return Awaits.ANYTHING  # others go on with the caller
            case Goodbye(ending):
                return HangUp(f"goodbye: {ending.value}")
            case StillThere():
                return Awaits.YES_NO
        return awaited(self._profile, self._talk.question)

    def expected(self) -> Sequence[str]:
        phrases = expected_phrases(self._profile, self._talk)
        if self._is_recorded(self._talk):
            phrases.append(NO_RECORDING)
        return list(dict.fromkeys(without_points(phrase) for phrase in phrases))

    async def guess(self, words: str) -> None:
        if self._guesses >= MOST_GUESSES or self._model is None or not self._needs_model(words):
            return
        if self._ahead is not None and self._ahead.is_for(words, self._talk):
            return
        if self._ahead is not None:
            self._ahead.task.cancel()
        self._guesses += 1
        task = asyncio.current_task()
        assert task is not None
        self._ahead = ahead = _Ahead(words, self._talk, task)
        await ahead.think(_consulted(self._model, self._consultation(words, " ".join(self._said))))

    async def _begin(self) -> None:
        """With what was known, if the caller is back."""
        before = await self._journal.recall()
        self._booked_by = self._journal.key or self._booked_by
        if before is not None:
            await self._go_on(before)
        self._begun = True
        self._keep()

    async def _go_on(self, before: Before) -> None:
        now = self._clock()
        talk = kept.again(self._profile, before.talk, now)
        if talk is None and before.booked is None:
            return
        self._talk = talk or self._talk
        meeting = None if before.booked is None else window_at(*before.booked, now)
        self._talk = booking.as_stored(self._talk, meeting)
        await self._carry_out()
        lead = Lead.DROPPED if before.back == "dropped" else Lead.UNANSWERED
        self._talk = policy.resumed(self._talk, lead, await self._free())
        if not self._talk.keypad and self._own(self._talk)[0] not in self._lead(self._talk):
            self._talk = questions.in_short(self._talk)
        self._exchanges = before.exchanges[-_REMEMBERED:]
        self._before = self._talk, self._exchanges
        facts = {"back": before.back}
        log.info("call_resumed", extra={"call": self._call, "facts": facts})

    def _keep(self) -> None:
        self._journal.keep(kept.keep(self._talk))

    async def _resume(self, heard: Heard) -> None:
        """Puts the talk where it was when the caller began to answer."""
        # The last reply may have been abandoned while something was booked or canceled.
        await self._carry_out()
        self._noted = heard.instead and self._noted
        # What was stored meanwhile stays stored, and nobody has heard of it.
        stored = self._talk.meeting != self._before[0].meeting
        self._spoken = not (heard.instead and stored)
        if heard.instead and not stored:
            self._talk, self._exchanges = self._before
        self._before = self._talk, self._exchanges

    async def _attend(self, heard: Heard, thought: Thought) -> None:
        """Moves the talk on to its next act. The reply may be abandoned later at any sentence:
        what was decided is kept here, before the first."""
        meaning = await self._understand(heard, thought)
        reached = heard.said if self._spoken else ""
        cut = heard.cut or not self._spoken
        said = windows_heard(self._talk.act, self._talk.language, reached, cut)
        announced = self._announced(heard)
        turn = Turn(
            meaning,
            heard.digits,
            said,
            announced,
            heard.words,
            heard.occasion,
            recorded=self._recorded,
        )
        self._talk = policy.answer(self._talk, turn, await self._free())
        if self._has_no_room(self._talk):
            self._talk = questions.in_short(self._talk)
        exchange = Exchange(without_points(heard.said), heard.words)
        self._exchanges = (*self._exchanges, exchange)[-_REMEMBERED:]
        self._write_down(exchange)
        if self._talk.act == Goodbye(Ending.UNWANTED):
            self._journal.unwanted()
        self._keep()
        if isinstance(self._talk.act, Book | Cancel):
            await self._carry_out()
            self._keep()

    def _write_down(self, exchange: Exchange) -> None:
        self._journal.exchange(exchange.said, exchange.heard, instead=self._noted)
        self._noted = True
        # Emptied by a repair, it is told as well.
        if self._wanted or self._talk.wish.values != self._known.values:
            self._wanted = True
            self._journal.wants(_record(self._talk) | _time(self._talk))
        if self._talk.announced:
            self._journal.announced("automated")
        if self._talk.recording is Recording.REFUSED:
            self._journal.unrecord()
        elif self._recorded and policy.agrees_to_recording(self._talk):
            self._journal.record()

    async def _understand(self, heard: Heard, thought: Thought) -> Understood:
        if _is_unsure(heard):
            return Understood()
        rules = self._by_rules(heard.words)
        if checked.answers(self._profile, self._talk.question, rules):
            meant = await self._soon(thought)
        else:
            meant = await self._next(thought, self._patience)
        if not isinstance(meant, Understood):
            return rules
        return checked.merged(self._profile, self._talk.question, heard.words, rules, meant)

    def _thought(self, heard: Heard | None) -> Thought:
        """The model's, on this turn; the one that was begun ahead, if it is that."""
        ahead, self._ahead, self._guesses = self._ahead, None, 0
        model = self._model if heard is not None and _has_to_be_understood(heard) else None
        if heard is not None and model is not None and self._needs_model(heard.words):
            if ahead is not None and ahead.is_for(heard.words, self._talk):
                return ahead.parts()
            thought = _consulted(model, self._consultation(heard.words, heard.said))
        else:
            thought = _nothing()
        if ahead is not None:
            ahead.task.cancel()
        return thought

    def _needs_model(self, words: str) -> bool:
        talk = self._talk
        if talk.keypad or talk.booked is not None or not words.strip():
            return False
        if endings.turned_away(talk, words) is not None or refuses_recording(words):
            return False
        rules = self._by_rules(words)
        return not checked.suffices(self._profile, talk.question, rules, words)

    def _by_rules(self, words: str) -> Understood:
        """A guess, the question whether a model is needed, and the turn ask for the same words."""
        if words != self._understood[0]:
            self._understood = words, understand(words, self._profile)
        return self._understood[1]

    def _consultation(self, words: str, said: str) -> Consultation:
        return Consultation(
            profile=self._profile,
            language=self._talk.language,
            wish=self._talk.wish,
            question=_in_short(self._profile, self._talk.question),
            before=self._exchanges,
            said=without_points(said),
            words=words,
        )

    async def _soon(self, thought: Thought) -> Understood | str | None:
        """`_next`, if it is there almost at once."""
        try:
            async with asyncio.timeout(HASTE):
                return await self._next(thought, self._patience)
        except TimeoutError:
            log.info("model_not_awaited", extra={"call": self._call, "facts": {}})
        return None

    async def _next(self, thought: Thought, limit: float) -> Understood | str | None:
        """None: there is nothing more, or it broke, or it takes too long."""
        try:
            async with asyncio.timeout(limit):
                return await anext(thought, None)
        except TimeoutError:
            why = "The model: no answer in time"
        except ProviderFailed as error:
            why = str(error)
        log.warning("model_failed", extra={"call": self._call, "facts": {"why": why}})
        return None

    async def _sentences(self, thought: Thought) -> AsyncGenerator[str]:
        """The act in our own words; its question in the model's, if these are fit for it."""
        talk = self._talk
        if isinstance(talk.act, Rest):
            return
        *before, own = self._own(talk)
        for sentence in before:
            yield sentence
        proposed = ""
        if isinstance(talk.act, Ask | Narrow):
            proposed = await self._proposed(thought, before, own)
        if proposed and not proposed.endswith("?"):
            yield proposed
            if isinstance(talk.act, Ask):
                # An apology would come too late.
                plain = replace(talk, act=Ask(talk.act.slot), learned=frozenset())
                (own,) = self._own(plain)
            follows = await self._proposed(thought, [*before, proposed], own)
            proposed = follows if follows.endswith("?") else ""
        yield proposed or own

    async def _proposed(self, thought: Thought, before: Sequence[str], own: str) -> str:
        """The model's next sentence, if it may be said; else nothing."""
        talk = self._talk
        if talk.language not in self._wording():
            return ""
        sentence = await self._next(thought, self._gap)
        if not isinstance(sentence, str):
            return ""
        fits = checked.fits(sentence, talk.act, own, talk.language, self._profile, before=before)
        return sentence if fits else ""

    async def _carry_out(self) -> None:
        """The act, if the store has to do it before it is spoken of."""
        match self._talk.act:
            case Book(window):
                await self._book(window)
            case Cancel(window):
                await self._cancel(window)

    def _appointment(self, window: Window) -> Appointment:
        return Appointment(
            start=window.start,
            minutes=window.minutes,
            call=self._booked_by,
            caller=self._caller,
            wish=_record(self._talk),
        )

    async def _cancel(self, window: Window) -> None:
        try:
            await self._calendar.cancel(self._appointment(window))
        except StoreFailed as error:
            facts = {"why": str(error)}
            log.error("appointment_not_canceled", extra={"call": self._call, "facts": facts})
            self._talk = booking.unstored(self._talk)
        else:
            self._talk = booking.canceled(self._talk)

    async def _book(self, window: Window) -> None:
        leaving = self._talk.leaving
        appointment = replace(
            self._appointment(window), instead_of=None if leaving is None else leaving.start
        )
        try:
            await self._calendar.book(appointment)
        except SlotTaken:
            self._talk = booking.taken(self._talk, window, await self._free())
        except StoreFailed as error:
            facts = {"why": str(error)}
            log.error("appointment_not_stored", extra={"call": self._call, "facts": facts})
            self._talk = booking.unstored(self._talk)
        else:
            self._talk = booking.booked(self._talk, window)

    async def _free(self) -> tuple[Window, ...]:
        now = self._clock()
        busy = await self._calendar.busy(now, now + timedelta(days=DAYS_AHEAD + 1))
        return free_windows(self._profile, now, busy)

    def _own(self, talk: Talk) -> Sequence[str]:
        return sentences(
            self._profile,
            talk.act,
            talk.language,
            wish=talk.wish,
            learned=talk.learned,
            keypad=talk.keypad,
            recorded=self._is_recorded(talk),
            outbound=talk.outbound,
            before=self._announcement(talk),
            lead=self._lead(talk),
        )

    def _lead(self, talk: Talk) -> str:
        return "" if talk.lead is None else texts.LEADS[talk.lead][talk.language]

    def _is_recorded(self, talk: Talk) -> bool:
        return self._recorded and talk.recording is not Recording.REFUSED

    def _has_no_room(self, talk: Talk) -> bool:
        """The question takes the place of what must be said before it."""
        own = tuple(self._own(talk))
        asks = talk.act == talk.question
        if asks and talk.lead is Lead.UNRECORDED and self._lead(talk) not in own:
            return True
        return bool(self._announcement(talk)) and too_long(own)

    def _announcement(self, talk: Talk) -> str:
        """That she is automated, until the caller has heard it."""
        if talk.language in talk.announced or not talk.turns:
            return ""
        return announcement(talk.language, self._is_recorded(talk), talk.keypad)

    def _announced(self, heard: Heard) -> frozenset[Language]:
        talk = self._talk
        said = heard.said if heard.cut else " ".join(self._own(talk))
        return announced(
            self._profile,
            talk.act,
            talk.language,
            said,
            keypad=talk.keypad,
            recorded=self._is_recorded(talk),
        )


@dataclass(eq=False, slots=True)
class _Ahead:
    """A thought that was begun before the caller was known to have finished."""

    words: str
    talk: Talk
    task: asyncio.Task[object]
    """Thinks; ended by whoever ends the thought."""
    _parts: asyncio.Queue[Understood | str | ProviderFailed | None] = field(
        default_factory=asyncio.Queue
    )

    def is_for(self, words: str, talk: Talk) -> bool:
        return _plain(words) == _plain(self.words) and talk == self.talk

    async def think(self, thought: Thought) -> None:
        try:
            async with aclosing(thought):
                async for part in thought:
                    self._parts.put_nowait(part)
        except ProviderFailed as error:
            self._parts.put_nowait(error)
        finally:
            self._parts.put_nowait(None)

    async def parts(self) -> Thought:
        try:
            while (part := await self._parts.get()) is not None:
                if isinstance(part, ProviderFailed):
                    raise part
                yield part
        finally:
            self.task.cancel()


async def _consulted(model: Model, turn: Consultation) -> Thought:
    """A model's defect is a failure like any other: the turn goes on by the rules."""
    try:
        async with aclosing(model.consult(turn)) as parts:
            async for part in parts:
                yield part
    except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
        raise failure(error) from None


async def _read_out(thought: Thought) -> None:
    """What nobody waits for: a request that is read to its end leaves its connection open."""
    with suppress(TimeoutError, ProviderFailed):
        async with asyncio.timeout(_READ_OUT):
            async for _ in thought:
                pass


async def _nothing() -> Thought:
    never: tuple[str, ...] = ()
    for part in never:
        yield part


def _plain(words: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in words.casefold()).split()


def _has_to_be_understood(heard: Heard) -> bool:
    return not heard.digits and not _is_unsure(heard) and heard.occasion is not Occasion.CLOSING


def _is_unsure(heard: Heard) -> bool:
    # 0.0 is not a low confidence: Google sends it when it gives none ("a sentinel value
    # indicating confidence was not set", SpeechRecognitionAlternative).
    return 0.0 < heard.confidence < LOW_CONFIDENCE


def _in_short(profile: Profile, question: Question) -> str:
    """What the caller was asked, for a model."""
    match question:
        case Greet():
            return "how to help"
        case Ask(slot) | Narrow(slot) | Menu(slot):
            return slot
        case OfferPerson():
            return "yes or no: to speak with a person"
        case ConfirmCancel():
            return "yes or no: to cancel the meeting"
        case AnotherTime():
            return "yes or no: to find another time"
        case Introduce():
            return "yes or no: is it a good time to talk"
        case ConfirmBudget(amount):
            return f"yes or no: {amount} {profile.money.currency if profile.money else ''}?"
        case Offer(windows) | WhichOne(windows) | WindowMenu(windows):
            return "choice: " + "; ".join(window_name(window, "en") for window in windows)
        case _:
            assert_never(question)


def _record(talk: Talk) -> dict[str, str | int | float | None]:
    known = {slot: value for slot, value in talk.wish.values if not isinstance(value, When)}
    return {"language": talk.language, **known}


def _time(talk: Talk) -> dict[str, str | int | float | None]:
    """When the caller would come: a lead has no meeting that would tell."""
    slot = talk.profile.time
    when = talk.wish.get(slot)
    if not isinstance(when, When):
        return {}
    return {slot: without_points(time_name(when, talk.language))}


def spoken_forms(profile: Profile) -> list[str]:
    """The sentences that never change: a voice can make them before the first call."""
    return [spoken(phrase, profile.languages[0]) for phrase in fixed_phrases(profile)]


def lexicon(profile: Profile) -> dict[str, str]:
    """Hebrew word -> the same with its points, for all that agent and caller may say."""
    return words_with_points(profile)
