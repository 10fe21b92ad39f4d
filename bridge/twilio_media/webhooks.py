"""Twilio's requests about a call: what to do with it (TwiML), and what became of it.

Whoever asks must prove to be Twilio; who does not gets 403 and an empty body, never a 500.
"""

import asyncio
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types
from twilio.twiml.voice_response import (  # type: ignore[import-untyped]  # it ships no types
    Connect,
    VoiceResponse,
)

log = logging.getLogger(__name__)

MEDIA_PATH = "/ws/twilio-media"
MAX_BODY = 65_536
BODY_SECONDS = 5.0
MAX_FIELDS = 200
TICKET_SECONDS = 60.0
OUTCOME_SECONDS = 60.0

_CALL = re.compile(r"CA[0-9a-fA-F]{32}")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_PARTY = re.compile(r"[\w+.:@;=*#-]{0,256}", re.ASCII)
# Names and values are signed joined with nothing between: what moves from a value to its name, or
# back, is not noticed. So a name has to look like one, and an id like an id.
_FIELD = re.compile(r"[A-Z][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    public_url: str
    """How Twilio reaches us: `https://host` and a path, if a proxy in front takes one away."""
    auth_token: str | None = field(default=None, repr=False)
    """Signs Twilio's requests. None: nothing is checked, for development on loopback."""
    heartbeat: float = 18.0
    max_calls: int = 100
    """More are told that the line is busy."""
    apology: str = "סליחה, השיחה נותקה. אפשר להתקשר שוב ונמשיך."
    """Said by Twilio when a call lost us in the middle. Empty: the call just ends."""
    apology_language: str = "he-IL"
    transfers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Whom a caller can be given to: a key and a telephone number."""

    def http(self, path: str) -> str:
        return self.public_url.rstrip("/") + path

    def websocket(self, path: str) -> str:
        """The same place for a websocket: wss for https."""
        return re.sub("^http", "ws", self.http(path))


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets one stream of one call in, once."""

    token: str = field(repr=False)
    until: float
    caller: str = field(repr=False)
    called: str = field(repr=False)


class Tickets:
    """What was promised to calls that are about to open their stream."""

    def __init__(self) -> None:
        self._waiting: dict[str, Ticket] = {}

    def issue(self, call: str, caller: str, called: str, now: float) -> str:
        """The call's token; a request that Twilio repeats gets the same again."""
        self._waiting = {sid: it for sid, it in self._waiting.items() if now < it.until}
        ticket = self._waiting.get(call)
        if ticket is None:
            token = secrets.token_urlsafe(16)
            ticket = Ticket(token, now + TICKET_SECONDS, caller, called)
            self._waiting[call] = ticket
        return ticket.token

    def redeem(self, call: str, token: str, now: float) -> Ticket | None:
        """The ticket, if it is this call's, in time, and not used before."""
        ticket = self._waiting.get(call)
        if ticket is None or now >= ticket.until:
            return None
        if not hmac.compare_digest(ticket.token.encode(), token.encode("utf-8", "replace")):
            return None
        return self._waiting.pop(call)


@dataclass(frozen=True, slots=True)
class HungUpByUs:
    """The agent has said goodbye."""


@dataclass(frozen=True, slots=True)
class Transferred:
    key: str


Outcome = HungUpByUs | Transferred


class Outcomes:
    """How streams ended, until Twilio asks what to do with the call after that."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Outcome]] = {}

    def note(self, call: str, outcome: Outcome, now: float) -> None:
        self._known = {sid: it for sid, it in self._known.items() if now < it[0]}
        self._known[call] = now + OUTCOME_SECONDS, outcome

    def of(self, call: str) -> Outcome | None:
        known = self._known.get(call)
        return None if known is None else known[1]


class Signatures:
    def __init__(self, auth_token: str | None) -> None:
        self._validator = None if auth_token is None else RequestValidator(auth_token)

    def genuine(self, request: web.BaseRequest, url: str, form: MultiDict[str]) -> bool:
        """Did Twilio send this, to this URL as it was given to Twilio?"""
        if self._validator is None:
            return True
        signature = request.headers.get("X-Twilio-Signature")
        if not signature:
            return False
        query = request.rel_url.raw_query_string
        try:
            return bool(
                self._validator.validate(f"{url}?{query}" if query else url, form, signature)
            )
        except (TypeError, ValueError):  # it was not written for an attacker's URLs
            return False


class Webhooks:
    def __init__(
        self,
        settings: TwilioSettings,
        *,
        signatures: Signatures,
        tickets: Tickets,
        outcomes: Outcomes,
        live_calls: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._signatures = signatures
        self._tickets = tickets
        self._outcomes = outcomes
        self._live_calls = live_calls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/twilio/voice", self.voice),
            web.get("/twilio/voice/preview", self.preview, allow_head=False),
            web.post("/twilio/after_stream", self.after_stream),
            web.post("/twilio/stream_status", self.stream_status),
            web.post("/twilio/stream_ended", self.stream_ended),
            web.post("/twilio/call_status", self.call_status),
            web.get("/version", self.version),
        ]

    async def voice(self, request: web.Request) -> web.Response:
        """A call comes in: connect it to our websocket."""
        form = await self._form(request)
        call = form["CallSid"]
        if self._live_calls() >= self._settings.max_calls:
            log.warning("refused: %d calls are live", self._live_calls(), extra={"call": call})
            return _twiml(busy())
        token = self._tickets.issue(
            call, _party(form, "From"), _party(form, "To"), asyncio.get_running_loop().time()
        )
        log.info("a call comes in", extra={"call": call})
        return _twiml(connect(self._settings, token))

    async def preview(self, _: web.Request) -> web.Response:
        """What `voice` would answer, for operators."""
        return _twiml(connect(self._settings, "preview-only"))

    async def after_stream(self, request: web.Request) -> web.Response:
        """The stream is over and the caller is still there."""
        form = await self._form(request)
        outcome = self._outcomes.of(form["CallSid"])
        if outcome is None:
            log.warning("the media stream was lost; the caller is told", extra=_about(form))
        return _twiml(after(self._settings, outcome))

    async def stream_status(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        event, error = form.get("StreamEvent", "")[:40], form.get("StreamError", "")[:200]
        # Twilio tells here, and nowhere else, why it could not open a stream.
        level = logging.WARNING if event == "stream-error" else logging.INFO
        log.log(level, "twilio_stream", extra=_about(form, what=event, error=error))
        return web.Response(status=204)

    async def stream_ended(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        log.info("twilio_stream", extra=_about(form, what="ended"))
        return web.Response(status=204)

    async def call_status(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        log.info("twilio_call", extra=_about(form, status=form.get("CallStatus", "")[:40]))
        return web.Response(status=204)

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"name": "kav", "version": VERSION, "status": "ok"})

    async def _form(self, request: web.Request) -> MultiDict[str]:
        """The fields of a request that Twilio has signed; any other request ends here."""
        if request.content_type != "application/x-www-form-urlencoded":
            raise _forbidden(request, "it is not a form")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.clone(client_max_size=MAX_BODY).read()
            # Blank fields are signed too.
            pairs = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except (ValueError, TimeoutError, web.RequestPayloadError):
            raise _forbidden(request, "its form cannot be read") from None
        form = MultiDict(pairs)
        if not self._signatures.genuine(request, self._settings.http(request.path), form):
            raise _forbidden(request, "its signature is missing or wrong")
        if not all(_FIELD.fullmatch(name) for name in form) or not _ids_are_right(form):
            raise _forbidden(request, "its fields are not Twilio's")
        return form


def connect(settings: TwilioSettings, token: str) -> VoiceResponse:
    """The call is carried by our websocket; if that is lost, Twilio asks again."""
    response = VoiceResponse()
    connection = Connect()
    stream = connection.stream(
        url=settings.websocket(MEDIA_PATH),
        status_callback=settings.http("/twilio/stream_status"),
    )
    stream.parameter(name="token", value=token)
    response.append(connection)
    # Not <Say>: Twilio goes on here after an ordinary goodbye as well.
    response.redirect(settings.http("/twilio/after_stream"), method="POST")
    return response


def after(settings: TwilioSettings, outcome: Outcome | None) -> VoiceResponse:
    response = VoiceResponse()
    match outcome:
        case Transferred(key) if key in settings.transfers:
            response.dial(settings.transfers[key])
        case HungUpByUs():
            response.hangup()
        case _ if settings.apology:
            response.say(settings.apology, language=settings.apology_language)
        case _:
            response.hangup()
    return response


def busy() -> VoiceResponse:
    response = VoiceResponse()
    response.reject(reason="busy")
    return response


def _version() -> str:
    try:
        return metadata.version("kav")
    except metadata.PackageNotFoundError:
        return "unknown"


VERSION = _version()


def _ids_are_right(form: MultiDict[str]) -> bool:
    return all(
        len(values := form.getall(name, [])) == 1 and pattern.fullmatch(values[0])
        for name, pattern in (("CallSid", _CALL), ("AccountSid", _ACCOUNT))
    )


def _about(form: MultiDict[str], **facts: str) -> dict[str, object]:
    return {"call": form["CallSid"], "facts": facts}


def _party(form: MultiDict[str], name: str) -> str:
    """A number, a SIP address or a client's name; empty if it could be anything else."""
    party = form.get(name, "")
    return party if _PARTY.fullmatch(party) else ""


def _forbidden(request: web.Request, why: str) -> web.HTTPForbidden:
    log.warning("a request for %s is refused: %s", request.path, why)
    return web.HTTPForbidden(text="")


def _twiml(response: VoiceResponse) -> web.Response:
    return web.Response(text=str(response), content_type="text/xml")
