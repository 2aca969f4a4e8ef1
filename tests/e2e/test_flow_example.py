"""A flow of every kind of step, from the event to the end, in the lab's time: a cart that was left, a reminder, a coupon by the
contact's own clock, a click that is waited for, a share of people who get nothing, and a purchase that ends it all.
"""

import http.client
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from house_lab import LabTown, lab_town

from engine.flow.shares import in_holdout

pytestmark = pytest.mark.e2e

FLOW = """\
name: abandoned-cart
title: Abandoned cart
about: Remind a shopper who left goods behind; stop the moment they buy.
stream: marketing
trigger:
  event: cart.updated
  where: event.total >= 20
  key: event.cart_id
reentry: {after: 7d}
goal: {event: order.placed, within: 5d}
exit: "'no-reminders' in contact.tags"
holdout: 10%
steps:
  - wait: 1h
  - send: cart-reminder
    id: reminder
  - wait: {until: "10:00", on: [mon, tue, wed, thu, fri]}
  - if: contact.orders.count == 0
    then:
      - coupon: {pool: first-order, expires: 3d}
      - send: cart-coupon
    else:
      - send: cart-low-stock
  - wait: {for: {event: mail.clicked, step: reminder}, timeout: 2d}
    then: [{tag: warm}]
    else: [{tag: cold}]
"""
CART = {
    "cart_id": "c-1", "total": 42.5, "currency": "EUR", "url": "https://shop.example/cart/1",
    "lines": [{"name": "Blue teapot", "quantity": 1, "price": 42.5}],
}  # fmt: skip
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
SUBJECTS = {"cart-coupon": "A coupon for you: {code}", "cart-low-stock": "Few are left"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    folder = tmp_path_factory.mktemp("example")
    write_mails(folder / "state" / "templates")
    with lab_town(folder, {"templates": "templates"}) as town:
        town.daemon.act("lists", name="news", title="News", purpose="News now and then.", confirmation="single")
        (folder / "codes.csv").write_text("FIRST-1\nFIRST-2\nFIRST-3\n")
        for words in (("add", "first-order"), ("load", "first-order", str(folder / "codes.csv"))):
            done = town.daemon.command("coupon", "pool", *words)
            assert done.returncode == 0, done.stderr
        town.daemon.act("flows", source=FLOW, file="abandoned-cart.yaml")
        until_tuesday_noon(town)
        yield town
        assert town.daemon.audit().balances


def until_tuesday_noon(town: LabTown) -> None:
    """So that the hour and the weekdays that the flow waits for are as far off whenever the tests run."""
    now = datetime.fromtimestamp(town.daemon.overview().now_ms / 1000, UTC)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7 - (now.weekday() - 1) % 7)
    town.daemon.advance(f"{int((noon - now).total_seconds())}s")


def write_mails(folder: Path) -> None:
    (folder / "mail").mkdir(parents=True)
    for name, subject in SUBJECTS.items():
        (folder / "mail" / f"{name}.toml").write_text(f'[en]\nsubject = "{subject}"\n')
    for name, words in (("cart-coupon", 't("subject", code=data.coupon.code)'), ("cart-low-stock", 't("subject")')):
        text = (
            f"{{% block subject %}}{{{{ {words} }}}}{{% endblock %}}\n{{{{ {words} }}}}\n{{{{ links.unsubscribe }}}}\n"
        )
        (folder / "mail" / f"{name}.txt.j2").write_text(text)
        page = f"<html><head><title>{{{{ subject }}}}</title></head><body><p>{{{{ {words} }}}}</p></body></html>\n"
        (folder / "mail" / f"{name}.html.j2").write_text(page)


def join(town: LabTown, name: str) -> tuple[str, int]:
    address = f"{name}@shop.lab"
    town.daemon.act("lists/subscribe", list="news", address=address, name=name.title(), zone="Asia/Jerusalem")
    [(contact_id,)] = town.daemon.rows("SELECT id FROM contact WHERE address = ?", address)
    return address, contact_id


def people(town: LabTown, name: str, *, held_out: bool) -> tuple[str, int]:
    """Somebody whom chance lets in, or holds out."""
    for number in range(200):
        address, contact_id = join(town, f"{name}{number}")
        if in_holdout("abandoned-cart", contact_id, 0.1) is held_out:
            return address, contact_id
    raise AssertionError("nobody")


def run_of(town: LabTown, contact_id: int) -> tuple[Any, ...]:
    rows = town.daemon.rows(
        "SELECT step, state, ended_how, due_ms FROM enrolment WHERE contact_id = ? ORDER BY id DESC LIMIT 1", contact_id
    )
    return rows[0] if rows else ("", "", None, None)


