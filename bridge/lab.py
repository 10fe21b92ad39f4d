"""A real Asterisk beside the bridge, for the tests and for a person with a softphone.

It runs `asterisk/run` of a source checkout and never leaves it running: not after a failure, not
after a cancellation, not when this process is killed.
"""

import asyncio
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_PROGRAM = Path(__file__).resolve().parent.parent / "asterisk" / "run"
_START_SEC = 90.0
"""The first time, its sounds are made."""
_STOP_SEC = 10.0

PHONES = ("6001", "6002")
"""The softphone accounts of `asterisk/conf/pjsip.conf.in`: the caller's and the people's. Both have
the same password."""

AMI_USER = "kav"


class AsteriskFailed(Exception):
    """Asterisk did not start; the message has what it said."""


def free_port(kind: socket.SocketKind, host: str = "127.0.0.1", preferred: int = 0) -> int:
    """A port that is free now: the preferred one if it is."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, preferred))
        except OSError:
            if preferred == 0:
                raise
            return free_port(kind, host)
        port: int = probe.getsockname()[1]
        return port


class Asterisk:
    """An Asterisk of our own, up from `async with` on until its end.

    Extension 100 reaches the bridge through the AudioSocket channel, 102 in wideband, 101 through
    the application, 600 is an echo. With `anyone_on_loopback`, calls from 127.0.0.1 need no
    account.
    `settings` are those of `asterisk/run`, for instance `{"RETRY": "yes"}`."""

    def __init__(
        self,
        folder: Path,
        *,
        bridge_port: int,
        bridge_host: str = "127.0.0.1",
        listen: str = "127.0.0.1",
        sip_port: int | None = None,
        ami_port: int | None = None,
        secret: str = "",
        ami_secret: str = "",
        anyone_on_loopback: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.listen = listen
        self.sip_port = sip_port or free_port(socket.SOCK_DGRAM, listen)
        self.ami_port = ami_port or free_port(socket.SOCK_STREAM)
        self.secret = secret or secrets.token_hex(8)
        self.ami_secret = ami_secret or secrets.token_hex(16)
        self._folder = folder
        self._settings = settings or {}
        self._bridge = f"{bridge_host}:{bridge_port}"
        self._anyone = anyone_on_loopback
        self._process: asyncio.subprocess.Process | None = None
        self._run: Path | None = None
        self._last_log = ""

    async def __aenter__(self) -> "Asterisk":
        # Short: a unix socket lies in it.
        self._run = Path(tempfile.mkdtemp(prefix="kav-asterisk-"))
        try:
            with _console(self._run) as console:
                self._process = await asyncio.create_subprocess_exec(
                    _PROGRAM,
                    env=self._environment(self._run),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=console,
                    stderr=asyncio.subprocess.STDOUT,
                    # Ctrl-C in a terminal is for us; Asterisk ends when we say so.
                    start_new_session=True,
                )
            await self._wait_until_up(self._process)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    def log(self) -> str:
        """Everything that Asterisk has logged, also after its end."""
        if self._run is None:
            return self._last_log
        messages = self._run / "log" / "messages"
        return messages.read_text(errors="replace") if messages.exists() else ""

    async def cli(self, command: str) -> str:
        """What Asterisk's command line answers."""
        _, answer = await self._ask(command)
        return answer

    @property
    def run(self) -> Path:
        """What it writes, while it runs."""
        assert self._run is not None
        return self._run

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits until Asterisk has ended by itself; its exit status."""
        assert self._process is not None
        return await self._process.wait()

    def _environment(self, run: Path) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "FOLDER": str(self._folder),
            "SOUNDS": str(self._folder.parent / "prompts"),
            "PYTHON": sys.executable,
            "RUN": str(run),
            "BRIDGE": self._bridge,
            "LISTEN": self.listen,
            "SIP_PORT": str(self.sip_port),
            "AMI_PORT": str(self.ami_port),
            "SECRET": self.secret,
            "AMI_SECRET": self.ami_secret,
            "ORIGINATE": "yes",
            "LOG": "notice,warning,error,verbose",
            "LAB": "yes" if self._anyone else "no",
            "WITH_PARENT": "yes",
            **self._settings,
        }

    async def _wait_until_up(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_START_SEC):
                # An attempt that is refused takes as long as a small process does: no busy loop.
                while (await self._ask("core waitfullybooted"))[0] != 0:
                    if process.returncode is not None:
                        raise AsteriskFailed(self._complaint(process.returncode))
        except TimeoutError:
            why = f"Asterisk was not up after {_START_SEC:.0f} s:\n{self._errors()}"
            raise AsteriskFailed(why) from None
        # Asterisk comes up without the port that somebody else has: nobody would ever call it.
        if errors := self._errors():
            raise AsteriskFailed(f"Asterisk came up with errors:\n{errors}")

    def _complaint(self, status: int) -> str:
        assert self._run is not None
        said = (self._run / "console").read_text(errors="replace").strip().rpartition("\n")[2]
        return f"Asterisk ended with status {status}: {said}\n{self._errors()}"

    def _errors(self) -> str:
        return "\n".join(line for line in self.log().splitlines() if " ERROR[" in line)

    async def _ask(self, command: str) -> tuple[int, str]:
        assert self._run is not None
        asking = await asyncio.create_subprocess_exec(
            _PROGRAM,
            "cli",
            command,
            env=self._environment(self._run),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            answer, _ = await asking.communicate()
        finally:
            if asking.returncode is None:
                asking.kill()
                await asking.wait()
        assert asking.returncode is not None
        return asking.returncode, answer.decode(errors="replace")

    async def _end(self) -> None:
        process, self._process = self._process, None
        try:
            if process is not None:
                await _stop(process)
        finally:
            self._last_log = self.log()
            run, self._run = self._run, None
            if run is not None:
                shutil.rmtree(run, ignore_errors=True)


def _console(run: Path) -> BinaryIO:
    return (run / "console").open("wb")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SEC):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    finally:
        # Still alive when this itself is cancelled.
        if process.returncode is None:
            process.kill()


# The manager interface, as far as listening goes.

Message = Mapping[str, str]


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    message: dict[str, str] = {}
    while line := (await reader.readline()).decode(errors="replace"):
        name, colon, value = line.partition(":")
        if colon:
            message[name] = value.strip()
        elif message:
            yield message
            message = {}


async def _log_in(port: int, secret: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    login = ("Action: Login", f"Username: {AMI_USER}", f"Secret: {secret}", "Events: call,user")
    writer.write("".join(f"{line}\r\n" for line in (*login, "")).encode())
    return reader, writer


@dataclass
class CallLog:
    """Who calls, answered, ended: the manager's events as lines for a person."""

    _calls: dict[str, float | None] = field(default_factory=dict)
    """When each channel under way was answered."""

    def line(self, event: Message, now: float) -> str | None:
        channel = event.get("Channel", "")
        # The bridge's own leg is a channel too.
        if not channel.startswith("PJSIP/"):
            return None
        if event.get("Event") == "UserEvent":
            return _way_of(event)
        call = event.get("Uniqueid", "")
        if call != event.get("Linkedid", call):  # Asterisk calls this phone, for somebody else
            who = channel.removeprefix("PJSIP/").rpartition("-")[0]
            return self._of_channel(event, call, who, ("rings", "answers"), now)
        who = event.get("CallerIDNum") or "somebody"
        steps = (f"calls {event.get('Exten') or '?'}", "is answered")
        return self._of_channel(event, call, who, steps, now)

    def _of_channel(
        self, event: Message, call: str, who: str, steps: tuple[str, str], now: float
    ) -> str | None:
        match event.get("Event"), event.get("ChannelStateDesc"):
            case "Newchannel", _:
                self._calls[call] = None
                return f"{who} {steps[0]}"
            case "Newstate", "Up" if call in self._calls:
                self._calls[call] = now
                return f"{who} {steps[1]}"
            case "Hangup", _ if call in self._calls:
                since = self._calls.pop(call)
                why = event.get("Cause-txt", "")
                if since is None:
                    return f"{who} was not answered ({why})"
                return f"{who} ended after {now - since:.1f} s ({why})"
        return None


