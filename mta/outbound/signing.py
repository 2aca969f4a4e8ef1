"""The thread that signs: a signature takes longer than all else that is done for a message, and needs no lock of Python's.

One thread for a carrier, started with the first message. Signatures are made in the order in which they are asked for.
"""

import asyncio
import queue
import threading
from datetime import datetime
from typing import Final

from deliverability.signing.signer import Signer

_Ask = tuple["asyncio.Future[bytes]", Signer, bytes, datetime]


class SigningThread:
    """Signs beside the loop. What `Signer.sign` raises reaches whoever asked."""

    def __init__(self) -> None:
        self._asks: Final[queue.SimpleQueue[_Ask | None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, signer: Signer, content: bytes, now: datetime) -> "asyncio.Future[bytes]":
        """The signature fields of `content` as `Signer.sign` makes them, as soon as they are made."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="signer", daemon=True)
            self._thread.start()
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asks.put((future, signer, content, now))
        return future

    def close(self) -> None:
        """Let the thread end after what was asked for so far."""
        self._asks.put(None)

    def _run(self) -> None:
        while (ask := self._asks.get()) is not None:
            future, signer, content, now = ask
            made: bytes | Exception
            try:
                made = signer.sign(content, now)
            except Exception as err:
                made = err
            loop = future.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_answer, future, made)


def _answer(future: "asyncio.Future[bytes]", made: bytes | Exception) -> None:
    if future.done():
        return
    if isinstance(made, Exception):
        future.set_exception(made)
        future.exception()  # where nobody asks any more, nothing is to be said of it
    else:
        future.set_result(made)
