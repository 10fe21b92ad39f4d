"""Twilio's requests about a call: what to do with it (TwiML), and what became of it.

Whoever asks must prove to be Twilio; who does not gets 403 and an empty body, never a 500; who
goes on asking 429, and no more lines in the log. What Twilio has signed is never counted.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from ipaddress import ip_address
from typing import assert_never
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types
from twilio.twiml.voice_response import (  # type: ignore[import-untyped]  # it ships no types
    Connect,
    VoiceResponse,
)

from bridge.twilio_media.outcome import outcome
from bridge.twilio_media.strangers import Strangers
from bridge.twilio_media.tokens import HungUpByUs, Outcomes, Tickets, Transferred
from engine.ports import Back

log = logging.getLogger(__name__)

MEDIA_PATH = "/ws/twilio-media"
MAX_BODY = 65_536
BODY_SECONDS = 5.0
MAX_FIELDS = 200
DIAL_SECONDS = 20
"""How long whom a caller is given to may take to answer."""
RESUMES, RESUMES_SECONDS = 3, 60.0
"""So often in so long a call whose stream broke is connected again."""
ENDED_CALLS = 10_000
"""So many calls that have ended are remembered: nothing can begin in their name."""

_CALL = re.compile(r"CA[0-9a-fA-F]{32}")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_PARTY = re.compile(r"[\w+.:@;=*#-]{0,256}", re.ASCII)
# Names and values are signed joined with nothing between: what moves from a value to its name, or
# back, is not noticed. So a name has to look like one, an id like an id, a number like a number,
# and a value must not have swallowed a field that matters.
_FIELD = re.compile(r"[A-Z][A-Za-z0-9_.-]{0,127}")
_SWALLOWED = re.compile(
    "AccountSid|CallSid|CallStatus|StreamEvent|AnsweredBy|Direction(?:in|out)bound"
)
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""What a call's status is when nothing more comes of it."""
_UNANSWERED = frozenset({"busy", "failed", "no-answer", "canceled"})
_PARTIES = ("From", "To")
_ON_CALL = (*_PARTIES, "CallStatus")
"""What tells of a call, and is in every request about what shall happen to it."""
_WORDS = ("CallStatus", "DialCallStatus", "StreamEvent")
_WORD = re.compile(r"[a-z-]{1,32}")
_SIGNATURE = "X-Twilio-Signature"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    public_url: str
    """How Twilio reaches us: `https://host` and a path, if a proxy in front takes one away."""
    auth_token: str | None = field(default=None, repr=False)
    """Signs Twilio's requests. None: nothing is checked, for development on loopback."""
    old_auth_token: str | None = field(default=None, repr=False)
    """Is good as well, while the token is being changed."""
    account: str = ""
    """Whose calls are taken; empty: of any account that has the token."""
    heartbeat: float = 18.0
    max_calls: int = 100
    """More are told that the line is busy."""
    apology: str = "סליחה, השיחה נותקה. אפשר להתקשר שוב ונמשיך."
    """Said by Twilio when a call has lost us for good. Empty: the call just ends."""
    passing_on: str = "סליחה, יש תקלה בקו. השיחה עוברת עכשיו לנציג."
    """The same where there is a number to fall back on."""
    apology_language: str = "he-IL"
    transfers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Whom a caller can be given to: a key and a telephone number."""
    fallback: str = field(default="", repr=False)
    """The telephone number that callers are given to whom we cannot keep. Empty: none."""
    paths: Sequence[tuple[str, str]] = ()
    """Further paths of webhooks: name (`voice`) and path."""

    def http(self, path: str) -> str:
        return self.public_url.rstrip("/") + path

    def websocket(self, path: str) -> str:
        """The same place for a websocket: wss for https."""
        return re.sub("^http", "ws", self.http(path))


class Resumes:
    """Keeps a caller from going round for ever with a bridge that always loses him."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}

    def another(self, call: str, now: float) -> bool:
        """Whether this call may be connected once more; counts it."""
        since = now - RESUMES_SECONDS
        self._times = {sid: times for sid, times in self._times.items() if times[-1] > since}
        recent = [time for time in self._times.get(call, ()) if time > since]
        if len(recent) >= RESUMES:
            return False
        self._times[call] = [*recent, now]
        return True


