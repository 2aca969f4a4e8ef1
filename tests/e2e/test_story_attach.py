"""An operator attaches over a terminal, looks about, sees the daemon go and come, and leaves."""

from pathlib import Path

import pytest
from house import Daemon
from tmux_stage import tmux_stage

pytestmark = pytest.mark.e2e


def test_an_operator_stays_attached_while_the_daemon_goes_and_comes_back(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon, tmux_stage(daemon, tmp_path, size=(80, 24)) as one:
        one.keys("2")
        one.see("── Queue ──")
        daemon.stop()
        one.see("away since", "── Queue ──")
        daemon.start()
        one.see("● live")
        one.keys("1")
        one.see("Delivered a minute")
        one.run("set-option", "-g", "remain-on-exit", "on")
        one.keys("q")
        # tmux 3.3 may miss how it ended, not that it did; the status is in tests/tui/test_tui_terminal.py
        one.until(lambda _: one.run("display-message", "-p", "-t", "0", "#{pane_dead}") == "1\n")
