"""The Twilio line: webhooks and the media websocket, as routes of one aiohttp application."""

import logging
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from bridge.ticker import Ticker
from bridge.twilio_media.server import MediaServer
from bridge.twilio_media.tokens import Outcomes, Tickets
from bridge.twilio_media.webhooks import (
    MEDIA_PATH,
    PlacedEnded,
    Signatures,
    TwilioSettings,
    Webhooks,
    unrecorded,
)
from engine.ports import OpenCall

__all__ = ["PlacedEnded", "TwilioSettings", "add_routes", "unrecorded"]

log = logging.getLogger(__name__)


def add_routes(
    app: web.Application,
    *,
    open_call: OpenCall,
    ticker: Ticker,
    settings: TwilioSettings,
    live_calls: Callable[[], int] | None = None,
    takes_none: Callable[[], bool] = lambda: False,
    shared: Path | None = None,
    placed_ended: PlacedEnded = unrecorded,
) -> None:
    """Every call that Twilio connects here becomes one `Call` of `open_call`.

    `live_calls` counts what is held against `settings.max_calls`: by default this line's calls.
    `takes_none`: a call that is lost is not connected again.
    `shared`: a folder of the processes that answer Twilio together.
    `placed_ended` keeps what Twilio tells of calls that we placed."""
    if settings.auth_token is None:
        log.warning("Twilio's signatures are not checked: no auth token is configured")
    signatures = Signatures(settings.auth_token, settings.old_auth_token)
    tickets, outcomes = Tickets(shared), Outcomes(shared)
    media = MediaServer(
        settings,
        open_call=open_call,
        ticker=ticker,
        signatures=signatures,
        tickets=tickets,
        outcomes=outcomes,
    )
    webhooks = Webhooks(
        settings,
        signatures=signatures,
        tickets=tickets,
        outcomes=outcomes,
        live_calls=live_calls or media.live_calls,
        takes_none=takes_none,
        placed_ended=placed_ended,
    )
    app.add_routes([*webhooks.routes(), web.get(MEDIA_PATH, media.handle, allow_head=False)])
    app.on_shutdown.append(media.stop)
