"""Google's Speech-to-Text as messages: v1 and v2 asked alike, their results and errors as values.

Requests are made from the raw messages beneath Google's classes, which cost a tenth of them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError, from_grpc_status
from google.auth.exceptions import GoogleAuthError
from google.cloud import speech_v1, speech_v2
from google.cloud.speech_v1.services.speech.transports.grpc_asyncio import (
    SpeechGrpcAsyncIOTransport as TransportV1,
)
from google.cloud.speech_v2.services.speech.transports.grpc_asyncio import (
    SpeechGrpcAsyncIOTransport as TransportV2,
)

from engine.core.audio import RATE
from engine.ports import OverQuota, ProviderFailed
from engine.providers.google_credentials import GoogleAccount
from engine.providers.google_ledger import Result, Span

MOST_BOOST = 20.0
MOST_PHRASES = 5000
"""Of one request."""
PHRASES_OF_SET = 1200
LONGEST_PHRASE = 100
EXPECTED_BOOST = 10.0
THROTTLED_SECONDS = 10.0
THROTTLED_STEP = 1.0
CONNECT_SECONDS = 3.0
STREAM_SECONDS = 400.0  # longer than any stream may live: the service ends it, not the client
UNARY_SECONDS = 5.0
STREAMS_EACH = 80
"""Google takes 100 streams on a connection; gRPC lets the next one wait without a word."""
_CHANNEL = (
    ("grpc.use_local_subchannel_pool", 1),  # else all channels share one connection
    # A lost connection is tried anew when the recognizer does, not when gRPC finds the time.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)

REQUEST_V1 = speech_v1.StreamingRecognizeRequest.pb()
STREAMING_CONFIG_V1 = speech_v1.StreamingRecognitionConfig.pb()
CONFIG_V1 = speech_v1.RecognitionConfig.pb()
UNARY_V1 = speech_v1.RecognizeRequest.pb()
AUDIO_V1 = speech_v1.RecognitionAudio.pb()
REQUEST_V2 = speech_v2.StreamingRecognizeRequest.pb()
STREAMING_CONFIG_V2 = speech_v2.StreamingRecognitionConfig.pb()
CONFIG_V2 = speech_v2.RecognitionConfig.pb()
UNARY_V2 = speech_v2.RecognizeRequest.pb()

log = logging.getLogger(__name__)

_CODES = {
    "he": ("iw-IL", "he-IL"),
    "iw": ("iw-IL", "he-IL"),
    "he-IL": ("iw-IL", "he-IL"),
    "iw-IL": ("iw-IL", "he-IL"),
    "en": ("en-US",),
}
"""What a language may be called; the first that is taken stays."""

Hint = tuple[str, float]
"""A phrase and its boost."""


class Version(StrEnum):
    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the service."""

    language: str = "he"
    also: tuple[str, ...] = ()
    """Other languages that callers may speak; three at most."""
    model: str = ""
    """Empty: v1's default; `long` in v2, which has none."""
    enhanced: bool = False
    """Of v1: the better model for telephones, where the language has it."""
    hints: tuple[Hint, ...] = ()
    location: str = "global"
    """Of v2."""
    version: Version = Version.V1


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask for it that the service may or may not know."""

    code: str
    model: str
    enhanced: bool
    times: bool
    """Of words: some models do not give them."""
    also: tuple[str, ...]
    """Codes of other languages: not every model tells languages apart."""


def variants(wanted: Wanted) -> tuple[Variant, ...]:
    """Most wanted first."""
    default = "long" if wanted.version is Version.V2 else ""
    first = wanted.model or default
    models = dict.fromkeys(((first, wanted.enhanced), (first, False), (default, False)))
    others = tuple(_codes(language)[0] for language in wanted.also)
    return tuple(
        Variant(code, model, enhanced, times, also)
        for code in _codes(wanted.language)
        for model, enhanced in models
        for times in (True, False)
        for also in dict.fromkeys((others, ()))
    )


def _codes(language: str) -> tuple[str, ...]:
    return _CODES.get(language, (language,))


class Failed(ProviderFailed):
    """The service did not do it; the message is one sentence, without any secret."""

    def __init__(self, sentence: str, code: str, *, other_way: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        """Of gRPC, as `UNAVAILABLE`; empty: the credentials did not give a token."""
        self.other_way = other_way
        """It may be asked for in another way, at once."""

    @property
    def lasting(self) -> bool:
        """Trying again is of no use."""
        return self.code in {"", "PERMISSION_DENIED", "UNAUTHENTICATED", "NOT_FOUND"} or (
            self.code == "INVALID_ARGUMENT" and not self.other_way
        )


class UsedUp(Failed, OverQuota):
    """As above; a ladder then asks another provider for a while."""


class Throttle:
    """After Google has said that a quota is used up, one try a second over all calls."""

    def __init__(self) -> None:
        self._until = 0.0
        self._next = 0.0

    def exhausted(self, now: float) -> None:
        self._until = now + THROTTLED_SECONDS
        self._next = max(self._next, now + THROTTLED_STEP)

    def may(self, now: float) -> bool:
        """Whether the one who asks may try at once: then this turn is theirs."""
        return self.turn(now, now) is not None

    def turn(self, now: float, at_latest: float) -> float | None:
        """When the one who asks may try: that turn is theirs. `None`: too late, it is nobody's."""
        if now >= self._until:
            return now
        turn = max(now, self._next)
        if turn > at_latest:
            return None
        self._next = turn + THROTTLED_STEP
        return turn


