"""What the calls of flows go out by, as it is configured: whose names are asked, who is trusted, and whom nobody may call."""

from functools import partial
from ipaddress import ip_address

from engine.config import Config
from engine.hooks.poster import Poster
from engine.system import SystemNet, own_addresses
from mta.outbound.security import verifying_context
from mta.ports import Clock
from mta.routing.resolver import DnsResolver


def poster(config: Config, clock: Clock) -> Poster:
    """Our own addresses are never called."""
    routing = config.routing
    return Poster(
        SystemNet(), DnsResolver(clock, routing.resolvers), partial(verifying_context, routing.authorities),
        config.hooks.permit, [ip_address(each) for each in own_addresses()],
    )  # fmt: skip
