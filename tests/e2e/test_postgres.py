"""The daemon on PostgreSQL: mail is taken and delivered, and a server that is killed or restarted loses nothing."""

import contextlib
import os
import random
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from house import Daemon
from house_crowd import Crowd
from house_sink import Sink
from house_torture import Plan, Torture

from engine.control.places import PLACES
from engine.control.protocol.queue import Messages

if TYPE_CHECKING:
    from house_postgres import Postgres

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postgresql")]


@pytest.fixture
def server(postgres: "Postgres") -> "Postgres":
    """The server of the whole run, with an empty database; it stays up."""
    postgres.empty("posthouse")
    return postgres


@pytest.fixture
def own_server() -> Iterator["Postgres"]:
    """One that may be killed."""
    from house_postgres import Postgres

    with Postgres() as server:
        yield server


def on(server: "Postgres", folder: Path, sink: Sink) -> Daemon:
    folder.mkdir(exist_ok=True)
    return Daemon(folder, next_hop=sink.address, settings={"database": {"url": server.url("posthouse")}})


def test_mail_is_taken_delivered_and_told_of(server: "Postgres", tmp_path: Path) -> None:
    with Sink(tmp_path) as sink, on(server, tmp_path, sink) as daemon:
        number = daemon.submit(["ann@example.org", "bob@example.net"], X_Marker="one", subject="Hello")
        daemon.until_idle()
        assert sink.kept() == {"one": 2}
        assert sum(daemon.overview().delivered_hours) == 2  # since yesterday at this time: midnight may pass here
        found = daemon.control.get(Messages, "/v1/messages?state=delivered&q=HELLO")
        assert [each.state for each in found.rows] == ["delivered"] * 2
        life = daemon.command("message", str(number))
        assert "delivered" in life.stdout, life.stderr
        assert "the books balance" in daemon.command("audit").stdout
        assert not (daemon.state / "posthouse.db").exists()
        assert "posthouse@" not in daemon.log_tail(), "no address with a user in the log"


def test_commands_ask_and_act_there_too(server: "Postgres", tmp_path: Path) -> None:
    with Sink(tmp_path) as sink, on(server, tmp_path, sink) as daemon:
        assert "shown this once" in tell(daemon, "credential", "add", "shop", "--rate", "60/min")
        assert "shop" in tell(daemon, "credential", "list")
        tell(daemon, "shaping", "suspend", "example.org", "--domain", "--why", "they asked")
        number = daemon.submit("ann@example.org", X_Marker="late")
        assert "they asked" in tell(daemon, "why", "example.org")
        assert daemon.state_of(number) == "queued"
        tell(daemon, "shaping", "resume", "example.org", "--domain")
        daemon.until_idle()
        assert sink.kept() == {"late": 1}
        for words in (("shaping", "show", "example.org"), ("queue",), ("queue", "messages"), ("flow", "list")):
            tell(daemon, *words)


QUESTIONS = [
    "overview", "queue", "queue?by=site&sort=next", "queue?by=domain&sort=age", "queue?by=stream&sort=name",
    "queue?by=campaign&sort=queued", "queue/shape", "queue/shape?by=site&stream=marketing", "queue/shape?by=campaign",
    "doubts", "doubts?open=1", "messages", "messages?sort=oldest", "messages?sort=next&site=s", "messages?sort=expiry",
    "messages?state=delivered&q=Hello", "messages?domain=example.net&stream=transactional&campaign=c", "messages?older=1s",
    "messages?due_within=1h&limit=1", "messages/{number}", "messages/{number}/why", "shaping/example.net",
    "why/example.net", "flows",
]  # fmt: skip


def test_every_question_of_the_control_socket_is_answered_there_too(server: "Postgres", tmp_path: Path) -> None:
    with Sink(tmp_path) as sink, on(server, tmp_path, sink) as daemon:
        number = daemon.submit(
            ["ann@example.org", "bob@example.net"], subject="Hello"
        )  # a replayed group took the first
        daemon.until_idle()
        daemon.act("shaping/suspend", scope="domain", name="example.net", why="a test")
        daemon.submit("bob@example.net", X_Posthouse_Stream="marketing")
        answers = {each: asked(daemon, each.format(number=number)) for each in QUESTIONS}
        assert {each: status for each, status in answers.items() if status != 200} == {}, daemon.log_tail()
        places = [re.sub(r"\{\w+\}", "1", each.removeprefix("/v1/")) for each in sorted(PLACES)]
        assert [each for each in places if asked(daemon, each) >= 500] == [], daemon.log_tail()
        for act in ("hold", "release", "redirect", "cancel"):
            where = {"to": "127.0.0.1:9"} if act == "redirect" else {}
            daemon.act(f"queue/{act}", domain="example.net", by="ann", why="a test", **where)
        daemon.act("queue/retry", site="example.net")


