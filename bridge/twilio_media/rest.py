"""What we ask of Twilio about a call, by its REST API: hang up, transfer, digits, recording, a new
call. Each request is sent once, ends in time, and goes only to numbers that were configured or that
the rules of outbound calls let through."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self, TypeVar

from aiohttp import ClientConnectorError, ClientError, encode_basic_auth
from twilio.base import values  # type: ignore[import-untyped]  # it ships no types
from twilio.base.exceptions import (  # type: ignore[import-untyped]  # it ships no types
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http.async_http_client import (  # type: ignore[import-untyped]  # it ships no types
    AsyncTwilioHttpClient,
)
from twilio.rest import Client  # type: ignore[import-untyped]  # it ships no types
from twilio.twiml.voice_response import (  # type: ignore[import-untyped]  # it ships no types
    VoiceResponse,
)

from bridge.outbound import Allowed, Outcome
from bridge.twilio_media.outcome import outcome

LIMIT = 5.0
"""Seconds for one request. The client has no limit of its own that holds."""
RING_SECONDS = 30
MOST_RECORDINGS = 50
"""Of one call: each time that the caller comes back there is another."""
_GONE = {20404, 21220}
"""Not found; not in progress: whatever was to end has ended."""
_CALL = re.compile(r"CA[0-9a-fA-F]{32}")
_RECORDING = re.compile(r"RE[0-9a-fA-F]{32}")
_DIGITS = re.compile(r"[0-9A-D*#wW]{1,32}")
_LEAST_CODE = 10_000
"""Of Twilio's own; below it are those of HTTP."""
# The client tells every request and its form's numbers to its log, at INFO.
_SILENT = logging.Logger("twilio", logging.CRITICAL)

T = TypeVar("T")


class TwilioFailed(Exception):
    """Twilio did not do what it was asked; the message says what, and why, without a number."""


class Unsure(TwilioFailed):
    """Nobody knows whether Twilio did it."""


class WrongCredentials(TwilioFailed):
    """Twilio does not let us in."""


class _Gone(Exception):
    pass


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    sid: str
    user: str
    """An API key's SID, or the account's."""
    secret: str = field(repr=False)
    """The key's secret, or the account's auth token."""
    region: str = ""
    edge: str = ""
    endpoint: str = ""
    """A stand-in's base address; empty: Twilio itself."""


@dataclass(frozen=True, slots=True)
class CallStatus:
    status: str
    """Twilio's word: queued, ringing, in-progress, completed, busy, failed, no-answer, canceled."""
    answered_by: str
    duration: int | None
    """Seconds; None: it has not ended."""

    @property
    def outcome(self) -> Outcome | None:
        return outcome(self.status, self.answered_by)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Where Twilio asks and tells about a call that we place: whole URLs."""

    voice: str
    fallback: str
    status: str
    answered_by: str = ""
    """Told whether a person or a machine answered, while the call goes on; empty: nobody is, and
    the call's status tells it."""


@dataclass(frozen=True, slots=True)
class NumberSetup:
    """Where a telephone number sends its calls."""

    voice_url: str
    voice_method: str
    voice_fallback_url: str
    voice_fallback_method: str
    status_callback: str
    status_callback_method: str
    voice_application_sid: str = ""
    """An application, or a trunk, that takes the calls instead."""
    trunk_sid: str = ""


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    sid: str
    setup: NumberSetup


@asynccontextmanager
async def twilio_control(
    account: TwilioAccount, transfers: Mapping[str, str], *, limit: float = LIMIT
) -> AsyncGenerator["TwilioControl"]:
    """`transfers`: a telephone number for each key that a caller can be given to."""
    # It opens its session at once, so it needs a running loop.
    http = AsyncTwilioHttpClient(logger=_SILENT)
    try:
        yield TwilioControl(_client(account, http), transfers, limit)
    finally:
        await http.close()


