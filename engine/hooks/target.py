"""What a web address to be called comes to: a scheme, a host, a port and a path, or words that say why it is none. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from deliverability.address import AddressError, parse_domain

MAX_URL: Final = 2000
_PATH: Final = re.compile(r"[!-~]*")
_PORTS: Final = {"https": 443, "http": 80}


class NoTarget(ValueError):
    """This can't be called; the words can be shown to an operator."""


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str  # https, http
    host: str  # a name in A-labels, or an address
    port: int
    path: str  # with its query

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """For the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """NoTarget for what is no http or https address, names a user, or holds what is no printable ASCII."""
    if len(url) > MAX_URL or not _PATH.fullmatch(url):
        raise NoTarget(f"a web address has at most {MAX_URL} characters, printable ASCII without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NoTarget(f'"{url[:60]}" is no web address') from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NoTarget(f'"{url[:60]}" is no web address (try "https://shop.example/hook")')
    if parts.username is not None or parts.password is not None:
        raise NoTarget("a user or a password does not belong into a web address: the signature says who calls")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, _host(parts.hostname), port or _PORTS[parts.scheme], path)


def _host(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return parse_domain(name)
    except AddressError as err:
        raise NoTarget(f'"{name[:60]}" is no host: {err}') from None