def asked(daemon: Daemon, question: str) -> int:
    """The status of the answer."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(str(daemon.state / "control.sock"))
        line.sendall(f"GET /v1/{question} HTTP/1.0\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def tell(daemon: Daemon, *words: str) -> str:
    done = daemon.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["crash", "restart"])
def test_a_server_that_goes_away_in_the_middle_loses_nothing(own_server: "Postgres", tmp_path: Path, how: str) -> None:
    with Sink(tmp_path) as sink, on(own_server, tmp_path, sink) as daemon:
        with Crowd(daemon) as crowd:
            crowd.until(150)
            own_server.crash() if how == "crash" else own_server.stop()
            own_server.start()
            crowd.until(len(crowd.accepted) + 150)
        codes = [getattr(each, "smtp_code", 400) for each in crowd.refused]
        assert [each for each in codes if each >= 500] == [], "a trouble of ours is never a 5xx"
        daemon.until_idle()
        kept = sink.kept()
        assert set(crowd.accepted) <= set(kept), "250 was said, and it never came"
        doubts = daemon.rows("SELECT count(*) FROM doubt")[0][0]
        assert sum(count - 1 for count in kept.values()) <= doubts
        assert daemon.audit().balances, daemon.audit()
        assert daemon.is_running
        assert not daemon.log.so_far("carrier died, another takes its place")


def test_two_daemons_on_one_database_share_the_queue_and_send_nothing_twice(server: "Postgres", tmp_path: Path) -> None:
    """And one with a secret of its own, whose links the others would not know, is refused."""
    with Sink(tmp_path) as sink, on(server, tmp_path / "one", sink) as one:
        stranger = on(server, tmp_path / "two", sink)
        stranger.launch()
        assert stranger.wait_exit(60) == 1
        secret = stranger.state / "secret"
        stranger.until(lambda: f"copy its state folder's file `secret` to {secret}" in stranger.log_tail())
        stranger.close()
        shutil.copy(one.state / "secret", secret)
        with on(server, tmp_path / "two", sink) as two:
            with Crowd(one) as first, Crowd(two) as second:
                first.until(100)
                second.until(100)
            one.until_idle()  # what outlasts the drain of one that is stopped would be sent again, as a doubt
        accepted = sorted(first.accepted + second.accepted)
        assert sorted(sink.kept().elements()) == accepted
        assert one.audit().balances


def test_nothing_that_was_accepted_is_lost_to_kills_of_the_daemon(server: "Postgres", tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32))
    print(f"POSTHOUSE_SEED={seed}")
    score = Torture(tmp_path, Plan(kills=6, messages=180, seed=seed, database=server.url("posthouse"))).run()
    print(score)
    assert (score.lost, score.unexplained, score.changed) == ([], [], [])
    assert score.delivered == score.accepted > 180


def test_what_one_daemon_is_told_the_other_does_too(server: "Postgres", tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink(tmp_path))
        one = stack.enter_context(on(server, tmp_path / "one", sink))
        (tmp_path / "two" / "state").mkdir(mode=0o700, parents=True)
        shutil.copy(one.state / "secret", tmp_path / "two" / "state" / "secret")
        two = stack.enter_context(on(server, tmp_path / "two", sink))
        one.act("shaping/suspend", scope="domain", name="example.org", why="they asked")
        two.until(lambda: "they asked" in str(two.overview().alerts))
        number = two.submit("ann@example.org", X_Marker="late")
        one.advance("2h")
        two.until(lambda: two.overview().lab_offset_s == 7200)  # the suspension of an hour is over
        two.until(lambda: two.state_of(number) == "delivered")
        one.act("shaping/suspend", scope="domain", name="example.org", why="asked twice")
        two.until(lambda: "asked twice" in str(two.overview().alerts))
        one.act("shaping/resume", scope="domain", name="example.org")
        two.until(lambda: "asked twice" not in str(two.overview().alerts))


def test_a_server_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with Sink(tmp_path) as sink:
        daemon = Daemon(
            tmp_path,
            next_hop=sink.address,
            settings={"database": {"url": "postgresql://posthouse:secret@127.0.0.1:1/x"}},
        )
        daemon.launch()
        assert daemon.wait_exit() == 1
        assert "no database server answers" in daemon.log_tail()
        assert "Traceback" not in daemon.log_tail() and "secret" not in daemon.log_tail()
        daemon.close()
