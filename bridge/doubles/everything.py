"""All stand-ins at once, as `kav doubles` serves them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from aiohttp import web

from bridge.doubles import google_speech, openai
from bridge.doubles.google_voice import GoogleVoiceScript, serve_google_voice
from bridge.doubles.openai_audio import OpenAIAudioScript, add_audio_routes
from bridge.doubles.sounds import read_aloud, tone

MODEL_FAULTS = {fault.name: fault.value for fault in openai.Fault}


@dataclass(frozen=True, slots=True)
class Script:
    speech: google_speech.Script
    voice: GoogleVoiceScript
    model: openai.Script
    audio: OpenAIAudioScript


def script(
    *,
    hears: Sequence[str],
    aloud: bool,
    misheard: float,
    speech_fault: str | None,
    voice_fault: str | None,
    model_fault: str | None,
) -> Script:
    """Raises `KeyError`: there is no such fault."""
    sound = read_aloud if aloud else tone
    if speech_fault and speech_fault not in ("STALL", "JUNK"):
        grpc.StatusCode[speech_fault]
    faults = (google_speech.Fault(speech_fault),) if speech_fault else ()
    return Script(
        google_speech.Script(texts=tuple(hears), misheard=misheard, faults=faults),
        GoogleVoiceScript(
            sound=sound, refuse=grpc.StatusCode[voice_fault] if voice_fault else None
        ),
        openai.Script(always=openai.Fault[model_fault] if model_fault else None),
        OpenAIAudioScript(hears=lambda _: hears[0], sound=sound),
    )


@asynccontextmanager
async def serve(
    script: Script, ports: tuple[int, int, int] = (0, 0, 0)
) -> AsyncGenerator[tuple[str, str, str]]:
    """Where Google's speech, Google's voice (`host:port`), and OpenAI's API (its base URL) are."""

    def audio(app: web.Application) -> None:
        add_audio_routes(app, script.audio)

    async with (
        google_speech.serve_google_speech(script.speech, ports[0]) as speech,
        serve_google_voice(script.voice, ports[1]) as voice,
        openai.serve_openai(script.model, ports[2], also=audio) as api,
    ):
        yield speech.address, voice, api
