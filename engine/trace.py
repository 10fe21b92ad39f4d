"""A call as text: what came in (`>`), what the core decided (`<`), at what second.

The same text is a log that a person reads, a test (`tests/traces`), and a recording: `replay` runs
what came in through today's core and writes the text anew, so two texts can be compared. The
caller's sound is kept as the level of each frame, which is all that the core looks at.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from unicodedata import category

from engine.core import effects as fx
from engine.core import events as ev
from engine.core.audio import FRAME_SECONDS, SILENCE, seconds, silence
from engine.core.conversation import Conversation
from engine.core.cues import Awaits
from engine.core.effects import Effect
from engine.core.reading import Reading, read, reading
from engine.core.rules import Rules
from engine.core.states import Listening, State

_DECIDED = re.compile(r"\d+\.\d{3}   < ")
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\S)+')
_PER_LINE = 10  # groups of frames on one line

Mask = Callable[[str], str]


class MalformedTrace(Exception):
    """A line that is not of a trace; the message names it."""


def masked(text: str) -> str:
    """The shape of a text without its content: personal data stays out of the file."""
    return "".join("0" if c.isdigit() else "x" if category(c)[0] in "LM" else c for c in text)


def plain(text: str) -> str:
    return text


class Trace:
    """Writes a call down, line by line. Give it every event with its time (seconds since the
    call began, whole milliseconds) and what came of it."""

    def __init__(self, write: Callable[[str], None], mask: Mask = plain) -> None:
        self._write = write
        self._mask = mask
        self._frames: list[tuple[str, int, int]] = []  # sound, deviation in ms, how many
        self._since = 0.0
        self._last = 0.0
        self._state: type[State] = Listening

    def rules(self, rules: Rules) -> None:
        """The settings that are not the defaults."""
        changed = [
            f"{field.name}={getattr(rules, field.name)}"
            for field in fields(Rules)
            if getattr(rules, field.name) != getattr(Rules(), field.name)
        ]
        if changed:
            self._write(f"rules {' '.join(changed)}")

    def record(self, event: ev.Event, now: float, effects: list[Effect], state: State) -> None:
        # `Hear` follows from `listen`, `stop-listening` and the frames between them.
        told = [self._effect(effect) for effect in effects if not isinstance(effect, fx.Hear)]
        if type(state) is not self._state:
            self._state = type(state)
            told.append(f"= {self._state.__name__}")
        if isinstance(event, ev.Frame):
            self._frame(_sound(event), now)
        elif not isinstance(event, ev.Tick) or told:
            self.flush()
            self._write(f"{now:.3f} > {self._event(event)}")
        if told:
            self.flush()
        for line in told:
            self._write(f"{now:.3f}   < {line}")

    def flush(self) -> None:
        """Write what has been gathered of a line of frames."""
        if not self._frames:
            return
        groups = " ".join(
            f"{sound}{f'{late:+d}' if late else ''}{f'x{count}' if count > 1 else ''}"
            for sound, late, count in self._frames
        )
        self._frames = []
        self._write(f"{self._since:.3f} > frames {groups}")

    def _frame(self, sound: str, now: float) -> None:
        late = round((now - self._last - FRAME_SECONDS) * 1000) if self._frames else 0
        self._last = now
        if self._frames and late == 0:
            before, deviation, count = self._frames[-1]
            if before == sound and deviation == 0:
                self._frames[-1] = (sound, 0, count + 1)
                return
        if not self._frames:
            self._since = now
        self._frames.append((sound, late, 1))
        if len(self._frames) == _PER_LINE:
            self.flush()

    def _quoted(self, text: str) -> str:
        return _quoted(self._mask(text))

    def _cues(self, event: ev.Partial | ev.Final) -> str:
        """What the words mean for the turn, where the masked words would not tell."""
        meant = event.reading or read(event.text)
        return "" if read(self._mask(event.text)) == meant else f" cues={meant}"

    def _event(self, event: ev.Event) -> str:  # noqa: C901 - one line for each kind of event
        match event:
            case ev.Played(turn, position, done, on_the_way):
                beyond = f" +{on_the_way:.3f}" if on_the_way else ""
                return f"played {turn} {position:.3f}{beyond}{' done' if done else ''}"
            case ev.Dtmf(digit):
                return f"dtmf {self._mask(digit)}"
            case ev.HungUp(why):
                return f"hung-up {_quoted(why)}"
            case ev.Partial(utterance, text):
                return f"partial {utterance} {self._quoted(text)}{self._cues(event)}"
            case ev.Final(utterance, text, confidence):
                told = f"{utterance} {self._quoted(text)} {confidence:.2f}"
                return f"final {told}{self._cues(event)}"
            case ev.RecognitionFailed(utterance, why):
                return f"recognition-failed {utterance} {_quoted(why)}"
            case ev.Sentence(turn, text):
                return f"sentence {turn} {self._quoted(text)}"
            case ev.ReplyAudio(turn, pcm, words, loudness):
                spoken = "".join(f" {self._quoted(word.text)}@{word.at:.3f}" for word in words)
                return f"audio {turn} {seconds(pcm):.4f}{spoken}{_loud(loudness)}"
            case ev.Filler(turn, pcm, loudness):
                return f"filler {turn} {seconds(pcm):.4f}{_loud(loudness)}"
            case ev.ReplyDone(turn, then, awaits):
                asks = f" awaits={awaits}" if awaits is not Awaits.ANYTHING else ""
                return f"reply-done {turn}{f' {self._effect(then)}' if then else ''}{asks}"
            case ev.ReplyFailed(turn, why):
                return f"reply-failed {turn} {_quoted(why)}"
            case ev.Answered():
                return "answered"
            case ev.Closing():
                return "closing"
            case _:
                return "tick"

    def _effect(self, effect: Effect) -> str:  # noqa: C901 - one line for each kind of effect
        match effect:
            case fx.Play(turn, pcm):
                return f"play {turn} {seconds(pcm):.4f}"
            case fx.Fill(turn, clip):
                return f"fill {turn} {clip}"
            case fx.Listen(utterance, preroll):
                return f"listen {utterance} {seconds(preroll):.2f}"
            case fx.Pause(utterance, length):
                return f"pause {utterance} {length}"
            case fx.StopListening(utterance, length):
                return f"stop-listening {utterance} {length}"
            case fx.Ask(turn, None):
                return f"ask {turn} greet"
            case fx.Ask(turn, fx.Heard() as heard):
                return f"ask {turn} {self._heard(heard)}"
            case fx.Say(turn, text):
                return f"say {turn} {self._quoted(text)}"
            case fx.Note(what, facts):
                told = "".join(f" {k}={json.dumps(v)}" for k, v in facts.items())
                return f"note {what}{told}"
            case fx.EndReply(turn) | fx.Cancel(turn):
                return f"{'cancel' if isinstance(effect, fx.Cancel) else 'end-reply'} {turn}"
            case fx.HangUp(why):
                return f"hang-up {_quoted(why)}"
            case fx.Transfer(key):
                return f"transfer {_quoted(key)}"
            case _:
                return "clear"

    def _heard(self, heard: fx.Heard) -> str:
        parts = [self._quoted(heard.words)]
        if heard.words:
            parts.append(f"confidence={heard.confidence:.2f}")
        if heard.digits:
            parts.append(f"digits={self._mask(heard.digits)}")
        if heard.said:
            parts.append(f"said={self._quoted(heard.said)}")
        if heard.cut:
            parts.append("cut")
        if heard.instead:
            parts.append("instead")
        if heard.occasion is not fx.Occasion.ANSWER:
            parts.append(f"occasion={heard.occasion}")
        return " ".join(parts)


def _sound(frame: ev.Frame) -> str:
    """Its level, or a dot; after a slash what the neural detector thought of it."""
    loud = "." if frame.level < 0 else f"{frame.level}"
    return loud if frame.speech < 0 else f"{loud}/{frame.speech}"


def _loud(loudness: str) -> str:
    return f' loud="{loudness}"' if loudness else ""


def _quoted(text: str) -> str:
    """A JSON string on one line; Hebrew stays readable."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else json.dumps(text)


