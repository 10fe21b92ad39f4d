"""What Twilio is sent when, and what of it the caller has heard: marks out, marks back, clears.

Twilio buffers and plays what we send and returns each mark when it is reached. It also returns
marks that were cleared, and nothing tells these apart; so a mark's name is never used twice, and
the names of what was cleared are forgotten: they prove nothing when they come.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from bridge.twilio_media import codec
from engine.core.audio import FRAME_SAMPLES, RATE, pcm_to_mulaw
from engine.core.events import Played

LOW_SECONDS = 0.17
"""More is sent when less than this is ahead: 150 ms, and the 20 ms until we are asked again."""
PIECE_SAMPLES = RATE * 80 // 1000
MARK_SAMPLES = RATE * 200 // 1000
NEWS_SECONDS = 0.08
"""Asked every 20 ms, this makes news every 100 ms at the latest."""


@dataclass(slots=True)
class _Run:
    """Sound that was sent without a gap: it begins to be played at `at` at the earliest."""

    at: float
    position: int


@dataclass(slots=True)
class _Reply:
    """One reply's way through Twilio. Positions are samples from its start."""

    turn: int
    name: str
    unsent: bytearray = field(default_factory=bytearray)
    sent: int = 0
    ended: bool = False
    """No more of it will come."""
    end_marked: bool = False
    end_returned: bool = False
    runs: list[_Run] = field(default_factory=list)
    proven: int | None = None
    """The furthest mark that came back: the caller has begun to hear it."""
    delay: float = 0.0
    """How much later than at the earliest it is heard, as that mark tells."""
    told: int | None = None
    told_at: float = 0.0

    def earliest(self, position: int) -> float:
        """The time before which no more than this can have been played."""
        at = 0.0
        for run in self.runs:
            if run.position >= position and run.position:
                break
            at = run.at + (position - run.position) / RATE
        return at

    def position(self, now: float) -> int:
        """How much of it has been heard: by the last mark and the clock, at most what was sent."""
        heard, limit = 0, self.sent
        for run in reversed(self.runs):
            elapsed = now - self.delay - run.at
            if elapsed >= 0:
                # The millionth keeps a time that was made from a position from losing a sample.
                heard = min(run.position + int(elapsed * RATE + 1e-6), limit)
                break
            limit = run.position
        return max(heard, self.told or 0)


