"""The signature fields of messages: who signs for which domain, and each message signed once.

The same octets leave at each attempt and to each recipient, since the time in a signature is that of the message. So a
message that is accepted here and leaves at once is signed while the disk makes it durable.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from deliverability.signing.signer import Signer
from mta.outbound.courier import CannotPrepare
from mta.outbound.signing import SigningThread
from mta.ports import from_ms, to_ms
from mta.queue.queue import Claimed
from mta.smtp.wire import mended

KEPT: Final = 512  # messages whose signature is kept for their other recipients, or was made ahead


@dataclass(frozen=True, slots=True)
class Keyring:
    """Who signs for which domain. A domain whose key can't be read is `broken`: its mail waits, it never leaves
    unsigned."""

    signers: Mapping[str, Signer]
    broken: Mapping[str, str] = field(default_factory=dict)

    def signer(self, domain: str) -> Signer | None:
        """Who signs for a From domain: its own keys, else those of the nearest parent. CannotPrepare where these can't
        be read; None where there are none."""
        while domain:
            if why := self.broken.get(domain):
                raise CannotPrepare(why)
            if domain in self.signers:
                return self.signers[domain]
            domain = domain.partition(".")[2]
        return None


@dataclass(frozen=True, slots=True)
class Ahead:
    """A signature that is being made."""

    signer: Signer
    fields: "asyncio.Future[bytes]"
    is_mended: bool = False  # the message may leave as it was accepted


class Signatures:
    """Those of one carrier."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._thread = SigningThread()
        self._made: OrderedDict[int, Ahead] = OrderedDict()

    def use(self, keys: Keyring) -> None:
        """Sign with these from now on."""
        self._keys = keys
        self._made.clear()

    def close(self) -> None:
        """Nothing more is signed."""
        self._thread.close()

    def ahead(self, header_from: str, content: bytes, now: datetime) -> Ahead | None:
        """Begin to sign a message that `now` is being accepted; None where that is for later to say."""
        try:
            return self._begin(header_from, content, from_ms(to_ms(now)))
        except CannotPrepare:
            return None

    def keep(self, message_id: int, ahead: Ahead) -> None:
        """The message was accepted, and its signature will be asked for soon."""
        self._made[message_id] = ahead
        while len(self._made) > KEPT:
            self._made.popitem(last=False)

    async def signed(self, each: Claimed, content: bytes) -> bytes:
        """A message as it leaves: the signature fields, where a key is ours to sign with, and `content` in a form that may
        go out. CannotPrepare where it must not leave unsigned."""
        made = self._made.get(each.message_id)
        if made is None or made.signer is not self._keys.signer(_domain(each.header_from)):
            made = self._begin(each.header_from, content, from_ms(each.created_ms))
            if made is None:
                return mended(content)
            self.keep(each.message_id, made)
        try:
            fields = made.fields.result() if made.fields.done() else await asyncio.shield(made.fields)
        except Exception as err:
            self._made.pop(each.message_id, None)  # the next attempt tries anew
            raise CannotPrepare(f"the signature for {_domain(each.header_from)} could not be made: {err}") from err
        return fields + (content if made.is_mended else mended(content))

    def _begin(self, header_from: str, content: bytes, at: datetime) -> Ahead | None:
        signer = self._keys.signer(_domain(header_from))
        if signer is None:
            return None
        leaves = mended(content)  # what is signed is what goes out
        return Ahead(signer, self._thread.ask(signer, leaves, at), is_mended=leaves is content)


def _domain(header_from: str) -> str:
    return header_from.rpartition("@")[2]
