"""Whoever guesses passwords waits: longer each time, and in the end outside. No I/O, no clock: seconds come in.

Counted are failures for a name from an address, and failures from an address whatever the names, so that one
application with an old password does not lock out its neighbours on the same host. A name is never locked for
everybody: that would hand strangers a switch to turn applications off. Memory is bounded: the longest-forgotten goes.
"""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from mta.inbound.settings import SubmissionSettings

REMEMBERED: Final = 10_000  # names and addresses
_DOUBLINGS: Final = 16  # beyond that every sensible `auth_delay_max` is reached


class Guard:
    """Shared by the doors of one carrier that know passwords."""

    def __init__(self, settings: SubmissionSettings) -> None:
        self._settings = settings
        self._window = settings.auth_window.total_seconds()
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()  # count, and when the last was

    def is_shut(self, ip: str, name: str, now: float) -> bool:
        """Whether this client has guessed too often and is not to be listened to at present."""
        network = network_of(ip)
        return (
            self._count((network, name), now) >= self._settings.auth_failures
            or self._count((network, ""), now) >= self._settings.auth_failures_per_client
        )

    def failed(self, ip: str, name: str, now: float) -> float:
        """Note a wrong password; how many seconds its answer has to wait."""
        network = network_of(ip)
        for key in ((network, ""), (network, name)):
            count = self._count(key, now) + 1
            self._failures[key] = count, now
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        delay: float = self._settings.auth_delay.total_seconds() * 2 ** min(count - 1, _DOUBLINGS)
        return min(delay, self._settings.auth_delay_max.total_seconds())

    def succeeded(self, ip: str, name: str) -> None:
        """The right password forgives the wrong ones for the same name."""
        self._failures.pop((network_of(ip), name), None)

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._failures.get(key, (0, now))
        return count if now - last < self._window else 0


def network_of(ip: str) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64 (which is what one customer is given)."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else ip
