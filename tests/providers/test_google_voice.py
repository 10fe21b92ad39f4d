"""Google's own client against the double, by gRPC."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from math import inf
from pathlib import Path

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials

from bridge.doubles.google_voice import GoogleVoiceScript, serve_google_voice
from bridge.doubles.latency import Latency
from bridge.doubles.seen import Seen
from bridge.doubles.sounds import Flow, tone
from engine.core.audio import seconds
from engine.ports import OverQuota, ProviderFailed, Speech
from engine.providers.google_voice import GoogleVoice
from engine.providers.shelf import Shelf

HEBREW = "שָׁלוֹם, מְדַבֶּרֶת לֵ֫אָה. אֵיךְ אֶפְשָׁר לַעֲזוֹר?"
ENGLISH = "Hello, this is Leah speaking. How can I help you?"
CHIRP, WAVENET, STUDIO = "he-IL-Chirp3-HD-Kore", "he-IL-Wavenet-A", "en-US-Studio-O"

CUT = 481
"""Samples: the tone begins after 801, and 40 ms before it are kept."""

Use = Callable[[GoogleVoice], Awaitable[None]]


def script(
    flow: Flow | None = None,
    *,
    refuse: grpc.StatusCode | None = None,
    timepoints: bool = True,
) -> GoogleVoiceScript:
    """A service that takes no time."""
    return GoogleVoiceScript(
        latency=Latency(),
        at_once=0.0,
        flow=flow or Flow(pace=inf),
        refuse=refuse,
        timepoints=timepoints,
    )


def call(
    what: GoogleVoiceScript,
    use: Use,
    *,
    voices: Sequence[str] = (CHIRP,),
    shelf: Shelf | None = None,
    seen: Seen | None = None,
) -> None:
    async def run() -> None:
        async with serve_google_voice(what, seen=seen) as address:
            voice = GoogleVoice(
                shelf or Shelf(None), voices=voices, rate=0.95, credentials=None, endpoint=address
            )
            try:
                await use(voice)
            finally:
                await voice.close()

    asyncio.run(run())


async def said(voice: GoogleVoice, text: str) -> list[Speech]:
    return [piece async for piece in voice.speak(text)]


def heard(text: str) -> bytes:
    """What Google makes of it, but for the silence before its first word."""
    return tone(text, 8000, 0.95)[2 * CUT :]


def sound(pieces: list[Speech]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


def words(pieces: list[Speech]) -> list[tuple[str, float]]:
    """With their times from the start of the sentence."""
    told: list[tuple[str, float]] = []
    before = 0.0
    for piece in pieces:
        told += [(word.text, before + word.at) for word in piece.words]
        before += seconds(piece.pcm)
    return told


@pytest.mark.parametrize("name", [CHIRP, WAVENET, STUDIO])
def test_the_sound_is_what_google_made_and_nothing_else(name: str) -> None:
    async def use(voice: GoogleVoice) -> None:
        assert sound(await said(voice, ENGLISH)) == heard(ENGLISH)

    call(script(), use, voices=[name])


@pytest.mark.parametrize("flow", [Flow(pace=inf, odd=True), Flow(pace=inf, header=True)])
def test_pieces_cut_in_a_sample_and_a_header_make_no_noise(flow: Flow) -> None:
    async def use(voice: GoogleVoice) -> None:
        assert sound(await said(voice, ENGLISH)) == heard(ENGLISH)

    call(script(flow), use)


def test_a_stream_is_heard_before_it_has_ended() -> None:
    async def use(voice: GoogleVoice) -> None:
        async with aclosing(voice.speak(ENGLISH)) as pieces:
            first = await anext(pieces)
            assert 0 < len(first.pcm) < len(heard(ENGLISH))

    call(script(Flow(pace=inf, stalls_after=0.4)), use)


@pytest.mark.parametrize("name", [CHIRP, WAVENET, STUDIO])
@pytest.mark.parametrize("text", [HEBREW, ENGLISH, "כן"])
def test_each_word_has_its_time_in_order_within_the_sound(name: str, text: str) -> None:
    async def use(voice: GoogleVoice) -> None:
        for _ in ("from Google", "from the shelf"):
            pieces = await said(voice, text)
            told = words(pieces)
            assert [word for word, _ in told] == text.split()
            times = [at for _, at in told]
            assert times == sorted(times)
            assert all(0.04 <= at <= seconds(sound(pieces)) for at in times)
            for piece in pieces:
                assert all(word.at <= seconds(piece.pcm) for word in piece.words)

    call(script(), use, voices=[name])


def test_a_word_that_google_timed_is_at_its_mark() -> None:
    async def use(voice: GoogleVoice) -> None:
        exact = dict(words(await said(voice, "Two & two")))
        assert exact == {"Two": 0.04, "&": 0.341, "two": 0.491}

    # 10 by weight: 0.04 s of silence, then 10 / 14 s at the rate of 0.95.
    call(script(), use, voices=[WAVENET])


def test_without_marks_the_words_are_timed_by_their_letters() -> None:
    async def use(voice: GoogleVoice) -> None:
        assert [word for word, _ in words(await said(voice, ENGLISH))] == ENGLISH.split()

    call(script(timepoints=False), use, voices=[WAVENET])


def test_a_stream_shorter_than_was_thought_has_all_words_all_the_same() -> None:
    async def use(voice: GoogleVoice) -> None:
        pieces = await said(voice, ENGLISH)
        assert [word for word, _ in words(pieces)] == ENGLISH.split()
        assert all(at < seconds(sound(pieces)) for _, at in words(pieces))

    call(script(Flow(pace=inf, length=0.6)), use)


def test_after_some_sentences_the_words_of_a_stream_are_timed_well() -> None:
    async def use(voice: GoogleVoice) -> None:
        for number in range(9):
            await said(voice, f"{ENGLISH} {number}")
        streamed = words(await said(voice, ENGLISH))
        exact = words(await said(voice, ENGLISH))
        for (_, at), (_, really) in zip(streamed, exact, strict=True):
            assert at == pytest.approx(really, abs=0.1)

    call(script(), use)


def test_google_is_given_the_points_but_not_our_mark_of_stress() -> None:
    seen = Seen()

    async def use(voice: GoogleVoice) -> None:
        assert "לֵ֫אָה." in [word for word, _ in words(await said(voice, HEBREW))]

    call(script(), use, seen=seen)
    assert seen.texts == [HEBREW.replace("\u05ab", "")]


def test_each_language_has_its_voice() -> None:
    async def use(voice: GoogleVoice) -> None:
        await said(voice, HEBREW)
        with pytest.raises(ProviderFailed):
            await said(voice, ENGLISH)

    call(script(), use, voices=[CHIRP, "en-US-Chirp3-HD-Nobody"])


@pytest.mark.parametrize("name", [CHIRP, WAVENET, STUDIO])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "cannot be reached"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota"),
        (grpc.StatusCode.PERMISSION_DENIED, "may not"),
        (grpc.StatusCode.UNAUTHENTICATED, "credentials"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
def test_what_google_refuses_is_told_in_a_sentence(
    name: str, code: grpc.StatusCode, reason: str
) -> None:
    async def use(voice: GoogleVoice) -> None:
        with pytest.raises(ProviderFailed, match=reason) as failed:
            await said(voice, ENGLISH)
        assert isinstance(failed.value, OverQuota) == (reason == "quota")
        with pytest.raises(ProviderFailed, match=reason):
            await voice.probe()
        await voice.warm()

    call(script(refuse=code), use, voices=[name])


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
@pytest.mark.parametrize("name", [CHIRP, WAVENET])
def test_sound_that_breaks_off_or_cannot_be_this_text_is_a_failure(name: str, flow: Flow) -> None:
    async def use(voice: GoogleVoice) -> None:
        for _ in range(2):  # what broke off was not kept
            with pytest.raises(ProviderFailed):
                await said(voice, ENGLISH)

    seen = Seen()
    call(script(flow), use, voices=[name], seen=seen)
    assert seen.requests == 2


def test_nobody_there_is_a_failure() -> None:
    async def run() -> None:
        voice = GoogleVoice(
            Shelf(None), voices=[CHIRP], rate=1.0, credentials=None, endpoint="127.0.0.1:1"
        )
        with pytest.raises(ProviderFailed, match="cannot be reached"):
            await said(voice, ENGLISH)
        await voice.warm()
        await voice.close()

    asyncio.run(run())


def test_an_interruption_ends_the_stream_at_google() -> None:
    seen = Seen()

    async def use(voice: GoogleVoice) -> None:
        async with aclosing(voice.speak(ENGLISH)) as pieces:
            await anext(pieces)
            assert (seen.open, seen.cancelled) == (1, 0)
        await seen.until(lambda seen: (seen.open, seen.cancelled) == (0, 1))

    call(script(Flow(pace=inf, stalls_after=0.6)), use, seen=seen)


@pytest.mark.parametrize("name", [CHIRP, WAVENET])
def test_who_waits_for_a_silent_google_can_be_cancelled(name: str) -> None:
    seen = Seen()

    async def use(voice: GoogleVoice) -> None:
        waiting = asyncio.create_task(said(voice, ENGLISH))
        await seen.until(lambda seen: seen.open == 1)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        await seen.until(lambda seen: (seen.open, seen.cancelled) == (0, 1))

    call(script(Flow(pace=inf, stalls_after=0)), use, voices=[name], seen=seen)


def test_prepared_sentences_are_never_asked_of_google_again(tmp_path: Path) -> None:
    told: list[str] = []
    first, second = Seen(), Seen()

    async def prepare(voice: GoogleVoice) -> None:
        await voice.prepare([HEBREW, ENGLISH, HEBREW], told.append)
        assert sound(await said(voice, HEBREW)) == heard(HEBREW.replace("\u05ab", ""))

    async def again(voice: GoogleVoice) -> None:
        await voice.prepare([HEBREW, ENGLISH], told.append)
        assert len(await said(voice, HEBREW)) == 1

    call(script(), prepare, shelf=Shelf(tmp_path), seen=first)
    call(script(), again, shelf=Shelf(tmp_path), seen=second)
    assert (first.requests, second.requests) == (2, 0)
    assert told == [f"Google's voice: {n} of 2 sentences are ready" for n in (1, 2, 1, 2)]


def test_another_rate_or_voice_is_another_sound(tmp_path: Path) -> None:
    async def use(voice: GoogleVoice) -> None:
        await voice.prepare([HEBREW])

    seen = Seen()
    for name in (CHIRP, WAVENET):
        call(script(), use, voices=[name], shelf=Shelf(tmp_path), seen=seen)
    assert seen.requests == 2


def test_what_a_caller_was_told_is_not_written_to_the_disk(tmp_path: Path) -> None:
    async def use(voice: GoogleVoice) -> None:
        await said(voice, HEBREW)

    call(script(), use, shelf=Shelf(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_say_is_not_asked() -> None:
    seen = Seen()

    async def use(voice: GoogleVoice) -> None:
        assert await said(voice, "  ") == []

    call(script(), use, seen=seen)
    assert seen.requests == 0


def test_the_probe_tells_of_a_voice_that_does_not_exist() -> None:
    async def right(voice: GoogleVoice) -> None:
        await voice.probe()

    async def wrong(voice: GoogleVoice) -> None:
        with pytest.raises(
            ProviderFailed, match=r"he-IL-Wavenet-Z does not exist.*he-IL-Wavenet-A"
        ):
            await voice.probe()

    call(script(), right, voices=[CHIRP, STUDIO])
    call(script(), wrong, voices=[CHIRP, "he-IL-Wavenet-Z"])


def test_google_itself_is_asked_with_the_credentials() -> None:
    async def run() -> None:
        account = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        await GoogleVoice(Shelf(None), voices=[CHIRP], rate=1.0, credentials=account).close()

    asyncio.run(run())


def test_without_credentials_or_an_endpoint_there_is_no_voice() -> None:
    with pytest.raises(ProviderFailed, match="no credentials"):
        GoogleVoice(Shelf(None), voices=[CHIRP], rate=1.0, credentials=None)
