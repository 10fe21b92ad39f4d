"""Answer calls: start the bridge, with everything that its settings ask for.

Without any configuration it uses local speech (no key, no cloud) and listens on loopback only.
SIGTERM takes no new calls and lets live ones come to their end (KAV_DRAIN_SEC); a second one, or
Ctrl-C, ends them in order. SIGHUP reads the certificate anew.
"""

import argparse
import asyncio
import errno
import gc
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from bridge import log
from bridge.certificate import Certificate, read_certificate
from bridge.orders import Orders, obey_parent, obey_signals
from bridge.settings import BadSettings, Settings, read_profile, read_settings
from bridge.speech import speech_near
from bridge.watchdog import watched
from bridge.workers import Crew, Post
from engine.store import StoreBroken, StoreFailed

# What takes long to import is imported inside of the functions: the processes with models are
# begun first, and load meanwhile.
if TYPE_CHECKING:
    from aiohttp import web

    from bridge.audiosocket.asterisk_pbx import AsteriskPbx
    from bridge.gate import Gate
    from bridge.recording import Recorder
    from bridge.ticker import Ticker
    from bridge.twilio_media import PlacedEnded, TwilioSettings
    from engine.store.opening import Store

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]

IDLE_SECONDS = 5.0
"""How long an HTTP connection may be without a whole request: else a stranger could hold them all.
A proxy that keeps connections has to give them up earlier (deploy/nginx.conf)."""

SHUTDOWN_SECONDS = 1.0
"""What HTTP requests may take that are under way when the doors are shut."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running bridge listens."""

    audiosocket: tuple[str, int]
    http: tuple[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress and no instructions")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the calls; each has models, and KAV_MAX_CALLS, of its own",
    )


async def run(args: argparse.Namespace) -> int:
    settings = read_settings()
    log.set_up(settings.kav_log, settings.kav_log_level)
    tell = _quietly if args.quiet else _tell
    if args.workers > 1:
        return await _run_workers(settings, args.workers, tell)
    certificate = read_certificate(settings)
    orders = Orders(_renewing(certificate))
    obey_signals(orders.take, signal.SIGINT, signal.SIGTERM)
    if certificate is not None:
        obey_signals(orders.take, signal.SIGHUP)
    await _serve(settings, tell, orders, certificate)
    return 0


async def _serve(
    settings: Settings,
    tell: Tell,
    orders: Orders,
    certificate: Certificate | None,
    post: Post | None = None,
) -> None:
    async with AsyncExitStack() as stack:
        try:
            with orders.starting():
                opening = bridge(settings, tell, certificate, post)
                addresses, gate = await stack.enter_async_context(opening)
        except asyncio.CancelledError:  # it was told to stop
            return
        stack.enter_context(_watched(settings, orders, post))
        tell(_instructions(settings, addresses))
        if post is not None:
            post.parent.send("ready")
        await orders.drain.wait()
        logger.warning("draining", extra={"facts": {"calls": gate.live_calls}})
        await gate.empty(settings.kav_drain_sec, orders.now)
    logger.warning("stopped")


def _watched(settings: Settings, orders: Orders, post: Post | None) -> AbstractContextManager[None]:
    """Not before the doors are open: models take their time."""
    name = "stuck.txt" if post is None else f"stuck-{post.number}.txt"
    # Told to end now, it is gone soon anyhow, and by the same timer.
    return watched(settings.kav_watchdog_sec, settings.kav_data / name, given_up=orders.now.is_set)


@asynccontextmanager
async def bridge(
    settings: Settings,
    tell: Tell,
    certificate: Certificate | None = None,
    post: Post | None = None,
) -> "AsyncGenerator[tuple[Addresses, Gate]]":
    """A whole bridge, from its settings to its open doors. Raises `BadSettings`."""
    profile = read_profile(settings)
    if post is None:
        _check_doors(settings)
    async with AsyncExitStack() as stack:
        # Nothing that start-up makes is garbage: to look through it time and again takes 0.2 s.
        gc.disable()
        stack.callback(gc.enable)
        speech = await stack.enter_async_context(speech_near(settings, profile, tell))
        from bridge import twilio_media  # noqa: F401 - a door's, not to be garbage either
        from bridge.asterisk import pbx_beside
        from bridge.equipment import equip
        from bridge.gate import Gate
        from bridge.office import open_office
        from bridge.switchboard import Switchboard
        from bridge.tracefiles import TraceFiles

        store = await _store(settings, stack, post)
        pbx = await stack.enter_async_context(pbx_beside(settings))
        recorder = await _recorder(settings, pbx, stack)
        office = await open_office(_office_of(settings, post), profile, store, stack, recorder)
        equipment = await equip(settings, profile, speech, office, stack, tell)
        traces = TraceFiles(settings.kav_data / "traces")
        stack.callback(traces.close)
        switchboard = Switchboard(
            equipment, traces, most=settings.kav_max_calls, trace_text=settings.kav_trace_text
        )
        gate = Gate(switchboard)
        gc.collect()
        gc.freeze()  # later collections need not look at it either
        gc.enable()
        placed_ended = store.records.placed_ended
        doors = listening(settings, gate, certificate, post, placed_ended, pbx)
        async with doors as addresses:
            yield addresses, gate


