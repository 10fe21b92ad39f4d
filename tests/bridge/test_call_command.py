"""`kav call`: what it prints and returns, against small servers on loopback."""

import argparse
import asyncio
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from bridge.commands import call
from bridge.commands.call import Say, Sound, Speech, Stretches, isolated, read_wav
from bridge.rehearsal.audiosocket_phone import open_phone
from engine.core.audio import FRAME_BYTES, SILENCE
from engine.core.effects import StopListening
from engine.core.events import Final
from engine.ports import HearingCommand, HearingResult
from engine.ports import Speech as Spoken
from tests.bridge.test_audiosocket_phone import Answer, Server, serving
from tests.bridge.test_twilio_phone import Stream
from tests.bridge.test_twilio_phone import serving as serving_streams

TONE = ((3000).to_bytes(2, "little") + (-3000).to_bytes(2, "little", signed=True)) * 80
WORD = ((9000).to_bytes(2, "little") + (-9000).to_bytes(2, "little", signed=True)) * 80


class FakeVoice:
    """Says each word as 100 ms of a tone."""

    async def speak(self, text: str) -> AsyncGenerator[Spoken]:
        for _ in text.split():
            yield Spoken(WORD * 5)


class FakeRecognizer:
    """Understands how long somebody spoke."""

    async def recognize(
        self, commands: AsyncIterator[HearingCommand], expected: Callable[[], Sequence[str]]
    ) -> AsyncGenerator[HearingResult]:
        async for command in commands:
            if isinstance(command, StopListening):
                yield Final(command.utterance, f"stretch {command.utterance}", 1.0)


FAKES = Speech(FakeVoice(), FakeRecognizer())


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    call.add_arguments(parser)
    return parser.parse_args(words)


async def receptionist(server: Server) -> None:
    """Greets, and answers everything that is said by 0.2 s of a tone."""
    await server.play(*[TONE] * 10)
    while True:
        while (await server.read())[1] != WORD:
            server.send(0x10, SILENCE)
        await server.play(*[SILENCE] * 30, *[TONE] * 10)


async def hang_up(server: Server) -> None:
    """Says something first."""
    await server.play(*[TONE] * 5)
    server.send(0x00)
    await server.until_hung_up()


def place(script: call.Script, *words: str, answer: Answer = receptionist) -> int:
    async def scenario() -> int:
        async with serving(answer) as port:
            return await call.place(open_phone(port=port), script, FAKES, options(*words))

    return asyncio.run(scenario())


@pytest.mark.e2e
def test_a_scripted_call_prints_both_sides_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    code = place([Say("two words"), Sound("yes.wav", WORD * 5)])

    printed = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.split("  ", 1)[1] for line in printed] == [
        "agent:  stretch 0",
        "caller: two words",
        "agent:  stretch 1",
        "caller: (yes.wav)",
        "agent:  stretch 2",
        "the caller hung up",
    ]


@pytest.mark.e2e
def test_a_call_is_saved_in_stereo(tmp_path: Path) -> None:
    place([Say("hello")], "--record", str(tmp_path / "call.wav"))

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 8000


@pytest.mark.e2e
def test_typed_lines_are_said_at_once_and_the_end_of_input_hangs_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def lines() -> AsyncIterator[str]:
        yield "hello there"
        yield "/1"

    code = place(lines())

    printed = capsys.readouterr().out
    assert code == 0
    assert "caller: hello there" in printed
    assert "caller: (1)" in printed
    assert "the caller hung up" in printed


@pytest.mark.e2e
def test_typing_ends_when_the_agent_hangs_up(capsys: pytest.CaptureFixture[str]) -> None:
    async def lines() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"

    assert place(lines(), answer=hang_up) == 0
    assert "the server hung up" in capsys.readouterr().out


@pytest.mark.e2e
def test_an_agent_that_hangs_up_too_early_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert place([Say("hello")], answer=hang_up) == 1
    assert "the server hung up" in capsys.readouterr().err


@pytest.mark.e2e
def test_a_call_that_does_not_end_is_ended_at_the_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = place([Say("hello")], "--limit", "0.5")

    assert code == 1
    assert "not over after 0.5 s" in capsys.readouterr().err


@pytest.mark.e2e
def test_a_fault_of_the_bridge_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(server: Server) -> None:
        server.send(0x42, b"x")
        await server.until_hung_up()

    assert place([], answer=answer) == 1
    assert "kind 0x42" in capsys.readouterr().err


