"""The Brain of a call: understanding by rules, then the policy, the store, and the sentences.

It decides nothing itself. One object is one call."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from uuid import uuid4

from engine.core.cues import Awaits
from engine.core.effects import HangUp, Heard, Transfer
from engine.dialogue import policy
from engine.dialogue.acts import Book, Confirm, Goodbye, awaited
from engine.dialogue.expected import expected_phrases, fixed_phrases, words_with_points
from engine.dialogue.hebrew import without_points
from engine.dialogue.hours import Window, free_windows
from engine.dialogue.phrases import sentences, windows_heard
from engine.dialogue.policy import Talk, Turn
from engine.dialogue.profile import Profile
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import Wish
from engine.store import Appointment, Appointments, SlotTaken

log = logging.getLogger(__name__)

LOW_CONFIDENCE = 0.4


class Receptionist:
    """Implements `engine.ports.Brain`."""

    def __init__(
        self,
        profile: Profile,
        appointments: Appointments,
        clock: Callable[[], datetime],
        keypad: bool = False,
        *,
        caller: str = "",
    ) -> None:
        """`clock` tells the office's local time, with its time zone. `keypad`: nothing that is
        spoken can be recognized, so every question is a menu."""
        self._profile = profile
        self._appointments = appointments
        self._clock = clock
        self._caller = caller
        self._call = uuid4().hex
        self._talk = self._before = policy.start(profile, keypad)

    async def reply(self, heard: Heard | None) -> AsyncGenerator[str | HangUp | Transfer | Awaits]:
        if heard is not None:
            await self._attend(heard)
        talk = self._talk
        for sentence in self._sentences(talk):
            yield sentence
        if isinstance(talk.act, Confirm | Goodbye):
            yield HangUp("goodbye")
        else:
            yield awaited(talk.question)

    def expected(self) -> Sequence[str]:
        phrases = expected_phrases(self._profile, self._talk)
        return list(dict.fromkeys(without_points(phrase) for phrase in phrases))

    async def _attend(self, heard: Heard) -> None:
        """Moves the talk on to its next act. The reply may be abandoned later at any sentence:
        what was decided is kept here, before the first."""
        if isinstance(self._talk.act, Book):
            # The last reply was abandoned while it was being booked.
            await self._book(self._talk.act.window)
        if heard.instead and self._talk.booked is None:
            self._talk = self._before
        self._before = self._talk
        said = windows_heard(self._talk.act, self._talk.language, heard.said, heard.cut)
        turn = Turn(self._understand(heard), heard.digits, said)
        self._talk = policy.answer(self._profile, self._talk, turn, self._free())
        if isinstance(self._talk.act, Book):
            await self._book(self._talk.act.window)

    def _understand(self, heard: Heard) -> Understood:
        # 0.0 is not a low confidence: Google sends it when it gives none ("a sentinel value
        # indicating confidence was not set", SpeechRecognitionAlternative).
        if 0.0 < heard.confidence < LOW_CONFIDENCE:
            return Understood()
        return understand(heard.words, self._profile)

    async def _book(self, window: Window) -> None:
        appointment = Appointment(
            start=window.start,
            minutes=window.minutes,
            call=self._call,
            caller=self._caller,
            wish=_record(self._talk),
        )
        try:
            # In a thread: it waits for the disk.
            await asyncio.to_thread(self._appointments.book, appointment)
        except SlotTaken:
            self._talk = policy.taken(self._talk, window, self._free())
        except OSError as error:
            log.error("appointment_not_stored", extra={"facts": {"why": error.strerror}})
            self._talk = policy.unstored(self._talk)
        else:
            self._talk = policy.booked(self._talk, window)

    def _free(self) -> tuple[Window, ...]:
        booked = [(one.start, one.minutes) for one in self._appointments.booked()]
        return free_windows(self._profile, self._clock(), booked)

    def _sentences(self, talk: Talk) -> Sequence[str]:
        return sentences(
            self._profile,
            talk.act,
            talk.language,
            wish=talk.wish,
            learned=talk.learned,
            keypad=talk.keypad,
        )


def _record(talk: Talk) -> dict[str, str | int | float | None]:
    wish: Wish = talk.wish
    return {
        "language": talk.language,
        "area": wish.area,
        "kind": wish.kind,
        "budget": wish.budget,
        "rooms": wish.rooms,
        "deal": wish.deal,
    }


def spoken_forms(profile: Profile) -> list[str]:
    """The sentences that never change: a voice can make them before the first call."""
    return list(fixed_phrases(profile))


def lexicon(profile: Profile) -> dict[str, str]:
    """Hebrew word -> the same with its points, for all that agent and caller may say."""
    return words_with_points(profile)
