"""Stand-ins for Google's speech, OpenAI's API and Twilio's control, on this machine: no cloud
account is needed.

They speak the services' real wire, take their time as the services do, and break when told to.
They recognize nothing: what they hear is what `--hears` says, one text for each time that a caller
speaks, again and again; what they say is a tone, or espeak-ng; what they think comes from rules.

  kav doubles --hears "a three room apartment in Florentin"
  kav doubles --speech-fault UNAVAILABLE --model-fault STALL

It prints the settings with which a bridge uses them. Ctrl-C ends it.
"""

import argparse
import asyncio

from bridge.doubles.twilio_rest import ACCOUNT, KEY, NUMBER, SECRET, TwilioDouble, serve_twilio_rest
from bridge.settings import BadSettings

SPEECH_PORT, VOICE_PORT, OPENAI_PORT, TWILIO_PORT = 9101, 9102, 9103, 9104
HEARD = "I am looking for a three room apartment"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--hears", action="append", metavar="TEXT", help="what callers say (again for the next)")
    add("--speaks", choices=("tone", "espeak"), default="tone", help="how the voices sound")
    add("--misheard", type=float, default=0.0, help="share of partial results that were wrong")
    speech = "a code of gRPC, as UNAVAILABLE, or STALL or JUNK, in the recognizer's streams"
    add("--speech-fault", metavar="FAULT", help=speech)
    add("--voice-fault", metavar="CODE", help="a code of gRPC that Google's voice answers with")
    add("--model-fault", metavar="FAULT", help="what is wrong with the model; `help` lists it")
    add("--speech-port", type=int, default=SPEECH_PORT, help=f"({SPEECH_PORT})")
    add("--voice-port", type=int, default=VOICE_PORT, help=f"({VOICE_PORT})")
    add("--openai-port", type=int, default=OPENAI_PORT, help=f"({OPENAI_PORT})")
    add("--twilio-port", type=int, default=TWILIO_PORT, help=f"({TWILIO_PORT})")


async def run(args: argparse.Namespace) -> int:
    try:  # not before: it takes seconds, and may be missing
        from bridge.doubles import everything
    except ImportError as missing:
        raise BadSettings(f"{missing.name} is not installed: run tools/setup cloud") from None
    if args.model_fault == "help":
        print("\n".join(everything.MODEL_FAULTS))
        return 0
    try:
        script = everything.script(
            hears=args.hears or [HEARD],
            aloud=args.speaks == "espeak",
            misheard=args.misheard,
            speech_fault=args.speech_fault,
            voice_fault=args.voice_fault,
            model_fault=args.model_fault,
        )
    except KeyError as unknown:
        raise BadSettings(f"there is no fault {unknown}; see --help") from None
    ports = args.speech_port, args.voice_port, args.openai_port
    async with (
        everything.serve(script, ports) as addresses,
        serve_twilio_rest(port=args.twilio_port) as twilio,
    ):
        print(_instructions(*addresses), _twilio(twilio), sep="\n", flush=True)
        await asyncio.Event().wait()
    return 0


def _instructions(speech: str, voice: str, openai: str) -> str:
    return f"""Stand-ins for Google's speech, Google's voice and OpenAI's API are here.
From another terminal, a bridge that uses them:

export KAV_RECOGNIZER=google,local KAV_VOICE=google,local KAV_MODEL=double
export KAV_GOOGLE_SPEECH_ENDPOINT={speech} KAV_GOOGLE_VOICE_ENDPOINT={voice}
export OPENAI_BASE_URL={openai}
kav serve
"""


def _twilio(double: TwilioDouble) -> str:
    return f"""And one for Twilio's REST API (no phone rings), with the number {NUMBER}:

export KAV_TWILIO_ENDPOINT={double.base} KAV_PUBLIC_URL=https://kav.example
export TWILIO_ACCOUNT_SID={ACCOUNT}
export TWILIO_API_KEY={KEY} TWILIO_API_SECRET={SECRET}
kav twilio setup --number {NUMBER}

Ctrl-C ends them."""
