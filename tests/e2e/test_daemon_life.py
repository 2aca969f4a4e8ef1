"""The daemon's own life: it starts and says so, reloads and stops without refusing anybody, and refuses to start in
clear words."""

import contextlib
import http.client
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from house import Daemon
from house_crowd import Crowd
from house_process import Process, free_port, session
from house_sink import Sink

from engine.daemon import REST_SECONDS

pytestmark = pytest.mark.e2e

PATIENT = {"daemon": {"drain": 60}}  # with clients that may stand still


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with Sink(tmp_path) as sink:
        yield sink


def healthz(daemon: Daemon) -> int:
    """What the public pages' own check answers."""
    asking = http.client.HTTPConnection("127.0.0.1", daemon.web_port, timeout=60)
    try:
        asking.request("GET", "/healthz")
        return asking.getresponse().status
    finally:
        asking.close()


def overviews(daemon: Daemon) -> tuple[socket.socket, BinaryIO]:
    """What an operator's terminal reads: a line whenever the first screen changed."""
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(60)
    asking.connect(str(daemon.state / "control.sock"))
    asking.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: posthouse\r\n\r\n")
    return asking, cast(BinaryIO, asking.makefile("rb"))


def test_an_operator_who_leaves_is_no_trouble_worth_a_line_of_the_log(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address) as daemon:
        daemon.keep_off(0)  # what was accepted today begins anew at midnight
        leaving, read = overviews(daemon)
        staying, told = overviews(daemon)
        with staying, told:
            with leaving, read:
                assert any(b'"host"' in line for line in read)
            for number in range(4):  # each is a change that both would be told of; a stream looks once a second
                message = daemon.submit(f"n{number}@example.org")
                wanted = b'"accepted_today":%d' % message
                assert any(wanted in line for line in told)
        assert daemon.stop() == 0
        assert daemon.log.so_far(level="error") == []


