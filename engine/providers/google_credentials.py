"""The service account that Google's speech services are used with, read from its JSON.

Shared by ears and voice. What is wrong with the JSON is told in one sentence, in which no secret
ever stands."""

import base64
import binascii
import json
from dataclasses import dataclass, field

from google.oauth2.service_account import Credentials

SETTING = "GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON"
_FIELDS = ("project_id", "client_email", "private_key", "token_uri")
_PEM = "-----BEGIN "


class BadCredentials(Exception):
    """The service account cannot be used; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    project: str
    credentials: Credentials | None = field(repr=False)
    """`None`: for a server on this machine, which asks for none."""


def read_credentials(text: str) -> GoogleAccount:
    """From the value of the setting. Raises `BadCredentials`.

    Whether Google accepts the key is only known after the first request."""
    told = _told(text.strip())
    if told.get("type") != "service_account":
        raise _bad(
            f"has the type {told.get('type')!r}, not 'service_account': "
            "download a key of a service account"
        )
    if missing := [name for name in _FIELDS if not _is_text(told.get(name))]:
        raise _bad(f"has no {' and no '.join(missing)}: download the key again, and set all of it")
    # Shells and .env files often keep the two characters \n where a line ends.
    told["private_key"] = str(told["private_key"]).replace("\\n", "\n")
    if not str(told["private_key"]).lstrip().startswith(_PEM):
        raise _bad("has a private_key that is not PEM: it must start with -----BEGIN PRIVATE KEY")
    try:
        credentials = Credentials.from_service_account_info(told)  # type: ignore[no-untyped-call]  # it has no types
    except ValueError:  # its message may quote the key
        raise _bad(
            "has a private_key that cannot be read: it was cut or changed on its way"
        ) from None
    return GoogleAccount(str(told["project_id"]), credentials)


def _told(text: str) -> dict[str, object]:
    if not text:
        raise BadCredentials(f"{SETTING} is empty: set it to the JSON key of a service account")
    try:
        told = json.loads(text)
    except ValueError:
        raise _not_json(text) from None
    if not isinstance(told, dict):
        raise _bad("is JSON, but not an object in braces")
    return told


def _not_json(text: str) -> BadCredentials:
    if _is_wrapped(text):
        return _bad(f"is JSON in base64: unwrap it first, as in {SETTING}=$(base64 -d key.b64)")
    if text.endswith(".json") and "\n" not in text:
        return _bad(f'is the name of a file, not its content: {SETTING}="$(cat key.json)"')
    return _bad("is not JSON: set it to the whole content of the key file, in single quotes")


def _is_wrapped(text: str) -> bool:
    try:
        return base64.b64decode("".join(text.split()), validate=True).lstrip().startswith(b"{")
    except (binascii.Error, ValueError):
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _bad(what: str) -> BadCredentials:
    return BadCredentials(f"{SETTING} {what}")
