"""Two bridges whose lines are wired to each other: each hears the other's words, and neither may
keep the other for long. In virtual time, with the real receptionists, sessions and playout."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from bridge.audiosocket.playout import Playout
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, SILENCE
from engine.core.events import Word
from engine.core.rules import Rules
from engine.dialogue.hebrew import without_points
from engine.dialogue.profile import Profile
from engine.ports import CallFacts, Speech
from engine.profile import shipped_profile
from engine.receptionist import Receptionist
from engine.session import Session
from engine.store import Appointments
from engine.trace import Trace
from tests import virtual_time
from tests.test_long_calls import DIP, LEVELS, SOUNDS, WORD_FRAMES, Ears, frame

SHAI, SPOKES = shipped_profile("shai"), shipped_profile("spokes")
LIMIT = 90.0
MONDAY = datetime(2026, 11, 23, 9, 10, tzinfo=ZoneInfo(SHAI.timezone))
PAUSE = SILENCE * 20
"""After a sentence."""


class Mouth:
    """Says each word in 0.3 s of sound, in which its number is; a recognizer writes no points."""

    def __init__(self, vocabulary: dict[int, str]) -> None:
        self._vocabulary = vocabulary
        self._numbers = count(len(vocabulary) + 1)

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        words = [Word(word, number * 0.3) for number, word in enumerate(text.split())]
        yield Speech(b"".join(map(self._sound, words)) + PAUSE, tuple(words))

    def _sound(self, word: Word) -> bytes:
        number = next(self._numbers)
        self._vocabulary[number] = without_points(word.text)
        sounds = [SOUNDS[at % len(SOUNDS)] for at in range(WORD_FRAMES - 2)]
        sounds[WORD_FRAMES // 2] = frame(LEVELS[2], number)
        return b"".join([*sounds, DIP, DIP])


class Line:
    """Out of a bridge through AudioSocket's playout, without its socket."""

    def __init__(self) -> None:
        self.ended = ""
        self._playout = Playout(self._now())

    def beat(self, session: Session) -> list[bytes]:
        """What is heard of it now, in frames."""
        due = self._playout.due(self._now())
        if told := self._playout.news(self._now()):
            session.played(told)
        return [data[-FRAME_BYTES:] for data in due]

    def play(self, turn: int, pcm: bytes) -> None:
        self._playout.play(turn, pcm, self._now())

    def end_reply(self, turn: int) -> None:
        self._playout.end_reply(turn, self._now())

    def clear(self) -> None:
        self._playout.clear(self._now())

    def hang_up(self, why: str) -> None:
        self.ended = why

    def transfer(self, key: str) -> None:
        self.ended = f"transferred to {key}"

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class End:
    """One of the two bridges."""

    def __init__(self, profile: Profile, says: dict[int, str], hears: dict[int, str]) -> None:
        self.line = Line()
        self.session = Session(
            CallFacts("call-1", "test"),
            self.line,
            rules=Rules(),
            recognizer=Ears(hears),
            voice=Mouth(says),
            brain=Receptionist(profile, Appointments(), lambda: MONDAY),
            trace=Trace(lambda _: None),
        )


async def _talk(profiles: Sequence[Profile], later: float) -> tuple[float, list[str]]:
    """When one of them hung up, and why, after the other answered so many seconds `later`."""
    words: tuple[dict[int, str], dict[int, str]] = {}, {}
    one, other = ends = (
        End(profiles[0], words[0], words[1]),
        End(profiles[1], words[1], words[0]),
    )
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        for end in ends:
            group.create_task(end.session.run())
        one.session.answered()
        loop.call_later(later, other.session.answered)
        while not (one.line.ended or other.line.ended) and loop.time() < 2 * LIMIT:
            virtual_time.stall(FRAME_SECONDS)
            await asyncio.sleep(0)
            sounds = one.line.beat(one.session), other.line.beat(other.session)
            for hearing, frames in zip((other, one), sounds, strict=True):
                for pcm in frames:
                    hearing.session.frame(pcm)
        ended = loop.time()
        for end in ends:
            end.session.hung_up("the other end is gone")
    return ended, [end.line.ended for end in ends if end.line.ended]


@pytest.mark.parametrize(
    ("profiles", "later"),
    [
        ((SHAI, SHAI), 0.0),
        ((SHAI, SHAI), 0.7),
        ((SHAI, SPOKES), 0.7),
    ],
)
def test_two_bridges_that_are_wired_to_each_other_end_soon(
    profiles: Sequence[Profile], later: float
) -> None:
    told: list[tuple[float, list[str]]] = []

    async def main() -> None:
        told.append(await _talk(profiles, later))

    virtual_time.run(main())
    ((ended, reasons),) = told
    assert ended <= LIMIT
    assert all(reasons)
