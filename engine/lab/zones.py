"""What the lab's resolver knows: records by name, and names that misbehave.

Three sources make one zone: the hosts of moods.toml (address, MX of their domains), the shipped zone.toml, and a
zone.toml in the lab's state folder that anyone may write (`publish`) and that is read again when it changes. A table is
a name:

    ["shop.example"]
    MX = ["10 mx.lab."]
    TXT = ["v=spf1 ip4:127.0.0.1 -all"]      # as it is meant: no quotes, any length

    ["broken.example"]
    answer = "servfail"                      # or nxdomain, refused, timeout
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import tomli_w

from deliverability.toml_text import TomlFault, read_toml
from engine.lab.moods import Catalogue, Host
from mta.plain_file import read_text

_TTL: Final = 5  # seconds: short, so that what a person changes is seen soon
_SOA: Final = "ns.lab. hostmaster.lab. 1 5 5 5 5"  # the last number is how long a negative answer holds (RFC 2308)
_ANSWERS: Final = {
    "nxdomain": dns.rcode.NXDOMAIN,
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
    "timeout": None,
}
Table = Mapping[str, Any]


class ZoneError(ValueError):
    """A zone file that can't be read; the words say where."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the resolver says to one question."""

    rcode: dns.rcode.Rcode
    answer: tuple[dns.rrset.RRset, ...] = ()
    authority: tuple[dns.rrset.RRset, ...] = ()


class Zone:
    """All names. Pure: built from tables, asked by `look_up`."""

    def __init__(self, tables: Table) -> None:
        """ZoneError when a name or a record is not one."""
        self._records: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]] = {}
        self._answers: dict[dns.name.Name, dns.rcode.Rcode | None] = {}
        self._above: set[dns.name.Name] = set()
        for text, table in tables.items():
            try:
                self._add(_name(text), dict(table))
            except (dns.exception.DNSException, TypeError, ValueError) as error:
                raise ZoneError(f'"{text}": {error}') from error

    def look_up(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Answer | None:
        """The answer, with CNAMEs followed; None is silence."""
        found: list[dns.rrset.RRset] = []
        for _ in range(8):  # a loop of CNAMEs ends here
            owner = self._owner(name)
            if owner in self._answers:
                rcode = self._answers[owner]
                return None if rcode is None else Answer(rcode, tuple(found))
            if owner is None:
                return Answer(dns.rcode.NXDOMAIN, tuple(found), (_soa(name),))
            records = self._records.get(owner, {})
            if kind in records:
                return Answer(dns.rcode.NOERROR, (*found, _renamed(records[kind], name)))
            if dns.rdatatype.CNAME not in records:
                return Answer(dns.rcode.NOERROR, tuple(found), (_soa(name),))
            found.append(_renamed(records[dns.rdatatype.CNAME], name))
            name = records[dns.rdatatype.CNAME][0].target
        return Answer(dns.rcode.SERVFAIL)

    def _add(self, name: dns.name.Name, table: dict[str, Any]) -> None:
        answer = table.pop("answer", None)
        if answer is not None:
            if answer not in _ANSWERS:
                raise ZoneError(f"answer is one of {', '.join(_ANSWERS)}")
            self._answers[name] = _ANSWERS[answer]
        records = self._records.setdefault(name, {})
        for kind, values in table.items():
            rdtype = dns.rdatatype.from_text(kind)
            texts = [values] if isinstance(values, str) else [str(value) for value in values]
            if rdtype == dns.rdatatype.TXT:
                texts = [_quoted(text) for text in texts]
            if texts:
                records[rdtype] = dns.rrset.from_text(name, _TTL, dns.rdataclass.IN, rdtype, *texts)
        while name != dns.name.root:
            name = name.parent()
            self._above.add(name)

    def _owner(self, name: dns.name.Name) -> dns.name.Name | None:
        """The name whose records answer for `name`: itself, or the wildcard at its closest ancestor (RFC 4592)."""
        if self._exists(name):
            return name
        while name != dns.name.root:
            name = name.parent()
            wildcard = dns.name.Name(("*", *name.labels))
            if wildcard in self._records:
                return wildcard
            if self._exists(name):
                return None
        return None

    def _exists(self, name: dns.name.Name) -> bool:
        """Whether it has records, or something below it has (RFC 8020)."""
        return name in self._records or name in self._above


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_Practical).canonicalize()


def _quoted(text: str) -> str:
    """A text of any length as the strings of a TXT record, 255 octets each (RFC 7208 section 3.3 joins them)."""
    octets = text.encode()
    chunks = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in chunk) + '"' for chunk in chunks)


def _renamed(rrset: dns.rrset.RRset, name: dns.name.Name) -> dns.rrset.RRset:
    """The records of a wildcard under the name that was asked for."""
    if rrset.name == name:
        return rrset
    renamed = dns.rrset.RRset(name, rrset.rdclass, rrset.rdtype)
    for rdata in rrset:
        renamed.add(rdata, rrset.ttl)
    return renamed


def _soa(name: dns.name.Name) -> dns.rrset.RRset:
    top = dns.name.Name(name.labels[-2:])
    return dns.rrset.from_text(top, _TTL, dns.rdataclass.IN, dns.rdatatype.SOA, _SOA)


def of_hosts(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """The records that the hosts of moods.toml imply."""
    tables: dict[str, dict[str, Any]] = {}
    for host in catalogue.host.values():
        for name, kind, value in _records_of(host):
            tables.setdefault(name, {}).setdefault(kind, []).append(value)
    return tables


def _records_of(host: Host) -> Iterator[tuple[str, str, str]]:
    yield host.mx, "A", host.address
    yield ".".join(reversed(host.address.split("."))) + ".in-addr.arpa", "PTR", f"{host.mx}."
    for domain in host.domains:
        yield domain, "MX", f"10 {host.mx}."


def load(catalogue: Catalogue, own: Path | None = None) -> Zone:
    """The whole zone; a later source replaces records of the same name and type. ZoneError when a file is wrong."""
    tables = of_hosts(catalogue)
    shipped = resources.files("engine.lab").joinpath("zone.toml").read_text(encoding="utf-8")
    for table in (tomllib.loads(shipped), read(own) if own is not None else {}):
        for name, records in table.items():
            if not isinstance(records, dict):
                raise ZoneError(f'{own}: "{name}" is not a table: write ["{name}"] above its records')
            tables[name.lower()] = {**tables.get(name.lower(), {}), **records}
    return Zone(tables)


def read(own: Path) -> dict[str, Any]:
    """The tables of a zone.toml; empty when there is none. ZoneError when it is not TOML."""
    if not own.exists():
        return {}
    try:
        return read_toml(read_text(own))
    except (TomlFault, UnicodeDecodeError) as error:
        raise ZoneError(f"{own}: {error}") from error


def publish(state: Path, name: str, kind: str, *values: str) -> None:
    """Make the lab that has this state folder answer `values` for `name`, from its next question on.

    It may run in another process. No value takes the records away.
    """
    own = state / "zone.toml"
    tables = read(own)
    tables.setdefault(name.lower(), {})[kind.upper()] = list(values)
    Zone(tables)  # refuse what could not be read again
    state.mkdir(parents=True, exist_ok=True)
    fresh = own.with_suffix(".new")
    fresh.write_text(tomli_w.dumps(tables), encoding="utf-8")
    fresh.replace(own)  # the resolver sees the old file or the new one, never half of it