@pytest.mark.e2e
def test_a_wav_is_said_over_twilio_without_any_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wav = tmp_path / "hello.wav"
    write_wav(wav, WORD * 10)

    async def answer(stream: Stream) -> None:
        await stream.read_until("start")
        await stream.media(TONE * 10)
        await stream.read_until("stop")

    async def scenario() -> int:
        async with serving_streams(answer) as (at, streams):
            given = options(
                "--line", "twilio", "--url", f"ws://{at}/stream", "--wav", str(wav),
                "--no-transcript", "--limit", "4",
            )  # fmt: skip
            code = await call.run(given)
            assert len([m for m in streams[0].came if m["event"] == "media"]) > 10
            return code

    assert asyncio.run(scenario()) == 1  # this agent never answers
    assert "caller: (hello.wav)" in capsys.readouterr().out


@pytest.mark.e2e
@pytest.mark.parametrize("line", ["audiosocket", "twilio"])
def test_nobody_there_is_one_clear_sentence(
    line: str, capsys: pytest.CaptureFixture[str], unused_port: int
) -> None:
    given = options("--line", line, "--port", str(unused_port), "--press", "1", "--no-transcript")

    assert asyncio.run(call.run(given)) == 1
    assert capsys.readouterr().err == (
        f"kav call: nothing listens on 127.0.0.1:{unused_port}; start the bridge with make run\n"
    )


@pytest.fixture
def unused_port() -> int:
    async def closed_again() -> int:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port: int = server.sockets[0].getsockname()[1]
        return port

    return asyncio.run(closed_again())


@pytest.mark.parametrize(
    "words",
    [
        ["--url", "http://127.0.0.1:8080/twilio/voice"],
        ["--line", "twilio", "--url", "ftp://127.0.0.1"],
        ["--line", "twilio", "--auth-token-file", "/nonexistent/token"],
        ["--record", "/nonexistent/call.wav"],
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(call.run(options(*words))) == 2
    assert capsys.readouterr().err.startswith("kav call: --")


@pytest.mark.parametrize(
    "words",
    [["--press", "x"], ["--wav", "/nonexistent.wav"], ["--line", "smoke"], ["--limit", "-"]],
)
def test_an_option_that_cannot_be_read_is_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        options(*words)
    assert stopped.value.code == 2


def test_steps_keep_the_order_of_the_command_line() -> None:
    given = options("--say", "one", "--press", "12", "--say", "two")

    assert given.script == [Say("one"), call.Press("12"), Say("two")]


def test_lines_of_a_pipe_are_said_like_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\ntwo\n"))

    assert call.script_of(options()) == [Say("one"), Say("two")]


def write_wav(path: Path, pcm: bytes, *, rate: int = 8000, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)


def test_a_telephone_wav_is_said_as_it_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", WORD * 3)

    assert read_wav(str(tmp_path / "a.wav")) == Sound("a.wav", WORD * 3)


def test_any_other_wav_becomes_telephone_sound(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", bytes(2 * 2 * 22050), rate=22050, channels=2)

    assert read_wav(str(tmp_path / "a.wav")).pcm == bytes(2 * 8000)


def test_speech_is_cut_into_stretches_at_pauses() -> None:
    stretches = Stretches()
    frames = [SILENCE] * 20 + [TONE] * 10 + [SILENCE] * 10 + [TONE] * 5 + [SILENCE] * 50
    found = [stretch for frame in frames if (stretch := stretches.hear(frame))]

    assert [round(stretch.start, 2) for stretch in found] == [0.4]
    assert len(found[0].pcm) == (10 + 10 + 10 + 5 + 30) * FRAME_BYTES
    assert stretches.rest() is None


def test_a_long_stretch_ends_with_its_sentence() -> None:
    stretches = Stretches()
    frames = [TONE] * 150 + [SILENCE] * 12 + [TONE] * 10 + [SILENCE] * 30
    found = [stretch for frame in frames if (stretch := stretches.hear(frame))]

    assert [round(stretch.start, 2) for stretch in found] == [0.0, 3.24]


def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    stretches = Stretches()

    found = [stretch for _ in range(2500) if (stretch := stretches.hear(TONE))]

    assert len(found) == 2
    assert stretches.rest() is not None


def test_hebrew_is_isolated_and_english_is_left_alone() -> None:
    assert isolated("שלום") == "\u2068שלום\u2069"
    assert isolated("hello") == "hello"
