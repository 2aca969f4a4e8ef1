"""`posthouse` commands, each in a process of its own, forked from one that has their modules loaded.

What a test asks of a command is what it says and does, not how Python begins: starting it anew costs a second of work.

    done = run_command(("queue", "list"), cwd=folder, environment={"POSTHOUSE_SOCKET": ...})
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
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

_ORDER_MAX = 128 * 1024  # octets
_HEAVY = ("engine.config", "engine.store.opening", "engine.control.client")  # what commands load when they need it


def run_command(
    words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], patience: float
) -> subprocess.CompletedProcess[str]:
    """What `posthouse WORDS` said, and its exit code. TimeoutError when it takes longer."""
    order = json.dumps({"words": words, "cwd": str(cwd), "environment": dict(environment)}).encode()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line,
    ):
        line.settimeout(patience)
        line.connect(_warm())
        socket.send_fds(line, [order], [out.fileno(), err.fileno()])
        code = int(line.recv(16))
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(list(words), code, *said)


@functools.cache
def _warm() -> bytes:
    """Where the process listens that commands are forked from. It ends when ours does, whatever ends it."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0posthouse-commands-{os.getpid()}".encode()
    listening.bind(address)
    listening.listen(16)
    with listening:
        process = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno())], pass_fds=[listening.fileno()], stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}, start_new_session=True,
        )  # fmt: skip
    atexit.register(process.communicate)
    return address


# -- in the process that they are forked from


def _serve(listening: socket.socket) -> None:
    for name in _HEAVY:
        import_module(name)
    commands = import_module("engine.commands")
    for name in commands.MODULES:
        import_module(f"engine.commands.{name.replace('-', '_')}")
    gc.freeze()  # so that its pages stay shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for commands bury themselves
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        line, _ = listening.accept()
        with line:
            if os.fork() == 0:
                listening.close()
                _attend(line)


def _attend(line: socket.socket) -> NoReturn:
    """Fork the command, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    octets, (out, err), *_ = socket.recv_fds(line, _ORDER_MAX, 2)
    order = json.loads(octets)
    if (pid := os.fork()) == 0:
        line.close()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["posthouse", *order["words"]]
        _run(order["words"])
    line.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def _run(words: list[str]) -> NoReturn:
    """As the interpreter would at its end, but that nothing is taken apart piece by piece."""
    code = 1
    try:
        code = import_module("engine.commands").run(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
