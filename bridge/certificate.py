"""HTTPS without a proxy in front: the certificate, which can be renewed while calls are live."""

import logging
import ssl
from pathlib import Path

from bridge.settings import BadSettings, Settings

log = logging.getLogger(__name__)


class Certificate:
    """`context` is for a server's sockets."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `OSError` (`ssl.SSLError` is one) if it cannot be read, or is not of that key."""
        self._files = (certificate, key)
        self.context = _context()
        self.context.load_cert_chain(*self._files)

    def renew(self) -> None:
        """Reads it anew, for the connections to come. One that is broken is not taken."""
        try:
            _context().load_cert_chain(*self._files)  # first: a failure would spoil the other one
            self.context.load_cert_chain(*self._files)
        except OSError as error:
            log.error("certificate_kept", extra={"facts": {"why": str(error)}})
        else:
            log.info("certificate_renewed")


def read_certificate(settings: Settings) -> Certificate | None:
    """None: it is not wanted. Raises `BadSettings`."""
    if settings.kav_tls_cert is None or settings.kav_tls_key is None:
        return None
    try:
        return Certificate(settings.kav_tls_cert, settings.kav_tls_key)
    except OSError as error:
        raise BadSettings(f"KAV_TLS_CERT, KAV_TLS_KEY: {error}") from None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
