"""An operator's story by keys alone: start a list with double opt-in, import 5,000 contacts with a dry run, watch
confirmations arrive, show one person's consent proof."""

from pathlib import Path

import pytest
from house_lab import LabTown, lab_town
from tmux_stage import TmuxStage, tmux_stage

from engine.audience import proof
from engine.lab.people import Person

pytestmark = pytest.mark.e2e

ROWS = 5_000


def fill(one: TmuxStage, *answers: str) -> None:
    """The fields of a form, one after the other. What is typed is waited for; where nothing is, the next field is gone to
    by its own key. The last one closes the form."""
    for text in answers:
        if text:
            one.write(text)
            one.see(text[-30:])
        one.step("Enter")


def test_a_list_begins_5000_are_imported_confirmations_arrive_and_one_consent_is_proven(tmp_path: Path) -> None:
    file = tmp_path / "fair.csv"
    names = ("Reader", "דנה", "李雷", "Анна")
    rows = [f"reader{n}@shop.lab,{names[n % 4]} {n},{('en', 'he', 'zh', 'ru')[n % 4]},note" for n in range(ROWS - 2)]
    rows[16:16] = ["nobody,No One,en,x"]
    rows[3999:3999] = ["two@@shop.lab,Two,en,x"]
    file.write_text("\n".join(["email,name,locale,Notizen", *rows]), "utf-8")
    (tmp_path / "town").mkdir()
    with lab_town(tmp_path / "town") as town, tmux_stage(town.daemon, tmp_path, size=(120, 40)) as one:
        begin_a_list(one)
        import_the_file(one, file)
        assert town.daemon.rows("SELECT taken, refused FROM import_batch") == [(ROWS - 2, 2)]
        watch_confirmations(one, town)
        show_the_proof(one, tmp_path)


def begin_a_list(one: TmuxStage) -> None:
    one.keys("5")
    one.see("no list yet", "C makes one")
    one.keys("C")
    one.see("Make a list", "Confirmation")
    fill(one, "tea", "Tea Letters", "One letter a month about tea.", "")
    one.see("list tea made, double opt-in", "u undo")


def import_the_file(one: TmuxStage, file: Path) -> None:
    one.keys("I")
    one.see("Come by", "Their yes")
    fill(one, str(file), "", "", "", "fair in Leipzig", "", "fair", "", "")
    one.see("nothing was written; S starts the import", "can be taken", "4,998")
    one.keys("G")
    one.see("row 18", "nobody | No One", "row 4001")
    one.keys("S")
    one.see("4,998 of 5,000 rows would be taken onto tea", "Do it")
    one.keys("Tab", "Enter")
    one.keys("g")
    one.see("of the consent ledger")


def watch_confirmations(one: TmuxStage, town: LabTown) -> None:
    one.keys("Escape")
    one.see("opt-in", "1 list ")
    one.keys("Enter")
    one.see("Pipeline", "reader0@shop.lab", "0 confirmed")
    for count, number in enumerate((0, 1, 10), 1):
        assert Person().confirm(town.mail_for(f"reader{number}@shop.lab")).code == 200
        one.see(f"✓ {count} confirmed")  # by itself: nothing was pressed


def show_the_proof(one: TmuxStage, folder: Path) -> None:
    one.keys("/")
    one.see("any part of a name")
    one.write("reader1@")
    one.keys("Enter")
    one.see("/reader1@", "1 person")
    one.keys("Enter")
    one.see("Person › reader1@shop.lab", "rests on entry")
    one.keys("c")
    one.see("the chain holds", "imported", "fair in Leipzig")
    one.keys("G")
    one.see("confirmed · tea", "127.0.0.1")
    one.keys("x")
    one.see("reader1@shop.lab.consent.json is written: 3 entries")
    [file] = (folder / "home").glob("*.json")
    assert [each.act for each in proof.verify(file.read_bytes()).entries] == ["imported", "asked", "confirmed"]
