"""Which addresses may be sent to: what leaves the house is encrypted."""

from ipaddress import ip_address
from urllib.parse import urlsplit


class BadAddress(Exception):
    """The message says what was expected. It does not quote the address, which may hold a key."""


def checked_address(url: str) -> str:
    """The same; raises `BadAddress` if it is neither https nor on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("an address like https://office.example/path was expected") from None
    if not host or parts.username is not None or parts.fragment:
        raise BadAddress("an address like https://office.example/path was expected")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(host)):
        raise BadAddress(f"https:// was expected, came {parts.scheme}://")
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