@asynccontextmanager
async def listening(
    settings: Settings,
    gate: "Gate",
    certificate: Certificate | None = None,
    post: Post | None = None,
    placed_ended: "PlacedEnded | None" = None,
    pbx: "AsteriskPbx | None" = None,
) -> AsyncGenerator[Addresses]:
    """Both doors open. Raises `BadSettings` when one is taken."""
    from bridge import audiosocket
    from bridge.audiosocket.register import Register
    from bridge.notes import NotesInFiles
    from bridge.ticker import Ticker

    ticker = Ticker()
    others = None if post is None else NotesInFiles(post.shared, "audiosocket")
    async with AsyncExitStack() as stack:
        host, port = settings.kav_audiosocket_host, settings.kav_audiosocket_port
        with _door("AUDIOSOCKET", host, port):
            asterisk = await stack.enter_async_context(
                audiosocket.serve(
                    gate.open_call,
                    host=host,
                    port=port,
                    pbx=pbx,
                    allow=settings.kav_audiosocket_allow,
                    ticker=ticker,
                    heartbeat=settings.heartbeat_sec,
                    share_port=post is not None,
                    register=Register(others),
                    opened=gate.listeners.append,
                )
            )
        http = await _serve_http(settings, gate, ticker, stack, certificate, post, placed_ended)
        yield Addresses(asterisk, http)


async def _serve_http(
    settings: Settings,
    gate: "Gate",
    ticker: "Ticker",
    stack: AsyncExitStack,
    certificate: Certificate | None,
    post: Post | None,
    placed_ended: "PlacedEnded | None",
) -> tuple[str, int]:
    app = _http_door(settings, gate, ticker, certificate, post, placed_ended)
    runner = await _running(app, stack)
    await _listen(runner, settings, certificate, share_port=post is not None)
    address = runner.addresses[0]
    return address[0], address[1]


def _http_door(
    settings: Settings,
    gate: "Gate",
    ticker: "Ticker",
    certificate: Certificate | None,
    post: Post | None,
    placed_ended: "PlacedEnded | None",
) -> "web.Application":
    from aiohttp import web

    from bridge.twilio_media import add_routes, unrecorded

    app = web.Application(middlewares=[gate.answer])
    add_routes(
        app,
        open_call=gate.open_call,
        ticker=ticker,
        settings=_twilio_settings(settings, "http" if certificate is None else "https"),
        # A closed gate is a full house: callers hear that the line is busy.
        live_calls=lambda: settings.kav_max_calls if gate.why_closed else gate.live_calls,
        takes_none=lambda: gate.all_told,
        shared=None if post is None else post.shared,
        placed_ended=placed_ended or unrecorded,
    )
    return app


def _twilio_settings(settings: Settings, scheme: str) -> "TwilioSettings":
    from bridge.twilio_media import TwilioSettings

    token, old_token = settings.twilio_auth_token, settings.twilio_auth_token_old
    fallback = settings.kav_twilio_fallback
    here = f"{scheme}://{settings.kav_http_host}:{settings.kav_http_port}"
    return TwilioSettings(
        public_url=settings.kav_public_url or here,
        auth_token=token.get_secret_value() if token else None,
        heartbeat=settings.heartbeat_sec,
        max_calls=settings.kav_max_calls,
        old_auth_token=old_token.get_secret_value() if old_token else None,
        account=settings.twilio_account_sid,
        transfers=settings.transfers(),
        fallback=fallback.get_secret_value() if fallback else "",
        paths=[_named_path(one) for one in settings.kav_twilio_paths],
    )


async def _running(app: "web.Application", stack: AsyncExitStack) -> "web.AppRunner":
    from aiohttp import web

    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _listen(
    runner: "web.AppRunner",
    settings: Settings,
    certificate: Certificate | None,
    *,
    share_port: bool,
) -> None:
    from aiohttp import web

    host, port = settings.kav_http_host, settings.kav_http_port
    context = None if certificate is None else certificate.context
    site = web.TCPSite(runner, host, port, ssl_context=context, reuse_port=share_port)
    with _door("HTTP", host, port):
        await site.start()


def _named_path(told: str) -> tuple[str, str]:
    name, _, path = told.partition("=")
    return name, path


