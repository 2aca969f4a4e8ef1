"""A world in which everything is in order, for the doctor: records, mail doors, documents and a house; tests break one thing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from deliverability.checks.spf import DnsTrouble
from deliverability.checks.zone import Zone
from deliverability.doctor.examine import RULES, Examination
from deliverability.doctor.facts import (
    Certificate,
    ClockState,
    Figures,
    File,
    House,
    Listener,
    SigningKey,
    Source,
)
from deliverability.doctor.look import Answer, Document, Door, NoAnswer, Question
from deliverability.doctor.model import Finding
from deliverability.doctor.rule import Rule
from deliverability.settings import SIGNED
from deliverability.signing.keys import Algorithm, Key, dns_record, generate_key

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOMAIN, BOUNCE, HOST = "shop.example", "bounce.shop.example", "mail.shop.example"
FOUR, SIX = "198.51.100.10", "2001:db8::10"
SIX_NAME = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
POLICY = f"version: STSv1\nmode: enforce\nmx: {HOST}\nmax_age: 604800\n"
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps"><title>Shop</title></svg>'
MAIL = (
    b"From: Shop <hello@shop.example>\r\nTo: ann@example.org\r\nSubject: News\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@shop.example>\r\nMIME-Version: 1.0\r\nList-Unsubscribe: <https://mail.shop.example/unsubscribe/x>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n"
)


@cache
def keys() -> tuple[Key, Key, Key, Key]:
    """RSA, Ed25519, a short RSA and a retired one, made once."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return (
        generate_key(DOMAIN, "one", Algorithm.RSA),
        generate_key(DOMAIN, "two", Algorithm.ED25519),
        Key(DOMAIN, "one", Algorithm.RSA, short),
        generate_key(DOMAIN, "old", Algorithm.ED25519),
    )


@cache
def certificate() -> bytes:
    """A certificate of the mail host, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=80))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def tlsa() -> str:
    public = x509.load_der_x509_certificate(certificate()).public_key()
    octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {hashlib.sha256(octets).hexdigest()}"


def _kept(key: Key, state: str = "active", days: int = 10) -> SigningKey:
    return SigningKey(DOMAIN, key.selector, state, timedelta(days=days), key)


def house() -> House:
    rsa_key, ed_key, _, old = keys()
    return House(
        now=NOW, hostname=HOST, sources=(Source(FOUR, HOST), Source(SIX, HOST)), bounce_domain=BOUNCE,
        sender=f"hello@{DOMAIN}", keys=(_kept(rsa_key), _kept(ed_key), _kept(old, "retiring")), signed_fields=SIGNED,
        base_url="https://mail.shop.example", postal_address="1 Mill Lane", sample=MAIL,
        sample_text="Leave: https://mail.shop.example/unsubscribe/x", permit=(), clear_text_to=(),
        files=(File("/var/lib/posthouse/secret", "the secret", 0o600),),
        certificates=(Certificate("submission", (HOST,), HOST, NOW - timedelta(days=9), NOW + timedelta(days=80)),),
        clock=ClockState(timedelta(milliseconds=20), "the kernel"), listeners=(Listener("inbound.listen", "0.0.0.0:25"),),
        figures={DOMAIN: Figures(30, 10_000, 2, 20)}, blocklists=("bl.example",), domain_blocklists=("dbl.example",),
    )  # fmt: skip


def records() -> dict[str, list[Any]]:
    rsa_key, ed_key, _, old = keys()
    return {
        DOMAIN: [{"TXT": f"v=spf1 ip4:{FOUR} ip6:{SIX} include:_spf.{DOMAIN} -all"}, {"MX": [10, HOST]}],
        f"_spf.{DOMAIN}": [{"TXT": "v=spf1 ip4:203.0.113.0/24 -all"}],
        BOUNCE: [{"TXT": f"v=spf1 ip4:{FOUR} ip6:{SIX} include:_spf.{DOMAIN} -all"}, {"MX": [10, HOST]}],
        HOST: [{"A": FOUR}, {"AAAA": SIX}, {"TXT": "v=spf1 a -all"}],
        f"_dmarc.{DOMAIN}": [
            {"TXT": f"v=DMARC1; p=reject; rua=mailto:dmarc-reports@{BOUNCE},mailto:a@reports.example"}
        ],
        f"{DOMAIN}._report._dmarc.reports.example": [{"TXT": "v=DMARC1"}],
        **{dns_record(each).name: [{"TXT": dns_record(each).value}] for each in (rsa_key, ed_key, old)},
        "10.100.51.198.in-addr.arpa": [{"PTR": HOST}],
        f"{SIX_NAME}.ip6.arpa": [{"PTR": HOST}],
        f"_mta-sts.{BOUNCE}": [{"TXT": "v=STSv1; id=1"}],
        f"_smtp._tls.{BOUNCE}": [{"TXT": f"v=TLSRPTv1; rua=mailto:tls-reports@{BOUNCE}"}],
        f"_25._tcp.{HOST}": [{"TLSA": tlsa()}, {"AD": "yes"}],
        f"default._bimi.{DOMAIN}": [
            {"TXT": f"v=BIMI1; l=https://{DOMAIN}/logo.svg; a=https://{DOMAIN}/logo.pem"},
        ],
        "2.0.0.127.bl.example": [{"A": "127.0.0.2"}],
        "test.dbl.example": [{"A": "127.0.1.2"}],
    }


@dataclass
class World:
    """Change `records`, `doors`, `documents` or `house`, then ask what the doctor says."""

    records: dict[str, list[Any]] = field(default_factory=records)
    doors: dict[str, Door] = field(
        default_factory=lambda: {
            HOST: Door(
                banner=f"220 {HOST}", offers=("STARTTLS", "SIZE"), certificate=certificate(), reply="250 2.1.5 ok"
            )
        }
    )
    documents: dict[str, Document] = field(
        default_factory=lambda: {
            f"https://mta-sts.{BOUNCE}/.well-known/mta-sts.txt": Document(POLICY),
            f"https://{DOMAIN}/logo.svg": Document(LOGO),
        }
    )
    house: House = field(default_factory=house)
    rounds: int = 0

    def set(self, **changes: Any) -> None:
        """Change facts of the house."""
        self.house = replace(self.house, **changes)

    def txt(self, name: str, *texts: str) -> None:
        """These are the TXT records of a name now; none: it has none."""
        others = [each for each in self.records.get(name, []) if "TXT" not in each]
        self.records[name] = [*others, *({"TXT": text} for text in texts)]

    def judge(self, domains: Sequence[str] = (DOMAIN,), rules: Sequence[Rule] = RULES) -> list[Finding]:
        """Ask until nothing is left to ask."""
        answers, patient = dict[Question, Answer](), Examination(self.house, domains, rules)
        while questions := patient.judge(answers):
            self.rounds += 1
            for each in questions:
                assert each not in answers
                answers[each] = self.answer(each)
        return list(patient.findings)

    def answer(self, question: Question) -> Answer:
        """What this world says."""
        if question.kind == "SMTP":
            return self.doors.get(question.what.partition(" ")[0], Door(trouble="refused", is_closed=True))
        if question.kind == "HTTPS":
            return self.documents.get(question.what, Document(trouble="HTTP status 404"))
        try:
            return Zone(self.records)(question.what, question.kind)
        except DnsTrouble as trouble:
            return NoAnswer(str(trouble))
