"""Check the configuration: the settings, and the slowest that turn taking can be with them.

Prints the worst-case latency budget: what each step costs at most, what it is made of, and what
the contract allows. With --live each provider in the cloud is asked for something small, and what
works is told; so is the PBX, for its version. Exit code 0: everything fits; 1: a step is slower
than the contract allows; 2: the settings are wrong or contradict each other, or a provider or the
PBX does not work.
"""

import argparse
import asyncio
import sys

from bridge.asterisk import FIRST_SOUND, ami_account, outdated
from bridge.audiosocket.ami import Ami, AmiFailed
from bridge.budget import Row, worst_case
from bridge.equipment import Afar, cloud
from bridge.settings import Settings, read_profile, read_settings
from engine.dialogue.profile import Profile
from engine.ports import ProviderFailed

LIMIT = 10.0
"""Seconds that a provider may take to answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--live",
        action="store_true",
        help="one cheap real request to each cloud provider and to the PBX",
    )


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    profile = read_profile(settings)
    rows = worst_case(settings.rules())
    print("\n".join(_line(row) for row in rows))
    over = [row for row in rows if row.over]
    for row in over:
        print(f"kav: {row.what}: {row.ms:.0f} ms are too slow", file=sys.stderr)
    works = await providers_work(settings, profile, live=args.live)
    if args.live:
        works &= await pbx_works(settings)
    return 2 if not works else 1 if over else 0


async def providers_work(settings: Settings, profile: Profile, *, live: bool) -> bool:
    """Whether each one works. Raises `BadSettings`, whether they are asked or not."""
    async with cloud(settings, profile) as made:
        if not live:
            return True
        if not made.all:
            print("No provider in the cloud is configured: all speech is local.")
        works = [await _ask(name, one) for name, one in made.all.items()]
    return all(works)


async def pbx_works(settings: Settings) -> bool:
    """Whether it can be asked; a version that harms calls is warned of."""
    account = ami_account(settings)
    if account is None:
        return True
    try:
        async with Ami(account) as ami:
            await ami.up()
            version = (await ami.ask("CoreSettings")).get("asteriskversion", "")
    except AmiFailed as why:
        print(f"kav: Asterisk: {why}", file=sys.stderr)
        return False
    print(f"Asterisk {version}: works")
    if harm := outdated(version):
        first = ", ".join(f"{branch}.{release}" for branch, release in FIRST_SOUND.items())
        print(f"kav: Asterisk {version}: {harm}; sound since {first}", file=sys.stderr)
    return True


async def _ask(name: str, provider: Afar) -> bool:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(LIMIT):
            await provider.probe()
    except ProviderFailed as why:
        print(f"kav: {name}: {why}", file=sys.stderr)
        return False
    except TimeoutError:
        print(f"kav: {name}: no answer within {LIMIT:g} s", file=sys.stderr)
        return False
    print(f"{name}: works ({1000 * (loop.time() - began):.0f} ms)")
    return True


def _line(row: Row) -> str:
    allowed = "" if row.bar_ms is None else f"   (allowed {row.bar_ms:.0f} ms)"
    return f"{row.ms:6.0f} ms  {row.what}{allowed}\n           {row.made_of}"
