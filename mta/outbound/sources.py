"""Sources: the local addresses that mail leaves from, each with the name it says in EHLO, in weighted pools by stream.

A delivery belongs to one source by its number: the same at each attempt, in every carrier, after every restart, so that
a greylist meets who it knows. Where weights or pools are changed, some deliveries that wait change their source.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field, field_validator

from deliverability.address import AddressError, parse_domain
from deliverability.settings import Settings
from mta.queue.claiming import BUCKETS, Buckets, bucket_of
from mta.queue.delivery import Stream


class SourceSettings(Settings):
    """`[sources.NAME]`: where mail leaves from."""

    address: tuple[str, ...] = Field(description="Local IP addresses, at most one of each family.")
    ehlo: str = Field(default="", description="The name said in EHLO; empty: hostname.")
    warm_up: bool = Field(
        default=False, description="It is new: each provider is given little at first, as [warm_up] says."
    )

    @field_validator("address", mode="before")
    @classmethod
    def _is_one_of_each(cls, said: object) -> object:
        said = (said,) if isinstance(said, str) else said
        if isinstance(said, list | tuple):
            families = [_address(each).version for each in said]
            if not families or len(set(families)) < len(families):
                raise ValueError("one IPv4 address, one IPv6 address, or both")
        return said

    @field_validator("ehlo")
    @classmethod
    def _is_name(cls, said: str) -> str:
        try:
            return parse_domain(said) if said else ""
        except AddressError as err:
            raise ValueError(f'"{said}" is no host name: {err}') from None


class StreamSettings(Settings):
    """`[streams]`: which pool of sources a stream leaves by."""

    transactional: str = Field(default="", description="A pool; empty: all sources, evenly.")
    marketing: str = Field(default="", description="A pool; empty: all sources, evenly.")


@dataclass(frozen=True, slots=True)
class Source:
    """Where mail leaves from. The one without a name is the system's choice, or `outbound.source`."""

    name: str
    addresses: tuple[str, ...]  # none: the system's choice
    ehlo: str
    hostname: str = ""  # what the machine is called, whatever this source says

    def address_for(self, other: str) -> str | None:
        """The local address for a connection to this one; "" is the system's choice, None that there is none."""
        if not self.addresses or other.startswith("/"):
            return ""
        family = ipaddress.ip_address(other).version
        return next((each for each in self.addresses if ipaddress.ip_address(each).version == family), None)


@dataclass(frozen=True, slots=True)
class Way:
    """A source, and which deliveries are its own, by stream."""

    source: Source
    buckets: Mapping[Stream, Buckets]

    def has(self, delivery_id: int, stream: Stream) -> bool:
        low, high = self.buckets[stream]
        return low <= bucket_of(delivery_id) < high


def one_way(address: str, hostname: str) -> tuple[Way, ...]:
    """All mail leaves by one source."""
    source = Source("", (address,) if address else (), hostname)
    return (Way(source, dict.fromkeys(Stream, (0, BUCKETS))),)


def ways(
    sources: Mapping[str, SourceSettings],
    pools: Mapping[str, Mapping[str, int]],
    streams: StreamSettings,
    hostname: str,
) -> tuple[Way, ...]:
    """The sources that are in a pool of some stream. `problems` says first whether all of it fits."""
    shares = {
        stream: _shares(pools.get(getattr(streams, stream.word)) or dict.fromkeys(sources, 1)) for stream in Stream
    }
    found = []
    for name, said in sources.items():
        buckets = {stream: shares[stream].get(name, (0, 0)) for stream in Stream}
        if any(low < high for low, high in buckets.values()):
            found.append(Way(Source(name, said.address, said.ehlo or hostname, hostname), buckets))
    return tuple(found)


def problems(
    sources: Mapping[str, SourceSettings], pools: Mapping[str, Mapping[str, int]], streams: StreamSettings
) -> list[tuple[tuple[str, ...], str]]:
    """What does not fit together: the names that lead there, and the words."""
    found: list[tuple[tuple[str, ...], str]] = [
        (("pools", pool, name), f'there is no source "{name}"{_there_are(sources)}')
        for pool, of in pools.items()
        for name in of
        if name not in sources
    ]
    found += [
        (("pools", pool), "it needs a weight over 0 for a source")
        for pool, of in pools.items()
        if sum(of.values()) < 1 or min(of.values()) < 0
    ]
    for stream in Stream:
        pool = getattr(streams, stream.word)
        if pool and pool not in pools:
            found.append((("streams", stream.word), f'there is no pool "{pool}"{_there_are(pools)}'))
    return found


def _there_are(names: Iterable[str]) -> str:
    known = ", ".join(sorted(names))
    return f" (there are: {known})" if known else ""


def _shares(weights: Mapping[str, int]) -> dict[str, Buckets]:
    """Each source's part of the buckets, by weight."""
    total, so_far, low = sum(weights.values()), 0, 0
    shares = {}
    for name, weight in weights.items():
        so_far += weight
        high = BUCKETS * so_far // total
        shares[name] = (low, high)
        low = high
    return shares


def _address(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        raise ValueError(f'"{text}" is not an IP address') from None
