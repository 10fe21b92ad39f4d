"""`kav call`: a phone in the terminal that calls a running bridge, as Asterisk or Twilio would.

It knows the bridge only by what comes over the wire. What is said is synthesised, and what is
heard is recognized, on this machine.
"""

import argparse
import asyncio
import os
import re
import sys
import wave
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridge.rehearsal import audiosocket_phone, twilio_phone
from bridge.rehearsal.phone import LOUD, CallFailed, CallOver, Phone, WaitedTooLong
from bridge.settings import BadSettings, Settings, read_profile, read_settings
from engine.core.audio import FRAME_BYTES, FRAME_SECONDS, RATE, level
from engine.core.effects import Hear, Listen, StopListening
from engine.core.events import Final, RecognitionFailed
from engine.dialogue.hebrew import without_points
from engine.dialogue.profile import Profile
from engine.ports import HearingCommand, HearingResult, ProviderFailed, Recognizer, Voice
from engine.providers import local
from engine.receptionist import lexicon, spoken_forms

LINES = ("audiosocket", "twilio")
AGENT_SECONDS = 30.0
"""How long the agent may take for what it says."""
PAUSE = 1.2
"""A silence of the agent that means: your turn."""
CONNECT_SECONDS = 2.0
DRAIN_SECONDS = 20.0
START = "start the bridge with make run"
LEAD_FRAMES = 10
GAP_FRAMES = 30
BREATH_FRAMES = 8
"""Ends a stretch that is long enough: its next sentence may be in another language."""
LONG_FRAMES = 100
LONGEST_FRAMES = 1000
PIECE_BYTES = 5 * FRAME_BYTES
KEYS = re.compile(r"[0-9A-D*#]+")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FIRST_STRONG_ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"


class WrongUsage(Exception):
    """The options do not fit together, or name a file that cannot be used."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    name: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Press:
    keys: str


Step = Say | Sound | Press
Script = list[Step] | AsyncIterator[str]
"""Steps, each for when the agent has finished speaking; or lines as they are typed."""
Show = Callable[[float, str, str], None]
"""Second, who, words."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What this machine can speak and understand with."""

    voice: Voice | None
    recognizer: Recognizer | None
    phrases: tuple[str, ...] = ()
    """What the agent may well say."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The agent's speech between two pauses."""

    start: float
    pcm: bytes


class Stretches:
    """Cuts what is heard, frame by frame, into stretches of speech."""

    def __init__(self) -> None:
        self._lead: deque[bytes] = deque(maxlen=LEAD_FRAMES)
        self._speech: list[bytes] = []
        self._start = 0.0
        self._quiet = 0
        self._number = 0

    def hear(self, frame: bytes) -> Stretch | None:
        """The stretch that ends with this frame, if one does."""
        self._number += 1
        loud = level(frame) >= LOUD
        if not self._speech and not loud:
            self._lead.append(frame)
            return None
        if not self._speech:
            self._start = (self._number - 1) * FRAME_SECONDS
        self._speech.append(frame)
        self._quiet = 0 if loud else self._quiet + 1
        gap = GAP_FRAMES if len(self._speech) < LONG_FRAMES else BREATH_FRAMES
        if self._quiet >= gap or len(self._speech) >= LONGEST_FRAMES:
            return self.rest()
        return None

    def rest(self) -> Stretch | None:
        """The stretch that has not ended yet."""
        if not self._speech:
            return None
        stretch = Stretch(self._start, b"".join([*self._lead, *self._speech]))
        self._lead.clear()
        self._speech = []
        self._quiet = 0
        return stretch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = """\
Calls a running bridge, as Asterisk or Twilio would, and prints what both sides say.

--say, --wav and --press may be repeated; each is done when the agent has finished speaking.
Without them, type what you want to say. A line that begins with / presses keys (/1);
Ctrl-D hangs up. Lines from a pipe are said one after the other, like --say."""
    add = parser.add_argument
    add("--line", choices=LINES, default="audiosocket", help="the door to call at")
    add("--host", help="where the bridge is (as in the settings: this machine)")
    add("--port", type=int, help="its port (as in the settings: audiosocket 9092, twilio 8080)")
    add("--url", help="twilio: the voice webhook or the stream, as Twilio was given it")
    add("--auth-token-file", type=Path, metavar="FILE", help="twilio: sign with the token in it")
    for option, kind, metavar, what in (
        ("--say", Say, "TEXT", "say this"),
        ("--wav", read_wav, "FILE", "say what is in this WAV file"),
        ("--press", _keys, "KEYS", "press these keys"),
    ):
        add(option, dest="script", action="append", type=kind, metavar=metavar, help=what)
    add("--record", type=Path, metavar="FILE", help="save the call: caller left, agent right")
    add("--no-transcript", action="store_true", help="do not print what the agent says")
    add("--limit", type=_seconds, default=600.0, metavar="SECONDS", help="hang up then (600)")


