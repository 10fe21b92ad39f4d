"""Speech on this machine. Its processes take longest to be ready, so they are begun before all else
that a start does."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from bridge.settings import Settings
from engine.dialogue.expected import words_with_points
from engine.dialogue.profile import Profile
from engine.providers import local


@asynccontextmanager
async def speech_near(
    settings: Settings, profile: Profile, tell: Callable[[str], None]
) -> AsyncGenerator[asyncio.Task[local.Local]]:
    """What is asked for, and a voice in any case: loaded beside whatever the caller does."""
    loading = asyncio.create_task(
        local.load(
            cache=settings.kav_data / "cache",
            whisper="local" in settings.kav_recognizer,
            piper="local" in settings.kav_voice,
            languages=profile.languages,
            rate=settings.tts_speaking_rate,
            lexicon=words_with_points(profile),
            progress=tell,
        )
    )
    try:
        await asyncio.sleep(0)  # the processes are begun; from now on this loop may be held up
        yield loading
    finally:
        loading.cancel()
        await asyncio.wait({loading})
        if not loading.cancelled() and loading.exception() is None:
            loading.result().close()
