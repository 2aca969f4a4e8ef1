"""A lane: room and tokens that bulk cannot take from urgent mail, and a pace that holds."""

import math
from dataclasses import replace

import pytest

from deliverability.shaping.share import Share
from mta.outbound.lane import Lane
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed
from mta.routing.hops import Demand, Level
from mta.routing.policy import Reported
from mta.routing.routes import Route

NOW = 1_000_000.0
URGENT = Claimed(
    delivery_id=1, message_id=1, forward_path="ann@example.org", domain="example.org", stream=Stream.TRANSACTIONAL,
    attempts=1, created_ms=0, expires_ms=0, notify="", orcpt=None, reverse_path="", header_from="", origin="submission",
    size=1, needs_utf8=False, has_8bit=False, envid=None, ret=None,
)  # fmt: skip
BULK = replace(URGENT, stream=Stream.MARKETING)


def lane(share: Share, bulk: int = 0, urgent: int = 0, site: str = "mx.example.org") -> Lane:
    made = Lane(site, Route(site, ()), is_proven=True)
    made.use(share, NOW)
    for _ in range(bulk):
        made.put(BULK)
    for _ in range(urgent):
        made.put(URGENT)
    return made


def test_a_lane_that_was_not_answered_yet_claims_nothing_and_opens_nothing() -> None:
    new = Lane("mx.example.org", Route("mx.example.org", ()), is_proven=True)
    new.put(URGENT)
    assert new.is_resting(0) and new.urgent_room == 0 and not new.wants_connection(NOW)


def test_bulk_that_fills_a_lane_leaves_room_for_urgent_mail_which_goes_first() -> None:
    full = lane(Share(slots=2), bulk=8)
    assert (full.urgent_room, full.bulk_room) == (8, 0)
    full.put(URGENT)
    assert full.take(NOW) is URGENT
    assert full.take(NOW) is BULK


def test_a_token_is_kept_for_urgent_mail_however_much_bulk_waits() -> None:
    paced = lane(Share(slots=2, rate=1.0, burst=2.0, reserve=1.0), bulk=5)
    assert paced.take(NOW) is BULK
    assert paced.take(NOW) is None
    assert paced.wait(NOW) == pytest.approx(1.0)
    paced.put(URGENT)
    assert paced.wait(NOW) == 0
    assert paced.take(NOW) is URGENT


def test_a_grant_that_is_spent_lets_nothing_go_and_its_last_part_is_urgent_mails() -> None:
    granted = lane(Share(slots=2, upto=2, bulk_upto=1), bulk=5)
    assert [granted.take(NOW), granted.take(NOW)] == [BULK, None]
    assert granted.wait(NOW) == math.inf
    granted.put(URGENT)
    assert granted.take(NOW) is URGENT
    granted.put(URGENT)
    assert granted.take(NOW + 1000) is None


def test_no_more_connections_are_opened_than_the_pace_gives_work() -> None:
    paced = lane(Share(slots=20, rate=1.0, burst=1.0), bulk=50)
    assert paced.wants_connection(NOW)
    paced.opening(NOW)
    assert not paced.wants_connection(NOW)


def test_a_slow_lane_claims_no_more_than_it_soon_carries() -> None:
    assert lane(Share(slots=20, rate=1.0)).bulk_room == 4
    assert lane(Share(slots=20, rate=0.01)).bulk_room == 1
    assert lane(Share(slots=20)).bulk_room == 80


def test_connections_are_opened_no_faster_than_their_rate() -> None:
    slow_door = lane(Share(slots=20, connection_rate=0.5), bulk=9)
    assert slow_door.wants_connection(NOW)
    slow_door.opening(NOW)
    assert not slow_door.wants_connection(NOW)
    assert slow_door.wants_connection(NOW + 2)


def test_a_hushed_lane_gives_nothing_until_a_share_comes() -> None:
    hushed = lane(Share(slots=2), bulk=1)
    hushed.is_hushed = True
    assert hushed.take(NOW) is None and hushed.is_resting(0)
    hushed.use(Share(slots=2, version=2), NOW)
    assert hushed.take(NOW) is BULK


def test_a_paused_lane_rests_until_its_time() -> None:
    paused = lane(Share(slots=2, paused_ms=5_000))
    assert paused.is_resting(4_999) and not paused.is_resting(5_000)


def test_what_waits_for_one_domain_can_be_taken_out() -> None:
    mixed = lane(Share(slots=2), bulk=2)
    mixed.put(replace(URGENT, domain="other.example"))
    assert [each.domain for each in mixed.empty_of({"other.example"})] == ["other.example"]
    assert len(mixed) == 2


@pytest.mark.parametrize(
    ("site", "provider"), [("mx3.qq.com", "qq"), ("transport:mx3.qq.com:25", ""), ("mx3.qq.com,mx.example.org", "")]
)
def test_the_provider_is_who_owns_all_exchangers_and_nobody_behind_a_named_hop(site: str, provider: str) -> None:
    assert lane(Share(), site=site).provider == provider


def test_a_site_that_granted_no_connection_yet_is_tried_with_one_and_few_deliveries() -> None:
    new = lane(Share(slots=20), bulk=3)
    new.is_proven = False
    assert (new.urgent_room, new.bulk_room) == (4, 1)
    new.opening(NOW)
    assert not new.wants_connection(NOW)
    new.is_proven = True
    assert new.wants_connection(NOW)
    assert new.bulk_room == 77


def test_what_domains_demand_is_forgotten_with_their_ways_but_not_while_their_mail_waits() -> None:
    one = lane(Share(slots=2), urgent=1)
    demand = Demand(Level.VERIFY, "MTA-STS")
    for domain in ("example.org", "known.example", "other.example"):
        one.learn(domain, Route("mx.example.org", (), demand, reported=Reported(domain, "sts")))
    one.forget_ways({"known.example"})
    assert one.demands.keys() == one.reported.keys() == {"example.org", "known.example"}
    assert one.demand("example.org") == demand
