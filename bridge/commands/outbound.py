"""Calls that the agent placed, and the numbers that do not want to be called.

    kav outbound list                             the last 50 calls: when, whom, consent, outcome
    kav outbound opt-out --number +97235550199    this number is called no more
    kav outbound opt-in --number +97235550199     it may be called after all

An opt-out is obeyed at once, by every way out, whatever consent there is.
"""

import argparse

from bridge.outbound import is_number
from bridge.settings import BadSettings, read_settings
from engine.store import StoreBroken, StoreFailed
from engine.store.opening import open_store
from engine.store.outbound import OutboundCalls, PlacedCall

_MANY = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "opt-out", "opt-in"])
    parser.add_argument("--number", default="", help="with + and its country: +97235550199")


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    if args.action != "list" and not is_number(args.number):
        raise BadSettings(f"{args.action} needs --number with + and its country: +97235550199")
    settings.kav_data.mkdir(parents=True, exist_ok=True)
    try:
        async with open_store(settings.database()) as store:
            print(await _done(store.outbound, args.action, args.number))
    except (StoreBroken, StoreFailed) as error:
        raise BadSettings(f"KAV_DATABASE: {error}") from None
    return 0


async def _done(calls: OutboundCalls, action: str, number: str) -> str:
    match action:
        case "opt-out":
            await calls.opt_out(number)
            return f"{number} is called no more."
        case "opt-in":
            await calls.opt_in(number)
            return f"{number} may be called, if the other rules let it."
        case _:
            return "\n".join(map(_line, await calls.last(_MANY))) or "No call was placed yet."


def _line(one: PlacedCall) -> str:
    return f"{one.at:%Y-%m-%d %H:%M} UTC  {one.number:16} {one.outcome or '-':10} {one.consent}"
