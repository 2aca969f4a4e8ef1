"""How much one neighbourhood of the Internet may ask of the web pages.

A bucket for each IPv4 address and each IPv6 /64 (one customer has all of it). A wrong token costs more than a page, so
that guessing runs dry long before it is of use, while a mail provider's burst of one-click unsubscriptions passes.
"""

from collections import OrderedDict
from typing import Final

from engine.audience.asking import neighbourhood

BURST: Final = 300.0  # requests that may come at once
REFILL: Final = 10.0  # requests a second after that
WRONG_TOKEN: Final = 15.0  # what a wrong token costs
NEIGHBOURS_MAX: Final = 20_000  # buckets kept; the one not seen for longest goes first


class Limits:
    """Token buckets by neighbourhood. `now` is a monotonic time in seconds."""

    def __init__(self, burst: float = BURST, refill: float = REFILL) -> None:
        """`burst` requests that may come at once, `refill` a second after that."""
        self._burst, self._refill = burst, refill
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, peer: str, now: float) -> bool:
        """Whether this peer has anything left to ask with. Asking costs 1."""
        key = neighbourhood(peer)
        left = self._left(key, now)
        if left < 1:
            return False
        self._keep(key, left - 1, now)
        return True

    def is_dry(self, peer: str, now: float) -> bool:
        """Whether this peer has nothing left to ask with. Looking costs nothing."""
        return self._left(neighbourhood(peer), now) < 1

    def charge_wrong_token(self, peer: str, now: float) -> None:
        """A request of this peer held a token that was none."""
        key = neighbourhood(peer)
        self._keep(key, max(0.0, self._left(key, now) - WRONG_TOKEN), now)

    def _left(self, key: str, now: float) -> float:
        left, since = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + (now - since) * self._refill)

    def _keep(self, key: str, left: float, now: float) -> None:
        self._buckets[key] = (left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > NEIGHBOURS_MAX:
            self._buckets.popitem(last=False)
