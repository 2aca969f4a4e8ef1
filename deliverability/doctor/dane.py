"""DANE of our own inbound (RFC 7672): TLSA records of the exchangers, held against the certificates that they show."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deliverability.doctor.facts import Case
from deliverability.doctor.look import Question
from deliverability.doctor.model import Mend, NotKnown, Said, bad, good, gravest, publish, remove, unknown, warn
from deliverability.doctor.mx import hosts_of
from deliverability.doctor.rule import Rule

_FORM: Final = re.compile(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+([0-9A-Fa-f\s]+)")
_NONE: Final = "none is published, and none need be"
_LENGTHS: Final = {1: 64, 2: 128}  # of the hash in hexadecimal, by matching type


@dataclass(frozen=True, slots=True)
class Tlsa:
    usage: int
    selector: int
    matching: int
    data: str


def _name(host: str) -> str:
    return f"_25._tcp.{host}"


def _records(case: Case) -> list[tuple[str, str]]:
    """(host, record) of every exchanger."""
    hosts = hosts_of(case, case.envelope)
    case.look.want(*(Question("TLSA", _name(each)) for each in hosts))
    return [(host, text) for host in hosts for text in case.look.dns(_name(host), "TLSA")]


def _read(text: str) -> Tlsa | None:
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    data = "".join(match[4].split()).lower()
    found = Tlsa(int(match[1]), int(match[2]), int(match[3]), data)
    return (
        None
        if found.selector > 1 or found.matching > 2 or _LENGTHS.get(found.matching, len(data)) != len(data)
        else found
    )


def _record(case: Case) -> Said:
    records = _records(case)
    if not records:
        return good(_NONE)
    wrong = [(host, text) for host, text in records if (read := _read(text)) is None or read.usage not in (2, 3)]
    if not wrong:
        return good("every TLSA record can be used", *(f"{_name(host)}: {text}" for host, text in records))
    says = f"{wrong[0][1][:40]} can't be used for mail: it is 3 1 1 with a hash of the key, or 2 x x of an authority"
    return bad(says, [text for _, text in wrong], [remove(_name(host), "TLSA", text) for host, text in wrong])


def _match(case: Case) -> Said:
    found = []
    for host in dict.fromkeys(host for host, _ in _records(case)):
        found.append(
            _of_host(case, host, [each for of, text in _records(case) if of == host and (each := _read(text))])
        )
    return gravest(found) if found else good(_NONE)


def _of_host(case: Case, host: str, records: list[Tlsa]) -> Said:
    door = case.look.door(host, f"postmaster@{case.envelope}")
    if door.trouble:
        raise NotKnown(f"{host} was not reached: {door.trouble}")
    if not door.certificate:
        says = f"{host} offers no TLS, and its TLSA records demand it: nobody who obeys them delivers"
        return bad(says, [f"{_name(host)}: {each}" for each in case.look.dns(_name(host), "TLSA")])
    own = [each for each in records if each.usage == 3]
    if any(_digest(door.certificate, each) == each.data for each in own):
        return good(f"the certificate of {host} is the one that is published")
    if not own:
        return unknown(f"{host} publishes an authority (2), whose chain is not gone through here")
    return bad(
        f"the certificate of {host} is none of those that are published: nobody who obeys them delivers",
        case.look.dns(_name(host), "TLSA"),
        [_fresh(host, door.certificate)],
    )


def _digest(certificate: bytes, record: Tlsa) -> str:
    octets = certificate
    if record.selector == 1:
        try:
            key = x509.load_der_x509_certificate(certificate).public_key()
        except ValueError:
            return ""
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if record.matching == 0:
        return octets.hex()
    return hashlib.new("sha256" if record.matching == 1 else "sha512", octets).hexdigest()


def _fresh(host: str, certificate: bytes) -> Mend:
    return publish(_name(host), "TLSA", f"3 1 1 {_digest(certificate, Tlsa(3, 1, 1, ''))}")


def _signed(case: Case) -> Said:
    hosts = list(dict.fromkeys(host for host, _ in _records(case)))
    if not hosts:
        return good(_NONE)
    unsigned = [host for host in hosts if case.look.dns(_name(host), "AD") != ["yes"]]
    if not unsigned:
        return good("DNSSEC vouches for every TLSA record")
    return warn(
        f"DNSSEC does not vouch for {', '.join(_name(each) for each in unsigned)} (or your resolver does not check it):"
        " without it senders pass over the record"
    )


RULES = (
    Rule(
        "dane.record",
        "TLSA records of exchangers can be used",
        "A record that can't be used may keep mail away.",
        "Take it out, or publish 3 1 1 with the hash of the server's key.",
        "RFC 7672 section 3.1",
        _record,
        ("mx.bounces",),
    ),
    Rule(
        "dane.match",
        "They are those of the certificates that are shown",
        "Who obeys DANE delivers only where the certificate is the published one.",
        "Publish the record that is shown, before the certificate changes next time.",
        "RFC 7672 section 3.1.1",
        _match,
        ("dane.record",),
    ),
    Rule(
        "dane.signed",
        "DNSSEC vouches for them",
        "Senders use TLSA records only of signed zones.",
        "Sign the zone, or take the records out.",
        "RFC 7672 section 2.1",
        _signed,
        ("dane.record",),
    ),
)
