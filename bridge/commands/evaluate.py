"""Simulated callers talk with the receptionist, by text, and judge her: do those who want a meeting
get the right one, is she short, does she ask one thing at a time, does she make nothing up?

  kav evaluate                           60 callers in each language: the figures to report
  kav evaluate --set tuning              others, in other words: to improve the dialogue with
  kav evaluate --set tuning --caller tuning-he-02     one call, word by word

The callers call the office that ships with kav; there is no model in it, and no chance: the same
calls go the same way each time. Use the reporting set sparingly: who improves the dialogue by it
has no figures left to report.

Exit code 0: at least 90 of 100 callers who want a meeting have the right one, and there is no flaw
of any other kind; 1: a bar is missed; 2: asked wrongly.
"""

import argparse
import asyncio
import json
import sys

from bridge.evaluation.callers import LANGUAGES, SETS, Caller, read_set
from bridge.evaluation.conversation import Conversation, converse
from bridge.evaluation.report import as_json, figures, text, transcript
from engine.profile import shipped_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", choices=SETS, default="reporting", help="the callers")
    parser.add_argument(
        "--language", choices=LANGUAGES, nargs="+", default=LANGUAGES, help="of the callers"
    )
    parser.add_argument("--caller", default="", metavar="NAME", help="only this one, word by word")
    parser.add_argument(
        "--worst", type=int, default=3, metavar="N", help="so many bad calls are shown (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


async def run(args: argparse.Namespace) -> int:
    callers = [one for language in args.language for one in read_set(args.set, language)]
    if args.caller:
        callers = [one for one in callers if one.id == args.caller]
    if not callers:
        print(f"kav: there is no caller {args.caller} in this set", file=sys.stderr)
        return 2
    calls = await _all(callers)
    if args.json:
        print(json.dumps(as_json(calls), ensure_ascii=False, indent=1))
    elif args.caller:
        print(transcript(calls[0]))
    else:
        print(text(calls, args.worst))
    return 0 if all(one.meets_the_bars for one in figures(calls)) else 1


async def _all(callers: list[Caller]) -> list[Conversation]:
    profile = shipped_profile("shai")
    calls: list[Conversation] = []
    for caller in callers:
        calls.append(await converse(profile, caller))
        await asyncio.sleep(0)  # Ctrl-C is heard between calls
    return calls
