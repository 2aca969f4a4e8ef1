"""What a newcomer does first: a lab, a daemon, and a day of a sample shop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PATIENCE = 300  # seconds, of which it needs ten


def test_everything_of_the_sample_day_happens(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from tui.cli import main; raise SystemExit(main())", "lab", "run", "--state", "var"]
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
