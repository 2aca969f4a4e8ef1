"""Bells between the front offices that serve one PostgreSQL database (LISTEN and NOTIFY).

A bell is a hint, and what it is about stands in the database before it rings: who missed it finds that at the next
look. When a line to the server was broken, everything is looked at anew, for nobody knows what rang meanwhile.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg

from mta.ports import Chance, Store

CHANNEL: Final = "posthouse"
LONGEST: Final = 7_000  # octets of one bell; PostgreSQL takes 8,000
PAUSE_SECONDS: Final = 1.0  # between two tries to reach a server that went away
EVERYTHING: Final[dict[str, Any]] = {"wake": [], "suspensions": True, "keys": True, "clock": True}


class Bells:
    """One front office's."""

    def __init__(self, url: str, store: Store, chance: Chance) -> None:
        self._url, self._store, self._chance = url, store, chance
        self._token = chance.octets(8).hex()

    async def ring(self, words: dict[str, Any]) -> None:
        """Let the others hear these words. StoreTrouble when they can't be rung."""
        bell = self._cast(words)
        if len(bell) > LONGEST:
            bell = self._cast({**words, "wake": []})  # look at all that is due, instead of these many
        await self._store.write(lambda tx: tx.one("SELECT pg_notify(?, ?)", (CHANNEL, bell)))

    def _cast(self, words: dict[str, Any]) -> str:
        return json.dumps({"by": self._token, "words": words})

    async def heard(self) -> AsyncIterator[dict[str, Any]]:
        """What the others ring, for ever; EVERYTHING each time that the line is new."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as line:
                    await line.execute(f"LISTEN {CHANNEL}")
                    yield EVERYTHING
                    async for bell in line.notifies():
                        if (words := self._read(bell.payload)) is not None:
                            yield words
            except psycopg.OperationalError:
                pass  # the store says so in the log
            await asyncio.sleep(PAUSE_SECONDS * self._chance.uniform(0.5, 1.5))

    def _read(self, bell: str) -> dict[str, Any] | None:
        """The words of another front office; None for our own, and for what is none of ours."""
        try:
            said = json.loads(bell)
            return dict(said["words"]) if said["by"] != self._token else None
        except (ValueError, TypeError, KeyError):
            return None
