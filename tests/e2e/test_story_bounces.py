"""An operator meets a new kind of reply, gives it a class, and lifts a wrong suppression with a reason, by keys alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from house_lab import LabTown, lab_town
from tmux_stage import TmuxStage, tmux_stage

pytestmark = pytest.mark.e2e

ODD = """
[mood.odd]
about = "Says what no rule knows."
at = "rcpt"
reply = "450 zorbl flumm {id} kapow"
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    folder = tmp_path_factory.mktemp("bounces")
    (folder / "lab").mkdir()
    (folder / "lab" / "moods.toml").write_text(ODD)
    with lab_town(folder) as town:
        town.submit("odd@shop.lab")
        town.submit("unknown@gmail.lab")
        town.daemon.until(lambda: town.daemon.rows("SELECT 1 FROM attempt WHERE reply LIKE '%zorbl%'"))
        town.daemon.until(lambda: town.is_suppressed("unknown@gmail.lab"))
        yield town
        assert town.daemon.audit().balances


@pytest.fixture
def stage(town: LabTown, tmp_path: Path) -> Iterator[TmuxStage]:
    with tmux_stage(town.daemon, tmp_path) as one:
        one.keys("6")
        one.see("── Classes", "▌ mail that came back")
        yield one


def test_a_new_kind_of_reply_is_given_a_class_and_counts_at_once(town: LabTown, stage: TmuxStage) -> None:
    stage.see("1 kind of reply")
    stage.keys("j", "j", "j", "Enter")
    stage.see("no rule knows", "▌ ↻ put off", "zorbl flumm")
    stage.keys("C")
    stage.see("What it means", "‹ invalid recipient ›")
    stage.keys("l", "l", "l", "l")
    stage.see("‹ mailbox full ›")
    stage.keys("Enter", "Enter")
    stage.see("would say: mailbox full", "▸ Cancel ◂")
    assert not (town.daemon.state / "rules.toml").exists()
    stage.keys("Tab", "Enter")
    stage.see("mailbox full, from now on", "0 kinds")
    assert "zorbl" in (town.daemon.state / "rules.toml").read_text()
    town.daemon.advance("10 min")
    judged = "SELECT rule FROM attempt WHERE reply LIKE '%zorbl%' ORDER BY id DESC LIMIT 1"
    town.daemon.until(lambda: town.daemon.rows(judged)[0][0].startswith("own."))


def test_a_wrong_suppression_is_lifted_with_a_reason_and_put_back(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("j", "j", "j", "j", "Enter")
    stage.see("▌ ✗ hard bounce", "unknown@gmail.lab", "may lift it")
    stage.keys("L")
    stage.see("Why (has to be said)")
    stage.write("she is there")
    stage.see("she is there")
    stage.keys("Enter")
    stage.see("unknown@gmail.lab may be written to again", "u undo")
    assert town.is_suppressed("unknown@gmail.lab") == []
    stage.keys("u")
    stage.see("undone")
    assert town.is_suppressed("unknown@gmail.lab") == [("hard bounce", "all")]


def test_an_address_is_suppressed_by_hand(town: LabTown, stage: TmuxStage) -> None:
    stage.keys("j", "j", "j", "j", "Enter")
    stage.see("unknown@gmail.lab")
    stage.keys("S")
    stage.see("Address (has to be said)", "Why (has to be said)")
    stage.write("ann@shop.lab")
    stage.see("ann@shop.lab")
    stage.keys("Tab")
    stage.write("she asked")
    stage.see("she asked")
    stage.keys("Enter", "Enter")
    stage.see("no mail goes to ann@shop.lab")
    assert town.is_suppressed("ann@shop.lab") == [("manual", "all")]
