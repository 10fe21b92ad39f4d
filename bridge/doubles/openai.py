"""A local server that speaks the wire of OpenAI's chat completions, and breaks it when told to.

What it answers by itself comes from our own rules for words: it has no model, and proves nothing
about one. Speech routes of the same service come from elsewhere (`also`)."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import count
from random import Random
from typing import Any

from aiohttp import web

from bridge.doubles.latency import Latency
from engine.dialogue.profile import Slot
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

Request = dict[str, Any]
"""A request's JSON."""
_PIECE = 4
"""Letters in a token, about."""


class Fault(Enum):
    """What goes wrong with a request."""

    KEY_REFUSED = "401"
    TOO_MANY = "429 without Retry-After"
    TOO_MANY_FOR_NOW = "429, Retry-After: 0"
    BROKEN = "500"
    REFUSED = "400, whatever is asked"
    NO_SCHEMAS = "400 to response_format json_schema, as some local servers"
    NO_ANSWER = "accepted, and then nothing"
    STALL = "stops in the middle, and stays open"
    DISCONNECT = "the connection breaks in the middle"
    NO_END = "talks for ever"
    HUGE = "100 kB in one token"
    BAD_JSON = "the content is not JSON"
    BAD_SCHEMA = "the content is JSON of another form"
    BAD_STREAM = "the chunks themselves are not JSON"
    NESTED = "a chunk of a hundred thousand brackets"
    UNKNOWN_TOOL = "calls a tool instead of answering"
    EMPTY = "an answer without a word"
    REFUSAL = "the refusal field"
    CUT = "finish_reason length, in the middle"
    WRONG_TYPE = "200 with a web page"


_STATUS = {
    Fault.REFUSED: (400, "Invalid request"),
    Fault.KEY_REFUSED: (401, "Incorrect API key provided: sk-secr**********. You can find…"),
    Fault.TOO_MANY: (429, "Rate limit reached for requests"),
    Fault.TOO_MANY_FOR_NOW: (429, "Rate limit reached for requests"),
    Fault.BROKEN: (500, "The server had an error while processing your request"),
}
_MIDDLE = {Fault.STALL, Fault.DISCONNECT, Fault.CUT}
_LACKS = 12
"""Letters that an answer lacks which breaks off: it is in its last sentence then."""
_FIRST_TOKEN = Latency(0.35, 0.8)


