"""An import whose process is killed outright goes on where it was: nobody twice, nobody lost, one entry in the ledger."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.commands import run
from engine.config import load
from engine.store.opening import store_at
from engine.system import SystemClock

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 6_000
# A command that dies in the twentieth of its commits, of which it has at least thirty: with all of it written and nothing
# of it durable yet, or as soon as it is.
DYING = """
import itertools, os, signal, sys
from engine.commands import run
from engine.store.groups import GroupStore

write, number, when = GroupStore.write_now, itertools.count(1), sys.argv[1]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def written(store, work):
    is_last = next(number) == 20
    done = write(store, lambda tx: (work(tx), is_last and when == "before" and die())[0])
    if is_last:
        die()
    return done

GroupStore.write_now = written
sys.exit(run(sys.argv[2:]))
"""


def rows_taken(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT max(taken) FROM import_batch").fetchone()[0])


@pytest.mark.e2e
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_import_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    config = tmp_path / "posthouse.toml"
    config.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "var"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(config))
    store = store_at(load(config).database_place, SystemClock()).open()
    store.migrate()
    store.close()
    file = tmp_path / "people.csv"
    lines = [f"p{each}@d{each % 50}.example,Person {each}\n" for each in range(PEOPLE)]
    lines[100] = lines[PEOPLE - 5] = "nobody,x\n"
    file.write_text("address,name\n" + "".join(lines))
    words = ["contact", "import", str(file), "--source", "a fair"]
    dying = subprocess.run(
        [sys.executable, "-c", DYING, when, *words], cwd=ROOT, stdout=subprocess.DEVNULL, check=False
    )
    assert dying.returncode == -signal.SIGKILL
    assert 0 < rows_taken(tmp_path / "var" / "posthouse.db") < PEOPLE - 2
    assert run(words) == 0
    said = capsys.readouterr().out
    assert (
        "it went on where it was interrupted" in said
        and f"taken: {PEOPLE - 2:,} rows" in said
        and "not taken: 2 rows" in said
    )
    assert run(["consent", "check"]) == 0
    assert f"{PEOPLE - 2:,} rows of 1 imports verify" in capsys.readouterr().out
    with closing(sqlite3.connect(tmp_path / "var" / "posthouse.db")) as connection:
        counts = "SELECT count(*), count(DISTINCT contact_id), count(DISTINCT file_row) FROM import_row"
        assert connection.execute(counts).fetchone() == (PEOPLE - 2,) * 3
        assert connection.execute("SELECT count(*) FROM contact").fetchone() == (PEOPLE - 2,)
        assert connection.execute("SELECT count(*) FROM consent_entry").fetchone() == (1,)
    assert (tmp_path / "people.csv.quarantine.csv").read_text().count("nobody,x") == 2
