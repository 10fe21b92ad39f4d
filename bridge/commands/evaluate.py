"""Simulated callers talk with the receptionist and judge her: do those who want a meeting get the
right one, is she short, does she ask one thing at a time, does she make nothing up?

  kav evaluate                           60 callers in each language: the figures to report
  kav evaluate --set tuning              others, in other words: to improve the dialogue with
  kav evaluate --set tuning --caller tuning-he-02     one call, word by word
  kav evaluate --voice                   English callers speak, and local ears hear them: minutes

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

from bridge.evaluation import telephone
from bridge.evaluation.callers import LANGUAGES, SETS, Caller, read_set
from bridge.evaluation.conversation import Conversation, Listen, converse
from bridge.evaluation.report import as_json, figures, text, transcript
from bridge.settings import read_settings
from engine.ports import ProviderFailed
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
    parser.add_argument(
        "--voice",
        action="store_true",
        help="what callers say goes over a telephone line, by local speech (English only)",
    )
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


async def run(args: argparse.Namespace) -> int:
    languages = [one for one in args.language if not args.voice or one in telephone.LANGUAGES]
    callers = [one for language in languages for one in read_set(args.set, language)]
    if args.caller:
        callers = [one for one in callers if one.id == args.caller]
    if not callers:
        why = "--voice is for English callers" if not languages else f"no caller {args.caller}"
        print(f"kav: {why}", file=sys.stderr)
        return 2
    if not args.voice:
        return _tell(args, await _all(callers))
    cache = read_settings().kav_data / "cache"
    try:
        async with telephone.telephone(cache, _progress) as line:
            return _tell(args, await _all(callers, line.hear))
    except ProviderFailed as why:
        print(f"kav: {why}", file=sys.stderr)
        return 2


def _tell(args: argparse.Namespace, calls: list[Conversation]) -> int:
    if args.json:
        print(json.dumps(as_json(calls), ensure_ascii=False, indent=1))
    elif args.caller:
        print(transcript(calls[0]))
    else:
        print(text(calls, args.worst))
    return 0 if all(one.meets_the_bars for one in figures(calls)) else 1


async def _all(callers: list[Caller], listen: Listen | None = None) -> list[Conversation]:
    profile = shipped_profile("shai")
    calls: list[Conversation] = []
    for number, caller in enumerate(callers, 1):
        calls.append(await converse(profile, caller, listen=listen))
        if listen is not None:
            _progress(f"{number} of {len(callers)} calls")
        await asyncio.sleep(0)  # Ctrl-C is heard between calls
    return calls


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
