"""What an administrator may set about routes."""

import ipaddress
from typing import Literal

from pydantic import Field, field_validator

from deliverability.address import AddressError, parse_domain
from deliverability.settings import Settings
from mta.routing.prohibited import IpNetwork
from mta.routing.resolver import is_address, split_host_port

Family = Literal["ipv4", "ipv6", "ipv4-only", "ipv6-only"]


class RoutingSettings(Settings):
    """`[routing]`: where mail for a domain goes."""

    resolvers: tuple[str, ...] = Field(
        default=(), description="Name servers to ask, each an IP address with an optional port; empty: the system's."
    )
    permit: tuple[IpNetwork, ...] = Field(
        default=(),
        description="Networks that DNS may send mail into although they are loopback, private or otherwise prohibited.",
    )
    smart_host: str = Field(
        default="", description="Send all mail to this host (host or host:port) instead of to its domain's own hosts."
    )
    transport: dict[str, str] = Field(
        default={},
        description='Next hop by recipient domain, as host or host:port. The key is a domain, ".domain" for all below'
        ' it, or "*" for all. It comes before the smart host and DNS.',
    )
    port: int = Field(default=25, ge=1, le=65535, description="TCP port of next hops that are named without one.")
    prefer: Family = Field(
        default="ipv4", description="Address family to try first, or the only one: ipv4, ipv6, ipv4-only, ipv6-only."
    )

    @field_validator("resolvers")
    @classmethod
    def _resolvers_are_addresses(cls, resolvers: tuple[str, ...]) -> tuple[str, ...]:
        for each in resolvers:
            if not is_address(split_host_port(each, 53)[0]):
                raise ValueError(f'"{each}" is not an IP address (try "127.0.0.1:53")')
        return resolvers

    @field_validator("permit", mode="before")
    @classmethod
    def _permit_is_networks(cls, permit: object) -> object:
        return tuple(_network(each) for each in permit) if isinstance(permit, list | tuple) else permit

    @field_validator("smart_host")
    @classmethod
    def _smart_host_is_a_host(cls, smart_host: str) -> str:
        return _next_hop(smart_host) if smart_host else ""

    @field_validator("transport")
    @classmethod
    def _transport_maps_domains_to_hosts(cls, transport: dict[str, str]) -> dict[str, str]:
        return {_pattern(pattern): _next_hop(hop) for pattern, hop in transport.items()}


def _network(each: object) -> object:
    try:
        return ipaddress.ip_network(each, strict=False) if isinstance(each, str) else each
    except ValueError:
        raise ValueError(f'"{each}" is not a network (try "127.0.0.0/8")') from None


def _next_hop(text: str) -> str:
    host, _ = split_host_port(text, 25)
    if not is_address(host) and host.lower() != "localhost":
        _domain(host)
    return text.lower()


def _pattern(pattern: str) -> str:
    if pattern == "*":
        return pattern
    return "." + _domain(pattern[1:]) if pattern.startswith(".") else _domain(pattern)


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError as trouble:
        raise ValueError(f'"{text}": {trouble}') from None
