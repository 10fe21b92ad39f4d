"""Asterisk as the PBX beside the AudioSocket door, asked by AMI: who calls, transfer, hang-up,
keys, the way to the phone.

It names channels only as Asterisk has named them, and targets only as they are configured.
"""

import asyncio
import logging
import math
import re
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from bridge.audiosocket.ami import TIMES, Account, Ami, AmiFailed, Refused, Times, Told
from bridge.audiosocket.pbx import PbxFailed, UnknownCall
from bridge.audiosocket.way import Way
from engine.ports import Back, CallFacts

log = logging.getLogger(__name__)

FACTS_LIMIT = 1.0
"""Seconds in which it is known who calls, or never."""
EVENT_LIMIT = 0.3
"""Seconds for the dialplan's event, which comes within milliseconds of the socket; after that the
PBX is asked: the event came while there was no connection."""
FIRST_LIMIT = 5.0
"""Seconds that the first connection may hold up whoever opens this."""
MOST_CALLS = 2000
TRANSFER_CONTEXT = "kav-transfer"
NORMAL_CLEARING = "16"
"""Q.850."""
TAPE_LIMIT = 2.0
"""Seconds for the dialplan to begin or to delete a recording."""
TAPE_FEATURE, TAPE_KEY = "kav-tape", "A"
"""What a call that can be recorded has among its features (features.conf), and its key there."""

