"""Twilio in front of a bridge: its requests about one call, signed, and the stream it opens."""

from urllib.parse import urlsplit

import aiohttp

from bridge.rehearsal.twilio_phone import Caller, read_twiml, signature, webhook_form


class Twilio:
    """What it is told is `public_url`; where that really is, `at`."""

    def __init__(
        self, http: aiohttp.ClientSession, *, at: str, public_url: str, token: str | None = None
    ) -> None:
        self._http = http
        self._at = at
        self._public_url = public_url
        self._token = token
        self._caller = Caller()

    async def ask(self, path: str, **more: str) -> tuple[int, str]:
        """A webhook, with `more` fields; the status, and what was answered."""
        form = webhook_form(self._caller) | more
        headers = {}
        if self._token is not None:
            signed = signature(self._token, self._public_url + path, form)
            headers["X-Twilio-Signature"] = signed
        async with self._http.post(self._at + path, data=form, headers=headers) as answer:
            return answer.status, await answer.text()

    async def connect(self, twiml: str) -> aiohttp.ClientWebSocketResponse:
        """Opens the stream that the TwiML asks for."""
        stream = read_twiml(twiml, self._public_url, [])
        path = urlsplit(stream.url).path
        headers = {}
        if self._token is not None:
            headers["x-twilio-signature"] = signature(self._token, stream.url)
        socket = await self._http.ws_connect(self._at + path, headers=headers)
        start = {
            "streamSid": "MZ1",
            "accountSid": self._caller.account_sid,
            "callSid": self._caller.call_sid,
            "tracks": ["inbound"],
            "customParameters": stream.parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        message = {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start}
        await socket.send_json(message)
        return socket
