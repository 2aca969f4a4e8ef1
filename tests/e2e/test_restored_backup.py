"""A backup that is put in place of the database sends nothing again by itself."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from house import Daemon
from house_sink import Sink

pytestmark = pytest.mark.e2e


def test_a_restored_backup_takes_mail_and_sends_none_until_the_fence_is_lifted(tmp_path) -> None:
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
