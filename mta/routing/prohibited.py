"""Addresses that a stranger's DNS may not send us to: ourselves, our networks, and what is no host at all.

Judged after resolution, on the address that will be connected to, so no name, alias or odd spelling leads around it.
"""

import ipaddress
from collections.abc import Collection
from enum import Enum
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Prohibited(Enum):
    """Why an address is refused. What our own administrator can mend (by `routing.permit` or `routing.transport`)
    waits; what only the owner of the domain can mend is refused for good.
    """

    OWN = "our own address"
    PRIVATE = "an address of a private network"
    LOOPBACK = "a loopback address"
    LINK_LOCAL = "a link-local address"
    MULTICAST = "a multicast address"
    METADATA = "a cloud's metadata service"
    NO_HOST = "an address of no host"

    @property
    def may_be_mended_here(self) -> bool:
        return self is Prohibited.PRIVATE


_PRIVATE: Final = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# The services that hand out credentials to whoever asks; those in link-local and private networks are refused as such.
_METADATA: Final = frozenset(
    ipaddress.ip_address(each) for each in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")  # RFC 4291 section 2.5.5.1, the same


def prohibited(text: str, permit: Collection[IpNetwork] = (), own: Collection[IpAddress] = ()) -> Prohibited | None:
    """Why this address may not be connected to, or None. An IPv4 address inside an IPv6 one is judged as what it is."""
    address = ipaddress.ip_address(text)
    inner = _inner(address)
    if any(each in network for each in (address, inner) for network in permit):
        return None
    kind = _kind(inner)
    # Every machine has these: who names one says something wrong about his own host, and nothing about us.
    if kind not in (Prohibited.LOOPBACK, Prohibited.LINK_LOCAL) and (address in own or inner in own):
        return Prohibited.OWN
    return kind


def _inner(address: IpAddress) -> IpAddress:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _kind(address: IpAddress) -> Prohibited | None:
    if address in _METADATA:
        return Prohibited.METADATA
    if address.is_loopback:
        return Prohibited.LOOPBACK
    if address.is_link_local:
        return Prohibited.LINK_LOCAL
    if address.is_multicast:
        return Prohibited.MULTICAST
    if any(address in network for network in _PRIVATE):
        return Prohibited.PRIVATE
    return None if address.is_global and not address.is_reserved else Prohibited.NO_HOST
