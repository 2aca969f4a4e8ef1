"""When to try again: waits that grow by a factor, spread by chance so that what fails at once does not return at once.

A delivery's own time is for what concerns its recipient; a site that is down or slow has one time for all of them.
`jitter` is in [-1, 1] and comes from the chance port.
"""

from datetime import datetime, timedelta

from deliverability.settings import BackOff, RetrySettings

_GROWTHS = 64  # after so many doublings any wait is at its ceiling; beyond, floats would overflow


def wait_after(failures: int, back_off: BackOff, *, jitter: float) -> timedelta:
    """The wait after the `failures`-th failure in a row (from 1)."""
    if failures < 1 or not -1 <= jitter <= 1:
        raise ValueError("failures count from 1, and jitter lies in [-1, 1]")
    grown = back_off.first.total_seconds() * back_off.factor ** min(failures - 1, _GROWTHS)
    return timedelta(seconds=min(grown, back_off.ceiling.total_seconds()) * (1 + back_off.spread * jitter))


def next_attempt(
    attempts: int, settings: RetrySettings, *, now: datetime, jitter: float, expires_at: datetime | None = None
) -> datetime | None:
    """When a delivery that was deferred `attempts` times is tried again; None when that would be after it expires."""
    due = now + wait_after(attempts, settings.delivery, jitter=jitter)
    return due if expires_at is None or due < expires_at else None


def site_retry(failures: int, settings: RetrySettings, *, now: datetime, jitter: float) -> datetime:
    """When a site that failed `failures` times in a row is tried again."""
    return now + wait_after(failures, settings.site, jitter=jitter)
