"""TLS as a client: which handshakes to try for a demand, whom to trust, and what a failed one is called.

The words for failures are those of TLS reports (RFC 8460 section 4.3).
"""

import functools
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from mta.routing.hops import Demand, Level, Protocol
from mta.smtp.dialogue import Tls


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to open a connection."""

    tls: Tls
    verifies: bool = False  # the certificate, by the host's name


def attempts(demand: Demand, protocol: Protocol = Protocol.SMTP, *, is_broken: bool = False) -> tuple[Attempt, ...]:
    """The ways to try, the next one only where the TLS of the one before failed. `is_broken`: it is known to."""
    verifies = demand.level is Level.VERIFY
    if protocol is Protocol.SMTPS:
        return (Attempt(Tls.IMPLICIT, verifies),)
    if demand.level in (Level.ENCRYPT, Level.VERIFY):
        return (Attempt(Tls.REQUIRED, verifies),)
    if demand.level is Level.NONE or (is_broken and not demand.is_trial):
        return (Attempt(Tls.NEVER),)
    trial = (Attempt(Tls.OPPORTUNISTIC, verifies=True),) if demand.is_trial else ()
    # After a failed handshake nobody can say what the other side still believes: from the start, in clear (RFC 7435).
    return (*trial, Attempt(Tls.OPPORTUNISTIC), Attempt(Tls.NEVER))


@functools.cache
def opportunistic_context() -> ssl.SSLContext:
    """TLS 1.2 or better, no certificate asked: against whoever only listens (RFC 7435). The alternative is clear text,
    so what is merely weak is taken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


@functools.cache
def verifying_context(authorities: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or better, with a certificate of the host's name from an authority of the system or of that file.
    OSError (an ssl.SSLError is one) when the file can't be used."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


class TlsResult(StrEnum):
    """How the TLS of a session came out (RFC 8460 section 4.3)."""

    GOOD = ""
    NOT_OFFERED = "starttls-not-supported"
    WRONG_NAME = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    NOT_TRUSTED = "certificate-not-trusted"
    FAILED = "validation-failure"


_VERIFY_CODES: Final = {  # X509_V_ERR_... of OpenSSL
    9: TlsResult.EXPIRED,  # not yet valid: what is wrong is its time
    10: TlsResult.EXPIRED,
    18: TlsResult.NOT_TRUSTED,
    19: TlsResult.NOT_TRUSTED,
    20: TlsResult.NOT_TRUSTED,
    21: TlsResult.NOT_TRUSTED,
    62: TlsResult.WRONG_NAME,
    64: TlsResult.WRONG_NAME,
}


def result_of(trouble: Exception) -> TlsResult:
    """What a failed handshake is called."""
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(trouble.verify_code, TlsResult.FAILED)
    return TlsResult.FAILED


def tls_words_of(trouble: Exception) -> str:
    """What happened, for people."""
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return f"the certificate is not believed: {trouble.verify_message}"
    said = trouble.strerror if isinstance(trouble, OSError) else None
    return f"TLS handshake: {said or str(trouble) or type(trouble).__name__}"
