"""Counting before a start: who would get it, who would not and why, where and when, and what stands in the way.

What permission says is asked of everybody, in bulk. What caps and distance say is asked of those whom something was sent
to lately, or who asked for fewer, up to JUDGED of them; beyond that it is reckoned from those.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.consent import ALL_LISTS
from engine.audience.subscriptions import SubscriptionState, standings
from engine.audience.suppression import is_suppressed
from engine.audience.trials import held_back
from engine.campaigns import audience
from engine.campaigns.audience import Groups, Person
from engine.campaigns.choosing import is_held_out, variant_of
from engine.campaigns.crowding import domain_of
from engine.campaigns.heads import Place
from engine.campaigns.model import Campaign
from engine.campaigns.moments import due
from engine.campaigns.resolving import HOUR_IS_OVER
from engine.campaigns.states import HELD_OUT
from engine.flow.civil import zone_of
from engine.sending.arbiter import Arbiter, Asked, Kind
from engine.sending.judging import Hold, Refuse, judge
from engine.sending.refusals import Refusal
from engine.store.many import in_list
from mta.ports import Tx
from mta.queue.delivery import Stream

JUDGED: Final = 5_000


@dataclass(slots=True)
class Tally:
    """What was counted so far."""

    people: int = 0
    goes: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)  # would wait for the arbiter
    variants: Counter[str] = field(default_factory=Counter)
    zones: Counter[str] = field(default_factory=Counter)  # with own_zone: all of them
    passed: Counter[str] = field(default_factory=Counter)  # those whose hour is over when it begins
    locales: Counter[str] = field(default_factory=Counter)
    heads: Counter[Place] = field(default_factory=Counter)  # by domain and zone, for the forecast
    crowded: int = 0  # who got something lately, or asked for fewer
    judged: int = 0  # ... of whom the arbiter was asked
    longest: tuple[int, int] = (0, 0)  # the length of the longest name, and whose it is
    barest: tuple[int, int] = (1 << 30, 0)  # the least that is known of anybody, and who that is
    last_ms: int = 0  # when any of them was sent marketing mail last, a flow's too; 0: never from here
    example: dict[str, tuple[int, int]] = field(default_factory=dict)  # by locale: somebody of it, and their list


@dataclass(frozen=True, slots=True)
class Count:
    """What counting needs."""

    campaign: Campaign
    civil: datetime | None
    begins: datetime
    zone: ZoneInfo
    arbiter: Arbiter

    def part(self, tx: Tx, of: Groups, after: int, tally: Tally, now: datetime) -> int | None:
        """Count a part of the audience; where to go on, None at the end."""
        part = audience.read_part(tx, of, after)
        if part is None:
            return None
        tally.people += len(part.people)
        asked = [each for each in part.people if not each.reason]
        tally.excluded.update(each.reason for each in part.people if each.reason)
        known = _known(tx, asked)
        for list_id in {each.list_id for each in asked}:
            mine = [each for each in asked if each.list_id == list_id and each.contact_id in known]
            self._of_list(tx, mine, list_id, known, tally)
        self._crowded(tx, [each for each in asked if each.contact_id in known], known, tally, now)
        return part.cursor

    def _of_list(
        self, tx: Tx, people: Sequence[Person], list_id: int, known: dict[int, tuple[Any, ...]], tally: Tally
    ) -> None:  # fmt: skip
        reasons = _refused(tx, [known[each.contact_id][0] for each in people], list_id)
        for each in people:
            key, name, locale, fields = known[each.contact_id]
            reason = reasons.get(key, "") or self._zone(each, tally) or self._held_out(each)
            if reason:
                tally.excluded[reason] += 1
                continue
            tally.goes += 1
            tally.variants[variant_of(self.campaign, each.contact_id)] += 1
            tally.locales[locale] += 1
            tally.heads[Place(domain_of(key), each.zone)] += 1
            tally.example.setdefault(locale, (each.contact_id, list_id))
            tally.longest = max(tally.longest, (len(name), each.contact_id))
            tally.barest = min(tally.barest, (len(name) + len(fields), each.contact_id))

    def _zone(self, person: Person, tally: Tally) -> str:
        """Counts the zone; HOUR_IS_OVER where they are left out for it."""
        when = self.campaign.when
        if not when.own_zone:
            return ""
        own = zone_of(person.zone, self.zone)
        tally.zones[own.key] += 1
        at = due(when, self.civil, self.begins, own)
        if self.civil is not None and at is not None and at.astimezone(own).replace(tzinfo=None) != self.civil:
            tally.passed[own.key] += 1
        return HOUR_IS_OVER if at is None else ""

    def _held_out(self, person: Person) -> str:
        return HELD_OUT if is_held_out(self.campaign, person.contact_id) else ""

    def _crowded(
        self, tx: Tx, people: Sequence[Person], known: dict[int, tuple[Any, ...]], tally: Tally, now: datetime
    ) -> None:  # fmt: skip
        """Ask the arbiter about those whom it may hold or refuse for more than permission."""
        if not people:
            return
        marks, ids = in_list([each.contact_id for each in people])
        rows = tx.query(
            f"SELECT contact_id FROM mailed WHERE contact_id IN ({marks}) UNION"
            f" SELECT contact_id FROM preference WHERE pace <> '' AND contact_id IN ({marks})",
            (*ids, *ids),
        )
        sql = f"SELECT COALESCE(max(at_ms), 0) FROM mailed WHERE contact_id IN ({marks}) AND stream >= ?"
        last = tx.one(sql, (*ids, int(Stream.MARKETING)))
        tally.last_ms = max(tally.last_ms, last[0] if last else 0)
        crowded = {row[0] for row in rows}
        tally.crowded += len(crowded)
        for each in people:
            if each.contact_id in crowded and tally.judged < JUDGED:
                tally.judged += 1
                self._judge(tx, each, known[each.contact_id][0], tally, now)

    def _judge(self, tx: Tx, person: Person, key: str, tally: Tally, now: datetime) -> None:
        own = zone_of(person.zone, self.zone) if self.campaign.when.own_zone else self.zone
        at = due(self.campaign.when, self.civil, self.begins, own) or self.begins
        asked = Asked(
            Kind.CAMPAIGN, self.campaign.name, 0, person.contact_id, key, Stream.MARKETING, list_id=person.list_id,
            priority=self.campaign.priority, best_before=at + self.campaign.best_before,
        )  # fmt: skip
        case = self.arbiter.case(tx, asked, now)
        if case.permission:
            return
        match judge(case, self.arbiter.policy, at):
            case Hold(reason=reason):
                tally.held[reason] += 1
            case Refuse(reason=reason):
                tally.held[f"not in time: {reason}"] += 1


def _known(tx: Tx, people: Sequence[Person]) -> dict[int, tuple[Any, ...]]:
    """(key, name, locale, fields) by contact."""
    if not people:
        return {}
    marks, ids = in_list([each.contact_id for each in people])
    rows = tx.query(f"SELECT id, key, name, locale, fields FROM contact WHERE id IN ({marks})", ids)
    return {row[0]: row[1:] for row in rows}


def _refused(tx: Tx, keys: Sequence[str], list_id: int) -> dict[str, str]:
    """Who may not be written to, with the arbiter's words: by address key."""
    found = dict(is_suppressed(tx, keys, Stream.MARKETING, list_id))
    left = [key for key in keys if key not in found]
    if list_id == ALL_LISTS:
        standing = standings(tx, left)
        without = [key for key in left if SubscriptionState.CONFIRMED not in standing.get(key, {}).values()]
        found |= dict.fromkeys(without, str(Refusal.NO_CONSENT))
    left = [key for key in left if key not in found]
    return found | dict.fromkeys(held_back(tx, left, list_id), str(Refusal.HELD))
