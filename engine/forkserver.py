"""The fork server: where carriers come from.

The front office forks it once, after everything heavy is imported and before any thread or event loop runs; it forks
carriers (2 MiB of memory of their own each) and their parsers' keepers, and tells of their deaths. It runs no loop
and no thread, so that what it forks is whole. When the front office is gone it goes too; the carriers notice by
themselves and finish their dots.
"""

import json
import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

RunCarrier = Callable[[dict[str, Any], socket.socket, socket.socket], int]
"""(order, link to the front office, line to the parser's keeper) -> exit code: a carrier's whole life."""

RunKeeper = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Exit:
    """A carrier ended."""

    pid: int
    code: int  # negative: the signal that killed it


class ForkServer:
    """The front office's end."""

    def __init__(
        self, run_carrier: RunCarrier, run_keeper: RunKeeper, not_theirs: Sequence[socket.socket] = ()
    ) -> None:
        """`not_theirs`: sockets that no carrier serves. One that outlives us must not hold their addresses."""
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._exits, exits = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self._orders.close()
            self._exits.close()
            for each in not_theirs:
                each.close()
            _Server(orders, exits, run_carrier, run_keeper).run()
        orders.close()
        exits.close()
        self._exits.setblocking(False)

    def spawn(self, order: dict[str, Any]) -> tuple[int, socket.socket]:
        """A new carrier: its pid and our end of its link. OSError when the fork server is gone."""
        ours, theirs = socket.socketpair()
        with theirs, os.fdopen(os.memfd_create("order"), "wb") as file:  # a packet would bound how long it may be
            file.write(json.dumps(order).encode())
            file.flush()
            socket.send_fds(self._orders, [b"spawn"], [theirs.fileno(), file.fileno()])
        answer = self._orders.recv(64)
        if not answer:
            raise OSError("the fork server is gone")
        return int(answer), ours

    def fileno(self) -> int:
        """Readable when `exits` has something to tell."""
        return self._exits.fileno()

    def exits(self) -> list[Exit]:
        """The deaths since the last call. OSError when the fork server is gone."""
        told: list[Exit] = []
        while True:
            try:
                line = self._exits.recv(256)
            except BlockingIOError:
                return told
            if not line:
                raise OSError("the fork server is gone")
            told.append(Exit(*json.loads(line)))

    def close(self) -> None:
        """Let it go; it ends by itself."""
        self._orders.close()
        self._exits.close()


class _Server:
    """The process itself."""

    def __init__(
        self, orders: socket.socket, exits: socket.socket, run_carrier: RunCarrier, run_keeper: RunKeeper
    ) -> None:
        self._orders, self._exits = orders, exits
        self._run_carrier, self._run_keeper = run_carrier, run_keeper
        self._bell = os.pipe()
        self._carriers: set[int] = set()

    def run(self) -> NoReturn:
        """Until the front office is gone. Whatever happens, nothing of its maker's life goes on in this process."""
        code = 1
        try:
            self._serve()
            code = 0
        except ConnectionError:
            code = 0  # it went while it was told of a death
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)

    def _serve(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ctrl-c is for the front office
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends when the front office does
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_blocking(self._bell[1], False)
        signal.set_wakeup_fd(self._bell[1])
        poll = select.poll()
        poll.register(self._orders, select.POLLIN)
        poll.register(self._bell[0], select.POLLIN)
        while True:
            for ready, _ in poll.poll():
                if ready == self._bell[0]:
                    os.read(self._bell[0], 512)
                    self._bury()
                elif not self._obey():
                    return

    def _bury(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._carriers:
                self._carriers.discard(pid)
                self._exits.send(json.dumps([pid, os.waitstatus_to_exitcode(status)]).encode())

    def _obey(self) -> bool:
        word, fds, _, _ = socket.recv_fds(self._orders, 64, 2)
        if not word:
            return False
        link, order = socket.socket(fileno=fds[0]), os.fdopen(fds[1], "rb")
        to_keeper, from_carrier = socket.socketpair()
        if os.fork() == 0:
            for other in (link, to_keeper):
                other.close()
            self._become(lambda: self._live_as_keeper(from_carrier))
        pid = os.fork()
        if pid == 0:
            from_carrier.close()
            self._become(lambda: self._run_carrier(_read(order), link, to_keeper))
        for ours in (link, to_keeper, from_carrier, order):
            ours.close()
        self._carriers.add(pid)
        self._orders.send(str(pid).encode())
        return True

    def _live_as_keeper(self, from_carrier: socket.socket) -> int:
        _keep_only(from_carrier)
        self._run_keeper(from_carrier)
        return 0

    def _become(self, life: Callable[[], int]) -> NoReturn:
        """In a child: leave the server behind and live `life`."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            for fd in self._bell:
                os.close(fd)
            self._orders.close()
            self._exits.close()
            code = life()
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(code)


def _read(order: BinaryIO) -> dict[str, Any]:
    with order:
        order.seek(0)
        read: dict[str, Any] = json.load(order)
        return read


def _keep_only(line: socket.socket) -> None:
    """Close everything but the standard streams and this: who reads strangers' mail holds no listening socket."""
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, 1 << 16)
