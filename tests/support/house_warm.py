"""Processes of ours that are forked from one that has their modules loaded: `posthouse` commands, and the daemon.

What a test asks of a process is what it says and does, not how Python begins: loading the daemon anew costs a second and
more of work. Each is a process of its own as if it had been started: its own session, folder, environment and descriptors.
What stands before its modules, a sandbox or a supervisor's sockets, needs a start of its own.
"""

import atexit
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_ORDER_MAX: Final = 128 * 1024  # octets
_ROOT: Final = Path(__file__).resolve().parents[2]
_FIRST_FREE: Final = 3  # the descriptor after the standard ones
_MODULES: Final = {  # what they load when they need it, and a process of theirs always does
    "posthouse": ("engine.config", "engine.store.opening", "engine.control.client"),
    "posthoused": ("engine.cli", "engine.daemon"),
}


class WarmProcess:
    """One that was begun; it speaks as `subprocess.Popen` does."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._code = line, None
        if not (said := line.recv(16)):
            raise ChildProcessError("nothing was forked")
        self.pid = int(said)

    def poll(self) -> int | None:
        """Its exit code (what a signal ended has its number below zero), None as long as it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. TimeoutExpired after so many seconds."""
        if self._code is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._code = int(self._line.recv(16) or 1)
            self._line.close()
        return self._code


def begin(
    program: str, words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], out: int, err: int
) -> WarmProcess:  # fmt: skip
    """`program WORDS`, in a session of its own, with these two descriptors to write to and nothing to read."""
    order = {"words": [program, *words], "cwd": str(cwd), "environment": dict(environment)}
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(_warm(program))
    socket.send_fds(line, [json.dumps(order).encode()], [out, err])
    return WarmProcess(line)


@functools.cache
def _warm(program: str) -> bytes:
    """Where the process listens that these are forked from. It ends when ours does, whatever ends it."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0{program}-of-tests-{os.getpid()}".encode()
    listening.bind(address)
    listening.listen(16)
    with listening:
        process = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno()), program], pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8"}, start_new_session=True,
        )  # fmt: skip
    atexit.register(process.communicate)
    return address


# -- in the process that they are forked from


def _serve(listening: socket.socket, program: str) -> dict[str, Any]:
    """Until nobody needs it any more; in a fork, what it is to do."""
    for name in _MODULES[program]:
        import_module(name)
    if program == "posthouse":
        for name in import_module("engine.commands").MODULES:
            import_module(f"engine.commands.{name.replace('-', '_')}")
    gc.collect()
    gc.freeze()  # so that its pages stay shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for them bury themselves
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        line, _ = listening.accept()
        if os.fork() == 0:
            listening.detach()
            return _attend(line)
        line.close()
    return {}


def _attend(line: socket.socket) -> dict[str, Any]:
    """Fork it, and tell its exit code when it has one; in the fork, tell its pid, and what it is to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    octets, (out, err), *_ = socket.recv_fds(line, _ORDER_MAX, 2)
    if (pid := os.fork()) != 0:
        os.close(out)  # or whoever reads it would never see its end
        os.close(err)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):  # nobody asks any more
            line.send(str(code).encode())
        os._exit(0)
    order: dict[str, Any] = json.loads(octets)
    os.setsid()
    line.send(str(os.getpid()).encode())  # not before: whoever knows it finds it by its session
    for place, each in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(each, place)
    line.detach()
    os.closerange(_FIRST_FREE, 1024)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    return order


def _run(words: list[str]) -> None:
    sys.argv = words
    if words[0] == "posthoused":
        import_module("engine.cli").main()
        return
    code = 1
    try:
        code = import_module("engine.commands").run(words[1:])
    except BaseException:
        traceback.print_exc()
    finally:  # as the interpreter would at its end, but that nothing is taken apart piece by piece
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    asked = _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
    if asked:
        _run(asked["words"])
