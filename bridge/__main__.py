"""`kav`: the command line."""

import argparse
import asyncio
import importlib
import sys

import uvloop

from bridge import __version__

COMMANDS = {
    "serve": "answer calls: start the bridge",
    "call": "call a running bridge from this terminal",
    "phone": "a real Asterisk beside a running bridge, for a softphone",
    "rehearse": "simulated phones that call a running bridge and judge it",
    "talk": "talk with the receptionist in this terminal, in writing",
    "evaluate": "simulated callers, in writing: do they get the right meeting?",
    "profile": "check a business profile",
    "doubles": "stand-ins for Google's, OpenAI's and Twilio's services, without an account",
    "twilio": "point a Twilio number at this bridge, or call from it",
    "outbound": "calls that were placed, and who does not want to be called",
    "dial": "call somebody through the PBX; off by default",
    "replay": "run a recorded call through today's core and print the difference",
    "check": "check the settings and print the slowest that turn taking can be with them",
    "settings": "list the settings, with what they are now",
}


def _parser(wanted: str) -> argparse.ArgumentParser:
    """With the options of the wanted command: only what it needs is imported."""
    parser = argparse.ArgumentParser(
        prog="kav",
        description="A voice agent on the telephone: Twilio Media Streams and Asterisk.",
        epilog="Settings come from the environment or .env; see `kav settings`.",
    )
    parser.add_argument("--version", action="version", version=f"kav {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name == wanted:
            module = importlib.import_module(f"bridge.commands.{name}")
            command.description = module.__doc__
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it failed, 2 it was asked or configured wrongly."""
    given = sys.argv[1:] if arguments is None else arguments
    # Not above: the processes with models import this file once more, and need no settings.
    from bridge.settings import BadSettings

    args = _parser(next((word for word in given if word in COMMANDS), "")).parse_args(given)
    try:
        code: int = uvloop.run(args.run(args))
    except BadSettings as error:
        print(f"kav: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
