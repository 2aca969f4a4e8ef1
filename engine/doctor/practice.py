"""Everything together, as a command or the daemon wants it: the world of a configuration, and the house behind it."""

import ssl
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography import x509

from deliverability.doctor.facts import Certificate, House, Source
from engine.config import Config
from engine.doctor import probing
from engine.doctor.asking import World
from engine.doctor.gathering import read_certificate
from engine.system import own_addresses
from mta.inbound.settings import parse_endpoint
from mta.outbound.security import opportunistic_context, verifying_context
from mta.ports import Clock, Net
from mta.routing.https import Fetcher
from mta.routing.resolver import Addresses, DnsResolver


def world_of(config: Config, net: Net, clock: Clock) -> World:
    """The network, seen as mail sees it. In a lab our own inbound listener stands for port 25."""
    routing = config.routing
    context = partial(verifying_context, routing.authorities)
    own = frozenset(ip_address(each) for each in own_addresses())
    resolver = DnsResolver(clock, routing.resolvers)
    port = 25
    if config.lab.enabled:
        port = parse_endpoint(config.inbound.listen[0])[1] if config.inbound.listen else routing.port
    return World(
        net, routing.resolvers, Fetcher(net, resolver, context, routing.permit), context, config.hostname, port,
        routing.permit, own,
    )  # fmt: skip


async def web_certificate(config: Config, net: Net, clock: Clock) -> Certificate | None:
    """What the pages show to readers' browsers, where they are on https and can be looked at."""
    parts = urlsplit(config.web.base_url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    found = await DnsResolver(clock, config.routing.resolvers).addresses(parts.hostname)
    if not isinstance(found, Addresses) or not found.ips:
        return None
    context = verifying_context(config.routing.authorities)
    return await shown_to_browsers(net, parts.hostname, found.ips[0], parts.port or 443, context)


async def shown_to_browsers(net: Net, host: str, ip: str, port: int, context: ssl.SSLContext) -> Certificate | None:
    """The certificate at that door, also where `context` does not believe it; None where nothing is shown."""
    where = f"web ({host})"
    try:
        octets, trouble = await probing.certificate_of(net, host, ip, port, context)
        if trouble:
            octets, _ = await probing.certificate_of(net, host, ip, port, opportunistic_context())
        found = read_certificate(where, x509.load_der_x509_certificate(octets), host) if octets else Certificate(where)
    except (OSError, TimeoutError, ValueError):
        return None
    return replace(found, trouble=trouble)


def seen_from(house: House, addresses: tuple[str, ...], ehlo: str, bounces: str) -> House:
    """As if this were so: what somebody says instead of the configuration. ValueError for what is no address."""
    name = ehlo or house.hostname
    if addresses:
        house = replace(house, sources=tuple(Source(str(ip_address(each)), name) for each in addresses))
    elif ehlo and house.sources:
        house = replace(house, sources=tuple(replace(each, ehlo=ehlo) for each in house.sources))
    return replace(house, hostname=name, bounce_domain=bounces or house.bounce_domain)
