"""Claiming: due deliveries come into an owner's hands, or end because their time is over or they are suppressed.

Which deliveries leave by which source is said in buckets: each delivery is in one of them, for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, Stream, after
from mta.queue.hints import Destinations
from mta.queue.keeping import last_words
from mta.queue.leasing import has_lease
from mta.queue.queue import Claimed, Gate, Settled, settled

BUCKETS = 1000
Buckets = tuple[int, int]
"""From here (included) to there (excluded), of BUCKETS."""

EVERYTHING: Mapping[Stream, Buckets] = dict.fromkeys(Stream, (0, BUCKETS))
_BUCKET = "(d.id % 1000 * 619) % 1000"  # neighbours are far apart, so each part gets its share of a burst too


def bucket_of(delivery_id: int) -> int:
    """Which bucket a delivery is in, for ever: how deliveries are told apart that leave by other sources."""
    return delivery_id % BUCKETS * 619 % BUCKETS


CANDIDATES = (
    "SELECT d.id, d.message_id, d.forward_path, d.domain, d.stream, d.attempts + 1, d.created_ms, d.expires_ms, d.notify,"
    " d.orcpt, m.reverse_path, m.header_from, m.origin, m.size, m.needs_utf8, m.has_8bit, m.envid, m.ret, m.no_dsn,"
    " d.campaign, d.by_ms, d.by_mode, m.list_id"
    " FROM delivery d JOIN message m ON m.id = d.message_id"
    " WHERE d.state = 0 AND d.domain = ? AND d.stream = ? AND d.due_ms <= ? ORDER BY d.due_ms LIMIT ?"
)
_CANDIDATES_OF_BUCKETS = CANDIDATES.replace(" ORDER BY", f" AND {_BUCKET} >= ? AND {_BUCKET} < ? ORDER BY")


def has_due(buckets: Mapping[Stream, Buckets], now_ms: int) -> str:
    """SQL: that a destination `d` has something due in these buckets; nothing where they are all there are."""
    if buckets == EVERYTHING:
        return ""
    parts = [
        f"(w.stream = {int(stream)} AND {_BUCKET} >= {low} AND {_BUCKET} < {high})".replace("d.id", "w.id")
        for stream, (low, high) in buckets.items()
    ]
    return (
        " AND EXISTS (SELECT 1 FROM delivery w WHERE w.state = 0 AND w.domain = d.domain"
        f" AND w.due_ms <= {int(now_ms)} AND ({' OR '.join(parts)}))"
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim found: deliveries now in the owner's hands, and those that ended instead."""

    taken: tuple[Claimed, ...] = ()
    ended: tuple[Settled, ...] = ()
    is_drained: bool = True  # nothing more of this domain is due now


def claim(
    tx: Tx, domain: str, limit: int, owner: int, now: datetime, gate: Gate, *, bulk: int | None = None,
    buckets: Mapping[Stream, Buckets] = EVERYTHING, campaigns: Mapping[str, int] = {},
) -> Claim:  # fmt: skip
    """Take due deliveries of a domain: up to `limit` transactional ones, then up to `bulk` others (None: what is left
    of `limit`), of these buckets, and of the `campaigns` that are named at most so many. Expired and suppressed ones end here.

    An owner whose lease was taken away gets nothing: nobody would ever sweep it again.
    """
    if not has_lease(tx, owner):
        return Claim()
    now_ms = to_ms(now)
    found = _due(tx, domain, Stream.TRANSACTIONAL, now_ms, limit, buckets, campaigns)
    bulk = limit - len(found) if bulk is None else bulk
    others = _due(tx, domain, Stream.MARKETING, now_ms, bulk, buckets, campaigns)
    is_drained = len(found) < limit and len(others) < bulk
    found = _within([*found, *others], campaigns)
    ended = _end_before_claim(tx, found, now_ms, gate)
    gone = {each.delivery_id for each in ended}
    taken = tuple(each for each in found if each.delivery_id not in gone)
    tx.executemany(
        "UPDATE delivery SET state = 1, owner = ?, attempts = attempts + 1, claimed_ms = ? WHERE id = ?",
        [(owner, now_ms, each.delivery_id) for each in taken],
    )
    if is_drained:
        tx.at_commit(Destinations).drained.add(domain)
    return Claim(taken, tuple(ended), is_drained)


def _due(
    tx: Tx, domain: str, stream: Stream, now_ms: int, limit: int, buckets: Mapping[Stream, Buckets],
    campaigns: Mapping[str, int],
) -> list[Claimed]:  # fmt: skip
    low, high = buckets[stream]
    if not limit or low == high:
        return []
    is_all = (low, high) == (0, BUCKETS)
    shut = [name for name, room in campaigns.items() if room <= 0]
    others = f" AND d.campaign NOT IN ({','.join('?' * len(shut))})" if shut else ""
    sql = (CANDIDATES if is_all else _CANDIDATES_OF_BUCKETS).replace(" ORDER BY", others + " ORDER BY") + tx.for_update(
        "d", skip_locked=True
    )
    part = () if is_all else (low, high)
    return [as_claimed(row) for row in tx.query(sql, (domain, int(stream), now_ms, *part, *shut, limit))]


def _within(found: list[Claimed], campaigns: Mapping[str, int]) -> list[Claimed]:
    """Those of which there are not more than their campaign may have."""
    if not campaigns:
        return found
    left = dict(campaigns)
    kept = []
    for each in found:
        if left.get(each.campaign, 1) > 0:
            kept.append(each)
            if each.campaign in left:
                left[each.campaign] -= 1
    return kept


def as_claimed(row: Sequence[Any]) -> Claimed:
    values = list(row)
    values[4] = Stream(values[4])
    values[14], values[15], values[18] = bool(values[14]), bool(values[15]), not values[18]
    return Claimed(*values)


def _end_before_claim(tx: Tx, found: Sequence[Claimed], now_ms: int, gate: Gate) -> list[Settled]:
    ended: list[Settled] = []
    fresh = []
    for each in found:
        if each.expires_ms <= now_ms:
            ended.append(end(tx, each, Event.TIME_RAN_OUT, "", now_ms, None))
        else:
            fresh.append(each)
    for delivery_id, reason in (gate(tx, fresh) if fresh else {}).items():
        each = next(one for one in fresh if one.delivery_id == delivery_id)
        # A submission is owed an answer (a DSN); the engine's own mail just does not leave.
        event = Event.REJECTED if each.origin == "submission" else Event.CANCELLED
        reply = f"550 5.7.1 suppressed: {reason}"
        ended.append(end(tx, each, event, reply, now_ms, f"suppression: {reason}"))
    return ended


def end(tx: Tx, each: Claimed, event: Event, reply: str, now_ms: int, by: str | None) -> Settled:
    state = after(State.QUEUED, event)
    reply = reply or last_words(tx, each.delivery_id)
    tx.execute(
        "UPDATE delivery SET state = ?, ended_ms = ?, ended_by = ?, last_reply = CASE WHEN ? = '' THEN last_reply ELSE ? END"
        " WHERE id = ?",
        (int(state), now_ms, by, reply, reply, each.delivery_id),
    )
    return settled(each, state, event, reply, "queue")
