"""A door with TLS and passwords, a certificate authority that its clients trust, and clients that speak TLS."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

import trustme
from smtp_door import HOSTNAME, PATIENCE, Client, Door, Recorder, door

from mta.inbound.access import Access, Passwords
from mta.inbound.guard import Guard
from mta.inbound.settings import DoorSettings, SubmissionSettings
from mta.inbound.tls import Certificate
from mta.inbound.transaction import Grant, Policy

NAME, PASSWORD = "shop", "correct horse"
AT_ONCE = timedelta(0)


@cache
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def issue(folder: Path, name: str = HOSTNAME) -> tuple[Path, Path]:
    """A new certificate's files: chain, key. They are put in place of those that were there, as who renews one does:
    what is written twice in one tick of the kernel's clock can't be told apart by its time."""
    made = authority().issue_cert(name, key_type=trustme.KeyType.ECDSA)
    chain, key = folder / "chain.pem", folder / "key.pem"
    fresh = folder / "fresh.pem"
    fresh.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    fresh.replace(chain)
    fresh.touch(0o600)
    fresh.write_bytes(made.private_key_pem.bytes())
    fresh.replace(key)
    return chain, key


def trusting() -> ssl.SSLContext:
    """What a careful client has: it believes our authority, and asks for the host's name."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


async def knows_shop(name: str, password: str) -> Grant | None:
    return Grant(name) if (name, password) == (NAME, PASSWORD) else None


@asynccontextmanager
async def tls_door(
    folder: Path, policy: Policy | None = None, settings: DoorSettings | None = None, *, begins_with_tls: bool = False,
    patience: float = PATIENCE, grant: Grant | None = None,
) -> AsyncIterator[Door]:  # fmt: skip
    """A door where shop may come in with its password."""
    settings = settings or SubmissionSettings(auth_delay=AT_ONCE)
    assert isinstance(settings, SubmissionSettings)

    async def authenticate(name: str, password: str) -> Grant | None:
        found = await knows_shop(name, password)
        return grant if found and grant else found

    access = Access(
        certificate=Certificate(*issue(folder)), begins_with_tls=begins_with_tls, tls_timeout=patience,
        passwords=Passwords(authenticate, Guard(settings), settings.auth_tries),
    )  # fmt: skip
    async with door(policy or Recorder(), settings, access) as opened:
        yield opened


async def shake_hands(client: Client) -> ssl.SSLObject:
    """The client's side of the turn to TLS."""
    await client.writer.start_tls(trusting(), server_hostname=HOSTNAME)
    client.reader._transport = client.writer.transport  # type: ignore[attr-defined]
    found: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    return found


async def secured(opened: Door) -> Client:
    """A client that has said STARTTLS and EHLO."""
    client = await opened.knock()
    await client.talk("S: 220", "C: EHLO app.example", "S: 250", "C: STARTTLS", "S: 220 2.0.0")
    await shake_hands(client)
    await client.talk("C: EHLO app.example", "S: 250")
    return client


async def knock_with_tls(opened: Door) -> Client:
    """A client of a door where TLS begins at once."""
    streams = await asyncio.open_connection("127.0.0.1", opened.port, ssl=trusting(), server_hostname=HOSTNAME)
    client = Client(*streams)
    opened.clients.append(client)
    return client


def plain(name: str, password: str, acts_for: str = "") -> str:
    """A response of the mechanism PLAIN."""
    return b64(f"{acts_for}\0{name}\0{password}")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
