"""Lists, people and imports through the control socket alone, as the terminal works them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from house_lab import LabTown, lab_town

from engine.audience import proof
from engine.control.client import Control, ControlError, part
from engine.control.protocol.imports import ImportPicture, Imports
from engine.control.protocol.lists import ListPicture, Lists, People, Standings
from engine.control.protocol.people import ConsentProof, FileOctets, Person
from engine.lab import people as readers

pytestmark = pytest.mark.e2e

PURPOSE = "One letter a month about tea."


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("desk")) as town:
        town.daemon.act("lists", name="tea", title="Tea Letters", purpose=PURPOSE, by="mia")
        yield town
        assert town.daemon.audit().balances


def control(town: LabTown) -> Control:
    return town.daemon.control


def send_file(town: LabTown, name: str, octets: bytes) -> str:
    """Give the desk a file in two parts; its number."""
    number = str(town.daemon.act("imports", name=name, size=len(octets), by="mia").facts["id"])
    half = len(octets) // 2
    for begin, piece in ((0, octets[:half]), (half, octets[half:])):
        town.daemon.act("imports/part", id=number, offset=begin, octets=base64.b64encode(piece).decode())
    return number


def picture(town: LabTown, number: str, state: str) -> ImportPicture:
    def asked() -> ImportPicture | None:
        found = control(town).get(ImportPicture, f"/v1/imports/{number}")
        assert found.row.state != "failed" or state == "failed", found.row.why
        return found if found.row.state == state else None

    return town.daemon.until(asked)


def the_list(town: LabTown) -> ListPicture:
    return control(town).get(ListPicture, "/v1/lists/tea")


def standing(town: LabTown, address: str) -> str:
    rows = town.daemon.rows(
        "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.address = ?", address
    )
    return str(rows[0][0]) if rows else ""


def test_a_file_comes_in_parts_is_tried_and_its_people_are_asked_by_mail(town: LabTown) -> None:
    rows = [f"reader{number}@shop.lab,Reader {number},he" for number in range(30)]
    octets = "\n".join(["email,name,locale", *rows, "no address,Nobody,en", "reader1@shop.lab,Twice,en"]).encode()
    number = send_file(town, "fair.csv", octets)
    options: dict[str, Any] = {
        "id": number,
        "lists": ["tea"],
        "asks": True,
        "source": "fair in Leipzig",
        "tags": ["fair"],
    }
    town.daemon.act("imports/try", **options)
    tried = picture(town, number, "tried")
    assert (tried.row.rows, tried.row.taken, tried.row.refused, tried.row.kind) == (32, 31, 1, "csv")
    assert [each.target for each in tried.columns] == ["address", "name", "locale"]
    assert [(each.first, each.rows) for each in tried.reasons] == [(32, 1)]
    assert tried.faults[0].first == 32 and "no address" in tried.faults[0].cells
    assert town.daemon.rows("SELECT count(*) FROM contact") == [(0,)]

    town.daemon.act("imports/start", **options)
    done = picture(town, number, "done")
    assert (done.row.taken, done.row.made, done.row.refused) == (31, 30, 1)
    assert done.row.entry == 1
    mail = town.mail_for("reader3@shop.lab")
    assert standing(town, "reader3@shop.lab") == "unconfirmed"
    assert readers.Person().confirm(mail).code == 200
    assert standing(town, "reader3@shop.lab") == "confirmed"
    found = town.daemon.until(lambda: seen if (seen := the_list(town)).row.asked == 30 else None)  # a few in a commit
    assert (found.row.confirmed, found.row.unconfirmed, found.row.answered) == (1, 29, 1)
    assert sum(found.row.days_asked[-2:]) == 30, "today, or midnight was meanwhile"
    assert len(found.row.days_asked) == found.days
    assert (found.answers[0].act, found.answers[0].address) == ("confirmed", "reader3@shop.lab")
    [row] = control(town).get(Lists, "/v1/lists").rows
    assert (row.name, row.confirmed) == ("tea", 1)
    assert [each.id for each in control(town).get(Imports, "/v1/imports").rows] == [number]


def test_a_proof_shows_what_was_said_and_its_file_verifies(town: LabTown) -> None:
    found = control(town).get(ConsentProof, f"/v1/people/{part('reader3@shop.lab')}/consent")
    assert [each.act for each in found.rows] == ["imported", "asked", "confirmed"]
    assert all(each.is_true for each in found.rows)
    assert found.fault == "" and found.checked == found.entries > 2
    assert found.rows[1].wording == PURPOSE and found.rows[1].subject
    assert found.rows[2].ip == "127.0.0.1"
    file = control(town).get(FileOctets, f"/v1/people/{part('reader3@shop.lab')}/proof")
    verified = proof.verify(base64.b64decode(file.octets), found.rows[2].hash)
    assert [each.act for each in verified.entries] == ["imported", "asked", "confirmed"]
    kept = control(town).get(FileOctets, f"/v1/people/{part('reader3@shop.lab')}/export")
    assert json.loads(base64.b64decode(kept.octets))["contact"]["address"] == "reader3@shop.lab"


def test_members_come_in_pages_by_state_and_text(town: LabTown) -> None:
    first = control(town).get(Standings, "/v1/lists/tea/members", {"limit": 10})
    second = control(town).get(Standings, "/v1/lists/tea/members", {"limit": 10, "after": first.after})
    assert first.total == 30 and first.after == first.rows[-1].contact_id < second.rows[0].contact_id
    [one] = control(town).get(Standings, "/v1/lists/tea/members", {"state": "confirmed"}).rows
    assert one.address == "reader3@shop.lab"
    assert [each.address for each in control(town).get(People, "/v1/people", {"q": "Reader 7"}).rows] == [
        "reader7@shop.lab"
    ]
    assert [each.address for each in control(town).get(People, "/v1/people", {"q": "reader2@"}).rows] == [
        "reader2@shop.lab"
    ]
    with pytest.raises(ControlError):
        control(town).get(Standings, "/v1/lists/tea/members", {"state": "subscribed"})


def test_who_was_taken_off_can_be_put_back_and_who_left_can_not(town: LabTown) -> None:
    done = town.daemon.act("lists/remove", list="tea", address="reader3@shop.lab", why="asked by phone", by="mia")
    assert standing(town, "reader3@shop.lab") == "unsubscribed"
    undo = done.facts["undo"]
    town.daemon.act(undo["path"], **undo["body"], by="mia")
    assert standing(town, "reader3@shop.lab") == "confirmed"
    acts = [each.act for each in control(town).get(ConsentProof, f"/v1/people/{part('reader3@shop.lab')}/consent").rows]
    assert acts[-2:] == ["withdrawn", "restored"]
    left = town.mail_for("reader4@shop.lab")
    assert readers.Person().confirm(left).code == 200
    assert standing(town, "reader4@shop.lab") == "confirmed"
    contact = town.daemon.rows("SELECT id FROM contact WHERE address = 'reader4@shop.lab'")[0][0]
    with pytest.raises(ControlError, match="they are not off it"):
        town.daemon.act("lists/restore", list="tea", address="reader4@shop.lab", by="mia")
    assert contact
    with pytest.raises(ControlError, match="reason"):
        town.daemon.act("lists/remove", list="tea", address="reader4@shop.lab", by="mia")


def test_whoever_did_not_answer_in_time_is_asked_again(town: LabTown) -> None:
    town.daemon.advance("8 days")
    town.daemon.until(lambda: the_list(town).row.expired == 28)  # a few in a commit
    assert standing(town, "reader9@shop.lab") == "unsubscribed"
    dry = town.daemon.act("lists/ask-again", list="tea", all=True, state="expired", dry_run=True, by="mia")
    assert dry.facts["would"] == 28
    town.daemon.act("lists/ask-again", list="tea", address="reader9@shop.lab", by="mia")
    assert len(town.mails_for("reader9@shop.lab", 2)) == 2
    row = the_list(town).row
    assert (row.expired, row.unconfirmed) == (28, 1)


def test_a_person_is_changed_tagged_shown_and_forgotten_with_a_receipt(town: LabTown) -> None:
    who = "reader9@shop.lab"
    town.daemon.act("fields", name="size", kind="number", title="Shoe size")
    done = town.daemon.act("people/set", address=who, name="Nina", fields={"size": "38"}, by="mia")
    contacts = [
        row[0] for row in town.daemon.rows("SELECT id FROM contact WHERE address IN (?, 'reader8@shop.lab')", who)
    ]
    town.daemon.act("people/tag", contacts=contacts, tag="Slow", by="mia")
    found = control(town).get(Person, f"/v1/people/{part(who)}")
    assert (found.name, found.tags, found.fields[0].value) == ("Nina", ("fair", "slow"), "38")
    assert [each.list for each in found.seats] == ["tea"]
    assert len(found.mails) == 2 and found.mails[0].of == "confirmation"
    undo = done.facts["undo"]
    town.daemon.act(undo["path"], **undo["body"])
    found = control(town).get(Person, f"/v1/people/{part(who)}")
    assert (found.name, found.fields) == ("Reader 9", ())
    assert town.daemon.act("people/erase", address=who, by="mia", dry_run=True).facts["counts"]["contacts"] == 1
    receipt = town.daemon.act("people/erase", address=who, by="mia").facts["receipt"]
    assert "reader9" not in receipt and "by mia" in receipt
    with pytest.raises(ControlError):
        control(town).get(ConsentProof, f"/v1/people/{part(who)}/consent")
    assert control(town).get(Person, f"/v1/people/{part(who)}").stops[0].reason == "erased"


def test_an_import_without_a_word_on_consent_is_refused_and_a_list_with_people_stays(town: LabTown) -> None:
    number = send_file(town, "more.csv", b"email\nann@shop.lab\n")
    with pytest.raises(ControlError, match="come by"):
        town.daemon.act("imports/start", id=number, lists=["tea"])
    town.daemon.act("imports/drop", id=number)
    with pytest.raises(ControlError, match="no import"):
        town.daemon.act("imports/start", id=number, lists=["tea"])
    with pytest.raises(ControlError, match="stand on it"):
        town.daemon.act("lists/drop", name="tea")
    town.daemon.act("lists", name="brief")
    town.daemon.act("lists/drop", name="brief")
    assert [each.name for each in control(town).get(Lists, "/v1/lists").rows] == ["tea"]
