"""What an administrator may set about the two doors: `[submission]` for applications, `[inbound]` for returning mail.

Every limit that a stranger can reach is here, with its unit and its default. Numbers of connections and octets hold for
one carrier process. `mta.inbound.limits` counts how often each was met, under the names of these fields.
"""

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from deliverability.settings import Duration, Settings, Size

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


class ListenSettings(Settings):
    """What both doors have in common."""

    listen: tuple[Endpoint, ...] = Field(default=(), description="Addresses and ports to listen on.")
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


class SubmissionSettings(ListenSettings):
    """`[submission]`: the door for applications on this host or in named networks."""

    max_connections_per_client: int = Field(
        default=500, ge=1, description="As for every door; local applications share one IP address, hence the number."
    )
    networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Networks whose hosts may submit mail without a password. Keep it as small as it can be.",
    )


class InboundSettings(ListenSettings):
    """`[inbound]`: the door for bounces, complaints and reports, open to the world."""

    max_size: Size = Field(default=16 * 2**20, ge=65_536, description="Largest message, in octets (RFC 1870).")
    long_lines: LongLines = Field(
        default=LongLines.ACCEPT, description="As for every door; what comes back is read here and never relayed."
    )
