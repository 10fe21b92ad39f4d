"""Check the configuration: the settings, and the slowest that turn taking can be with them.

Prints the worst-case latency budget: what each step costs at most, what it is made of, and what
the contract allows. Exit code 0: everything fits; 1: a step is slower than the contract allows;
2: the settings are wrong or contradict each other.
"""

import argparse
import sys

from bridge.budget import Row, worst_case
from bridge.settings import read_profile, read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    read_profile(settings)
    rows = worst_case(settings.rules())
    print("\n".join(_line(row) for row in rows))
    over = [row for row in rows if row.over]
    for row in over:
        print(f"kav: {row.what}: {row.ms:.0f} ms are too slow", file=sys.stderr)
    return 1 if over else 0


def _line(row: Row) -> str:
    allowed = "" if row.bar_ms is None else f"   (allowed {row.bar_ms:.0f} ms)"
    return f"{row.ms:6.0f} ms  {row.what}{allowed}\n           {row.made_of}"
