"""A real Asterisk beside a running bridge, for a softphone.

Fetches Asterisk from Debian's packages into a folder the first time (nothing is installed on this
machine), prints the account to type into a softphone, then tells who calls, until Ctrl-C.
"""

import argparse
import asyncio
from pathlib import Path

from bridge.lab import run_phone_lab
from bridge.settings import read_settings

FETCH = Path(__file__).parents[2] / "asterisk" / "fetch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sip-port", type=int, help="UDP port for the softphone (5060 if free)")
    parser.add_argument(
        "--listen",
        default="127.0.0.1",
        help="address for the softphone; another than loopback lets your network in",
    )


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    folder = settings.kav_data / "asterisk"
    fetching = await asyncio.create_subprocess_exec(FETCH, folder)
    if status := await fetching.wait():
        return status
    return await run_phone_lab(
        bridge_host=settings.kav_audiosocket_host,
        bridge_port=settings.kav_audiosocket_port,
        sip_port=args.sip_port,
        folder=folder,
        listen=args.listen,
    )