def test_it_tells_its_supervisor_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        assert daemon.notes == [{"READY": "1", "STATUS": "2 carriers"}]
        assert daemon.stop() == 0
        longest = daemon.settings["daemon"]["drain"] + REST_SECONDS
        assert daemon.notes[-1] == {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": str(longest * 1_000_000)}
        assert not (daemon.state / "control.sock").exists()


def test_it_feeds_the_watchdog_where_one_watches_and_nobody_where_none_does(tmp_path: Path) -> None:
    with Daemon(tmp_path, environment={"WATCHDOG_USEC": "400000"}) as daemon:
        daemon.until(lambda: daemon.notes.count({"WATCHDOG": "1"}) > 2)


def test_what_it_keeps_is_nobody_elses_to_read(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.submit("ann@example.org")
        modes = {}
        for file in (daemon.state, *daemon.state.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # one that is written anew has another name for a moment
                modes[file.name] = oct(file.stat().st_mode & 0o777)
    assert modes.pop("control.sock") == "0o660"
    assert modes.pop("lmtp.sock") == "0o666"  # the kernel says who knocks
    assert modes.pop("state") == modes.pop("keys") == modes.pop("spool") == "0o700"
    assert set(modes.values()) == {"0o600"}, modes


def test_a_reload_under_load_refuses_nobody_and_new_carriers_take_over(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address, settings=PATIENT) as daemon, Crowd(daemon) as crowd:
        for size in ("1 MiB", "2 MiB", "3 MiB"):
            before, seen = daemon.carriers(), len(crowd.accepted)
            daemon.configure({"submission": {"max_size": size}})
            reloads = len(daemon.log.so_far("reloaded"))
            daemon.signal(signal.SIGHUP)
            daemon.logged("reloaded", reloads + 1)
            assert not set(before) & set(daemon.carriers())
            daemon.until(lambda seen=seen: len(crowd.accepted) > seen + 20)
            assert healthz(daemon) == 200
        with daemon.smtp() as smtp:
            smtp.ehlo()
            assert smtp.esmtp_features["size"] == str(3 * 2**20)
        crowd.stop()
        assert crowd.refused == []
        daemon.until_idle()
        assert sink.kept() == dict.fromkeys(crowd.accepted, 1)
        daemon.until(lambda: [note for note in daemon.notes if "RELOADING" in note])


def locked_before_its_carriers(daemon: Daemon) -> sqlite3.Connection:
    """Launch it, and hold its database when a carrier is forked, before which the front office has written what it writes,
    and has no lease yet. Where a carrier was faster, once more: what is forked gets the processor only where nobody else
    wants it, so that it seldom is."""
    other = sqlite3.connect(daemon.state / "posthouse.db", isolation_level=None, timeout=60)
    leases = "SELECT max(id) FROM carrier"

    def seen(count: int) -> dict[int, Process]:
        """So many processes of it, in a look that does not rest for a moment."""
        for _ in range(200):
            if len(found := session(daemon.pid)) > count:
                return found
        return {}

    for _ in range(100):
        before = other.execute(leases).fetchone()
        daemon.launch()
        for pid in daemon.until(lambda: seen(1)).keys() - {daemon.pid}:
            with contextlib.suppress(OSError):  # it is gone
                os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        daemon.until(lambda: seen(3))  # beside it the fork server, a carrier and its keeper
        other.execute("BEGIN IMMEDIATE")
        if other.execute(leases).fetchone() == before:
            return other
        other.rollback()
        assert daemon.stop() == 0
    raise AssertionError("its carriers are always faster")


def test_a_stop_is_heard_while_carriers_cannot_begin(tmp_path: Path) -> None:
    with Daemon(tmp_path, carriers=1) as daemon:
        assert daemon.stop() == 0
        other = locked_before_its_carriers(daemon)
        readies = len(daemon.log.so_far("ready"))
        stops = len(daemon.log.so_far("stopping"))
        daemon.signal(signal.SIGTERM)
        daemon.logged("stopping", stops + 1)
        other.close()
        assert daemon.wait_exit() == 0
        assert len(daemon.log.so_far("ready")) == readies, "it never was"


def test_a_reload_with_faults_changes_nothing_and_says_them(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address) as daemon:
        before = daemon.carriers()
        whole = daemon.config_path.read_text()
        daemon.config_path.write_text(whole.replace("max_size", "max_siez") + "[queue]\nkeep_bodies = '5 dyas'\n")
        daemon.signal(signal.SIGHUP)
        [said] = daemon.logged("not reloaded, the old configuration stays")
        assert '"5 dyas" is not a duration (try "5 days")' in str(said["faults"])
        assert daemon.carriers() == before
        number = daemon.submit("ann@example.org")
        daemon.until(lambda: daemon.state_of(number) == "delivered")


def test_a_reload_says_what_needs_a_restart_and_keeps_its_old_value(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        port = daemon.submission_port
        daemon.configure({"submission": {"listen": [f"127.0.0.1:{free_port()}"]}})
        done = daemon.control.post("/v1/reload", {})
        assert done.text.startswith("reloaded")
        assert daemon.logged("needs a restart, keeps its old value until then", setting="submission.listen")
        (daemon.state / "secret").unlink()  # all parts, new carriers too, go on with the one that is known
        assert daemon.control.post("/v1/reload", {}).text.startswith("reloaded")
        assert daemon.logged("needs a restart, keeps its old value until then", setting=str(daemon.state / "secret"))
        with socket.create_connection(("127.0.0.1", port)) as still:
            assert still.recv(3) == b"220"


def test_a_stop_finishes_the_message_under_way_and_loses_nothing(tmp_path: Path, sink: Sink) -> None:
    with Daemon(tmp_path, next_hop=sink.address, settings=PATIENT) as daemon:
        smtp = daemon.smtp()
        smtp.ehlo()
        smtp.mail("app@shop.example")
        smtp.rcpt("ann@example.org")
        smtp.docmd("DATA")
        smtp.send(b"X-Marker: under way\r\nSubject: half\r\n\r\nfirst half, ")
        daemon.signal(signal.SIGTERM)
        daemon.logged("stopping")
        smtp.send(b"second half\r\n.\r\n")
        assert smtp.getreply()[0] == 250
        assert daemon.wait_exit() == 0
        assert daemon.audit().balances
        daemon.start()
        daemon.until_idle()
        assert sink.kept() == {"under way": 1}


def test_the_books_balance_beside_a_running_daemon_after_it_stopped_and_are_false_when_spoilt(
    tmp_path: Path, sink: Sink
) -> None:
    with Daemon(tmp_path, next_hop=sink.address) as daemon:
        daemon.submit(["ann@example.org", "bob@example.org"])
        daemon.until_idle()
        daemon.advance("3 days")
        running = daemon.command("audit")
        assert daemon.stop() == 0
        stopped = daemon.command("audit", "--json")
        assert running.returncode == stopped.returncode == 0, running.stdout + stopped.stdout
        assert "accepted deliveries 2" in running.stdout
        assert "the books balance" in running.stdout
        assert '"balances": true' in stopped.stdout

        books = sqlite3.connect(daemon.state / "posthouse.db")
        books.execute("DELETE FROM delivery WHERE id = 1")
        books.commit()
        books.close()
        spoilt = daemon.command("audit")
        assert spoilt.returncode == 1
        assert "FINDING: a message with more or fewer deliveries than it had recipients: 1" in spoilt.stdout


def test_a_second_daemon_on_the_same_state_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with Daemon(tmp_path) as first:
        ports = {door: {"listen": [f"127.0.0.1:{free_port()}"]} for door in ("submission", "inbound", "web")}
        second = Daemon(tmp_path)
        second.configure(ports)
        second.launch()
        try:
            assert second.wait_exit() == 1
        finally:
            second.close()
        assert f"another Posthouse (pid {first.pid}) runs on {first.state}" in second.log_tail()
        assert first.overview().carriers, "the first one was disturbed"


def test_a_second_daemon_on_the_same_file_from_another_state_folder_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with Daemon(tmp_path / "one") as first:
        file, link = first.state / "posthouse.db", tmp_path / "two" / "link.db"
        link.symlink_to(file)
        second = Daemon(tmp_path / "two", settings={"database": {"path": str(link)}})
        second.launch()
        try:
            assert second.wait_exit() == 1
        finally:
            second.close()
        assert f"another Posthouse (pid {first.pid}) runs on {file}" in second.log_tail()
        assert first.command("fence", "show").stdout == "no fence stands\n"


def test_a_port_that_is_taken_is_named_with_the_command_that_shows_by_whom(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        daemon = Daemon(tmp_path, settings={"submission": {"listen": [f"127.0.0.1:{port}"]}})
        daemon.launch()
        try:
            assert daemon.wait_exit() == 1
        finally:
            daemon.close()
        assert f"submission.listen: 127.0.0.1:{port} can't be had" in daemon.log_tail()
        assert f"ss -ltnp 'sport = :{port}'" in daemon.log_tail()


def test_sockets_from_the_supervisor_are_used_and_outlive_the_daemon(tmp_path: Path, sink: Sink) -> None:
    with contextlib.ExitStack() as stack:
        doors = {name: stack.enter_context(socket.socket()) for name in ("submission", "inbound", "web")}
        for each in doors.values():
            each.bind(("127.0.0.1", 0))
            each.listen(100)
        daemon = stack.enter_context(Daemon(tmp_path, next_hop=sink.address, sockets=doors))
        daemon.submission_port = doors["submission"].getsockname()[1]
        daemon.submit("ann@example.org", X_Marker="one")
        daemon.kill_all()
        with socket.create_connection(("127.0.0.1", daemon.submission_port)) as patient:  # nobody serves it yet
            daemon.restart()
            patient.settimeout(60)
            assert patient.recv(3) == b"220"
        number = daemon.submit("ann@example.org", X_Marker="two")
        daemon.until(lambda: daemon.state_of(number) == "delivered")


def test_a_descriptor_that_is_no_socket_is_refused_in_words(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as no_socket:
        daemon = Daemon(tmp_path, sockets={"submission": no_socket})  # type: ignore[dict-item]
        daemon.launch()
        try:
            assert daemon.wait_exit() == 1
        finally:
            daemon.close()
    assert "LISTEN_FDS: descriptor 3 (submission) is no socket" in daemon.log_tail()
    assert "Traceback" not in daemon.log_tail()


def test_a_wrong_configuration_is_refused_with_all_faults_and_their_lines(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.config_path.write_text(
        'hostname = "mail..example"\n[submission]\nlisten = ["127.0.0.1:99999"]\nmax_siez = 12\n[queue]\n'
        'keep_bodies = "5 dyas"\n[dameon]\ncarriers = 2\n'
    )
    daemon.launch()
    try:
        assert daemon.wait_exit() == 2
    finally:
        daemon.close()
    said = daemon.log_tail()
    for fault in (
        ":1: hostname: ", ":3: submission.listen.0: ", ":4: submission.max_siez: is not a setting (did you mean max_size?)",
        ':6: queue.keep_bodies: "5 dyas" is not a duration (try "5 days")', ":7: dameon: is not a setting (did you mean daemon?)",
    ):  # fmt: skip
        assert f"{daemon.config_path}{fault}" in said
    assert not daemon.state.exists(), "a refused configuration left something behind"


def test_a_file_that_is_no_socket_is_not_removed_for_the_control_socket(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.state.mkdir(mode=0o700)
    precious = daemon.state / "control.sock"
    precious.write_text("somebody's work")
    daemon.launch()
    try:
        assert daemon.wait_exit() == 1
    finally:
        daemon.close()
    assert "exists and is no socket" in daemon.log_tail()
    assert precious.read_text() == "somebody's work"


def test_it_stops_at_once_though_terminals_follow_it_and_one_of_them_hangs(tmp_path: Path) -> None:
    settings = {"daemon": {"drain": 600}}  # so long it would wait for somebody
    with contextlib.ExitStack() as opened, Daemon(tmp_path, carriers=1, settings=settings) as daemon:
        lines = [opened.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(3)]
        for line in lines:
            line.connect(str(daemon.state / "control.sock"))
            line.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: posthouse\r\n\r\n")
        for line in lines[1:]:  # the first never reads
            assert line.recv(15) == b"HTTP/1.1 200 OK"
        assert daemon.stop() == 0
