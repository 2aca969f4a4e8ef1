"""The key that all targets sign with."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.cells import SELECTOR


def make_key(folder: Path) -> Path:
    """A new RSA-2048 key, in the form that OpenDKIM reads."""
    path = folder / f"{SELECTOR}.private"
    key = rsa.generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    path.chmod(0o644)  # OpenDKIM may run as another user, and it signs nothing but bench mail
    return path
