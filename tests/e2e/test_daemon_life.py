"""The daemon's own life: it starts and says so, reloads and stops without refusing anybody, and refuses to start in
clear words."""

import contextlib
import json
import signal
import smtplib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Daemon, hand_over, letter
from house_process import free_port
from house_sink import Sink

pytestmark = pytest.mark.e2e


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with Sink(tmp_path) as sink:
        yield sink


class Crowd:
    """Applications that hand over, each mail on a connection of its own, until told to stop. Nobody tries twice."""

    def __init__(self, daemon: Daemon, count: int = 4) -> None:
        self._daemon = daemon
        self._is_over = threading.Event()
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(count)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, who: int) -> None:
        number = 0
        while not self._is_over.is_set():
            number += 1
            marker = f"{who}.{number}"
            try:
                self._daemon.submit(f"{marker}@example.org", X_Marker=marker)
                self.accepted.append(marker)
            except (OSError, smtplib.SMTPException) as trouble:
                self.refused.append(f"{marker}: {trouble!r}")


def test_it_tells_its_supervisor_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        assert daemon.notes == [{"READY": "1", "STATUS": "2 carriers"}]
        assert daemon.stop() == 0
        assert daemon.notes[-1] == {"STOPPING": "1"}
        assert not (daemon.state / "control.sock").exists()


def test_what_it_keeps_is_nobody_elses_to_read(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.submit("ann@example.org")
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in (daemon.state, *daemon.state.iterdir())}
    assert modes.pop("control.sock") == "0o660"
    assert modes.pop("state") == modes.pop("keys") == "0o700"
    assert set(modes.values()) == {"0o600"}, modes


def test_a_reload_under_load_refuses_nobody_and_new_carriers_take_over(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address) as daemon, Crowd(daemon) as crowd:
        for size in ("1 MiB", "2 MiB", "3 MiB"):
            before, seen = daemon.carriers(), len(crowd.accepted)
            daemon.configure({"submission": {"max_size": size}})
            reloads = len(daemon.logged("reloaded"))
            daemon.signal(signal.SIGHUP)
            daemon.until(lambda reloads=reloads: len(daemon.logged("reloaded")) > reloads)
            assert not set(before) & set(daemon.carriers())
            daemon.until(lambda seen=seen: len(crowd.accepted) > seen + 20)
        with daemon.smtp() as smtp:
            smtp.ehlo()
            assert smtp.esmtp_features["size"] == str(3 * 2**20)
        crowd.__exit__()
        assert crowd.refused == []
        daemon.until_idle()
        assert sink.kept() == dict.fromkeys(crowd.accepted, 1)
        assert [note for note in daemon.notes if "RELOADING" in note]
