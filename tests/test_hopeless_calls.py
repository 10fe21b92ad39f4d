"""Whole calls that lead nowhere, from the line's sound to the hang-up, in virtual time."""

import asyncio
from collections.abc import Sequence
from itertools import cycle, islice

import pytest

from engine.core.audio import FRAME_SECONDS, SILENCE
from engine.dialogue.profile import Profile
from tests import virtual_time
from tests.test_long_calls import DIP, SOUNDS
from tests.test_two_bridges import SHAI, SPOKES, End

LIMIT = 90.0
GREETING = 5.5
"""Seconds, at least."""
SONG = [*islice(cycle(SOUNDS), 80), *[DIP] * 14]
"""Louder and softer, with short rests, and no word in it."""
DRONE = [*islice(cycle(SOUNDS), 400), *[DIP] * 3]
RADIO = [*islice(cycle(SOUNDS), 250), *[SILENCE] * 40]


async def _hold(profile: Profile, sounds: Sequence[bytes]) -> tuple[float, str]:
    """When the call ended, and why."""
    end = End(profile, {}, {})
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(end.session.run())
        end.session.answered()
        for pcm in cycle(sounds):
            virtual_time.stall(FRAME_SECONDS)
            await asyncio.sleep(0)
            end.line.beat(end.session)
            end.session.frame(pcm)
            if end.line.ended or loop.time() > LIMIT:
                break
        end.session.hung_up("it takes too long")
        return loop.time(), end.line.ended


def held(profile: Profile, sounds: Sequence[bytes]) -> tuple[float, str]:
    told: list[tuple[float, str]] = []

    async def main() -> None:
        told.append(await _hold(profile, sounds))

    virtual_time.run(main())
    return told[0]


@pytest.mark.parametrize(("profile", "sounds"), [(SHAI, SONG), (SHAI, DRONE), (SPOKES, RADIO)])
def test_music_is_let_go_within_a_minute(profile: Profile, sounds: Sequence[bytes]) -> None:
    ended, why = held(profile, sounds)
    assert ended <= 60.0
    assert why.startswith("goodbye: ")


def test_a_silent_line_is_let_go_within_half_a_minute() -> None:
    ended, why = held(SHAI, [SILENCE])
    assert ended <= GREETING + 30.0
    assert why == "goodbye: the caller said nothing for too long"
