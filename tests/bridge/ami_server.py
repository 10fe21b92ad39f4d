"""Asterisk's manager interface, simulated: it speaks AMI over TCP, keeps every action that came,
and breaks as it is told."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SECRET = "the secret of the tests"
Action = dict[str, str]


def play(scene: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scene

    asyncio.run(bounded())


def packet(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def actions_in(received: bytes) -> list[Action]:
    """As Asterisk reads them: a line ends with a line feed, with or without a carriage return
    before it; an empty line ends an action."""
    actions: list[Action] = []
    lines: Action = {}
    for line in received.split(b"\n")[:-1]:
        name, _, value = line.rstrip(b"\r").decode().partition(": ")
        if name:
            lines[name] = value
        elif lines:
            actions.append(lines)
            lines = {}
    return actions


@dataclass
class AmiServer:
    port: int = 0
    actions: list[Action] = field(default_factory=list)
    """All that came, over all connections, in their order."""
    channels: list[Mapping[str, str]] = field(default_factory=list)
    """What CoreShowChannels tells."""
    values: dict[str, str] = field(default_factory=dict)
    """What Getvar tells."""
    refused: dict[str, str] = field(default_factory=dict)
    """Actions that are not done, and what Asterisk says."""
    unanswered: set[str] = field(default_factory=set)
    drops_at: set[str] = field(default_factory=set)
    """Actions at which the connection breaks, unanswered."""
    logins: int = 0
    version: str = "22.10.1"
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _open: dict[asyncio.StreamWriter, asyncio.Event] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def say(self, data: bytes) -> None:
        """To everybody who is logged in."""
        for writer in self._writers:
            writer.write(data)

    def tell(self, event: str, **headers: str) -> None:
        self.say(packet({"Event": event, **headers}))

    def drop(self) -> None:
        """As if Asterisk were killed."""
        while self._writers:
            self._writers.pop().transport.abort()

    def count(self, action: str) -> int:
        return sum(one["Action"] == action for one in self.actions)

    async def came(self, action: str, times: int = 1) -> Action:
        """Until that many of them have come; the last one."""
        async with self._news:
            await self._news.wait_for(lambda: self.count(action) >= times)
        return [one for one in self.actions if one["Action"] == action][-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = self._open[writer] = asyncio.Event()
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                for action in actions_in(await reader.readuntil(b"\r\n\r\n")):
                    await self._take(action, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            if writer in self._writers:
                self._writers.remove(writer)
            writer.close()
            del self._open[writer]
            gone.set()

    async def end(self) -> None:
        for writer, gone in list(self._open.items()):
            writer.transport.abort()
            await gone.wait()

    async def _take(self, action: Action, writer: asyncio.StreamWriter) -> None:
        name = action["Action"]
        self.actions.append(action)
        if name in self.drops_at:
            self.drop()
        elif name not in self.unanswered:
            self._answer(action, writer)
        async with self._news:
            self._news.notify_all()

    def _answer(self, action: Action, writer: asyncio.StreamWriter) -> None:
        name, same = action["Action"], {"ActionID": action["ActionID"]}
        told = {"Response": "Success"} | same
        refusal = self.refused.get(name)
        if name == "Command":
            refusal = "Permission denied"
        if name == "Login" and action.get("Secret") != SECRET:
            refusal = "Authentication failed"
        if refusal is not None:
            writer.write(packet({"Response": "Error"} | same | {"Message": refusal}))
            return
        match name:
            case "Login":
                self.logins += 1
                self._writers.append(writer)
            case "CoreSettings":
                told |= {"AMIversion": "11.0.0", "AsteriskVersion": self.version}
            case "Getvar":
                variable = action["Variable"]
                told |= {"Variable": variable, "Value": self.values.get(variable, "")}
            case "CoreShowChannels":
                self._list_channels(writer, same)
                return
            case "Originate":
                told |= {"Message": "Originate successfully queued"}
        writer.write(packet(told))

    def _list_channels(self, writer: asyncio.StreamWriter, same: Mapping[str, str]) -> None:
        start = {"EventList": "start", "Message": "Channels will follow"}
        writer.write(packet({"Response": "Success", **same, **start}))
        for channel in self.channels:
            writer.write(packet({"Event": "CoreShowChannel", **same, **channel}))
        end = {"EventList": "Complete", "ListItems": str(len(self.channels))}
        writer.write(packet({"Event": "CoreShowChannelsComplete", **same, **end}))


@asynccontextmanager
async def ami_server(tls: ssl.SSLContext | None = None) -> AsyncGenerator[AmiServer]:
    server = AmiServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    try:
        server.port = listening.sockets[0].getsockname()[1]
        yield server
    finally:
        listening.close()
        await server.end()
