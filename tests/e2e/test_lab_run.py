"""What a newcomer does first: a lab, a daemon, and a day of a sample shop."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from house_process import free_port, thread_states

from engine.scene.stage import PORTS

pytestmark = pytest.mark.e2e

PATIENCE = 300  # seconds, of which it needs ten


def test_everything_of_the_sample_day_happens(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from tui.cli import main; raise SystemExit(main())", "lab", "run", "--state", "var",
             "--contacts", "100"]  # fmt: skip
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | {"HEADLESS": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, "Everything happened." in done.stdout) == (0, True), f"{done.stdout}\n{done.stderr}"
    with closing(sqlite3.connect(tmp_path / "var" / "posthouse.db")) as database:
        states = database.execute("SELECT DISTINCT state FROM dkim_key").fetchall()
    assert states == [("active",)]  # a key that is gone would greet a newcomer with an alert


STAGE = """
import asyncio, sys
from pathlib import Path
from engine.scene.stage import prepare, running

async def stand() -> None:
    async with running(prepare(Path("var"), ports=[int(each) for each in sys.argv[1:]])):
        print("it stands", flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(stand())
except asyncio.CancelledError:
    sys.exit(1)
"""


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def waits_for(pid: int, number: signal.Signals) -> bool:
    """Whether this signal was sent to a process that has not taken it yet (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    pending = next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))
    return bool(pending >> (number - 1) & 1)


def test_a_terminal_whose_window_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    words = (sys.executable, "-c", STAGE, *(str(free_port()) for _ in PORTS))
    with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as stage:
        assert stage.stdout is not None
        assert stage.stdout.readline() == b"it stands\n"
        daemon = int((tmp_path / "var" / "posthoused.lock").read_text())
        os.kill(daemon, signal.SIGSTOP)  # so that the end is still under way when it is said again
        until(lambda: set(thread_states(daemon)) == {"T"})
        stage.send_signal(signal.SIGHUP)  # the shell says it ...
        until(lambda: waits_for(daemon, signal.SIGTERM))
        stage.send_signal(signal.SIGHUP)  # ... and so does the kernel
        os.kill(daemon, signal.SIGCONT)
        assert stage.wait(PATIENCE) == 1
    assert not Path(f"/proc/{daemon}").exists()
