"""Point a telephone number that you have at Twilio at this bridge, or place a call from it.

    kav twilio setup --number +97235550100          shows what would change, and changes nothing
    kav twilio setup --number +97235550100 --yes    changes it
    kav twilio dial --number +97235550199 --consent "call-back form of 2026-11-20"

`setup` sets where the number's calls go: KAV_PUBLIC_URL with /twilio/voice, with /twilio/fallback
for when that fails, and with /twilio/call_status to tell how calls ended; a trunk or an application
that takes the number's calls is taken off. Messages (SMS) stay as they are. To be answered by
something else when this machine is down, put a TwiML file anywhere on the web: --fallback-url.

`dial` is off by default. It calls from KAV_OUTBOUND_FROM, if all rules let it (KAV_OUTBOUND and the
settings that begin like it): allowed prefixes, so many in an hour and a day, no quiet hours, nobody
who has opted out, and a consent, which is kept with the call. Whoever answers talks with the bridge
that KAV_PUBLIC_URL leads to.

Both need KAV_PUBLIC_URL, TWILIO_ACCOUNT_SID, and either a key (TWILIO_API_KEY, TWILIO_API_SECRET)
or TWILIO_AUTH_TOKEN; all but the first are in Twilio's console.

Exit code 0: it is, or would be, as it should, or somebody or something answered; 1: Twilio did not
do it, or nobody answered; 2: asked or configured wrongly, or it may not be called.
"""

import argparse
import sys
from dataclasses import asdict

from bridge.outbound import NotAllowed, OutboundRequest, Outcome, is_number
from bridge.settings import BadSettings, Settings, read_settings
from bridge.twilio import account
from bridge.twilio_media.dialing import dial
from bridge.twilio_media.rest import (
    Callbacks,
    NumberSetup,
    TwilioControl,
    TwilioFailed,
    WrongCredentials,
    twilio_control,
)
from engine.store import StoreBroken, StoreFailed
from engine.store.database import utc_now
from engine.store.opening import open_store

_TOLD: dict[Outcome, str] = {
    "person": "a person has answered",
    "machine": "a machine has answered",
    "fax": "a fax has answered",
    "unknown": "nobody knows who answered, or whether",
}
"""Where something is at the other end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["setup", "dial"])
    add("--number", required=True, help="with + and its country: +97235550100")
    add("--yes", action="store_true", help="setup: change it; without this it is only shown")
    add("--fallback-url", metavar="URL", help="setup: asked when the bridge does not answer")
    consent = "dial: where it is written that this person wants to be called"
    add("--consent", default="", metavar="TEXT", help=consent)


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    if not is_number(args.number):
        raise BadSettings("--number: expected + and a country code, without spaces: +97235550100")
    wanted = setup(settings.kav_public_url, args.fallback_url)
    try:
        async with twilio_control(account(settings), {}) as control:
            if args.action == "setup":
                return await _set_up(control, args.number, wanted, yes=args.yes)
            request = OutboundRequest(args.number, args.consent)
            return await _dial(control, settings, request, wanted)
    except WrongCredentials as error:
        raise BadSettings(
            f"{error}: see TWILIO_ACCOUNT_SID, TWILIO_API_KEY and TWILIO_API_SECRET "
            "(or TWILIO_AUTH_TOKEN), and TWILIO_REGION"
        ) from None
    except TwilioFailed as error:
        print(f"kav: {error}", file=sys.stderr)
        return 1
    except NotAllowed as error:
        raise BadSettings(f"it is not called: {error}") from None
    except (StoreBroken, StoreFailed) as error:
        raise BadSettings(f"KAV_DATABASE: {error}") from None


def setup(public_url: str, fallback_url: str | None = None) -> NumberSetup:
    """How a number is set up whose calls a bridge answers. Raises `BadSettings`."""
    if not public_url.startswith("https://"):
        raise BadSettings(
            "KAV_PUBLIC_URL must be set: the https:// address under which Twilio reaches the bridge"
        )
    base = public_url.rstrip("/")
    return NumberSetup(
        voice_url=f"{base}/twilio/voice",
        voice_method="POST",
        voice_fallback_url=fallback_url or f"{base}/twilio/fallback",
        # A file on the web is not served to a POST everywhere.
        voice_fallback_method="GET" if fallback_url else "POST",
        status_callback=f"{base}/twilio/call_status",
        status_callback_method="POST",
    )


def difference(there: NumberSetup, wanted: NumberSetup) -> list[str]:
    """What is there, and what would be: `-` and `+` before what changes."""
    lines = []
    after = asdict(wanted)
    for name, value in asdict(there).items():
        if value == after[name]:
            lines.append(f"  {name:24}{value or '(none)'}")
        else:
            lines.append(f"- {name:24}{value or '(none)'}")
            lines.append(f"+ {name:24}{after[name] or '(none)'}")
    return lines


async def _dial(
    control: TwilioControl, settings: Settings, request: OutboundRequest, urls: NumberSetup
) -> int:
    settings.kav_data.mkdir(parents=True, exist_ok=True)
    async with open_store(settings.database()) as store:
        outcome = await dial(
            control,
            store.outbound,
            request,
            settings.outbound_rules(),
            now=utc_now(),
            caller_id=settings.kav_outbound_from,
            callbacks=Callbacks(
                voice=urls.voice_url,
                fallback=urls.voice_fallback_url,
                status=urls.status_callback,
                answered_by=f"{settings.kav_public_url.rstrip('/')}/twilio/answered_by",
            ),
        )
    print(_TOLD.get(outcome, outcome))
    return 0 if outcome in _TOLD else 1


async def _set_up(control: TwilioControl, number: str, wanted: NumberSetup, *, yes: bool) -> int:
    owned = await control.number(number)
    if owned is None:
        raise BadSettings(f"the account has no number {number}: buy it in Twilio's console")
    print(f"{number} ({owned.sid})")
    print("\n".join(difference(owned.setup, wanted)))
    if owned.setup == wanted:
        print("It is set up already.")
        return 0
    if not yes:
        print("Nothing was changed. The same with --yes changes it.")
        return 0
    kept = await control.set_up(owned, wanted)
    if kept != wanted:
        print("kav: Twilio made something else of it:", file=sys.stderr)
        print("\n".join(difference(kept, wanted)), file=sys.stderr)
        return 1
    print("Changed: its calls come to this bridge.")
    return 0
