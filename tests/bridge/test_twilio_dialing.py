"""A call placed by Twilio, from the rules to its outcome in the store, against the stand-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.doubles.twilio_rest import (
    ACCOUNT,
    KEY,
    NUMBER,
    SECRET,
    Fault,
    TwilioDouble,
    TwilioScript,
    serve_twilio_rest,
)
from bridge.outbound import NotAllowed, OutboundRequest, OutboundRules, Outcome
from bridge.twilio_media.dialing import dial
from bridge.twilio_media.rest import (
    Callbacks,
    TwilioAccount,
    TwilioControl,
    TwilioFailed,
    Unsure,
    twilio_control,
)
from engine.store.opening import Store, open_store
from engine.store.tables import outbound_calls

NOON = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
REQUEST = OutboundRequest("+97235550199", "call-back form of 2026-11-20")
RULES = OutboundRules(enabled=True, prefixes=("+972",))
RINGS = (("queued", None), ("ringing", None), ("in-progress", None))
FIRST = "CA" + 31 * "0" + "1"


@dataclass(frozen=True, slots=True)
class Bench:
    twilio: TwilioDouble
    control: TwilioControl
    store: Store = field(repr=False)

    async def dial(
        self, request: OutboundRequest = REQUEST, rules: OutboundRules = RULES
    ) -> Outcome:
        return await dial(
            self.control,
            self.store.outbound,
            request,
            rules,
            now=NOON,
            caller_id=NUMBER,
            callbacks=Callbacks(
                "https://k.example/v", "https://k.example/f", "https://k.example/s"
            ),
            look=0.0,
        )

    async def kept(self) -> list[tuple[str | None, str | None]]:
        """Line and outcome of each call that was noted down."""
        columns = (outbound_calls.c.line_id, outbound_calls.c.outcome)
        async with self.store.bookings._database.reading() as connection:
            return [(row[0], row[1]) for row in await connection.execute(select(*columns))]


@asynccontextmanager
async def bench(folder: Path, script: TwilioScript) -> AsyncIterator[Bench]:
    address = f"sqlite:///{folder / 'kav.sqlite'}"
    async with (
        serve_twilio_rest(script) as twilio,
        twilio_control(TwilioAccount(ACCOUNT, KEY, SECRET, endpoint=twilio.base), {}) as control,
        open_store(address, clock=lambda: NOON) as store,
    ):
        yield Bench(twilio, control, store)


def test_a_call_is_followed_to_its_outcome(tmp_path: Path) -> None:
    ways: list[tuple[tuple[tuple[str, str | None], ...], Outcome]] = [
        ((*RINGS, ("in-progress", "human")), "person"),
        ((*RINGS, ("in-progress", "machine_end_beep")), "machine"),
        ((*RINGS, ("in-progress", "unknown")), "unknown"),
        ((*RINGS, ("completed", None)), "unknown"),
        ((*RINGS[:2], ("no-answer", None)), "no answer"),
        ((("busy", None),), "busy"),
        ((("failed", None),), "failed"),
    ]
    expected = [outcome for _, outcome in ways]
    progress = tuple(step for steps, _ in ways for step in steps)

    async def go() -> None:
        async with bench(tmp_path, TwilioScript(progress=progress)) as it:
            assert [await it.dial() for _ in ways] == expected
            assert await it.kept() == list(zip(it.twilio.calls, expected, strict=True))

    asyncio.run(go())


def test_a_look_that_fails_is_taken_again_and_the_call_is_not(tmp_path: Path) -> None:
    script = TwilioScript(
        progress=(("in-progress", "human"),), faults=(None, Fault.BROKEN, Fault.TOO_MANY)
    )

    async def go() -> None:
        async with bench(tmp_path, script) as it:
            assert await it.dial() == "person"
            assert [asked.method for asked in it.twilio.asked] == ["POST", "GET", "GET", "GET"]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (Fault.DISCONNECT, "unknown"),
        (Fault.BROKEN, "unknown"),
        (Fault.TOO_MANY, "failed"),
    ],
)
def test_a_call_that_cannot_be_placed_counts_and_is_not_tried_again(
    fault: Fault, kept: str, tmp_path: Path
) -> None:
    async def go() -> None:
        async with bench(tmp_path, TwilioScript(faults=(fault,))) as it:
            with pytest.raises(TwilioFailed) as failed:
                await it.dial()
            assert isinstance(failed.value, Unsure) == (kept == "unknown")
            assert await it.kept() == [(None, kept)]
            assert len(it.twilio.asked) == 1
            with pytest.raises(NotAllowed, match="1 calls in the last hour"):
                await it.dial(rules=replace(RULES, per_hour=1))

    asyncio.run(go())


def test_whom_the_rules_refuse_twilio_is_not_asked_to_call(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path, TwilioScript()) as it:
            await it.store.outbound.opt_out(REQUEST.number)
            with pytest.raises(NotAllowed, match="does not want"):
                await it.dial()
            with pytest.raises(NotAllowed, match="consent"):
                await it.dial(replace(REQUEST, consent=""))
            assert (it.twilio.asked, await it.kept()) == ([], [])

    asyncio.run(go())


def test_who_stops_waiting_hangs_up(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path, TwilioScript(progress=RINGS)) as it:
            dialing = asyncio.create_task(it.dial())
            await it.twilio.seen.until(lambda seen: seen.requests > 5)
            dialing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialing
            assert it.twilio.calls[FIRST]["status"] == "completed"
            assert await it.kept() == [(FIRST, "canceled")]

    asyncio.run(go())