async def run(args: argparse.Namespace) -> int:
    """0: the call came to an orderly end; 1: it failed; 2: the options are wrong."""
    try:
        settings = read_settings()
        phone = dial(args, settings)
        profile = read_profile(settings)
    except (WrongUsage, BadSettings) as why:
        return _complain(str(why), 2)
    script = script_of(args)
    if args.no_transcript and not _needs_voice(script):
        return await place(phone, script, Speech(None, None), args)
    host, port = _address(args, settings)
    if not args.url and not await _answers(host, port):
        # Said before the models are loaded, which takes a while.
        return _complain(f"nothing listens on {host}:{port}; {START}", 1)
    async with local_speech(settings, profile, args) as speech:
        return await place(phone, script, speech, args)


@asynccontextmanager
async def local_speech(
    settings: Settings, profile: Profile, args: argparse.Namespace
) -> AsyncGenerator[Speech]:
    """Whatever of it is installed; what is missing is said in a sentence."""
    loaded = await local.load(
        cache=settings.kav_data / "cache",
        languages=profile.languages,
        lexicon=lexicon(profile),
        progress=_progress,
    )
    try:
        for sentence in _lacking(loaded, args):
            _progress(sentence)
        recognizer = None if args.no_transcript else loaded.recognizer
        phrases = tuple(without_points(form) for form in spoken_forms(profile))
        yield Speech(loaded.voice, recognizer, phrases)
    finally:
        loaded.close()


def _address(args: argparse.Namespace, settings: Settings) -> tuple[str, int]:
    """Where a bridge with these settings listens, unless the options say otherwise."""
    host, port = {
        "audiosocket": (settings.kav_audiosocket_host, settings.kav_audiosocket_port),
        "twilio": (settings.kav_http_host, settings.kav_http_port),
    }[args.line]
    return args.host or host, args.port or port


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a timeout is one too
        return False
    writer.close()
    return True


def dial(args: argparse.Namespace, settings: Settings) -> AbstractAsyncContextManager[Phone]:
    """The call that the options describe, not begun yet. Raises `WrongUsage`."""
    if args.record and not args.record.absolute().parent.is_dir():
        raise WrongUsage(f"--record: there is no folder {args.record.absolute().parent}")
    host, port = _address(args, settings)
    if args.line == "audiosocket":
        if args.url or args.auth_token_file:
            raise WrongUsage("--url and --auth-token-file belong to --line twilio")
        return audiosocket_phone.open_phone(host, port)
    if args.url and not args.url.startswith(("http://", "https://", "ws://", "wss://")):
        raise WrongUsage(f"--url {args.url}: http, https, ws or wss expected")
    ours = settings.twilio_auth_token
    token = _token(args.auth_token_file) or (ours.get_secret_value() if ours else None)
    public = settings.kav_public_url if token else ""
    moved = args.host or args.port if args.url else public
    return twilio_phone.open_phone(
        args.url or f"{public or f'http://{host}:{port}'}/twilio/voice",
        at=f"{host}:{port}" if moved else None,
        auth_token=token,
        caller=twilio_phone.of_account(settings.twilio_account_sid),
    )


