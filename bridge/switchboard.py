"""Puts calls through: every call of either line gets its session, its brain and its trace here."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.tracefiles import TraceFiles
from engine.core.rules import Rules
from engine.ports import Brain, Busy, Call, CallFacts, Line, Recognizer, SpeechDetector, Voice
from engine.session import Session
from engine.trace import Trace, masked, plain


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the calls of a process share."""

    rules: Rules
    recognizer: Recognizer
    voice: Voice
    new_brain: Callable[[CallFacts], Brain]
    new_detector: Callable[[], SpeechDetector] | None = None
    """None: loudness alone tells a voice."""


class Switchboard:
    """`open` is the `OpenCall` of both adapters."""

    def __init__(
        self, equipment: Equipment, traces: TraceFiles, *, most: int, trace_text: bool
    ) -> None:
        self._equipment = equipment
        self._traces = traces
        self._most = most
        self._mask = plain if trace_text else masked
        self.live: set[Call] = set()

    def open(self, facts: CallFacts, line: Line) -> Call:
        if len(self.live) >= self._most:
            raise Busy(f"all {self._most} lines are taken (KAV_MAX_CALLS)")
        write, end = self._traces.open(facts.id)
        write(f"# A call over {facts.line}.")
        equipment = self._equipment

        def ended() -> None:
            self.live.discard(session)
            end()

        session = Session(
            facts,
            line,
            rules=equipment.rules,
            recognizer=equipment.recognizer,
            voice=equipment.voice,
            brain=equipment.new_brain(facts),
            trace=Trace(write, self._mask),
            detector=equipment.new_detector() if equipment.new_detector else None,
            ended=ended,
        )
        self.live.add(session)
        return session
