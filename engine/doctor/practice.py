"""Everything together, as a command or the daemon wants it: the world of a configuration, and the house behind it."""

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
from mta.outbound.security import verifying_context
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


async def with_web_certificate(house: House, config: Config, net: Net, clock: Clock) -> House:
    """With what the pages show to readers' browsers, where they are on https."""
    parts = urlsplit(config.web.base_url)
    if parts.scheme != "https" or not parts.hostname:
        return house
    found = await DnsResolver(clock, config.routing.resolvers).addresses(parts.hostname)
    where = f"web ({parts.hostname})"
    if not isinstance(found, Addresses) or not found.ips:
        return house
    certificate = Certificate(where)
    context = verifying_context(config.routing.authorities)
    try:
        octets, trouble = await probing.certificate_of(net, parts.hostname, found.ips[0], parts.port or 443, context)
        certificate = Certificate(where, trouble=trouble)
        if octets:
            certificate = read_certificate(where, x509.load_der_x509_certificate(octets), parts.hostname)
    except (OSError, TimeoutError, ValueError):
        return house
    return replace(house, certificates=(*(house.certificates or ()), certificate))


def seen_from(house: House, addresses: tuple[str, ...], ehlo: str, bounces: str) -> House:
    """As if this were so: what somebody says instead of the configuration. ValueError for what is no address."""
    name = ehlo or house.hostname
    if addresses:
        house = replace(house, sources=tuple(Source(str(ip_address(each)), name) for each in addresses))
    elif ehlo and house.sources:
        house = replace(house, sources=tuple(replace(each, ehlo=ehlo) for each in house.sources))
    return replace(house, hostname=name, bounce_domain=bounces or house.bounce_domain)