async def place(
    dialed: AbstractAsyncContextManager[Phone],
    script: Script,
    speech: Speech,
    args: argparse.Namespace,
) -> int:
    """The whole call, and what is printed of it."""
    try:
        async with dialed as phone:
            failure = await _hold(phone, script, speech, args)
    except CallFailed as why:
        return _complain(f"{why}; {START}", 1)
    print(f"{_time(phone.now)}  {phone.why}")
    for fault in phone.faults:
        _complain(f"the bridge broke the protocol: {fault}", 1)
    if failure:
        _complain(failure, 1)
    return 1 if failure or phone.faults else 0


async def _hold(phone: Phone, script: Script, speech: Speech, args: argparse.Namespace) -> str:
    """The call from its beginning to its end; returns what went wrong."""
    if isinstance(script, list):
        talk = _follow(phone, script, speech)
    else:
        talk = _type(phone, script, speech)
    try:
        # Nothing is raised within this group: a group of errors is nothing to show to a caller.
        async with asyncio.TaskGroup() as tasks:
            if speech.recognizer:
                tasks.create_task(transcribe(phone, speech.recognizer, speech.phrases, _show))
            failure = await _attempt(talk, args.limit)
            await phone.hang_up()
    finally:
        if args.record:
            phone.save_stereo(args.record)
    return failure


async def _attempt(talk: Awaitable[None], limit: float) -> str:
    try:
        async with asyncio.timeout(limit):
            await talk
    except (CallOver, WaitedTooLong, ProviderFailed) as why:
        return str(why)
    except TimeoutError:
        return f"the call was not over after {limit:g} s"
    return ""


async def _follow(phone: Phone, script: list[Step], speech: Speech) -> None:
    for step in script:
        await phone.quiet(after=PAUSE, limit=AGENT_SECONDS)
        await _perform(phone, step, speech)
    try:
        await phone.quiet(after=PAUSE, limit=AGENT_SECONDS)
    except CallOver:
        return  # the agent has said goodbye and hung up


async def _type(phone: Phone, lines: AsyncIterator[str], speech: Speech) -> None:
    async with asyncio.TaskGroup() as tasks:
        typing = tasks.create_task(_say_lines(phone, lines, speech))
        ended = tasks.create_task(phone.closed.wait())
        await asyncio.wait({typing, ended}, return_when=asyncio.FIRST_COMPLETED)
        typing.cancel()
        ended.cancel()


async def _say_lines(phone: Phone, lines: AsyncIterator[str], speech: Speech) -> None:
    async for line in lines:
        keys = KEYS.fullmatch(line.removeprefix("/"))
        step = Press(keys[0]) if keys and line.startswith("/") else Say(line)
        try:
            await _perform(phone, step, speech)
        except ProviderFailed as why:
            _progress(str(why))
        except CallOver:
            return


async def _perform(phone: Phone, step: Step, speech: Speech) -> None:
    match step:
        case Press(keys):
            _show(phone.now, "caller", f"({' '.join(keys)})")
            await phone.press(keys)
        case Sound(name, pcm):
            _show(phone.now, "caller", f"({name})")
            phone.say(pcm)
            await phone.said()
        case Say(text):
            if speech.voice is None:
                raise ProviderFailed("nothing on this machine can say that: install espeak-ng")
            _show(phone.now, "caller", text)
            async with aclosing(speech.voice.speak(text)) as pieces:
                async for piece in pieces:
                    phone.say(piece.pcm)
            await phone.said()


async def transcribe(
    phone: Phone, recognizer: Recognizer, expected: Sequence[str], show: Show
) -> None:
    """Shows what the agent says, stretch by stretch, until the call is over."""
    commands: asyncio.Queue[HearingCommand | None] = asyncio.Queue()
    starts: list[float] = []
    stretches = Stretches()

    def understand(stretch: Stretch | None) -> None:
        if stretch:
            for command in _hearing(len(starts), stretch.pcm):
                commands.put_nowait(command)
            starts.append(stretch.start)

    async def until_none() -> AsyncIterator[HearingCommand]:
        while (command := await commands.get()) is not None:
            yield command

    async with asyncio.TaskGroup() as tasks:
        results = recognizer.recognize(until_none(), lambda: expected)
        showing = tasks.create_task(_show_results(results, starts, show))
        async for frame in phone.listen():
            understand(stretches.hear(frame))
        understand(stretches.rest())
        commands.put_nowait(None)
        await asyncio.wait({showing}, timeout=DRAIN_SECONDS)
        showing.cancel()