def by_rules(request: Request) -> str:
    """What our own rules make of the caller's words, in the form that is asked for."""
    told = request["messages"][-1]["content"]
    try:
        turn = json.loads(told)
        words = turn["caller"]
        known = {*turn["known"], *turn["no_preference"]}
    except (ValueError, TypeError, KeyError):
        words, known = told, set()  # another client's message: words alone
    profile = shipped_profile("shai")
    found = understand(words, profile)
    items = _items(found)
    learned = {"time" if one["what"] in ("day", "clock") else one["what"] for one in items}
    missing: Slot = next((slot for slot in profile.asked if slot not in known | learned), "time")
    answer = {
        "language": found.language or "other",
        "understood": items,
        "say": _SAY[found.language or "en"][missing],
    }
    return json.dumps(answer, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Script:
    answer: Callable[[Request], str] = by_rules
    """The content of the answer to a request."""
    first_token: Latency = _FIRST_TOKEN
    tokens_per_second: float = 80.0
    faults: tuple[Fault | None, ...] = ()
    """Of the first requests, in their order; those after them are answered well."""
    always: Fault | None = None
    """Of each request that `faults` does not reach."""
    seed: int = 1


class Seen:
    """What the double saw. Ask it, or wait for it: `await seen.until(lambda: seen.open == 0)`."""

    def __init__(self) -> None:
        self.requests = 0
        self.bodies: deque[Request] = deque(maxlen=100)
        """Of the last requests."""
        self.connections = 0
        self.open = 0
        """Answers on their way now."""
        self.closed_by_client = 0
        """Answers that the client did not want to the end."""
        self.tokens = 0
        self._news = asyncio.Event()

    def tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._news.wait()


@asynccontextmanager
async def serve_openai(
    script: Script,
    port: int = 0,
    *,
    seen: Seen | None = None,
    also: Callable[[web.Application], None] = lambda _: None,
) -> AsyncGenerator[str]:
    """Its base URL. `also` adds routes under /v1, of speech for example."""
    app = web.Application()
    service = _Service(script, seen or Seen())
    app.router.add_post("/v1/chat/completions", service.complete)
    app.router.add_get("/v1/models", service.models)
    also(app)
    # A handler is cancelled as soon as its client has gone: an answer that waits notices too.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


class _Service:
    def __init__(self, script: Script, seen: Seen) -> None:
        self._script = script
        self._seen = seen
        self._random = Random(script.seed)
        self._peers: set[object] = set()

    async def models(self, request: web.Request) -> web.Response:
        self._notice_connection(request)
        model = {"id": "double", "object": "model", "created": 0, "owned_by": "kav"}
        return web.json_response({"object": "list", "data": [model]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self._notice_connection(request)
        self._seen.requests += 1
        self._seen.bodies.append(asked)
        fault = self._fault(asked)
        if fault in _STATUS:
            return _error(fault)
        if fault is Fault.NO_SCHEMAS:
            return web.json_response(_error_body("response_format is not supported"), status=400)
        if fault is Fault.WRONG_TYPE:
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        if not asked.get("stream"):
            return self._at_once(asked)
        return await self._stream(request, asked, fault)

    def _notice_connection(self, request: web.Request) -> None:
        self._peers.add(request.get_extra_info("peername"))
        self._seen.connections = len(self._peers)

    def _fault(self, asked: Request) -> Fault | None:
        index = self._seen.requests - 1
        faults = self._script.faults
        fault = faults[index] if index < len(faults) else self._script.always
        form = asked.get("response_format", {}).get("type")
        return None if fault is Fault.NO_SCHEMAS and form != "json_schema" else fault

    def _at_once(self, asked: Request) -> web.Response:
        message = {"role": "assistant", "content": self._script.answer(asked), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "double"}
        return web.json_response({**head, "choices": [choice], "usage": usage})

    async def _stream(
        self, request: web.Request, asked: Request, fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        seen = self._seen
        seen.open += 1
        seen.tell()
        try:
            await response.prepare(request)
            await self._answer(_Wire(response, seen), asked, fault)
            if fault is Fault.DISCONNECT and request.transport is not None:
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            seen.closed_by_client += 1
            raise
        finally:
            seen.open -= 1
            seen.tell()
        return response

    async def _answer(self, wire: "_Wire", asked: Request, fault: Fault | None) -> None:
        await asyncio.sleep(self._script.first_token.draw(self._random))
        if fault is Fault.NO_ANSWER:
            await asyncio.Event().wait()
        await wire.chunk({"role": "assistant", "content": "", "refusal": None})
        if fault is Fault.REFUSAL:
            await wire.chunk({"refusal": "I'm sorry, I can't help with that."})
        elif fault is Fault.UNKNOWN_TOOL:
            call = {"name": "transfer_money", "arguments": "{}"}
            tool = {"index": 0, "id": "call_1", "type": "function", "function": call}
            await wire.chunk({"tool_calls": [tool]})
        elif fault is Fault.BAD_STREAM:
            await wire.raw(b"data: {broken\n\n")
        elif fault is Fault.NESTED:
            await wire.raw(b"data: " + b"[" * 100_000 + b"\n\n")
        elif fault is not Fault.EMPTY:
            await self._content(wire, asked, fault)
        if fault is Fault.STALL:
            await asyncio.Event().wait()
        if fault is Fault.DISCONNECT:
            return
        await wire.chunk({}, finish="length" if fault is Fault.CUT else "stop")
        await wire.raw(b"data: [DONE]\n\n")

    async def _content(self, wire: "_Wire", asked: Request, fault: Fault | None) -> None:
        text = self._script.answer(asked)
        match fault:
            case Fault.BAD_JSON:
                text = "Sure! " + "Here is what I understood. " * 10
            case Fault.BAD_SCHEMA:
                text = json.dumps({"understood": {"area": "jaffa"}, "say": ["a", "list"]})
            case Fault.HUGE:
                await wire.chunk({"content": "{" + " " * 100_000})
            case _ if fault in _MIDDLE:
                text = text[:-_LACKS]
        for start in range(0, len(text), _PIECE):
            await self._token(wire, text[start : start + _PIECE])
        for _ in count() if fault is Fault.NO_END else ():
            await self._token(wire, " and")

    async def _token(self, wire: "_Wire", text: str) -> None:
        await wire.chunk({"content": text})
        await asyncio.sleep(1.0 / self._script.tokens_per_second)


class _Wire:
    """Chunks as the service sends them."""

    def __init__(self, response: web.StreamResponse, seen: Seen) -> None:
        self._response = response
        self._seen = seen

    async def chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0}
        body = {**head, "model": "double", "choices": [choice]}
        await self.raw(b"data: " + json.dumps(body).encode() + b"\n\n")
        if delta.get("content"):
            self._seen.tokens += 1
            self._seen.tell()

    async def raw(self, data: bytes) -> None:
        await self._response.write(data)


def _error(fault: Fault) -> web.Response:
    status, message = _STATUS[fault]
    headers = {"Retry-After": "0"} if fault is Fault.TOO_MANY_FOR_NOW else {}
    return web.json_response(_error_body(message), status=status, headers=headers)


def _error_body(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "double", "param": None, "code": None}}


# Not the words that the bridge has of its own: a rehearsal can tell whose they are.
_SAY: dict[str, dict[Slot, str]] = {
    "en": {
        "area": "Happy to help. Which neighborhood do you have in mind?",
        "kind": "Very well. What kind of property would you like?",
        "budget": "Very well. How much would you like to spend?",
        "time": "Very well. Which day is good for you?",
    },
    "he": {
        "area": "בשמחה. באיזו שכונה נחפש?",
        "kind": "יופי. איזה סוג של נכס אתם רוצים?",
        "budget": "יופי. כמה תרצו להוציא?",
        "time": "יופי. איזה יום נוח לכם?",
    },
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _items(found: Understood) -> list[dict[str, str]]:
    told: list[tuple[str, object]] = [
        *((slot, key) for slot, keys in found.choices for key in keys),
        ("budget", found.budget),
        *found.counts,
        *_when_items(found.when),
        *(("choice", "last" if place == -1 else place) for place in found.ordinals),
        ("answer", found.answer),
    ]
    flags = ("no_matter", "wait", "goodbye", "repeat", "hello", "purpose", "thanks")
    told += [(flag, "") for flag in flags if getattr(found, flag)]
    return [{"what": what, "value": str(value)} for what, value in told if value is not None]


def _when_items(when: When | None) -> list[tuple[str, object]]:
    if when is None:
        return []
    items: list[tuple[str, object]] = [("part_of_day", when.part)]
    if when.clock is not None:
        items.append(("clock", f"{when.clock // 60:02}:{when.clock % 60:02}"))
    if when.weekday is not None:
        items.append(("day", _DAYS[when.weekday]))
    if when.days_ahead is not None and when.days_ahead < 3:
        items.append(("day", ("today", "tomorrow", "in_two_days")[when.days_ahead]))
    if when.next_week:
        items.append(("day", "next_week"))
    return items if when != When() else [("day", "any")]
