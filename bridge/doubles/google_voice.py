"""A stand-in for Google's Text-to-Speech: its gRPC services v1 and v1beta1, with scripted faults.

What it says is a tone as long as the text, or espeak-ng."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from types import ModuleType
from typing import Any

import grpc
from google.cloud import texttospeech_v1 as v1
from google.cloud import texttospeech_v1beta1 as v1beta1

from bridge.doubles.latency import Latency
from bridge.doubles.seen import Seen
from bridge.doubles.sounds import Died, Flow, Sound, pieces, tone
from engine.core.audio import seconds
from engine.providers import wav
from engine.providers.pieces import word_times

# Any: the handlers of both versions are the same, and the types of their messages are not.
Context = grpc.aio.ServicerContext[Any, Any]

_NO_INPUT = 5.0
"""Seconds; then Google breaks off the stream."""


@dataclass(frozen=True, slots=True)
class GoogleVoiceScript:
    voices: tuple[str, ...] = (
        *("he-IL-Chirp3-HD-Kore", "he-IL-Wavenet-A", "he-IL-Standard-A"),
        *("en-US-Chirp3-HD-Kore", "en-US-Wavenet-F", "en-US-Studio-O"),
    )
    sound: Sound = tone
    latency: Latency = field(default_factory=lambda: Latency(0.2, 0.35))
    """Until the first sound of a stream; `at_once` seconds more for a sentence in one piece."""
    at_once: float = 0.4
    flow: Flow = field(default_factory=Flow)
    refuse: grpc.StatusCode | None = None
    """What requests are refused with."""
    timepoints: bool = True
    seed: int = 0


@asynccontextmanager
async def serve_google_voice(
    script: GoogleVoiceScript, port: int = 0, seen: Seen | None = None
) -> AsyncGenerator[str]:
    """Gives the address, as `host:port`."""
    server = grpc.aio.server()
    double = _Double(script, seen or Seen())
    server.add_generic_rpc_handlers((_handlers(double, v1), _handlers(double, v1beta1)))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def _handlers(double: "_Double", version: ModuleType) -> grpc.GenericRpcHandler:
    name = version.__name__.rpartition("_")[2]
    return grpc.method_handlers_generic_handler(
        f"google.cloud.texttospeech.{name}.TextToSpeech",
        {
            "ListVoices": grpc.unary_unary_rpc_method_handler(
                double.list_voices,
                version.ListVoicesRequest.deserialize,
                v1.ListVoicesResponse.serialize,
            ),
            "SynthesizeSpeech": grpc.unary_unary_rpc_method_handler(
                double.synthesize,
                version.SynthesizeSpeechRequest.deserialize,
                v1beta1.SynthesizeSpeechResponse.serialize,
            ),
            "StreamingSynthesize": grpc.stream_stream_rpc_method_handler(
                double.stream,
                version.StreamingSynthesizeRequest.deserialize,
                v1.StreamingSynthesizeResponse.serialize,
            ),
        },
    )


class _Double:
    def __init__(self, script: GoogleVoiceScript, seen: Seen) -> None:
        self._script = script
        self._seen = seen
        self._random = Random(script.seed)

    async def list_voices(self, request: Any, context: Context) -> v1.ListVoicesResponse:
        with self._seen.request():
            if self._script.refuse:
                await context.abort(self._script.refuse, "as the script has it")
            known = [name for name in self._script.voices if name.startswith(request.language_code)]
            return v1.ListVoicesResponse(voices=[v1.Voice(name=name) for name in known])

    async def synthesize(self, request: Any, context: Context) -> v1beta1.SynthesizeSpeechResponse:
        with self._seen.request():
            await self._meet(request.voice.name, context, self._script.at_once)
            text, marks = _plain(request.input)
            self._seen.texts.append(text)
            config = request.audio_config
            rate = config.sample_rate_hertz
            pcm = await self._sound(text, rate, config.speaking_rate)
            made = await _whole(pcm, rate, self._script.flow, context)
            asked = bool(getattr(request, "enable_time_pointing", ()))
            times = word_times(text, 0.1, seconds(pcm) * 8000 / rate - 0.2)
            return v1beta1.SynthesizeSpeechResponse(
                audio_content=wav.file(made, rate),
                timepoints=[
                    v1beta1.Timepoint(mark_name=mark, time_seconds=word.at)
                    for mark, word in zip(marks, times, strict=False)
                    if asked and self._script.timepoints
                ],
            )

    async def stream(self, requests: AsyncIterator[Any], context: Context) -> None:
        with self._seen.request():
            config = (await _first(requests, context)).streaming_config
            request = await _first(requests, context)
            # Not before the text: gRPC tells a client that still writes of an internal error.
            await self._meet(config.voice.name, context, 0.0)
            if "Chirp3-HD" not in config.voice.name:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no voice for a stream")
            while request is not None:
                await self._say(request.input.text, config.streaming_audio_config, context)
                request = await _next(requests, context)

    async def _say(self, text: str, audio: Any, context: Context) -> None:
        self._seen.texts.append(text)
        rate = audio.sample_rate_hertz
        pcm = await self._sound(text, rate, audio.speaking_rate)
        async with aclosing(pieces(pcm, rate, self._script.flow)) as parts:
            try:
                async for part in parts:
                    await _send(context, part)
            except Died:
                await context.abort(grpc.StatusCode.INTERNAL, "as the script has it")

    async def _meet(self, voice: str, context: Context, more: float) -> None:
        """The time that it takes; the request may end here."""
        if voice not in self._script.voices:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Voice '{voice}' does not exist")
        if self._script.refuse:
            await context.abort(self._script.refuse, "as the script has it")
        await asyncio.sleep(self._script.latency.draw(self._random) + more)

    async def _sound(self, text: str, rate: int, speed: float) -> bytes:
        return await asyncio.to_thread(self._script.sound, text, rate, speed or 1.0)


async def _send(context: Context, part: bytes) -> None:
    try:
        await context.write(v1.StreamingSynthesizeResponse(audio_content=part))
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None  # the client has gone; gRPC is about to tell us


async def _whole(pcm: bytes, rate: int, flow: Flow, context: Context) -> bytes:
    made = b""
    try:
        async for part in pieces(pcm, rate, replace(flow, pace=inf, header=False)):
            made += part
    except Died:
        await context.abort(grpc.StatusCode.INTERNAL, "as the script has it")
    return made


async def _next(requests: AsyncIterator[Any], context: Context) -> Any:
    """`None`: the client has half-closed."""
    try:
        async with asyncio.timeout(_NO_INPUT):
            return await anext(requests, None)
    except TimeoutError:
        await context.abort(grpc.StatusCode.ABORTED, "Stream aborted due to long duration")


async def _first(requests: AsyncIterator[Any], context: Context) -> Any:
    request = await _next(requests, context)
    if request is None:
        raise asyncio.CancelledError  # the client has gone; gRPC is about to tell us
    return request


def _plain(given: Any) -> tuple[str, list[str]]:
    """The text, and the names of its marks."""
    if not given.ssml:
        return given.text, []
    root = ET.fromstring(given.ssml)
    marks = [mark.attrib["name"] for mark in root.iter("mark")]
    return " ".join("".join(root.itertext()).split()), marks
