"""What an administrator may set about routes."""

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from deliverability.address import AddressError, parse_domain
from deliverability.settings import Misplaced, Settings
from mta.routing.hops import Hop, Level, Protocol
from mta.routing.prohibited import IpNetwork
from mta.routing.resolver import is_address, split_host_port
from mta.secret_file import SAID, place, unusable

T = TypeVar("T")
Family = Literal["ipv4", "ipv6", "ipv4-only", "ipv6-only"]


class HopSettings(Settings):
    """`[routing.hops.NAME]`: how to speak to a next hop, NAME being as `smart_host` or `transport` write it."""

    tls: Level | None = Field(
        default=None, description="none, may, encrypt or verify; verify where there is a user, else may."
    )
    user: str = Field(default="", description="Log in as this user (AUTH PLAIN or LOGIN, over TLS only).")
    secret: str = Field(
        default="",
        description=f"File that holds the password, {SAID}.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.user) != bool(self.secret):
            raise ValueError("user and secret go together: say who logs in, and the file that holds the password")
        if not self.user.isprintable():
            raise ValueError("user has letters that no user has")
        if self.user and self.tls in (Level.NONE, Level.MAY):
            raise ValueError(f'a password is never sent in clear: tls = "{self.tls}" does not go with a user')
        return self


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
        default="",
        description="Send all mail to this host instead of to its domain's own hosts: host, host:port, or smtps:host.",
    )
    transport: dict[str, str] = Field(
        default={},
        description="Next hop by recipient domain: host, host:port, smtps:host, lmtp:host:port or lmtp:/path. The key is"
        ' a domain, ".domain" for all below it, or "*" for all. It comes before the smart host and DNS.',
    )
    hops: dict[str, HopSettings] = Field(
        default={},
        description="By next hop, as it is written above: tls (none, may, encrypt, verify), user, and secret: the file"
        ' that holds the password, below the state folder, or "credential:NAME" for one of systemd\'s.',
    )
    tls: dict[str, Level] = Field(
        default={},
        description="What mail for a domain asks of the connection: none, may, encrypt or verify. Keys as in transport."
        " It comes before MTA-STS; where nothing is said it is may.",
    )
    mta_sts: bool = Field(
        default=True, description="Obey the MTA-STS policies that recipient domains publish (RFC 8461)."
    )
    authorities: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust beside the system's; below the state folder.",
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
        return _by_pattern({pattern: _next_hop(hop) for pattern, hop in transport.items()})

    @field_validator("tls")
    @classmethod
    def _tls_is_by_domain(cls, tls: dict[str, Level]) -> dict[str, Level]:
        return _by_pattern(tls)

    @model_validator(mode="after")
    def _hops_are_named(self) -> Self:
        wrong = []
        named = {Hop.parse(each, self.port) for each in (self.smart_host, *self.transport.values()) if each}
        for name, hop in self.hops.items():
            parsed = Hop.parse(name, self.port)
            if parsed not in named:
                wrong.append((("hops", name), "neither smart_host nor transport names it"))
            if hop.user and parsed.is_local_socket:
                wrong.append((("hops", name), "a Unix socket knows who we are, it asks for no password"))
            if parsed.protocol is Protocol.SMTPS and hop.tls in (Level.NONE, Level.MAY):
                wrong.append((("hops", name), "smtps begins with TLS, so tls is encrypt or verify"))
        if wrong:
            raise Misplaced(wrong)
        return self

    def placed(self, folder: Path, credentials: Path) -> Self:
        """The same with every file's place: below `folder`, or among systemd's credentials."""
        hops = {
            name: hop.model_copy(update={"secret": str(place(hop.secret, folder, credentials))}) if hop.secret else hop
            for name, hop in self.hops.items()
        }
        authorities = folder / self.authorities if self.authorities else None
        return self.model_copy(update={"hops": hops, "authorities": authorities})

    def unusable(self, besides: Path | None, credentials: Path) -> Iterator[tuple[tuple[str, ...], str]]:
        """Files that can't be used, with the keys that lead to each; nothing is said of those below `besides`. Below
        `credentials` is systemd's own folder, which guards what is in it."""
        if self.authorities is not None and (why := _cannot_trust(self.authorities)):
            yield ("authorities",), why
        for name, hop in self.hops.items():
            is_asked = hop.secret and (besides is None or not Path(hop.secret).is_relative_to(besides))
            if is_asked and (why := unusable(Path(hop.secret), credentials)):
                yield ("hops", name, "secret"), why

    def of_hop(self, hop: Hop) -> HopSettings:
        """How to speak to this next hop."""
        return next((said for name, said in self.hops.items() if Hop.parse(name, self.port) == hop), HopSettings())


def _cannot_trust(path: Path) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as err:  # an ssl.SSLError is one
        return f"{path} can't be used: {err}"
    return ""


def _network(each: object) -> object:
    try:
        return ipaddress.ip_network(each, strict=False) if isinstance(each, str) else each
    except ValueError:
        raise ValueError(f'"{each}" is not a network (try "127.0.0.0/8")') from None


def next_hop(text: str, port: int) -> str:
    """A next hop in full. ValueError when it is none."""
    return str(Hop.parse(_next_hop(text), port))


def _next_hop(text: str) -> str:
    hop = Hop.parse(text, 25)
    if not hop.is_local_socket and not is_address(hop.host) and hop.host != "localhost":
        _domain(hop.host)
    return text if hop.is_local_socket else text.lower()


def _pattern(pattern: str) -> str:
    if pattern == "*":
        return pattern
    return "." + _domain(pattern[1:]) if pattern.startswith(".") else _domain(pattern)


def _by_pattern(said: Mapping[str, T]) -> dict[str, T]:
    """The same by patterns as they are compared. Misplaced when two are one."""
    found: dict[str, T] = {}
    written: dict[str, str] = {}
    for pattern, value in said.items():
        key = _pattern(pattern)
        if key in found:
            raise Misplaced([((pattern,), f'is the same as "{written[key]}": leave one of them out')])
        found[key], written[key] = value, pattern
    return found


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError as trouble:
        raise ValueError(f'"{text}": {trouble}') from None