def replay(text: str) -> str:
    """The same call through today's core: the text that would be written now."""
    lines: list[str] = []
    trace = Trace(lines.append)
    conversation = Conversation(_rules(text))
    # Not `splitlines`: what was said may contain other separators of lines.
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        content = line.strip()
        if not content or content.startswith(("#", "rules ")):
            trace.flush()
            lines.append(line)
        elif not _DECIDED.match(content):
            try:
                events = list(_read(content))
            except (ValueError, IndexError, KeyError) as error:
                raise MalformedTrace(f"line {number}: {content[:80]!r}: {error}") from error
            for now, event in events:
                effects = conversation.handle(event, now)
                trace.record(event, now, effects, conversation.state)
    trace.flush()
    return "\n".join(lines) + "\n"


def _rules(text: str) -> Rules:
    types = {field.name: field.type for field in fields(Rules)}
    given: dict[str, object] = {}
    for line in text.splitlines():
        if line.startswith("rules "):
            for pair in line.split()[1:]:
                name, _, value = pair.partition("=")
                if name not in types:
                    raise MalformedTrace(f"there is no rule {name!r}")
                given[name] = value == "True" if types[name] is bool else types[name](value)  # type: ignore[operator] # int or float
    return Rules(**given)  # type: ignore[arg-type] # of the types just read


