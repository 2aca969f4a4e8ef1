"""What goes wrong around a daemon: no name server, a database that somebody holds, memory that ends, a process that dies.

Mail waits and says why, or its sender is told to come again; nothing is lost, and nobody comes to mend it.
"""

import contextlib
import resource
import smtplib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from house import Daemon, hand_over, letter
from house_crowd import Crowd
from house_lab import NO_SPREAD, LabTown
from house_process import free_port
from house_sink import Sink
from lab_thread import LabThread

from engine.system import SystemChance, SystemClock

pytestmark = pytest.mark.e2e


_HELD = 2.0  # seconds: shorter than the patience of a commit (10 s)


class Wire:
    """The way to the name server, which can be cut: datagrams to `address` are answered by the server at `beyond`."""

    def __init__(self, beyond: str) -> None:
        host, port = beyond.rsplit(":", 1)
        self._beyond, self._port = (host, int(port)), free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._ends: list[socket.socket] = []

    def mend(self) -> None:
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        near.bind(("127.0.0.1", self._port))
        self._ends = [near]
        threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes whoever reads it
            end.close()
        self._ends = []

    def _carry(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.settimeout(60)
            while True:
                query, asker = near.recvfrom(4096)
                if not query:
                    return
                far.sendto(query, self._beyond)
                near.sendto(far.recv(65_535), asker)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with Sink(tmp_path) as sink:
        yield sink


def test_mail_waits_while_no_name_server_answers_says_so_and_goes_when_one_does(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, carriers=1, settings=NO_SPREAD)
    lab = LabThread(
        tmp_path / "lab", clock=SystemClock(), chance=SystemChance(), inbound=f"127.0.0.1:{daemon.inbound_port}",
        database=daemon.state / "posthouse.db",
    )  # fmt: skip
    with lab:
        wire = Wire(lab.dns_address)
        routing = {"resolvers": [wire.address], "port": lab.smtp_port, "permit": ["127.0.0.0/8", "::1/128"]}
        daemon.configure({"routing": routing})
        with daemon:
            town = LabTown(daemon, lab)
            number = town.submit("ann@shop.lab")  # nobody answers there
            waits = "SELECT last_reply FROM site WHERE failures > 0"
            daemon.until(lambda: daemon.rows(waits))
            for tries in (2, 3):
                daemon.advance("30 min")
                daemon.until(lambda tries=tries: daemon.rows("SELECT 1 FROM site WHERE failures >= ?", tries))
            daemon.until(lambda: daemon.state_of(number) == "queued")
            [(why,)] = daemon.rows(waits)
            assert "4.4.3" in why  # RFC 3463: directory server failure
            wire.mend()
            daemon.act("reload")  # no answer is remembered for some seconds, which no clock of a lab moves
            daemon.advance("1h")
            daemon.until(lambda: daemon.state_of(number) == "delivered")
            wire.cut()
            assert len(town.mails_for("ann@shop.lab")) == 1


def test_a_database_that_somebody_else_holds_for_a_while_makes_applications_wait_and_refuses_none(
    tmp_path: Path, sink: Sink
) -> None:
    with Daemon(tmp_path, next_hop=sink.address, carriers=1) as daemon:
        other = sqlite3.connect(daemon.state / "posthouse.db", isolation_level=None, timeout=60)
        with contextlib.closing(other), Crowd(daemon) as crowd:
            crowd.until(10)
            other.execute("BEGIN IMMEDIATE")
            threading.Event().wait(_HELD)
            held = len(crowd.accepted)
            other.rollback()
            crowd.until(held + 20)
        assert crowd.refused == []
        daemon.until_idle()
        assert sink.kept() == dict.fromkeys(crowd.accepted, 1)


def test_a_carrier_without_memory_for_a_message_loses_none_and_others_are_served(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address, carriers=1) as daemon:
        before = daemon.submit("ann@example.org", X_Marker="before")
        daemon.until(lambda: daemon.state_of(before) == "delivered")  # what ends at the dot may come twice
        [carrier] = daemon.carriers()
        status = Path(f"/proc/{carrier}/status").read_text("ascii")
        size = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmSize"))) * 1024
        resource.prlimit(carrier, resource.RLIMIT_AS, (size + (24 << 20), size + (24 << 20)))
        large = letter("ann@example.org", body=("x" * 70 + "\n") * 430_000, X_Marker="large")  # some 30 MiB
        with contextlib.suppress(OSError, smtplib.SMTPException), daemon.smtp() as smtp:
            hand_over(smtp, "app@shop.example", ["ann@example.org"], large)
            pytest.fail("there was memory for it")
        tries = count()
        after = daemon.until(lambda: _try(daemon, f"after-{next(tries)}"))
        daemon.until_idle()
        kept = sink.kept()
        assert kept.pop("before") == kept.pop(after) == 1
        # A carrier that ends between its commit and its 250 leaves a message whose application does not know.
        assert all(marker.startswith("after-") and times == 1 for marker, times in kept.items()), kept
        assert daemon.audit().balances


def _try(daemon: Daemon, marker: str) -> str:
    """Hand one over; its marker, "" where it is not taken now."""
    try:
        daemon.submit("ann@example.org", X_Marker=marker)
    except (OSError, smtplib.SMTPException):
        return ""
    return marker
