"""HTTPS of our own, by real handshakes."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop

from bridge.certificate import Certificate, read_certificate
from bridge.settings import BadSettings, Settings
from tests.certificates import write_certificate

Handshake = Callable[[ssl.TLSVersion], Coroutine[None, None, tuple[str, str]]]


def served(
    folder: Path, test: Callable[[Certificate, Handshake], Coroutine[None, None, None]]
) -> None:
    """Runs the test while a server shows the folder's certificate."""

    async def main() -> None:
        shown = Certificate(folder / "certificate.pem", folder / "key.pem")
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=shown.context
        )
        port = server.sockets[0].getsockname()[1]

        async def handshake(newest: ssl.TLSVersion) -> tuple[str, str]:
            """The protocol, and the serial number of the certificate."""
            trusting = ssl.create_default_context(cafile=folder / "certificate.pem")
            trusting.set_ciphers("ALL:@SECLEVEL=0")
            trusting.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            trusting.maximum_version = newest
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            spoken = writer.get_extra_info("ssl_object")
            writer.close()
            return spoken.version(), spoken.getpeercert()["serialNumber"]

        async with server:
            await test(shown, handshake)

    uvloop.run(main())


def test_tls_is_1_2_at_least(tmp_path: Path) -> None:
    write_certificate(tmp_path)

    async def test(_: Certificate, handshake: Handshake) -> None:
        assert (await handshake(ssl.TLSVersion.TLSv1_3))[0] == "TLSv1.3"
        assert (await handshake(ssl.TLSVersion.TLSv1_2))[0] == "TLSv1.2"
        with (
            pytest.raises((ssl.SSLError, ConnectionError)),
            pytest.warns(DeprecationWarning, match="TLS"),
        ):
            await handshake(ssl.TLSVersion.TLSv1_1)

    served(tmp_path, test)


def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(tmp_path: Path) -> None:
    write_certificate(tmp_path, serial=1)

    async def test(shown: Certificate, handshake: Handshake) -> None:
        assert (await handshake(ssl.TLSVersion.TLSv1_3))[1] == "01"
        certificate, _ = write_certificate(tmp_path, serial=2)
        shown.renew()
        assert (await handshake(ssl.TLSVersion.TLSv1_3))[1] == "02"
        good = certificate.read_bytes()
        write_certificate(tmp_path, serial=3)
        certificate.write_bytes(good)  # the key is another one's now
        shown.renew()
        assert (await handshake(ssl.TLSVersion.TLSv1_3))[1] == "02"

    served(tmp_path, test)


def test_a_certificate_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    certificate.write_text("not a certificate")
    settings = Settings(kav_tls_cert=certificate, kav_tls_key=key)
    with pytest.raises(BadSettings, match="KAV_TLS_CERT, KAV_TLS_KEY: "):
        read_certificate(settings)
