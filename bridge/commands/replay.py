"""Run a recorded call (var/traces/*.txt) through today's core.

Prints the difference between what the core decided then and what it decides now, as a unified
diff. Exit code 0: there is none; 1: there is one; 2: the file is no trace.
"""

import argparse
import difflib
import sys
from pathlib import Path

from engine.trace import MalformedTrace, replay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", type=Path, help="a trace file")


async def run(args: argparse.Namespace) -> int:
    try:
        told = args.trace.read_text(encoding="utf-8")
        now = replay(told)
    except (OSError, UnicodeDecodeError, MalformedTrace) as error:
        print(f"kav: {args.trace}: {error}", file=sys.stderr)
        return 2
    difference = difflib.unified_diff(
        told.splitlines(), now.splitlines(), "then", "now", lineterm="", n=2
    )
    lines = list(difference)
    print("\n".join(lines) if lines else "The core decides today as it did then.")
    return 1 if lines else 0