@dataclass(frozen=True, slots=True)
class _Basic:
    """The client's own way is by `aiohttp.BasicAuth`, which aiohttp gives up."""

    user: str
    secret: str = field(repr=False)

    def to_auth_strategy(self) -> Self:
        return self

    def get_auth_string(self) -> str:
        return encode_basic_auth(self.user, self.secret)


def _client(account: TwilioAccount, http: AsyncTwilioHttpClient) -> Client:
    client = Client(
        account_sid=account.sid,
        credential_provider=_Basic(account.user, account.secret),
        http_client=http,
        # Not the process's own environment, which it would read.
        environment={"TWILIO_REGION": account.region, "TWILIO_EDGE": account.edge},
    )
    if account.endpoint:
        client.edge = client.region = None
        client.api.base_url = account.endpoint
    return client


class TwilioControl:
    """One object serves all calls. Every method raises `TwilioFailed`; those that return a bool
    say whether the call was still there, for one that has ended needs nothing more."""

    def __init__(self, client: Client, transfers: Mapping[str, str], limit: float) -> None:
        self._api = client.api.v2010.account
        self._transfers = transfers
        self._limit = limit

    async def hang_up(self, call: str) -> bool:
        return await self._change("hang up", call, status="completed")

    async def transfer(self, call: str, key: str, *, action: str = "") -> bool:
        """Gives the caller to the person of that key. `action`: the URL that is asked what to do
        when that call has ended or was not answered; without it the caller's call ends, too."""
        number = self._transfers.get(key)
        if number is None:
            raise TwilioFailed(f"transfer: no number is configured for {key[:32]!r}")
        response = VoiceResponse()
        response.dial(number, **({"action": action, "method": "POST"} if action else {}))
        return await self._change("transfer", call, twiml=str(response))

    async def send_digits(self, call: str, digits: str, *, then: str) -> bool:
        """Presses keys, `w` and `W` being pauses of 0.5 and 1 s. That ends the media stream: `then`
        is the URL whose TwiML goes on with the call."""
        if not _DIGITS.fullmatch(digits):
            raise TwilioFailed("send digits: expected up to 32 of 0-9 A-D * # w W")
        response = VoiceResponse()
        response.play(digits=digits)
        response.redirect(then, method="POST")
        return await self._change("send digits", call, twiml=str(response))

    async def status(self, call: str) -> CallStatus | None:
        """None: Twilio knows of no such call."""
        try:
            found = await self._ask("status", self._call(call).fetch_async())
        except _Gone:
            return None
        return _call_status(found)

    async def record(self, call: str) -> bool:
        """Both sides, each on its own channel, from now on."""
        asking = self._call(call).recordings.create_async(
            recording_channels="dual", trim="do-not-trim"
        )
        return await self._was_there("record", asking)

    async def stop_recording(self, call: str) -> bool:
        """The one that goes on now."""
        one = self._call(call).recordings("Twilio.CURRENT")
        return await self._was_there("stop a recording", one.update_async(status="stopped"))

    async def erase_recordings(self, call: str) -> bool:
        """Ends what goes on, and deletes all that was recorded of the call."""
        await self.stop_recording(call)
        recordings = self._call(call).recordings
        try:
            found = await self._ask("list recordings", recordings.list_async(limit=MOST_RECORDINGS))
        except _Gone:
            return False
        for one in found:
            if not _RECORDING.fullmatch(sid := _text(one.sid)):
                raise Unsure("list recordings: the answer is not Twilio's")
            await self._was_there("delete a recording", recordings(sid).delete_async())
        return bool(found)

    async def place(self, allowed: Allowed, *, caller_id: str, callbacks: Callbacks) -> str:
        """A new call, and its CallSid. Who answered is found out beside the conversation, which
        begins at once. After `Unsure` the call may be there all the same: never place it again."""
        asking = self._api.calls.create_async(
            to=allowed.number,
            from_=caller_id,
            url=callbacks.voice,
            fallback_url=callbacks.fallback,
            status_callback=callbacks.status,
            status_callback_event=["initiated", "ringing", "answered", "completed"],
            timeout=RING_SECONDS,
            time_limit=allowed.longest,
            machine_detection="DetectMessageEnd",
            async_amd="true",
            async_amd_status_callback=callbacks.answered_by or values.unset,
        )
        try:
            placed = await self._ask("place a call", asking)
        except _Gone:
            raise TwilioFailed("place a call: Twilio knows of no such account") from None
        if not _CALL.fullmatch(sid := _text(placed.sid)):
            raise Unsure("place a call: the answer is not Twilio's")
        return sid

    async def number(self, number: str) -> OwnedNumber | None:
        """The account's own number, written as E.164; None: it has no such number."""
        asking = self._api.incoming_phone_numbers.list_async(phone_number=number, limit=20)
        try:
            found = await self._ask("list numbers", asking)
        except _Gone:
            raise TwilioFailed("list numbers: Twilio knows of no such account") from None
        for one in found:
            if one.phone_number == number:
                return OwnedNumber(_text(one.sid), _setup(one))
        return None

    async def set_up(self, owned: OwnedNumber, setup: NumberSetup) -> NumberSetup:
        """Changes what differs, and nothing else. What is there now, as Twilio tells it."""
        there = asdict(owned.setup)
        changes = {name: it for name, it in asdict(setup).items() if it != there[name]}
        asking = self._api.incoming_phone_numbers(owned.sid).update_async(**changes)
        try:
            return _setup(await self._ask("set up the number", asking))
        except _Gone:
            raise TwilioFailed("set up the number: the account has it no more") from None

    async def _change(self, what: str, call: str, **changes: str) -> bool:
        return await self._was_there(what, self._call(call).update_async(**changes))

    async def _was_there(self, what: str, asking: Awaitable[object]) -> bool:
        try:
            await self._ask(what, asking)
        except _Gone:
            return False
        return True

    def _call(self, call: str) -> Any:  # the client ships no types
        if not _CALL.fullmatch(call):
            raise ValueError(f"expected CA and 32 hexadecimal digits, came {len(call)} characters")
        return self._api.calls(call)

    async def _ask(self, what: str, asking: Awaitable[T]) -> T:
        """Once: what was not answered may have been done."""
        try:
            async with asyncio.timeout(self._limit):
                return await asking
        except TimeoutError:
            raise Unsure(
                f"{what}: no answer within {self._limit:g} s; it may be done all the same"
            ) from None
        except TwilioException as error:
            raise _failure(what, error) from None
        except ClientConnectorError:
            raise TwilioFailed(f"{what}: Twilio cannot be reached") from None
        except (ClientError, OSError) as error:
            raise Unsure(f"{what}: {type(error).__name__}") from None
        except (ValueError, TypeError, AttributeError, KeyError):  # the client believes all it gets
            raise Unsure(f"{what}: the answer is not Twilio's") from None


