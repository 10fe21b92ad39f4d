import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from engine.office.address import BadAddress
from engine.office.signature import BadSecret, verify
from engine.office.webhook import News, Webhook, open_webhook

SECRET = "whsec_a2F2IHNpZ25zIHdoYXQgaXQgdGVsbHMgdGhlIG9mZmljZQ=="
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
IN_AN_HOUR = START + timedelta(hours=1)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Row:
    id: int
    key: str
    kind: str
    payload: dict[str, object]
    attempts: int = 0
    due: datetime = START


@dataclass
class Memory:
    """An outbox without a disk, and its clock."""

    rows: list[Row]
    sent: list[int] = field(default_factory=list)
    now: datetime = START
    broken: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def pending(self, now: datetime, limit: int) -> Sequence[News]:
        self.asked.set()
        if self.broken:
            raise OSError("no space left on device")
        left = [row for row in self.rows if row.id not in self.sent]
        return [row for row in left if row.due <= now][:limit]

    async def told(self, message_id: int) -> None:
        self.sent.append(message_id)

    async def failed(self, message_id: int, due: datetime) -> None:
        self.rows = [
            replace(row, attempts=row.attempts + 1, due=due) if row.id == message_id else row
            for row in self.rows
        ]

    def of(self, number: int) -> Row:
        return next(row for row in self.rows if row.id == number)


def row(number: int, call: str = "one", kind: str = "booking") -> Row:
    return Row(number, f"{call}/{number}", kind, {"call": call, "area": "פלורנטין"})