class GoogleSpeech:
    """The service, for all calls: its connections, and what was learnt about it."""

    def __init__(
        self,
        account: GoogleAccount,
        wanted: Wanted,
        endpoint: str = "",
        *,
        streams_each: int = STREAMS_EACH,
    ) -> None:
        """`endpoint`: `host:port` of a server on this machine, spoken to without TLS;
        `streams_each`: of a connection."""
        self.throttle = Throttle()
        self._wanted = wanted
        self._endpoint = endpoint
        self._account = account
        self._variants = variants(wanted)
        self._variant = 0
        self._proven = False
        self._streams_each = streams_each
        self._connections: list[_V1 | _V2] = []

    async def connect(self) -> None:
        """Raises `Failed`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connection().transport.grpc_channel.channel_ready()
        except TimeoutError:
            raise Failed("Google: speech recognition cannot be reached", "UNAVAILABLE") from None

    async def close(self) -> None:
        for connection in self._connections:
            await connection.transport.grpc_channel.close()
        self._connections.clear()

    async def stream(
        self, pieces: AsyncIterator[bytes], expected: Sequence[str]
    ) -> AsyncGenerator[tuple[Result, ...]]:
        """The results of a new stream, which is given these pieces of sound; none first, as soon
        as the service answers. Raises `Failed`."""
        service, tried = self._connection(), self._variant
        service.streams += 1
        try:
            call = await service.stream(_requests(service, self._variants[tried], expected, pieces))
            try:
                await call.initial_metadata()
                yield ()
                async for response in call:
                    self._proven = True
                    yield service.results(response)
            finally:
                call.cancel()
        except (GoogleAPICallError, GoogleAuthError) as error:
            raise self._failed(error, tried) from error
        finally:
            service.streams -= 1

    async def recognize(self, pcm: bytes, expected: Sequence[str]) -> tuple[str, float]:
        """Words and confidence. Raises `Failed`."""
        tried = self._variant
        try:
            results = await self._connection().recognize(self._variants[tried], expected, pcm)
        except (GoogleAPICallError, GoogleAuthError) as error:
            raise self._failed(error, tried) from error
        self._proven = True
        heard = [result for result in results if result.text]
        confidence = min((result.confidence for result in heard), default=0.0)
        return " ".join(result.text.strip() for result in heard), confidence

    def _connection(self) -> "_V1 | _V2":
        """One with room for a stream. Made when needed: it belongs to the running loop."""
        for connection in self._connections:
            if connection.streams < self._streams_each:
                return connection
        version = _V1 if self._wanted.version is Version.V1 else _V2
        self._connections.append(version(self._account, self._wanted, self._endpoint))
        return self._connections[-1]

    def _failed(self, error: GoogleAPICallError | GoogleAuthError, tried: int) -> Failed:
        code = _code(error)
        sentence = _sentence(error, code, self._account.project)
        if code == "RESOURCE_EXHAUSTED":
            self.throttle.exhausted(asyncio.get_running_loop().time())
            return UsedUp(sentence, code)
        if code != "INVALID_ARGUMENT" or self._proven:
            return Failed(sentence, code)
        if tried == self._variant:  # else another call has gone on to the next already
            if tried + 1 == len(self._variants):
                return Failed(sentence, code)
            self._variant += 1
            log.warning(
                "google_speech_variant",
                extra={"facts": {"refused": sentence, "next": str(self._variants[self._variant])}},
            )
        return Failed(sentence, code, other_way=True)


async def _requests(
    service: "_V1 | _V2", variant: Variant, expected: Sequence[str], pieces: AsyncIterator[bytes]
) -> AsyncGenerator[Any]:  # raw messages have no types
    yield service.opening(variant, expected)
    async for pcm in pieces:
        yield service.audio(pcm)


def _code(error: GoogleAPICallError | GoogleAuthError) -> str:
    text = str(error)
    if "invalid_grant" in text or "invalid_client" in text or "invalid_scope" in text:
        return ""
    if "Internal error from Core" in text:  # gRPC's own, when a stream ends as it begins
        return "UNAVAILABLE"
    status = getattr(error, "grpc_status_code", None)
    return status.name if isinstance(status, grpc.StatusCode) else "UNAVAILABLE"


def _sentence(error: GoogleAPICallError | GoogleAuthError, code: str, project: str) -> str:
    told = " ".join(str(getattr(error, "message", "") or "").split())[:200]
    if "SERVICE_DISABLED" in str(error) or "has not been used in project" in told:
        return f"Google: the Speech-to-Text API is not switched on in the project {project}"
    match code:
        case "" | "UNAUTHENTICATED":
            return "Google does not accept the key of the service account: make a new one"
        case "PERMISSION_DENIED":
            return (
                "Google: the service account may not recognize speech in the project "
                f"{project}: give it the role Cloud Speech Client"
            )
        case "RESOURCE_EXHAUSTED":
            return "Google: the quota of speech recognition is used up"
        case "UNAVAILABLE" | "DEADLINE_EXCEEDED":
            return "Google: speech recognition cannot be reached"
        case _:
            return f"Google: speech recognition failed: {code} {told}"


class _V1:
    def __init__(self, account: GoogleAccount, wanted: Wanted, endpoint: str) -> None:
        self.streams = 0
        self.transport = TransportV1(
            credentials=account.credentials,
            channel=_plain(endpoint) if endpoint else partial(_tuned, TransportV1),
        )
        self.client = speech_v1.SpeechAsyncClient(transport=self.transport)
        self._hints = wanted.hints

    def opening(self, variant: Variant, expected: Sequence[str]) -> Any:  # a raw message
        config = self._config(variant, expected)
        streaming = STREAMING_CONFIG_V1(config=config, interim_results=True)
        return REQUEST_V1(streaming_config=streaming)

    def audio(self, pcm: bytes) -> Any:  # a raw message
        return REQUEST_V1(audio_content=pcm)

    async def stream(self, requests: AsyncIterator[Any]) -> Any:  # Google's call, half typed
        return await self.client.streaming_recognize(
            requests=requests, retry=None, timeout=STREAM_SECONDS
        )

    def results(self, response: Any) -> tuple[Result, ...]:  # Google's class
        raw = speech_v1.StreamingRecognizeResponse.pb(response)
        if raw.error.code:
            status = next(code for code in grpc.StatusCode if code.value[0] == raw.error.code)
            raise from_grpc_status(status, raw.error.message)  # type: ignore[no-untyped-call]  # it has no types
        return tuple(
            _result(
                one,
                _seconds(one.result_end_time),
                final=one.is_final,
                spans=[(w.word, w.start_time, w.end_time) for w in _best(one).words],
            )
            for one in raw.results
            if one.alternatives
        )

    async def recognize(
        self, variant: Variant, expected: Sequence[str], pcm: bytes
    ) -> list[Result]:
        config = self._config(replace(variant, times=False), expected)
        request = UNARY_V1(config=config, audio=AUDIO_V1(content=pcm))
        response = await self.client.recognize(
            request=speech_v1.RecognizeRequest.wrap(request), retry=None, timeout=UNARY_SECONDS
        )
        raw = speech_v1.RecognizeResponse.pb(response)
        return [_result(one, 0.0, final=True) for one in raw.results if one.alternatives]

    def _config(self, variant: Variant, expected: Sequence[str]) -> Any:  # a raw message
        config = CONFIG_V1(
            encoding=speech_v1.RecognitionConfig.AudioEncoding.LINEAR16,
            sample_rate_hertz=RATE,
            language_code=variant.code,
            alternative_language_codes=variant.also,
            model=variant.model,
            use_enhanced=variant.enhanced,
            enable_word_time_offsets=variant.times,
        )
        by_boost: dict[float, list[str]] = {}
        for phrase, boost in _phrases(self._hints, expected):
            by_boost.setdefault(boost, []).append(phrase)
        for boost, phrases in by_boost.items():
            config.speech_contexts.add(phrases=phrases, boost=boost)
        return config


class _V2:
    def __init__(self, account: GoogleAccount, wanted: Wanted, endpoint: str) -> None:
        self.streams = 0
        host = "speech.googleapis.com"
        if wanted.location != "global":
            host = f"{wanted.location}-{host}"
        self.transport = TransportV2(
            host=host,
            credentials=account.credentials,
            channel=_plain(endpoint) if endpoint else partial(_tuned, TransportV2),
        )
        self.client = speech_v2.SpeechAsyncClient(transport=self.transport)
        self._hints = wanted.hints
        self._recognizer = f"projects/{account.project}/locations/{wanted.location}/recognizers/_"
        # A stream's first message is not seen by Google's client, which routes by it otherwise.
        self._routing = (("x-goog-request-params", f"recognizer={self._recognizer}"),)

    def opening(self, variant: Variant, expected: Sequence[str]) -> Any:  # a raw message
        streaming = STREAMING_CONFIG_V2(config=self._config(variant, expected))
        streaming.streaming_features.interim_results = True
        return REQUEST_V2(recognizer=self._recognizer, streaming_config=streaming)

    def audio(self, pcm: bytes) -> Any:  # a raw message
        return REQUEST_V2(audio=pcm)

    async def stream(self, requests: AsyncIterator[Any]) -> Any:  # Google's call, half typed
        return await self.client.streaming_recognize(
            requests=requests, retry=None, timeout=STREAM_SECONDS, metadata=self._routing
        )

    def results(self, response: Any) -> tuple[Result, ...]:  # Google's class
        raw = speech_v2.StreamingRecognizeResponse.pb(response)
        return tuple(
            _result(
                one,
                _seconds(one.result_end_offset),
                final=one.is_final,
                spans=[(w.word, w.start_offset, w.end_offset) for w in _best(one).words],
            )
            for one in raw.results
            if one.alternatives
        )

    async def recognize(
        self, variant: Variant, expected: Sequence[str], pcm: bytes
    ) -> list[Result]:
        config = self._config(replace(variant, times=False), expected)
        request = UNARY_V2(recognizer=self._recognizer, config=config, content=pcm)
        response = await self.client.recognize(
            request=speech_v2.RecognizeRequest.wrap(request), retry=None, timeout=UNARY_SECONDS
        )
        raw = speech_v2.RecognizeResponse.pb(response)
        return [_result(one, 0.0, final=True) for one in raw.results if one.alternatives]

    def _config(self, variant: Variant, expected: Sequence[str]) -> Any:  # a raw message
        config = CONFIG_V2(model=variant.model, language_codes=[variant.code, *variant.also])
        config.explicit_decoding_config.encoding = (
            speech_v2.ExplicitDecodingConfig.AudioEncoding.LINEAR16
        )
        config.explicit_decoding_config.sample_rate_hertz = RATE
        config.explicit_decoding_config.audio_channel_count = 1
        config.features.enable_word_time_offsets = variant.times
        phrases = _phrases(self._hints, expected)
        for start in range(0, len(phrases), PHRASES_OF_SET):
            inline = config.adaptation.phrase_sets.add().inline_phrase_set
            for phrase, boost in phrases[start : start + PHRASES_OF_SET]:
                inline.phrases.add(value=phrase, boost=boost)
        return config


def _result(
    one: Any,  # a raw message of either version
    end: float,
    *,
    final: bool,
    spans: Sequence[tuple[str, Any, Any]] = (),  # Google's durations
) -> Result:
    best = _best(one)
    return Result(
        text=best.transcript,
        end=end,
        final=final,
        stability=1.0 if final else one.stability,
        confidence=best.confidence,
        spans=tuple(Span(word, _seconds(start), _seconds(to)) for word, start, to in spans),
    )


def _best(one: Any) -> Any:  # raw messages
    return one.alternatives[0]


def _seconds(duration: Any) -> float:  # Google's duration
    return float(duration.seconds) + float(duration.nanos) / 1e9


def _phrases(hints: Sequence[Hint], expected: Sequence[str]) -> list[Hint]:
    """What may be said next comes first, each phrase once, within Google's limits."""
    told = [*((phrase, EXPECTED_BOOST) for phrase in expected), *hints]
    boosts: dict[str, float] = {}
    for phrase, boost in told:
        if 0 < len(phrase) <= LONGEST_PHRASE:
            boosts.setdefault(phrase, min(boost, MOST_BOOST))
    return list(boosts.items())[:MOST_PHRASES]


def _plain(endpoint: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(endpoint, options=_CHANNEL)


def _tuned(transport: Any, *args: Any, **options: Any) -> grpc.aio.Channel:  # as Google calls it
    options["options"] = [*options.get("options", ()), *_CHANNEL]
    channel: grpc.aio.Channel = transport.create_channel(*args, **options)
    return channel
