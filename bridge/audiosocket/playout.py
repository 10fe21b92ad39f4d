"""The metronome of an AudioSocket call, and what the caller has heard. Pure.

Asterisk passes each message on as one RTP packet, at once: it has no buffer, no flush and no
marks. So this side is the clock (one frame every 20 ms from accept to end, silence when there is
nothing to say), and the playout position is what was sent, less the way to the phone.
"""

from collections import deque
from dataclasses import dataclass

from bridge.audiosocket.codec import audio_header
from engine.core.audio import FRAME_SECONDS, RATE, Resampler
from engine.core.events import Played

LEAD = 1
"""Frames kept ahead in the phone's jitter buffer, so that a late beat is not heard. Each is heard
on after an interruption."""
WAY = 0.06
"""Seconds from our socket to the ear beyond the lead, when nobody has measured them."""
_MOST_LATE = 4  # frames; up to here RTP timestamps stay contiguous, beyond we skip (wire facts)
_NEWS_EVERY = 0.1
_SHORTEST_WAY, _LONGEST_WAY = 0.02, 1.0


@dataclass(slots=True)
class _Sent:
    turn: int
    position: float
    heard_at: float


class Playout:
    """Keeps the contract `engine.ports.Playout`; `due` gives the messages to write now, each one
    20 ms frame in one piece."""

    def __init__(self, now: float, *, lead: int = LEAD, way: float = WAY, rate: int = RATE) -> None:
        """`rate`: samples a second of what is played."""
        self.skipped = 0
        """Frames that were left out after stalls of this process."""
        self.sent = 0
        """Frames given out so far, silence included."""
        self.way_measured = False
        """`way` is no assumption."""
        self._origin = now
        self._lead = lead
        self._way = way
        self._next = 0
        self._rate = rate
        self._silence = bytes(_frame_bytes(rate))
        self.tune(rate)
        self._queue: deque[tuple[int, float, bytes]] = deque()
        self._rest = b""  # less than a frame, waiting for more
        self._turn = 0
        self._length = 0.0
        self._ended = False
        self._on_the_way: deque[_Sent] = deque()
        self._position = 0.0
        self._told = 0.0
        self._told_at: float | None = None

    @property
    def way(self) -> float:
        """Seconds from our socket to the ear, beyond the lead, of what is sent from now on."""
        return self._way

    @way.setter
    def way(self, measured: float) -> None:
        self.way_measured = True
        self._way = min(max(measured, _SHORTEST_WAY), _LONGEST_WAY)

    def tune(self, rate: int) -> None:
        """From here on the line takes `rate` samples a second."""
        self._header = audio_header(_frame_bytes(rate), rate)
        self._resampler = Resampler(self._rate, rate) if rate != self._rate else None

    def play(self, turn: int, pcm: bytes, now: float) -> None:
        if turn != self._turn:
            self._begin(turn)
        data = self._rest + pcm
        size = len(self._silence)
        whole = len(data) - len(data) % size
        for at in range(0, whole, size):
            self._append(data[at : at + size])
        self._rest = data[whole:]

    def end_reply(self, turn: int, now: float) -> None:
        if turn != self._turn:
            self._begin(turn)
        if self._rest:
            self._append(self._rest.ljust(len(self._silence), b"\0"))
            self._rest = b""
        self._ended = True

    def clear(self, now: float) -> None:
        self._begin(0)

    def due(self, now: float) -> list[bytes]:
        """What to write at this moment: normally one message, none if it is too early."""
        count = int((now - self._origin) / FRAME_SECONDS + 1e-6) + 1 + self._lead - self._next
        if count > 1 + _MOST_LATE and self._next:
            # A burst would shift the phone's timeline for the rest of the call: go on from now.
            late = count - 1 - self._lead
            self._origin += late * FRAME_SECONDS
            self.skipped += late
            count = 1 + self._lead
        return [self._take() for _ in range(count)]

    def news(self, now: float) -> Played | None:
        while self._on_the_way and self._on_the_way[0].heard_at <= now + 1e-6:
            self._position = self._on_the_way.popleft().position
        if not self._turn:
            return None
        if self._ended and not self._queue and not self._on_the_way:
            news = Played(self._turn, self._position, done=True)
            self._begin(0)
            return news
        if self._told_at is not None and now - self._told_at < _NEWS_EVERY - 1e-6:
            return None
        begun = self._begun(now)
        position = round(self._position + begun, 3)
        # One that waits for sound on the way stands still, and that is news: nobody else knows of
        # the voice's pause.
        waits = self._told_at is not None and self._on_the_way
        if position == self._told and not waits:
            return None
        self._told, self._told_at = position, now
        on_the_way = round(len(self._on_the_way) * FRAME_SECONDS - begun, 3)
        return Played(self._turn, position, on_the_way=on_the_way)

    def _begun(self, now: float) -> float:
        """How much has been heard of the frame that is being heard: the way is no whole number of
        beats."""
        if not self._on_the_way:
            return 0.0
        begun = now - self._on_the_way[0].heard_at + FRAME_SECONDS
        return min(max(begun, 0.0), FRAME_SECONDS)

    def _begin(self, turn: int) -> None:
        """Another reply, or (0) none: what was queued is forgotten."""
        self._queue.clear()
        self._on_the_way.clear()
        self._rest = b""
        self._turn = turn
        self._length = self._position = self._told = 0.0
        self._told_at = None
        self._ended = False

    def _append(self, frame: bytes) -> None:
        self._length += FRAME_SECONDS
        self._queue.append((self._turn, self._length, frame))

    def _take(self) -> bytes:
        heard_at = self._origin + (self._next + 1) * FRAME_SECONDS + self._way
        self._next += 1
        self.sent += 1
        if not self._queue:
            return self._message(self._silence)
        turn, position, frame = self._queue.popleft()
        self._on_the_way.append(_Sent(turn, round(position, 3), heard_at))
        return self._message(frame)

    def _message(self, frame: bytes) -> bytes:
        if self._resampler is not None:
            frame = self._resampler.convert(frame)
        return self._header + frame


def _frame_bytes(rate: int) -> int:
    return 2 * round(rate * FRAME_SECONDS)