def _read(line: str) -> Iterator[tuple[float, ev.Event]]:
    stamp, _, told = line.partition(" > ")
    now = float(stamp)
    kind, _, rest = told.strip().partition(" ")
    if kind == "frames":
        yield from _read_frames(now, rest.split())
    else:
        yield now, _read_event(kind, rest)


def _read_frames(now: float, groups: Iterable[str]) -> Iterator[tuple[float, ev.Event]]:
    at = now - FRAME_SECONDS
    for group in groups:
        head, _, count = group.partition("x")
        sign = "-" if "-" in head else "+"
        sound, _, late = head.partition(sign)
        loud, _, speech = sound.partition("/")
        level = ev.UNKNOWN if loud == "." else int(loud)
        at += int(f"{sign}{late}") / 1000 if late else 0
        for _ in range(int(count or 1)):
            at = round(at + FRAME_SECONDS, 3)
            yield at, ev.Frame(SILENCE, level, int(speech or ev.UNKNOWN))


def _read_event(kind: str, rest: str) -> ev.Event:  # noqa: C901 - one line for each kind of event
    match kind, _words(rest):
        case "answered", _:
            return ev.Answered()
        case "tick", _:
            return ev.Tick()
        case "closing", _:
            return ev.Closing()
        case "played", [turn, position, *more]:
            on_the_way = sum(float(part[1:]) for part in more if part.startswith("+"))
            return ev.Played(int(turn), float(position), "done" in more, on_the_way)
        case "dtmf", [digit]:
            return ev.Dtmf(digit)
        case "hung-up", [why]:
            return ev.HungUp(why)
        case "partial", [utterance, text, *cues]:
            return ev.Partial(int(utterance), text, _reading(cues))
        case "final", [utterance, text, confidence, *cues]:
            return ev.Final(int(utterance), text, float(confidence), _reading(cues))
        case "recognition-failed", [utterance, why]:
            return ev.RecognitionFailed(int(utterance), why)
        case "sentence", [turn, text]:
            return ev.Sentence(int(turn), text)
        case "audio", [turn, length, *more]:
            words = tuple(_word(part) for part in more if not part.startswith("loud="))
            return ev.ReplyAudio(int(turn), silence(float(length)), words, _loudness(more))
        case "filler", [turn, length, *more]:
            return ev.Filler(int(turn), silence(float(length)), _loudness(more))
        case "reply-done", [turn, *more]:
            return _reply_done(int(turn), more)
        case "reply-failed", [turn, why]:
            return ev.ReplyFailed(int(turn), why)
    raise ValueError("no such event")


def _loudness(told: list[str]) -> str:
    return "".join(part[6:-1] for part in told if part.startswith("loud="))


def _reading(cues: list[str]) -> Reading | None:
    return reading(cues[0].removeprefix("cues=")) if cues else None


def _reply_done(turn: int, told: list[str]) -> ev.ReplyDone:
    awaits = Awaits.ANYTHING
    if told and told[-1].startswith("awaits="):
        awaits = Awaits(told.pop().removeprefix("awaits="))
    match told:
        case []:
            return ev.ReplyDone(turn, awaits=awaits)
        case ["hang-up", why]:
            return ev.ReplyDone(turn, fx.HangUp(why), awaits)
        case ["transfer", key]:
            return ev.ReplyDone(turn, fx.Transfer(key), awaits)
    raise ValueError("no such end of a reply")


def _words(rest: str) -> list[str]:
    """Split at spaces, but not inside of quotes; what is in quotes is a JSON string."""
    return [
        json.loads(word) if word.endswith('"') and word.startswith('"') else word
        for word in _WORD.findall(rest)
    ]


def _word(text: str) -> ev.Word:
    spoken, _, at = text.rpartition("@")
    return ev.Word(json.loads(spoken) if spoken.startswith('"') else spoken, float(at))
