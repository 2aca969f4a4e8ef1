"""A cable between a store and its server that a test can cut at a COMMIT: before it arrives, or after it was obeyed.

with Cable(server.port) as cable:
    store_at(server.url("x").replace(str(server.port), str(cable.port)), clock)
    cable.cut(before=False)     # the next COMMIT is obeyed, and nobody hears of it
"""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_WORD = b"; COMMIT"  # as the store ends a transaction that wrote


class Cable:
    """A port that leads to another one."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._cut: str = ""
        self.is_cut = threading.Event()
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        for each in self._open:
            each.close()

    def cut(self, *, before: bool) -> None:
        """At the next COMMIT, once."""
        self.is_cut.clear()
        self._cut = "before" if before else "after"

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            theirs = socket.create_connection(("127.0.0.1", self._to))
            self._open += [ours, theirs]
            deaf = threading.Event()
            threading.Thread(target=self._forth, args=(ours, theirs, deaf), daemon=True).start()
            threading.Thread(target=self._back, args=(theirs, ours, deaf), daemon=True).start()

    def _forth(self, ours: socket.socket, theirs: socket.socket, deaf: threading.Event) -> None:
        while octets := _received(ours):
            if self._cut and _WORD in octets:
                was, self._cut = self._cut, ""
                if was == "after":
                    deaf.set()  # the server obeys, its answer goes nowhere
                    theirs.sendall(octets)
                    return
                break
            try:
                theirs.sendall(octets)
            except OSError:
                break
        _close(ours, theirs)
        self.is_cut.set()

    def _back(self, theirs: socket.socket, ours: socket.socket, deaf: threading.Event) -> None:
        while octets := _received(theirs):
            if deaf.is_set():
                break
            try:
                ours.sendall(octets)
            except OSError:
                break
        _close(ours, theirs)
        self.is_cut.set()


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _close(*ends: socket.socket) -> None:
    for each in ends:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
