"""How long a code is good for. Pure.

Mails say a day, and people read it as the whole of it: a code of whole days is good until the last of them ends on its
person's clock. One of hours ends to the minute, which its mail has to say.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.flow.civil import Span, end_of

LOST: Final = timedelta(days=1)
"""Of a code's time, before whoever gets it was told: then it begins anew."""


def last_moment(span: Span, begun: datetime, zone: ZoneInfo) -> datetime:
    """When what begins then and lasts so long is over."""
    end = span.after(begun, zone)
    return end if span.exact else end_of(end.astimezone(zone).date(), zone)


def on_clock(moment: datetime, zone: ZoneInfo) -> str:
    """As ISO 8601, with the day that clocks in `zone` show."""
    return moment.astimezone(zone).isoformat()


def is_lost(begun: datetime, ended: datetime, now: datetime) -> bool:
    """Whether a day of a code's time or all of it went by. Less stays gone: a sale that ends on Monday night ends so for whoever
    was written to in the afternoon too."""
    return ended <= now or begun <= now - LOST


def begun_anew(begun: datetime, ended: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """When a code is over whose time, from `begun` to `ended`, begins now."""
    begins, ends = (each.astimezone(zone).replace(tzinfo=None) for each in (begun, ended))
    if ended == end_of(ends.date(), zone):
        return last_moment(Span((ends.date() - begins.date()).days, timedelta()), now, zone)
    return last_moment(Span(*divmod(ends - begins, timedelta(days=1))), now, zone)
