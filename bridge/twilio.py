"""The Twilio account that the settings name."""

from bridge.settings import BadSettings, Settings
from bridge.twilio_media.rest import TwilioAccount


def account(settings: Settings) -> TwilioAccount:
    """Raises `BadSettings`."""
    secret = settings.twilio_secret
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
