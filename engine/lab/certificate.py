"""The certificates of the lab's hosts: a certificate authority of the lab's own, and one certificate for all names.

`ca.pem` in the state folder is what a daemon can be told to trust; the key never leaves `hosts.pem` beside it (0600).
"""

import os
import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_YEARS: Final = timedelta(days=3650)
_DAY: Final = timedelta(days=1)


def server_context(state: Path, names: Iterable[str], now: datetime) -> ssl.SSLContext:
    """A server's TLS context for these host names. The files are made once and used again by the next lab."""
    if not (state / "hosts.pem").exists():
        _make(state, sorted(set(names)), now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(state / "hosts.pem")
    return context


def _make(state: Path, names: list[str], now: datetime) -> None:
    authority_key, host_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Posthouse lab CA", authority_key.public_key(), now).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    host = _certificate("Posthouse lab", host_key.public_key(), now).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )
    (state / "ca.pem").write_bytes(_pem(authority.sign(authority_key, hashes.SHA256())))
    key = host_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(state / "hosts.pem", key + _pem(host.sign(authority_key, hashes.SHA256())))


def _certificate(name: str, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Posthouse lab CA")]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _YEARS)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_private(path: Path, octets: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(octets)
