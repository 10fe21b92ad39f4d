"""How often somebody who is not Twilio has asked of late, by address. Pure."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network

BURST, PER_SECOND = 100.0, 20.0
"""So many refusals at once, and so many a second for ever, are told to one address."""
MOST = 10_000
"""Addresses; then the one that has been quiet for longest is forgotten."""
_SITE = 64
"""Bits of an IPv6 address: with the others a stranger alone could fill the list."""


class Strangers:
    """A bucket for each address: a refusal takes from it, time fills it."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def another(self, address: str, now: float) -> bool:
        """Counts one; whether it is one too many."""
        where = _whose(address)
        left, since = self._left.pop(where, (BURST, now))
        left = min(BURST, left + (now - since) * PER_SECOND)
        too_many = left < 1
        self._left[where] = (left if too_many else left - 1), now
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        return too_many


def _whose(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None:
        return str(ip_network((int(ip), _SITE), strict=False))
    return address
