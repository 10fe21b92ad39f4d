"""The webhooks as Twilio, and as everybody else, meets them."""

import asyncio
import functools
import itertools
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bridge.notes import NotesInMemory
from bridge.ticker import Ticker
from bridge.twilio_media import PlacedEnded, TwilioSettings, add_routes, unrecorded
from bridge.twilio_media.tokens import Outcomes, Tickets, Transferred
from bridge.twilio_media.webhooks import (
    ENDED_CALLS,
    Ended,
    Resumes,
    connect,
    dial,
    give_up,
)
from engine.ports import Call, CallFacts, Line
from engine.store.opening import Store, open_store
from tests.bench.twilio_forgeries import forge

CALL = "CAf4e6a1b7c2d93e58a0b1c2d3e4f50617"
ACCOUNT = "AC5ef8732a3c49700934481addd5ce1659"
SECRET = "0123456789abcdef"
PUBLIC = "https://kav.example/line"
SETTINGS = TwilioSettings(PUBLIC, SECRET)
STATUSES = ["/twilio/stream_status", "/twilio/stream_ended", "/twilio/call_status"]
STATUSES += ["/twilio/answered_by"]
POSTS = [
    "/twilio/voice",
    "/twilio/after_stream",
    "/twilio/after_dial",
    "/twilio/fallback",
    *STATUSES,
]
FALLBACK = "+97239876543"
FORM = {
    "CallSid": CALL,
    "AccountSid": ACCOUNT,
    "From": "+972501234567",
    "To": "+97231234567",
    "CallStatus": "ringing",
    "AnsweredBy": "human",
    "DialCallStatus": "busy",
    "StreamEvent": "stream-started",
    "CallerName": "",
    "FromCity": "תל אביב",
}


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        asyncio.run(test(*args, **kwargs))

    marked: Callable[..., None] = pytest.mark.e2e(run)
    return marked


def sign(url: str, form: Mapping[str, str], token: str = SECRET) -> dict[str, str]:
    signature = RequestValidator(token).compute_signature(url, form)
    return {"X-Twilio-Signature": signature}


def no_calls(facts: CallFacts, line: Line) -> Call:
    raise AssertionError("no stream is opened here")