def _way_of(event: Message) -> str | None:
    who, back = event.get("CallerIDNum") or "somebody", event.get("Back")
    if event.get("UserEvent") != "BridgeCall" or not back:
        return None
    return f"{who} is given to the agent again ({back})"


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _bridge_answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _tell_calls(asterisk: Asterisk) -> None:
    """Until Asterisk has closed the connection: when it has ended."""
    loop = asyncio.get_running_loop()
    calls = CallLog()
    try:
        reader, writer = await _log_in(asterisk.ami_port, asterisk.ami_secret)
        with closing(writer):
            async for event in _messages(reader):
                if line := calls.line(event, loop.time()):
                    _tell(f"{datetime.now().astimezone():%H:%M:%S}  {line}")
    except ConnectionError:
        return


def _tell_account(asterisk: Asterisk) -> None:
    _tell(
        f"""
Asterisk is up. In a softphone (Linphone, Zoiper, MicroSIP, baresip):

    server      {asterisk.listen}
    port        {asterisk.sip_port} (UDP)
    user        {PHONES[0]}
    password    {asterisk.secret}

    dial 100    the agent (102: in wideband, with G.722)
    dial 600    an echo, to try the phone

A second softphone, user {PHONES[1]} with the same password, is the people's: it rings when there
is no agent, and when the agent transfers a caller to office or manager.

For the bridge, in its .env, so that it knows who calls and can transfer:

    KAV_AMI_HOST=127.0.0.1
    KAV_AMI_PORT={asterisk.ami_port}
    KAV_AMI_USER={AMI_USER}
    KAV_AMI_SECRET={asterisk.ami_secret}

With a SIP trunk: TRUNK=sip.carrier.example:5060 TRUNK_USER=... TRUNK_SECRET=... asterisk/run

Ctrl-C ends it. Calls:
"""
    )


