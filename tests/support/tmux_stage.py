"""The terminal application in a real tmux, worked by keys alone, as an operator works it over SSH.

    with tmux_stage(daemon, tmp_path) as one:
        one.keys("2", "j", "Enter")
        one.see("Queue › gmail.com")

Nothing sleeps: what the application writes goes to a pipe as well, and the screen is looked at again when that says
that there is more.
"""

import contextlib
import os
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from house import Daemon

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds: far over what anything here takes
_NUMBERS = count()  # a server of tmux that is just ending lends its name to no other
_APPLICATION = "from tui.cli import main; raise SystemExit(main())"


@dataclass(frozen=True, slots=True)
class TmuxStage:
    """One pane of a tmux server of its own."""

    server: str
    written: int  # the descriptor from which we hear that there is more to see

    def run(self, *words: str) -> str:
        """What tmux answers to a command of its own."""
        asked = ("tmux", "-L", self.server, "-f", "/dev/null", *words)
        # As Python knows it: readline, which pytest loads, puts COLUMNS and LINES beside, and those would be believed.
        environment = dict(os.environ)
        done = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=PATIENCE, env=environment)
        return done.stdout

    @property
    def text(self) -> str:
        """What the terminal shows now, line by line."""
        return self.run("capture-pane", "-p", "-t", "0")

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names: `j`, `Enter`, `Escape`, `C-p`, `Tab`."""
        for name in names:
            self.run("send-keys", "-t", "0", name)

    def step(self, *names: str) -> None:
        """Press keys one by one, each when what the one before it changed is on the screen, be it a colour only."""
        for name in names:
            before = self._painted
            self.keys(name)
            self.until(lambda _, before=before: self._painted != before)  # type: ignore[misc]

    @property
    def _painted(self) -> str:
        return self.run("capture-pane", "-e", "-p", "-t", "0")

    def write(self, text: str) -> None:
        """Type this into what has the focus."""
        self.run("send-keys", "-t", "0", "-l", text)

    def until(self, fact: Callable[[str], object]) -> str:
        """Wait until this holds of the screen; the screen then."""
        deadline = time.monotonic() + PATIENCE
        while True:
            text = self.text
            if fact(text):
                return text
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"never came true; the screen shows:\n{text}")
            if select.select([self.written], [], [], min(left, 1.0))[0]:
                os.read(self.written, 1 << 20)

    def see(self, *texts: str) -> str:
        """Wait until the screen shows all of these; the screen then."""
        return self.until(lambda text: all(each in text for each in texts))

    def see_no(self, *texts: str) -> str:
        """Wait until the screen shows none of these; the screen then."""
        return self.until(lambda text: not any(each in text for each in texts))


@contextmanager
def tmux_stage(
    daemon: Daemon,
    folder: Path,
    *words: str,
    size: tuple[int, int] = (160, 48),
    environment: Mapping[str, str] | None = None,
) -> Iterator[TmuxStage]:
    """The application is attached to this daemon and has shown its first picture when this begins. `words` are added
    to its command line. What an operator keeps (history, drafts, keys) is under `folder`."""
    socket = daemon.state / "control.sock"
    command = shlex.join([sys.executable, "-c", _APPLICATION, "--socket", str(socket), *words])
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")}
    said = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TZ": "UTC", **kept, **(environment or {})}
    one = TmuxStage(f"posthouse-{os.getpid()}-{next(_NUMBERS)}", _pipe(folder / "written"))
    width, height = size
    options = [part for name, value in said.items() for part in ("-e", f"{name}={value}")]
    try:
        # A shell that waits: the application begins when its output is piped, so that nothing is missed.
        one.run(
            "new-session",
            "-d",
            "-c",
            str(home),
            "-x",
            str(width),
            "-y",
            str(height),
            *options,
            f"read _; unset COLUMNS LINES; exec {command}",
        )
        one.run("set-option", "-g", "status", "off", ";", "set-option", "-g", "escape-time", "0")
        one.run("resize-window", "-t", "0", "-x", str(width), "-y", str(height))
        one.run("pipe-pane", "-t", "0", f"exec cat > {shlex.quote(str(folder / 'written'))}")
        one.keys("Enter")
        one.see("● live")
        yield one
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            one.run("kill-server")
        os.close(one.written)


def _pipe(path: Path) -> int:
    """A pipe in the file system, open for reading; opened for writing too, so that it never ends."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)
