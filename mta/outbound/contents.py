"""The octets of messages that this carrier accepted a moment ago, so that sending them reads nothing; others are looked up."""

from collections import OrderedDict
from typing import Final

from mta.ports import Store
from mta.queue import keeping

LOOKED_UP: Final = 64 * 1024  # octets of a message for which another thread is not worth waking
CACHE_OCTETS: Final = 16 * 1024 * 1024  # of messages accepted here


class Contents:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[int, tuple[int, bytes]] = OrderedDict()  # with how many deliveries still need them
        self._octets = 0

    def remember(self, message_id: int, content: bytes, uses: int) -> None:
        """Keep the octets of a message that was just accepted for `uses` deliveries, or until others need the room."""
        self._kept[message_id] = (uses, content)
        self._octets += len(content)
        while self._octets > CACHE_OCTETS:
            self._octets -= len(self._kept.popitem(last=False)[1][1])

    async def of(self, message_id: int, size: int, recipients: int = 1) -> bytes | None:
        """A message's octets, for so many of its deliveries. One of a usual size is looked up by the loop itself."""
        if message_id in self._kept:
            uses, content = self._kept[message_id]
            if uses > recipients:
                self._kept[message_id] = (uses - recipients, content)
            else:
                del self._kept[message_id]
                self._octets -= len(content)
            return content
        ask = self._store.look if size <= LOOKED_UP else self._store.read
        found: dict[int, bytes] = await ask(lambda tx: keeping.contents(tx, [message_id]))
        return found.get(message_id)
