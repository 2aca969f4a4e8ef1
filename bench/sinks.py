"""Next hops: Postfix's smtp-sink, which only counts, and one of ours that notes when each message came."""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

SYSTEM_PATH: Final = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
_COUNT: Final = re.compile(rb"mesg=(\d+)\s")
_ID: Final = re.compile(rb"^X-Bench-Id: (\d+)", re.MULTILINE)


def free_port() -> int:
    """A port on 127.0.0.1 where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_smtp(port: int, seconds: float = 30) -> None:
    """Until a server greets on this port. TimeoutError when none does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as knock:
            knock.settimeout(5)
            if knock.recv(512).startswith(b"220"):
                knock.sendall(b"QUIT\r\n")
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing greets on port {port}")


class Sink:
    """smtp-sink, used by `with`. It writes its count to a file as each dot comes."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        memory = Path("/dev/shm")
        self._path = (memory if memory.is_dir() else folder) / f"posthouse-bench-{os.getpid()}-{self.port}"

    def __enter__(self) -> Self:
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self._out = self._path.open("wb")
        self.process = subprocess.Popen(
            ["smtp-sink", "-c", *user, "-m", "1000", f"127.0.0.1:{self.port}", "1024"],
            stdout=self._out, stderr=subprocess.DEVNULL, env={**os.environ, "PATH": SYSTEM_PATH},
        )  # fmt: skip
        wait_for_smtp(self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._out.close()
        self._path.unlink()

    def count(self) -> int:
        """Messages taken so far."""
        with self._path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 200))
            found = _COUNT.findall(file.read() + b" ")
        return int(found[-1]) if found else 0


class StampSink:
    """Notes when the dot of each message with an X-Bench-Id came. One thread a connection: it is for few messages."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        self.count = 0  # messages so far, those without a number too
        self.came: dict[int, float] = {}
        self.octets: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 sink ESMTP\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"EHLO":
                    connection.sendall(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                elif verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    content = []
                    while (line := lines.readline()) not in (b".\r\n", b""):
                        content.append(line[1:] if line.startswith(b".") else line)
                    self._note(b"".join(content))
                    connection.sendall(b"250 taken\r\n")
                elif verb == b"QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                else:
                    connection.sendall(b"250 ok\r\n")

    def _note(self, content: bytes) -> None:
        now = time.perf_counter()
        self.count += 1
        if found := _ID.search(content):
            self.came.setdefault(int(found[1]), now)
            self.octets[int(found[1])] = content