def _failure(what: str, error: TwilioException) -> Exception:
    """By its code alone: Twilio's sentences quote telephone numbers."""
    status, code = _status_and_code(error)
    if code in _GONE or status == 404:
        return _Gone()
    if status == 401 or code == 403:
        return WrongCredentials(f"{what}: Twilio refuses the credentials ({code})")
    if status >= 500:
        return Unsure(f"{what}: Twilio answered {code}; it may be done all the same")
    where = f" (https://www.twilio.com/docs/errors/{code})" if code > _LEAST_CODE else ""
    return TwilioFailed(f"{what}: Twilio answered {code}{where}")


def _status_and_code(error: TwilioException) -> tuple[int, int]:
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return _whole(error.status), _whole(error.code)
    # A page that could not be had is a plain exception with the response as its second argument.
    status = _whole(getattr(error.args[-1] if error.args else None, "status_code", 0))
    return status, status


def _call_status(found: Any) -> CallStatus:  # the client ships no types
    duration = _text(found.duration)
    return CallStatus(
        _text(found.status),
        _text(found.answered_by),
        int(duration) if duration.isdecimal() else None,
    )


def _setup(found: Any) -> NumberSetup:  # the client ships no types
    return NumberSetup(**{one.name: _text(getattr(found, one.name)) for one in fields(NumberSetup)})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
