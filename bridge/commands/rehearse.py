"""Call a running bridge with simulated phones, judge it at the caller's ear, and say so.

What it must be up to: it stops when a caller interrupts, goes on when it was only a cough, answers
in time, keeps up long calls. Every check has its bar; `--list` names them. Nothing of the engine is
needed: any AudioSocket or Media Streams server can be rehearsed. What only the bridge can tell
(which words it took for heard, when it listens again) is read from its traces, if they are here.

  kav rehearse --quick                        a minute or two on AudioSocket
  kav rehearse --line all --report report     all three roads, with a page of pictures
  kav rehearse barge-in echo --line twilio    two checks on one road
  kav rehearse --full --line audiosocket      as often as the bars ask for: half an hour

It needs the local voice, and a quiet machine: the callers measure their own timers, and a bar that
is missed while they were late is not held against the bridge.

Exit code 0: every bar that could be judged was met. 1: one was missed. 2: asked wrongly, or nothing
answers there.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from bridge.commands.call import START
from bridge.lab import AsteriskFailed
from bridge.rehearsal import own_bridge
from bridge.rehearsal.callers import Area, Cast
from bridge.rehearsal.checks import CHECKS, purpose
from bridge.rehearsal.own_bridge import Bridge
from bridge.rehearsal.phone import CallFailed
from bridge.rehearsal.results import Finding
from bridge.rehearsal.roads import LINES, Doors, Road, road
from bridge.rehearsal.runner import BUSY, lateness, rehearse, save, table
from bridge.rehearsal.stage import FULL, MEDIUM, QUICK, Plan, Stage, now_and_then
from bridge.rehearsal.told import Traces
from bridge.rehearsal.verdicts import Judged, ms, not_done
from bridge.settings import BadSettings, Settings, read_profile, read_settings
from engine.dialogue.hebrew import without_points
from engine.dialogue.profile import Language, Profile
from engine.ports import ProviderFailed, Recognizer
from engine.providers import local
from engine.receptionist import lexicon, spoken_forms

FETCH = Path(__file__).parents[2] / "asterisk" / "fetch"
CLOUD_CONVERSATIONS = 60
"""As many as 200 turns take: there is no local recognizer that they must share."""
Learn = Callable[[Mapping[str, bytes]], None]
PLANS = {"quick": QUICK, "medium": MEDIUM, "full": FULL}


class AskedWrongly(Exception):
    """The options do not fit together, or nothing answers."""


WRONG = (AskedWrongly, BadSettings, own_bridge.DidNotStart, ProviderFailed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("checks", nargs="*", metavar="CHECK", help="only these (all of them; see --list)")
    add("--list", action="store_true", help="name the checks")
    add("--line", choices=(*LINES, "all"), default="audiosocket", help="the road to the bridge")
    much = parser.add_mutually_exclusive_group()
    few, many = "a few times: a minute or two a road", "as often as the bars ask for"
    much.add_argument("--quick", action="store_const", const="quick", dest="plan", help=few)
    much.add_argument("--full", action="store_const", const="full", dest="plan", help=many)
    parser.set_defaults(plan="medium")
    add("--minutes", type=float, help="length of the long call (0.7, 2, 15)")
    add("--language", choices=("he", "en", "both"), default="both", help="what callers speak")
    add("--calls", type=int, default=6, metavar="N", help="calls at once (6)")
    add(
        "--rtt",
        type=float,
        default=0.0,
        metavar="MS",
        help="a slow network between: there and back",
    )
    add("--jitter", type=float, default=0.0, metavar="MS", help="and an uneven one")
    add("--seed", type=int, default=1, help="other moments to interrupt at")
    add("--report", type=Path, metavar="DIR", help="write report.html and the recordings there")
    add("--audiosocket", metavar="HOST:PORT", help="the AudioSocket server (as in the settings)")
    add("--url", help="twilio: the voice webhook or the stream (as in the settings)")
    add("--data", type=Path, metavar="DIR", help="the bridge's KAV_DATA (as in the settings)")
    add("--log", type=Path, metavar="FILE", help="the bridge's log in JSON (DATA/log.jsonl)")
    add("--own-bridge", action="store_true", help="start one for it, in DATA/rehearsal")
    add(
        "--cloud",
        action="store_true",
        help="its ears, voice and model are simulated: Google's and OpenAI's, with their latency",
    )


async def run(args: argparse.Namespace) -> int:
    if args.list:
        print("\n".join(f"{name:20}{purpose(name)}" for name in CHECKS))
        return 0
    try:
        settings = read_settings()
        checks = _checks(args.checks)
        _check_numbers(args)
        profile = read_profile(settings)
        judged = await _rehearse(args, settings, profile, checks)
    except WRONG as why:
        print(f"kav rehearse: {why}", file=sys.stderr)
        return 2
    findings = [one.finding for one in judged]
    print(f"\n{table(findings)}")
    if args.report:
        _report(args.report, judged)
    return exit_code(findings)


def exit_code(findings: Sequence[Finding]) -> int:
    return 1 if any(one.verdict == "failed" for one in findings) else 0


def _checks(named: Sequence[str]) -> list[str]:
    if unknown := [name for name in named if name not in CHECKS]:
        raise AskedWrongly(f"there is no check {unknown[0]!r}; kav rehearse --list names them")
    return [name for name in CHECKS if name in named or not named]


def _check_numbers(args: argparse.Namespace) -> None:
    if args.calls < 1:
        raise AskedWrongly(f"--calls {args.calls}: at least 1 expected")
    if args.rtt < 0 or args.jitter < 0:
        raise AskedWrongly("--rtt and --jitter: milliseconds, not less than 0")
    if args.minutes is not None and args.minutes <= 0:
        raise AskedWrongly(f"--minutes {args.minutes:g}: more than 0 expected")


async def _rehearse(
    args: argparse.Namespace, settings: Settings, profile: Profile, checks: Sequence[str]
) -> list[Judged]:
    async with AsyncExitStack() as stack:
        bridge, learn = await _bridge(args, settings, stack)
        await _answers(bridge.doors.audiosocket, args.line)
        speech = await local.load(
            cache=settings.kav_data / "cache",
            languages=profile.languages,
            lexicon=lexicon(profile),
            progress=_tell,
            whisper="accuracy" in checks and not bridge.in_clear,
        )
        stack.callback(speech.close)
        if speech.voice is None:
            raise AskedWrongly("nothing on this machine can speak: apt-get install espeak-ng")
        cast = Cast(speech.voice, _languages(args, profile))
        await cast.prepare(_areas(profile), now_and_then(_tell))
        learn(cast.spoken)

        def stage(way: Road) -> Stage:
            return _stage(way, args, cast, bridge, profile, speech.recognizer)

        folder = settings.kav_data / "asterisk"
        lines = LINES if args.line == "all" else (args.line,)
        return [
            one
            for line in lines
            for one in await _on(line, bridge.doors, folder, stage, checks, alone=len(lines) == 1)
        ]


async def _on(
    line: str,
    doors: Doors,
    asterisk_folder: Path,
    new_stage: Callable[[Road], Stage],
    checks: Sequence[str],
    *,
    alone: bool,
) -> list[Judged]:
    """One road; when it is not the only one, it may be missing."""
    try:
        if line == "sip":
            await _fetch_asterisk(asterisk_folder)
        async with road(line, doors, asterisk_folder) as way:
            stage = new_stage(way)
            judged = await rehearse(stage, checks)
    except (CallFailed, AsteriskFailed) as why:
        if alone:
            raise AskedWrongly(f"{why}; {START}") from None
        return [not_done("every check", line, str(why))]
    if (late := lateness(stage)) > BUSY:
        _tell(f"{line:12}the machine was too busy: callers' timers {ms(late)} late (p99)")
    return judged


def _stage(
    way: Road,
    args: argparse.Namespace,
    cast: Cast,
    bridge: Bridge,
    profile: Profile,
    recognizer: Recognizer | None,
) -> Stage:
    return Stage(
        way,
        cast,
        _plan(args),
        Traces(bridge.data),
        bridge.log,
        _tell,
        at_once=args.calls,
        rtt=args.rtt / 1000,
        jitter=args.jitter / 1000,
        seed=args.seed,
        recognizer=recognizer,
        phrases=tuple(without_points(form) for form in spoken_forms(profile)),
        areas=_areas(profile),
        far_speech=args.cloud,
    )


def _plan(args: argparse.Namespace) -> Plan:
    plan = PLANS[args.plan]
    if args.cloud and plan is FULL:
        plan = replace(plan, conversations=CLOUD_CONVERSATIONS)
    return plan if args.minutes is None else replace(plan, minutes=args.minutes)


def _languages(args: argparse.Namespace, profile: Profile) -> list[Language]:
    spoken = [it for it in profile.languages if args.language in (it, "both")]
    if not spoken:
        raise AskedWrongly(f"--language {args.language}: the profile does not speak it")
    return spoken


def _areas(profile: Profile) -> tuple[Area, ...]:
    """Wide ones give way to what else is said: nobody asks for them alone."""
    areas = [area for area in profile.choices.get("area", ()) if not area.wide]
    hebrew = [Area("he", it.he_in, (it.he, it.he_in)) for it in areas]
    english = [Area("en", it.en, (it.en,)) for it in areas]
    return (*hebrew, *english)


async def _bridge(
    args: argparse.Namespace, settings: Settings, stack: AsyncExitStack
) -> tuple[Bridge, Learn]:
    """Also, who must be told what the callers will say."""
    if args.own_bridge:
        folder = (args.data or settings.kav_data) / "rehearsal"
        cache = settings.kav_data / "cache"
        more, learn = await _cloud(stack) if args.cloud else ({}, _not_at_all)
        running = own_bridge.running(folder, cache, more)
        return await stack.enter_async_context(running), learn
    if args.cloud:
        raise AskedWrongly("--cloud is for a bridge that is started for it: --own-bridge")
    host, port = settings.kav_audiosocket_host, settings.kav_audiosocket_port
    if args.audiosocket:
        host, port = _address(args.audiosocket)
    data = args.data or settings.kav_data
    log = args.log or data / "log.jsonl"
    if args.log and not args.log.is_file():
        raise AskedWrongly(f"--log: there is no file {args.log}")
    doors = _doors(args.url, settings, (host, port))
    kept = log if log.is_file() else None
    return Bridge(doors, data, kept, in_clear=settings.kav_trace_text), _not_at_all


async def _cloud(stack: AsyncExitStack) -> tuple[dict[str, str], Learn]:
    """Settings with which a bridge uses it. Imported here: it takes seconds, and may be missing."""
    try:
        stand_ins = import_module("bridge.rehearsal.stand_ins")
    except ImportError as missing:
        raise AskedWrongly(f"{missing.name} is not installed: run tools/setup cloud") from None
    listener = stand_ins.Listener()
    return await stack.enter_async_context(stand_ins.cloud(listener)), listener.learn


def _not_at_all(_: Mapping[str, bytes]) -> None: ...


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise AskedWrongly(f"--audiosocket {text}: HOST:PORT expected")
    return host, int(port)


def _doors(url: str | None, settings: Settings, audiosocket: tuple[str, int]) -> Doors:
    token = settings.twilio_auth_token
    here = f"{settings.kav_http_host}:{settings.kav_http_port}"
    public = settings.kav_public_url if token else ""
    return Doors(
        audiosocket,
        url or f"{public or f'http://{here}'}/twilio/voice",
        twilio_at=here if public and not url else None,
        auth_token=token.get_secret_value() if token else None,
        account=settings.twilio_account_sid,
    )


async def _answers(address: tuple[str, int], line: str) -> None:
    """Said before the models are loaded, which takes a while."""
    if line == "twilio":
        return  # its first call says it soon enough
    try:
        async with asyncio.timeout(2.0):
            _, writer = await asyncio.open_connection(*address)
    except OSError:
        raise AskedWrongly(f"nothing listens on {address[0]}:{address[1]}; {START}") from None
    writer.close()


async def _fetch_asterisk(folder: Path) -> None:
    fetching = await asyncio.create_subprocess_exec(FETCH, folder, stdout=sys.stderr)
    if await fetching.wait():
        raise AsteriskFailed("Asterisk could not be fetched")


def _report(folder: Path, judged: Sequence[Judged]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    recordings = [one for result in judged for one in result.recordings]
    save(folder, recordings)
    try:
        report = import_module("bridge.rehearsal.report")
    except ImportError:
        print(f"The recordings are in {folder}.")
        return
    report.write(folder / "report.html", [one.finding for one in judged], recordings)
    print(f"The report is {folder / 'report.html'}.")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