def _hearing(number: int, pcm: bytes) -> list[HearingCommand]:
    pieces = [pcm[at : at + PIECE_BYTES] for at in range(0, len(pcm), PIECE_BYTES)]
    heard = [Hear(number, piece) for piece in pieces]
    return [Listen(number, b""), *heard, StopListening(number, len(pcm) // FRAME_BYTES)]


async def _show_results(
    results: AsyncGenerator[HearingResult], starts: list[float], show: Show
) -> None:
    async with aclosing(results):
        async for result in results:
            match result:
                case Final(number, text):
                    show(starts[number], "agent", text or "(not understood)")
                case RecognitionFailed(number, why):
                    show(starts[number], "agent", f"(not understood: {why})")
                case _:
                    pass  # a guess; the end of it follows


async def _terminal_lines() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    terminal = sys.stdin.fileno()
    # A thread in readline() would not let the process end when the agent hangs up.
    loop.add_reader(terminal, lambda: typed.put_nowait(os.read(terminal, 4096)))
    try:
        while line := await typed.get():
            if words := line.decode(errors="replace").strip():
                yield words
    finally:
        loop.remove_reader(terminal)


def _needs_voice(script: Script) -> bool:
    return not isinstance(script, list) or any(isinstance(step, Say) for step in script)


def script_of(args: argparse.Namespace) -> Script:
    if args.script:
        return list(args.script)
    if sys.stdin.isatty():
        return _terminal_lines()
    return [Say(line.strip()) for line in sys.stdin if line.strip()]


def read_wav(path: str) -> Sound:
    """Telephone sound from a WAV file; for argparse."""
    try:
        with wave.open(path, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as why:
        raise argparse.ArgumentTypeError(f"{path} cannot be read as WAV: {why}") from why
    if width != 2:
        raise argparse.ArgumentTypeError(f"{path}: 16-bit samples expected, {8 * width} bits came")
    samples = np.frombuffer(data, dtype="<i2").reshape(-1, channels).mean(axis=1)
    if rate != RATE:
        import soxr  # type: ignore[import-untyped]  # no types; not needed for telephone sound

        samples = soxr.resample(samples, rate, RATE)
    return Sound(Path(path).name, np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes())


def _keys(keys: str) -> Press:
    if not KEYS.fullmatch(keys):
        raise argparse.ArgumentTypeError(f"{keys!r}: keys are 0-9, *, # and A-D")
    return Press(keys)


def _seconds(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: a number of seconds above 0 expected")
    return limit


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as why:
        raise WrongUsage(f"--auth-token-file: {path} cannot be read") from why
    if not token:
        raise WrongUsage(f"--auth-token-file: {path} is empty")
    return token


def _lacking(loaded: local.Local, args: argparse.Namespace) -> list[str]:
    sentences = []
    if loaded.recognizer is None and not args.no_transcript:
        sentences.append("No local recognizer: what the agent says is not printed.")
    if loaded.voice is None:
        sentences.append("No local voice: only --wav and keys can be used; install espeak-ng.")
    return sentences


def isolated(text: str) -> str:
    """Right-to-left text that does not disturb the order of what is around it."""
    if RIGHT_TO_LEFT.search(text):
        return f"{FIRST_STRONG_ISOLATE}{text}{END_OF_ISOLATE}"
    return text


def _time(second: float) -> str:
    return f"{int(second // 60):02}:{second % 60:04.1f}"


def _show(second: float, who: str, words: str) -> None:
    shown = isolated(words) if sys.stdout.isatty() else words
    print(f"{_time(second)}  {who + ':':8}{shown}", flush=True)


def _progress(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _complain(why: str, code: int) -> int:
    print(f"kav call: {why}", file=sys.stderr, flush=True)
    return code
