"""What an administrator may set about the doors: `[submission]` and `[lmtp]` for applications, `[inbound]` for returning
mail.

Every limit that a stranger can reach is here, with its unit and its default. Numbers of connections and octets hold for
one carrier process. `mta.inbound.limits` counts how often each was met, under the names of these fields.
"""

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from deliverability.settings import Duration, Settings, Size
from mta.secret_file import SAID

_ENDPOINT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+|\*):(\d{1,5})")


class Newlines(StrEnum):
    """What to do with a bare CR or a bare LF inside a message."""

    REFUSE = "refuse"
    NORMALISE = "normalise"


class LongLines(StrEnum):
    """What to do with a line over 998 octets (RFC 5322 section 2.1.1)."""

    REFUSE = "refuse"
    WRAP = "wrap"
    ACCEPT = "accept"


def parse_endpoint(text: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:2525", "[::1]:2525" or "*:25" (host "": every address). ValueError in clear words."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError(f'"{text[:60]}" is not an address to listen on (try "127.0.0.1:2525" or "[::1]:2525")')
    return match[1].strip("[]*"), int(match[2])


def _is_endpoint(text: str) -> str:
    parse_endpoint(text)
    return text


Endpoint = Annotated[str, AfterValidator(_is_endpoint)]

_NEAR: Final = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
)  # fmt: skip
_WIDE: Final = {4: 16, 6: 32}  # a public network with fewer bits is more than one house has, as a rule
_WORLD: Final = {4: 8, 6: 16}  # with fewer than these it is the world


def _network(said: object) -> object:
    """In words that say what to write instead."""
    if not isinstance(said, str):
        return said
    try:
        return ip_network(said)
    except ValueError:
        pass
    try:
        meant = ip_network(said, strict=False)
    except ValueError:
        raise ValueError(f'"{said[:60]}" is not a network (try "10.0.0.0/8")') from None
    raise ValueError(
        f'"{said}" names a host of the network (try "{meant}", or "{said.partition("/")[0]}" for it alone)'
    )


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


def _is_near(network: IPv4Network | IPv6Network) -> bool:
    return any(network.version == near.version and network.subnet_of(near) for near in _NEAR)  # type: ignore[arg-type]


class DoorSettings(Settings):
    """What all doors have in common."""

    takes_nul: ClassVar[bool] = (
        False  # whether a NUL becomes a space, as mail that must not be lost needs; else it is refused
    )

    max_size: Size = Field(default=32 * 2**20, ge=65_536, description="Largest message, in octets (RFC 1870).")
    max_header_size: Size = Field(default=256 * 2**10, ge=16_384, description="Largest header section, in octets.")
    max_recipients: int = Field(
        default=100, ge=100, le=10_000, description="Recipients in one transaction (RFC 5321 asks for 100 or more)."
    )
    max_hops: int = Field(default=30, ge=10, description="More Received: fields than this mean a loop (RFC 5321 6.3).")
    max_connections: int = Field(
        default=500, ge=1, description="Open connections in one carrier; more wait until one ends."
    )
    max_connections_per_client: int = Field(
        default=50, ge=1, description="Open connections from one IP address in one carrier; more are sent away (421)."
    )
    max_commands: int = Field(
        default=5_000, ge=500, description="Commands without an accepted message before we hang up (421)."
    )
    max_errors: int = Field(
        default=10,
        ge=1,
        description="Misspelt or misplaced commands without an accepted message before we hang up (421).",
    )
    max_memory: Size = Field(
        default=256 * 2**20, ge=2**20, description="Octets of all messages being received in one carrier; more get 452."
    )
    idle_timeout: Duration = Field(
        default=timedelta(minutes=5),
        description="Wait this long for a whole command (RFC 5321 4.5.3.2.7 asks for 5 min).",
    )
    data_timeout: Duration = Field(
        default=timedelta(minutes=15), description="Wait this long for a whole message, from DATA to the final dot."
    )
    newlines: Newlines = Field(
        default=Newlines.REFUSE,
        description="A bare CR or LF in a message: refuse it, or normalise it to CRLF before anything else sees it.",
    )
    long_lines: LongLines = Field(
        default=LongLines.REFUSE,
        description="A line over 998 octets in a message: refuse it, wrap it before anything else sees it, or accept it"
        " (only where nothing is relayed).",
    )

    def limit_of(self, ip: str) -> tuple[str, int]:
        """How many connections one client may have open, and the setting that says so."""
        return "max_connections_per_client", self.max_connections_per_client

    def is_stranger(self, ip: str) -> bool:
        """Whether who comes from there has to show who it is."""
        return False

    @property
    def most_strangers(self) -> int:
        """Connections that all strangers together may have open."""
        return self.max_connections

    @property
    def stranger_patience(self) -> timedelta | None:
        """How long a stranger may take to show who it is; None: nobody has to."""
        return None


class ListenSettings(DoorSettings):
    """A door on the network."""

    listen: tuple[Endpoint, ...] = Field(default=(), description="Addresses and ports to listen on.")


