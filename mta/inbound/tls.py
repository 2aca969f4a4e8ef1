"""The certificate that a door shows, taken up anew when its files change.

Whoever renews it (certbot, a cron entry) writes new files and need not tell anybody: each handshake looks whether they
are the same as before, which costs two `stat` calls. New files that can't be used (half written, key and certificate
that do not fit) are reported once, and the old certificate goes on.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mta import maillog


class CertificateTrouble(Exception):
    """The certificate can't be used; the words say which file and why."""


class Certificate:
    """chain: PEM, the certificate first. key: PEM, or None when it is in the same file. CertificateTrouble if unusable."""

    def __init__(self, chain: Path, key: Path | None) -> None:
        self._chain, self._key = chain, key
        self._seen = self._look()
        self._context = self._load()
        if others := _others(key or chain):
            raise CertificateTrouble(others)

    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._load()
            except CertificateTrouble as trouble:
                maillog.certificate_trouble(trouble)
            else:
                maillog.certificate_changed(str(self._chain))
        return self._context

    def _files(self) -> tuple[Path, ...]:
        return (self._chain, self._key) if self._key else (self._chain,)

    def _look(self) -> tuple[Any, ...]:
        """What differs when a file was written or replaced."""
        return tuple(map(_identity, self._files()))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996; RFC 8314 section 4.1
        context.options |= ssl.OP_NO_RENEGOTIATION
        files = " and ".join(map(str, self._files()))
        if any(each.is_fifo() for each in self._files()):  # whoever reads one waits until somebody writes
            raise CertificateTrouble(f"the certificate in {files} can't be used: a pipe is no file")
        try:
            context.load_cert_chain(self._chain, self._key, password=_no_password(files))
        except OSError as error:  # ssl.SSLError is one
            raise CertificateTrouble(f"the certificate in {files} can't be used: {_words(error)}") from None
        return context


def _identity(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _others(file: Path) -> str:
    """Who may read the key but its owner and its group, by which a system hands it to services; "" when nobody."""
    try:
        mode = file.stat().st_mode & 0o777
    except OSError:
        return ""  # loading it says why
    return f"the key in {file} may be read by all (mode {mode:o}): chmod 600 {file}" if mode & 0o037 else ""


def _no_password(files: str) -> Callable[[], str]:
    """OpenSSL would ask for a key's password on the terminal, where nobody sits."""

    def ask() -> str:
        raise CertificateTrouble(f"the key in {files} has a password: store it without one")

    return ask


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else "it is no PEM file"
    return error.strerror or str(error)
