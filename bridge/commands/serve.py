"""Answer calls: start the bridge, with everything that its settings ask for.

Without any configuration it uses local speech (no key, no cloud) and listens on loopback only.
Ctrl-C or SIGTERM ends it.
"""

import argparse
import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from bridge import audiosocket, log
from bridge.asterisk import pbx_beside
from bridge.equipment import equip
from bridge.office import open_office
from bridge.settings import BadSettings, Settings, read_profile, read_settings
from bridge.switchboard import Switchboard
from bridge.ticker import Ticker
from bridge.tracefiles import TraceFiles
from bridge.twilio_media import TwilioSettings, add_routes
from engine.ports import OpenCall
from engine.store import StoreBroken, StoreFailed
from engine.store.opening import Store, open_store

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running bridge listens."""

    audiosocket: tuple[str, int]
    http: tuple[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress and no instructions")


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    log.set_up(settings.kav_log, settings.kav_log_level)
    tell = _quietly if args.quiet else _tell
    serving = asyncio.current_task()
    assert serving is not None

    def stop() -> None:
        serving.cancel()  # first: whoever read what we tell may be gone
        tell("Stopping: live calls are ended.")

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):  # that is how `stop` ends it
        async with bridge(settings, tell) as addresses:
            tell(_instructions(settings, addresses))
            await asyncio.Event().wait()
    return 0


@asynccontextmanager
async def bridge(settings: Settings, tell: Tell) -> AsyncGenerator[Addresses]:
    """A whole bridge, from its settings to its open doors. Raises `BadSettings`."""
    profile = read_profile(settings)
    _check_doors(settings)
    async with AsyncExitStack() as stack:
        store = await _store(settings, stack)
        office = await open_office(settings, profile, store, stack)
        equipment = await equip(settings, profile, office, stack, tell)
        traces = TraceFiles(settings.kav_data / "traces")
        stack.callback(traces.close)
        switchboard = Switchboard(
            equipment, traces, most=settings.kav_max_calls, trace_text=settings.kav_trace_text
        )
        # Nothing that start-up made is garbage: later collections need not look at it.
        gc.collect()
        gc.freeze()
        async with listening(
            settings, switchboard.open, lambda: len(switchboard.live)
        ) as addresses:
            yield addresses


@asynccontextmanager
async def listening(
    settings: Settings, open_call: OpenCall, live_calls: Callable[[], int] | None = None
) -> AsyncGenerator[Addresses]:
    """Both doors open. Raises `BadSettings` when one is taken."""
    ticker = Ticker()
    async with AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(pbx_beside(settings))
        host, port = settings.kav_audiosocket_host, settings.kav_audiosocket_port
        with _door("AUDIOSOCKET", host, port):
            asterisk = await stack.enter_async_context(
                audiosocket.serve(
                    open_call,
                    host=host,
                    port=port,
                    pbx=pbx,
                    allow=settings.kav_audiosocket_allow,
                    ticker=ticker,
                    heartbeat=settings.heartbeat_sec,
                )
            )
        http = await _serve_http(settings, open_call, live_calls, ticker, stack)
        yield Addresses(asterisk, http)


async def _serve_http(
    settings: Settings,
    open_call: OpenCall,
    live_calls: Callable[[], int] | None,
    ticker: Ticker,
    stack: AsyncExitStack,
) -> tuple[str, int]:
    host, port = settings.kav_http_host, settings.kav_http_port
    token = settings.twilio_auth_token
    app = web.Application()
    add_routes(
        app,
        open_call=open_call,
        ticker=ticker,
        settings=TwilioSettings(
            public_url=settings.kav_public_url or f"http://{host}:{port}",
            auth_token=token.get_secret_value() if token else None,
            heartbeat=settings.heartbeat_sec,
            max_calls=settings.kav_max_calls,
        ),
        live_calls=live_calls,
    )
    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, port)
    with _door("HTTP", host, port):
        await site.start()
    address = runner.addresses[0]
    return address[0], address[1]


async def _store(settings: Settings, stack: AsyncExitStack) -> Store:
    older = settings.kav_data / "appointments.jsonl"
    try:
        settings.kav_data.mkdir(parents=True, exist_ok=True)
        opening = open_store(
            settings.database(), older=older, tells=settings.kav_webhook_url is not None
        )
        store = await stack.enter_async_context(opening)
        left = await store.records.reconcile()
    except (StoreBroken, StoreFailed, OSError) as error:
        raise BadSettings(f"KAV_DATABASE: {error}") from None
    if left:
        logger.warning("calls_left_open", extra={"facts": {"calls": left}})
    return store


def _check_doors(settings: Settings) -> None:
    """Before the models are loaded, which takes a while."""
    for name, host, port in (
        ("AUDIOSOCKET", settings.kav_audiosocket_host, settings.kav_audiosocket_port),
        ("HTTP", settings.kav_http_host, settings.kav_http_port),
    ):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with _door(name, host, port), socket.create_server((host, port), family=family):
            pass


@contextmanager
def _door(name: str, host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "it is taken" if error.errno == errno.EADDRINUSE else (error.strerror or error)
        raise BadSettings(
            f"cannot listen on {host}:{port}: {reason}; set KAV_{name}_HOST or KAV_{name}_PORT"
        ) from None


def _instructions(settings: Settings, addresses: Addresses) -> str:
    asterisk = ":".join(map(str, addresses.audiosocket))
    http = ":".join(map(str, addresses.http))
    signed = "checked" if settings.twilio_auth_token else "not checked (no TWILIO_AUTH_TOKEN)"
    return f"""
Kav answers calls.
  AudioSocket (Asterisk)        {asterisk}
  Twilio webhooks and media     http://{http}/twilio/voice, signatures {signed}
  health                        http://{http}/version
  traces of calls               {settings.kav_data / "traces"}

Three ways to call it, each from another terminal:
  make call                     a phone in the terminal: type what you want to say
  make phone                    a real Asterisk for a softphone; it prints the account
  a Twilio number               point its voice webhook at KAV_PUBLIC_URL/twilio/voice
Ctrl-C ends it."""


def _tell(text: str) -> None:
    print(text, flush=True)


def _quietly(text: str) -> None:
    pass
