"""When a call that failed is tried again, and which answers are worth it. Pure.

After 5 s, 30 s, 2 min, 10 min, 30 min, then every 2 h, each up to a fifth later by chance, so that those who failed together
do not come back together; until the time to give up.
"""

from datetime import datetime, timedelta
from typing import Final

PAUSES: Final = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 7200))
SPREAD: Final = 0.2
_WORTH: Final = frozenset({408, 409, 421, 423, 425, 429})


def is_good(status: int) -> bool:
    """Whether the answer says that the call was taken."""
    return 200 <= status < 300


def is_final(status: int) -> bool:
    """Whether another try can't help: a redirect, which is not followed, or a refusal of what was said. 0: no answer."""
    return 300 <= status < 500 and status not in _WORTH


def next_try(tries: int, now: datetime, give_up: datetime, chance: float) -> datetime | None:
    """When the try after this many comes (`chance` from 0 to 1 spreads them); None when that would be too late."""
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    due = now + pause * (1 + SPREAD * chance)
    return due if due <= give_up else None
