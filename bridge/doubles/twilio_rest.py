"""A stand-in for Twilio's REST API, as far as we use it: calls, their recordings, and the account's
telephone numbers. It answers as the real one does, errors included; nobody's phone rings."""

import asyncio
import enum
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

from bridge.doubles.latency import Latency
from bridge.doubles.seen import Seen

ACCOUNT = "AC" + 32 * "0"
KEY = "SK" + 32 * "0"
SECRET = "of-the-double"
NUMBER = "+97235550100"
_BASE = "/2010-04-01/Accounts/{account}"
_NOW = "Sun, 22 Nov 2026 10:00:00 +0000"
_ENDED = {"completed", "busy", "failed", "no-answer", "canceled"}
_METHODS = ("VoiceMethod", "VoiceFallbackMethod", "StatusCallbackMethod")
_OF_NUMBER = (
    *("VoiceUrl", "VoiceFallbackUrl", "StatusCallback", *_METHODS),
    *("VoiceApplicationSid", "TrunkSid", "FriendlyName"),
)


class Fault(enum.Enum):
    """What may be wrong with one answer."""

    STALL = "no answer, ever; what was asked is done all the same"
    DISCONNECT = "the connection breaks before the answer"
    BROKEN = "500"
    TOO_MANY = "429, code 20429"
    GONE = "404, code 20404"
    NOT_IN_PROGRESS = "400, code 21220"
    NO_CREDENTIALS = "401, code 20003"
    REDIRECT = "307, to the double itself"
    JUNK = "200 with a page of HTML"
    WRONG_TYPE = "200 with JSON that is nothing like the answer"


_ERRORS = {
    Fault.TOO_MANY: (429, 20429, "Too Many Requests"),
    Fault.GONE: (404, 20404, "The requested resource was not found"),
    Fault.NOT_IN_PROGRESS: (400, 21220, "Call is not in-progress. Cannot redirect."),
    Fault.NO_CREDENTIALS: (401, 20003, "Authenticate"),
}


@dataclass(frozen=True, slots=True)
class TwilioScript:
    numbers: tuple[str, ...] = (NUMBER,)
    """That the account has."""
    progress: tuple[tuple[str, str | None], ...] = ()
    """Of a call that was placed: its status, and who answered, each time that it is looked at."""
    latency: Latency = field(default_factory=Latency)
    faults: tuple[Fault | None, ...] = ()
    """Of the first requests, in their order; those after them are answered well."""


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    """After the account's."""
    form: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class TwilioDouble:
    """What the account has, and what was asked of it."""

    def __init__(self, script: TwilioScript) -> None:
        self.base = ""
        self.seen = Seen()
        self.asked: list[Asked] = []
        self.calls: dict[str, dict[str, Any]] = {}
        self.recordings: dict[str, dict[str, Any]] = {}
        self.numbers = {
            f"PN{index:032x}": _new_number(f"PN{index:032x}", number)
            for index, number in enumerate(script.numbers)
        }

    def call(self, status: str = "in-progress") -> str:
        """A call that is there already: its SID."""
        return self.add_call({"status": status, "direction": "inbound"})

    def add_call(self, told: dict[str, Any]) -> str:
        sid = f"CA{len(self.calls) + 1:032x}"
        self.calls[sid] = _new_call(sid) | told
        return sid


