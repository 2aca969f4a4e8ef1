"""A house on SQLite, with mail in every state and people in a flow, goes on on PostgreSQL: nothing lost, nothing twice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from house import Daemon
from house_crowd import Crowd
from house_process import PATIENCE
from house_sink import Sink
from mail_shop import lay_database

from engine.moving import marks
from engine.store.groups import GroupStore
from engine.store.opening import store_at
from engine.system import SystemClock

if TYPE_CHECKING:
    from house_postgres import Postgres

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postgresql")]
SELF = "from engine.commands import run; import sys; sys.exit(run(sys.argv[1:]))"
RECIPE = Path(__file__).parents[2] / "templates" / "flows" / "order-thanks.yaml"
KEY = "secret"  # a password that must be seen nowhere


def test_a_house_is_moved_with_its_queue_and_its_flows_and_goes_on(postgres: "Postgres", tmp_path: Path) -> None:
    url = postgres.empty("posthouse")
    lay_database(tmp_path / "state" / "posthouse.db")
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        made = populated(daemon)
        assert daemon.command("db", "move", url).returncode == 1, "a daemon runs"
        with Crowd(daemon) as crowd:
            crowd.until(60)
            daemon.kill_all()  # so that some are in flight, or at the dot
        crowd.accepted.append("delivered")
        killed_in_the_middle(daemon, url)
        moved(daemon, url)
        refused_on_the_old_one(daemon)

        daemon.configure({"database": {"url": url}})
        daemon.start()
        assert daemon.command("fence", "show").stdout == "no fence stands\n"
        daemon.act("shaping/resume", scope="domain", name="late.example")
        daemon.act("queue/release", deliveries=[made["held"]], by="ann", why="a test")
        daemon.advance("2h")
        daemon.until(lambda: daemon.rows("SELECT message_id FROM sending"))
        daemon.until_idle()
        kept, doubts = sink.kept(), daemon.rows("SELECT count(*) FROM doubt")[0][0]
        assert {*crowd.accepted, "held", "late"} <= set(kept), "accepted, and it never came"
        assert sum(count - 1 for marker, count in kept.items() if marker) <= doubts
        to = Counter(mail["to"] for mail in sink.mails())
        assert to["ann@shop.example"] == 1, "the mail of her flow, once"
        assert daemon.rows("SELECT state FROM enrolment") == [("waiting",)]
        assert any("db move" in str(row) for row in daemon.rows("SELECT path FROM act"))
        assert daemon.audit().balances, daemon.audit()


def populated(daemon: Daemon) -> dict[str, int]:
    """Mail that is delivered, held and waits; somebody in the middle of a flow. Deliveries by what they are."""
    daemon.submit("ann@delivered.example", X_Marker="delivered")
    daemon.until_idle()
    daemon.act("shaping/suspend", scope="domain", name="late.example", why="a test")
    daemon.submit("ann@late.example", X_Marker="late")
    held = daemon.submit("ben@late.example", X_Marker="held")
    [[delivery]] = daemon.rows("SELECT id FROM delivery WHERE message_id = ?", held)
    daemon.act("queue/hold", deliveries=[delivery], by="ann", why="a test")
    said = daemon.command("flow", "apply", str(RECIPE))
    assert said.returncode == 0, said.stderr
    lines = [{"name": "Teapot", "quantity": 1, "price": 42.5}]
    data = {"number": "A-1", "total": 42.5, "currency": "EUR", "url": "https://shop.example/1", "lines": lines}
    daemon.act("events", name="order.placed", address="ann@shop.example", data=data)
    daemon.until(lambda: daemon.rows("SELECT state FROM enrolment") == [("waiting",)])
    return {"held": int(delivery)}


def killed_in_the_middle(daemon: Daemon, url: str) -> None:
    """A move that dies at any moment leaves the old database as it was, and the new one to be refused."""
    words = ["db", "move", url, "--config", str(daemon.config_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    made = store_at(url, SystemClock()).open()
    made.migrate()
    made.close()
    with (
        psycopg.connect(url) as other,
        subprocess.Popen([sys.executable, "-c", SELF, *words], env=environment, stdout=subprocess.DEVNULL) as process,
    ):
        other.execute("LOCK TABLE delivery IN SHARE ROW EXCLUSIVE MODE")  # it waits there, however slow we are
        seen = store_at(url, SystemClock())
        try:
            while not is_begun(seen):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    assert process.wait(0.02) is None, "it ended before it had begun"
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        finally:
            seen.close()
    assert process.returncode == -signal.SIGKILL
    settings = dict(daemon.settings)
    daemon.configure({"database": {"url": url}})
    daemon.launch()
    assert daemon.wait_exit() == 1
    assert "the move was not finished" in daemon.log_tail()
    daemon.settings = {name: each for name, each in settings.items() if name != "database"}
    daemon.configure({})


def is_begun(seen: GroupStore) -> bool:
    there = seen.read_now(lambda tx: tx.one("SELECT 1 FROM pg_tables WHERE tablename = 'meta'"))
    return there is not None and seen.read_now(lambda tx: marks.read(tx, marks.FROM)) is not None


def moved(daemon: Daemon, url: str) -> None:
    address = url.replace("posthouse@", f"posthouse:{KEY}@")
    said = daemon.command("db", "move", address)
    assert said.returncode == 0, said.stderr
    assert KEY not in said.stdout + said.stderr
    assert f'url = "{url}"' in said.stdout and str(daemon.config_path) in said.stdout
    assert "DIFFERS" not in said.stdout and "delivery" in said.stdout
    again = daemon.command("db", "move", address)
    assert again.returncode == 1 and "was moved to" in again.stderr
    compared = daemon.command("db", "move", url, "--check", "--json")
    assert compared.returncode == 0, compared.stdout
    assert json.loads(compared.stdout)["is_same"]


def refused_on_the_old_one(daemon: Daemon) -> None:
    said = daemon.command("audit")
    assert said.returncode == 1 and "this database was moved to postgresql://" in said.stderr


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("mysql://root:secret@host/db", "no address of a database"),
        ("postgresql://u:secret@127.0.0.1:1/x", "no database server answers"),
        ("postgresql://u:secret@127.0.0.1:1/x?nonsense=secret", "no address of a database"),
        ("other.db", "both are files"),
    ],
)
def test_a_wrong_address_is_said_in_words_without_its_password(tmp_path: Path, to: str, words: str) -> None:
    daemon = Daemon(tmp_path)
    lay_database(daemon.state / "posthouse.db")
    said = daemon.command("db", "move", to)
    assert said.returncode in (1, 2)
    assert words in said.stderr and KEY not in said.stderr and "Traceback" not in said.stderr