async def _store(settings: Settings, stack: AsyncExitStack, post: Post | None) -> "Store":
    from engine.store.opening import open_store

    older = settings.kav_data / "appointments.jsonl"
    try:
        settings.kav_data.mkdir(parents=True, exist_ok=True)
        opening = open_store(
            settings.database(),
            older=older,
            tells=settings.kav_webhook_url is not None,
            several=post is not None,
        )
        store = await stack.enter_async_context(opening)
        alone = post is None or post.begins  # no other process has live calls
        left = await store.records.reconcile() if alone else 0
    except (StoreBroken, StoreFailed, OSError) as error:
        raise BadSettings(f"KAV_DATABASE: {error}") from None
    if left:
        logger.warning("calls_left_open", extra={"facts": {"calls": left}})
    return store


async def _recorder(
    settings: Settings, pbx: "AsteriskPbx | None", stack: AsyncExitStack
) -> "Recorder | None":
    if not settings.kav_record:
        return None
    from bridge.recording import open_recorder

    return await stack.enter_async_context(open_recorder(settings, pbx))


def _check_doors(settings: Settings) -> None:
    """Before the models are loaded, which takes a while."""
    if settings.kav_public_url.startswith("https://") and settings.twilio_auth_token is None:
        raise BadSettings(
            "KAV_PUBLIC_URL is set, so TWILIO_AUTH_TOKEN is needed: "
            "without it anybody who finds that address could place calls"
        )
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
    url = f"{'https' if settings.kav_tls_cert else 'http'}://{http}"
    signed = "checked" if settings.twilio_auth_token else "not checked (no TWILIO_AUTH_TOKEN)"
    return f"""
Kav answers calls.
  AudioSocket (Asterisk)        {asterisk}
  Twilio webhooks and media     {url}/twilio/voice, signatures {signed}
  health                        {url}/version
  traces of calls               {settings.kav_data / "traces"}

Three ways to call it, each from another terminal:
  make call                     a phone in the terminal: type what you want to say
  make phone                    a real Asterisk for a softphone; it prints the account
  a Twilio number               kav twilio setup --number +… points it at KAV_PUBLIC_URL
Ctrl-C ends it."""


def _tell(text: str) -> None:
    print(text, flush=True)


def _quietly(text: str) -> None:
    pass


# Several processes.


async def _run_workers(settings: Settings, count: int, tell: Tell) -> int:
    """Raises `BadSettings`."""
    if settings.database().startswith("sqlite"):
        raise BadSettings(
            f"--workers {count} needs PostgreSQL: SQLite is for one process; "
            "set KAV_DATABASE to postgresql://USER:PASSWORD@HOST/NAME"
        )
    read_certificate(settings)
    read_profile(settings)
    _check_doors(settings)
    with ExitStack() as stack:
        settings = _with_reserved_ports(settings, stack)
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kav-")))
        crew = Crew(count, _work_loudly if tell is _tell else _work_quietly, settings, shared)
        obey_signals(crew.order, signal.SIGINT, signal.SIGTERM)
        if settings.kav_tls_cert is not None:
            obey_signals(crew.order, signal.SIGHUP)
        return await crew.run()


def _with_reserved_ports(settings: Settings, stack: ExitStack) -> Settings:
    """The ports that the workers will share; nobody is heard on them before."""
    ports = {}
    for name in ("audiosocket", "http"):
        host, field = getattr(settings, f"kav_{name}_host"), f"kav_{name}_port"
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        reserved = stack.enter_context(socket.socket(family))
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, getattr(settings, field)))
        ports[field] = reserved.getsockname()[1]
    return settings.model_copy(update=ports)


def _work_loudly(post: Post) -> None:
    _work(post, _tell if post.tells else _quietly)


def _work_quietly(post: Post) -> None:
    _work(post, _quietly)


def _work(post: Post, tell: Tell) -> None:
    """The life of a worker, in a process of its own."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    log.set_up(post.settings.kav_log, post.settings.kav_log_level)
    try:
        uvloop.run(_serve_post(post, tell))
    except BadSettings as error:
        print(f"kav: {error}", file=sys.stderr)
        sys.exit(2)


async def _serve_post(post: Post, tell: Tell) -> None:
    certificate = read_certificate(post.settings)
    orders = Orders(_renewing(certificate))
    obey_parent(orders.take, post.parent)
    await _serve(post.settings, tell, orders, certificate, post)


def _renewing(certificate: Certificate | None) -> Callable[[], None]:
    return (lambda: None) if certificate is None else certificate.renew


def _office_of(settings: Settings, post: Post | None) -> Settings:
    """What was written down is told by one worker: two would tell it twice, out of order."""
    if post is None or post.tells:
        return settings
    return settings.model_copy(update={"kav_webhook_url": None, "kav_webhook_secret": None})
