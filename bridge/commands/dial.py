"""Call somebody, through the PBX: the agent talks with whoever answers.

Off by default. A call goes out only if the rules of outbound calls let it (KAV_OUTBOUND and the
settings that begin like it): allowed prefixes, so many in an hour and a day, not in quiet hours,
nobody who has opted out, and with a record of consent, which is kept with the call.

  kav dial +97235550100 --consent "asked for it on our site, 3 May"

Needs KAV_AMI_HOST, a trunk (KAV_PBX_TRUNK) and the dialplan's context `kav-out`, which connects an
answered call to the running bridge. Prints what became of the call. Exit code 0: somebody, or
something, was there; 1: nobody was, or the PBX failed; 2: it may not be called.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from bridge import log
from bridge.asterisk import ami_account
from bridge.audiosocket.ami import Account, Ami, AmiFailed
from bridge.audiosocket.dialing import Dialing, Placement
from bridge.outbound import NotAllowed, OutboundRequest, Outcome, checked
from bridge.settings import BadSettings, Settings, read_settings
from engine.store import StoreBroken, StoreFailed
from engine.store.database import utc_now
from engine.store.opening import open_store
from engine.store.outbound import OutboundCalls

RING = 30
REACHED: tuple[Outcome, ...] = ("person", "machine", "fax", "unknown")
_WORDS: dict[Outcome, str] = {
    "person": "a person has answered",
    "machine": "a machine has answered",
    "unknown": "nobody knows who answered, or whether",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="with + and the country code")
    consent = "where it is written that this person wants to be called"
    parser.add_argument("--consent", required=True, metavar="TEXT", help=consent)
    ring = f"how long it may ring ({RING})"
    parser.add_argument("--ring", type=int, default=RING, metavar="SECONDS", help=ring)


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    account = ami_account(settings)
    if account is None:
        raise BadSettings("kav dial needs the PBX: set KAV_AMI_HOST and KAV_AMI_SECRET")
    if not 5 <= args.ring <= 120:
        raise BadSettings("--ring is 5 to 120 seconds")
    log.set_up(settings.kav_log, "WARNING")
    request = OutboundRequest(args.number, args.consent)
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C: the call is hung up, and what became of it is kept.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        outcome = await dial(settings, account, request, ring=args.ring)
    except NotAllowed as refusal:
        raise BadSettings(f"it is not called: {refusal}") from None
    except (StoreBroken, StoreFailed) as failure:
        raise BadSettings(f"KAV_DATABASE: {failure}") from None
    except AmiFailed as failure:
        print(f"kav: {failure}", file=sys.stderr)
        return 1
    print(_WORDS.get(outcome, outcome))
    return 0 if outcome in REACHED else 1


async def dial(
    settings: Settings, account: Account, request: OutboundRequest, *, ring: float
) -> Outcome:
    """Raises `NotAllowed`, `AmiFailed`, `StoreBroken`, `StoreFailed`: then there was no call."""
    check = checked(request, settings.outbound_rules(), utc_now())
    check((), False)  # what no history changes is said at once, PBX or not
    settings.kav_data.mkdir(parents=True, exist_ok=True)
    async with open_store(settings.database()) as store, Ami(account) as ami:
        await ami.up()  # before it counts as a call
        key = await store.outbound.place(request.number, request.consent, check)
        placement = Placement(
            channel=f"PJSIP/{request.number}@{settings.kav_pbx_trunk}",
            callee=request.number,
            caller=settings.kav_outbound_from,
            ring=ring,
            longest=settings.kav_outbound_longest_sec,
        )
        await store.outbound.on_line(key, str(placement.call))
        return await _followed(Dialing(ami, placement), store.outbound, key)


async def _followed(dialing: Dialing, calls: OutboundCalls, key: int) -> Outcome:
    outcome: Outcome = "unknown"
    try:
        outcome = await dialing.outcome()
    except AmiFailed:
        outcome = "failed"
        raise
    except asyncio.CancelledError:
        outcome = "canceled"
        with suppress(AmiFailed):
            await dialing.hang_up()
        raise
    finally:
        await calls.ended(key, outcome)
    return outcome
