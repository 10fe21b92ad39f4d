"""An agent whose every manner is known, at the other end of a rehearsal's phone: what it does, and
what it writes down of it. It lives in virtual time, so what is measured of it is exact."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridge.rehearsal.phone import Echo, Phone, Record, on_call
from bridge.rehearsal.roads import Road
from engine.core.audio import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, RATE, SILENCE, level
from engine.ports import Speech

GREETING = 1
FRAMES = round(1 / FRAME_SECONDS)
WORDS = 10
"""Of the greeting, each as long."""


def talk(seconds: float, seed: int, rms: float = 1500.0) -> bytes:
    """Sound that is like no other."""
    noise = np.random.default_rng(seed).normal(0.0, rms, round(seconds * RATE))
    return np.clip(noise, -32768, 32767).astype("<i2").tobytes()


class Talker:
    """A voice for callers: 60 ms for each letter, voiced from the first sample to the last."""

    async def speak(self, text: str) -> AsyncGenerator[Speech]:
        letters = sum(1 for letter in text if letter.isalpha())
        yield Speech(talk(max(0.3, 0.06 * letters), sum(map(ord, text))))


@dataclass(frozen=True, slots=True)
class Manners:
    """Lengths without a unit are frames of 20 ms."""

    threshold: int = 150
    hold: int = 4
    """Voiced frames that silence it; 0: it talks on."""
    cut: int = 10
    resume_after: int = 5
    back: float = 0.2
    """Seconds; less than 0: it leaves something out."""
    resumes: bool = True
    end_silence: int = 25
    think: int = 10
    shortest: int = 8
    """Voiced frames that are worth an answer."""
    longest: int = 235
    refractory: int = 60
    answers: int = 1
    mute: bool = False
    echo_proof: bool = False
    ghost_after: float = 0.0
    drops_at: float = 0.0
    heartbeat: float = 18.0
    says: str = ""
    """Its answers, in its trace."""
    miscounts: int = 0
    """Words that it takes for heard beyond those that were."""
    listens: int = 1
    """Frames after the end of a reply; before it, if less than 0."""
    forgets: int = 0
    """Frames of an utterance that the recognizer is not given."""


class Agent:
    """A call as it lives it, frame by frame."""

    def __init__(self, manners: Manners) -> None:
        self.lines: list[str] = []
        self.count = 0
        self._manners = manners
        self._run = self._quiet = 0
        self._turn = GREETING
        self._reply = b"" if manners.mute else talk(3.0, GREETING)
        self._sent = 0
        self._held = False
        self._spoken: deque[int] = deque([0] * 25, 25)
        self._utterance = 0
        self._began = self._voiced = self._utterances = 0
        self._going_on = False
        self._due: deque[tuple[int, bytes]] = deque()
        self._free_at = self._closed_at = 0
        self._listen_at = 0
        length = 3.0 / WORDS
        words = " ".join(f'"word"@{number * length:.3f}' for number in range(WORDS))
        self._tell(f"> audio {GREETING} 3.0000 {words}")
        self._tell(f"  < play {GREETING} 3.0000")
        self._state("Speaking")

    @property
    def speaking(self) -> bool:
        return self._sent < len(self._reply)

    def frame(self, pcm: bytes) -> bytes:
        """The caller's 20 ms in, the agent's out."""
        self.count += 1
        self._tell(f"> frames {level(pcm)}")
        voiced = level(pcm) >= self._needed()
        self._run = self._run + 1 if voiced else 0
        self._quiet = 0 if voiced else self._quiet + 1
        if self.speaking and not self._going_on:
            self._listen_while_speaking()
        else:
            self._listen(voiced)
        if self._going_on and self._quiet > 10:
            self._going_on = False
        self._begin_what_is_due()
        return self._next()

    def key(self) -> None:
        self._stop("key")
        self._due.append((self.count + 5, talk(0.8, 1000 + self.count)))

    def _needed(self) -> float:
        """The loudness that is a voice; the echo of its own is none."""
        own = 0.4 * max(self._spoken) if self._manners.echo_proof else 0.0
        return self._manners.threshold + own

    def _listen_while_speaking(self) -> None:
        manners = self._manners
        if manners.hold and self._run == manners.hold:
            self._held = True
        if self._held and self._run >= manners.cut:
            self._stop("voice")
            self._open()
        if self._held and manners.resumes and self._quiet == manners.resume_after:
            self._held = False
            frames = self._sent - 2 * round(manners.back * RATE)
            self._sent = max(0, frames // FRAME_BYTES * FRAME_BYTES)

    def _listen(self, voiced: bool) -> None:
        if not self._utterance and self._run >= 3:
            self._open()
        if not self._utterance:
            self._haunt()
            return
        self._voiced += voiced
        if self.count - self._began >= self._manners.longest and voiced:
            self._going_on = True
            self._close()
        elif self._quiet >= self._manners.end_silence:
            self._close()

    def _open(self) -> None:
        self._utterances += 1
        self._utterance = self._utterances
        self._began = max(self._closed_at, self.count - self._run)
        self._voiced = self.count - self._began
        self._tell(f"  < listen {self._utterance} {self._voiced * FRAME_SECONDS:.2f}")

    def _close(self) -> None:
        frames = self.count - self._began - self._manners.forgets
        self._tell(f"  < stop-listening {self._utterance} {frames}")
        self._utterance = 0
        self._closed_at = self.count
        if self._voiced < self._manners.shortest:
            return
        for number in range(self._manners.answers):
            self._due.append((self.count + self._manners.think, talk(0.6, self.count + number)))
            self._tell(f'  < ask {self._turn + 1} "words"')
            self._tell(f'  < say {self._turn + 1} "{self._manners.says}"')

    def _haunt(self) -> None:
        after = round(self._manners.ghost_after * FRAMES)
        if after and not self.speaking and self.count == self._free_at + after:
            self._due.append((self.count, talk(0.6, self.count)))

    def _begin_what_is_due(self) -> None:
        if not self._due or self.speaking:
            return
        at, reply = self._due[0]
        if self.count < max(at, self._free_at):
            return
        self._due.popleft()
        self._reply, self._sent = reply, 0
        self._turn += 1
        self._state("Speaking")

    def _stop(self, cause: str) -> None:
        if not self.speaking:
            return
        heard = self._sent / 2 / RATE
        words = int(heard / 3.0 * WORDS) + self._manners.miscounts
        facts = f'turn={self._turn} words_heard={words} cause="{cause}"'
        self._tell(f"  < note reply_cut {facts}")
        self._held = False
        self._sent = len(self._reply)
        self._state("Listening")

    def _next(self) -> bytes:
        if not self.speaking or self._held:
            self._spoken.append(0)
            if self._listen_at and self.count >= self._listen_at:
                self._listen_at = 0
                self._state("Refractory")
            return SILENCE
        frame = self._reply[self._sent : self._sent + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        self._sent += FRAME_BYTES
        self._spoken.append(level(frame))
        left = (len(self._reply) - self._sent) // FRAME_BYTES
        if left == max(0, -self._manners.listens):
            # The caller hears this frame while the next is sent.
            late = max(0, self._manners.listens)
            self._tell(f"> played {self._turn} {self._sent / 2 / RATE:.3f} done", ahead=1)
            self._listen_at = self.count + late if late > 1 else 0
            if not self._listen_at:
                self._state("Refractory", ahead=1)
        if self._sent >= len(self._reply):
            self._free_at = self.count + self._manners.refractory
        return frame

    def _state(self, name: str, ahead: int = 0) -> None:
        self._tell(f"  < = {name}", ahead)

    def _tell(self, text: str, ahead: int = 0) -> None:
        self.lines.append(f"{(self.count + ahead) * FRAME_SECONDS:.3f} {text}")


class AgentWire:
    """`bridge.rehearsal.phone.Wire` to an agent in the same process, `delay` away."""

    mute_while_pressed = False

    def __init__(self, manners: Manners, record: Record, data: Path | None, delay: float) -> None:
        self.name = str(uuid.uuid4())
        self._manners = manners
        self._record = record
        self._data = data
        self._agent = Agent(manners)
        self._over = asyncio.Event()
        frames = round(delay / FRAME_SECONDS)
        self._out, self._in = deque([SILENCE] * frames), deque([SILENCE] * frames)

    async def listen(self, now: Callable[[], float]) -> str:
        await self._over.wait()
        self._agent.lines.append('9999.000 > hung-up ""')
        if self._data is not None:
            folder = self._data / "traces"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"20260101-000000-{self.name}.txt"
            path.write_text("\n".join(self._agent.lines), encoding="utf-8")
        return "over"

    def send(self, number: int, pcm: bytes, now: float) -> None:
        self._out.append(pcm)
        self._in.append(self._agent.frame(self._out.popleft()))
        self._record.heard.put((number + 1) * FRAME_SAMPLES, self._in.popleft())
        second = (number + 1) * FRAME_SECONDS
        beat = round(self._manners.heartbeat * FRAMES)
        if beat and (number + 1) % beat == 0:
            self._record.happened.append((second, "ping"))
        if self._manners.drops_at and second >= self._manners.drops_at:
            self._over.set()

    def press(self, digit: str, now: float) -> None:
        self._agent.key()

    def hang_up(self) -> None:
        self._over.set()


def road_to(manners: Manners, data: Path | None = None) -> Road:
    def call(
        *, background: bytes, echo: Echo | None, delay: float, jitter: float
    ) -> AbstractAsyncContextManager[Phone]:
        return _phone(manners, data, background, echo, delay)

    return Road("scripted", call)


@asynccontextmanager
async def _phone(
    manners: Manners, data: Path | None, background: bytes, echo: Echo | None, delay: float
) -> AsyncIterator[Phone]:
    record = Record()
    wire = AgentWire(manners, record, data, delay)
    async with on_call(wire, record, background, echo) as phone:
        yield phone
