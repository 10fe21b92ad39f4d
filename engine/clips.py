"""Fillers as sound: spoken once at the start, by the voice of this machine, and kept."""

import logging

from engine.core.effects import Clip
from engine.dialogue.fillers import FILLERS, TRANSFERRED
from engine.dialogue.profile import Language
from engine.ports import ProviderFailed, Voice

log = logging.getLogger(__name__)


async def record(voice: Voice, language: Language, *, person: bool) -> dict[Clip, bytes]:
    """All that could be spoken. `person`: callers who can't be answered are given to one."""
    texts = {clip: text[language] for clip, text in FILLERS.items()}
    if person:
        texts[Clip.SORRY] = TRANSFERRED[language]
    clips: dict[Clip, bytes] = {}
    for clip, text in texts.items():
        try:
            clips[clip] = b"".join([piece.pcm async for piece in voice.speak(text)])
        except ProviderFailed as why:
            log.warning("no_filler", extra={"facts": {"clip": clip, "why": str(why)}})
    return clips
