"""Tells flows who ignores a list, as `list.ignored`, once a day and once for each silence of a person.

A flow does the rest (templates/flows/sunset.yaml): it asks once, and takes off the list whoever does not answer. Here only the
lists whose setting says so are looked at, a part at a time between other writers.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from engine.audience import lists
from engine.audience.contacts import note_once
from engine.audience.lists import MailingList
from engine.sunset.ignored import Ignoring, is_measured, look
from engine.sunset.rhythm import measure
from engine.tracking.settings import TrackingSettings
from mta.ports import Tx, to_ms

PART: Final = 100  # people looked at in one transaction
EVENT: Final = "list.ignored"
_KEY: Final = "sunset"  # in meta: how far the day's walk is


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a day's walk is: before this contact of this list, whose silence is long after so many days."""

    day: str
    list_id: int = 0
    after: int = 0
    days: int = 0  # 0: not measured yet
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Teller:
    """A chore of the janitor's."""

    tracking: TrackingSettings

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether there are people of today to be looked at."""
        return not _walk(tx, now).is_done

    def do(self, tx: Tx, now: datetime) -> None:
        """Look at the next part. How far it is commits with it."""
        walk = _walk(tx, now)
        wanted = (each for each in lists.every(tx) if each.id >= walk.list_id and self._is_on(each))
        mailing_list = min(wanted, key=lambda each: each.id, default=None)
        if mailing_list is None:
            walk = replace(walk, is_done=True)
        else:
            if mailing_list.id > walk.list_id or not walk.days:
                walk = _Walk(walk.day, mailing_list.id, days=threshold_of(tx, mailing_list, now).days)
            walk = _part(tx, mailing_list, walk, now)
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_KEY, json.dumps(asdict(walk))),
        )

    def _is_on(self, mailing_list: MailingList) -> bool:
        return mailing_list.settings.sunset != "off" and is_measured(self.tracking, mailing_list)


def _walk(tx: Tx, now: datetime) -> _Walk:
    """Today's walk, as far as it is."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (_KEY,))
    kept = _Walk(**json.loads(row[0])) if row else None
    today = now.date().isoformat()
    return kept if kept is not None and kept.day >= today else _Walk(today)


def _part(tx: Tx, mailing_list: MailingList, walk: _Walk, now: datetime) -> _Walk:
    threshold = timedelta(days=walk.days)
    found = look(tx, mailing_list.id, threshold, walk.after, PART, now)
    for each in found.found:
        _tell(tx, mailing_list, each, threshold, now)
    if found.after is None:
        return _Walk(walk.day, mailing_list.id + 1)
    return replace(walk, after=found.after)


def threshold_of(tx: Tx, mailing_list: MailingList, now: datetime) -> timedelta:
    """How long a silence is long on this list: as somebody set it, or by its rhythm."""
    return mailing_list.settings.silence or measure(tx, mailing_list.id, now).threshold


def _tell(tx: Tx, mailing_list: MailingList, who: Ignoring, threshold: timedelta, now: datetime) -> None:
    data = {
        "list": mailing_list.name, "mails": who.mails, "last": who.last.isoformat() if who.last else None,
        "days": threshold.days,
    }  # fmt: skip
    silence = f"{to_ms(who.on_since)}:{to_ms(who.last) if who.last else 0}"  # a new sign of life begins a new one
    note_once(
        tx, EVENT, who.contact_id, data, f"sunset:{mailing_list.id}:{who.contact_id}:{silence}", key=mailing_list.name,
        now=now,
    )  # fmt: skip