class TwilioPlayout:
    """Keeps `engine.ports.Playout`. A clear ends a reply: sound of the same turn after it is a
    new reply, counted from zero."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._replies: deque[_Reply] = deque()
        self._marks: dict[str, tuple[_Reply, int]] = {}
        self._urgent: list[str] = []
        self._buffered_until = 0.0
        self._way = math.inf
        """Seconds to Twilio and back: the least that a mark took beyond what it had to."""
        self._last_turn: int | None = None
        self._takes = 0
        self._clears = 0
        self._clearing = False

    @property
    def idle(self) -> bool:
        """Nothing is being played, cleared or waiting."""
        return not self._replies and not self._clearing

    def play(self, turn: int, pcm: bytes, now: float) -> None:
        self._reply(turn).unsent += pcm_to_mulaw(pcm[: len(pcm) & ~1])

    def end_reply(self, turn: int, now: float) -> None:
        # Said twice, or of a reply that is over, it ends nothing.
        if turn != self._last_turn or self._open(turn) is not None:
            self._reply(turn).ended = True

    def clear(self, now: float) -> None:
        self._replies.clear()
        self._marks.clear()
        self._buffered_until = now
        self._clears += 1
        self._clearing = True
        # The second comes back when Twilio has done the first: all older marks are in by then.
        self._urgent += [codec.clear(self._stream), self._mark(f"c-{self._clears}")]

    def due(self, now: float) -> list[str]:
        """The messages to send now."""
        if not self._replies and not self._urgent:
            return []
        out, self._urgent = self._urgent, []
        for reply in self._replies:
            if not self._send(reply, now, out):
                break
        return out

    def mark(self, name: str, now: float) -> None:
        """A mark came back."""
        if name == f"c-{self._clears}":
            self._clearing = False
        known = self._marks.pop(name, None)
        if known is None:
            return
        reply, position = known
        # What was sent before it is over, though its own end mark may have been lost.
        while self._replies[0] is not reply and not self._replies[0].end_returned:
            self._forget(self._replies.popleft())
        if name.endswith(":end"):
            reply.end_returned = True
        if reply.proven is None or position >= reply.proven:
            reply.proven = position
            reply.delay = max(0.0, now - reply.earliest(position))
            self._way = min(self._way, reply.delay)

    def news(self, now: float) -> Played | None:
        if not self._replies:
            return None
        reply = self._replies[0]
        if reply.proven is None:
            return None
        # Twilio's clock may be a little fast; ours must agree that all can have been played.
        if reply.end_returned and now >= reply.earliest(reply.sent):
            self._forget(self._replies.popleft())
            return Played(reply.turn, reply.sent / RATE, done=True)
        if reply.told is not None and now - reply.told_at < NEWS_SECONDS:
            return None
        position = reply.position(now)
        # One that waits for sound on the way stands still, and that is news.
        if position == reply.told == reply.sent:
            return None
        reply.told, reply.told_at = position, now
        # A clear takes half of the way, and the mark that told us of the position took the other.
        reach = reply.position(now + self._way)
        return Played(reply.turn, position / RATE, on_the_way=round((reach - position) / RATE, 3))

    def _reply(self, turn: int) -> _Reply:
        """The reply that a turn's sound belongs to: the open one, or a new one."""
        reply = self._open(turn)
        if reply is not None:
            return reply
        if self._last_turn is not None and turn <= self._last_turn:
            self._takes += 1
        self._last_turn = turn
        reply = _Reply(turn, f"{turn}.{self._takes}" if self._takes else f"{turn}")
        self._replies.append(reply)
        return reply

    def _open(self, turn: int) -> _Reply | None:
        last = self._replies[-1] if self._replies else None
        return last if last is not None and last.turn == turn and not last.ended else None

    def _send(self, reply: _Reply, now: float, out: list[str]) -> bool:
        """Sends what is due of a reply; true if that was the whole of it."""
        while self._buffered_until - now < LOW_SECONDS:
            piece = self._piece(reply)
            if not piece:
                break
            self._send_piece(reply, piece, now, out)
        if not reply.ended or reply.unsent:
            return False
        if not reply.end_marked:
            reply.end_marked = True
            out.append(self._placed_mark(reply, "end"))
        return True

    def _piece(self, reply: _Reply) -> bytes:
        """The next sound to send: up to the next mark, and no crumbs while more may come."""
        if len(reply.unsent) < FRAME_SAMPLES and not reply.ended:
            return b""
        length = min(PIECE_SAMPLES, MARK_SAMPLES - reply.sent % MARK_SAMPLES)
        piece = bytes(reply.unsent[:length])
        del reply.unsent[:length]
        return piece

    def _send_piece(self, reply: _Reply, piece: bytes, now: float, out: list[str]) -> None:
        if not reply.sent:
            out.append(self._placed_mark(reply, "0"))
        if not reply.runs or self._buffered_until < now:
            self._buffered_until = max(self._buffered_until, now)
            reply.told_at = -math.inf  # at once: nobody else knows of the pause
            reply.runs.append(_Run(self._buffered_until, reply.sent))
        out.append(codec.media(self._stream, piece))
        reply.sent += len(piece)
        self._buffered_until += len(piece) / RATE
        if reply.sent % MARK_SAMPLES == 0:
            out.append(self._placed_mark(reply, f"{reply.sent}"))

    def _placed_mark(self, reply: _Reply, place: str) -> str:
        name = f"{reply.name}:{place}"
        self._marks[name] = reply, reply.sent
        return self._mark(name)

    def _mark(self, name: str) -> str:
        return codec.mark(self._stream, name)

    def _forget(self, reply: _Reply) -> None:
        self._marks = {name: it for name, it in self._marks.items() if it[0] is not reply}
