import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.office.signature import (
    TOLERANCE,
    BadSecret,
    BadSignature,
    signed_headers,
    signing_key,
    verify,
)

SECRET = "whsec_" + "a2F2IHNpZ25zIHdoYXQgaXQgdGVsbHMgdGhlIG9mZmljZQ=="
BODY = '{"type": "booking", "data": {"area": "פלורנטין"}}'.encode()
NOW = 1_795_000_000


def headers(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return signed_headers(signing_key(secret), "call/1", NOW, body)


def test_a_receiver_believes_what_we_signed_and_learns_its_id() -> None:
    assert verify(headers(), BODY, SECRET, NOW + 1.5) == "call/1"


def test_the_signature_is_that_of_the_published_scheme() -> None:
    """Made with: printf 'call/1.1795000000.{}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:…"""
    assert headers(b"{}")["webhook-signature"] == "v1,0yPPX9Jca/FVsRDHS8J5kZm8xhmUw+fUZL6yR2oscOA="


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=99), st.integers(0, len(BODY)))
def test_a_changed_body_is_not_believed(junk: bytes, at: int) -> None:
    changed = BODY[:at] + junk
    if changed == BODY:
        return
    with pytest.raises(BadSignature):
        verify(headers(), changed, SECRET, NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", ["", "1795000001", "v1,", "v1,מה", "٣"])
def test_a_changed_or_missing_header_is_not_believed(name: str, value: str) -> None:
    with pytest.raises(BadSignature):
        verify(headers() | {name: value}, BODY, SECRET, NOW)
    with pytest.raises(BadSignature):
        verify({k: v for k, v in headers().items() if k != name}, BODY, SECRET, NOW)


@pytest.mark.parametrize("seconds", [-TOLERANCE - 1, TOLERANCE + 1])
def test_what_is_sent_again_by_another_later_is_not_believed(seconds: int) -> None:
    with pytest.raises(BadSignature, match="too old"):
        verify(headers(), BODY, SECRET, NOW + seconds)


def test_while_the_secret_is_changed_one_of_two_signatures_is_enough() -> None:
    other = headers(secret="b2xkIHNlY3JldCBvZiB0aGUgb2ZmaWNlLCBub3cgZ29uZQ==")
    both = other["webhook-signature"] + " " + headers()["webhook-signature"]
    assert verify(headers() | {"webhook-signature": both}, BODY, SECRET, NOW)
    with pytest.raises(BadSignature):
        verify(other, BODY, SECRET, NOW)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, not at all"]
)
def test_a_poor_secret_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(BadSecret) as refused:
        signing_key(secret)
    assert "not at all" not in str(refused.value)
