"""Google's streaming ears against a service on this machine that speaks Google's wire."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from bridge.doubles.google_speech import Fault, GoogleSpeechDouble, Script, serve_google_speech
from bridge.doubles.latency import Latency
from engine.core.audio import FRAME_BYTES
from engine.core.effects import StopListening
from engine.core.events import Final, RecognitionFailed
from engine.ports import OverQuota, ProviderFailed
from engine.providers.google_ears import GoogleStreamingEars, Times, Version, Wanted
from engine.providers.google_ledger import Patience
from tests.providers.google_caller import ACCOUNT, Caller, calling, words

AT_ONCE = Latency()
QUICK = Script(final_latency=AT_ONCE, interim_latency=AT_ONCE)
NEVER = 1000.0
PATIENT = Patience(final=NEVER, mute=NEVER, repair=NEVER, steady=NEVER)
"""Nothing is believed because time went by: a busy machine must not change what is heard."""
SHORT_STREAMS = Times(
    rotate=8.0, rotate_at_latest=12.0, overlap_to=14.0, kept=5.0, patience=PATIENT
)
PERSISTENT = Times(retry=0.0, patience=PATIENT)


def failing(fault: Fault) -> Script:
    return replace(QUICK, faults=(fault,))


@asynccontextmanager
async def served(
    script: Script, times: Times = PERSISTENT, wanted: Wanted | None = None
) -> AsyncGenerator[tuple[GoogleSpeechDouble, GoogleStreamingEars]]:
    async with serve_google_speech(script) as double:
        ears = GoogleStreamingEars(
            ACCOUNT, wanted or Wanted(), endpoint=double.address, times=times
        )
        yield double, ears
        await ears.close()


def numbered(count: int) -> list[str]:
    return [f"w{number}" for number in range(count)]


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


async def talk_without_a_pause(caller: Caller, sound: bytes) -> None:
    length = 225 * FRAME_BYTES
    for number, start in enumerate(range(0, len(sound), length)):
        piece = sound[start : start + length]
        await caller.begin(number, piece)
        caller.stop(number, len(piece) // FRAME_BYTES)


async def call_without_end(double: GoogleSpeechDouble, ears: GoogleStreamingEars) -> None:
    async with calling(double, ears):
        await asyncio.Event().wait()


async def say_ten_words(caller: Caller, utterances: range) -> None:
    for number in utterances:
        await caller.say(number, words(range(number * 10, number * 10 + 10)))


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("word_times", [True, False])
def test_a_call_over_many_streams_loses_no_word_and_doubles_none(
    version: Version, word_times: bool
) -> None:
    async def call() -> None:
        script = replace(QUICK, longest=15.0, word_times=word_times)
        async with served(script, SHORT_STREAMS, Wanted(version=version)) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(15))
            assert caller.heard() == numbered(150)
            assert double.seen.streams >= 4
            assert set(double.seen.ended) <= {"OK", "CANCELLED"}

    run(call())


@pytest.mark.parametrize(("word_times", "in_word"), [(True, 3), (True, 9), (False, 6)])
def test_a_monologue_is_handed_over_in_the_middle_of_a_word(word_times: bool, in_word: int) -> None:
    """Utterances of 4.5 s without any pause: no stream ever finds a silence."""

    async def call() -> None:
        times = replace(SHORT_STREAMS, rotate_at_latest=9.0 + 0.02 * in_word, overlap_to=11.0)
        script = replace(QUICK, longest=12.0, word_times=word_times)
        async with served(script, times) as (double, ears):
            async with calling(double, ears) as caller:
                await talk_without_a_pause(caller, words(range(94)))
                await caller.say(99, words([94]))
                await caller.until_heard(numbered(95))
            assert double.seen.streams >= 4
            assert set(double.seen.ended) <= {"OK", "CANCELLED"}

    run(call())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("UNAVAILABLE", streams=(1,)),
        Fault("UNAVAILABLE", streams=(1, 2), after=2.0),
        Fault("INTERNAL", streams=(1,), after=3.3, message="Received RST_STREAM with error code 2"),
        Fault("OUT_OF_RANGE", streams=(1, 2), after=4.1),
        Fault("CANCELLED", streams=(1,), after=1.5),
    ],
    ids=str,
)
def test_no_word_is_lost_when_streams_break(fault: Fault) -> None:
    async def call() -> None:
        async with served(failing(fault)) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(4))
            assert caller.heard() == numbered(40)
            assert double.seen.streams == len(fault.streams) + 1
        others = asyncio.all_tasks() - {asyncio.current_task()}  # gRPC ends its own a moment later
        if others:
            _, left = await asyncio.wait(others, timeout=10.0)
            assert not left

    run(call())


def test_three_failures_are_the_end_and_what_is_awaited_is_left_to_others() -> None:
    async def call() -> None:
        fault = Fault("UNAVAILABLE", after=4.6)
        async with served(failing(fault)) as (double, ears):
            with pytest.raises(ExceptionGroup) as failed:
                async with calling(double, ears) as caller:
                    await talk_without_a_pause(caller, words(range(40)))
            why = failed.value.exceptions[0]
            assert isinstance(why, ProviderFailed)
            assert "cannot be reached" in str(why)
            assert not any(isinstance(told, RecognitionFailed) for told in caller.results)
            assert double.seen.streams == 3

    run(call())


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("PERMISSION_DENIED", "Permission 'speech.recognizers.recognize' denied", "role"),
        ("PERMISSION_DENIED", "Speech API has not been used in project 7", "switched on"),
        ("UNAUTHENTICATED", "Request had invalid authentication credentials", "key"),
        ("UNAVAILABLE", "", "cannot be reached"),
        ("RESOURCE_EXHAUSTED", "Quota exceeded", "quota"),
    ],
)
def test_the_probe_tells_what_is_wrong(code: str, message: str, told: str) -> None:
    async def probe() -> None:
        fault = Fault(code, message=message)
        async with served(failing(fault)) as (_, ears):
            await ears.warm()
            with pytest.raises(ProviderFailed, match=told):
                await ears.probe()

    run(probe())


def test_a_stream_that_cannot_be_renewed_goes_on() -> None:
    async def call() -> None:
        refused = Fault("UNAVAILABLE", streams=tuple(range(2, 9)))
        times = replace(PERSISTENT, rotate=0.0, rotate_at_latest=3.0)
        async with served(failing(refused), times) as (double, ears):
            async with calling(double, ears) as caller:
                utterances = 0
                while double.seen.streams < 7:
                    await say_ten_words(caller, range(utterances, utterances + 1))
                    utterances += 1
                await say_ten_words(caller, range(utterances, utterances + 2))
            assert caller.heard() == numbered(10 * utterances + 20)
            assert set(double.seen.ended[:6]) == {"UNAVAILABLE"}

    run(call())


def test_a_stream_is_kept_until_the_next_one_is_heard_from() -> None:
    async def call() -> None:
        mute = Fault("STALL", streams=(2,))
        times = replace(PERSISTENT, rotate=0.0, rotate_at_latest=3.0)
        async with served(failing(mute), times) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(6))
                assert double.seen.streams == double.seen.open == 2
            assert caller.heard() == numbered(60)

    run(call())


def test_a_lasting_refusal_is_not_tried_again() -> None:
    async def call() -> None:
        fault = Fault("PERMISSION_DENIED")
        async with served(failing(fault)) as (double, ears):
            with pytest.raises(ExceptionGroup):
                await call_without_end(double, ears)
            assert double.seen.streams == 1

    run(call())


def test_calls_do_not_storm_when_the_quota_is_used_up() -> None:
    async def call() -> None:
        fault = Fault("RESOURCE_EXHAUSTED")
        async with served(failing(fault), replace(PERSISTENT, quota_wait=0.0)) as (double, ears):
            for _ in range(20):
                with pytest.raises(ExceptionGroup) as failed:
                    await call_without_end(double, ears)
                assert isinstance(failed.value.exceptions[0], OverQuota)
            assert double.seen.streams == 1

    run(call())


def test_a_stream_that_goes_quiet_is_replaced() -> None:
    async def call() -> None:
        fault = Fault("STALL", streams=(1,), after=4.0)
        times = replace(PERSISTENT, stall=0.0)
        async with served(failing(fault), times) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(3))
            assert caller.heard() == numbered(30)
            assert double.seen.streams == 2

    run(call())


def test_empty_and_repeated_and_late_results_change_nothing() -> None:
    async def call() -> None:
        async with served(failing(Fault("JUNK")), SHORT_STREAMS) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(10))
            assert caller.heard() == numbered(100)

    run(call())


def test_words_that_the_service_settles_on_later_repair_the_answer() -> None:
    async def call() -> None:
        script = replace(QUICK, texts=["two rooms in haifa"], misheard=1.0)
        async with served(script) as (double, ears):
            async with calling(double, ears) as caller:
                await caller.begin(1, words(range(8)) + bytes(26 * FRAME_BYTES)[: 20 * FRAME_BYTES])
                caller.stop(1, 106)
                first = await caller.answer(1)
                await caller.go_on(1, bytes(15 * FRAME_BYTES))
                repaired = await caller.answer(1, 2)
            assert first == Final(1, "two rooms in afiahx", 0.0)
            assert isinstance(repaired, Final)
            assert repaired.text == "two rooms in haifa"
            assert repaired.confidence == pytest.approx(0.9)

    run(call())


def test_an_utterance_without_words_is_answered_with_nothing_after_a_while() -> None:
    async def call() -> None:
        impatient = replace(PERSISTENT, patience=Patience(final=0.2, mute=0.2))
        async with served(QUICK, impatient) as (double, ears), calling(double, ears) as caller:
            await caller.begin(1, bytes(50 * FRAME_BYTES))
            caller.stop(1, 50)
            assert await caller.answer(1) == Final(1, "", 0.0)

    run(call())


def test_the_end_of_an_utterance_that_never_began_is_answered() -> None:
    async def call() -> None:
        async with served(QUICK) as (double, ears), calling(double, ears) as caller:
            caller.put(StopListening(7, 40))
            assert await caller.answer(7) == Final(7, "", 0.0)

    run(call())


def test_an_utterance_grows_in_partials() -> None:
    async def call() -> None:
        async with served(QUICK) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(1))
            told = caller.partials(0)
            assert len(told) > 3
            assert all(later.startswith(before) for before, later in pairwise(told))

    run(call())


def test_a_call_finds_by_itself_what_the_service_knows() -> None:
    async def call() -> None:
        script = replace(QUICK, refuses=lambda asked: "" if asked.language == "he-IL" else "No.")
        async with served(script) as (double, ears):
            async with calling(double, ears) as caller:
                await say_ten_words(caller, range(2))
            assert caller.heard() == numbered(20)
            assert [asked.language for asked in double.seen.asked] == ["iw-IL", "iw-IL", "he-IL"]

    run(call())


def test_silence_is_sent_while_nothing_is_said() -> None:
    async def call() -> None:
        async with (
            served(QUICK, replace(PERSISTENT, preroll=0.0)) as (double, ears),
            calling(double, ears),
        ):
            await double.until(lambda seen: seen.audio >= 2 * 1600)
            assert double.seen.longest_message <= 4096

    run(call())
