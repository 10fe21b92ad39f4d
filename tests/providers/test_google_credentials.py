"""Each way in which a service account's JSON is broken is told in one sentence without a secret."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.providers.google_credentials import BadCredentials, read_credentials

PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=1024)  # small: made in no time
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)
KEY = {
    "type": "service_account",
    "project_id": "kav-test",
    "private_key_id": "1",
    "private_key": PEM,
    "client_email": "kav@kav-test.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def told(**changed: object) -> str:
    return json.dumps({name: value for name, value in {**KEY, **changed}.items() if value})


def test_a_key_is_read() -> None:
    account = read_credentials(f"\n{told()}\n")
    assert account.project == "kav-test"
    assert account.credentials is not None
    assert account.credentials.service_account_email == KEY["client_email"]


def test_line_ends_that_a_shell_kept_as_two_characters_are_mended() -> None:
    assert read_credentials(told(private_key=PEM.replace("\n", "\\n"))).project == "kav-test"


def test_an_account_shows_no_secret() -> None:
    assert repr(read_credentials(told())) == "GoogleAccount(project='kav-test')"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("   \n", "is empty"),
        ("{'type': 'service_account'}", "is not JSON"),
        (told()[:-20], "is not JSON"),
        ("[]", "not an object"),
        ("/etc/kav/key.json", "is the name of a file"),
        (base64.b64encode(told().encode()).decode(), "is JSON in base64"),
        (told(type="authorized_user"), "has the type 'authorized_user'"),
        (told(type=""), "has the type None"),
        (told(client_email=""), "has no client_email"),
        (told(token_uri=""), "has no token_uri"),
        (told(project_id=""), "has no project_id"),
        (told(project_id="", token_uri=""), "has no project_id and no token_uri"),
        (told(private_key="nonsense"), "is not PEM"),
        (told(private_key=PEM[:200]), "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadCredentials) as failed:
        read_credentials(text)
    assert sentence in str(failed.value)
    assert "\n" not in str(failed.value)
    assert PEM[60:90] not in str(failed.value)
    assert failed.value.__cause__ is None
