"""Stand-ins for Google's speech and OpenAI's API, on this machine: no cloud account is needed.

They speak the services' real wire, take their time as the services do, and break when told to.
They recognize nothing: what they hear is what `--hears` says, one text for each time that a caller
speaks, again and again; what they say is a tone, or espeak-ng; what they think comes from rules.

  kav doubles --hears "a three room apartment in Florentin"
  kav doubles --speech-fault UNAVAILABLE --model-fault STALL

It prints the settings with which a bridge uses them. Ctrl-C ends it.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack

import grpc
from aiohttp import web

from bridge.doubles.google_speech import Fault as SpeechFault
from bridge.doubles.google_speech import Script as SpeechScript
from bridge.doubles.google_speech import serve_google_speech
from bridge.doubles.google_voice import GoogleVoiceScript, serve_google_voice
from bridge.doubles.openai import Fault as ModelFault
from bridge.doubles.openai import Script as ModelScript
from bridge.doubles.openai import serve_openai
from bridge.doubles.openai_audio import OpenAIAudioScript, add_audio_routes
from bridge.doubles.sounds import read_aloud, tone

SPEECH_PORT, VOICE_PORT, OPENAI_PORT = 9101, 9102, 9103
HEARD = "I am looking for a three room apartment"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--hears", action="append", metavar="TEXT", help="what callers say (again for the next)")
    add("--speaks", choices=("tone", "espeak"), default="tone", help="how the voices sound")
    add("--misheard", type=float, default=0.0, help="share of partial results that were wrong")
    speech = "a code of gRPC, as UNAVAILABLE, or STALL or JUNK, in the recognizer's streams"
    add("--speech-fault", metavar="FAULT", help=speech)
    add("--voice-fault", metavar="CODE", help="a code of gRPC that Google's voice answers with")
    add(
        "--model-fault",
        choices=[fault.name for fault in ModelFault],
        metavar="FAULT",
        help="what is wrong with the model: " + ", ".join(fault.name for fault in ModelFault),
    )
    add("--speech-port", type=int, default=SPEECH_PORT, help=f"({SPEECH_PORT})")
    add("--voice-port", type=int, default=VOICE_PORT, help=f"({VOICE_PORT})")
    add("--openai-port", type=int, default=OPENAI_PORT, help=f"({OPENAI_PORT})")


async def run(args: argparse.Namespace) -> int:
    sound = read_aloud if args.speaks == "espeak" else tone
    heard = tuple(args.hears or (HEARD,))
    speech_faults = (SpeechFault(args.speech_fault),) if args.speech_fault else ()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        speech = await enter(
            serve_google_speech(
                SpeechScript(texts=heard, misheard=args.misheard, faults=speech_faults),
                args.speech_port,
            )
        )
        voice = GoogleVoiceScript(
            sound=sound,
            refuse=grpc.StatusCode[args.voice_fault] if args.voice_fault else None,
        )
        voice_at = await enter(serve_google_voice(voice, args.voice_port))
        audio = OpenAIAudioScript(hears=lambda _: heard[0], sound=sound)

        def audio_routes(app: web.Application) -> None:
            add_audio_routes(app, audio)

        fault = ModelFault[args.model_fault] if args.model_fault else None
        openai_at = await enter(
            serve_openai(
                ModelScript(always=fault),
                args.openai_port,
                also=audio_routes,
            )
        )
        print(_instructions(speech.address, voice_at, openai_at), flush=True)
        await asyncio.Event().wait()
    return 0


def _instructions(speech: str, voice: str, openai: str) -> str:
    return f"""Stand-ins for Google's speech, Google's voice and OpenAI's API are here.
From another terminal, a bridge that uses them:

export KAV_RECOGNIZER=google,local KAV_VOICE=google,local KAV_MODEL=double
export KAV_GOOGLE_SPEECH_ENDPOINT={speech} KAV_GOOGLE_VOICE_ENDPOINT={voice}
export OPENAI_BASE_URL={openai}
kav serve

Ctrl-C ends them."""
