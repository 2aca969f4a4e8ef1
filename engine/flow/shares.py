"""Chance that can be told again: by hash, so that the same person always gets the same, here and in a simulation."""

import hashlib
from collections.abc import Sequence
from typing import Final

_PARTS: Final = 1 << 53


def share_of(*parts: str | int) -> float:
    """A number from 0 to below 1 that follows from the parts alone, and is spread evenly over other parts."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / _PARTS


def in_holdout(flow: str, contact_id: int, share: float) -> bool:
    """Whether this person gets nothing from the flow. Who is held out of a tenth is held out of a fifth too."""
    return share_of("holdout", flow, contact_id) < share


def way_of(flow: str, step: str, contact_id: int, weights: Sequence[int]) -> int:
    """Which of the weighted ways (from 0) this person goes at this split."""
    left = share_of("split", flow, step, contact_id) * sum(weights)
    for which, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return which
    return len(weights) - 1