@dataclass
class Office:
    """The receiver: answers as told, one after another, the last one for good."""

    answers: list[Answer | int]
    came: list[dict[str, object]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        lower = {name.lower(): value for name, value in request.headers.items()}
        self.ids.append(verify(lower, body, SECRET, int(lower["webhook-timestamp"])))
        assert request.content_type == "application/json"
        self.came.append(json.loads(body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.answered.set()
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)


@asynccontextmanager
async def serving(handler: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/kav", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/kav"
    finally:
        await runner.cleanup()


def tell(
    outbox: Memory,
    url: str,
    scenario: Callable[[Webhook], Awaitable[None]],
    patience: float = 60.0,
) -> None:
    async def open_and_run() -> None:
        async with open_webhook(
            outbox, url, SECRET, clock=lambda: outbox.now, jitter=lambda: 1.0, patience=patience
        ) as webhook:
            await scenario(webhook)

    asyncio.run(open_and_run())


def told(
    outbox: Memory,
    office: Office,
    scenario: Callable[[Webhook], Awaitable[None]],
    patience: float = 60.0,
) -> None:
    async def serve_and_run() -> None:
        async with (
            serving(office.answer) as url,
            open_webhook(
                outbox,
                url,
                SECRET,
                clock=lambda: outbox.now,
                jitter=lambda: 1.0,
                patience=patience,
                every=3600.0,
            ) as webhook,
        ):
            await scenario(webhook)

    asyncio.run(serve_and_run())


async def once(webhook: Webhook) -> None:
    await webhook.deliver()


def test_what_was_written_is_told_signed_and_once() -> None:
    outbox, office = Memory([row(1), row(2, kind="call")]), Office([204])

    async def twice(webhook: Webhook) -> None:
        assert await webhook.deliver() == 2
        assert await webhook.deliver() == 0

    told(outbox, office, twice)
    assert outbox.sent == [1, 2]
    assert office.ids == ["one/1", "one/2"]
    data = {"call": "one", "area": "פלורנטין"}
    assert office.came == [{"type": "booking", "data": data}, {"type": "call", "data": data}]


def test_what_failed_is_told_again_under_the_same_id_ever_more_rarely() -> None:
    outbox, office = Memory([row(1)]), Office([500, 404, 302, 200])
    waits: list[float] = []

    async def patiently(webhook: Webhook) -> None:
        while not outbox.sent:
            assert await webhook.deliver() == 1
            waits.append((outbox.of(1).due - outbox.now).total_seconds())
            outbox.now = outbox.of(1).due

    told(outbox, office, patiently)
    assert office.ids == ["one/1"] * 4
    assert waits[:3] == [5.0, 10.0, 20.0]


def test_the_longest_wait_is_an_hour_unless_the_office_asks_for_more() -> None:
    async def busy(request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "7200"})

    many = replace(row(1), attempts=10_000)
    outbox, office = Memory([many]), Office([503, busy])

    async def twice(webhook: Webhook) -> None:
        await webhook.deliver()
        assert outbox.of(1).due == IN_AN_HOUR
        outbox.now = IN_AN_HOUR
        await webhook.deliver()

    told(outbox, office, twice)
    assert outbox.of(1).due == IN_AN_HOUR + timedelta(hours=2)


def test_a_call_s_later_news_wait_for_its_earlier_and_other_calls_do_not() -> None:
    outbox = Memory([row(1, "one"), row(2, "two"), row(3, "one")])
    refused: list[str] = []

    async def not_the_first(request: web.Request) -> web.StreamResponse:
        key = request.headers["webhook-id"]
        if key == "one/1" and not refused:
            refused.append(key)
            return web.Response(status=500)
        return web.Response()

    office = Office([not_the_first])

    async def scenario(webhook: Webhook) -> None:
        await webhook.deliver()
        assert outbox.sent == [2]
        outbox.rows.append(row(4, "one"))
        await webhook.deliver()
        assert outbox.sent == [2]
        outbox.now = IN_AN_HOUR
        await webhook.deliver()

    told(outbox, office, scenario)
    assert outbox.sent == [2, 1, 3, 4]


def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/kav")

    outbox, office = Memory([row(1)]), Office([elsewhere])
    told(outbox, office, once)
    assert (office.ids, outbox.sent) == (["one/1"], [])


def test_an_office_that_never_answers_is_left() -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    outbox = Memory([row(1)])
    told(outbox, Office([never]), once, patience=0.1)
    assert (outbox.sent, outbox.of(1).attempts) == ([], 1)


@pytest.mark.parametrize(
    "junk",
    [b"", b"\xff" * 4096, b"HTTP/1.1 twenty OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
)
def test_junk_for_an_answer_is_no_answer(junk: bytes) -> None:
    outbox = Memory([row(1)])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(junk)
        writer.close()
        await writer.wait_closed()

    async def scenario() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}/kav"
            async with open_webhook(outbox, url, SECRET, clock=lambda: outbox.now) as webhook:
                await webhook.deliver()

    asyncio.run(scenario())
    assert outbox.sent == []
    assert outbox.of(1).attempts == 1


def test_an_office_that_is_not_there_is_tried_again() -> None:
    outbox = Memory([row(1)])
    tell(outbox, "http://127.0.0.1:1/kav", once)
    assert outbox.of(1).attempts == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    outbox, office = Memory([row(1)]), Office([200])

    async def scenario() -> None:
        async with (
            serving(office.answer, self_signed(tmp_path)) as url,
            open_webhook(outbox, url, SECRET, clock=lambda: outbox.now) as webhook,
        ):
            await webhook.deliver()

    asyncio.run(scenario())
    assert (office.ids, outbox.sent, outbox.of(1).attempts) == ([], [], 1)


def test_an_office_that_wants_no_more_gets_no_more_and_nothing_is_lost() -> None:
    outbox, office = Memory([row(1), row(2)]), Office([410])

    async def run(webhook: Webhook) -> None:
        await webhook.run()
        assert webhook.gone

    told(outbox, office, run)
    assert office.ids == ["one/1"]
    assert [one.attempts for one in outbox.rows] == [0, 0]
    assert outbox.sent == []


def test_it_tells_at_once_when_woken_and_ends_cleanly() -> None:
    outbox, office = Memory([]), Office([200])

    async def run(webhook: Webhook) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(webhook.run())
            await outbox.asked.wait()
            outbox.rows.append(row(1))
            webhook.wake()
            await office.answered.wait()
            running.cancel()
        assert running.cancelled()

    told(outbox, office, run)
    assert office.ids == ["one/1"]


def test_what_was_being_sent_when_it_ended_is_still_there() -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    outbox, office = Memory([row(1)]), Office([never])

    async def run(webhook: Webhook) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(webhook.run())
            await office.answered.wait()
            running.cancel()

    told(outbox, office, run)
    assert (outbox.sent, outbox.of(1).attempts) == ([], 0)


def test_a_broken_outbox_is_logged_and_looked_at_again(caplog: pytest.LogCaptureFixture) -> None:
    outbox, office = Memory([row(1)], broken=True), Office([200])

    async def run(webhook: Webhook) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(webhook.run())
            await outbox.asked.wait()
            outbox.broken = False
            webhook.wake()
            await office.answered.wait()
            running.cancel()

    told(outbox, office, run)
    assert caplog.records[0].message == "outbox_failed"


def test_no_log_has_the_address_the_secret_or_what_was_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    outbox = Memory([row(1)])
    tell(outbox, "http://127.0.0.1:1/kav?token=t0p", once)
    told(outbox, Office([500]), once)
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "webhook_failed" in logged
    for private in ("t0p", "127.0.0.1", SECRET[6:], "פלורנטין", "one/1"):
        assert private not in logged


@pytest.mark.parametrize(
    "url",
    [
        "http://office.example/kav",
        "http://10.0.0.7/kav",
        "ftp://office.example/",
        "https://user:t0p@office.example/",
        "https://office.example:port/",
        "https://[/t0p",
        "office.example",
        "",
    ],
)
def test_an_address_that_is_not_safe_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(BadAddress) as refused:
        tell(Memory([]), url, once)
    assert "t0p" not in str(refused.value)


def test_a_poor_secret_is_refused() -> None:
    async def scenario() -> None:
        async with open_webhook(Memory([]), "https://office.example/", "whsec_c2hvcnQ="):
            pass

    with pytest.raises(BadSecret):
        asyncio.run(scenario())


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    pem = Encoding.PEM
    private = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "office.pem"
    file.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
