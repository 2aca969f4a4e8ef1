"""Our own doors, as next hops: mail that is sent there comes back to us, again and again."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mta.inbound.settings import parse_endpoint
from mta.routing.hops import Hop
from mta.routing.resolver import is_address

_ANY: Final = ("", "0.0.0.0", "::")  # to listen at, or to connect to: this machine
_LOCALHOST: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class OwnDoors:
    """Where we listen: by setting, "host:port" or the path of a Unix socket. `addresses`: this machine's."""

    listening: tuple[tuple[str, str], ...]
    hostname: str
    addresses: frozenset[str]

    def at(self, hop: Hop) -> str:
        """The setting that opens the door to which a next hop leads; "" when it is none of ours."""
        return next((setting for setting, where in self.listening if self._is(hop, where)), "")

    def _is(self, hop: Hop, where: str) -> bool:
        is_socket = ":" not in where
        if is_socket or hop.is_local_socket:
            return is_socket and hop.is_local_socket and Path(hop.host).resolve() == Path(where).resolve()
        listens, port = parse_endpoint(where)
        if hop.port != port:
            return False
        return any(self._takes(listens, each) for each in self._addresses_of(hop.host))

    def _addresses_of(self, host: str) -> Iterable[str]:
        if host == "localhost" or host in _ANY:
            return _LOCALHOST
        return (*self.addresses, *_LOCALHOST) if host == self.hostname else (host,)

    def _takes(self, listens: str, address: str) -> bool:
        """Whether who connects to `address` reaches who listens at `listens`."""
        if not is_address(address):
            return False
        if listens in _ANY:
            return address in self.addresses or ipaddress.ip_address(address).is_loopback
        return ipaddress.ip_address(address) == ipaddress.ip_address(listens)
