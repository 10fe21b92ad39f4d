"""What a voice from afar says: kept sentences from the shelf, others as their sound comes in.

Whatever service makes the sound, here it is checked, begins with its voice, is cut into whole
frames, and its words get their times. A sentence that broke off is not kept."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

import numpy as np

from engine.core.audio import FRAME_BYTES, RATE, seconds
from engine.core.events import Word
from engine.ports import ProviderFailed, Speech
from engine.providers.hebrew_sounds import unpointed
from engine.providers.shelf import Shelf
from engine.providers.word_clock import PACE, WordClock, estimate, weight

Render = Callable[[str], AsyncGenerator[Speech]]
"""The service: a sentence as sound, in pieces of any length; or in one, and then with its words."""
Progress = Callable[[str], None]

_LONGEST, _SHORTEST = 0.5, 0.01
"""Seconds of sound for each letter."""
_ALLOWANCE = 1.5
"""Seconds that even the shortest word may take."""
_OLE = "\u05ab"
"""The stress in our texts; no letter or vowel of Hebrew as others write it."""
_BEFORE = 0.04
"""Seconds that are kept of the silence before the first word: a soft sound may begin in it."""
_LONGEST_BEFORE = 1.0
"""Seconds; silence that lasts longer is let through."""
_SILENT = 150
"""Of 32,767: what is below it before the first word is silence."""
_LEARNT = 0.3
"""The share of the newest sentence in what is known of the voice's pace."""


class Repertoire:
    """One voice's sentences. `engine`: whatever makes the same text sound otherwise."""

    def __init__(self, shelf: Shelf, render: Render, *, who: str, engine: str) -> None:
        self._shelf = shelf
        self._render = render
        self._who = who
        self._engine = engine
        self._pace = PACE

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        """As the port `Voice` has it."""
        if not text.split():
            return
        if kept := await self._kept(text):
            yield kept
            return
        async with aclosing(self._rendered(text)) as pieces:
            async for piece in pieces:
                yield piece

    async def prepare(self, texts: Iterable[str], progress: Progress) -> None:
        """Asks the service for what is not kept yet, one by one, and keeps it on the disk."""
        wanted = [text for text in dict.fromkeys(texts) if text.split()]
        for number, text in enumerate(wanted, 1):
            if not await self._kept(text):
                async with aclosing(self._rendered(text)) as pieces:
                    async for _ in pieces:
                        pass
                if packed := self._shelf.at_hand(key := self._key(text)):
                    await asyncio.to_thread(self._shelf.store, key, packed)
            progress(f"{self._who}: {number} of {len(wanted)} sentences are ready")

    async def _kept(self, text: str) -> Speech | None:
        key = self._key(text)
        packed = self._shelf.at_hand(key) or await asyncio.to_thread(self._shelf.take, key)
        if not packed:
            return None
        self._shelf.keep(key, packed)
        return _unpacked(packed)

    async def _rendered(self, text: str) -> AsyncGenerator[Speech]:
        clock = WordClock(text, self._pace)
        whole, waiting, length = bytearray(), b"", 0.0
        told: tuple[Word, ...] = ()
        async with aclosing(_from_the_voice_on(self._render(text))) as pieces:
            async for piece in pieces:
                whole += piece.pcm
                length += seconds(piece.pcm)
                self._check_longest(text, length)
                told += piece.words
                waiting += piece.pcm
                # The last frame waits for more, so that the last words have where to be.
                ready = (len(waiting) - 1) // FRAME_BYTES * FRAME_BYTES
                if ready > 0 and not told:
                    now, waiting = waiting[:ready], waiting[ready:]
                    yield Speech(now, clock.words(now))
        self._check_shortest(text, length)
        last = told or clock.last_words(waiting)
        self._learn(text, clock)
        sound = bytes(whole)
        self._shelf.keep(self._key(text), _packed(Speech(sound, told or estimate(text, sound))))
        yield Speech(waiting, last)

    def _learn(self, text: str, clock: WordClock) -> None:
        if clock.sounding:
            self._pace += _LEARNT * (weight(text) / clock.sounding - self._pace)

    def _check_longest(self, text: str, length: float) -> None:
        if length > _ALLOWANCE + _LONGEST * len(unpointed(text)):
            raise ProviderFailed(
                f"{self._who}: {length:.1f} s of sound, and more, for {len(text)} letters"
            )

    def _check_shortest(self, text: str, length: float) -> None:
        letters = sum(letter.isalnum() for letter in text)
        if not length or length < _SHORTEST * letters:
            raise ProviderFailed(f"{self._who}: {length:.2f} s of sound for {letters} letters")

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._engine}\n{text}".encode()).hexdigest()


async def _from_the_voice_on(pieces: AsyncGenerator[Speech]) -> AsyncGenerator[Speech]:
    """Services begin with a tenth of a second of silence or more, for which a caller would wait."""
    held, begun = b"", False
    async with aclosing(pieces):
        async for piece in pieces:
            if begun:
                yield piece
                continue
            held += piece.pcm
            loud = np.flatnonzero(np.abs(np.frombuffer(held, np.int16).astype(np.int32)) >= _SILENT)
            begun = len(loud) > 0 or bool(piece.words) or seconds(held) >= _LONGEST_BEFORE
            if begun:
                yield _cut(held, piece.words, int(loud[0]) if len(loud) else 0)
    if held and not begun:
        yield Speech(held)


def _cut(pcm: bytes, words: tuple[Word, ...], voice: int) -> Speech:
    """Without the silence before that sample."""
    first = max(0, voice - round(_BEFORE * RATE))
    times = [(word.text, max(0.0, round(word.at - first / RATE, 3))) for word in words]
    return Speech(pcm[2 * first :], tuple(Word(text, at) for text, at in times))


def readable(text: str) -> str:
    """As a voice is to be given it, that reads pointed Hebrew but not our own marks."""
    return text.replace(_OLE, "")


def _packed(speech: Speech) -> bytes:
    words = [(word.text, word.at) for word in speech.words]
    return json.dumps(words).encode() + b"\n" + speech.pcm


def _unpacked(packed: bytes) -> Speech:
    words, _, pcm = packed.partition(b"\n")
    return Speech(pcm, tuple(Word(text, at) for text, at in json.loads(words)))
