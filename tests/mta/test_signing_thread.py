"""Signing beside the loop."""

import asyncio
import threading
from typing import cast

import pytest
from clock import NOON

from deliverability.signing.signer import Signer
from mta.outbound.signing import SigningThread


class Scribe:
    """Signs with the name of the thread it runs in, and refuses one content."""

    def sign(self, content: bytes, now: object) -> bytes:
        if content == b"unreadable":
            raise ValueError("cannot be signed")
        return threading.current_thread().name.encode() + b": " + content


SCRIBE = cast(Signer, Scribe())


async def test_each_gets_the_signature_of_its_own_content_from_one_other_thread() -> None:
    signing = SigningThread()
    contents = [b"%d" % number for number in range(50)]
    made = await asyncio.gather(*(signing.ask(SCRIBE, content, NOON) for content in contents))
    assert made == [b"signer: " + content for content in contents]
    signing.close()


async def test_what_signing_raises_reaches_who_asked_and_nobody_else() -> None:
    signing = SigningThread()
    good, bad = await asyncio.gather(
        signing.ask(SCRIBE, b"good", NOON), signing.ask(SCRIBE, b"unreadable", NOON), return_exceptions=True
    )
    assert good == b"signer: good"
    assert isinstance(bad, ValueError)
    signing.close()


async def test_who_no_longer_waits_is_passed_over() -> None:
    signing = SigningThread()
    asking = asyncio.ensure_future(signing.ask(SCRIBE, b"left", NOON))
    await asyncio.sleep(0)
    asking.cancel()
    assert await signing.ask(SCRIBE, b"next", NOON) == b"signer: next"
    with pytest.raises(asyncio.CancelledError):
        await asking
    signing.close()
