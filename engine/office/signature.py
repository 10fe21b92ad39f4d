"""The signature on a webhook, as Standard Webhooks has it (https://www.standardwebhooks.com): who
receives one can tell that it is ours, whole, and of now. Pure.

The secret is `whsec_` and 24 to 64 random bytes in base64; `openssl rand -base64 32` makes the
bytes. Signed is "id.timestamp.body" by HMAC-SHA256."""

import base64
import binascii
import hmac
from collections.abc import Mapping

TOLERANCE = 300
"""Seconds between the sender's clock and the receiver's."""
_SCHEME = "v1,"


class BadSecret(Exception):
    """The message says what was expected. It does not quote the secret."""


class BadSignature(Exception):
    """The request is not to be believed; the message says why."""


def signing_key(secret: str) -> bytes:
    """Raises `BadSecret`."""
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret("whsec_ and base64 was expected") from None
    if not 24 <= len(key) <= 64:
        raise BadSecret(f"24 to 64 bytes in base64 were expected, came {len(key)}")
    return key


def signed_headers(key: bytes, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`message`: the same whenever the same is sent again."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": _SCHEME + _signature(key, message, str(timestamp), body),
    }


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> str:
    """For receivers: the message's id, which comes again if the message does. Raises
    `BadSignature`.

    `headers`: their names in lower case, or a mapping that does not mind. `body`: the bytes as
    they came, before any parsing. `now`: seconds since 1970. Of several signatures one must be
    ours: while a secret is changed, both sign."""
    message = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise BadSignature("webhook-id or webhook-timestamp is missing")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise BadSignature("it is too old, or the clocks differ")
    expected = (_SCHEME + _signature(signing_key(secret), message, timestamp, body)).encode()
    came = headers.get("webhook-signature", "").encode().split(b" ")
    if not any(hmac.compare_digest(expected, signature) for signature in came):
        raise BadSignature("no signature of ours")
    return message


def _signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    signed = f"{message}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
