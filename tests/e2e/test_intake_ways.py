"""Events out of mail, through the daemon: by extractors, at the events address, out of microdata; in the commit of the mail."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_lab import NO_SPREAD, LabTown, lab_town

pytestmark = pytest.mark.e2e

EVENTS = "events@mail.shop.example"
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the extractors are."""
    folder = tmp_path_factory.mktemp("ways") / "extractors"
    shutil.copytree(DATA / "extractors", folder)
    return folder


@pytest.fixture(scope="module")
def town(folder: Path) -> Iterator[LabTown]:
    settings = {**NO_SPREAD, "intake": {"address": EVENTS, "extractors": str(folder)}}
    with lab_town(folder.parent, settings) as town:
        yield town
        assert town.daemon.audit().balances


def mail(sender: str, to: str, subject: str, body: str, *fields: str, kind: str = "text/html") -> bytes:
    head = (f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Content-Type: {kind}; charset=utf-8", *fields)
    return ("\r\n".join(head) + f"\r\n\r\n{body}\r\n").encode()


def events_of(town: LabTown, message_id: int) -> list[tuple[str, str, str]]:
    """(name, key, source) of what was read out of a mail: there as soon as it is accepted."""
    return town.daemon.rows("SELECT name, key, source FROM event WHERE message_id = ? ORDER BY id", message_id)


def test_a_courier_mail_to_the_events_address_moves_the_parcel_of_whom_it_is_for(town: LabTown) -> None:
    shipped = json.dumps({"number": "A-1", "tracking_number": "PC123"})
    told = mail("shop@shop.example", "ann@shop.lab", "Shipped", "on its way", "X-Posthouse-Event: order.shipped",
                f"X-Posthouse-Data: {shipped}")  # fmt: skip
    town.daemon.submit("ann@shop.lab", told)
    page = "<p>Parcel PC 123</p><b id=status>zugestellt</b>"
    courier = mail("notice@post-coach.example", EVENTS, "News", page)
    number = town.daemon.submit(EVENTS, courier)
    assert events_of(town, number) == [("parcel.delivered", "PC 123", "extractor")]
    again = town.daemon.submit(EVENTS, courier)
    assert events_of(town, again) == [], "told twice"
    told = town.daemon.command("message", str(again)).stdout
    assert "known already" in told and "parcel.delivered PC 123" in told
    rows = town.daemon.rows(
        "SELECT c.address FROM event e JOIN contact c ON c.id = e.contact_id WHERE e.name = 'parcel.delivered'"
    )
    assert rows == [("ann@shop.lab",)]
    assert town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ?", number) == [], "it goes to nobody"


def test_a_body_of_json_is_an_event_and_one_that_is_none_is_answered_with_the_reason(town: LabTown) -> None:
    body = json.dumps({"name": "order.placed", "address": "bob@shop.lab", "data": {"number": "B-1"}})
    number = town.daemon.submit(EVENTS, mail("app@shop.example", EVENTS, "x", body, kind="application/json"))
    assert events_of(town, number) == [("order.placed", "B-1", "address")]
    with town.daemon.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("app@shop.example")
        smtp.rcpt(EVENTS)
        code, words = smtp.data(mail("app@shop.example", EVENTS, "x", '{"name": ', kind="text/plain"))
    assert code == 550 and b"No event: the body is no JSON" in words


def test_microdata_in_the_mail_that_a_shop_sends_anyway_is_an_event_and_the_mail_arrives(town: LabTown) -> None:
    example = (DATA / "structured/schema-org/eg-0375.txt").read_text("utf-8")
    html = example.partition("MICRODATA:")[2].partition("RDFA:")[0].replace("\n", "\r\n")
    number = town.daemon.submit("cat@shop.lab", mail("shop@shop.example", "cat@shop.lab", "Your bill", html))
    assert events_of(town, number) == [("invoice.paid", "123ABC", "markup")]
    assert b"New furnace" in town.mail_for("cat@shop.lab").raw


def test_a_mail_that_is_kept_back_says_who_writes_instead(town: LabTown) -> None:
    fields = ("X-Posthouse-Event: order.placed", 'X-Posthouse-Data: {"number": "D-1"}', "X-Posthouse-Deliver: no")
    number = town.daemon.submit("dan@shop.lab", mail("shop@shop.example", "dan@shop.lab", "Order", "hi", *fields))
    told = town.daemon.command("message", str(number)).stdout
    assert "kept back" in told and "nobody writes instead" in told
    [line] = town.daemon.logged("noted", message_id=number)
    assert line["note"].startswith("kept back: nobody writes instead")


def test_an_extractor_that_is_added_is_in_force_after_a_reload(town: LabTown, folder: Path) -> None:
    asked = "name: asked\nmatch: {subject: '^Question'}\nevent: inquiry.received\ndata: {subject: {subject: '(.*)'}}\n"
    (folder / "asked.yaml").write_text(asked)
    town.daemon.act("reload")

    def told() -> list[tuple[str, str, str]]:
        question = mail("eve@shop.lab", EVENTS, "Question about tea", "When?")
        return events_of(town, town.daemon.submit(EVENTS, question))

    assert town.daemon.until(told) == [("inquiry.received", "", "extractor")]
