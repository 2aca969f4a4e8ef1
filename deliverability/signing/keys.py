"""DKIM keys: read, made, and turned into the record that a domain must publish (RFC 6376 section 3.6, RFC 8463)."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from deliverability.address import AddressError, parse_domain

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

MIN_RSA_BITS: Final = 1024  # RFC 8301 section 3.2: signers must not use less
GOOD_RSA_BITS: Final = 2048  # the same: signers should use this at least
TXT_STRING: Final = 255  # octets; RFC 1035 section 3.3

_SELECTOR: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63}){0,3}")
_REMEDIES: Final = (
    ("BEGIN PUBLIC KEY", "this is a public key: give the private one"),
    ("BEGIN RSA PUBLIC KEY", "this is a public key: give the private one"),
    ("BEGIN CERTIFICATE", "this is a certificate: DKIM needs a private key only"),
    ("BEGIN OPENSSH PRIVATE KEY", "this is an OpenSSH key (write it anew: ssh-keygen -p -m PEM -f FILE)"),
    ("ENCRYPTED", "the key is locked with a password (unlock it: openssl pkey -in FILE -out NEW)"),
)


class KeyTrouble(ValueError):
    """A key that cannot sign; the message says why and what mends it."""


class Algorithm(StrEnum):
    """The a= tag. Never rsa-sha1 (RFC 8301 section 3.1)."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class Key:
    """A private key with the place its public half is published at. Its representation shows nothing secret."""

    domain: str
    selector: str
    algorithm: Algorithm
    private: PrivateKey

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is weak about the key, in words for an operator."""
        if isinstance(self.private, rsa.RSAPrivateKey) and self.private.key_size < GOOD_RSA_BITS:
            return (
                f"{self.selector}._domainkey.{self.domain}: RSA with {self.private.key_size} bits; make one of 2048",
            )
        return ()

    def signer(self) -> Callable[[bytes], bytes]:
        """What turns the canonical header into the octets of b=."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return _rsa_signer(self.private)
        return _ed25519_signer(self.private)

    def to_pem(self) -> bytes:
        """PKCS #8, not encrypted: for a file that only the daemon may read."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A TXT record to publish."""

    name: str
    value: str

    @property
    def strings(self) -> tuple[str, ...]:
        """The value cut into strings of 255 octets at most, which a verifier joins without blanks (section 3.6.2.2)."""
        return tuple(self.value[start : start + TXT_STRING] for start in range(0, len(self.value), TXT_STRING))

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file."""
        quoted = " ".join(f'"{string}"' for string in self.strings)
        return f"{self.name}. IN TXT ( {quoted} )"


def load_key(pem: bytes, domain: str, selector: str) -> Key:
    """A key from PEM (PKCS #1 or PKCS #8). KeyTrouble when it is none, or one that may not sign."""
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyTrouble(_remedy(pem)) from None
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < MIN_RSA_BITS:
            raise KeyTrouble(f"RSA with {private.key_size} bits is refused everywhere: make a key of 2048")
        return _key(domain, selector, Algorithm.RSA, private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return _key(domain, selector, Algorithm.ED25519, private)
    raise KeyTrouble(f"DKIM knows RSA and Ed25519 keys, not {type(private).__name__.removesuffix('PrivateKey')}")


def generate_key(domain: str, selector: str, algorithm: Algorithm) -> Key:
    """A new key: RSA with 2048 bits (4096 do not fit many DNS set-ups), or Ed25519."""
    if algorithm is Algorithm.RSA:
        return _key(
            domain, selector, algorithm, rsa.generate_private_key(public_exponent=65537, key_size=GOOD_RSA_BITS)
        )
    return _key(domain, selector, algorithm, ed25519.Ed25519PrivateKey.generate())


def dns_record(key: Key) -> DnsRecord:
    """The record that lets receivers verify what `key` signs."""
    public = key.private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:  # RFC 8463 section 4.2: the 32 octets alone, without ASN.1
        kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    value = f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"
    return DnsRecord(f"{key.selector}._domainkey.{key.domain}", value)


def _key(domain: str, selector: str, algorithm: Algorithm, private: PrivateKey) -> Key:
    if not _SELECTOR.fullmatch(selector):
        raise KeyTrouble("a selector is made of letters, digits and hyphens, as in posthouse-2026a")
    try:
        return Key(parse_domain(domain), selector.lower(), algorithm, private)
    except AddressError as trouble:
        raise KeyTrouble(str(trouble)) from None


def _rsa_signer(private: rsa.RSAPrivateKey) -> Callable[[bytes], bytes]:
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    return lambda octets: private.sign(octets, scheme, digest)


def _ed25519_signer(private: ed25519.Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    # RFC 8463 section 3: PureEdDSA over the hash, not over the header.
    return lambda octets: private.sign(hashlib.sha256(octets).digest())


def _remedy(pem: bytes) -> str:
    text = pem[:4096].decode("ascii", "replace")
    return next((words for mark, words in _REMEDIES if mark in text), "this is not a private key in PEM form")
