"""What Google is asked for, and its ears that recognize an utterance with one request."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from bridge.doubles.google_speech import (
    Asked,
    Fault,
    GoogleSpeechDouble,
    Script,
    serve_google_speech,
)
from bridge.doubles.latency import Latency
from engine.core.audio import FRAME_BYTES, silence
from engine.core.effects import Hear, Listen, Pause
from engine.core.events import Final, RecognitionFailed
from engine.ports import OverQuota, ProviderFailed
from engine.providers.google_api import GoogleSpeech, Throttle
from engine.providers.google_ears import (
    GoogleStreamingEars,
    GoogleUtteranceEars,
    Version,
    Wanted,
)
from tests.providers.google_caller import ACCOUNT, calling, words

AT_ONCE = Latency()
QUICK = Script(request_latency=AT_ONCE, final_latency=AT_ONCE, interim_latency=AT_ONCE)
VOICE = words(range(3))
SOUND = VOICE + silence(0.4)
VOICED, FRAMES = len(VOICE) // FRAME_BYTES, len(SOUND) // FRAME_BYTES


@asynccontextmanager
async def utterance_ears(
    script: Script, wanted: Wanted
) -> AsyncGenerator[tuple[GoogleSpeechDouble, GoogleUtteranceEars]]:
    async with serve_google_speech(script) as double:
        ears = GoogleUtteranceEars(ACCOUNT, wanted, endpoint=double.address)
        yield double, ears
        await ears.close()


async def say_once(double: GoogleSpeechDouble, ears: GoogleUtteranceEars) -> None:
    async with calling(double, ears) as caller:
        caller.put(Listen(1, SOUND))
        caller.stop(1, FRAMES)
        await caller.answer(1)


@pytest.mark.parametrize("version", Version)
def test_an_utterance_is_recognized_once_when_the_pause_was_its_end(version: Version) -> None:
    async def call() -> None:
        async with utterance_ears(QUICK, Wanted(version=version)) as (double, ears):
            async with calling(double, ears) as caller:
                caller.put(Listen(1, SOUND[:4800]))
                caller.put(Hear(1, SOUND[4800:]))
                caller.put(Pause(1, FRAMES))
                await double.until(lambda seen: seen.requests == 1)
                caller.stop(1, FRAMES)
                answer = await caller.answer(1)
            assert isinstance(answer, Final)
            assert answer.text == "w0 w1 w2"
            assert answer.confidence == pytest.approx(0.9)
            assert double.seen.requests == 1

    asyncio.run(call())


def test_words_after_the_pause_are_recognized_too() -> None:
    async def call() -> None:
        async with utterance_ears(QUICK, Wanted()) as (double, ears):
            async with calling(double, ears) as caller:
                caller.put(Listen(1, SOUND))
                caller.put(Pause(1, FRAMES))
                await double.until(lambda seen: seen.requests == 1)
                caller.put(Hear(1, words([3, 4])))
                caller.stop(1, FRAMES + 24)
                answer = await caller.answer(1)
            assert isinstance(answer, Final)
            assert answer.text == "w0 w1 w2 w3 w4"
            assert double.seen.requests == 2

    asyncio.run(call())


def test_frames_beyond_the_end_are_not_recognized() -> None:
    async def call() -> None:
        async with utterance_ears(QUICK, Wanted()) as (double, ears):
            async with calling(double, ears) as caller:
                caller.put(Listen(1, VOICE + words([9])))
                caller.stop(1, VOICED)
                answer = await caller.answer(1)
            assert isinstance(answer, Final)
            assert answer.text == "w0 w1 w2"

    asyncio.run(call())


@pytest.mark.parametrize(("broken", "requests"), [((1,), 2), ((1, 2), 2)])
def test_a_request_is_tried_twice(broken: tuple[int, ...], requests: int) -> None:
    async def call() -> None:
        faults = (Fault("UNAVAILABLE", streams=broken, of_requests=True),)
        async with utterance_ears(replace(QUICK, faults=faults), Wanted()) as (double, ears):
            async with calling(double, ears) as caller:
                caller.put(Listen(1, SOUND))
                caller.stop(1, FRAMES)
                answer = await caller.answer(1)
            assert isinstance(answer, RecognitionFailed) == (len(broken) == 2)
            assert double.seen.requests == requests

    asyncio.run(call())


def test_after_a_used_up_quota_nothing_is_asked_for_a_while() -> None:
    async def call() -> None:
        faults = (Fault("RESOURCE_EXHAUSTED", of_requests=True),)
        async with utterance_ears(replace(QUICK, faults=faults), Wanted()) as (double, ears):
            for _ in range(10):
                with pytest.raises(ExceptionGroup) as failed:
                    await say_once(double, ears)
                assert isinstance(failed.value.exceptions[0], OverQuota)
            assert double.seen.requests == 1

    asyncio.run(call())


def test_a_quota_that_is_used_up_leaves_one_try_a_second() -> None:
    throttle = Throttle()
    assert throttle.turn(5.0, 5.0) == 5.0
    throttle.exhausted(5.0)
    turns = [throttle.turn(now, 99.0) for now in (5.1, 5.2, 8.5, 15.0, 15.0)]
    assert turns == [6.0, 7.0, 8.5, 15.0, 15.0]


def test_who_does_not_wait_for_a_turn_takes_none() -> None:
    throttle = Throttle()
    throttle.exhausted(0.0)
    assert throttle.turn(0.1, 0.9) is None
    asked = [0.55 * n for n in range(1, 19)]
    assert sum(throttle.may(now) for now in asked) == 9


def only_hebrew_as_he_without_telephone_model(asked: Asked) -> str:
    if asked.language != "he-IL":
        return f"The language {asked.language} is not supported."
    if asked.model or asked.enhanced:
        return "The requested model is currently not supported for language: he-IL."
    return ""


def test_what_the_service_does_not_know_is_left_out_and_not_asked_for_again() -> None:
    async def call() -> None:
        script = replace(QUICK, refuses=only_hebrew_as_he_without_telephone_model)
        wanted = Wanted(language="he", model="phone_call", enhanced=True)
        async with serve_google_speech(script) as double:
            ears = GoogleStreamingEars(ACCOUNT, wanted, endpoint=double.address)
            await ears.probe()
            tries = double.seen.streams
            await ears.probe()
            await ears.close()
            first, last = double.seen.asked[0], double.seen.asked[-1]
            assert (first.language, first.model, first.enhanced) == ("iw-IL", "phone_call", True)
            assert (last.language, last.model, last.enhanced) == ("he-IL", "", False)
            assert double.seen.streams == tries + 1

    asyncio.run(call())


def one_language_only(asked: Asked) -> str:
    return "Alternative languages are not supported for this model." if asked.also else ""


@pytest.mark.parametrize("version", Version)
def test_other_languages_are_heard_if_the_service_can(version: Version) -> None:
    async def call() -> None:
        wanted = Wanted(language="he", also=("en",), version=version)
        for refuses, also in ((lambda _: "", ("en-US",)), (one_language_only, ())):
            async with serve_google_speech(replace(QUICK, refuses=refuses)) as double:
                ears = GoogleStreamingEars(ACCOUNT, wanted, endpoint=double.address)
                await ears.probe()
                await ears.close()
                assert double.seen.asked[0].also == ("en-US",)
                last = double.seen.asked[-1]
                assert (last.language, last.also) == ("iw-IL", also)

    asyncio.run(call())


def test_when_no_way_to_ask_is_known_it_is_told() -> None:
    async def call() -> None:
        script = replace(QUICK, refuses=lambda _: "Nothing is supported.")
        async with utterance_ears(script, Wanted()) as (_, ears):
            with pytest.raises(ProviderFailed, match="Nothing is supported"):
                await ears.probe()

    asyncio.run(call())


@pytest.mark.parametrize("version", Version)
def test_phrases_are_hinted_at_within_the_limits(version: Version) -> None:
    async def call() -> None:
        hints = (("Agent Locator", 15.0), ("haifa", 99.0), ("x" * 200, 5.0))
        many = tuple((f"street {number}", 3.0) for number in range(6000))
        wanted = Wanted(version=version, hints=hints + many)
        async with utterance_ears(QUICK, wanted) as (double, ears):
            async with calling(double, ears, expected=["three rooms", "haifa"]) as caller:
                caller.put(Listen(1, SOUND))
                caller.stop(1, FRAMES)
                await caller.answer(1)
            boosts = double.seen.asked[0].boosts
            assert boosts["three rooms"] == boosts["haifa"] == 10.0
            assert boosts["Agent Locator"] == 15.0
            assert "x" * 200 not in boosts
            assert len(boosts) == 5000
            assert max(boosts.values()) <= 20.0

    asyncio.run(call())


def test_more_streams_than_a_connection_takes_go_over_another() -> None:
    async def pieces(end: asyncio.Event) -> AsyncGenerator[bytes]:
        yield silence(0.1)
        await end.wait()

    async def listen(service: GoogleSpeech, end: asyncio.Event) -> None:
        async with aclosing(service.stream(pieces(end), ())) as results:
            async for _ in results:
                pass

    async def call() -> None:
        async with serve_google_speech(QUICK) as double, asyncio.TaskGroup() as group:
            service = GoogleSpeech(ACCOUNT, Wanted(), double.address, streams_each=2)
            end = asyncio.Event()
            streams = [group.create_task(listen(service, end)) for _ in range(5)]
            await double.until(lambda seen: seen.open == 5)
            end.set()
            await asyncio.wait(streams)
            assert len(double.seen.connections) == 3
            await listen(service, end)
            assert len(double.seen.connections) == 3
            await service.close()

    asyncio.run(call())
