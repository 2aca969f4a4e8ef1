"""A backup that is put in place of the database has every delivery that was accepted, and sends nothing again by itself."""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from house import SHOP, Daemon
from house_crowd import Crowd
from house_sink import Sink

from engine import fence
from engine.control.observing.health import FAILING
from engine.control.protocol.health import Health
from engine.store.opening import store_at
from engine.system import SystemClock

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def databases(request: pytest.FixtureRequest) -> Iterator[list[Mapping[str, Any]]]:
    """Settings of a database, and of the one that is restored into."""
    if request.param == "sqlite":
        yield [{}, {}]
        return
    server = request.getfixturevalue("postgres")
    server.empty("posthouse")
    yield [{"database": {"url": server.url("posthouse")}}, {"database": {"url": server.url("restored")}}]


def test_a_backup_made_under_load_holds_all_that_was_accepted_and_sends_none_of_it_before_it_is_let_go(
    databases: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    own = shutil.copytree(SHOP, tmp_path / "templates")  # a restore puts what is there aside
    settings = {"templates": str(own), **databases[0]}
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address, settings=settings) as daemon:
        with Crowd(daemon) as crowd:
            crowd.until(100)
            before = list(crowd.accepted)
            made = tell(daemon, "backup", "make", "--into", str(tmp_path / "backups"))
            crowd.until(len(crowd.accepted) + 20)
        [folder] = (tmp_path / "backups").iterdir()
        assert made.startswith(f"{folder} is made")
        assert "is whole" in tell(daemon, "backup", "check", str(folder))
        daemon.until_idle()
        assert daemon.command("restore", str(folder)).returncode == 1, "a daemon runs"
        assert daemon.stop() == 0
        sent = sink.kept()

        daemon.configure(databases[1])
        said = tell(daemon, "restore", str(folder))
        assert 'Nothing is sent until `posthouse fence lift --why "..."`' in said
        daemon.start()
        assert daemon.logged("nothing is sent until the fence is lifted")
        new = [daemon.submit("ben@example.org", X_Marker="new") for _ in range(4)]  # the way to it is known by then
        daemon.advance("1h")  # whatever is due is due now
        assert {daemon.state_of(each) for each in new} == {"queued"}
        assert sink.kept() == sent
        assert set(before) <= {subject for (subject,) in daemon.rows("SELECT subject FROM message")}
        assert daemon.audit().balances, daemon.audit()

        tell(daemon, "fence", "lift", "--why", "looked at")
        daemon.until_idle()
        again = sink.kept() - sent
        assert set(before) <= set(sent) | set(again)
        assert again["new"] == len(new)
        assert daemon.audit().balances, daemon.audit()


def test_a_copy_that_somebody_put_in_place_by_hand_is_held_back_too(tmp_path: Path) -> None:
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop="127.0.0.1:9") as daemon:
        daemon.submit("ann@example.org", X_Marker="old")
        daemon.until(lambda: daemon.rows("SELECT state, attempts FROM delivery") == [(0, 1)])  # tried, and waits
        database, copied = daemon.state / "posthouse.db", tmp_path / "backup.db"
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copied)) as copy:
            source.backup(copy)
        daemon.configure({"routing": {"transport": {"*": sink.address}}})
        assert daemon.stop() == 0
        daemon.start()
        assert daemon.command("fence", "show").stdout == "no fence stands\n"
        daemon.act("queue/retry", site="example.org")
        daemon.until(lambda: sink.kept()["old"] == 1)
        assert daemon.stop() == 0

        for left in ("posthouse.db-wal", "posthouse.db-shm"):
            (daemon.state / left).unlink(missing_ok=True)
        shutil.copy(copied, database)
        daemon.start()
        assert daemon.logged("nothing is sent until the fence is lifted")
        assert "older than this machine's last run" in daemon.command("fence", "show").stdout
        daemon.submit("ben@example.org", X_Marker="new")
        daemon.advance("1h")  # whatever is due is due now
        states = daemon.rows("SELECT state FROM delivery ORDER BY id")
        assert states == [(0,), (0,)]
        assert sink.kept()["old"] == 1
        done = daemon.command("queue", "cancel", "1", "--why", "left already")
        assert done.returncode == 0, done.stderr
        assert daemon.command("fence", "lift", "--why", "checked").returncode == 0
        daemon.until(lambda: sink.kept()["new"] == 1)
        assert sink.kept()["old"] == 1
        assert daemon.command("fence", "lift", "--why", "again").returncode == 1


def test_a_fence_that_is_put_up_beside_a_running_daemon_is_seen_and_stops_it(
    databases: list[Mapping[str, Any]], tmp_path: Path
) -> None:
    settings = {**databases[0], "doctor": {"every": "0s"}}  # what it finds a minute after the start would be an alert
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address, settings=settings) as daemon:
        daemon.submit("ann@example.org", X_Marker="before")
        daemon.until_idle()
        carriers = set(daemon.carriers())
        place = daemon.settings.get("database", {}).get("url") or daemon.state / "posthouse.db"
        other = store_at(place, SystemClock()).open()
        other.write_now(lambda tx: fence.put_up(tx, fence.FOREIGN, NOON))
        other.close()
        assert fence.FOREIGN in tell(daemon, "fence", "show")
        health = daemon.control.get(Health, "/v1/health")
        assert (health.state, health.reasons[0].reason) == (FAILING, "fence")
        daemon.until(lambda: len(daemon.carriers()) == len(carriers) and not carriers & set(daemon.carriers()))
        held = daemon.submit("ann@example.org", X_Marker="held")
        daemon.advance("1h")
        assert daemon.state_of(held) == "queued"
        assert sink.kept() == {"before": 1}
        tell(daemon, "fence", "lift", "--why", "looked at")
        daemon.until_idle()
        assert sink.kept() == {"before": 1, "held": 1}
        assert daemon.overview().alerts == ()


def tell(daemon: Daemon, *words: str) -> str:
    done = daemon.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout
