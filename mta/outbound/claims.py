"""What a scheduler claims in one transaction: for several domains, no more than their lanes have room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deliverability.reply import Reply
from mta.outbound.due import site_row
from mta.outbound.lane import Lane
from mta.outbound.sources import Way
from mta.ports import Tx, to_ms
from mta.queue import claiming, hints, settling
from mta.queue.claiming import Buckets, Claim
from mta.queue.delivery import Event, State, Stream
from mta.queue.places import site_and_source
from mta.queue.queue import Follow, Gate, Settled, Settlement

Lent = tuple[Stream, Buckets]
"""Deliveries of another source, which has no room for them."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Who claims: an owner, for a source; and who is asked before and told after."""

    owner: int
    way: Way
    gate: Gate
    follow: Follow


def claim_for(
    tx: Tx, plan: Mapping[str, Lane], rooms: Mapping[Lane, tuple[int, int]], lent: Mapping[str, set[Lent]],
    campaigns: Mapping[str, int], hands: Hands, now: datetime,
) -> tuple[dict[str, Claim], dict[Lane, int]]:  # fmt: skip
    """Claim for each domain of the plan, its own source's deliveries first, then what is lent. `rooms`: for transactional
    mail and for other. Also until when sites rest, as others found out: nothing is claimed for those."""
    found = {}
    rests = {lane: site_row(tx, lane.site)[0] for lane in rooms if not lane.is_proven}
    left = {lane: room for lane, room in rooms.items() if rests.get(lane, 0) <= to_ms(now)}
    for domain, lane in plan.items():
        if lane not in left:
            continue
        claims = []
        for buckets in (hands.way.buckets, *map(_only, lent[domain])):
            urgent, bulk = left[lane]
            claim = claiming.claim(
                tx, domain, urgent, hands.owner, now, hands.gate, bulk=bulk, buckets=buckets, campaigns=campaigns
            )
            taken = sum(each.stream is Stream.TRANSACTIONAL for each in claim.taken)
            left[lane] = (urgent - taken, bulk - (len(claim.taken) - taken))
            claims.append(claim)
        found[domain] = _together(claims)
        hints.note_site(tx, domain, site_and_source(lane.site)[0])
    if ended := [each for claim in found.values() for each in claim.ended]:
        hands.follow(tx, ended)
    return found, rests


def refuse_due(tx: Tx, domain: str, reply: Reply, hands: Hands, now: datetime) -> tuple[list[Settled], bool]:
    """End what is due of a domain that leads nowhere: what ended, and whether nothing more is due."""
    claim = claiming.claim(tx, domain, 100, hands.owner, now, hands.gate, buckets=hands.way.buckets)
    settled = [
        settling.settle(
            tx, each,
            Settlement(each.delivery_id, State.IN_FLIGHT, Event.REJECTED, str(reply), "route", to_ms(now)),
            hands.owner, now,
        )
        for each in claim.taken
    ]  # fmt: skip
    ended = [*claim.ended, *(each for each in settled if each is not None)]
    hands.follow(tx, ended)
    return ended, claim.is_drained


def _only(lent: Lent) -> Mapping[Stream, Buckets]:
    """Deliveries of one stream only."""
    return {stream: lent[1] if stream is lent[0] else (0, 0) for stream in Stream}


def _together(claims: Sequence[Claim]) -> Claim:
    """Claims of one domain as one."""
    if len(claims) == 1:
        return claims[0]
    taken = tuple(one for each in claims for one in each.taken)
    ended = tuple(one for each in claims for one in each.ended)
    return Claim(taken, ended, all(each.is_drained for each in claims))