class SubmissionSettings(ListenSettings):
    """`[submission]`: the door for applications: on this host, in named networks, or with a password over TLS."""

    max_connections_per_client: int = Field(
        default=450,
        ge=1,
        description="As for every door; local applications share one IP address, hence the number. What it leaves of"
        " `max_connections` is for all others.",
    )
    max_connections_per_stranger: int = Field(
        default=20, ge=1, description="As `max_connections_per_client`, for an address outside `networks`."
    )
    max_strangers: int = Field(
        default=250,
        ge=1,
        description="Open connections in one carrier of all addresses outside `networks` together, as long as they have not"
        " shown a password; more are sent away (421). The rest of `max_connections` is kept for applications.",
    )
    auth_timeout: Duration = Field(
        default=timedelta(minutes=1),
        description="Wait this long for an address outside `networks` to show a password, then hang up (421).",
    )
    public_networks: bool = Field(
        default=False,
        description="Allow in `networks` what is public and wider than a /16 (IPv6: a /32). Wider than a /8 (/16) is"
        " refused whatever this says: that would be an open relay.",
    )
    networks: tuple[Network, ...] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Networks whose hosts may submit mail without a password. Keep it as small as it can be.",
    )
    listen_tls: tuple[Endpoint, ...] = Field(
        default=(), description="Addresses and ports where TLS begins at once (RFC 8314; port 465)."
    )
    tls_certificate: Path | None = Field(
        default=None,
        description=f"PEM file with the certificate and its chain, {SAID}. With it STARTTLS and AUTH are"
        " offered; a changed file is taken up without a reload.",
    )
    tls_key: Path | None = Field(
        default=None,
        description=f"PEM file with the certificate's private key, {SAID}; not needed where it is in the same file.",
    )
    tls_timeout: Duration = Field(default=timedelta(seconds=30), description="Wait this long for a TLS handshake.")
    auth_tries: int = Field(default=3, ge=1, le=10, description="Wrong passwords on one connection before we hang up.")
    auth_delay: Duration = Field(
        default=timedelta(seconds=1),
        description="Answer the first wrong password after this long, the next after twice that, up to `auth_delay_max`.",
    )
    auth_delay_max: Duration = Field(
        default=timedelta(seconds=10), description="The longest wait before the answer to a wrong password."
    )
    auth_failures: int = Field(
        default=10,
        ge=1,
        description="Wrong passwords for one name from one IP address in `auth_window` before it must wait.",
    )
    auth_failures_per_client: int = Field(
        default=50, ge=1, description="Wrong passwords from one IP address (IPv6: /64), whatever the names; likewise."
    )
    auth_window: Duration = Field(
        default=timedelta(minutes=10), description="Wrong passwords are forgotten after this long without another."
    )

    @field_validator("networks")
    @classmethod
    def _is_no_open_relay(
        cls, networks: tuple[IPv4Network | IPv6Network, ...], info: ValidationInfo
    ) -> tuple[IPv4Network | IPv6Network, ...]:
        for each in networks:
            if _is_near(each):
                continue
            if each.prefixlen < _WORLD[each.version]:
                raise ValueError(f'"{each}" would make an open relay: name the networks of your own hosts')
            if each.prefixlen < _WIDE[each.version] and not info.data.get("public_networks"):
                raise ValueError(
                    f'"{each}" is public and wider than a /{_WIDE[each.version]}: name the networks of your own hosts,'
                    " or set public_networks = true if all of it is yours"
                )
        return networks

    def limit_of(self, ip: str) -> tuple[str, int]:
        limit, most = super().limit_of(ip)
        if not self.is_stranger(ip):
            return limit, most
        return "max_connections_per_stranger", min(most, self.max_connections_per_stranger)

    def is_stranger(self, ip: str) -> bool:
        try:
            address = ip_address(ip.partition("%")[0])
        except ValueError:
            return False  # over a Unix socket
        return not any(address in network for network in self.networks)

    @property
    def most_strangers(self) -> int:
        return self.max_strangers

    @property
    def stranger_patience(self) -> timedelta | None:
        return self.auth_timeout

    @model_validator(mode="after")
    def _has_certificate(self) -> "SubmissionSettings":
        if self.tls_certificate is None and (self.listen_tls or self.tls_key):
            raise ValueError("TLS needs a certificate: set tls_certificate too")
        return self


class LmtpSettings(DoorSettings):
    """`[lmtp]`: the door on a Unix socket for programs on this host; `posthouse sendmail` knocks there (RFC 2033)."""

    socket: str = Field(
        default="lmtp.sock", description='The Unix socket\'s path, below the state folder; "" opens none.'
    )
    newlines: Newlines = Field(
        default=Newlines.NORMALISE, description="As for every door; programs on this host often know no CRLF."
    )
    long_lines: LongLines = Field(default=LongLines.WRAP, description="As for every door; likewise.")
    users: tuple[str, ...] = Field(
        default=(),
        description='Local users (names or numbers) who may hand over mail there, beside root and our own; "*" is every one.',
    )


class InboundSettings(ListenSettings):
    """`[inbound]`: the door for bounces, complaints and reports, open to the world."""

    takes_nul: ClassVar[bool] = True  # a bounce that is refused is lost: its sender is nobody

    max_size: Size = Field(
        default=48 * 2**20,
        ge=65_536,
        description="Largest message, in octets (RFC 1870). Never taken for less than one and a half of the largest message that"
        " `submission` and `lmtp` take, since a bounce may return it whole.",
    )
    newlines: Newlines = Field(
        default=Newlines.NORMALISE, description="As for every door; what comes back is read here and never relayed."
    )
    long_lines: LongLines = Field(
        default=LongLines.ACCEPT, description="As for every door; what comes back is read here and never relayed."
    )
    listen_lmtp: tuple[Endpoint, ...] = Field(
        default=(),
        description="Addresses and ports for the mail server beside us, where LMTP is spoken (RFC 2033) under the same rules.",
    )
