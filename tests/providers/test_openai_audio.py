"""OpenAI's own client against the double, by HTTP: a voice and ears."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from math import inf
from pathlib import Path

import httpx2
import numpy as np
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from bridge.doubles.latency import Latency
from bridge.doubles.openai_audio import OpenAIAudioScript, add_audio_routes
from bridge.doubles.seen import Seen
from bridge.doubles.sounds import Flow, tone
from engine.core.audio import FRAME_BYTES, seconds
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult, OverQuota, ProviderFailed, Speech
from engine.providers import openai_client
from engine.providers.openai_ears import OpenAIRecognizer
from engine.providers.openai_voice import OpenAIVoice
from engine.providers.shelf import Shelf

TEXT = "Hello, this is Leah speaking. How can I help you?"
KEY = "sk-a-secret"
PREROLL, SPEECH = b"\x01\x00" * 160 * 5, b"\x02\x00" * 160 * 45
UTTERANCE: list[HearingCommand] = [Listen(1, PREROLL), Hear(1, SPEECH)]

Use = Callable[[AsyncOpenAI], Awaitable[None]]


def script(
    flow: Flow | None = None,
    *,
    hears: Callable[[bytes], str] = lambda _: "I want to rent",
    refuse: int | None = None,
    streams: bool = True,
    speech_type: str = "audio/pcm",
) -> OpenAIAudioScript:
    """A service that takes no time."""
    return OpenAIAudioScript(
        hears=hears,
        hearing=Latency(),
        speaking=Latency(),
        flow=flow or Flow(pace=inf),
        refuse=refuse,
        streams=streams,
        speech_type=speech_type,
    )


@asynccontextmanager
async def served(what: OpenAIAudioScript, seen: Seen) -> AsyncGenerator[str]:
    app = web.Application()
    add_audio_routes(app, what, seen)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/v1"
    finally:
        await runner.cleanup()


def call(what: OpenAIAudioScript, use: Use, seen: Seen | None = None) -> None:
    async def run() -> None:
        async with served(what, seen or Seen()) as address:
            service = openai_client.client(address, KEY)
            try:
                await use(service)
            finally:
                await service.close()

    asyncio.run(run())


def voice_of(service: AsyncOpenAI, shelf: Shelf | None = None) -> OpenAIVoice:
    return OpenAIVoice(service, shelf or Shelf(None), model="tts", voice="alloy", rate=0.95)


async def said(voice: OpenAIVoice, text: str = TEXT) -> list[Speech]:
    return [piece async for piece in voice.speak(text)]


def sound(pieces: list[Speech]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


# The voice.


@pytest.mark.parametrize(
    "flow", [Flow(pace=inf), Flow(pace=inf, odd=True), Flow(pace=inf, header=True)]
)
def test_the_sound_is_the_service_s_at_the_rate_of_a_telephone(flow: Flow) -> None:
    async def use(service: AsyncOpenAI) -> None:
        heard = np.frombuffer(sound(await said(voice_of(service))), np.int16).astype(float)
        whole = np.frombuffer(tone(TEXT, 8000, 0.95), np.int16).astype(float)
        # But for the silence before it: 800 samples, of which 320 are kept.
        assert len(heard) == pytest.approx(len(whole) - 480, abs=8)
        wanted = whole[len(whole) - len(heard) :]
        shifts = [np.abs(heard - np.roll(wanted, by))[1000:-2000].max() for by in range(-8, 9)]
        assert min(shifts) < 100  # but where the tone's sudden begin and end ring

    call(script(flow), use)


def test_each_word_has_its_time_in_order_within_the_sound() -> None:
    async def use(service: AsyncOpenAI) -> None:
        voice = voice_of(service)
        for _ in ("from the service", "from the shelf"):
            before, times, told = 0.0, list[float](), list[str]()
            for piece in await said(voice):
                assert all(word.at <= seconds(piece.pcm) for word in piece.words)
                times += [before + word.at for word in piece.words]
                told += [word.text for word in piece.words]
                before += seconds(piece.pcm)
            assert told == TEXT.split()
            assert times == sorted(times)

    seen = Seen()
    call(script(), use, seen)
    assert seen.requests == 1


def test_prepared_sentences_are_never_asked_of_the_service_again(tmp_path: Path) -> None:
    async def use(service: AsyncOpenAI) -> None:
        await voice_of(service, Shelf(tmp_path)).prepare([TEXT, TEXT])
        again = voice_of(service, Shelf(tmp_path))
        assert len(await said(again)) == 1

    seen = Seen()
    call(script(), use, seen)
    assert seen.requests == 1


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (429, "limit"), (500, "500")])
def test_a_voice_that_is_refused_tells_why_without_the_key(status: int, reason: str) -> None:
    async def use(service: AsyncOpenAI) -> None:
        with pytest.raises(ProviderFailed, match=reason) as failed:
            await said(voice_of(service))
        assert KEY not in repr(failed.value)
        assert failed.value.__cause__ is None
        assert isinstance(failed.value, OverQuota) == (status == 429)

    seen = Seen()
    call(script(refuse=status), use, seen)
    assert seen.requests == 1


@pytest.mark.parametrize(
    "flow",
    [
        Flow(pace=inf, dies_after=0),
        Flow(pace=inf, dies_after=0.6),
        Flow(pace=inf, length=0.0),
        Flow(pace=inf, length=0.05),
        Flow(pace=inf, length=30.0),
    ],
)
def test_sound_that_breaks_off_or_cannot_be_this_text_is_a_failure(flow: Flow) -> None:
    async def use(service: AsyncOpenAI) -> None:
        voice = voice_of(service)
        for _ in range(2):  # what broke off was not kept
            with pytest.raises(ProviderFailed):
                await said(voice)

    seen = Seen()
    call(script(flow), use, seen)
    assert seen.requests == 2


def test_an_error_page_is_not_played() -> None:
    async def use(service: AsyncOpenAI) -> None:
        with pytest.raises(ProviderFailed, match="text/html, not sound"):
            await said(voice_of(service))

    call(script(speech_type="text/html; charset=utf-8"), use)


def test_an_interruption_closes_the_connection() -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        async with aclosing(voice_of(service).speak(TEXT)) as pieces:
            await anext(pieces)
            assert (seen.open, seen.cancelled) == (1, 0)
        await seen.until(lambda seen: (seen.open, seen.cancelled) == (0, 1))

    call(script(Flow(pace=inf, stalls_after=0.6)), use, seen)


def test_who_waits_for_a_silent_voice_can_be_cancelled() -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        waiting = asyncio.create_task(said(voice_of(service)))
        await seen.until(lambda seen: seen.open == 1)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        await seen.until(lambda seen: (seen.open, seen.cancelled) == (0, 1))

    call(script(Flow(pace=inf, stalls_after=0)), use, seen)


@pytest.mark.parametrize("stalls_after", [0, 0.6])
def test_a_voice_that_stalls_is_given_up_by_itself(stalls_after: float) -> None:
    async def use(service: AsyncOpenAI) -> None:
        impatient = service.with_options(timeout=httpx2.Timeout(0.05))
        with pytest.raises(ProviderFailed, match="no answer in time"):
            await said(voice_of(impatient))

    call(script(Flow(pace=inf, stalls_after=stalls_after)), use)


def test_a_connection_serves_sentence_after_sentence() -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        for number in range(3):
            await said(voice_of(service), f"{TEXT} {number}")

    call(script(), use, seen)
    assert (seen.requests, len(seen.peers)) == (3, 1)


def test_nobody_there_is_a_failure() -> None:
    async def run() -> None:
        service = openai_client.client("http://127.0.0.1:1/v1", KEY)
        voice = voice_of(service)
        with pytest.raises(ProviderFailed, match="connection failed"):
            await said(voice)
        with pytest.raises(ProviderFailed, match="connection failed"):
            await voice.probe()
        await voice.warm()
        await service.close()

    asyncio.run(run())


# The ears.


def ears_of(service: AsyncOpenAI, model: str = "gpt-transcribe") -> OpenAIRecognizer:
    return OpenAIRecognizer(service, model=model, languages=("he", "en"))


async def given(commands: list[HearingCommand]) -> AsyncIterator[HearingCommand]:
    for command in commands:
        yield command


async def heard(
    ears: OpenAIRecognizer, commands: AsyncIterator[HearingCommand]
) -> list[HearingResult]:
    return [result async for result in ears.recognize(commands, lambda: ("Haifa", "Jaffa"))]


def results(
    what: OpenAIAudioScript,
    commands: list[HearingCommand],
    *,
    model: str = "gpt-transcribe",
    seen: Seen | None = None,
) -> list[HearingResult]:
    told: list[HearingResult] = []

    async def use(service: AsyncOpenAI) -> None:
        told.extend(await heard(ears_of(service, model), given(commands)))

    call(what, use, seen)
    return told


def test_an_utterance_grows_word_by_word_and_is_final_at_the_end() -> None:
    assert results(script(), [*UTTERANCE, StopListening(1, 50)]) == [
        *[Partial(1, text) for text in ("I", "I want", "I want to", "I want to rent")],
        Partial(1, "I want to rent"),
        Final(1, "I want to rent", 0.0),
    ]


def test_what_is_sent_is_the_utterance_as_long_as_it_was() -> None:
    sent: list[bytes] = []

    def hears(pcm: bytes) -> str:
        sent.append(pcm)
        return "yes"

    results(script(hears=hears), [*UTTERANCE, StopListening(1, 40)])
    assert sent == [(PREROLL + SPEECH)[: 40 * FRAME_BYTES]]


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-mini-transcribe", "whisper-1"])
def test_each_model_is_told_what_the_caller_may_say(model: str) -> None:
    seen = Seen()
    final = results(script(), [*UTTERANCE, StopListening(1, 50)], model=model, seen=seen)[-1]
    assert final == Final(1, "I want to rent", 0.0)
    assert seen.texts == ["Haifa, Jaffa"]


def test_a_service_that_answers_all_at_once_is_understood() -> None:
    assert results(script(streams=False), [*UTTERANCE, StopListening(1, 50)]) == [
        Partial(1, "I want to rent"),
        Final(1, "I want to rent", 0.0),
    ]


def test_nothing_understood_is_an_empty_final() -> None:
    commands = [*UTTERANCE, StopListening(1, 50)]
    assert results(script(hears=lambda _: ""), commands) == [Final(1, "", 0.0)]


def test_the_guess_at_a_pause_is_the_answer_if_only_silence_followed() -> None:
    seen = Seen()
    commands = [*UTTERANCE, Pause(1, 50), Hear(1, bytes(6400)), StopListening(1, 50)]
    told = results(script(), commands, seen=seen)
    assert told[-1] == Final(1, "I want to rent", 0.0)
    assert seen.requests == 1


async def guessed_before_the_end() -> AsyncIterator[HearingCommand]:
    for command in UTTERANCE:
        yield command
    others = asyncio.all_tasks()
    yield Pause(1, 50)
    await asyncio.wait(asyncio.all_tasks() - others)
    yield StopListening(1, 50)


@pytest.mark.parametrize(
    ("refuse", "answer", "requests"), [(None, Final, 1), (500, RecognitionFailed, 2)]
)
def test_a_guess_that_is_ready_is_the_answer_but_a_failed_one_is_asked_again(
    refuse: int | None, answer: type[HearingResult], requests: int
) -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        told = await heard(ears_of(service), guessed_before_the_end())
        assert [type(result) for result in told if not isinstance(result, Partial)] == [answer]

    call(script(refuse=refuse), use, seen)
    assert seen.requests == requests


def test_a_caller_who_goes_on_is_heard_to_the_end() -> None:
    commands = [*UTTERANCE, Pause(1, 30), Hear(1, SPEECH), StopListening(1, 95)]
    told = results(script(hears=lambda pcm: f"{len(pcm) // FRAME_BYTES} frames"), commands)
    assert told[-1] == Final(1, "95 frames", 0.0)
    assert [result for result in told if isinstance(result, Final)] == told[-1:]


def test_a_guess_that_the_caller_has_talked_over_is_withdrawn() -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        async def commands() -> AsyncIterator[HearingCommand]:
            for command in [*UTTERANCE, Pause(1, 30)]:
                yield command
            await seen.until(lambda seen: seen.open == 1)
            yield Pause(1, 40)
            await seen.until(lambda seen: seen.requests == 2 and seen.cancelled == 1)

        assert [type(result) for result in await heard(ears_of(service), commands())] == []

    call(script(Flow(stalls_after=0)), use, seen)


def test_every_end_of_listening_is_answered() -> None:
    commands = [StopListening(7, 20), *UTTERANCE, StopListening(1, 3), StopListening(1, 50)]
    assert results(script(), commands) == [Final(7, "", 0.0), Final(1, "", 0.0), Final(1, "", 0.0)]


@pytest.mark.parametrize("pause", [[], [Pause(1, 50)]])
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (script(refuse=401), "key"),
        (script(refuse=500), "500"),
        (script(Flow(dies_after=0)), "broke off"),
        (script(Flow(dies_after=0.5)), "broke off"),
    ],
)
def test_ears_that_fail_tell_why(
    what: OpenAIAudioScript, reason: str, pause: list[HearingCommand]
) -> None:
    final = results(what, [*UTTERANCE, *pause, StopListening(1, 50)])[-1]
    assert isinstance(final, RecognitionFailed)
    assert final.utterance == 1
    assert reason in final.why


def test_the_end_of_a_call_closes_the_connection() -> None:
    seen = Seen()

    async def use(service: AsyncOpenAI) -> None:
        async def commands() -> AsyncIterator[HearingCommand]:
            for command in [*UTTERANCE, StopListening(1, 50)]:
                yield command
            await asyncio.Event().wait()

        call = asyncio.create_task(heard(ears_of(service), commands()))
        await seen.until(lambda seen: seen.open == 1)
        call.cancel()
        await asyncio.wait({call})
        await seen.until(lambda seen: (seen.open, seen.cancelled) == (0, 1))

    call(script(Flow(stalls_after=0)), use, seen)


@pytest.mark.parametrize("pause", [[], [Pause(1, 50)]])
def test_a_quota_that_is_used_up_ends_the_hearing(pause: list[HearingCommand]) -> None:
    with pytest.raises(OverQuota, match="limit"):
        results(script(refuse=429), [*UTTERANCE, *pause, StopListening(1, 50)])


def test_a_key_may_end_in_a_new_line() -> None:
    async def run() -> None:
        async with (
            served(script(), Seen()) as address,
            openai_client.client(address, f"{KEY}\n") as service,
        ):
            assert await said(voice_of(service))

    asyncio.run(run())


def test_ears_that_stall_are_given_up_by_themselves() -> None:
    async def use(service: AsyncOpenAI) -> None:
        impatient = service.with_options(timeout=httpx2.Timeout(0.05))
        told = await heard(ears_of(impatient), given([*UTTERANCE, StopListening(1, 50)]))
        assert told[-1] == RecognitionFailed(1, "OpenAI's ears: no answer in time")

    call(script(Flow(stalls_after=0.5)), use)
