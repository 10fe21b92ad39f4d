"""The model by OpenAI's API: their real client, a local server that speaks their wire."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.doubles.latency import Latency
from bridge.doubles.openai import Fault, Request, Script, Seen, by_rules, serve_openai
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When, Wish
from engine.ports import Consultation, Exchange, Model, ProviderFailed
from engine.profile import shipped_profile
from engine.providers.openai_client import client
from engine.providers.openai_model import OpenAIModel, Reading

SHAI = shipped_profile("shai")
TURN = Consultation(
    profile=SHAI,
    language="en",
    wish=Wish((("kind", "office"),), open=frozenset({"budget"})),
    question="the area",
    before=(Exchange("How can I help?", "An office"),),
    said="Which area",
    words="in Jaffa please, on Tuesday",
)
ANSWER = json.dumps(
    {
        "language": "en",
        "understood": [
            {"what": "area", "value": "jaffa"},
            {"what": "day", "value": "tuesday"},
            {"what": "clock", "value": "16:30"},
        ],
        "say": "That is a good choice. What is your budget?",
    }
)
UNDERSTOOD = Understood(
    language="en", choices=(("area", ("jaffa",)),), when=When(weekday=1, clock=16 * 60 + 30)
)
SENTENCES = ["That is a good choice.", "What is your budget?"]
FAST = Script(answer=lambda _: ANSWER, first_token=Latency(), tokens_per_second=1e9)
KEY = "sk-secret-of-ours"


@dataclass
class Room:
    model: OpenAIModel
    seen: Seen
    url: str


@asynccontextmanager
async def room(script: Script, **limits: float) -> AsyncGenerator[Room]:
    seen = Seen()
    async with serve_openai(script, seen=seen) as url:
        model = OpenAIModel(client(url, KEY), "double", **limits)
        try:
            yield Room(model, seen, url)
        finally:
            await model.close()


async def parts(model: Model) -> list[Understood | str]:
    async with aclosing(model.consult(TURN)) as answer:
        return [part async for part in answer]


async def outcome(model: Model) -> tuple[list[Understood | str], str]:
    """What came, and why it broke."""
    came: list[Understood | str] = []
    try:
        async with aclosing(model.consult(TURN)) as answer:
            async for part in answer:
                came.append(part)  # noqa: PERF401 (what came before a failure is kept)
    except ProviderFailed as why:
        return came, str(why)
    return came, ""


def test_what_was_understood_comes_first_then_sentence_by_sentence() -> None:
    async def go() -> None:
        async with room(FAST) as it:
            assert await parts(it.model) == [UNDERSTOOD, *SENTENCES]

    asyncio.run(go())


def test_a_sentence_comes_before_the_next_one_is_written() -> None:
    async def go() -> None:
        async with room(replace(FAST, always=Fault.STALL)) as it:
            answer = it.model.consult(TURN)
            assert [await anext(answer), await anext(answer)] == [UNDERSTOOD, SENTENCES[0]]
            assert it.seen.open == 1
            await answer.aclose()

    asyncio.run(go())


def test_the_request_is_short_and_says_what_is_known() -> None:
    async def asked() -> Request:
        async with room(FAST) as it:
            await parts(it.model)
            return it.seen.bodies[0]

    request = asyncio.run(asked())
    system, user = (message["content"] for message in request["messages"])
    assert "jaffa (Jaffa)" in system
    assert json.loads(user) == {
        "talk": [{"agent": "How can I help?", "caller": "An office"}],
        "agent_speaks": "en",
        "known": {"kind": "office"},
        "no_preference": ["budget"],
        "asked_for": "the area",
        "agent": "Which area",
        "caller": "in Jaffa please, on Tuesday",
    }
    assert request["stream"] is True
    assert request["max_completion_tokens"] == 300
    names = list(request["response_format"]["json_schema"]["schema"]["properties"])
    assert names == ["language", "understood", "say"]


STOPS = {Fault.NO_ANSWER, Fault.STALL}
NOTHING: list[Understood | str] = []
FAULTS: list[tuple[Fault, int, list[Understood | str], str]] = [
    (Fault.KEY_REFUSED, 1, NOTHING, "The model: the key is refused (401)"),
    (
        Fault.TOO_MANY,
        1,
        NOTHING,
        "The model: the limit of requests, or what was paid for, is used up (429)",
    ),
    (
        Fault.TOO_MANY_FOR_NOW,
        2,
        NOTHING,
        "The model: the limit of requests, or what was paid for, is used up (429)",
    ),
    (Fault.BROKEN, 2, NOTHING, "The model: the request failed (status 500)"),
    (Fault.REFUSED, 2, NOTHING, "The model: the request failed (status 400)"),
    (Fault.NO_SCHEMAS, 2, [UNDERSTOOD, *SENTENCES], ""),
    (Fault.NO_ANSWER, 1, NOTHING, "The model: no answer in time"),
    (Fault.STALL, 1, [UNDERSTOOD, SENTENCES[0]], "The model: no answer in time"),
    (
        Fault.DISCONNECT,
        1,
        [UNDERSTOOD, SENTENCES[0]],
        "The model: the connection failed, or broke off",
    ),
    (Fault.NO_END, 1, [UNDERSTOOD, *SENTENCES], ""),
    (Fault.HUGE, 1, NOTHING, "The model: the answer does not end"),
    (Fault.BAD_JSON, 1, NOTHING, "The model: the answer is not JSON"),
    (Fault.BAD_SCHEMA, 1, NOTHING, "The model: what was understood is no list"),
    (
        Fault.BAD_STREAM,
        1,
        NOTHING,
        "The model: the answer is not what was agreed (JSONDecodeError)",
    ),
    (Fault.NESTED, 1, NOTHING, "The model: the answer is nested without end"),
    (Fault.UNKNOWN_TOOL, 1, NOTHING, "The model: the answer broke off, or is empty"),
    (Fault.EMPTY, 1, NOTHING, "The model: the answer broke off, or is empty"),
    (Fault.REFUSAL, 1, NOTHING, "The model: it refused to answer"),
    (
        Fault.CUT,
        1,
        [UNDERSTOOD, SENTENCES[0]],
        "The model: the answer broke off, or is empty",
    ),
    (Fault.WRONG_TYPE, 1, NOTHING, "The model: the answer broke off, or is empty"),
]


def test_every_fault_has_its_row() -> None:
    assert {fault for fault, *_ in FAULTS} == set(Fault)


@pytest.mark.parametrize(("fault", "requests", "came", "why"), FAULTS)
def test_whatever_the_service_does_what_came_is_kept_and_one_sentence_says_why(
    fault: Fault, requests: int, came: list[Understood | str], why: str
) -> None:
    async def go() -> None:
        limits = {"first_token": 0.3, "gap": 0.3} if fault in STOPS else {}
        async with room(replace(FAST, always=fault), **limits) as it:
            assert await outcome(it.model) == (came, why)
            assert it.seen.requests == requests
            await it.seen.until(lambda: it.seen.open == 0)

    asyncio.run(go())
    assert KEY not in why


@pytest.mark.parametrize("fault", [Fault.TOO_MANY_FOR_NOW, Fault.BROKEN])
def test_one_more_try_before_the_first_token_can_help(fault: Fault) -> None:
    async def go() -> None:
        async with room(replace(FAST, faults=(fault,))) as it:
            assert await parts(it.model) == [UNDERSTOOD, *SENTENCES]
            assert it.seen.requests == 2

    asyncio.run(go())


def test_a_server_without_schemas_is_asked_for_one_only_once() -> None:
    async def go() -> None:
        async with room(replace(FAST, always=Fault.NO_SCHEMAS)) as it:
            await parts(it.model)
            await parts(it.model)
            forms = [request["response_format"]["type"] for request in it.seen.bodies]
            assert forms == ["json_schema", "json_object", "json_object"]
            assert it.seen.bodies[1]["max_tokens"] == 300

    asyncio.run(go())


def test_a_request_that_is_refused_either_way_says_nothing_about_schemas() -> None:
    async def go() -> None:
        async with room(replace(FAST, faults=(Fault.REFUSED, Fault.REFUSED))) as it:
            await outcome(it.model)
            assert await parts(it.model) == [UNDERSTOOD, *SENTENCES]
            assert it.seen.bodies[-1]["response_format"]["type"] == "json_schema"

    asyncio.run(go())


def test_closing_ends_a_request_that_would_never_end_and_no_further_tokens_are_written() -> None:
    async def go() -> None:
        async with room(replace(FAST, always=Fault.NO_END, tokens_per_second=2_000.0)) as it:
            answer = it.model.consult(TURN)
            assert await anext(answer) == UNDERSTOOD
            assert it.seen.open == 1
            await answer.aclose()
            await it.seen.until(lambda: it.seen.open == 0)
            assert it.seen.closed_by_client == 1

    asyncio.run(go())


def test_a_cancelled_turn_ends_its_request_even_before_the_first_token() -> None:
    async def go() -> None:
        async with room(replace(FAST, always=Fault.NO_ANSWER)) as it:
            turn = asyncio.ensure_future(parts(it.model))
            await it.seen.until(lambda: it.seen.open == 1)
            turn.cancel()
            await it.seen.until(lambda: it.seen.closed_by_client == 1)
            assert it.seen.tokens == 0
            with pytest.raises(asyncio.CancelledError):
                await turn

    asyncio.run(go())


def test_a_warm_connection_is_used_for_the_turns() -> None:
    async def go() -> None:
        async with room(FAST) as it:
            await it.model.warm()
            await parts(it.model)
            await parts(it.model)
            assert it.seen.connections == 1

    asyncio.run(go())


def test_a_probe_is_one_small_request_and_its_failure_one_sentence() -> None:
    async def go() -> None:
        async with room(replace(FAST, faults=(None, Fault.KEY_REFUSED))) as it:
            await it.model.probe()
            assert it.seen.requests == 1
            with pytest.raises(ProviderFailed, match=r"^The model: the key is refused \(401\)$"):
                await it.model.probe()

    asyncio.run(go())


def test_nobody_listening_is_a_failure_like_any_other() -> None:
    async def go() -> None:
        async with room(FAST) as it:
            url = it.url
        model = OpenAIModel(client(url, KEY), "double")
        assert await outcome(model) == ([], "The model: the connection failed, or broke off")
        await model.warm()
        await model.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    "words",
    [
        "a three room apartment to rent in Jaffa, 8,000, tomorrow at ten",
        "מחר בבוקר, לא משנה לי איפה",
        "yes, the last one, thanks",
        "Florentin or Jaffa, on Thursday next week",
        "any time",
        "goodbye",
    ],
)
def test_the_double_understands_as_our_rules_do(words: str) -> None:
    async def go() -> None:
        async with room(replace(FAST, answer=by_rules)) as it:
            understood = await anext(it.model.consult(replace(TURN, words=words)))
            assert understood == understand(words, SHAI)

    asyncio.run(go())


def test_the_double_answers_all_at_once_too_and_lists_its_model() -> None:
    async def go() -> None:
        async with room(FAST) as it:
            service = client(it.url, KEY)
            answer = await service.chat.completions.create(
                model="double", messages=[{"role": "user", "content": "Hello"}]
            )
            assert answer.choices[0].message.content == ANSWER
            assert [model.id async for model in service.models.list()] == ["double"]
            await service.close()

    asyncio.run(go())


def read(*pieces: str) -> list[Understood | str]:
    reading = Reading(SHAI)
    return [part for piece in pieces for part in reading.read(piece)]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=12).map(sorted))
def test_it_does_not_matter_where_the_answer_is_cut_into_tokens(cuts: list[int]) -> None:
    places = [0, *cuts, len(ANSWER)]
    pieces = [ANSWER[start:end] for start, end in pairwise(places)]
    assert read(*pieces) == [UNDERSTOOD, *SENTENCES]


def test_an_answer_in_another_order_waits_for_what_was_understood() -> None:
    told = json.dumps({"say": "Hello. Who is it?", "extra": 1, "understood": []})
    assert read(*told) == [Understood(), "Hello.", "Who is it?"]


def test_an_answer_between_fences_is_read() -> None:
    assert read("```json\n", ANSWER, "\n```") == [UNDERSTOOD, *SENTENCES]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("budget", "seven thousand"),
        ("budget", "-5"),
        ("budget", "٣"),
        ("rooms", "many"),
        ("deal", "steal"),
        ("day", "someday"),
        ("clock", "25:00"),
        ("choice", "17"),
        ("answer", "maybe"),
        ("transfer", "+972501234567"),
        ("area", None),
        ("area", ["jaffa"]),
    ],
)
def test_a_value_that_says_nothing_is_left_out(what: str, value: object) -> None:
    told = {"language": "xx", "understood": [{"what": what, "value": value}], "say": ""}
    assert read(json.dumps(told)) == [Understood()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["language", "understood", "say", "what", "value"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=50)
@given(JSON.map(json.dumps) | st.text(), st.integers(0, 200), st.integers(1, 7))
def test_any_text_is_an_answer_or_a_failure_and_never_more(told: str, end: int, size: int) -> None:
    reading = Reading(SHAI)
    understood = 0
    with suppress(ProviderFailed):
        for start in range(0, min(end, len(told)), size):
            for part in reading.read(told[start : start + size]):
                if isinstance(part, Understood):
                    understood += 1
                else:
                    assert understood == 1
                    assert part.strip() == part != ""
    assert understood <= 1
