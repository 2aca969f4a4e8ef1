"""An operator finds out why Gmail's mail is late, and does something about it, by keys alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import hand_over, letter
from house_lab import WRITER, LabTown, lab_town
from tmux_stage import TmuxStage, tmux_stage

from engine.control.protocol.shaping import SiteShaping

pytestmark = pytest.mark.e2e

LATE = 110


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("queue")) as town:
        with town.daemon.smtp() as smtp:
            for number in range(LATE):
                to = f"defer+{number}@gmail.lab"
                hand_over(smtp, WRITER, [to], letter(to, subject=f"Order {number}"))
        tried = "SELECT count(DISTINCT delivery_id) FROM attempt"
        town.daemon.until(lambda: town.daemon.rows(tried) == [(LATE,)])
        yield town
        assert town.daemon.audit().balances


@pytest.fixture
def stage(town: LabTown, tmp_path: Path) -> Iterator[TmuxStage]:
    with tmux_stage(town.daemon, tmp_path) as one:
        one.keys("2")
        one.see("── Queue", "▌ ", "gmail", "1 site, 1")
        yield one


def count(town: LabTown, state: int) -> int:
    return int(town.daemon.rows("SELECT count(*) FROM delivery WHERE state = ?", state)[0][0])


def site(town: LabTown) -> str:
    return str(town.daemon.rows("SELECT site FROM destination WHERE domain = 'gmail.lab'")[0][0])


def test_why_it_is_late_is_read_from_the_replies_and_the_site_is_slowed_and_let_go_on(
    town: LabTown, stage: TmuxStage
) -> None:
    stage.keys("w")
    stage.see("── Why", "due now")
    stage.keys("w", "c")
    stage.see("Replies ›", "put off", "judged by", "rules.toml:", "What can be done")
    stage.keys("L")
    stage.see("Attempts a minute")
    stage.write("it is late")
    stage.see("it is late")
    stage.keys("Enter", "Enter", "Enter")
    stage.see("attempts a minute at most for 1h", "u undo")
    limits = town.daemon.control.get(SiteShaping, f"/v1/shaping/{site(town)}").limits
    (braked,) = [row for row in limits if row.name == "per_minute" and "it is late" in row.origin]
    assert braked.value >= 1
    stage.keys("u")
    stage.see("undone")
    limits = town.daemon.control.get(SiteShaping, f"/v1/shaping/{site(town)}").limits
    assert not [row for row in limits if "it is late" in row.origin]


def test_a_site_is_suspended_with_a_reason_that_whoever_asks_why_is_told(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("S")
    stage.see("Suspend site")
    stage.write("ask them first")
    stage.see("ask them first")
    stage.keys("Enter", "Enter")
    stage.see("waits for 1h", "‖ suspended")
    stage.keys("w")
    stage.see("suspended: ask them first")
    stage.keys("w")
    stage.see_no("suspended: ask them first")
    stage.keys("O")
    town.daemon.until(lambda: town.daemon.rows("SELECT * FROM suspension") == [])
    stage.see("goes on")
    stage.see_no("‖ suspended")


def test_one_message_is_tried_now_and_its_transcript_is_read(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("Enter")
    stage.see("newest first", "▌ ○ queued     defer+")
    newest = town.daemon.rows("SELECT max(id), max(message_id) FROM delivery")[0]
    before = town.daemon.rows("SELECT count(*) FROM attempt WHERE delivery_id = ?", newest[0])
    stage.keys("T")
    stage.see("1 of 1 delivery is tried now")
    again = "SELECT count(*) FROM attempt WHERE delivery_id = ?"
    town.daemon.until(lambda: town.daemon.rows(again, newest[0]) > before)
    stage.keys("Enter")
    stage.see(f"Message {newest[1]}", "tried at once", "judged by")
    stage.until(
        lambda text: "S: 220 mx.google.com" in text or "C: RSET" in text
    )  # a new connection, or one that was kept
    stage.keys("G")
    stage.see("S: 451", "C: RCPT")
    stage.keys("w")
    stage.see("last reply", "rules.toml:")


def test_a_hundred_are_cancelled_after_a_dry_run_and_had_back(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("Enter")
    stage.see("newest first", "▌ ○ queued     defer+")
    stage.keys("/")
    stage.write("Order 1")
    stage.keys("Enter")
    stage.see("/Order 1", "21 deliveries")  # 1, 10 to 19, 100 to 109
    stage.keys("Escape")
    stage.see(f"{LATE} deliveries")
    stage.keys("*")
    stage.see("marked: all")
    stage.keys("X")
    stage.see("Why (has to be said)")
    stage.write("a test order")
    stage.see("a test order")
    stage.keys("Enter")
    stage.write("1h")  # however long this test takes, it is not over
    stage.keys("Enter")
    stage.see(f"{LATE} deliveries would be held, to be cancelled in 1h", "▸ Cancel ◂", "Do it")
    assert count(town, 4) == 0
    stage.keys("Tab", "Enter")
    stage.see(f"{LATE} deliveries held, to be cancelled in 1h", "u undo")
    assert count(town, 4) == LATE
    stage.keys("u")
    stage.see(f"{LATE} deliveries back where they were")
    assert town.daemon.rows("SELECT count(*) FROM delivery WHERE state IN (0, 1, 2)") == [(LATE,)]


def test_what_is_cancelled_ends_when_its_grace_is_over(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("Enter")
    stage.see("newest first", "▌ ○ queued     defer+")
    stage.keys("Space", "Space")
    stage.see("marked: 2 rows")
    stage.keys("X")
    stage.see("Grace")
    stage.write("twice")
    stage.see("twice")
    stage.keys("Enter", "Enter")
    stage.see("2 deliveries would be held")
    stage.keys("Tab", "Enter")
    stage.see("2 of 2 deliveries held")
    town.daemon.advance("2 min")
    town.daemon.until(lambda: count(town, 13) == 2)
    assert {row[0] for row in town.daemon.rows("SELECT ended_by FROM delivery WHERE state = 13")} == {"root: twice"}


def test_the_heat_maps_have_numbers_and_open_what_they_show(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("m")
    stage.see("How long they wait, by domain", "gmail.lab", "up to")
    stage.step("l")
    stage.see("up to 5 m: ")
    stage.step("h")
    stage.keys("m")
    stage.see("3 h by site: put off or refused", "up to")
    stage.keys("Enter")
    stage.see("newest first", "▌ ○ queued     defer+")
