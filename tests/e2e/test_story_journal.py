"""An operator looks at what was done, and undoes it, by keys alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Daemon
from tmux_stage import tmux_stage

from engine.acts import keeping
from engine.control.protocol.journal import Acts
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemClock

pytestmark = pytest.mark.e2e

ANN = "ann@example.org"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("journal")) as daemon:
        yield daemon


def suspended(daemon: Daemon) -> list[str]:
    return [name for (name,) in daemon.rows("SELECT name FROM suspension ORDER BY name")]


def acts(daemon: Daemon) -> Acts:
    return daemon.control.get(Acts, "/v1/acts")


def test_an_act_of_a_colleague_is_found_and_undone_from_the_journal(daemon: Daemon, tmp_path: Path) -> None:
    assert daemon.command("shaping", "suspend", "gmail.com", "--domain", "--why", "a mistake").returncode == 0
    assert daemon.command("suppression", "add", ANN, "--why", "asked by telephone").returncode == 0
    assert suspended(daemon) == ["gmail.com"]
    with tmux_stage(daemon, tmp_path, size=(100, 30)) as one:
        one.keys("9")
        one.see("what happened", "operator", ANN)
        one.keys("l")
        one.see("what operators did", "can be undone", "domain gmail.com waits")
        one.keys("/")
        one.write("about:gmail.com")
        one.keys("Enter")
        one.until(lambda text: ANN not in text and "shaping/suspend" in text and "/about:gmail.com" in text)
        one.see("a mistake")
        one.keys("U")
        one.see("is undone: domain gmail.com goes on")
        one.see("↺ undone")
        assert suspended(daemon) == []
        one.keys("Escape")
        one.see_no("/about:gmail.com")
        one.keys("l")
        one.see("$ posthouse undo")
        one.keys("l", "c")
        one.see("✓ the books balance")
    rows = {each.act: each for each in acts(daemon).rows}
    first = next(each for each in rows.values() if each.what == "shaping/suspend")
    undoing = rows[first.undone_by or 0] if first.undone_by else None
    assert undoing is not None and undoing.undoes == first.act and undoing.what == "acts/undo"


def test_a_note_is_written_by_keys_and_read_by_the_command(daemon: Daemon, tmp_path: Path) -> None:
    with tmux_stage(daemon, tmp_path, size=(80, 24)) as one:
        one.keys("9", "l")
        one.see("what operators did")
        one.keys("C")
        one.see("Write a note")
        one.write("gmail asked us to wait")
        one.keys("Tab", "Tab", "Enter")
        one.until(lambda text: "gmail asked us to wait" in daemon.command("acts", "--what", "note").stdout)


def test_the_commands_undo_the_newest_of_ones_own_and_say_why_not(daemon: Daemon) -> None:
    daemon.command("suppression", "add", "bob@example.org", "--why", "x")
    done = daemon.command("undo")
    assert done.returncode == 0 and "may be written to again (was: manual)" in done.stdout
    assert daemon.command("event", "shop.visited", "--address", "bob@example.org").returncode == 0
    number = acts(daemon).rows[0].act
    refused = daemon.command("undo", str(number))
    assert refused.returncode == 1 and "flows have seen the event" in refused.stderr


def test_an_act_in_whose_middle_the_daemon_died_is_said_to_be_unknown(daemon: Daemon) -> None:
    """What a crash leaves between the act and its record: the row as it was begun."""
    store = store_at(daemon.state / "posthouse.db", SystemClock()).open()
    now = SystemClock(store.read_now(read_offset)).now()
    number = store.write_now(
        lambda tx: keeping.begin(tx, "queue/hold", user="olga", operator="", about="x", told="{}", now=now)
    )
    store.close()
    daemon.advance("6 min")
    row = acts(daemon).rows[1]  # the newest is the lab's own
    assert (row.act, row.state, row.can_undo) == (number, "unknown", False)
    assert "not known whether it was done" in daemon.command("acts").stdout
    assert "not known whether act" in daemon.command("undo", str(number)).stderr