@dataclass
class Door:
    url: str
    http: aiohttp.ClientSession

    async def post(self, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        """As Twilio posts, signed."""
        form = FORM if form is None else form
        return await self.send(path, data=dict(form), headers=sign(PUBLIC + path, form))

    async def send(self, path: str, **kwargs: Any) -> tuple[int, str]:
        async with self.http.post(self.url + path, **kwargs) as answer:
            return answer.status, await answer.text()

    async def get(self, path: str, **kwargs: Any) -> tuple[int, str]:
        async with self.http.get(self.url + path, **kwargs) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def door(
    settings: TwilioSettings = SETTINGS, placed_ended: PlacedEnded = unrecorded
) -> AsyncIterator[Door]:
    app = web.Application()
    add_routes(
        app, open_call=no_calls, ticker=Ticker(), settings=settings, placed_ended=placed_ended
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    # A connection for each request: what is refused may end its connection.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        try:
            yield Door(f"http://127.0.0.1:{runner.addresses[0][1]}", http)
        finally:
            await runner.cleanup()


@on_loop
async def test_a_call_is_connected_to_the_public_stream() -> None:
    async with door() as it:
        status, text = await it.post("/twilio/voice")
    assert status == 200
    verbs = list(ET.fromstring(text))
    assert [verb.tag for verb in verbs] == ["Connect", "Redirect"]
    stream = verbs[0][0]
    assert stream.get("url") == "wss://kav.example/line/ws/twilio-media"
    assert stream.get("statusCallback") == f"{PUBLIC}/twilio/stream_status"
    assert [child.get("name") for child in stream] == ["token"]
    assert len(stream[0].get("value", "")) >= 22  # 128 bits in base64
    assert verbs[1].text == f"{PUBLIC}/twilio/after_stream"
    assert "972" not in text


@on_loop
async def test_a_repeated_request_gets_the_same_answer() -> None:
    async with door() as it:
        assert await it.post("/twilio/voice") == await it.post("/twilio/voice")


@on_loop
async def test_the_preview_shows_the_answer_without_a_real_token() -> None:
    async with door() as it:
        status, text = await it.get("/twilio/voice/preview")
    assert status == 200
    assert text == str(connect(SETTINGS, "preview-only"))


PREVIEWS = ["/twilio/voice/preview", "/twilio/fallback/preview"]


@pytest.mark.parametrize("path", PREVIEWS)
@on_loop
async def test_a_preview_is_for_this_machine_or_signed(path: str) -> None:
    through_a_proxy = {"X-Forwarded-For": "127.0.0.1"}
    async with door(replace(SETTINGS, fallback=FALLBACK)) as it:
        assert (await it.get(path))[0] == 200
        assert await it.get(path, headers=through_a_proxy) == (403, "")
        signed = through_a_proxy | sign(PUBLIC + path, {})
        assert (await it.get(path, headers=signed))[0] == 200
    async with door(replace(SETTINGS, auth_token=None)) as it:
        assert await it.get(path, headers=through_a_proxy) == (403, "")


@pytest.mark.parametrize("path", STATUSES)
@on_loop
async def test_status_callbacks_are_taken_with_204(path: str) -> None:
    form = {**FORM, "StreamEvent": "stream-error", "StreamError": "handshake\nfailed"}
    async with door() as it:
        assert await it.post(path, form) == (204, "")


@on_loop
async def test_version_says_who_is_here() -> None:
    async with door() as it, it.http.get(it.url + "/version") as answer:
        body = await answer.json()
    assert answer.status == 200
    assert body["name"] == "kav"
    assert body["version"]


@pytest.mark.parametrize("path", ["/twilio/voice", "/ws/twilio-media"])
@on_loop
async def test_who_goes_on_without_a_signature_is_not_listened_to_and_twilio_is(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask = "POST" if path == "/twilio/voice" else "GET"
    async with door() as it:
        told: list[int] = []
        while 429 not in told and len(told) < 1000:
            async with it.http.request(ask, it.url + path) as answer:
                told.append(answer.status)
        assert {*told} == {403, 429}
        assert caplog.text.count("is refused") == told.count(403)
        assert (await it.post("/twilio/voice"))[0] == 200, "from the same address"


@pytest.mark.parametrize("path", POSTS)
@on_loop
async def test_what_twilio_did_not_sign_is_refused_with_nothing(path: str) -> None:
    right = sign(PUBLIC + path, FORM)
    async with door() as it:
        assert await it.send(path, data=FORM) == (403, "")
        assert await it.send(path, data=FORM, headers={"X-Twilio-Signature": ""}) == (403, "")
        assert await it.send(path, data=FORM, headers=sign(it.url + path, FORM)) == (403, "")
        other = sign(PUBLIC + path, FORM, token="another")
        assert await it.send(path, data=FORM, headers=other) == (403, "")
        assert await it.send(path, data={**FORM, "To": "+1900"}, headers=right) == (403, "")
        assert await it.send(path, data={**FORM, "X": ""}, headers=right) == (403, "")
        assert await it.send(path + "?a=1", data=FORM, headers=right) == (403, "")
        assert await it.send(path, json=FORM, headers=right) == (403, "")
        assert await it.send(path, data=b"", headers=right) == (403, "")
        assert (await it.get(path))[0] == 405


@on_loop
async def test_a_query_of_ours_is_part_of_what_is_signed() -> None:
    path = "/twilio/call_status?from=console&x=%D7%90"
    async with door() as it:
        assert (await it.post(path))[0] == 204


@on_loop
async def test_signed_fields_that_were_cut_elsewhere_are_refused() -> None:
    """Twilio signs names and values joined, so these are signed like `FORM`."""
    path = "/twilio/voice"
    headers = sign(PUBLIC + path, FORM)
    named = {name: value for name, value in FORM.items() if name != "FromCity"}
    named |= {"FromCityתל": " אביב"}
    lost = {name: value for name, value in FORM.items() if name != "CallSid"}
    lost |= {"CallS": "id" + CALL}
    swallowed = {name: value for name, value in FORM.items() if name != "CallStatus"}
    swallowed["CallSid"] += "CallStatusringing"
    numbered = {name: value for name, value in FORM.items() if name != "FromCity"}
    numbered["From"] += "FromCity" + FORM["FromCity"]
    longer = {name: value for name, value in FORM.items() if name != "CallerName"}
    longer["CallStatus"] += "CallerName"
    hidden = {name: value for name, value in FORM.items() if name != "AnsweredBy"}
    hidden["AccountSid"] += "AnsweredByhuman"
    async with door() as it:
        for form in (named, lost, swallowed, numbered, longer, hidden):
            assert RequestValidator(SECRET).validate(
                PUBLIC + path, form, headers["X-Twilio-Signature"]
            )
            assert await it.send(path, data=form, headers=headers) == (403, "")


@on_loop
async def test_ids_that_are_not_twilios_are_refused() -> None:
    async with door() as it:
        for wrong in ({"CallSid": "CA1"}, {"AccountSid": ""}, {"CallSid": CALL + "\n"}):
            assert await it.post("/twilio/voice", {**FORM, **wrong}) == (403, "")


@on_loop
async def test_another_account_is_refused() -> None:
    async with door(replace(SETTINGS, account=ACCOUNT)) as it:
        for path in POSTS:
            other = {**FORM, "AccountSid": "AC" + 32 * "0"}
            assert await it.post(path, other) == (403, "")
            assert (await it.post(path))[0] in (200, 204)


@on_loop
async def test_while_the_token_is_changed_both_are_good() -> None:
    async with door(replace(SETTINGS, old_auth_token="the old one")) as it:
        for token, status in [(SECRET, 204), ("the old one", 204), ("the next one", 403)]:
            signed = sign(PUBLIC + STATUSES[0], FORM, token)
            assert (await it.send(STATUSES[0], data=FORM, headers=signed))[0] == status


@on_loop
async def test_the_paths_of_an_older_bridge_are_signed_as_they_are_asked() -> None:
    paths = [("voice", "/webhook/voice"), ("call_status", "/old/status")]
    async with door(replace(SETTINGS, paths=paths)) as it:
        assert await it.post("/webhook/voice") == await it.post("/twilio/voice")
        assert (await it.post("/old/status"))[0] == 204
        new = sign(PUBLIC + "/twilio/voice", FORM)
        assert await it.send("/webhook/voice", data=FORM, headers=new) == (403, "")


@on_loop
async def test_what_a_webhook_needs_must_be_there_once() -> None:
    async with door() as it:
        for path, name in [
            ("voice", "From"),
            ("voice", "To"),
            ("after_stream", "From"),
            ("after_stream", "CallStatus"),
            ("after_dial", "DialCallStatus"),
            ("call_status", "CallStatus"),
            ("answered_by", "AnsweredBy"),
            ("stream_status", "StreamEvent"),
        ]:
            form = {known: value for known, value in FORM.items() if known != name}
            assert await it.post(f"/twilio/{path}", form) == (403, "")


def token_in(twiml: str) -> str:
    parameter = ET.fromstring(twiml).find("./Connect/Stream/Parameter")
    assert parameter is not None
    return parameter.get("value", "")


@on_loop
async def test_a_lost_call_is_connected_again_three_times_then_given_up() -> None:
    async with door(replace(SETTINGS, fallback=FALLBACK)) as it:
        first = token_in((await it.post("/twilio/voice"))[1])
        again = [token_in((await it.post("/twilio/after_stream"))[1]) for _ in range(3)]
        assert {*again} == {again[0]} != {first}
        last = ET.fromstring((await it.post("/twilio/after_stream"))[1])
        assert [verb.tag for verb in last] == ["Say", "Dial", "Hangup"]
        assert last[1].text == FALLBACK
        other = {**FORM, "CallSid": "CA" + 32 * "1"}
        assert "<Connect>" in (await it.post("/twilio/after_stream", other))[1]


@on_loop
async def test_who_is_not_answered_comes_back_and_who_was_is_done() -> None:
    async with door() as it:
        for status in ("busy", "no-answer", "failed", "canceled"):
            form = {**FORM, "CallStatus": "in-progress", "DialCallStatus": status}
            assert "<Connect>" in (await it.post("/twilio/after_dial", form))[1]
        for status in ("completed", "answered", "new-to-us"):
            form = {**FORM, "CallStatus": "in-progress", "DialCallStatus": status}
            assert "<Hangup />" in (await it.post("/twilio/after_dial", form))[1]


@on_loop
async def test_nothing_begins_in_the_name_of_a_call_that_has_ended() -> None:
    async with door() as it:
        form = {**FORM, "CallStatus": "completed"}
        for path in ("/twilio/after_stream", "/twilio/after_dial"):
            gone = {**form, "DialCallStatus": "busy"}
            assert "<Hangup />" in (await it.post(path, gone))[1]
        assert (await it.post("/twilio/call_status", form))[0] == 204
        assert await it.post("/twilio/voice") == (403, "")
        assert "<Hangup />" in (await it.post("/twilio/after_stream"))[1]


@on_loop
async def test_status_callbacks_in_any_order_and_number_end_the_same() -> None:
    told = ["initiated", "ringing", "in-progress", "completed"]
    dice = random.Random(3)
    async with door() as it:
        for number in range(8):
            call = f"CA{number:032x}"
            for status in dice.sample(told * 2, k=8):
                place = str(told.index(status))
                form = {**FORM, "CallSid": call, "CallStatus": status, "SequenceNumber": place}
                assert await it.post("/twilio/call_status", form) == (204, "")
            assert (await it.post("/twilio/voice", {**FORM, "CallSid": call}))[0] == 403


async def place(store: Store, call: str = CALL) -> None:
    """This call is one of ours."""
    key = await store.outbound.place(FORM["From"], "asked for a call", lambda *_: None)
    await store.outbound.on_line(key, call)


async def outcomes(store: Store) -> list[str | None]:
    await store.records.written()
    return [call.outcome for call in await store.outbound.last(99)]


@on_loop
async def test_what_became_of_a_call_of_ours_is_kept_in_whatever_order_it_is_told(
    tmp_path: Path,
) -> None:
    told = [
        {"CallStatus": "in-progress"},
        {"AnsweredBy": "machine_end_beep"},
        {"CallStatus": "completed"},
    ]
    async with (
        open_store(f"sqlite:///{tmp_path}/kav.sqlite") as store,
        door(placed_ended=store.records.placed_ended) as it,
    ):
        for number, order in enumerate(itertools.permutations(told)):
            ids = {"CallSid": f"CA{number:032x}", "AccountSid": ACCOUNT}
            await place(store, ids["CallSid"])
            for one in (*order, order[0]):
                path = "answered_by" if "AnsweredBy" in one else "call_status"
                assert await it.post(f"/twilio/{path}", ids | one) == (204, "")
        busy = {**FORM, "CallStatus": "busy", "AnsweredBy": ""}
        assert await it.post("/twilio/call_status", busy) == (204, "")  # none of ours
        assert await outcomes(store) == 6 * ["machine"]


@on_loop
async def test_a_database_that_cannot_be_written_holds_up_no_callback(tmp_path: Path) -> None:
    path = tmp_path / "kav.sqlite"
    async with open_store(f"sqlite:///{path}") as store:
        await place(store)
        async with door(placed_ended=store.records.placed_ended) as it:
            with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
                somebody.execute("BEGIN EXCLUSIVE")
                form = {**FORM, "CallStatus": "no-answer", "AnsweredBy": ""}
                assert await it.post("/twilio/call_status", form) == (204, "")
                somebody.execute("ROLLBACK")
            assert await outcomes(store) == ["no answer"]


@on_loop
async def test_whom_we_called_is_not_told_that_we_are_busy() -> None:
    async with door(replace(SETTINGS, max_calls=0)) as it:
        assert "<Reject" in (await it.post("/twilio/voice"))[1]
        ours = {**FORM, "Direction": "outbound-api"}
        assert "<Hangup />" in (await it.post("/twilio/voice", ours))[1]


@on_loop
async def test_the_fallback_apologizes_and_calls_somebody() -> None:
    form = {**FORM, "ErrorCode": "11200", "ErrorUrl": f"{PUBLIC}/twilio/voice"}
    async with door(replace(SETTINGS, fallback=FALLBACK)) as it:
        status, text = await it.post("/twilio/fallback", form)
        assert (status, text) == await it.get("/twilio/fallback/preview")
    assert [verb.tag for verb in ET.fromstring(text)] == ["Say", "Dial", "Hangup"]
    assert FALLBACK in text


@on_loop
async def test_a_large_body_is_refused() -> None:
    form = {**FORM, "SpeechResult": "a" * 70_000}
    async with door() as it:
        assert (await it.post("/twilio/call_status", form))[0] == 413


def _odd_request(dice: random.Random) -> dict[str, Any]:
    """What somebody who is not Twilio might send."""
    letters = "aA0=&%+;\\\"'{}[]<>\x00\x7f\xff א"
    junk = "".join(dice.choice(letters) for _ in range(dice.randrange(60))).encode()
    types = [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=nonsense",
        "application/json",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "/",
        "",
    ]
    signatures = ["", "x", "é" * 28, "A" * 27 + "=", "\t", "a" * 5000]
    headers = {
        "Content-Type": dice.choice(types),
        "X-Twilio-Signature": dice.choice(signatures),
        "Host": dice.choice(["kav.example", "kav.example:0", "[::1", "a b", "x:99999999"]),
        "X-Forwarded-Proto": dice.choice(["https", "wss", ""]),
    }
    if dice.random() < 0.2:
        headers["Content-Encoding"] = dice.choice(["gzip", "deflate", "br", "what"])
    if dice.random() < 0.2:
        del headers["X-Twilio-Signature"]
    return {"data": junk, "headers": headers}


@on_loop
async def test_nothing_that_is_sent_makes_a_500_or_an_effect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    dice = random.Random(4)
    queries = ["", "?bodySHA256=1", "?a=%00", "?[", "?a=%ed%a0%80", "?" + "a&" * 300]
    async with door() as it:
        for _ in range(300):
            path = dice.choice(POSTS) + dice.choice(queries)
            status, _ = await it.send(path, skip_auto_headers=["Accept"], **_odd_request(dice))
            assert 400 <= status < 500


@on_loop
async def test_no_forgery_has_an_effect(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    found = await forge(600, seed=5)
    assert found.effects == []
    assert found.errors == 0
    assert min(found.kinds.values()) > 20


RAW = [
    "POST {path} HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST http://kav.example:99999{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "POST http://[::1{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "POST {path}#f HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\na",
    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\nzz",
    "POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\nzz\r\n",
    "GET /ws/twilio-media HTTP/1.1\r\nHost: x:y:z\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nX-Twilio-Signature: \xff\r\n\r\n",
]


@pytest.mark.parametrize("raw", RAW)
@on_loop
async def test_odd_requests_by_hand_get_4xx(raw: str) -> None:
    async with door() as it:
        port = int(it.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw.format(path="/twilio/voice").encode("latin-1"))
        async with asyncio.timeout(5):
            line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert line.split()[1].startswith(b"4"), line


@on_loop
async def test_without_a_token_nothing_is_checked_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with door(replace(SETTINGS, auth_token=None)) as it:
        for _ in range(2):
            status, text = await it.send("/twilio/voice", data=FORM)
            assert status == 200
            assert "<Connect>" in text
    assert caplog.text.count("no auth token is configured") == 1


def test_the_settings_show_no_secret_and_no_number() -> None:
    settings = replace(
        SETTINGS, old_auth_token="older", fallback=FALLBACK, transfers={"sales": "+1"}
    )
    for hidden in (SECRET, "older", FALLBACK, "+1"):
        assert hidden not in repr(settings)


def test_a_call_is_resumed_three_times_a_minute() -> None:
    resumes = Resumes()
    times = [0.0, 10.0, 20.0, 30.0, 59.9, 60.1, 61.0, 70.1]
    told = [resumes.another(CALL, time) for time in times]
    assert told == [True, True, True, False, False, True, False, True]
    assert resumes.another("CA0", 30.0)


def test_what_is_kept_of_calls_does_not_pile_up() -> None:
    tickets, outcomes, resumes, ended = Tickets(), Outcomes(), Resumes(), Ended()
    for number in range(1000):
        call, now = f"CA{number}", number * 1.0
        tickets.redeem(call, tickets.issue(call, "", "", now), now)
        tickets.issue(call, "", "", now, "dropped")
        outcomes.note(call, Transferred("sales"), now)
        resumes.another(call, now)
    for number in range(ENDED_CALLS + 1):
        ended.add(f"CA{number}")
        ended.add(f"CA{number}")
    for notes in (tickets._waiting, tickets._used, outcomes._known):
        assert isinstance(notes, NotesInMemory)
        assert len(notes._notes) <= 61
    assert len(resumes._times) <= 61
    assert "CA0" not in ended
    assert "CA1" in ended
    assert len(ended._known) == len(ended._order) == ENDED_CALLS


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@given(token=TEXT, apology=TEXT, number=TEXT)
def test_twiml_is_well_formed_whatever_is_in_it(token: str, apology: str, number: str) -> None:
    settings = TwilioSettings(PUBLIC, None, apology=apology, passing_on=apology, fallback=number)
    stream = ET.fromstring(str(connect(settings, token))).find("./Connect/Stream/Parameter")
    assert stream is not None
    assert stream.get("value") == token
    ET.fromstring(str(give_up(settings)))
    verb = ET.fromstring(str(dial(settings, number))).find("./Dial")
    assert verb is not None
    assert (verb.text or "") == number
    assert (verb.get("action"), verb.get("timeout")) == (f"{PUBLIC}/twilio/after_dial", "20")
