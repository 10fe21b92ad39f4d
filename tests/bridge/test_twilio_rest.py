"""Control by REST: the real client of Twilio against a server that speaks its API."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bridge.doubles.latency import Latency
from bridge.doubles.twilio_rest import (
    ACCOUNT,
    KEY,
    NUMBER,
    SECRET,
    Asked,
    Fault,
    TwilioDouble,
    TwilioScript,
    serve_twilio_rest,
)
from bridge.outbound import Allowed
from bridge.twilio_media.outcome import outcome
from bridge.twilio_media.rest import (
    Callbacks,
    CallStatus,
    NumberSetup,
    TwilioAccount,
    TwilioControl,
    TwilioFailed,
    Unsure,
    WrongCredentials,
    twilio_control,
)

UNKNOWN = "CA" + 32 * "f"
CALLEE = "+97235550199"
SALES = "+97235550177"
CALLBACKS = Callbacks(
    voice="https://kav.example/voice",
    fallback="https://kav.example/fallback",
    status="https://kav.example/status",
    answered_by="https://kav.example/answered_by",
)
LIMIT = 0.3


@dataclass(frozen=True, slots=True)
class Bench:
    twilio: TwilioDouble
    control: TwilioControl


@asynccontextmanager
async def bench(
    *faults: Fault | None, latency: Latency | None = None, limit: float = 10.0, **account: str
) -> AsyncIterator[Bench]:
    script = TwilioScript(faults=faults, latency=latency or Latency())
    async with serve_twilio_rest(script) as twilio:
        told = replace(TwilioAccount(ACCOUNT, KEY, SECRET, endpoint=twilio.base), **account)
        async with twilio_control(told, {"sales": SALES}, limit=limit) as control:
            yield Bench(twilio, control)


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


Action = Callable[[Bench, str], Awaitable[object]]
WITH_EFFECT: dict[str, Action] = {
    "hang up": lambda bench, call: bench.control.hang_up(call),
    "transfer": lambda bench, call: bench.control.transfer(call, "sales"),
    "digits": lambda bench, call: bench.control.send_digits(call, "1", then=CALLBACKS.voice),
    "record": lambda bench, call: bench.control.record(call),
    "stop recording": lambda bench, call: bench.control.stop_recording(call),
    "erase recordings": lambda bench, call: bench.control.erase_recordings(call),
    "place": lambda bench, _: bench.control.place(
        Allowed(CALLEE, 60), caller_id=NUMBER, callbacks=CALLBACKS
    ),
}
ON_A_LIVE_CALL = {
    name: action
    for name, action in WITH_EFFECT.items()
    if name not in ("place", "erase recordings")
}
READING: dict[str, Action] = {
    "status": lambda bench, call: bench.control.status(call),
    "number": lambda bench, _: bench.control.number(NUMBER),
}
EVERYTHING = WITH_EFFECT | READING
_OTHER = (Fault.GONE, Fault.NOT_IN_PROGRESS, Fault.STALL)
FAILURES = [one for one in Fault if one not in _OTHER]


@on_loop
async def test_a_call_is_hung_up_and_its_status_tells() -> None:
    async with bench() as it:
        call = it.twilio.call()
        assert await it.control.status(call) == CallStatus("in-progress", "", None)
        assert await it.control.hang_up(call)
        assert await it.control.status(call) == CallStatus("completed", "", 60)


@on_loop
async def test_a_caller_is_given_to_the_number_of_a_key() -> None:
    async with bench() as it:
        call = it.twilio.call()
        assert await it.control.transfer(call, "sales", action="https://kav.example/after")
        [asked] = it.twilio.asked
    assert asked.path == f"/Calls/{call}.json"
    assert asked.form["Twiml"] == (
        '<?xml version="1.0" encoding="UTF-8"?><Response>'
        f'<Dial action="https://kav.example/after" method="POST">{SALES}</Dial></Response>',
    )


@pytest.mark.parametrize("key", ["", "boss", SALES, "sales</Dial><Dial>+1900"])
@on_loop
async def test_what_is_no_key_is_not_dialed(key: str) -> None:
    async with bench() as it:
        with pytest.raises(TwilioFailed, match="no number is configured"):
            await it.control.transfer(it.twilio.call(), key)
        assert it.twilio.asked == []


@on_loop
async def test_digits_are_pressed_and_the_call_goes_on_where_it_is_told() -> None:
    async with bench() as it:
        await it.control.send_digits(it.twilio.call(), "12w#", then="https://kav.example/voice")
        [asked] = it.twilio.asked
    assert asked.form["Twiml"] == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Play digits="12w#" />'
        '<Redirect method="POST">https://kav.example/voice</Redirect></Response>',
    )


@pytest.mark.parametrize("digits", ["", "1" * 33, "1 2", '1"/><Dial>+1900', "١"])
@on_loop
async def test_what_are_no_digits_is_not_sent(digits: str) -> None:
    async with bench() as it:
        with pytest.raises(TwilioFailed, match="expected up to 32"):
            await it.control.send_digits(it.twilio.call(), digits, then=CALLBACKS.voice)
        assert it.twilio.asked == []


@pytest.mark.parametrize("call", ["", "CA1", "../Accounts", f"{UNKNOWN}/Recordings"])
@on_loop
async def test_what_is_no_call_s_id_never_becomes_part_of_an_address(call: str) -> None:
    async with bench() as it:
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            await it.control.hang_up(call)
        assert it.twilio.asked == []


@on_loop
async def test_a_recording_has_both_sides_and_ends_before_the_call() -> None:
    async with bench() as it:
        call = it.twilio.call()
        assert await it.control.record(call)
        [recording] = it.twilio.recordings.values()
        assert recording["status"] == "in-progress"
        assert it.twilio.asked[0].form["RecordingChannels"] == ("dual",)
        assert await it.control.stop_recording(call)
        assert recording["status"] == "stopped"
        assert not await it.control.stop_recording(call)


@on_loop
async def test_all_that_was_recorded_of_a_call_is_erased_and_nothing_else() -> None:
    async with bench() as it:
        call, other = it.twilio.call(), it.twilio.call()
        for one in (call, other):
            await it.control.record(one)
        await it.control.stop_recording(call)
        await it.control.record(call)
        assert await it.control.erase_recordings(call)
        assert [one["call_sid"] for one in it.twilio.recordings.values()] == [other]
        methods = [asked.method for asked in it.twilio.asked[-4:]]
    assert methods == ["POST", "GET", "DELETE", "DELETE"], "it ends before it is deleted"


@on_loop
async def test_what_was_recorded_of_a_call_is_erased_though_it_has_ended() -> None:
    async with bench() as it:
        call = it.twilio.call()
        await it.control.record(call)
        await it.control.hang_up(call)
        assert await it.control.erase_recordings(call)
        assert it.twilio.recordings == {}
        assert not await it.control.erase_recordings(call)
        assert not await it.control.erase_recordings(UNKNOWN)


@on_loop
async def test_a_call_is_placed_with_its_limit_and_the_question_who_answered() -> None:
    async with bench() as it:
        call = await it.control.place(
            Allowed(CALLEE, longest=600), caller_id=NUMBER, callbacks=CALLBACKS
        )
        status = await it.control.status(call)
        assert it.twilio.asked[0] == Asked(
            "POST",
            "/Calls.json",
            {
                "To": (CALLEE,),
                "From": (NUMBER,),
                "Url": ("https://kav.example/voice",),
                "FallbackUrl": ("https://kav.example/fallback",),
                "StatusCallback": ("https://kav.example/status",),
                "StatusCallbackEvent": ("initiated", "ringing", "answered", "completed"),
                "Timeout": ("30",),
                "TimeLimit": ("600",),
                "MachineDetection": ("DetectMessageEnd",),
                "AsyncAmd": ("true",),
                "AsyncAmdStatusCallback": ("https://kav.example/answered_by",),
            },
        )
    assert status == CallStatus("queued", "", None)


@pytest.mark.parametrize("action", ON_A_LIVE_CALL.values(), ids=ON_A_LIVE_CALL)
@on_loop
async def test_what_has_ended_already_is_no_failure(action: Action) -> None:
    async with bench(Fault.GONE, Fault.NOT_IN_PROGRESS) as it:
        for call in (it.twilio.call(), it.twilio.call(), it.twilio.call("completed"), UNKNOWN):
            assert not await action(it, call)


@on_loop
async def test_nobody_knows_a_call_that_never_was() -> None:
    async with bench() as it:
        assert await it.control.status(UNKNOWN) is None


@pytest.mark.parametrize("fault", FAILURES)
@pytest.mark.parametrize("action", WITH_EFFECT.values(), ids=WITH_EFFECT)
@on_loop
async def test_what_has_an_effect_and_fails_is_not_asked_twice(
    action: Action, fault: Fault
) -> None:
    async with bench(fault) as it:
        with pytest.raises(TwilioFailed) as failed:
            await action(it, it.twilio.call())
        assert len(it.twilio.asked) == 1
    assert len(str(failed.value)) < 120


@pytest.mark.parametrize("fault", FAILURES)
@pytest.mark.parametrize("action", READING.values(), ids=READING)
@on_loop
async def test_a_question_that_cannot_be_answered_is_a_failure(
    action: Action, fault: Fault
) -> None:
    # The client asks again by itself, once, when a connection breaks: that has no effect.
    async with bench(fault, fault) as it:
        with pytest.raises(TwilioFailed):
            await action(it, it.twilio.call())


@on_loop
async def test_an_answer_that_does_not_come_is_given_up_in_time_and_said_to_be_unsure() -> None:
    async with bench(Fault.STALL, limit=LIMIT) as it:
        with pytest.raises(TwilioFailed, match=r"no answer within 0\.3 s; it may be done"):
            await it.control.place(Allowed(CALLEE, 60), caller_id=NUMBER, callbacks=CALLBACKS)
        assert len(it.twilio.calls) == 1
        await it.twilio.seen.until(lambda seen: seen.open == 0)


@on_loop
async def test_a_hang_up_whose_answer_was_lost_may_be_asked_for_again() -> None:
    async with bench(Fault.DISCONNECT) as it:
        call = it.twilio.call()
        with pytest.raises(TwilioFailed, match="hang up: ServerDisconnectedError"):
            await it.control.hang_up(call)
        assert not await it.control.hang_up(call)


@on_loop
async def test_a_slow_answer_is_an_answer() -> None:
    async with bench(latency=Latency(0.05)) as it:
        assert await it.control.hang_up(it.twilio.call())


@on_loop
async def test_nobody_listens() -> None:
    async with bench() as it:
        account = TwilioAccount(ACCOUNT, KEY, SECRET, endpoint="http://127.0.0.1:9")
        async with twilio_control(account, {}) as control:
            with pytest.raises(TwilioFailed, match="hang up: Twilio cannot be reached") as failed:
                await control.hang_up(it.twilio.call())
    assert not isinstance(failed.value, Unsure)


@pytest.mark.parametrize("action", EVERYTHING.values(), ids=EVERYTHING)
@on_loop
async def test_wrong_credentials_are_told_from_other_failures(action: Action) -> None:
    async with bench(secret="wrong") as it:
        with pytest.raises(WrongCredentials, match="refuses the credentials"):
            await action(it, it.twilio.call())


@on_loop
async def test_the_auth_token_opens_the_account_too() -> None:
    async with bench(user=ACCOUNT) as it:
        assert await it.control.hang_up(it.twilio.call())


@on_loop
async def test_neither_numbers_nor_secrets_are_logged_or_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench() as it:
        failures = []
        for to, caller in ((CALLEE, "+97235550144"), (CALLEE[1:], NUMBER)):
            with pytest.raises(TwilioFailed) as failed:
                await it.control.place(Allowed(to, 60), caller_id=caller, callbacks=CALLBACKS)
            failures.append(str(failed.value))
        await it.control.transfer(it.twilio.call(), "sales")
        await it.control.number(CALLEE)
        told = caplog.text + repr(it.control) + repr(Allowed(CALLEE, 60)) + "".join(failures)
    account = TwilioAccount(ACCOUNT, KEY, SECRET)
    assert failures[0].endswith("21210 (https://www.twilio.com/docs/errors/21210)")
    for hidden in (CALLEE[1:], SALES, "+97235550144", SECRET):
        assert hidden not in told + repr(account)


@on_loop
async def test_the_edge_and_the_region_are_where_requests_go() -> None:
    account = TwilioAccount(ACCOUNT, KEY, SECRET, region="ie1", edge="dublin")
    async with twilio_control(account, {}) as control:
        client = control._api._version.domain.twilio
        assert client.get_hostname("https://api.twilio.com/x") == (
            "https://api.dublin.ie1.twilio.com/x"
        )


@on_loop
async def test_the_process_s_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    async with twilio_control(TwilioAccount(ACCOUNT, KEY, SECRET), {}) as control:
        client = control._api._version.domain.twilio
        assert client.get_hostname("https://api.twilio.com/x") == "https://api.twilio.com/x"


@on_loop
async def test_a_number_is_found_by_all_of_it_and_set_up() -> None:
    wanted = NumberSetup(
        voice_url="https://kav.example/voice",
        voice_method="POST",
        voice_fallback_url="https://kav.example/fallback",
        voice_fallback_method="POST",
        status_callback="https://kav.example/status",
        status_callback_method="POST",
    )
    async with bench() as it:
        owned = await it.control.number(NUMBER)
        assert owned is not None
        assert owned.setup.voice_url == "https://demo.twilio.com/welcome/voice/"
        assert await it.control.set_up(owned, wanted) == wanted
        changed = {"VoiceUrl", "VoiceFallbackUrl", "StatusCallback"}
        assert set(it.twilio.asked[-1].form) == changed
        again = await it.control.number(NUMBER)
        assert again == replace(owned, setup=wanted)
        assert await it.control.number(NUMBER[:-1]) is None


@pytest.mark.parametrize(
    ("status", "answered_by", "expected"),
    [
        ("initiated", "", None),
        ("ringing", "", None),
        ("in-progress", "", None),
        ("in-progress", "human", "person"),
        ("in-progress", "machine_start", "machine"),
        ("", "machine_end_beep", "machine"),
        ("", "machine_end_silence", "machine"),
        ("", "machine_end_other", "machine"),
        ("", "fax", "fax"),
        ("", "unknown", "unknown"),
        ("completed", "", "unknown"),
        ("completed", "human", "person"),
        ("busy", "", "busy"),
        ("no-answer", "", "no answer"),
        ("failed", "", "failed"),
        ("canceled", "", "canceled"),
        ("a new word of Twilio's", "another", None),
    ],
)
def test_what_became_of_a_call(status: str, answered_by: str, expected: str | None) -> None:
    assert outcome(status, answered_by) == expected
