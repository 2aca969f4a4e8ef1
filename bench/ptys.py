"""The terminal application in a pseudo-terminal: what it writes, how much, and when."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.targets import ROOT

PATIENCE: Final = 60.0


@dataclass
class Terminal:
    """The far end of the line, read by whoever asks."""

    end: int
    process: "subprocess.Popen[bytes]"
    spawned: float
    written: bytearray = field(default_factory=bytearray)

    def read(self, seconds: float = 0.0) -> int:
        """Read what comes for so long, or until the application has closed its end; how many octets came."""
        before, until = len(self.written), time.monotonic() + seconds
        while True:
            left = max(until - time.monotonic(), 0.0)
            if not select.select([self.end], [], [], left)[0]:
                return len(self.written) - before
            try:
                self.written += os.read(self.end, 1 << 16)
            except OSError:  # EIO: nothing comes any more
                return len(self.written) - before

    def see(self, text: str, since: int = 0) -> float:
        """Read until this was written; when that was."""
        deadline = time.monotonic() + PATIENCE
        while self.written.find(text.encode(), since) < 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"the application never showed {text!r}")
            self.read(0.002)
        return time.monotonic()

    def rest(self, quiet: float = 0.5) -> None:
        """Read until nothing came for so long."""
        while self.read(quiet):
            pass

    def press(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    @property
    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def terminal(
    socket: Path, home: Path, *, columns: int = 80, rows: int = 24, more: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """The application, attached to this socket, with nothing kept from before but what is under `home`."""
    far, near = pty.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environ = {
        **os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": str(home),
        "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home), **(more or {}),
    }  # fmt: skip
    spawned = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "--socket", str(socket)],
        stdin=near, stdout=near, stderr=near, cwd=ROOT, env=environ, start_new_session=True,
    )  # fmt: skip
    os.close(near)
    try:
        yield Terminal(far, process, spawned)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(far)
