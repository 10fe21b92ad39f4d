"""Point a telephone number that you have at Twilio at this bridge.

    kav twilio setup --number +97235550100          shows what would change, and changes nothing
    kav twilio setup --number +97235550100 --yes    changes it

It sets where the number's calls go: KAV_PUBLIC_URL with /twilio/voice, with /twilio/fallback for
when that fails, and with /twilio/call_status to tell how calls ended; a trunk or an application
that takes the number's calls is taken off. Messages (SMS) stay as they are.

It needs KAV_PUBLIC_URL, TWILIO_ACCOUNT_SID, and either a key (TWILIO_API_KEY, TWILIO_API_SECRET)
or TWILIO_AUTH_TOKEN; all but the first are in Twilio's console. To be answered by something else
when this machine is down, put a TwiML file anywhere on the web and name it: --fallback-url.

Exit code 0: it is, or would be, as it should; 1: Twilio did not do it; 2: asked or configured
wrongly.
"""

import argparse
import re
import sys
from dataclasses import asdict

from bridge.settings import BadSettings, Settings, read_settings
from bridge.twilio_media.rest import (
    NumberSetup,
    TwilioAccount,
    TwilioControl,
    TwilioFailed,
    WrongCredentials,
    twilio_control,
)

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["setup"])
    add("--number", required=True, help="the number, with + and its country: +97235550100")
    add("--yes", action="store_true", help="change it; without this it is only shown")
    add("--fallback-url", metavar="URL", help="asked when the bridge does not answer")


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    if not _E164.fullmatch(args.number):
        raise BadSettings("--number: expected + and a country code, without spaces: +97235550100")
    wanted = setup(settings.kav_public_url, args.fallback_url)
    try:
        async with twilio_control(account(settings), {}) as control:
            return await _set_up(control, args.number, wanted, yes=args.yes)
    except WrongCredentials as error:
        raise BadSettings(
            f"{error}: see TWILIO_ACCOUNT_SID, TWILIO_API_KEY and TWILIO_API_SECRET "
            "(or TWILIO_AUTH_TOKEN), and TWILIO_REGION"
        ) from None
    except TwilioFailed as error:
        print(f"kav: {error}", file=sys.stderr)
        return 1


def account(settings: Settings) -> TwilioAccount:
    """Raises `BadSettings`."""
    secret = settings.twilio_api_secret or settings.twilio_auth_token
    if not settings.twilio_account_sid or secret is None:
        raise BadSettings(
            "Twilio's account is not configured: set TWILIO_ACCOUNT_SID, and TWILIO_API_KEY with "
            "TWILIO_API_SECRET (or TWILIO_AUTH_TOKEN)"
        )
    return TwilioAccount(
        sid=settings.twilio_account_sid,
        user=settings.twilio_api_key or settings.twilio_account_sid,
        secret=secret.get_secret_value(),
        region=settings.twilio_region,
        edge=settings.twilio_edge,
        endpoint=settings.kav_twilio_endpoint,
    )


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
