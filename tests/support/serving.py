"""A server of the standard library, served by a thread for as long as a test needs it, and by nobody after.

    with serving(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as server:
        ask(server.server_address)

A server that is closed but not shut down leaves its thread polling a descriptor that is not there: it spins, for the rest
of the whole run.
"""

import contextlib
import threading
from collections.abc import Iterator
from socketserver import BaseServer
from typing import TypeVar

S = TypeVar("S", bound=BaseServer)


@contextlib.contextmanager
def serving(server: S) -> Iterator[S]:
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
