"""Every record that a sending domain needs, in the forms that zone files and providers' pages take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final

import idna

from deliverability.signing.keys import DnsRecord, Key, dns_record
from engine.config import Config

ZONE: Final = "zone"
PROVIDER: Final = "provider"
FORMS: Final = (ZONE, PROVIDER)


@dataclass(frozen=True, slots=True)
class Record:
    """One to publish. `why`: what it is for. `when`: a condition that is the operator's to judge; "" is always."""

    name: str
    kind: str  # TXT, MX, A, AAAA, PTR
    value: str
    why: str
    when: str = ""

    @property
    def zone_line(self) -> str:
        """As a line of a zone file: a long text in strings of 255 octets."""
        if self.kind == "TXT":
            return DnsRecord(self.name, self.value).zone_line
        return f"{self.name}. IN {self.kind} {self.value}"

    def provider_lines(self, domain: str) -> list[str]:
        """As a provider's page asks for it: the name without the domain ("@" is the domain itself), the value in one."""
        if self.name == domain:
            said = f"@   ({domain} itself)"
        elif self.name.endswith(f".{domain}"):
            said = f"{self.name.removesuffix(f'.{domain}')}   (below {domain})"
        else:
            said = f"{self.name}   (not below {domain})"
        if self.kind == "MX":
            priority, _, target = self.value.partition(" ")
            return [f"type MX   priority {priority}", f"name  {said}", f"value {target.rstrip('.')}"]
        return [f"type {self.kind}", f"name  {said}", f"value {self.value}"]


def of_key(key: Key) -> Record:
    record = dns_record(key)
    return Record(record.name, "TXT", record.value, f"DKIM: lets receivers verify what {key.selector} signs")


def of_host(hostname: str, address: str) -> tuple[Record, Record]:
    """A server's name leads to its address, and the address back: receivers ask for both (RFC 1912 section 2.1)."""
    ip = ip_address(address)
    there = Record(hostname, "A" if ip.version == 4 else "AAAA", address, "this server's name leads to its address")
    back = Record(
        ip.reverse_pointer, "PTR", f"{hostname}.", "and its address back to the name",
        "whoever gave you the address lets you: most have a page for it, as \"reverse DNS\"",
    )  # fmt: skip
    return there, back


def withdrawn(name: str) -> Record:
    return Record(name, "TXT", "v=DKIM1; p=", "DKIM: withdraws a key that is gone")


def needed(config: Config, domain: str, keys: Sequence[Key], now: datetime) -> list[Record]:
    """All records of a From domain, its keys' first."""
    return [*map(of_key, keys), *_policy(config, domain), *_returns(config, now)]


def _policy(config: Config, domain: str) -> Iterator[Record]:
    bounces = config.bounces.domain
    rua = f"; rua=mailto:dmarc-reports@{bounces}" if bounces else ""
    yield Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none{rua}", "DMARC: a policy to begin with, and reports")
    if bounces and bounces != domain and not bounces.endswith(f".{domain}"):
        yield Record(
            f"{domain}._report._dmarc.{bounces}",
            "TXT",
            "v=DMARC1",
            "DMARC: says that reports about it may be sent there",
        )
    yield Record(
        domain, "TXT", f"v=spf1 {_senders(config)} ~all", "SPF: who sends for the domain",
        f"it has no SPF record yet; else put {_senders(config)} into the one that it has",
    )  # fmt: skip


def _returns(config: Config, now: datetime) -> Iterator[Record]:
    """What the domain of the reverse-path needs, and the name that we say in EHLO."""
    yield Record(config.hostname, "TXT", "v=spf1 a -all", "SPF: of our own name, for mail without a reverse-path")
    bounces = config.bounces.domain
    if not bounces:
        return
    yield Record(bounces, "MX", f"10 {config.hostname}.", "where bounces and reports come back")
    yield Record(bounces, "TXT", f"v=spf1 {_senders(config)} -all", "SPF: of the reverse-path, which SPF is about")
    yield Record(
        f"_smtp._tls.{bounces}", "TXT", f"v=TLSRPTv1; rua=mailto:tls-reports@{bounces}",
        "TLS-RPT: others tell you whether they reach you by TLS",
    )  # fmt: skip
    yield Record(
        f"_mta-sts.{bounces}", "TXT", f"v=STSv1; id={now:%Y%m%d%H%M%S}", "MTA-STS: others must reach you by TLS",
        f"its MX speaks TLS with a certificate, and https://mta-sts.{bounces}/.well-known/mta-sts.txt says so",
    )  # fmt: skip


def _senders(config: Config) -> str:
    """Our addresses as SPF names them: those that are configured, else the address of our own name."""
    named = sorted({address for each in config.sources.values() for address in each.address} | {config.outbound.source})
    terms = [f"ip{6 if ':' in address else 4}:{address}" for address in named if address]
    return " ".join(terms) or f"a:{config.hostname}"


def readable(domain: str) -> str:
    """A domain as people read it, beside its name in DNS where that is another."""
    try:
        shown = idna.decode(domain)
    except idna.IDNAError:
        return domain
    return domain if shown == domain else f"{shown} ({domain})"
