"""The two ways an application says who it is: SASL PLAIN (RFC 4616) and LOGIN, as values. No I/O.

    exchange = begin("PLAIN")
    step = exchange.send(None)        # a challenge (octets), until `Login`
    step = exchange.send(response)

What does not fit raises `BadResponse`. Nothing here shows a password: `Login` prints its name only.
"""

import base64
import binascii
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

MAX_PART: Final = 255  # octets of a name or a password; RFC 4616 section 2 asks for 255 at least


class BadResponse(ValueError):
    """The client's response is not one of this mechanism."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who the client says it is."""

    name: str
    password: str = field(repr=False)


Exchange = Generator[bytes, bytes, Login]
"""Yields challenges, is sent responses, returns the `Login`."""


def _plain() -> Exchange:
    parts = (yield b"").split(b"\0")
    if len(parts) != 3 or parts[0] not in (b"", parts[1]):  # nobody acts for another here
        raise BadResponse
    return _login(parts[1], parts[2])


def _login_exchange() -> Exchange:
    name = yield b"Username:"
    return _login(name, (yield b"Password:"))


def _login(name: bytes, password: bytes) -> Login:
    if not (0 < len(name) <= MAX_PART and 0 < len(password) <= MAX_PART) or b"\0" in name + password:
        raise BadResponse
    try:
        return Login(name.decode(), password.decode())
    except UnicodeDecodeError:
        raise BadResponse from None


MECHANISMS: Final[dict[str, Callable[[], Exchange]]] = {"PLAIN": _plain, "LOGIN": _login_exchange}


def encode(challenge: bytes) -> str:
    """A challenge as it stands in a 334 reply."""
    return base64.b64encode(challenge).decode("ascii")


def decode(response: bytes) -> bytes:
    """A response as the client sent it; "=" stands for an empty one (RFC 4954 section 4)."""
    try:
        return b"" if response == b"=" else base64.b64decode(response, validate=True)
    except binascii.Error:
        raise BadResponse from None
