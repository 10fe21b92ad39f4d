"""A call to somebody through the PBX: placed once, by AMI, and followed until it is known what
became of it.

Whether the call may be placed is not decided here."""

import asyncio
import logging
import re
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from bridge.audiosocket.ami import Ami, OutcomeUnknown, Told
from bridge.outbound import Outcome

log = logging.getLogger(__name__)

CONTEXT = "kav-out"
"""Of the dialplan: where an answered call goes on. It tells by
`UserEvent(KavOut,UUID: …,Status: ${AMDSTATUS})` who answered."""
MACHINE_LIMIT = 12.0
"""Seconds for that, after the answer."""
MARGIN = 5.0
"""Seconds, after the phone has rung for as long as it may, for Asterisk to say so."""
CAUSE_LIMIT = 0.3
"""Seconds for the event that tells why a call failed; it may come before or after the failure, and
not at all if there never was a channel."""

_CHANNEL = re.compile(r"[A-Za-z0-9]+/[+A-Za-z0-9@_-]{1,80}")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_HEARD: dict[str, Outcome] = {"HUMAN": "person", "MACHINE": "machine", "NOTSURE": "unknown"}
_REASONS: dict[str, Outcome] = {"3": "no answer", "5": "busy"}
"""Of OriginateResponse (AST_CONTROL_RINGING, AST_CONTROL_BUSY)."""
_CAUSES: dict[str, Outcome] = {"17": "busy", "18": "no answer", "19": "no answer", "21": "busy"}
"""Q.850; 21 is a call that was pushed away."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What is dialed."""

    channel: str
    """As `PJSIP/+97235550100@trunk`."""
    callee: str
    """The number that is called,"""
    caller: str
    """and the one that is seen there."""
    ring: float
    """Seconds that it may ring."""
    longest: int
    """Seconds that the call may last; the dialplan keeps to it."""
    call: UUID = field(default_factory=uuid4)
    """The call's id at the bridge, and Asterisk's own id of the channel: the same is not placed
    twice."""

    def __post_init__(self) -> None:
        # Either would get a variable, or a channel, of its own in by a comma or an ampersand.
        numbers = _NUMBER.fullmatch(self.callee) and _NUMBER.fullmatch(self.caller)
        if not (_CHANNEL.fullmatch(self.channel) and numbers):
            raise ValueError("a channel as PJSIP/NUMBER@TRUNK and two numbers are expected")

    @property
    def variables(self) -> str:
        """Of the dialplan."""
        told = {
            "KAV_UUID": self.call,
            "KAV_NUMBER": self.caller,
            "KAV_CALLEE": self.callee,
            "KAV_LONGEST": self.longest,
        }
        return ",".join(f"{name}={value}" for name, value in told.items())


class Dialing:
    """Follows one call, by the events of `ami`, which serves nobody else."""

    def __init__(self, ami: Ami, placement: Placement) -> None:
        self._ami = ami
        self._placement = placement
        self._id = str(placement.call)
        self._so_far: Outcome = "unknown"
        self._cause = ""
        self._answered = False
        self._limit = asyncio.timeout(placement.ring + MARGIN)
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        ami.on("OriginateResponse", self._hear_response)
        ami.on("UserEvent", self._hear_dialplan)
        ami.on("Hangup", self._hear_hangup)

    async def outcome(self) -> Outcome:
        """Places the call, once. Raises `AmiFailed` if there is none then. Of a call that may be
        there or not, and of one that was answered by nobody knows whom, it is `unknown`."""
        try:
            async with self._limit:
                await self._place()
                return await self._outcome
        except TimeoutError:
            return self._so_far

    async def hang_up(self) -> None:
        """Raises `AmiFailed`."""
        await self._ami.ask("Hangup", Channel=self._id)

    async def _place(self) -> None:
        placement = self._placement
        self._ami.on_connected = self._look_for_it
        try:
            await self._ami.ask(
                "Originate",
                ActionID=self._id,
                Channel=placement.channel,
                ChannelId=self._id,
                CallerID=placement.caller,
                Context=CONTEXT,
                Exten="s",
                Priority="1",
                Timeout=str(round(1000 * placement.ring)),
                Variable=placement.variables,
                Async="true",
            )
        except OutcomeUnknown:
            log.warning("dial_in_the_dark", extra={"call": self._id})

    async def _look_for_it(self, ami: Ami) -> None:
        """After a lost connection."""
        rows = await ami.rows("CoreShowChannels")
        ours = [row for row in rows if row.get("uniqueid") == self._id]
        if not ours:
            self._settle("unknown")
        elif ours[0].get("channelstatedesc") == "Up":
            self._answer()

    def _answer(self) -> None:
        self._answered = True
        self._wait_no_longer_than(MACHINE_LIMIT)

    def _wait_no_longer_than(self, seconds: float) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + seconds)

    def _settle(self, outcome: Outcome) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def _hear_response(self, told: Told) -> None:
        if told.get("actionid") != self._id:
            return
        if told.get("response") == "Success":
            self._answer()
            return
        self._so_far = _REASONS.get(told.get("reason", ""), "failed")
        if self._cause:
            self._settle(_CAUSES.get(self._cause, self._so_far))
        else:
            self._wait_no_longer_than(CAUSE_LIMIT)

    def _hear_dialplan(self, told: Told) -> None:
        if told.get("userevent") == "KavOut" and told.get("uuid") == self._id:
            self._settle(_HEARD.get(told.get("status", ""), "unknown"))

    def _hear_hangup(self, told: Told) -> None:
        if told.get("uniqueid") != self._id:
            return
        self._cause = told.get("cause", "")
        if self._answered:
            self._settle("unknown")  # gone before anybody could tell who it was
        elif self._so_far != "unknown":
            self._settle(_CAUSES.get(self._cause, self._so_far))
