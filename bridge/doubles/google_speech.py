"""Google's Speech-to-Text, v1 and v2, on this machine: its messages, its limits, its faults.

It hears either numbered words, or whatever its script says is said in each stretch of voice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from google.cloud import speech_v1, speech_v2

from bridge.doubles.latency import Latency
from bridge.doubles.numbered_words import Decoder
from engine.core.audio import FRAME_BYTES, RATE, level, seconds

AFTER_SPEECH = Latency(0.88, 1.16)
AFTER_SOUND = Latency(0.12, 0.25)
AFTER_REQUEST = Latency(0.5, 0.9)
WORD_SECONDS = 0.35
"""A scripted word is heard when there was so much voice for it."""
_SETTLED = 0.3
"""Seconds after its end from which a word is stable."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Voice between two silences."""

    number: int
    """Counted over all streams."""
    seconds: float
    """So far."""
    over: bool
    """Silence has begun."""
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stream or a request asked for."""

    version: str
    language: str
    model: str
    enhanced: bool
    word_times: bool
    boosts: dict[str, float]
    """Of phrases."""
    also: tuple[str, ...] = ()
    """Other languages."""


@dataclass(frozen=True, slots=True)
class Fault:
    what: str
    """A code of gRPC, as `UNAVAILABLE`; `STALL`: results are no longer given; `JUNK`: with each
    result come an empty one and the one before it."""
    streams: tuple[int, ...] = ()
    """Counted from 1 as they are opened, or requests likewise; none: all."""
    after: float = 0.0
    """Seconds of sound."""
    message: str = ""
    of_requests: bool = False


def _anything(_: Asked) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Script:
    texts: Sequence[str] | Callable[[Stretch], str] | None = None
    """One for each stretch of voice, again and again; or a function. `None`: numbered words."""
    final_latency: Latency = AFTER_SPEECH
    """From the end of speech."""
    interim_latency: Latency = AFTER_SOUND
    request_latency: Latency = AFTER_REQUEST
    interim_every: float = 0.25
    """Seconds of sound."""
    silence: float = 0.5
    """Seconds of silence that end a stretch of voice."""
    voice_level: int = 200
    misheard: float = 0.0
    """The share of finals whose last word was otherwise in all interims."""
    word_times: bool = True
    """In finals; interims have none."""
    confidence: float = 0.9
    longest: float = 305.0
    """Seconds of sound in a stream."""
    idle: float = 10.0
    """Seconds without any sound, after which a stream is ended."""
    most_bytes: int = 25_000
    """Of sound in a message."""
    refuses: Callable[[Asked], str] = _anything
    """Why this is no valid combination; empty: it is."""
    faults: tuple[Fault, ...] = ()
    seed: int = 1


@dataclass(slots=True)
class Seen:
    """What has happened so far."""

    streams: int = 0
    open: int = 0
    cancelled: int = 0
    requests: int = 0
    audio: int = 0
    """Bytes, of all streams."""
    longest_message: int = 0
    """Bytes of sound."""
    ended: list[str] = field(default_factory=list)
    """How streams ended: a code of gRPC."""
    asked: list[Asked] = field(default_factory=list)
    connections: set[str] = field(default_factory=set)
    """Of streams, by the address that they come from."""


class GoogleSpeechDouble:
    def __init__(self, script: Script) -> None:
        self.address = ""
        """`host:port`."""
        self.seen = Seen()
        self.script = script
        self.random = Random(script.seed)
        self.stretches = 0
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[Seen], bool]) -> None:
        """Returns as soon as what was seen is so."""
        while not condition(self.seen):
            self._changed.clear()
            await self._changed.wait()

    def fault(self, number: int, *, of_requests: bool) -> Fault | None:
        for fault in self.script.faults:
            meant = not fault.streams or number in fault.streams
            if fault.of_requests == of_requests and meant:
                return fault
        return None


@asynccontextmanager
async def serve_google_speech(script: Script, port: int = 0) -> AsyncGenerator[GoogleSpeechDouble]:
    double = GoogleSpeechDouble(script)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [_handlers(double, _V1()), _handlers(double, _V2())]  # the wire of both at one port
    )
    double.address = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    try:
        yield double
    finally:
        await server.stop(None)


class Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# What is heard.


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Told:
    words: tuple[Word, ...]
    end: float
    """Seconds from the start of the stream."""
    final: bool
    spoken: float
    """Seconds of sound since the end of speech."""


class _Hearing:
    """Of one stream: sound in, results out, on the time of the sound."""

    def __init__(self, double: GoogleSpeechDouble) -> None:
        self.position = 0.0
        self._double = double
        self._script = double.script
        self._decoder = Decoder() if double.script.texts is None else None
        self._rest = b""
        self._number: int | None = None
        self._start = self._voice_end = self._told_at = 0.0
        self._pcm = bytearray()
        self._misheard = False

    def hear(self, pcm: bytes) -> list[Told]:
        if self._decoder:
            self._decoder.hear(pcm)
        pcm = self._rest + pcm
        whole = len(pcm) // FRAME_BYTES * FRAME_BYTES
        self._rest = pcm[whole:]
        told: list[Told] = []
        for at in range(0, whole, FRAME_BYTES):
            told += self._frame(pcm[at : at + FRAME_BYTES])
        return told

    def end(self) -> list[Told]:
        return [] if self._number is None else [self._final()]

    def _frame(self, frame: bytes) -> list[Told]:
        voiced = level(frame) >= self._script.voice_level
        if voiced and self._number is None:
            self._begin()
        self.position += seconds(frame)
        if self._number is None:
            return []
        self._pcm += frame
        if voiced:
            self._voice_end = self.position
        if self.position - self._voice_end >= self._script.silence - 1e-9:
            return [self._final()]
        if self.position - self._told_at >= self._script.interim_every - 1e-9:
            return self._interim()
        return []

    def _begin(self) -> None:
        self._number = self._double.stretches
        self._double.stretches += 1
        self._start = self._told_at = self.position
        self._pcm.clear()
        self._misheard = self._double.random.random() < self._script.misheard

    def _interim(self) -> list[Told]:
        self._told_at = self.position
        words = self._words(over=self.position - self._voice_end > 0.1)
        if self._misheard and words:
            last = words[-1]
            words = (*words[:-1], Word(last.text[::-1] + "x", last.start, last.end))
        return [Told(words, self.position, final=False, spoken=0.0)] if words else []

    def _final(self) -> Told:
        words = self._words(over=True)
        if self._decoder:
            self._decoder.words.clear()
        self._number = None
        return Told(words, self.position, final=True, spoken=self.position - self._voice_end)

    def _words(self, *, over: bool) -> tuple[Word, ...]:
        if self._decoder:
            words = self._decoder.words
            said = words if over else [word for word in words if word.frames == word.of]
            return tuple(Word(word.text, word.start / RATE, word.end / RATE) for word in said)
        texts = self._text(over).split()
        if not over and not callable(self._script.texts):
            texts = texts[: int((self._voice_end - self._start) / WORD_SECONDS)]
        step = (self._voice_end - self._start) / max(1, len(texts))
        return tuple(
            Word(text, self._start + n * step, self._start + (n + 1) * step)
            for n, text in enumerate(texts)
        )

    def _text(self, over: bool) -> str:
        assert self._number is not None
        texts = self._script.texts
        assert texts is not None
        if not callable(texts):
            return texts[self._number % len(texts)]
        length = self._voice_end - self._start
        return texts(Stretch(self._number, length, over, bytes(self._pcm)))


# The two versions of the wire. What they take and give are Google's raw messages, without types.


class _V1:
    name = "google.cloud.speech.v1.Speech"
    stream_in = speech_v1.StreamingRecognizeRequest.pb()
    stream_out = speech_v1.StreamingRecognizeResponse.pb()
    one_in = speech_v1.RecognizeRequest.pb()
    one_out = speech_v1.RecognizeResponse.pb()
    too_long = Refused("OUT_OF_RANGE", "Exceeded maximum allowed stream duration of 305 seconds.")
    too_idle = Refused("OUT_OF_RANGE", "Audio Timeout Error: Long duration elapsed without audio.")

    def asked(self, request: Any) -> Asked:
        config = request.config
        _must(config.sample_rate_hertz == RATE, "sample_rate_hertz")
        _must(config.encoding == speech_v1.RecognitionConfig.AudioEncoding.LINEAR16, "encoding")
        boosts = {p: c.boost for c in config.speech_contexts for p in c.phrases}
        return Asked(
            version="v1",
            language=config.language_code,
            model=config.model,
            enhanced=config.use_enhanced,
            word_times=config.enable_word_time_offsets,
            boosts=boosts,
            also=tuple(config.alternative_language_codes),
        )

    def opening(self, request: Any) -> Any:
        _must(request.HasField("streaming_config"), "streaming_config")
        return request.streaming_config

    def sound(self, request: Any) -> bytes:
        return bytes(request.audio_content)

    def sound_of_one(self, request: Any) -> bytes:
        return bytes(request.audio.content)

    def set_times(self, word: Any, start: float, end: float) -> None:
        _set(word.start_time, start)
        _set(word.end_time, end)

    def set_end(self, result: Any, end: float) -> None:
        _set(result.result_end_time, end)


class _V2:
    name = "google.cloud.speech.v2.Speech"
    stream_in = speech_v2.StreamingRecognizeRequest.pb()
    stream_out = speech_v2.StreamingRecognizeResponse.pb()
    one_in = speech_v2.RecognizeRequest.pb()
    one_out = speech_v2.RecognizeResponse.pb()
    too_long = Refused("ABORTED", "Max duration of 5 minutes reached for stream.")
    too_idle = Refused("ABORTED", "Stream timed out after receiving no more client requests.")

    def asked(self, request: Any) -> Asked:
        config = request.config
        decoding = config.explicit_decoding_config
        linear16 = speech_v2.ExplicitDecodingConfig.AudioEncoding.LINEAR16
        _must(decoding.sample_rate_hertz == RATE, "sample_rate_hertz")
        _must(decoding.encoding == linear16, "encoding")
        _must(bool(config.model), "model")
        sets = [one.inline_phrase_set for one in config.adaptation.phrase_sets]
        return Asked(
            version="v2",
            language=config.language_codes[0],
            model=config.model,
            enhanced=False,
            word_times=config.features.enable_word_time_offsets,
            boosts={p.value: p.boost for one in sets for p in one.phrases},
            also=tuple(config.language_codes[1:]),
        )

    def opening(self, request: Any) -> Any:
        _must(request.recognizer.endswith("/recognizers/_"), "recognizer")
        _must(request.HasField("streaming_config"), "streaming_config")
        return request.streaming_config

    def sound(self, request: Any) -> bytes:
        return bytes(request.audio)

    def sound_of_one(self, request: Any) -> bytes:
        return bytes(request.content)

    def set_times(self, word: Any, start: float, end: float) -> None:
        _set(word.start_offset, start)
        _set(word.end_offset, end)

    def set_end(self, result: Any, end: float) -> None:
        _set(result.result_end_offset, end)


Version = _V1 | _V2


def _must(right: bool, name: str) -> None:
    if not right:
        raise Refused("INVALID_ARGUMENT", f"Invalid field: {name}")


def _set(duration: Any, value: float) -> None:
    duration.FromNanoseconds(round(value * 1e9))


def _handlers(double: GoogleSpeechDouble, version: Version) -> grpc.GenericRpcHandler:
    async def stream(requests: AsyncIterable[Any], context: Any) -> None:
        await _Stream(double, version, context).serve(requests)

    async def recognize(request: Any, context: Any) -> Any:
        return await _recognize(double, version, request, context)

    return grpc.method_handlers_generic_handler(
        version.name,
        {
            "StreamingRecognize": grpc.stream_stream_rpc_method_handler(
                stream, version.stream_in.FromString, version.stream_out.SerializeToString
            ),
            "Recognize": grpc.unary_unary_rpc_method_handler(
                recognize, version.one_in.FromString, version.one_out.SerializeToString
            ),
        },
    )


class _Stream:
    """One call of StreamingRecognize."""

    def __init__(self, double: GoogleSpeechDouble, version: Version, context: Any) -> None:
        self._double = double
        self._script = double.script
        self._version = version
        self._context = context
        self._hearing = _Hearing(double)
        self._word_times = False
        self._answers: asyncio.Queue[tuple[float, Told] | Refused | None] = asyncio.Queue()
        self._before: Any = None
        self._due = 0.0

    async def serve(self, requests: AsyncIterable[Any]) -> None:
        seen = self._double.seen
        seen.streams += 1
        seen.open += 1
        seen.connections.add(self._context.peer())
        self._double.tell()
        self._fault = self._double.fault(seen.streams, of_requests=False)
        reading = asyncio.create_task(self._read(requests))
        ended = "CANCELLED"
        try:
            ended = await self._answer()
        finally:
            reading.cancel()
            seen.open -= 1
            seen.cancelled += ended == "CANCELLED"
            seen.ended.append(ended)
            self._double.tell()

    async def _answer(self) -> str:
        while (answer := await self._answers.get()) is not None:
            if isinstance(answer, Refused):
                return await self._refuse(answer)
            due, told = answer
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not self._is_on("STALL"):
                await self._write(told)
        return "OK"

    async def _refuse(self, why: Refused) -> str:
        try:
            await self._context.abort(getattr(grpc.StatusCode, why.code), str(why))
        except grpc.aio.AbortError:
            self._double.tell()
        return why.code

    async def _write(self, told: Told) -> None:
        response = self._response(told)
        if self._is_on("JUNK"):
            await self._context.write(self._version.stream_out())
            if self._before is not None:
                await self._context.write(self._before)
        await self._context.write(response)
        self._before = response

    async def _read(self, messages: AsyncIterable[Any]) -> None:
        try:
            requests = aiter(messages)
            opening = self._version.opening(await anext(requests))
            self._check_fault()
            self._ask(self._version.asked(opening))
            while await self._hear_next(requests):
                pass
            self._put(self._hearing.end())
            self._answers.put_nowait(None)
        except Refused as why:
            while not self._answers.empty():
                self._answers.get_nowait()
            self._answers.put_nowait(why)

    async def _hear_next(self, requests: AsyncIterator[Any]) -> bool:
        try:
            async with asyncio.timeout(self._script.idle):
                request = await anext(requests)
        except StopAsyncIteration:
            return False
        except TimeoutError:
            raise self._version.too_idle from None
        self._hear(self._version.sound(request))
        return True

    def _hear(self, pcm: bytes) -> None:
        seen = self._double.seen
        seen.audio += len(pcm)
        seen.longest_message = max(seen.longest_message, len(pcm))
        _must(0 < len(pcm) <= self._script.most_bytes, "audio_content")
        self._put(self._hearing.hear(pcm))
        self._check_fault()
        if self._hearing.position > self._script.longest:
            raise self._version.too_long
        self._double.tell()

    def _ask(self, asked: Asked) -> None:
        self._double.seen.asked.append(asked)
        self._word_times = asked.word_times and self._script.word_times
        if why := self._script.refuses(asked):
            raise Refused("INVALID_ARGUMENT", why)

    def _put(self, results: Sequence[Told]) -> None:
        now = asyncio.get_running_loop().time()
        for told in results:
            latency = self._script.final_latency if told.final else self._script.interim_latency
            wait = latency.draw(self._double.random) - told.spoken
            self._due = max(self._due, now + wait)  # in order
            self._answers.put_nowait((self._due, told))

    def _check_fault(self) -> None:
        fault = self._fault
        if fault and self._is_on(fault.what) and fault.what not in {"STALL", "JUNK"}:
            raise Refused(fault.what, fault.message or "scripted")

    def _is_on(self, what: str) -> bool:
        fault = self._fault
        return bool(fault and fault.what == what and self._hearing.position >= fault.after)

    def _response(self, told: Told) -> Any:
        response = self._version.stream_out()
        settled = [word for word in told.words if told.final or self._is_settled(word)]
        fresh = told.words[len(settled) :]
        if told.final or settled:
            result = response.results.add(is_final=told.final)
            result.stability = 0.0 if told.final else 0.9
            self._fill(result, settled, told.end if told.final or not fresh else settled[-1].end)
            if told.final:
                result.alternatives[0].confidence = self._script.confidence
        if fresh:
            self._fill(response.results.add(stability=0.1), fresh, told.end)
        return response

    def _is_settled(self, word: Word) -> bool:
        return word.end <= self._hearing.position - _SETTLED

    def _fill(self, result: Any, words: Sequence[Word], end: float) -> None:
        best = result.alternatives.add(transcript=" ".join(word.text for word in words))
        self._version.set_end(result, end)
        if result.is_final and self._word_times:
            for word in words:
                self._version.set_times(best.words.add(word=word.text), word.start, word.end)


async def _recognize(
    double: GoogleSpeechDouble, version: Version, request: Any, context: Any
) -> Any:
    double.seen.requests += 1
    double.tell()
    fault = double.fault(double.seen.requests, of_requests=True)
    try:
        if fault:
            raise Refused(fault.what, fault.message or "scripted")
        asked = version.asked(request)
        double.seen.asked.append(asked)
        if why := double.script.refuses(asked):
            raise Refused("INVALID_ARGUMENT", why)
    except Refused as why:
        await context.abort(getattr(grpc.StatusCode, why.code), str(why))
    hearing = _Hearing(double)
    told = [one for one in hearing.hear(version.sound_of_one(request)) if one.final]
    await asyncio.sleep(double.script.request_latency.draw(double.random))
    response = version.one_out()
    for one in [*told, *hearing.end()]:
        if one.words:
            best = response.results.add().alternatives.add(confidence=double.script.confidence)
            best.transcript = " ".join(word.text for word in one.words)
    return response
