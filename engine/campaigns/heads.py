"""Heads: how many of whom, counted part by part in short snapshots and kept for a while, so that screens need not wait.

Of an audience: people by domain and zone, before a run. Of a run: recipients by domain, zone, state and hour. Whoever asks has a
few parts counted at once, which is all of a small audience; the keeper counts the rest of a large one, a part a turn. Whoever
counts does so alone, or two who ask at the same moment would count the same part twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from engine.campaigns import audience
from engine.campaigns.audience import NoSuchGroup
from engine.campaigns.choosing import is_held_out
from engine.campaigns.crowding import domain_of
from engine.campaigns.model import Campaign
from engine.store.many import in_list
from mta.ports import Store, Tx

AT_ONCE: Final = 12  # parts that a question counts itself
DOMAINS: Final = 12  # that stand by themselves; the others are one, ""
FOLDED: Final = 20_000  # places kept while it is counted: of more, the smallest domains are folded at once
RECIPIENTS: Final = 1_000  # of a run, in one part
RESTS: Final = 10  # a large count rests for so many times as long as it took
KEPT: Final = timedelta(hours=1)  # an audience is counted again after so long
KNOWN_MAX: Final = 1_000  # counts that are remembered
HOUR_MS: Final = 3_600_000


class Place(NamedTuple):
    """Where people are counted. `state` and `hour` (when they are due, in hours since 1970) are a run's."""

    domain: str
    zone: str
    state: str = ""
    hour: int = 0


Part = Callable[[Tx, int, "Counter[Place]"], int | None]
"""Counts a part behind a number into the counter; where to go on, None at the end."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What was counted, at what time; the domains with most people by name."""

    at: datetime
    by: dict[Place, int]

    @property
    def people(self) -> int:
        return sum(self.by.values())


@dataclass(slots=True)
class _Count:
    part: Part
    began: datetime
    kept: timedelta  # it is not counted again before
    after: int = 0
    by: "Counter[Place]" = field(default_factory=Counter)
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


class HeadCounts:
    """What is being counted, and what was."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Heads, timedelta]] = {}  # with how long it stands
        self._counts: dict[Hashable, _Count] = {}

    async def audience(self, store: Store, version_id: int, campaign: Campaign, now: datetime) -> Heads | None:
        """The people of a campaign's audience, but for its holdout; None while they are counted. NoSuchGroup."""
        of = await store.read(lambda tx: audience.groups(tx, campaign.audience))
        return await self._ask(store, ("audience", version_id), partial(_people, campaign, of), now, KEPT)

    async def run(self, store: Store, run_id: int, now: datetime) -> Heads | None:
        """The recipients of a run; None while they are counted first."""
        return await self._ask(store, ("run", run_id), partial(_recipients, run_id), now, timedelta())

    async def turn(self, store: Store, now: datetime) -> bool:
        """Count a part of what was asked about. False when all is counted."""
        key = next(iter(self._counts), None)
        if key is None:
            return False
        try:
            await self._part(store, key, now)
        except NoSuchGroup:
            self._counts.pop(key, None)
        return True

    async def _ask(self, store: Store, key: Hashable, part: Part, now: datetime, kept: timedelta) -> Heads | None:
        known = self._known.get(key)
        if known is not None and timedelta() <= now - known[0].at < known[1]:
            return known[0]
        self._counts.setdefault(key, _Count(part, now, kept))
        for _ in range(AT_ONCE):
            if key not in self._counts:
                break
            await self._part(store, key, now)
        found = self._known.get(key)
        return found[0] if found else None

    async def _part(self, store: Store, key: Hashable, now: datetime) -> None:
        count = self._counts[key]
        async with count.alone:
            if self._counts.get(key) is count:
                await self._one_part(store, key, count, now)

    async def _one_part(self, store: Store, key: Hashable, count: _Count, now: datetime) -> None:
        after = await store.read(lambda tx: count.part(tx, count.after, count.by))
        if len(count.by) > FOLDED:
            count.by = Counter(folded(count.by))
        if after is not None:
            count.after = after
            return
        self._counts.pop(key, None)
        stands = max(count.kept, (now - count.began) * RESTS)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[key] = Heads(now, folded(count.by)), stands


def _people(campaign: Campaign, of: audience.Groups, tx: Tx, after: int, by: "Counter[Place]") -> int | None:
    part = audience.read_part(tx, of, after)
    if part is None:
        return None
    people = [each for each in part.people if not each.reason and not is_held_out(campaign, each.contact_id)]
    if people:
        marks, ids = in_list([each.contact_id for each in people])
        keys = dict(tx.query(f"SELECT id, key FROM contact WHERE id IN ({marks})", ids))
        by.update(Place(domain_of(keys[each.contact_id]), each.zone) for each in people if each.contact_id in keys)
    return part.cursor


def _recipients(run_id: int, tx: Tx, after: int, by: "Counter[Place]") -> int | None:
    rows = tx.query(
        "SELECT r.contact_id, r.state, r.due_ms, COALESCE(c.key, ''), COALESCE(c.zone, '') FROM campaign_recipient r"
        " LEFT JOIN contact c ON c.id = r.contact_id WHERE r.run_id = ? AND r.contact_id > ?"
        " ORDER BY r.contact_id LIMIT ?",
        (run_id, after, RECIPIENTS),
    )
    for _, state, due_ms, key, zone in rows:
        by[Place(domain_of(key), zone, state, due_ms // HOUR_MS if state == "waiting" else 0)] += 1
    return rows[-1][0] if len(rows) == RECIPIENTS else None


def folded(by: "Counter[Place]") -> dict[Place, int]:
    """The same with the smaller domains as one."""
    domains: Counter[str] = Counter()
    for place, people in by.items():
        domains[place.domain] += people
    named = {domain for domain, _ in domains.most_common(DOMAINS)}
    found: Counter[Place] = Counter()
    for place, people in by.items():
        found[place if place.domain in named else place._replace(domain="")] += people
    return dict(found)