class Ended:
    """Calls that Twilio has told us the end of, the last few thousand."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._order: deque[str] = deque()

    def add(self, call: str) -> None:
        if call in self._known:
            return
        self._known.add(call)
        self._order.append(call)
        if len(self._order) > ENDED_CALLS:
            self._known.remove(self._order.popleft())

    def __contains__(self, call: str) -> bool:
        return call in self._known


class Signatures:
    def __init__(self, *auth_tokens: str | None) -> None:
        """Signed with any of them will do; with none at all, nothing is checked."""
        self._validators = [RequestValidator(token) for token in auth_tokens if token is not None]
        self._strangers = Strangers()

    @property
    def checked(self) -> bool:
        return bool(self._validators)

    def missing(self, request: web.BaseRequest) -> bool:
        return self.checked and not request.headers.get(_SIGNATURE)

    def refusal(
        self, request: web.BaseRequest, why: str = "its signature is missing or wrong"
    ) -> web.HTTPException:
        """For who has not proved to be Twilio."""
        if self._strangers.another(request.remote or "", _now()):
            return web.HTTPTooManyRequests(text="")
        return _forbidden(request, why)

    def genuine(self, request: web.BaseRequest, url: str, form: MultiDict[str]) -> bool:
        """Did Twilio send this, to this URL as it was given to Twilio?"""
        if not self._validators:
            return True
        signature = request.headers.get(_SIGNATURE)
        if not signature:
            return False
        query = request.rel_url.raw_query_string
        asked = f"{url}?{query}" if query else url
        try:
            return any(one.validate(asked, form, signature) for one in self._validators)
        except (TypeError, ValueError):  # it was not written for an attacker's URLs
            return False


PlacedEnded = Callable[[str, str], None]
"""Keeps what became of a call, if it is one that we placed: its CallSid, and `bridge.outbound`'s
word for it. Told twice, late or in any order, it is the same; it returns at once."""


def unrecorded(call: str, outcome: str) -> None:
    """Nobody keeps it."""


class Webhooks:
    def __init__(
        self,
        settings: TwilioSettings,
        *,
        signatures: Signatures,
        tickets: Tickets,
        outcomes: Outcomes,
        live_calls: Callable[[], int],
        takes_none: Callable[[], bool] = lambda: False,
        placed_ended: PlacedEnded = unrecorded,
    ) -> None:
        """`takes_none`: no stream is let in any more, not even for a call that is lost."""
        self._settings = settings
        self._signatures = signatures
        self._tickets = tickets
        self._outcomes = outcomes
        self._live_calls = live_calls
        self._takes_none = takes_none
        self._placed_ended = placed_ended
        self._resumes = Resumes()
        self._ended = Ended()

    def routes(self) -> list[web.RouteDef]:
        posted = {
            "voice": self.voice,
            "after_stream": self.after_stream,
            "after_dial": self.after_dial,
            "fallback": self.fallback,
            "stream_status": self.stream_status,
            "stream_ended": self.stream_ended,
            "call_status": self.call_status,
            "answered_by": self.answered_by,
        }
        return [
            *(web.post(f"/twilio/{name}", handler) for name, handler in posted.items()),
            *(web.post(path, posted[name]) for name, path in self._settings.paths),
            web.get("/twilio/voice/preview", self.preview, allow_head=False),
            web.get("/twilio/fallback/preview", self.fallback_preview, allow_head=False),
            web.get("/version", self.version),
        ]

    async def voice(self, request: web.Request) -> web.Response:
        """A call comes in, or one that we placed was answered: connect it to our websocket."""
        form = await self._form(request, *_ON_CALL)
        call = form["CallSid"]
        if call in self._ended:
            raise _forbidden(request, "its call has ended")
        if self._live_calls() >= self._settings.max_calls:
            log.warning("refused: %d calls are live", self._live_calls(), extra={"call": call})
            # Whom we called has answered, and cannot be told any more that we are busy.
            return _twiml(hang_up() if _is_placed(form) else busy())
        begun = "who we called has answered" if _is_placed(form) else "a call comes in"
        log.info(begun, extra={"call": call})
        return _twiml(self._connected(form))

    async def preview(self, request: web.Request) -> web.Response:
        """What `voice` would answer, for operators."""
        self._check_reader(request)
        return _twiml(connect(self._settings, "preview-only"))

    async def fallback(self, request: web.Request) -> web.Response:
        """Twilio got no answer, or no useful one, from `voice`."""
        form = await self._form(request)
        log.warning("twilio_fallback", extra=_about(form, error=form.get("ErrorCode", "")[:10]))
        return _twiml(give_up(self._settings))

    async def fallback_preview(self, request: web.Request) -> web.Response:
        """What `fallback` answers, to be kept where it is found when we are not."""
        self._check_reader(request)
        return _twiml(give_up(self._settings))

    async def after_stream(self, request: web.Request) -> web.Response:
        """The stream is over and the caller is still there."""
        form = await self._form(request, *_ON_CALL)
        if self._is_over(form):
            return _twiml(hang_up())
        match self._outcomes.of(form["CallSid"]):
            case HungUpByUs():
                return _twiml(hang_up())
            case Transferred(key) if key in self._settings.transfers:
                return _twiml(dial(self._settings, self._settings.transfers[key]))
            case Transferred(key):
                log.error("KAV_TRANSFERS has no %r", key, extra=_about(form))
                return self._resumed(form, "unanswered")
            case None:
                log.warning("the media stream was lost", extra=_about(form))
                return self._resumed(form, "dropped")
            case outcome:
                assert_never(outcome)

    async def after_dial(self, request: web.Request) -> web.Response:
        """Whom the caller was given to has hung up, or did not answer."""
        form = await self._form(request, *_ON_CALL, "DialCallStatus")
        status = form["DialCallStatus"]
        log.info("twilio_dial", extra=_about(form, status=status))
        if status not in _UNANSWERED or self._is_over(form):
            return _twiml(hang_up())
        self._outcomes.forget(form["CallSid"])
        if self._takes_none():
            return _twiml(give_up(self._settings))
        return _twiml(self._connected(form, "unanswered"))

    async def stream_status(self, request: web.Request) -> web.Response:
        form = await self._form(request, "StreamEvent")
        event, error = form["StreamEvent"], form.get("StreamError", "")[:200]
        # Twilio tells here, and nowhere else, why it could not open a stream.
        level = logging.WARNING if event == "stream-error" else logging.INFO
        log.log(level, "twilio_stream", extra=_about(form, what=event, error=error))
        return web.Response(status=204)

    async def stream_ended(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        log.info("twilio_stream", extra=_about(form, what="ended"))
        return web.Response(status=204)

    async def call_status(self, request: web.Request) -> web.Response:
        form = await self._form(request, "CallStatus")
        status = form["CallStatus"]
        log.info("twilio_call", extra=_about(form, status=status))
        if status in _OVER:
            self._ended.add(form["CallSid"])
        self._note_down(form)
        return web.Response(status=204)

    async def answered_by(self, request: web.Request) -> web.Response:
        """Whether a person or a machine has answered the call that we placed."""
        form = await self._form(request, "AnsweredBy")
        log.info("twilio_answered", extra=_about(form, by=form["AnsweredBy"][:30]))
        self._note_down(form)
        return web.Response(status=204)

    def _note_down(self, form: MultiDict[str]) -> None:
        """What became of the call, should it be one that we placed."""
        found = outcome(form.get("CallStatus", ""), form.get("AnsweredBy", ""))
        if found is not None:
            self._placed_ended(form["CallSid"], found)

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"name": "kav", "version": VERSION, "status": "ok"})

    def _connected(self, form: MultiDict[str], back: Back = "") -> VoiceResponse:
        caller, called = _party(form, "From"), _party(form, "To")
        placed = _is_placed(form)
        if placed:  # from our number, to the person whom the agent talks with
            caller, called = called, caller
        token = self._tickets.issue(form["CallSid"], caller, called, _now(), back, outbound=placed)
        return connect(self._settings, token)

    def _resumed(self, form: MultiDict[str], back: Back) -> web.Response:
        if self._takes_none():
            return _twiml(give_up(self._settings))
        if self._resumes.another(form["CallSid"], _now()):
            return _twiml(self._connected(form, back))
        log.error("the call is lost again and again: it is given up", extra=_about(form))
        return _twiml(give_up(self._settings))

    def _is_over(self, form: MultiDict[str]) -> bool:
        return form.get("CallStatus") in _OVER or form["CallSid"] in self._ended

    def _check_reader(self, request: web.Request) -> None:
        """Who is on this machine may read what we would answer, and Twilio."""
        url = self._settings.http(request.path)
        signed = self._signatures.checked and self._signatures.genuine(request, url, MultiDict())
        if not signed and not _is_local(request):
            why = "it is neither signed nor from this machine"
            raise self._signatures.refusal(request, why)

    async def _form(self, request: web.Request, *needed: str) -> MultiDict[str]:
        """The fields of a request that Twilio has signed; any other request ends here."""
        refusal = self._signatures.refusal
        if self._signatures.missing(request):
            raise refusal(request)
        if request.content_type != "application/x-www-form-urlencoded":
            raise refusal(request, "it is not a form")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.clone(client_max_size=MAX_BODY).read()
            # Blank fields are signed too.
            pairs = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except (ValueError, TimeoutError, web.RequestPayloadError):
            raise refusal(request, "its form cannot be read") from None
        form = MultiDict(pairs)
        if not self._signatures.genuine(request, self._settings.http(request.path), form):
            raise refusal(request)
        if not _is_whole(form, needed):
            raise _forbidden(request, "its fields are not Twilio's")
        if self._settings.account not in ("", form["AccountSid"]):
            raise _forbidden(request, "its account is not ours")
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


def dial(settings: TwilioSettings, number: str) -> VoiceResponse:
    """Gives the caller to somebody; who does not answer gives him back to us."""
    response = VoiceResponse()
    response.dial(
        number, action=settings.http("/twilio/after_dial"), method="POST", timeout=DIAL_SECONDS
    )
    return response


def give_up(settings: TwilioSettings) -> VoiceResponse:
    """We cannot keep the caller: an apology, and the fall-back number if there is one."""
    response = VoiceResponse()
    apology = settings.passing_on if settings.fallback else settings.apology
    if apology:
        response.say(apology, language=settings.apology_language)
    if settings.fallback:
        response.dial(settings.fallback, timeout=DIAL_SECONDS)
    response.hangup()
    return response


def hang_up() -> VoiceResponse:
    response = VoiceResponse()
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


def _is_whole(form: MultiDict[str], needed: Iterable[str]) -> bool:
    """What we read was not cut otherwise than Twilio cuts it."""
    return (
        all(_FIELD.fullmatch(name) for name in form)
        and all(len(form.getall(name, [])) == 1 for name in needed)
        and not any(_SWALLOWED.search(value) for value in form.values())
        and _ids_are_right(form)
        and all(_is_party(value) for name in _PARTIES for value in form.getall(name, []))
        and all(_WORD.fullmatch(value) for name in _WORDS for value in form.getall(name, []))
    )


def _ids_are_right(form: MultiDict[str]) -> bool:
    return all(
        len(values := form.getall(name, [])) == 1 and pattern.fullmatch(values[0])
        for name, pattern in (("CallSid", _CALL), ("AccountSid", _ACCOUNT))
    )


def _is_party(value: str) -> bool:
    """What begins like a telephone number has to be one."""
    return value[:1] not in "+0123456789" or not value or bool(_NUMBER.fullmatch(value))


def _about(form: MultiDict[str], **facts: str) -> dict[str, object]:
    return {"call": form["CallSid"], "facts": facts}


def _is_placed(form: MultiDict[str]) -> bool:
    """Whether it is a call of ours (`outbound-api`)."""
    return form.get("Direction", "").startswith("outbound")


def _party(form: MultiDict[str], name: str) -> str:
    """A number, a SIP address or a client's name; empty if it could be anything else."""
    party = form.get(name, "")
    return party if _PARTY.fullmatch(party) else ""


def _is_local(request: web.Request) -> bool:
    """A proxy on this machine asks for somebody else."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _now() -> float:
    return asyncio.get_running_loop().time()


def _forbidden(request: web.BaseRequest, why: str) -> web.HTTPForbidden:
    log.warning("a request for %s is refused: %s", request.path, why)
    return web.HTTPForbidden(text="")


def _twiml(response: VoiceResponse) -> web.Response:
    return web.Response(text=str(response), content_type="text/xml")