_BACK: dict[str, Back] = {"dropped": "dropped", "unanswered": "unanswered"}
_NO_CHANNEL = re.compile(r"(?i)no such channel|channel (does not exist|not found)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Not beginning with a slash: to AMI's Hangup that would be a pattern, for any number of channels.
_CHANNEL = re.compile(r"[A-Za-z0-9_]+/[^\x00-\x20,&|]{1,200}")
_NUMBER = re.compile(r"[+0-9A-Za-z*#._-]{1,64}")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_DIGITS = re.compile(r"[0-9*#A-D]{1,32}")


@dataclass(slots=True)
class _Leg:
    """The caller's own channel."""

    channel: str
    facts: CallFacts
    way: Way = field(default_factory=Way)
    lost: int = 0
    """Packets of ours that did not arrive, as the far end told last."""


class AsteriskPbx:
    """`bridge.audiosocket.pbx.Pbx`. Made by `open_pbx`."""

    def __init__(self, ami: Ami, transfers: Collection[str] = ()) -> None:
        for key in transfers:
            if not _KEY.fullmatch(key):
                raise ValueError(f"{key!r} is no transfer key: lower-case letters, digits, - and _")
        self.transfers = frozenset(transfers)
        self._ami = ami
        self._legs: dict[str, _Leg] = {}
        """By Asterisk's own id of the channel, oldest first."""
        self._calls: dict[UUID, str] = {}
        """That id."""
        self._fresh: set[UUID] = set()
        """Announced, and not asked for yet: a call that comes back is announced again."""
        self._news = asyncio.Event()
        """A call has been announced; each such event is used once."""
        self._tapes: dict[str, asyncio.Future[None]] = {}
        """By the call and what is asked of its dialplan: done, when it is."""

    async def facts(self, call: UUID) -> CallFacts:
        try:
            async with asyncio.timeout(FACTS_LIMIT):
                if not await self._announced(call):
                    await self._look_around()
        except TimeoutError:
            raise PbxFailed(f"who calls: no answer in {FACTS_LIMIT:g} s") from None
        self._fresh.discard(call)
        return self._leg(call).facts

    async def transfer(self, call: UUID, key: str) -> None:
        if key not in self.transfers:
            raise PbxFailed(f"transfer: {key!r} is not configured")
        channel = self._leg(call).channel
        target = {"Context": TRANSFER_CONTEXT, "Exten": key, "Priority": "1"}
        await self._ask("Redirect", Channel=channel, **target)

    async def hang_up(self, call: UUID, why: str) -> None:
        channel = self._leg(call).channel
        # Should our socket be faster than the hang-up: the end is meant, and no loss after which
        # the dialplan would bring the caller back to us.
        await self._ask("Setvar", Channel=channel, Variable="KAV_OVER", Value="1")
        await self._ask("Hangup", Channel=channel, Cause=NORMAL_CLEARING)
        log.info("pbx_hung_up", extra={"call": str(call), "facts": {"why": why}})

    async def version(self) -> str:
        """Of Asterisk; empty if it does not tell. Raises `PbxFailed`."""
        return (await self._ask("CoreSettings")).get("asteriskversion", "")

    async def press(self, call: UUID, digits: str) -> None:
        """Keys towards the caller, one after the other. Raises `PbxFailed`."""
        if not _DIGITS.fullmatch(digits):
            raise PbxFailed("keys are 0 to 9, *, #, A to D, 32 at most")
        channel = self._leg(call).channel
        for digit in digits:
            await self._ask("PlayDTMF", Channel=channel, Digit=digit)

    async def sent(self, call: UUID) -> int:
        """Packets that have left Asterisk for the caller: what we wrote, less what it threw away.
        Raises `PbxFailed`."""
        variable = "CHANNEL(rtcp,txcount)"
        told = await self._ask("Getvar", Channel=self._leg(call).channel, Variable=variable)
        try:
            return int(told.get("value", ""))
        except ValueError:
            raise PbxFailed(f"{variable}: not a number") from None

    async def record(self, call: UUID) -> None:
        """Both sides, into a file of Asterisk's that is named by the UUID, as long as the caller is
        with us. Raises `PbxFailed`."""
        await self._tape(call, "start")

    async def unrecord(self, call: UUID) -> None:
        """Ends that, and deletes the file. Raises `PbxFailed`."""
        await self._tape(call, "erase")

    async def _tape(self, call: UUID, what: str) -> None:
        """The dialplan does it, for a key that is pressed on the caller's behalf: by AMI it would
        take the right to write any file (MixMonitor is of class `system`)."""
        channel = self._leg(call).channel
        told = await self._ask("Getvar", Channel=channel, Variable="DYNAMIC_FEATURES")
        if TAPE_FEATURE not in told.get("value", "").split("#"):
            # Without it the key would reach us as one of the caller's.
            raise PbxFailed("the dialplan does not record this call")
        name = f"{call} {what}"
        self._tapes[name] = done = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(TAPE_LIMIT):
                await self._ask("Setvar", Channel=channel, Variable="KAV_TAPE", Value=what)
                await self._ask("PlayDTMF", Channel=channel, Digit=TAPE_KEY, Receive="true")
                await done
        except TimeoutError:
            raise PbxFailed(f"{what} a recording: nothing within {TAPE_LIMIT:g} s") from None
        finally:
            del self._tapes[name]

    def way(self, call: UUID) -> float | None:
        leg = self._legs.get(self._calls.get(call, ""))
        return None if leg is None else leg.way.seconds(asyncio.get_running_loop().time())

    # Asking.

    def _leg(self, call: UUID) -> _Leg:
        leg = self._legs.get(self._calls.get(call, ""))
        if leg is None:
            raise UnknownCall(f"the PBX has no call {call}")
        return leg

    async def _ask(self, action: str, **headers: str) -> Told:
        try:
            return await self._ami.ask(action, **headers)
        except Refused as refusal:
            if _NO_CHANNEL.search(str(refusal)):
                raise UnknownCall(str(refusal)) from None
            raise PbxFailed(str(refusal)) from None
        except AmiFailed as failure:
            raise PbxFailed(str(failure)) from None

    async def _announced(self, call: UUID) -> bool:
        try:
            async with asyncio.timeout(EVENT_LIMIT):
                while call not in self._fresh:
                    if not self._ami.connected:
                        return False
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def refresh(self, ami: Ami) -> None:
        """After a login: what has begun and ended in between."""
        try:
            await self._look_around()
        except PbxFailed as failure:
            log.warning("ami_cannot_list_calls", extra={"facts": {"why": str(failure)}})

    async def _look_around(self) -> None:
        """All calls that are with us now, whether or not they were announced to us."""
        known = list(self._legs)
        try:
            rows = await self._ami.rows("CoreShowChannels")
        except AmiFailed as failure:
            raise PbxFailed(str(failure)) from None
        live = {row.get("uniqueid") for row in rows}
        for gone in known:  # not of those that were announced since: the list is older
            if gone not in live:
                self._forget(gone)
        for call, row in with_us(rows):
            if call not in self._calls:
                self._keep(call, row, "", outbound=False)

    # Events.

    def hear_user_event(self, event: Told) -> None:
        """The dialplan brings a call, `UserEvent(BridgeCall,UUID: …,Back: …,Placed: …)`, or has
        done what was asked of its recording, `UserEvent(KavTape,UUID: …,Did: …)`."""
        match event.get("userevent"):
            case "BridgeCall":
                self._hear_call(event)
            case "KavTape":
                done = self._tapes.get(f"{event.get('uuid')} {event.get('did')}")
                if done is not None and not done.done():
                    done.set_result(None)

    def _hear_call(self, event: Told) -> None:
        told = event.get("uuid", "")
        if not _UUID.fullmatch(told):
            log.warning("AMI: a BridgeCall without a UUID")
            return
        # Neither is anything that a caller says: our dialplan alone sets them.
        back, outbound = _BACK.get(event.get("back", ""), ""), event.get("placed") == "yes"
        self._keep(UUID(told), event, back, outbound=outbound)
        self._fresh.add(UUID(told))
        self._news.set()
        self._news = asyncio.Event()

    def hear_hangup(self, event: Told) -> None:
        self._forget(event.get("uniqueid", ""))

    def hear_report(self, event: Told) -> None:
        """RTCP of the far end. Of one that has not heard from us yet (LSR 0) nothing is known."""
        leg = self._legs.get(event.get("uniqueid", ""))
        if leg is None or _number(event.get("report0lsr", "")) == 0:
            return
        now = asyncio.get_running_loop().time()
        trip, jitter = _number(event.get("rtt", "")), _number(event.get("report0iajitter", ""))
        leg.way.report(now, round_trip=trip, jitter=jitter)
        leg.lost = int(_number(event.get("report0cumulativelost", "")))

    def _keep(self, call: UUID, told: Told, back: Back, *, outbound: bool) -> None:
        channel, unique = told.get("channel", ""), told.get("uniqueid", "")
        if not (_CHANNEL.fullmatch(channel) and unique):
            log.warning("AMI: a call without a channel", extra={"call": str(call)})
            return
        facts = CallFacts(
            str(call),
            "audiosocket",
            caller=_shown(told.get("calleridnum", "")),
            called=_shown(told.get("exten", "")),
            back=back,
            outbound=outbound,
        )
        if len(self._legs) >= MOST_CALLS and unique not in self._legs:
            self._forget(next(iter(self._legs)))
        if (known := self._legs.get(unique)) is not None:
            self._let_go(known, unique)
        self._legs[unique] = _Leg(channel, facts, known.way if known else Way())
        self._calls[call] = unique

    def _forget(self, unique: str) -> None:
        leg = self._legs.pop(unique, None)
        if leg is None:
            return
        self._let_go(leg, unique)
        self._log_way(leg)

    def _let_go(self, leg: _Leg, unique: str) -> None:
        """Unless the call has another channel by now."""
        call = UUID(leg.facts.id)
        if self._calls.get(call) == unique:
            self._fresh.discard(call)
            del self._calls[call]

    def _log_way(self, leg: _Leg) -> None:
        now = asyncio.get_running_loop().time()
        way, trip = leg.way.seconds(now), leg.way.round_trip(now)
        measured: dict[str, object] = {"way": "assumed"}
        if way is not None and trip is not None:
            measured = {
                "way": "measured",
                "way_ms": round(1000 * way),
                "round_trip_ms": round(1000 * trip, 1),
                "jitter_ms": round(1000 * leg.way.jitter, 1),
                "lost": leg.lost,
            }
        log.info("LINE_WAY", extra={"call": leg.facts.id, "facts": measured})


def with_us(rows: Iterable[Told]) -> list[tuple[UUID, Told]]:
    """The callers' own channels among all, and their UUIDs, in both forms of the dialplan:
    `AudioSocket(UUID,…)` and `Dial(AudioSocket/…/UUID/…)`."""
    found: list[tuple[UUID, Told]] = []
    for row in rows:
        runs, arguments = row.get("application", ""), row.get("applicationdata", "")
        ours = runs == "AudioSocket" or (runs == "Dial" and arguments.startswith("AudioSocket/"))
        told = _UUID.search(arguments)
        if ours and told:
            found.append((UUID(told[0]), row))
    return found


def _shown(number: str) -> str:
    """What a caller may write here himself: a number or a short name, or nothing."""
    return number if _NUMBER.fullmatch(number) else ""


def _number(told: str) -> float:
    try:
        number = float(told)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


@asynccontextmanager
async def open_pbx(
    account: Account, *, transfers: Collection[str] = (), times: Times = TIMES
) -> AsyncGenerator[AsteriskPbx]:
    """The PBX, as long as the context is open. An Asterisk that is down is waited for in the
    background: calls are taken meanwhile, with nothing known of them.

    `transfers`: the keys that the dialplan has in its context `kav-transfer`. Raises `ValueError`
    if one cannot be."""
    ami = Ami(account, times)
    pbx = AsteriskPbx(ami, transfers)
    ami.on("UserEvent", pbx.hear_user_event)
    ami.on("Hangup", pbx.hear_hangup)
    ami.on("RTCPReceived", pbx.hear_report)
    ami.on_connected = pbx.refresh
    async with ami:
        # Callers who are waiting for us to come back are announced as soon as our door is open.
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LIMIT):
                await ami.tried()
        yield pbx
