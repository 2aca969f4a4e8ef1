"""Sources and pools: which deliveries leave by which, and what keeps them apart."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from clock import FakeClock
from house_books import message
from mail_shop import Place, open_store
from pydantic import ValidationError

from engine.config import parse
from engine.faults import ConfigFaults
from mta.outbound.sources import Source, SourceSettings, StreamSettings, problems, ways
from mta.queue import claiming, leasing, queue
from mta.queue.claiming import BUCKETS, bucket_of
from mta.queue.delivery import Stream
from mta.queue.places import place, site_and_source
from mta.queue.settings import QueueSettings

SOURCES = {
    name: SourceSettings(address=(f"127.0.0.{number}",)) for number, name in enumerate(("one", "two", "three"), 2)
}
POOLS = {"quick": {"one": 1}, "bulk": {"two": 1, "three": 3}}
STREAMS = StreamSettings(transactional="quick", marketing="bulk")


def counted(stream: Stream, **how: Any) -> Mapping[str, int]:
    """How many of 10,000 deliveries in a row leave by each source. Each leaves by exactly one."""
    made = ways(SOURCES, **{"pools": POOLS, "streams": STREAMS, "hostname": "mail.shop.example", **how})
    found = [[way.source.name for way in made if way.has(number, stream)] for number in range(1, 10_001)]
    assert all(len(names) == 1 for names in found)
    return Counter(names[0] for names in found)


def test_each_stream_leaves_by_its_pool_and_by_weight() -> None:
    assert counted(Stream.TRANSACTIONAL) == {"one": 10_000}
    assert counted(Stream.MARKETING) == {"two": 2_500, "three": 7_500}


def test_without_pools_all_sources_share_evenly() -> None:
    found = counted(Stream.MARKETING, pools={}, streams=StreamSettings())
    assert set(found) == set(SOURCES)
    assert max(found.values()) - min(found.values()) <= 20


def test_a_burst_is_spread_over_the_sources() -> None:
    made = ways(SOURCES, {}, StreamSettings(), "mail.shop.example")
    for first in (1, 777, 99_001):
        burst = Counter(
            way.source.name for number in range(first, first + 30) for way in made if way.has(number, Stream.MARKETING)
        )
        assert min(burst[name] for name in SOURCES) >= 8


def test_a_source_in_no_pool_that_is_used_carries_nothing() -> None:
    made = ways(SOURCES, POOLS, StreamSettings(transactional="quick", marketing="quick"), "mail.shop.example")
    assert [way.source.name for way in made] == ["one"]
    assert made[0].source.ehlo == "mail.shop.example"


def test_a_source_connects_from_its_address_of_the_right_family() -> None:
    source = Source("both", ("192.0.2.1", "2001:db8::1"), "mail.shop.example")
    assert source.address_for("198.51.100.7") == "192.0.2.1"
    assert source.address_for("2001:db8::7") == "2001:db8::1"
    assert source.address_for("/run/lmtp") == ""
    assert Source("four", ("192.0.2.1",), "x").address_for("2001:db8::7") is None
    assert Source("", (), "x").address_for("2001:db8::7") == ""


@pytest.mark.parametrize("address", [[], "mail.example", ["192.0.2.1", "192.0.2.2"], ["192.0.2.1", "x"]])
def test_what_is_no_source_is_refused(address: Any) -> None:
    with pytest.raises(ValidationError):
        SourceSettings(address=address)


def test_pools_that_do_not_fit_are_named() -> None:
    found = problems(SOURCES, {"a": {"four": 1}, "b": {"one": 0}}, StreamSettings(marketing="c"))
    assert found == [
        (("pools", "a", "four"), f'there is no source "four" (there are: {", ".join(sorted(SOURCES))})'),
        (("pools", "b"), "it needs a weight over 0 for a source"),
        (("streams", "marketing"), 'there is no pool "c" (there are: a, b)'),
    ]


def test_sources_are_read_from_the_file() -> None:
    text = '[sources.one]\naddress = "127.0.0.2"\nehlo = "Mail1.shop.example"\n'
    text += '[pools.all]\none = 2\n[streams]\nmarketing = "all"\n'
    [way] = parse(text).ways
    assert way.source == Source("one", ("127.0.0.2",), "mail1.shop.example", parse(text).hostname)
    with pytest.raises(ConfigFaults, match="exclude each other"):
        parse(text + '[outbound]\nsource = "127.0.0.1"\n')


def test_places_are_read_as_they_are_written() -> None:
    assert site_and_source(place("a.example,b.example", "one")) == ("a.example,b.example", "one")
    assert site_and_source(place("a.example", "")) == ("a.example", "")


async def test_a_claim_takes_only_its_own_buckets(place_of_store: Any) -> None:
    store, clock = place_of_store
    now = clock.now()
    owner = await store.write(lambda tx: leasing.register(tx, "carrier", 1, leasing.Host(*tx.lease_time()), now))
    for number in range(40):
        new = message(f"n{number}@a.example", stream=Stream.MARKETING)
        await store.write(lambda tx, new=new: queue.enqueue(tx, new, now, QueueSettings()))
    taken = []
    for low, high in ((0, 400), (400, 400), (400, BUCKETS)):
        buckets = {Stream.TRANSACTIONAL: (0, 0), Stream.MARKETING: (low, high)}
        claim = await store.write(
            lambda tx, buckets=buckets: claiming.claim(
                tx, "a.example", 100, owner, now, lambda *_: {}, bulk=100, buckets=buckets
            )
        )
        taken.append([each.delivery_id for each in claim.taken])
        assert all(low <= bucket_of(number) < high for number in taken[-1])
        left = await store.read(lambda tx: tx.query("SELECT next_ms FROM destination"))
        assert (left == [(None,)]) is (high == BUCKETS)
    assert sorted(number for each in taken for number in each) == list(range(1, 41))
    assert taken[0] and not taken[1] and taken[2]


@pytest.fixture
async def place_of_store(place: Place) -> Any:
    clock = FakeClock()
    store = open_store(place, clock)
    yield store, clock
    await asyncio.to_thread(store.close)
