"""How mail leaves: from which source, and what its way is secured by. For those who ask why."""

from datetime import datetime

from engine.config import Config
from mta.outbound import tls_ledger
from mta.outbound.sources import Way, one_way
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream
from mta.queue.places import place
from mta.routing import policy
from mta.routing.hops import Demand
from mta.routing.routes import named


def how(
    tx: Tx, config: Config, domain: str, site: str, now: datetime, delivery: tuple[int, Stream] | None = None,
    tried_by: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """In words: the source, the TLS that is demanded, and where TLS is known not to work. `delivery`: its number and
    stream; without one it is said of all streams. `tried_by`: the source of its last attempt."""
    ways = config.ways or one_way(config.outbound.source, config.hostname)
    mine = [way for way in ways if delivery is None or way.has(*delivery)]
    places = [place(site, way.source.name) for way in mine]
    broken = [(where, *tls_ledger.broken(tx, where)) for where in places]
    return (
        *_sources(mine, delivery),
        *([f"tried last from source {tried_by}, which stood in for it"] if _is_another(mine, tried_by) else []),
        f"TLS {_tls(tx, config, domain, now)}",
        *(
            f"TLS is not begun with {where} until {from_ms(until):%Y-%m-%d %H:%M} UTC, where nobody demands it: {why}"
            for where, until, why in broken
            if until > to_ms(now)
        ),
    )


def _sources(ways: list[Way], delivery: tuple[int, Stream] | None) -> list[str]:
    if delivery is not None or len(ways) == 1:
        return [f"from {_source(way)}" for way in ways]
    found = []
    for way in ways:
        shares = [
            f"{(high - low) / 10:g} % of {stream.word}" for stream, (low, high) in way.buckets.items() if high > low
        ]
        found.append(f"from {_source(way)}: {', '.join(shares)}")
    return found


def _is_another(ways: list[Way], source: str) -> bool:
    return bool(source) and source not in {way.source.name for way in ways}


def _source(way: Way) -> str:
    address = " or ".join(way.source.addresses) or "the address that the system chooses"
    return f"{address} as {way.source.ehlo}" + (f" (source {way.source.name})" if way.source.name else "")


def _tls(tx: Tx, config: Config, domain: str, now: datetime) -> str:
    hop, demand = named(config.routing, domain)
    if hop is None and demand is None and config.routing.mta_sts:
        kept = policy.read_policy(tx, domain, now)
        if kept is not None:
            names = ", ".join(kept.policy.exchangers[:5])
            return f"by MTA-STS, {kept.policy.mode}, until {kept.expires:%Y-%m-%d %H:%M} UTC: {names}"
    return _words(demand or Demand())


def _words(demand: Demand) -> str:
    return f"{demand.level} ({demand.origin})" if demand.origin else f"{demand.level}"
