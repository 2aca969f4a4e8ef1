"""A list's life through the daemon: what is set about it, who is reminded and forgotten, who leaves with mail queued, and
whose clicks count."""

import http.client
import json
import re
import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from house import letter
from house_lab import LabTown, lab_town

from engine.lab.people import Person

pytestmark = pytest.mark.e2e

CART: dict[str, Any] = {
    "cart_id": "C7", "currency": "EUR", "total": 42.0, "url": "https://shop.example/cart/7",
    "lines": [{"name": "Teapot", "quantity": 1, "price": 42.0}],
}  # fmt: skip
FLOW = """
name: tea-at-once
title: Cart at once
about: Remind at once, for this test.
stream: marketing
list: tea
trigger: {event: cart.updated, key: event.cart_id}
reentry: always
steps:
  - send: cart-reminder
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("lists")) as town:
        made = town.daemon.command(
            "list", "create", "tea", "--title", "Tea Letters", "--purpose", "One letter a month."
        )
        assert made.returncode == 0, made.stderr
        yield town
        assert town.daemon.audit().balances


def shown(town: LabTown, *words: str) -> Any:
    """What a command says as JSON."""
    done = town.daemon.command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_set_about_a_list_is_shown_and_its_mail_carries_it(town: LabTown) -> None:
    done = town.daemon.command("list", "set", "tea", "list_id=tea.shop.lab", "owner=tea@shop.lab", "title.he=מכתבי תה")
    assert done.returncode == 0, done.stderr
    [tea] = shown(town, "list", "show", "tea")
    assert (tea["list_id"], tea["owner"], tea["title.he"], tea["clicks"]) == (
        "tea.shop.lab",
        "tea@shop.lab",
        "מכתבי תה",
        "on",
    )
    for wrong in ("colour=blue", "expire_after=soon", "template=not-there"):
        refused = town.daemon.command("list", "set", "tea", wrong)
        assert refused.returncode != 0 and "Traceback" not in refused.stderr, wrong
    assert "nothing was changed" in town.daemon.command("list", "set", "tea", "owner=nobody").stderr


def test_who_does_not_answer_is_reminded_once_and_then_no_longer_waited_for(town: LabTown) -> None:
    daemon, silent = town.daemon, "silent@shop.lab"
    assert daemon.command("list", "set", "tea", "remind_after=2d", "expire_after=5d").returncode == 0
    assert daemon.command("list", "subscribe", "tea", silent, "--source", "fair").returncode == 0
    town.mail_for(silent)
    daemon.advance("2 days")
    reminder = town.mails_for(silent, 2)[1]
    assert reminder.subject == "Still waiting for your yes: Tea Letters"
    assert Person().click(reminder, "/confirm").code == 200
    daemon.advance("3 days")
    [standing] = daemon.until(lambda: [
        each for each in shown(town, "contact", "show", silent)["subscriptions"] if each["state"] == "unsubscribed"
    ])  # fmt: skip
    assert (standing["source"], standing["why"]) == ("fair", "not confirmed in time")
    assert standing["reminded"] and not standing["confirmed"]
    assert Person().click(reminder, "/confirm").code == 404
    assert len(town.mails_for(silent, 2)) == 2


def test_who_leaves_a_list_gets_nothing_of_it_that_is_queued_already(town: LabTown) -> None:
    daemon = town.daemon
    assert daemon.command("list", "set", "tea", "list_id=tea.shop.lab", "owner=tea@shop.lab").returncode == 0
    daemon.act("flows", source=FLOW, file="tea.yaml")
    tail = "tail@shop.lab"
    daemon.act("lists/subscribe", list="tea", address=tail)
    Person().confirm(town.mail_for(tail))
    daemon.act("events", name="cart.updated", address=tail, data=CART, key="first")
    reminder = town.mails_for(tail, 2)[1]
    for line in (b"List-Id: <tea.shop.lab>", b"List-Owner: <mailto:tea@shop.lab>", b"List-Unsubscribe-Post: "):
        assert b"\r\n" + line in reminder.raw
    daemon.act("shaping/suspend", scope="domain", name="shop.lab", why="a test")
    daemon.act("events", name="cart.updated", address=tail, data=CART, key="second")
    daemon.submit(tail, sender="writer@shop.lab", X_Posthouse_List="tea")
    waiting = "SELECT id FROM delivery WHERE forward_path = ? AND state = 0"
    daemon.until(lambda: len(daemon.rows(waiting, tail)) == 2)
    assert Person().unsubscribe(reminder).code == 200
    daemon.act("shaping/resume", scope="domain", name="shop.lab")
    daemon.until(lambda: not daemon.rows(waiting, tail))
    stopped = "SELECT ended_by FROM delivery WHERE forward_path = ? AND ended_by IS NOT NULL"
    assert daemon.rows(stopped, tail) == [("suppression: left the list",)] * 2
    assert len(town.mails_for(tail, 2)) == 2


def test_an_applications_mail_of_a_list_says_how_to_leave_it_and_that_is_signed(town: LabTown) -> None:
    daemon, fan = town.daemon, "fan@shop.lab"
    daemon.act("lists/subscribe", list="tea", address=fan)
    Person().confirm(town.mail_for(fan))
    made = daemon.command("domain", "add", "shop.example")  # the domain of From
    assert made.returncode == 0, made.stderr
    daemon.submit(fan, sender="writer@shop.lab", X_Posthouse_List="tea", List_Owner="<mailto:us@shop.lab>")
    mail = town.mails_for(fan, 2)[1]
    head = mail.raw.partition(b"\r\n\r\n")[0]
    for name in (
        b"List-Id: <",
        b"List-Help: ",
        b"List-Unsubscribe: <http",
        b"List-Unsubscribe-Post: List-Unsubscribe=",
    ):
        assert head.count(b"\r\n" + name) == 1, name
    assert head.count(b"\r\nList-Owner: ") == 1 and b"List-Owner: <mailto:us@shop.lab>" in head, "what was there stays"
    [signed] = re.findall(rb"h=([^;]+);", b"".join(head.partition(b"DKIM-Signature:")[2].split()).lower())[:1]
    assert {b"list-id", b"list-unsubscribe", b"list-unsubscribe-post"} <= set(signed.split(b":"))
    assert Person().unsubscribe(mail).code == 200
    states = "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.address = ?"
    assert daemon.rows(states, fan) == [("unsubscribed",)]
    daemon.submit("stranger@shop.lab", sender="writer@shop.lab", X_Posthouse_List="tea")
    assert b"\r\nList-" not in town.mail_for("stranger@shop.lab").raw


def test_an_applications_marketing_of_no_list_has_a_way_out_of_all_marketing(town: LabTown) -> None:
    daemon, reader = town.daemon, "reader@shop.lab"
    daemon.command("contact", "add", reader, "--source", "fair")
    daemon.submit([reader, "nobody.known@shop.lab"], sender="w@shop.lab", X_Posthouse_Stream="marketing")
    mail = town.mail_for(reader)
    head = mail.raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nList-Unsubscribe: <http" in head and b"\r\nList-Unsubscribe-Post: " in head and b"List-Id" not in head
    assert b"\r\nList-" not in town.mail_for("nobody.known@shop.lab").raw, "a link is somebody's"
    daemon.submit(reader, sender="w@shop.lab")
    assert b"\r\nList-" not in town.mails_for(reader, 2)[1].raw, "transactional"
    assert Person().unsubscribe(mail).code == 200
    assert daemon.rows("SELECT reason FROM suppression WHERE key = ?", reader) == [("unsubscribe",)]


def test_each_reader_of_a_mail_to_several_has_a_way_of_their_own_to_leave(town: LabTown) -> None:
    daemon, readers = town.daemon, ["one@shop.lab", "two@shop.lab"]
    for each in readers:
        daemon.act("lists/subscribe", list="tea", address=each)
        Person().confirm(town.mail_for(each))
    number = daemon.submit(
        [*readers, "passer.by@shop.lab", "other@shop.lab"], sender="w@shop.lab", X_Posthouse_List="tea"
    )
    letters = [town.mails_for(each, 2)[1] for each in readers]
    assert all(b"\r\nList-Unsubscribe-Post: " in each.raw for each in letters)
    assert Person().unsubscribe(letters[1]).code == 200
    states = "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.address = ?"
    assert [daemon.rows(states, each) for each in readers] == [[("confirmed",)], [("unsubscribed",)]]
    assert b"\r\nList-" not in town.mail_for("passer.by@shop.lab").raw
    assert daemon.rows("SELECT message_id, forward_path FROM delivery WHERE message_id >= ? ORDER BY id", number) == [
        (number, "one@shop.lab"), (number + 1, "two@shop.lab"),
        (number + 2, "passer.by@shop.lab"), (number + 2, "other@shop.lab"),
    ]  # fmt: skip
    large = letter("one@shop.lab", body=("y" * 70 + "\n") * 70_000, X_Posthouse_List="tea")
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        daemon.submit(readers, large, sender="w@shop.lab")
    assert refused.value.smtp_code == 552 and b"once for each reader" in refused.value.smtp_error


def test_nobody_forges_what_posthouse_sees_misspells_its_words_or_writes_down_who_looks_like_another(
    town: LabTown,
) -> None:
    odd, known = "раypal@аpple.com", "SELECT count(*) FROM contact"
    before = town.daemon.rows(known)
    for words, says in (
        (("event", "mail.clicked", "--address", "pal@shop.lab"), '"mail.clicked" is for Posthouse alone to make'),
        (("event", "order.plcaed", "--address", "pal@shop.lab"), 'did you mean "order.placed"?'),
        (("event", "order.placed", "--address", odd), "are made to look like those of another"),
        (("list", "subscribe", "tea", odd, "--source", "fair"), "are made to look like those of another"),
    ):
        done = town.daemon.command(*words)
        assert done.returncode == 2 and says in done.stderr, (words, done.stderr)
    assert town.daemon.rows(known) == before


def test_a_click_of_a_person_is_engagement_and_a_scanners_is_not(town: LabTown) -> None:
    daemon, pal = town.daemon, "pal@shop.lab"
    daemon.act(
        "flows", source=FLOW.replace("tea-at-once", "club").replace("cart.updated", "club.met"), file="club.yaml"
    )
    daemon.act("lists/subscribe", list="tea", address=pal)
    Person().confirm(town.mail_for(pal))
    daemon.act("events", name="club.met", address=pal, data=CART)
    letter = town.mails_for(pal, 2)[1]
    path = re.findall(rf"http://127.0.0.1:{daemon.web_port}(/c/[\w-]+)", letter.text)[0]

    def follow(agent: str) -> tuple[int, str | None]:
        web = http.client.HTTPConnection("127.0.0.1", daemon.web_port)
        web.request("GET", path, headers={"User-Agent": agent})
        answer = web.getresponse()
        web.close()
        return answer.status, answer.getheader("Location")

    def events(name: str) -> list[str]:
        sql = "SELECT e.data FROM event e JOIN contact c ON c.id = e.contact_id WHERE c.address = ? AND e.name = ?"
        return [json.loads(data)["by"] for (data,) in daemon.rows(sql, pal, name)]

    assert follow("curl/8.5.0") == (302, CART["url"])
    assert daemon.until(lambda: events("mail.fetched")) == ["machine"]
    daemon.advance("1h")
    assert follow("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0") == (302, CART["url"])
    assert daemon.until(lambda: events("mail.clicked")) == ["person"]
    shown = json.loads(daemon.command("contact", "show", pal, "--json").stdout)
    assert (shown["engagement"]["clicks"], shown["engagement"]["level"]) == (1, "active")
    assert [(each["list"], each["state"]) for each in shown["subscriptions"]] == [("tea", "confirmed")]

    page = Person().click(letter, "/v/")
    assert page.code == 200 and CART["lines"][0]["name"] in page.body
