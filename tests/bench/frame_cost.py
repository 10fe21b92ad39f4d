"""What one frame of 20 ms costs in each room it goes through, in microseconds of this processor.

Fifty of these come in and fifty go out in every second of every call.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import TypeVar

import numpy as np
import uvloop

from bridge.audiosocket import codec as audiosocket
from bridge.audiosocket.playout import Playout
from bridge.twilio_media import codec as twilio
from engine.core import events as ev
from engine.core.audio import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    FRAME_SECONDS,
    SILENCE,
    level,
    loudness,
    mulaw_to_pcm,
    pcm_to_mulaw,
)
from engine.core.conversation import Conversation
from engine.core.echo import Echo
from engine.core.rules import Rules
from engine.core.states import Speaking
from engine.core.vad import Vad
from engine.ports import CallFacts
from engine.session import Session
from engine.trace import Trace
from tests.bench.bridge_process import FixedEars, ToneVoice, TwoSentences
from tests.bench.figures import Figure

GOAL_US = 40.0
_FRAMES = 4000
_SPELL = 200
"""Frames of one utterance or reply: a room that remembers begins anew after so many."""
_RUNS = 7
_ROADS = ("AudioSocket: decode", "Twilio: decode to PCM")
_CORES = ("the caller speaks", "the agent speaks")
_SURE = 96  # of 100, the neural detector: its own cost is not measured here
_ECHO = 0.1
_BASE_RMS = Rules().vad_base_rms

Run = Callable[[], float]
"""Takes `_FRAMES` frames through a room; gives the processor seconds that it took."""
In = TypeVar("In")


def measure() -> Iterator[Figure]:
    """All rooms in turn, run after run, so that a busy moment falls on all of them alike."""
    rooms = _rooms()
    best = dict.fromkeys(rooms, float("inf"))
    for _ in range(_RUNS):
        for what, run in rooms.items():
            best[what] = min(best[what], run() / _FRAMES * 1e6)
    for what, cost in best.items():
        yield Figure(what, cost, "µs")
    for road in _ROADS:
        line = road.partition(":")[0]
        for core in _CORES:
            whole = best[road] + best["loudness"] + best[f"core: {core}"]
            yield Figure(f"{line}: from socket to decision, {core}", whole, "µs", GOAL_US)


def _rooms() -> dict[str, Run]:
    voice = _voice()
    levels = [level(frame) for frame in voice]
    echoes = [round(_ECHO * one) for one in levels]
    vad, echo = Vad(_BASE_RMS, 30), Echo()
    decoder, framer = audiosocket.Decoder(), twilio.Framer()
    message = audiosocket.audio_header(FRAME_BYTES)
    return {
        _ROADS[0]: _each(lambda data: list(decoder.feed(data)), [message + one for one in voice]),
        "AudioSocket: a reply into messages": _audiosocket_encode,
        "AudioSocket: a beat of playout": _audiosocket_beat,
        _ROADS[1]: _each(lambda text: _twilio_decode(framer, text), _twilio_messages(voice)),
        "Twilio: encode": _each(lambda pcm: twilio.media("MZ0", pcm_to_mulaw(pcm)).encode(), voice),
        "G.711 to PCM": _each(mulaw_to_pcm, [pcm_to_mulaw(frame) for frame in voice]),
        "PCM to G.711": _each(pcm_to_mulaw, voice),
        "loudness": _each(level, voice),
        "VAD": _each(lambda one: vad.hear(one, _SURE, _ECHO * one), levels),
        "echo model": _each(lambda one: echo.expect(*one), list(zip(levels, echoes, strict=True))),
        "core: nobody speaks": lambda: _core(_listening, [0]),
        f"core: {_CORES[0]}": lambda: _core(_listening, levels),
        f"core: {_CORES[1]}": lambda: _core(_speaking, echoes),
        "session with its trace: hearing speech": lambda: uvloop.run(_session(voice)),
    }


def _voice() -> list[bytes]:
    """A second of noise as loud as a voice, with two closures in it."""
    loudness = 1000 + 4000 * np.random.default_rng(0).random(50)
    loudness[[23, 24, 48, 49]] = 20
    noise = np.random.default_rng(1).normal(0.0, 1.0, (50, FRAME_SAMPLES)) * loudness[:, None]
    return [frame.tobytes() for frame in np.clip(noise, -32768, 32767).astype("<i2")]


def _twilio_messages(voice: Sequence[bytes]) -> list[bytes]:
    return [
        json.dumps(
            {
                "event": "media",
                "sequenceNumber": str(number),
                "media": {
                    "track": "inbound",
                    "chunk": str(number),
                    "timestamp": str(20 * number),
                    "payload": base64.b64encode(pcm_to_mulaw(frame)).decode(),
                },
                "streamSid": "MZ" + 32 * "0",
            }
        ).encode()
        for number, frame in enumerate(voice)
    ]


def _twilio_decode(framer: twilio.Framer, text: bytes) -> list[bytes]:
    message = twilio.decode(text)
    assert isinstance(message, twilio.Media)
    return framer.frames(message)


def _each(work: Callable[[In], object], inputs: Sequence[In]) -> Run:
    frames = list(islice(cycle(inputs), _FRAMES))

    def run() -> float:
        began = time.process_time()
        for frame in frames:
            work(frame)
        return time.process_time() - began

    return run


def _audiosocket_encode() -> float:
    playout, reply = Playout(0.0), bytes(_FRAMES * FRAME_BYTES)
    began = time.process_time()
    playout.play(1, reply, 0.0)
    return time.process_time() - began


def _audiosocket_beat() -> float:
    playout = Playout(0.0)
    playout.play(1, bytes(_FRAMES * FRAME_BYTES), 0.0)
    beats = [number * FRAME_SECONDS for number in range(_FRAMES)]
    began = time.process_time()
    for now in beats:
        playout.due(now)
        playout.news(now)
    return time.process_time() - began


def _core(begin: Callable[[], Conversation], levels: Sequence[int]) -> float:
    """The conversation with its VAD and its echo model."""
    frames = [
        ev.Frame(SILENCE, one, _SURE if one >= _BASE_RMS else ev.UNKNOWN)
        for one in islice(cycle(levels), _SPELL)
    ]
    took = 0.0
    for _ in range(_FRAMES // _SPELL):
        conversation, now = begin(), 1.0
        state = conversation.state
        began = time.process_time()
        for frame in frames:
            now += FRAME_SECONDS
            conversation.handle(frame, now)
        took += time.process_time() - began
        assert conversation.state is state, "it was interrupted"
    return took


def _listening() -> Conversation:
    return Conversation(Rules())


def _speaking() -> Conversation:
    conversation = Conversation(Rules())
    conversation.handle(ev.Answered(), 0.0)
    sound = b"".join(islice(cycle(_voice()), 2 * _SPELL))
    conversation.handle(ev.ReplyAudio(1, sound, (), loudness(sound)), 0.5)
    conversation.handle(ev.Played(1, 0.1), 0.9)
    assert isinstance(conversation.state, Speaking)
    return conversation


async def _session(voice: Sequence[bytes]) -> float:
    frames = list(islice(cycle(voice), _SPELL))
    took = 0.0
    for _ in range(_FRAMES // _SPELL):
        session = Session(
            CallFacts("0", "nowhere"),
            _Nowhere(),
            rules=Rules(),
            recognizer=FixedEars(),
            voice=ToneVoice(),
            brain=TwoSentences(),
            trace=Trace(lambda _: None),
        )
        began = time.process_time()
        for frame in frames:
            session.frame(frame)
        took += time.process_time() - began
    return took


class _Nowhere:
    """A line that nobody is at the end of."""

    def play(self, turn: int, pcm: bytes) -> None: ...

    def end_reply(self, turn: int) -> None: ...

    def clear(self) -> None: ...

    def hang_up(self, why: str) -> None: ...

    def transfer(self, key: str) -> None: ...
