"""The settings of Twilio's door: what is refused, what is not shown, and that they arrive."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from bridge.commands.serve import _check_doors, listening
from bridge.commands.settings import _listing
from bridge.gate import Gate
from bridge.settings import BadSettings, Settings
from bridge.switchboard import Switchboard
from bridge.tracefiles import TraceFiles
from tests.bench.bridge_process import instant
from tests.bridge.test_twilio_webhooks import ACCOUNT, FORM, sign

PUBLIC = "https://kav.example"
NUMBERS = ("+97231234567", "+97239876543")
GIVEN = {
    "twilio_auth_token": "new",
    "twilio_auth_token_old": "old",
    "twilio_account_sid": ACCOUNT,
    "kav_public_url": PUBLIC,
    "kav_twilio_fallback": NUMBERS[0],
    "kav_twilio_paths": "voice=/webhook/voice, call_status=/old/status",
    "kav_transfers": f"sales={NUMBERS[1]}, front-desk={NUMBERS[0]}",
    "kav_http_port": 0,
    "kav_audiosocket_port": 0,
}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kav_twilio_fallback": "031234567"}, "KAV_TWILIO_FALLBACK must be a whole number"),
        ({"kav_twilio_fallback": "+972-3-1234567"}, "KAV_TWILIO_FALLBACK must be a whole number"),
        ({"kav_transfers": "sales"}, "KAV_TRANSFERS must be names and whole numbers"),
        ({"kav_transfers": "sales=1900"}, "KAV_TRANSFERS must be names and whole numbers"),
        ({"kav_transfers": "a=+97231234567,a=+97231234568"}, "each name once"),
        ({"twilio_auth_token_old": "old"}, "TWILIO_AUTH_TOKEN_OLD goes with TWILIO_AUTH_TOKEN"),
        ({"twilio_account_sid": "AC1"}, "String should match pattern"),
        ({"kav_twilio_paths": "voice=webhook"}, "String should match pattern"),
        ({"kav_twilio_paths": "after_stream=/webhook"}, "String should match pattern"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings.model_validate(settings)


def test_an_address_on_the_web_is_not_served_to_whoever_finds_it() -> None:
    settings = Settings.model_validate({"kav_public_url": PUBLIC})
    with pytest.raises(BadSettings, match="so TWILIO_AUTH_TOKEN is needed"):
        _check_doors(settings)


def test_transfers_are_numbers_by_name_and_numbers_are_not_shown() -> None:
    settings = Settings.model_validate(GIVEN)
    assert settings.transfers() == {"sales": NUMBERS[1], "front-desk": NUMBERS[0]}
    assert Settings.model_validate({}).transfers() == {}
    for number in NUMBERS:
        assert number not in repr(settings)
        assert number not in _listing(settings)


@pytest.mark.e2e
def test_a_bridge_that_is_served_keeps_them(tmp_path: Path) -> None:
    settings, traces = Settings.model_validate(GIVEN), TraceFiles(tmp_path)

    async def served() -> None:
        gate = Gate(Switchboard(instant(settings), traces, most=1, trace_text=False))
        async with (
            listening(settings, gate) as addresses,
            aiohttp.ClientSession() as http,
        ):

            async def ask(path: str, token: str, form: dict[str, str]) -> tuple[int, str]:
                url = f"http://127.0.0.1:{addresses.http[1]}{path}"
                headers = sign(PUBLIC + path, form, token)
                async with http.post(url, data=form, headers=headers) as answer:
                    return answer.status, await answer.text()

            assert (await ask("/webhook/voice", "new", FORM))[0] == 200
            assert (await ask("/old/status", "old", FORM))[0] == 204
            assert (await ask("/old/status", "older", FORM))[0] == 403
            other = {**FORM, "AccountSid": "AC" + 32 * "0"}
            assert (await ask("/webhook/voice", "new", other))[0] == 403
            assert NUMBERS[0] in (await ask("/twilio/fallback", "new", FORM))[1]

    asyncio.run(served())
    traces.close()