class _Refused(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@asynccontextmanager
async def serve_twilio_rest(
    script: TwilioScript | None = None, port: int = 0
) -> AsyncGenerator[TwilioDouble]:
    script = script or TwilioScript()
    double = TwilioDouble(script)
    service = _Service(script, double)
    app = web.Application(middlewares=[service.guard])
    app.add_routes(service.routes())
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        double.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield double
    finally:
        await runner.cleanup()


class _Service:
    def __init__(self, script: TwilioScript, double: TwilioDouble) -> None:
        self._script = script
        self._double = double
        self._random = Random(1)
        self._progress = iter(script.progress)

    def routes(self) -> list[web.RouteDef]:
        calls, numbers = f"{_BASE}/Calls", f"{_BASE}/IncomingPhoneNumbers"
        return [
            web.post(f"{calls}.json", self.create_call),
            web.get(f"{calls}/{{call}}.json", self.fetch_call),
            web.post(f"{calls}/{{call}}.json", self.update_call),
            web.post(f"{calls}/{{call}}/Recordings.json", self.create_recording),
            web.get(f"{calls}/{{call}}/Recordings.json", self.list_recordings),
            web.post(f"{calls}/{{call}}/Recordings/{{recording}}.json", self.update_recording),
            web.delete(f"{calls}/{{call}}/Recordings/{{recording}}.json", self.delete_recording),
            web.get(f"{numbers}.json", self.list_numbers),
            web.post(f"{numbers}/{{number}}.json", self.update_number),
        ]

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Keeps what is asked; who may; and the faults of the script."""
        with self._double.seen.request():
            form = await request.post()
            self._double.asked.append(
                Asked(
                    request.method,
                    request.path.partition(f"/Accounts/{ACCOUNT}")[2],
                    {name: tuple(map(str, form.getall(name))) for name in form},
                )
            )
            await asyncio.sleep(self._script.latency.draw(self._random))
            return await self._answer(request, handler)

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        index = len(self._double.asked) - 1
        fault = self._script.faults[index] if index < len(self._script.faults) else None
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        match fault:
            case Fault.BROKEN:
                return web.Response(status=500, text="<html>Internal Server Error</html>")
            case Fault.REDIRECT:
                return web.Response(status=307, headers={"Location": request.path_qs})
            case Fault.JUNK:
                return web.Response(text="<html>It works!</html>", content_type="text/html")
            case Fault.WRONG_TYPE:
                return web.json_response(["nothing", "like", "it"])
            case Fault.DISCONNECT:
                assert request.transport is not None
                request.transport.abort()
        try:
            _check_credentials(request)
            response: web.StreamResponse = await handler(request)
        except _Refused as refused:
            response = _error(refused.status, refused.code, str(refused))
        if fault is Fault.STALL:
            await asyncio.Event().wait()
        return response

    async def create_call(self, request: web.Request) -> web.Response:
        form = await request.post()
        to, caller = str(form.get("To", "")), str(form.get("From", ""))
        if not to:
            raise _Refused(400, 21201, "No 'To' number is specified")
        if not to.startswith("+"):
            raise _Refused(
                400, 21211, f"The number you are attempting to call, {to}, is not valid."
            )
        if caller not in {one["phone_number"] for one in self._double.numbers.values()}:
            raise _Refused(400, 21210, f"The source phone number, {caller}, is not yet verified.")
        if not {"Url", "Twiml", "ApplicationSid"} & set(form):
            raise _Refused(400, 21205, "Url parameter is required.")
        told = {"to": to, "from": caller, "status": "queued", "direction": "outbound-api"}
        return web.json_response(self._double.calls[self._double.add_call(told)], status=201)

    async def fetch_call(self, request: web.Request) -> web.Response:
        call = self._call(request)
        if call["direction"] == "outbound-api" and (step := next(self._progress, None)):
            call["status"], call["answered_by"] = step
        return web.json_response(call)

    async def update_call(self, request: web.Request) -> web.Response:
        call, form = self._call(request), await request.post()
        ends = str(form.get("Status", ""))
        if call["status"] in _ENDED or (not ends and call["status"] != "in-progress"):
            raise _Refused(400, 21220, "Call is not in-progress. Cannot redirect.")
        if ends in ("completed", "canceled"):
            call |= {"status": ends, "duration": "60", "end_time": _NOW}
        elif ends:
            raise _Refused(400, 21218, f"Invalid Status: {ends}")
        return web.json_response(call)

    async def create_recording(self, request: web.Request) -> web.Response:
        call = self._call(request)
        if call["status"] != "in-progress":
            raise _Refused(400, 21220, "Requested resource is not eligible for recording")
        sid = f"RE{len(self._double.recordings) + 1:032x}"
        self._double.recordings[sid] = _new_recording(sid, call["sid"])
        return web.json_response(self._double.recordings[sid], status=201)

    async def update_recording(self, request: web.Request) -> web.Response:
        if self._call(request)["status"] in _ENDED:
            raise _Refused(400, 21220, "Recording is not in-progress")
        recording = self._recording(request)
        recording["status"] = str((await request.post())["Status"])
        return web.json_response(recording)

    async def list_recordings(self, request: web.Request) -> web.Response:
        call = self._call(request)["sid"]
        found = [one for one in self._double.recordings.values() if one["call_sid"] == call]
        return web.json_response(_page(request, "recordings", found))

    async def delete_recording(self, request: web.Request) -> web.Response:
        del self._double.recordings[self._recording(request)["sid"]]
        return web.Response(status=204)

    def _recording(self, request: web.Request) -> dict[str, Any]:
        """That of the address; `Twilio.CURRENT` is the one that goes on."""
        call, sid = self._call(request)["sid"], request.match_info["recording"]
        for one in self._double.recordings.values():
            goes_on = sid == "Twilio.CURRENT" and one["status"] in ("in-progress", "paused")
            if one["call_sid"] == call and (goes_on or one["sid"] == sid):
                return one
        raise _not_found(request)

    async def list_numbers(self, request: web.Request) -> web.Response:
        """Twilio finds numbers by any part of them."""
        wanted = request.query.get("PhoneNumber", "")
        found = [one for one in self._double.numbers.values() if wanted in one["phone_number"]]
        return web.json_response(_page(request, "incoming_phone_numbers", found))

    async def update_number(self, request: web.Request) -> web.Response:
        number = self._double.numbers.get(request.match_info["number"])
        if number is None:
            raise _not_found(request)
        form = await request.post()
        for name in _METHODS:
            if form.get(name, "POST") not in ("GET", "POST"):
                raise _Refused(400, 21403, f"{name} is invalid")
        for name in _OF_NUMBER:
            if name in form:
                number[_snake(name)] = str(form[name])
        return web.json_response(number)

    def _call(self, request: web.Request) -> dict[str, Any]:
        call = self._double.calls.get(request.match_info["call"])
        if call is None:
            raise _not_found(request)
        return call


def _check_credentials(request: web.Request) -> None:
    pairs = {f"{user}:{SECRET}" for user in (ACCOUNT, KEY)}
    known = {f"Basic {b64encode(pair.encode()).decode()}" for pair in pairs}
    if request.headers.get("Authorization") not in known:
        raise _Refused(401, 20003, "Authenticate")
    if request.match_info["account"] != ACCOUNT:
        raise _not_found(request)


def _not_found(request: web.Request) -> _Refused:
    return _Refused(404, 20404, f"The requested resource {request.path} was not found")


def _error(status: int, code: int, message: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return web.json_response(body, status=status)


def _page(request: web.Request, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    size = int(request.query.get("PageSize", 50))
    return {
        name: found[:size],
        "uri": request.path_qs,
        "page": 0,
        "page_size": size,
        "start": 0,
        "end": max(0, len(found) - 1),
        "first_page_uri": request.path_qs,
        "next_page_uri": None,
        "previous_page_uri": None,
    }


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")


def _new_call(sid: str) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}"
    return {
        "sid": sid,
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "status": "queued",
        "to": NUMBER,
        "from": "+97235550111",
        "direction": "inbound",
        "price_unit": "USD",
        "queue_time": "0",
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        **dict.fromkeys(("date_created", "date_updated", "start_time"), _NOW),
        **dict.fromkeys(("end_time", "duration", "answered_by", "price", "caller_name")),
        **dict.fromkeys(("parent_call_sid", "forwarded_from", "group_sid", "trunk_sid")),
    }


def _new_recording(sid: str, call: str) -> dict[str, Any]:
    return {
        "sid": sid,
        "call_sid": call,
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "status": "in-progress",
        "channels": 2,
        "track": "both",
        "source": "StartCallRecordingAPI",
        "price_unit": "USD",
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{call}/Recordings/{sid}.json",
        **dict.fromkeys(("date_created", "date_updated", "start_time"), _NOW),
        **dict.fromkeys(("duration", "price", "error_code", "encryption_details")),
    }


def _new_number(sid: str, number: str) -> dict[str, Any]:
    """As one that was just bought: it answers with Twilio's demonstration."""
    return {
        "sid": sid,
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "phone_number": number,
        "friendly_name": number,
        "voice_url": "https://demo.twilio.com/welcome/voice/",
        "voice_receive_mode": "voice",
        "trunk_sid": None,
        "origin": "twilio",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{sid}.json",
        **dict.fromkeys(("date_created", "date_updated"), _NOW),
        **dict.fromkeys(("voice_fallback_url", "status_callback", "voice_application_sid"), ""),
        **dict.fromkeys((_snake(name) for name in _METHODS), "POST"),
    }
