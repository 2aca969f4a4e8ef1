"""Each message is signed once: ahead of its delivery where it can be, and again only when the keys changed."""

from typing import cast

import pytest
from clock import NOON

from deliverability.signing.signer import Signer
from mta.outbound.courier import CannotPrepare
from mta.outbound.signatures import Keyring, Signatures
from mta.ports import to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed

CONTENT = b"From: a@shop.example\r\n\r\nhello\r\n"


class Scribe:
    """Counts what it signs."""

    def __init__(self, name: bytes = b"key", *, fails: bool = False) -> None:
        self.signed, self._name, self._fails = 0, name, fails

    def sign(self, content: bytes, now: object) -> bytes:
        self.signed += 1
        if self._fails:
            raise ValueError("the key is no key")
        return self._name + b" " + content[:4] + str(now).encode()


def _ring(scribe: Scribe) -> Keyring:
    return Keyring({"shop.example": cast(Signer, scribe)})


def _claimed(message_id: int, header_from: str) -> Claimed:
    return Claimed(
        1, message_id, "b@d.example", "d.example", Stream.TRANSACTIONAL, 1, to_ms(NOON), to_ms(NOON), "", None, "",
        header_from, "submission", len(CONTENT), False, False, None, None, True,
    )  # fmt: skip


EACH = _claimed(7, "a@shop.example")


async def test_what_was_signed_ahead_is_not_signed_again_and_says_the_same() -> None:
    early, late = Scribe(), Scribe()
    ahead, behind = Signatures(_ring(early)), Signatures(_ring(late))
    begun = ahead.ahead("a@shop.example", CONTENT, NOON)
    assert begun is not None
    ahead.keep(7, begun)
    assert await ahead.signed(EACH, CONTENT) == await ahead.signed(EACH, CONTENT) == await behind.signed(EACH, CONTENT)
    assert (early.signed, late.signed) == (1, 1)
    ahead.close()
    behind.close()


async def test_what_an_old_key_signed_ahead_does_not_leave_under_a_new_one() -> None:
    old, new = Scribe(b"old"), Scribe(b"new")
    signatures = Signatures(_ring(old))
    begun = signatures.ahead("a@shop.example", CONTENT, NOON)
    assert begun is not None
    signatures.use(_ring(new))
    signatures.keep(7, begun)
    assert (await signatures.signed(EACH, CONTENT)).startswith(b"new")
    signatures.close()


async def test_a_signature_that_fails_ahead_holds_the_message_back_and_is_tried_again() -> None:
    broken = Scribe(fails=True)
    signatures = Signatures(_ring(broken))
    begun = signatures.ahead("a@shop.example", CONTENT, NOON)
    assert begun is not None
    signatures.keep(7, begun)
    for _ in range(2):
        with pytest.raises(CannotPrepare, match="the key is no key"):
            await signatures.signed(EACH, CONTENT)
    assert broken.signed == 2
    signatures.close()


async def test_whose_key_cannot_be_read_nothing_is_begun_ahead() -> None:
    signatures = Signatures(Keyring({}, {"shop.example": "the key is gone"}))
    assert signatures.ahead("a@shop.example", CONTENT, NOON) is None
    with pytest.raises(CannotPrepare, match="the key is gone"):
        await signatures.signed(EACH, CONTENT)
    assert signatures.ahead("a@other.example", CONTENT, NOON) is None
    assert await signatures.signed(_claimed(8, "a@other.example"), CONTENT) == CONTENT
    signatures.close()


async def test_what_is_signed_is_what_leaves() -> None:
    scribe = Scribe()
    signatures = Signatures(_ring(scribe))
    begun = signatures.ahead("a@shop.example", b"Fr\0m: a@shop.example\r\n\r\nhello\r\n", NOON)
    assert begun is not None and not begun.is_mended
    signatures.keep(7, begun)
    left = await signatures.signed(EACH, b"Fr\0m: a@shop.example\r\n\r\nhello\r\n")
    assert left.startswith(b"key Fr m") and left.endswith(b"Fr m: a@shop.example\r\n\r\nhello\r\n")
    signatures.close()