def _kept_secret(file: Path) -> str:
    """The same at each start, so that softphone and bridge need not be told again."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(8))
    return file.read_text()


async def run_phone_lab(
    *,
    bridge_host: str,
    bridge_port: int,
    sip_port: int | None,
    folder: Path,
    listen: str = "127.0.0.1",
) -> int:
    """Runs Asterisk beside a bridge, prints a softphone's account and then the calls, until Ctrl-C
    or SIGTERM. The exit status: 0, or 1 when Asterisk failed."""
    try:
        sip_port = sip_port or free_port(socket.SOCK_DGRAM, listen, preferred=5060)
    except OSError as error:
        _tell(f"{listen}: {error.strerror}. --listen is an address of this machine.")
        return 1
    asterisk = Asterisk(
        folder,
        bridge_host=bridge_host,
        bridge_port=bridge_port,
        listen=listen,
        sip_port=sip_port,
        ami_port=free_port(socket.SOCK_STREAM, preferred=5038),
        secret=_kept_secret(folder.parent / "phone-secret"),
        ami_secret=_kept_secret(folder.parent / "ami-secret"),
        anyone_on_loopback=False,
        settings={"SPOOL": str(folder.parent / "spool")},
    )
    try:
        async with _stop_signal() as asked_to_stop, asterisk:
            if not await _bridge_answers(bridge_host, bridge_port):
                _tell(
                    f"No bridge answers at {bridge_host}:{bridge_port} yet: 100 rings {PHONES[1]}."
                )
            _tell_account(asterisk)
            return await _until_stopped(asterisk, asked_to_stop)
    except AsteriskFailed as failure:
        _tell(str(failure))
        return 1


@asynccontextmanager
async def _stop_signal() -> AsyncIterator[asyncio.Event]:
    """Set by Ctrl-C or SIGTERM, which end nothing meanwhile."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _until_stopped(asterisk: Asterisk, asked_to_stop: asyncio.Event) -> int:
    async with asyncio.TaskGroup() as group:
        work = [
            group.create_task(asked_to_stop.wait()),
            group.create_task(asterisk.ended()),
            group.create_task(_tell_calls(asterisk)),
        ]
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            task.cancel()
    if asked_to_stop.is_set():
        return 0
    _tell("Asterisk has ended by itself.")
    return 1
