"""Limits beyond one site, as one carrier goes by them."""

from dataclasses import replace

from mta.outbound.gauges import Gauges
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed

URGENT = Claimed(
    delivery_id=1, message_id=1, forward_path="ann@example.org", domain="example.org", stream=Stream.TRANSACTIONAL,
    attempts=1, created_ms=0, expires_ms=0, notify="", orcpt=None, reverse_path="", header_from="", origin="submission",
    size=1, needs_utf8=False, has_8bit=False, envid=None, ret=None,
)  # fmt: skip
NEWS = replace(URGENT, stream=Stream.MARKETING, campaign="spring")


def test_nothing_is_allowed_before_the_first_grant_and_what_waits_is_told() -> None:
    asked = []
    gauges = Gauges(["campaign:spring", "stream:marketing"], lambda: asked.append(1))
    assert not gauges.allows((), NEWS) and gauges.allows((), URGENT)
    assert asked and gauges.report() == {"campaign:spring": (0, 0, 1, 0), "stream:marketing": (0, 0, 1, 0)}


def test_a_delivery_needs_room_in_each_of_its_scopes() -> None:
    gauges = Gauges(["source:a", "campaign:spring"])
    of_lane = gauges.of_lane("a", "gmail")
    gauges.use({"campaign:spring": (1, 1, False)})
    assert not gauges.allows(of_lane, NEWS)
    gauges.use({"source:a": (5, 1, False)})
    assert gauges.allows(of_lane, NEWS)
    gauges.took(of_lane, NEWS)
    assert not gauges.allows(of_lane, NEWS) and gauges.allows(of_lane, URGENT)
    assert gauges.campaigns() == {"spring": 0}


def test_what_an_operator_suspended_is_neither_tried_nor_claimed_until_another_word() -> None:
    gauges = Gauges()
    assert not gauges
    gauges.shut(["stream:marketing", "source:b"])
    assert gauges and gauges.may((), URGENT) and not gauges.may((), NEWS) and not gauges.may(("source:b",), URGENT)
    assert gauges.room(("source:a", "stream:transactional"), 5) == 5
    assert gauges.room(("source:a", "stream:marketing"), 5) == 0
    gauges.shut(["campaign:spring"])
    assert gauges.campaigns() == {"spring": 0} and gauges.touches((), Stream.TRANSACTIONAL)
    gauges.shut([])
    assert gauges.may((), NEWS)


def test_what_nobody_wanted_for_a_beat_is_given_back() -> None:
    gauges = Gauges(["stream:marketing"])
    gauges.use({"stream:marketing": (10, 1, False)})
    gauges.took((), NEWS)
    assert gauges.report() == {"stream:marketing": (1, 10, 0, 1)}
    assert gauges.report() == {"stream:marketing": (1, 1, 0, 1)}


def test_a_source_that_warms_up_overflows_once_the_conductor_has_nothing_left_and_not_before() -> None:
    gauges = Gauges(["warm-up:new/gmail"])
    lane = gauges.of_lane("new", "gmail")
    assert not gauges.allows(lane, URGENT) and not gauges.is_overflowing(lane), "nobody was asked yet"
    gauges.use({"warm-up:new/gmail": (1, 1, False)})
    gauges.took(lane, URGENT)
    assert not gauges.is_overflowing(lane), "there may be more"
    gauges.use({"warm-up:new/gmail": (1, 1, True)})
    assert gauges.is_overflowing(lane)
    gauges.use({"warm-up:new/gmail": (2, 2, False)})
    assert not gauges.is_overflowing(lane)


def test_what_was_given_back_is_not_granted_again_by_word_that_nothing_is_left() -> None:
    gauges = Gauges(["stream:marketing"])
    gauges.use({"stream:marketing": (10, 1, False)})
    gauges.report()
    gauges.use({"stream:marketing": (10, 1, True)})
    assert not gauges.allows((), NEWS)
