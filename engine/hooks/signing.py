"""Signatures of calls, as the Standard Webhooks specification 1.0 says: whoever is called knows that it was us, that nothing
was changed, and which calls are one. Pure.

    webhook-id          the same for every try of one call
    webhook-timestamp   seconds since 1970, of this try
    webhook-signature   v1,BASE64 of HMAC-SHA256 over "id.timestamp.body"
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"


def key_of(secret: bytes) -> bytes:
    """The key for signatures out of the installation's secret; nothing else is made with it."""
    return hmac.digest(secret, b"posthouse webhooks", hashlib.sha256)


def shown(key: bytes) -> str:
    """The key as libraries for the receiving side take it."""
    return PREFIX + base64.b64encode(key).decode("ascii")


def headers(key: bytes, uid: str, at: datetime, body: bytes) -> dict[str, str]:
    """What a try at this moment says of itself."""
    timestamp = str(int(at.timestamp()))
    signed = hmac.digest(key, b".".join((uid.encode("ascii"), timestamp.encode("ascii"), body)), hashlib.sha256)
    return {
        "webhook-id": uid,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode('ascii')}",
    }
