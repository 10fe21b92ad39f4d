"""Whole calls with real speech on all three roads: a SIP phone through a real Asterisk, Asterisk's
side of AudioSocket, and Twilio's side of Media Streams. Recordings stay in var/recordings."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from bridge.commands.call import transcribe
from bridge.lab import Asterisk
from bridge.rehearsal import audiosocket_phone, sip_phone, twilio_phone
from bridge.rehearsal.phone import LOUD, Phone
from engine.core.audio import level
from engine.profile import shipped_profile
from engine.providers import local
from engine.receptionist import lexicon, spoken_forms
from engine.trace import replay
from tests.e2e.conftest import CACHE, PROJECT
from tests.e2e.running_bridge import PUBLIC_URL, TOKEN, RunningBridge, running_bridge

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.alone, pytest.mark.timeout(300)]

RECORDINGS = PROJECT / "var" / "recordings"
PAUSE = 0.9
"""Silence after which a caller takes it that the agent has finished."""

ENGLISH = (
    "Hello, I am looking for an apartment in Jaffa.",
    "My budget is up to seven thousand shekels.",
    "In the morning.",
    "The second one.",
)
HEBREW = (
    "אני מחפשת דירה בפלורנטין",
    "עד שבעת אלפים שקלים",
    "מחר בבוקר",
    "הראשון",
)

Road = Callable[[], AbstractAsyncContextManager[Phone]]


class Caller:
    """Speaks with a local voice, and can write down what a phone has heard."""

    def __init__(self, speech: local.Local) -> None:
        assert speech.voice is not None
        assert speech.recognizer is not None
        self._voice = speech.voice
        self._recognizer = speech.recognizer

    async def says(self, phone: Phone, text: str) -> None:
        phone.say(await self.voiced(text))
        await phone.said()

    async def voiced(self, text: str) -> bytes:
        return b"".join([piece.pcm async for piece in self._voice.speak(text)])

    async def prepare(self, *texts: str) -> None:
        """Before the call: rendering would take the time of the bridge's own speech."""
        await self._voice.prepare(texts)

    async def transcript(self, phone: Phone) -> str:
        """What the phone has heard of the agent, by the local recognizer."""
        words: list[str] = []
        await transcribe(
            phone,
            self._recognizer,
            spoken_forms(shipped_profile("shai")),
            lambda second, who, text: words.append(text),
        )
        return " ".join(words).lower()


