"""What `posthouse setup` makes of a handful of answers: the configuration file and the brand, with comments.

Every answer is read by what reads it later (the settings' own checks), so that nothing is written that the daemon would
refuse.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from string import Template
from typing import Final

from deliverability.address import AddressError, parse_domain
from engine.config import parse
from engine.sections import WebSettings
from engine.sending.resources import Resources
from engine.sending.settings import split_mailbox

NOTHING: Final = "none"  # as an answer
CONFIGURATION: Final = "setup/posthouse.toml"
BRAND: Final = "brand.toml"


class Bounces(StrEnum):
    """How mail that comes back reaches us."""

    DIRECT = "direct"  # the bounce domain's MX is this machine, and port 25 is ours
    BESIDE = "beside"  # the mail server of this machine takes them and passes them on
    NONE = "none"


_INSIDE: Final = (  # loopback, link-local, private (RFC 1918, 4193), shared (RFC 6598)
    *map(ip_network, ("127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *map(ip_network, ("100.64.0.0/10", "::1/128", "fe80::/10", "fc00::/7")),
)

_DOOR: Final = {
    Bounces.DIRECT: """
[inbound]
listen = ["*:25"]               # under systemd: posthouse-inbound.socket
""",
    Bounces.BESIDE: """
[inbound]
listen = ["127.0.0.1:2526"]     # where the mail server beside us passes them on by SMTP: docs/inbound.md has its lines
""",
    Bounces.NONE: "",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked. `domain`: the one in From. `addresses`: this server's, as the Internet sees them; none is not known."""

    domain: str
    hostname: str
    addresses: tuple[str, ...]
    sender: str
    postal_address: str
    bounces: Bounces
    bounce_domain: str
    web: str
    state_dir: Path


def domain_of(text: str) -> str:
    """A domain as it is kept (A-labels, small letters), of more than one label. ValueError in clear words."""
    try:
        found = parse_domain(text.strip())
    except AddressError as err:
        raise ValueError(f'"{text[:60]}" is no domain: {err}') from None
    if "." not in found:
        raise ValueError(f'"{found}" is no domain that mail comes from (try "shop.example")')
    return found


def addresses_of(text: str) -> tuple[str, ...]:
    """IP addresses, parted by commas or blanks; "none" where they are not known yet. Those that the Internet can't see are
    refused. ValueError in clear words."""
    if text.strip() == NOTHING:
        return ()
    try:
        found = tuple(dict.fromkeys(map(ip_address, text.replace(",", " ").split())))
    except ValueError:
        raise ValueError(f'"{text[:60]}" is no IP address (try "192.0.2.25", or "{NOTHING}")') from None
    for each in found:
        if each.is_unspecified or each.is_multicast or any(each in network for network in _INSIDE):
            raise ValueError(
                f'the Internet can\'t see {each}: say the address outside, or "{NOTHING}" where nobody knows yet'
            )
    return tuple(map(str, found))


def sender_of(text: str, domain: str) -> str:
    """A mailbox, a name and an address, of this domain or one below it: its keys sign. ValueError in clear words."""
    _, address = split_mailbox(text.strip())
    found = address.domain
    if found != domain and not found.endswith(f".{domain}"):
        raise ValueError(f"{address} is not of {domain}, whose keys sign (try hello@{domain}, or --domain {found})")
    return text.strip()


def web_of(text: str) -> str:
    """The address of the pages. ValueError in clear words."""
    try:
        return WebSettings(base_url=text.strip()).base_url
    except ValueError:
        raise ValueError(f'"{text[:60]}" is not a web address (try "https://mail.shop.example")') from None


def bounces_of(text: str) -> Bounces:
    """One of the ways. ValueError in clear words."""
    if text.strip() not in set(Bounces):
        raise ValueError(f'"{text[:20]}" is none of {", ".join(Bounces)}')
    return Bounces(text.strip())


def line_of(text: str) -> str:
    """Something that is not empty; `;` parts its lines. ValueError in clear words."""
    if not text.strip():
        raise ValueError('it stands in the footer of every mail (try "1 Mill Lane; 12345 Oldtown")')
    return "\n".join(part.strip() for part in text.split(";") if part.strip())


def configuration(answers: Answers, resources: Resources) -> str:
    """The text of posthouse.toml, read once by what reads it later. ConfigFaults when it is wrong all the same."""
    text = Template(resources.read(CONFIGURATION)).substitute(
        hostname=_quoted(answers.hostname), addresses=json.dumps(answers.addresses),
        state_dir=_quoted(str(answers.state_dir)), web=_quoted(answers.web),
        bounces=_quoted(answers.bounce_domain if answers.bounces is not Bounces.NONE else ""),
        inbound=_DOOR[answers.bounces], sender=_quoted(answers.sender),
    )  # fmt: skip
    parse(text)
    return text


def brand(answers: Answers, resources: Resources) -> str:
    """The text of brand.toml: ours, with the shop's name and postal address."""
    name, _ = split_mailbox(answers.sender)
    said = {"name": name, "url": f"https://www.{answers.domain}/", "postal_address": answers.postal_address}
    text = resources.read(BRAND)
    for key, value in said.items():
        text = text.replace(f'\n{key} = ""', f"\n{key} = {_quoted(value)}", 1)
    return text


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
