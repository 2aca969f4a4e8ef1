"""The promise: 250 means durable. Processes die without a word while mail passes, and nothing that was accepted is
lost; what comes twice is on record.

Here 20 kills and 800 messages; `make torture` (torture.py beside this) does more. POSTHOUSE_SEED repeats a run's choices.
"""

import fcntl
import os
import random
import signal
import smtplib
import socketserver
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from house import Daemon
from house_process import PATIENCE, session, thread_states, wait_ended
from house_sink import Sink
from house_torture import Plan, Torture
from serving import serving

pytestmark = pytest.mark.e2e


def test_nothing_that_was_accepted_is_lost_to_twenty_kills(tmp_path) -> None:
    seed = int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32))
    print(f"POSTHOUSE_SEED={seed}")
    score = Torture(tmp_path, Plan(kills=20, messages=800, seed=seed)).run()
    print(score)
    assert score.lost == []
    assert score.unexplained == []
    assert score.changed == []
    assert score.delivered == score.accepted > 800
    assert set(score.kills) == {"carrier", "front office", "all", "fork server", "keeper"}


def test_a_dead_carrier_is_replaced_and_what_it_held_is_delivered_at_once(tmp_path) -> None:
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address, carriers=1) as daemon:
        dead = daemon.carriers()
        daemon.kill(*dead)
        number = daemon.submit("ann@example.org", X_Marker="one")  # waits in the backlog for the next carrier
        daemon.until(lambda: daemon.state_of(number) == "delivered")
        assert daemon.carriers() != dead
        assert daemon.logged("carrier died, another takes its place", code=-signal.SIGKILL)


def test_a_stopped_carrier_makes_no_client_wait(tmp_path) -> None:
    """All carriers accept on the same descriptors, so a connection never sits in the backlog of one that hangs.

    It is stopped between two commits: one that is stopped inside a commit, or on its way from the gate to its turn,
    holds the database up until it is killed. So both are held here until every thread of it stands.
    """
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        assert any(_serves_beside_a_stopped_one(daemon) for _ in range(5)), "it is always replaced first"


def _serves_beside_a_stopped_one(daemon: Daemon) -> bool:
    """False where we were so slow that the stopped one was ended for its silence: nobody may have waited for that."""
    frozen = daemon.carriers()[0]
    with _locked(daemon.state / "posthouse.db.gate"), _locked(daemon.state / "posthouse.db.turn"):
        os.kill(frozen, signal.SIGSTOP)
        daemon.until(lambda: set(thread_states(frozen)) == {"T"})
    try:
        numbers = [daemon.submit("ann@example.org") for _ in range(12)]
        daemon.until(lambda: all(daemon.state_of(each) == "delivered" for each in numbers))
    finally:
        with suppress(ProcessLookupError):
            os.kill(frozen, signal.SIGCONT)
    is_here = frozen in daemon.carriers()
    assert is_here or daemon.logged("carrier says nothing, it is killed", pid=frozen)
    return is_here


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold this lock file of the turnstile."""
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_without_a_front_office_carriers_finish_and_go_and_the_next_one_listens_on_the_same_ports(tmp_path) -> None:
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        first = daemon.submit("ann@example.org")
        daemon.kill(daemon.pid)
        assert not wait_ended(session(daemon.pid), PATIENCE), "orphans stay"
        daemon.restart()
        second = daemon.submit("ann@example.org")
        daemon.until_idle()
        assert [daemon.state_of(each) for each in (first, second)] == ["delivered", "delivered"]


def test_without_its_fork_server_the_daemon_stops_at_once_and_fails(tmp_path) -> None:
    with Daemon(tmp_path, next_hop="127.0.0.1:9") as daemon:
        daemon.kill(*daemon.processes()["fork server"])
        assert daemon.wait_exit() == 1
        assert "the fork server is gone" in daemon.log_tail()


class Hop(socketserver.ThreadingTCPServer):
    """Takes mail, but says nothing more after a dot, or not even its name, until it is told to answer."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.answers = threading.Event()
        self.dots = threading.Semaphore(0)
        self.is_shut = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Visit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        hop: Any = self.server
        if hop.is_shut:
            hop.answers.wait()
        self.wfile.write(b"220 hop.example\r\n")
        for line in self.rfile:
            word = line[:4].upper().strip()
            self.wfile.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n"))
            if word == b"DATA":
                while self.rfile.readline() != b".\r\n":
                    pass
                hop.dots.release()
                hop.answers.wait()
                self.wfile.write(b"250 2.0.0 kept\r\n")


def test_after_all_was_killed_the_next_start_goes_on_at_once_and_lists_what_is_in_doubt(tmp_path) -> None:
    with serving(Hop()) as hop, Daemon(tmp_path, next_hop=hop.address) as daemon:
        doubted = daemon.submit("ann@example.org")
        assert hop.dots.acquire(timeout=PATIENCE)
        hop.is_shut = True
        begun = daemon.submit("bob@example.net")
        daemon.until(lambda: daemon.state_of(begun) == "in flight")
        daemon.keep_off(0)
        daemon.kill_all()
        hop.answers.set()
        daemon.restart()
        daemon.until_idle()
        assert [daemon.state_of(each) for each in (doubted, begun)] == ["delivered", "delivered"]
        assert daemon.logged("swept a dead carrier", why="its process is gone")
        assert not daemon.log.so_far("swept a dead carrier", why="its lease is over")
        assert daemon.logged("doubt settled", why="orphaned", how="resent")
        listed = daemon.command("queue", "doubts").stdout
        assert "ann@example.org" in listed and "bob@example.net" not in listed
        assert "1 on record, 0 open: 1 orphaned, 1 resent" in listed
        assert "doubts on record 1: 0 open, 1 resent" in daemon.command("audit").stdout
        assert daemon.overview().doubts_today == 1


def test_a_power_cut_in_the_middle_of_a_message_leaves_nothing_of_it(tmp_path) -> None:
    with Daemon(tmp_path, next_hop="127.0.0.1:9") as daemon:
        smtp = daemon.smtp()
        smtp.ehlo()
        smtp.mail("app@shop.example")
        smtp.rcpt("ann@example.org")
        smtp.docmd("DATA")
        smtp.send(b"Subject: half a message\r\n\r\nand no e")
        daemon.kill_all()
        smtp.close()
        daemon.restart()
        assert daemon.rows("SELECT count(*) FROM message") == [(0,)]
        assert daemon.audit().balances


def test_carriers_whose_leases_lapsed_while_the_machine_slept_lose_nothing_and_are_replaced(tmp_path) -> None:
    """After a sleep of the machine the janitor may come before a carrier renews; until it does, it still takes mail."""
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        before = daemon.carriers()
        daemon.submit("warm@example.org")
        daemon.until_idle()  # now each lane is open, and mail is claimed where it is accepted
        with closing(sqlite3.connect(daemon.state / "posthouse.db", timeout=PATIENCE)) as janitor, janitor:
            janitor.execute("UPDATE carrier SET lease_until_ms = 0")
        numbers = [_insist(daemon) for _ in range(20)]
        daemon.logged("lease lost")
        daemon.until(lambda: all(daemon.state_of(each) == "delivered" for each in numbers))
        daemon.until(lambda: not set(before) & set(daemon.carriers()))
        assert daemon.audit().balances


def _insist(daemon: Daemon) -> int:
    """Hand one over, once more where a carrier ended that had taken the connection; its number."""
    while True:
        with suppress(ConnectionError, smtplib.SMTPServerDisconnected):
            return daemon.submit("ann@example.org")
