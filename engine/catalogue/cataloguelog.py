"""The catalogue's log, as a vocabulary: one function for each thing that can happen. Nothing else in it logs."""

import logging
from typing import Final

log: Final = logging.getLogger("posthouse.catalogue")


def low(pool: str, *, left: int) -> None:
    """A pool of coupons has fewer codes than it should."""
    log.warning("coupons low", extra={"pool": pool, "left": left})


def empty(pool: str) -> None:
    """A pool of coupons has no code left: whoever comes to a coupon step waits."""
    log.error("coupons gone", extra={"pool": pool})
