"""A stand-in for OpenAI's audio: speech and transcriptions by HTTP, with scripted faults.

It hears what its script says, and says a tone as long as the text, or what espeak-ng says."""

import asyncio
import io
import json
import wave
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from random import Random

from aiohttp import BodyPartReader, web

from bridge.doubles.latency import Latency
from bridge.doubles.seen import Seen
from bridge.doubles.sounds import Died, Flow, Sound, pieces, tone

_RATE = 24000


@dataclass(frozen=True, slots=True)
class OpenAIAudioScript:
    hears: Callable[[bytes], str] = lambda _: "hello"
    """From the PCM of an utterance to its words."""
    sound: Sound = tone
    hearing: Latency = field(default_factory=lambda: Latency(0.4, 0.7))
    """Until the first words."""
    speaking: Latency = field(default_factory=lambda: Latency(0.35, 0.6))
    """Until the first sound."""
    flow: Flow = field(default_factory=Flow)
    """Of speech; of a transcription only that it dies or stalls, after as many seconds at four
    words a second."""
    refuse: int | None = None
    """The status that requests are refused with."""
    streams: bool = True
    """Transcriptions come as events if they are asked for so; whisper-1 never does that."""
    speech_type: str = "audio/pcm"
    """What speech says it is."""
    seed: int = 0


def add_audio_routes(
    app: web.Application, script: OpenAIAudioScript, seen: Seen | None = None
) -> None:
    """The server should have `handler_cancellation`: it then notices at once that a client has
    gone."""
    double = _Double(script, seen or Seen())
    app.router.add_post("/v1/audio/speech", double.speech)
    app.router.add_post("/v1/audio/transcriptions", double.transcription)


class _Double:
    def __init__(self, script: OpenAIAudioScript, seen: Seen) -> None:
        self._script = script
        self._seen = seen
        self._random = Random(script.seed)

    async def speech(self, request: web.Request) -> web.StreamResponse:
        with self._seen.request(_peer(request)):
            asked = await request.json()
            if self._script.refuse:
                return _refusal(self._script.refuse)
            self._seen.texts.append(asked["input"])
            speed = asked.get("speed", 1.0)
            sound = await asyncio.to_thread(self._script.sound, asked["input"], _RATE, speed)
            await asyncio.sleep(self._script.speaking.draw(self._random))
            response = web.StreamResponse(headers={"Content-Type": self._script.speech_type})
            await response.prepare(request)
            with _breakdown(request):
                async with aclosing(pieces(sound, _RATE, self._script.flow)) as parts:
                    async for part in parts:
                        await response.write(part)
                await response.write_eof()
            return response

    async def transcription(self, request: web.Request) -> web.StreamResponse:
        with self._seen.request(_peer(request)):
            fields, pcm = await _read(request)
            if self._script.refuse:
                return _refusal(self._script.refuse)
            self._seen.texts.append(fields.get("prompt") or fields.get("keywords[]", ""))
            await asyncio.sleep(self._script.hearing.draw(self._random))
            text = self._script.hears(pcm)
            if fields.get("stream") != "true" or not self._script.streams:
                return web.json_response({"text": text})
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            with _breakdown(request):
                async with aclosing(_events(text, self._script.flow)) as events:
                    async for event in events:
                        await response.write(f"data: {json.dumps(event)}\n\n".encode())
                await response.write(b"data: [DONE]\n\n")
                await response.write_eof()
            return response


def _peer(request: web.Request) -> str:
    return str(request.transport and request.transport.get_extra_info("peername"))


def _refusal(status: int) -> web.Response:
    told = {"message": "as the script has it", "type": "scripted", "code": None}
    return web.json_response({"error": told}, status=status)


@contextmanager
def _breakdown(request: web.Request) -> Iterator[None]:
    """What dies, closes the connection without a word."""
    try:
        yield
    except Died:
        if request.transport:
            request.transport.abort()


async def _events(text: str, flow: Flow) -> AsyncGenerator[dict[str, str]]:
    for number, word in enumerate(text.split(" ")):
        if number / 4 >= flow.dies_after:
            raise Died
        if number / 4 >= flow.stalls_after:
            await asyncio.Event().wait()
        yield {"type": "transcript.text.delta", "delta": f" {word}" if number else word}
    yield {"type": "transcript.text.done", "text": text}


async def _read(request: web.Request) -> tuple[dict[str, str], bytes]:
    """The fields of the form, those of one name joined, and the sound of its file."""
    fields: dict[str, str] = {}
    pcm = b""
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = bytes(await part.read())
        if part.filename is None:
            name = part.name or ""
            fields[name] = ", ".join(filter(None, [fields.get(name), content.decode()]))
            continue
        with wave.open(io.BytesIO(content)) as sound:
            pcm = sound.readframes(sound.getnframes())
    return fields, pcm
