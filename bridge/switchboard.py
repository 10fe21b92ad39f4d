"""Puts calls through: every call of either line gets its session, its brain and its trace here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bridge.tracefiles import TraceFiles
from engine.core.effects import Clip
from engine.core.rules import Rules
from engine.ports import (
    Brain,
    Busy,
    Call,
    CallFacts,
    Journal,
    Line,
    Recognizer,
    SpeechDetector,
    Unwritten,
    Voice,
)
from engine.session import Session
from engine.trace import Trace, masked, plain


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the calls of a process share."""

    rules: Rules
    open_recognizer: Callable[[str], Recognizer]
    """For the call of that name."""
    open_voice: Callable[[str], Voice]
    """Likewise: a voice that had to change stays so for the rest of its call."""
    new_brain: Callable[[CallFacts, Voice, Journal], Brain]
    """Of one call, the voice that speaks for it, and what is written down of it."""
    open_journal: Callable[[CallFacts], Journal] = lambda _: Unwritten()
    new_detector: Callable[[], SpeechDetector] | None = None
    """None: loudness alone tells a voice."""
    clips: Callable[[Clip], bytes] = lambda _: b""
    """What a caller hears who waits."""
    warm: Callable[[], None] = lambda: None
    """Opens the connections to providers; waits for nothing."""


class Switchboard:
    """`open` is the `OpenCall` of both adapters."""

    def __init__(
        self, equipment: Equipment, traces: TraceFiles, *, most: int, trace_text: bool
    ) -> None:
        self._equipment = equipment
        self._traces = traces
        self._most = most
        self._mask = plain if trace_text else masked
        self.live: set[Session] = set()
        self.idle = asyncio.Event()
        """Set while there is no live call."""
        self.idle.set()

    def open(self, facts: CallFacts, line: Line) -> Call:
        if len(self.live) >= self._most:
            raise Busy(f"all {self._most} lines are taken (KAV_MAX_CALLS)")
        write, end = self._traces.open(facts.id)
        write(f"# A call over {facts.line}.")
        equipment = self._equipment
        journal = equipment.open_journal(facts)

        def ended(why: str) -> None:
            self.live.discard(session)
            if not self.live:
                self.idle.set()
            journal.close(why)
            end()

        voice = equipment.open_voice(facts.id)
        session = Session(
            facts,
            line,
            rules=equipment.rules,
            recognizer=equipment.open_recognizer(facts.id),
            voice=voice,
            brain=equipment.new_brain(facts, voice, journal),
            trace=Trace(write, self._mask),
            detector=equipment.new_detector() if equipment.new_detector else None,
            clips=equipment.clips,
            ended=ended,
        )
        equipment.warm()
        self.live.add(session)
        self.idle.clear()
        return session
