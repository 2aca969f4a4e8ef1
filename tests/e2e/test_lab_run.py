"""What a newcomer does first: a lab, a daemon, and a day of a sample shop."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


STAGE = """
import asyncio, sys
from pathlib import Path
from engine.scene.stage import prepare, running

async def stand() -> None:
    async with running(prepare(Path("var"), ports=(0,) * 6)):
        print("it stands", flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(stand())
except asyncio.CancelledError:
    sys.exit(1)
"""


def test_a_terminal_whose_window_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen((sys.executable, "-c", STAGE), cwd=tmp_path, env=env, stdout=subprocess.PIPE) as stage:
        assert stage.stdout is not None
        assert stage.stdout.readline() == b"it stands\n"
        daemon = int((tmp_path / "var" / "posthoused.lock").read_text())
        for _ in range(2):  # the shell says it, and so does the kernel
            stage.send_signal(signal.SIGHUP)
        assert stage.wait(PATIENCE) == 1
    assert not Path(f"/proc/{daemon}").exists()