def until_due(town: LabTown, contact_id: int) -> None:
    """Move the clock to when the run is due."""
    left_ms = run_of(town, contact_id)[3] - town.daemon.overview().now_ms
    town.daemon.advance(f"{max(left_ms, 0) // 1000 + 1}s")


def fill_cart(town: LabTown, address: str, cart: str) -> None:
    town.daemon.act("events", name="cart.updated", address=address, data=CART | {"cart_id": cart})


def tags(town: LabTown, contact_id: int) -> list[str]:
    return [tag for (tag,) in town.daemon.rows("SELECT tag FROM tag WHERE contact_id = ? ORDER BY tag", contact_id)]


def test_a_cart_that_was_left_is_reminded_of_and_a_click_is_heard(town: LabTown) -> None:
    daemon = town.daemon
    ann, ann_id = people(town, "ann", held_out=False)
    bob, bob_id = people(town, "bob", held_out=False)
    for address in (ann, bob):
        fill_cart(town, address, "c-1")
    daemon.until(lambda: run_of(town, bob_id)[0] == "reminder" and run_of(town, ann_id)[0] == "reminder")
    daemon.advance("1h")
    reminder = town.mail_for(ann)
    daemon.until(lambda: all(run_of(town, each)[0].startswith("if-") for each in (ann_id, bob_id)))
    until_due(town, ann_id)
    coupon = town.mails_for(ann, 2)[1]
    assert re.search(r"FIRST-\d", coupon.subject), "the code is in the mail"
    [(kept,)] = daemon.rows("SELECT standing FROM enrolment WHERE contact_id = ?", ann_id)
    assert '"FIRST-' in kept
    town.mails_for(bob, 2)
    daemon.advance("1h")
    path = re.findall(rf"http://127.0.0.1:{daemon.web_port}(/c/[\w-]+)", reminder.text)[0]
    web = http.client.HTTPConnection("127.0.0.1", daemon.web_port)
    web.request("GET", path, headers={"User-Agent": FIREFOX})
    assert web.getresponse().status == 302
    web.close()
    daemon.until(lambda: tags(town, ann_id) == ["warm"])
    daemon.until(lambda: run_of(town, ann_id)[1:3] == ("ended", "completed"))
    daemon.until(lambda: run_of(town, bob_id)[0].startswith("wait-for"))
    daemon.advance("2d")
    daemon.until(lambda: tags(town, bob_id) == ["cold"])


def test_who_buys_is_left_alone_and_who_is_held_out_never_hears_of_it(town: LabTown) -> None:
    daemon = town.daemon
    cleo, cleo_id = people(town, "cleo", held_out=False)
    dan, dan_id = people(town, "dan", held_out=True)
    fill_cart(town, cleo, "c-2")
    fill_cart(town, dan, "c-3")
    daemon.until(lambda: run_of(town, dan_id)[2] == "holdout")
    daemon.until(lambda: run_of(town, cleo_id)[0] == "reminder")
    daemon.act(
        "events",
        name="order.placed",
        address=cleo,
        data={"number": "A-1", "total": 42.5, "currency": "EUR", "lines": []},
    )
    daemon.until(lambda: run_of(town, cleo_id)[2] == "goal")
    daemon.advance("1h")
    eve, eve_id = people(town, "eve", held_out=False)
    fill_cart(town, eve, "c-4")
    daemon.until(lambda: run_of(town, eve_id)[0] == "reminder")
    daemon.advance("1h")
    town.mail_for(eve)  # by now anything for the others would be there
    assert [mail for mail in town.lab.kept() if {cleo, dan} & set(mail.rcpt_to)] == []


def test_nobody_is_reminded_who_said_so_by_a_tag(town: LabTown) -> None:
    daemon = town.daemon
    fay, fay_id = people(town, "fay", held_out=False)
    assert daemon.command("contact", "set", fay, "--tag", "no-reminders").returncode == 0
    fill_cart(town, fay, "c-5")
    daemon.until(lambda: run_of(town, fay_id)[2] == "exit")


def test_a_mail_is_tried_on_an_address_of_one_s_own(town: LabTown) -> None:
    done = town.daemon.command(
        "mail", "send-test", "order-thanks", "owner@shop.lab", "--locale", "he", "--reader", "longest"
    )
    assert done.stdout == "order-thanks (he, longest) goes to owner@shop.lab\n", done.stderr
    mail = town.mail_for("owner@shop.lab")
    assert b"Feedback-ID: order-thanks::transactional:shop.example" in mail.raw
    refused = town.daemon.command("mail", "send-test", "nothing", "owner@shop.lab")
    assert refused.returncode == 2
    assert "there is no mail/nothing.toml" in refused.stderr
