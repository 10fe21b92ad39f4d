"""A call that the agent places by Twilio: let through by the rules, noted down, placed once, and
followed until it is known who answered."""

import asyncio
from contextlib import suppress
from datetime import datetime

from bridge.outbound import (
    Allowed,
    History,
    NotAllowed,
    OutboundRequest,
    OutboundRules,
    Outcome,
    Refused,
    checked,
    decide,
)
from bridge.twilio_media.rest import (
    RING_SECONDS,
    Callbacks,
    TwilioControl,
    TwilioFailed,
    Unsure,
)
from engine.store.outbound import OutboundCalls

LOOK = 2.0
"""Seconds between two looks at the call."""
PATIENCE = RING_SECONDS + 60.0
"""Seconds until it must be known: it rings, and then Twilio listens for 30 at most."""


async def dial(
    control: TwilioControl,
    calls: OutboundCalls,
    request: OutboundRequest,
    rules: OutboundRules,
    *,
    now: datetime,
    caller_id: str,
    callbacks: Callbacks,
    look: float = LOOK,
) -> Outcome:
    """Who answered, if anybody; the conversation goes on. Raises `NotAllowed`, `TwilioFailed`,
    `StoreFailed`: there is no call then, unless it is `Unsure`."""
    decision = decide(request, rules, History(), now)
    if isinstance(decision, Refused):
        raise NotAllowed(decision.why)
    key = await calls.place(request.number, request.consent, checked(request, rules, now))
    call = await _placed(control, calls, key, decision, caller_id, callbacks)
    await calls.on_line(key, call)
    outcome: Outcome = "unknown"
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                outcome = await _outcome(control, call, look)
    except asyncio.CancelledError:
        outcome = "canceled"
        with suppress(TwilioFailed):
            await control.hang_up(call)
        raise
    finally:
        await calls.ended(key, outcome)
    return outcome


async def _placed(
    control: TwilioControl,
    calls: OutboundCalls,
    key: int,
    allowed: Allowed,
    caller_id: str,
    callbacks: Callbacks,
) -> str:
    try:
        return await control.place(allowed, caller_id=caller_id, callbacks=callbacks)
    except TwilioFailed as error:
        await calls.ended(key, "unknown" if isinstance(error, Unsure) else "failed")
        raise


async def _outcome(control: TwilioControl, call: str, look: float) -> Outcome:
    while True:
        with suppress(TwilioFailed):  # to look again has no effect
            status = await control.status(call)
            outcome = "failed" if status is None else status.outcome
            if outcome is not None:
                return outcome
        await asyncio.sleep(look)