@asynccontextmanager
async def a_caller() -> AsyncGenerator[Caller]:
    speech = await local.load(cache=CACHE, lexicon=lexicon(shipped_profile("shai")))
    try:
        yield Caller(speech)
    finally:
        speech.close()


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything that runs beside the tests of this file."""

    bridge: RunningBridge
    asterisk: Asterisk
    runner: asyncio.Runner

    def play(self, test: Callable[[Caller], Coroutine[None, None, None]]) -> None:
        """With a caller's voice of its own: how one sounds depends on what it has said before, and
        whether Hebrew is understood hangs on little."""

        async def main() -> None:
            async with a_caller() as caller:
                await test(caller)

        self.runner.run(main())

    def sip(self) -> AbstractAsyncContextManager[Phone]:
        return sip_phone.open_phone(f"sip:100@127.0.0.1:{self.asterisk.sip_port}")

    def audiosocket(self) -> AbstractAsyncContextManager[Phone]:
        return audiosocket_phone.open_phone(port=self.bridge.audiosocket_port)

    def twilio(self) -> AbstractAsyncContextManager[Phone]:
        return twilio_phone.open_phone(
            f"{PUBLIC_URL}/twilio/voice",
            at=f"127.0.0.1:{self.bridge.http_port}",
            auth_token=TOKEN,
            delay=0.05,
        )

    def road(self, name: str) -> Road:
        return {"sip": self.sip, "audiosocket": self.audiosocket, "twilio": self.twilio}[name]


@pytest.fixture(scope="module")
def lab(asterisk_folder: Path) -> Generator[Lab]:
    if missing := local.check():
        pytest.skip("; ".join(missing))
    CACHE.mkdir(parents=True, exist_ok=True)
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    with (
        running_bridge(PROJECT / "var" / "e2e", CACHE) as bridge,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        stack = AsyncExitStack()

        async def open_all() -> Lab:
            asterisk = Asterisk(asterisk_folder, bridge_port=bridge.audiosocket_port)
            await stack.enter_async_context(asterisk)
            return Lab(bridge, asterisk, runner)

        try:
            yield runner.run(open_all())
        finally:
            runner.run(stack.aclose())


async def converse(phone: Phone, caller: Caller, lines: tuple[str, ...]) -> None:
    """Each line when the agent has finished; then until the agent has hung up."""
    for line in lines:
        await phone.quiet(after=PAUSE, limit=30)
        await caller.says(phone, line)
    async with asyncio.timeout(30):
        await phone.closed.wait()


def asked(trace: str) -> list[str]:
    """What the bridge put to the brain, turn by turn."""
    return re.findall(r'< ask \d+ "(.*?)"', trace)


def said(trace: str) -> str:
    return " ".join(re.findall(r'< say \d+ "(.*?)"\n', trace))


@pytest.mark.parametrize("road", ["sip", pytest.param("twilio", marks=pytest.mark.long)])
def test_an_english_call_goes_from_the_greeting_to_a_booked_window(lab: Lab, road: str) -> None:
    booked = len(lab.bridge.bookings())

    async def test(caller: Caller) -> None:
        await caller.prepare(*ENGLISH)
        async with lab.road(road)() as phone:
            await converse(phone, caller, ENGLISH)
        phone.save_stereo(RECORDINGS / f"english-{road}.wav")
        assert phone.faults == []
        if road == "sip":
            heard = await caller.transcript(phone)
            assert "how can i help" in heard
            assert "budget" in heard

    lab.play(test)
    booking = lab.bridge.only_booking_after(booked)
    assert (booking["area"], booking["budget"]) == ("jaffa", 7000)
    assert "goodbye" in said(lab.bridge.trace()).lower()


def test_a_hebrew_call_goes_to_a_booked_window_with_the_profile_s_words(lab: Lab) -> None:
    booked = len(lab.bridge.bookings())

    async def test(caller: Caller) -> None:
        await caller.prepare(*HEBREW)
        async with lab.sip() as phone:
            await converse(phone, caller, HEBREW)
        phone.save_stereo(RECORDINGS / "hebrew-sip.wav")

    lab.play(test)
    booking = lab.bridge.only_booking_after(booked)
    assert (booking["area"], booking["language"]) == ("florentin", "he")
    assert asked(lab.bridge.trace())[1:] == list(HEBREW[1:])


@pytest.mark.parametrize("road", ["sip", "audiosocket", "twilio"])
def test_a_wait_stops_the_agent(lab: Lab, road: str) -> None:
    cuts = len(lab.bridge.events("reply_cut"))

    async def test(caller: Caller) -> None:
        wait = await caller.voiced("רגע")
        async with lab.road(road)() as phone:
            await phone.agent_speaks(limit=20)
            await phone.agent_speaks(limit=20, since=phone.now + 1.0)
            phone.say(wait)
            await phone.said()
            stopped = phone.now
            # The greeting would go on for five seconds; the next that is heard is the answer.
            await phone.agent_speaks(limit=10, since=stopped + 0.5)
            silence = phone.heard_between(stopped + 0.1, stopped + 0.4)
            assert level(silence) < LOUD
            await phone.quiet(after=PAUSE, limit=10)
        phone.save_stereo(RECORDINGS / f"wait-{road}.wav")

    lab.play(test)
    cut, *_ = lab.bridge.events("reply_cut")[cuts:]
    assert cut["cause"] == "voice"
    assert cut["heard_seconds"] < cut["sent_seconds"]
    assert asked(lab.bridge.trace())[0] == "רגע"


@pytest.mark.parametrize("road", ["sip", "audiosocket", "twilio"])
def test_a_caller_who_hangs_up_ends_the_call_at_once(lab: Lab, road: str) -> None:
    ended = len(lab.bridge.events("call_ended"))

    async def test() -> None:
        async with lab.road(road)() as phone:
            await phone.agent_speaks(limit=20)
            await phone.hang_up()

    lab.runner.run(test())
    lab.bridge.wait_for("call_ended", ended + 1)


def test_a_caller_who_says_goodbye_is_hung_up_on_politely(lab: Lab) -> None:
    async def test(caller: Caller) -> None:
        await caller.prepare("No, thank you. Goodbye.")
        async with lab.sip() as phone:
            await converse(phone, caller, ("No, thank you. Goodbye.",))
            assert "hung up" in phone.why

    lab.play(test)


def test_every_turn_tells_where_its_time_went(lab: Lab) -> None:
    """Of all turns of the calls above. How long they may take is no matter of a test: that is
    for a quiet machine (`kav rehearse`)."""
    turns = [turn for turn in lab.bridge.events("turn_latency") if "total_ms" in turn]
    assert len(turns) >= 10
    for turn in turns:
        steps = ("endpoint_ms", "recognizer_ms", "waited_ms", "brain_ms", "voice_ms")
        assert turn["total_ms"] == pytest.approx(sum(turn[step] for step in steps), abs=len(steps))


def test_every_call_replays_to_what_was_decided(lab: Lab) -> None:
    """Of all calls above."""
    traces = sorted((lab.bridge.data / "traces").glob("*.txt"))
    assert len(traces) >= 8
    for trace in traces:
        told = trace.read_text(encoding="utf-8")
        assert replay(told) == told, trace.name
