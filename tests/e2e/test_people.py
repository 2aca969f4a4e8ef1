"""People at the other end: they confirm by a button, leave by one click, order, and get what a flow decides."""

import email
import email.policy
import json
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from house_lab import LabTown, lab_town

from engine.control.client import ControlError
from engine.lab.hand_over import hand_over
from engine.lab.keep import KeptMail
from engine.lab.orders import Order
from engine.lab.people import Person, link
from engine.lab.shop import SampleShop
from engine.sending.resources import packaged_folder
from engine.system import SystemClock

pytestmark = pytest.mark.e2e

PURPOSE = "One letter a month about tea."


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("people")) as town:
        town.daemon.act("lists", name="tea", title="Tea Letters", purpose=PURPOSE)
        yield town
        assert town.daemon.audit().balances


def subscription(town: LabTown, address: str) -> str:
    rows = town.daemon.rows(
        "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.address = ?", address
    )
    return str(rows[0][0]) if rows else ""


def consent(town: LabTown, address: str) -> list[tuple[str, str]]:
    rows = town.daemon.rows(
        "SELECT n.act, n.facts FROM consent_fact n JOIN contact c ON c.id = n.contact_id WHERE c.address = ? ORDER BY n.seq",
        address,
    )
    return [(act, json.loads(facts)["source"]) for act, facts in rows]


def test_a_list_writes_once_and_a_button_confirms_but_looking_does_not(town: LabTown) -> None:
    ann = "ann@shop.lab"
    done = town.daemon.command("list", "subscribe", "tea", ann, "--name", "Ann", "--source", "site")
    assert done.returncode == 0, done.stderr
    mail = town.mail_for(ann)
    assert subscription(town, ann) == "unconfirmed"
    assert PURPOSE in mail.text

    person = Person()
    page = person.click(mail, "/confirm")
    person.visit(link(mail, "/confirm"))  # a scanner follows the link, twice
    assert page.code == 200
    assert subscription(town, ann) == "unconfirmed"

    thanks = person.press(page)
    assert thanks.code == 200
    assert subscription(town, ann) == "confirmed"
    assert consent(town, ann) == [("asked", "site"), ("confirmed", "web")]
    [(facts,)] = town.daemon.rows("SELECT facts FROM consent_fact WHERE act = 'confirmed' ORDER BY seq DESC LIMIT 1")
    told = json.loads(facts)
    assert PURPOSE in told["wording"]
    assert told["ip"] == "127.0.0.1"
    assert len(town.mails_for(ann)) == 1


def test_an_answer_to_the_mail_confirms_and_a_vacation_notice_does_not(town: LabTown) -> None:
    bob = "bob@shop.lab"
    assert town.daemon.command("list", "subscribe", "tea", bob).returncode == 0
    asked = email.message_from_bytes(town.mail_for(bob).raw, policy=email.policy.default)
    to = asked["Reply-To"].addresses[0].addr_spec
    head = f"From: {bob}\r\nTo: {to}\r\nIn-Reply-To: {asked['Message-ID']}\r\nMessage-ID: <yes@shop.lab>\r\n"
    with smtplib.SMTP("127.0.0.1", town.daemon.inbound_port, "mx.lab") as smtp:
        smtp.sendmail(bob, [to], f"{head}Subject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n")
        assert subscription(town, bob) == "unconfirmed"
        smtp.sendmail(bob, [to.upper()], f"{head}Subject: Re: {asked['Subject']}\r\n\r\nYes!\r\n")
        assert subscription(town, bob) == "confirmed"
        smtp.mail(bob)
        assert smtp.rcpt(to.replace("yes+", "leave+"))[0] == 550, "an address for one thing does no other"
    assert consent(town, bob) == [("asked", "command"), ("confirmed", "reply")]
    shown = town.daemon.command("consent", "proof", bob, "--out", str(town.daemon.folder / "bob.json"))
    assert shown.returncode == 0, shown.stderr
    proven = town.daemon.command("consent", "verify", str(town.daemon.folder / "bob.json"))
    assert proven.returncode == 0 and "<yes@shop.lab> from bob@shop.lab" in proven.stdout


def test_who_never_answers_stays_unconfirmed_and_gets_nothing_more(town: LabTown) -> None:
    town.daemon.act("lists/subscribe", list="tea", address="silent@shop.lab")
    town.mail_for("silent@shop.lab")
    town.daemon.advance("3 days")
    assert subscription(town, "silent@shop.lab") == "unconfirmed"
    assert len(town.mails_for("silent@shop.lab")) == 1


@pytest.mark.parametrize("token", ["x", "a" * 60, "../../etc/passwd", "%00", "%2e%2e"])
def test_a_wrong_token_says_nothing_about_why(town: LabTown, token: str) -> None:
    page = Person().visit(f"http://127.0.0.1:{town.daemon.web_port}/confirm/{token}")
    assert page.code == 404
    assert "Traceback" not in page.body


def test_a_hard_bounced_address_is_not_asked(town: LabTown) -> None:
    town.submit("unknown.asked@shop.lab")
    town.daemon.until(lambda: town.is_suppressed("unknown.asked@shop.lab"))
    with pytest.raises(ControlError, match="hard bounce"):
        town.daemon.act("lists/subscribe", list="tea", address="unknown.asked@shop.lab")


def an_order(language: str) -> tuple[SampleShop, Order]:
    """An order over 20 of somebody who reads this language."""
    shop = SampleShop(SystemClock().now(), domain="shop.example", at=("shop.lab",))
    orders = (shop.order(number) for number in range(500))
    return shop, next(each for each in orders if each.customer.language == language and 20 <= each.total < 100)


def flow_mails(town: LabTown, to: str) -> list[str]:
    """The templates of the mails that flows wrote to somebody, in order."""
    rows = town.daemon.rows(
        "SELECT s.template FROM sending s JOIN contact c ON c.id = s.contact_id WHERE c.address = ? AND s.flow <> ''"
        " ORDER BY s.message_id",
        to,
    )
    return [row[0] for row in rows]


def sends(town: LabTown, address: str) -> list[str]:
    """What came of each send step that somebody passed."""
    rows = town.daemon.rows(
        "SELECT p.result FROM passage p JOIN enrolment e ON e.id = p.enrolment_id JOIN contact c ON c.id = e.contact_id"
        " WHERE p.kind = 'send' AND c.address = ? ORDER BY p.id",
        address,
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class Thanked:
    """Somebody who ordered, and what the flow order-thanks wrote to them."""

    to: str
    order: Order
    confirmation: KeptMail  # the shop's own
    at_first: list[str]  # what flows had written before the two hours were over
    thanks: KeptMail
    message: int  # the number of the thanks


@pytest.fixture(scope="module")
def thanked(town: LabTown) -> Thanked:
    """An order in Hebrew, thanked for after two hours; the shop sends it once more, and ten days go by."""
    daemon = town.daemon
    source = (packaged_folder() / "flows" / "order-thanks.yaml").read_text("utf-8")
    daemon.act("flows", source=source, file="order-thanks.yaml")
    shop, order = an_order("he")
    to, mail = order.customer.address, shop.order_mail(order)
    hand_over("127.0.0.1", daemon.submission_port, [replace(mail, content=b"Content-Language: he\r\n" + mail.content)])
    confirmation = town.mail_for(to)
    daemon.until(lambda: daemon.rows("SELECT 1 FROM enrolment WHERE state = 'waiting' AND due_ms > 0"))
    daemon.until(lambda: daemon.rows("SELECT 1 FROM passage WHERE kind = 'wait'"))
    at_first = flow_mails(town, to)
    daemon.advance("2h 1m")
    daemon.until(lambda: flow_mails(town, to))
    thanks = town.mails_for(to, 2)[1]
    [(message,)] = daemon.rows("SELECT message_id FROM sending WHERE template = 'order-thanks'")

    hand_over("127.0.0.1", daemon.submission_port, [shop.order_mail(order)])
    town.mails_for(to, 3)
    daemon.advance("2h 1m")
    daemon.advance("10 days")
    daemon.until(lambda: flow_mails(town, to)[1:])
    return Thanked(to, order, confirmation, at_first, thanks, message)


def test_an_order_mail_is_delivered_read_and_thanked_for_in_the_customers_language(
    town: LabTown, thanked: Thanked
) -> None:
    number = thanked.order.number
    assert b"X-Posthouse" not in thanked.confirmation.raw
    events = town.daemon.rows("SELECT source, key FROM event WHERE name = 'order.placed' AND key = ?", number)
    assert events == [("markup", number)], "the mail that came again is nothing new"
    assert thanked.at_first == []
    assert 'dir="rtl"' in thanked.thanks.html
    assert number in thanked.thanks.text
    assert flow_mails(town, thanked.to) == ["order-thanks", "review-request"]


def test_why_and_why_not_tell_where_a_mail_came_from_and_why_there_is_none(town: LabTown, thanked: Thanked) -> None:
    daemon, message, to = town.daemon, thanked.message, thanked.to
    daemon.until(lambda: daemon.state_of(message) == "delivered")
    why = daemon.command("why", str(message))
    assert why.returncode == 0, why.stderr
    assert "by flow order-thanks, version " in why.stdout and "event   order.placed " in why.stdout
    assert "event.total >= 20 = true" in why.stdout and "arbiter let through at once" in why.stdout
    assert json.loads(daemon.command("why", str(message), "--json").stdout)["origin"]["event"] == "order.placed"
    got = daemon.command("why-not", to, "order-thanks")
    assert got.returncode == 0 and f"written as message {message}: delivered" in got.stdout, got.stdout + got.stderr
    none = daemon.command("why-not", "never@shop.lab", "order-thanks", "--json")
    assert [each["word"] for each in json.loads(none.stdout)["reasons"]] == ["unknown address"]
    wrong = daemon.command("why-not", to, "order-thank")
    assert wrong.returncode == 1 and 'did you mean "order-thanks"' in wrong.stderr


@pytest.mark.usefixtures("thanked")
def test_a_report_tells_what_came_of_a_flow(town: LabTown) -> None:
    town.daemon.until_idle()
    shown = town.daemon.command("report", "flow", "order-thanks", "--since", "60 days")
    assert shown.returncode == 0, shown.stderr
    assert "entered 1" in shown.stdout and "lift: nobody to compare with" in shown.stdout
    found = json.loads(town.daemon.command("report", "flow", "order-thanks", "--since", "60 days", "--json").stdout)
    assert [(row["group"], row["sent"]) for row in found["rows"]] == [
        ("order-thanks", 1),
        ("review-request", 1),
        ("", 2),
    ]
    table = town.daemon.command("report", "domain", "shop.lab", "--since", "60 days", "--csv").stdout.splitlines()
    assert table[0].startswith("domain,group,sent,delivered,bounced") and table[-1].startswith("shop.lab,all,")
    assert "on it now" in town.daemon.command("report", "list", "tea").stdout
    nowhere = town.daemon.command("report", "list", "coffee").stderr
    assert "there is no list coffee" in nowhere and "`posthouse list show` lists them" in nowhere
    wrong = town.daemon.command("report", "flow", "order-thanks", "--since", "soon")
    assert wrong.returncode != 0 and 'try "90 days"' in wrong.stderr


def test_sunset_says_the_rhythm_and_gives_a_flow_that_can_be_applied(town: LabTown) -> None:
    shown = town.daemon.command("sunset", "plan", "tea")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("tea: not known (nobody got two mails)") and "0 of " in shown.stdout
    made = town.daemon.command("sunset", "flow", "tea")
    town.daemon.act("flows", source=made.stdout, file="sunset-tea.yaml")
    assert "list: tea" in made.stdout and "- leave: tea" in made.stdout and "news" not in made.stdout
    assert town.daemon.command("list", "set", "tea", "sunset=on").returncode == 0
    town.daemon.until(lambda: town.daemon.rows("SELECT 1 FROM meta WHERE key = 'sunset' AND value LIKE '%true%'"))


def test_an_event_with_a_known_idempotency_key_changes_nothing(town: LabTown) -> None:
    words = ("event", "cart.updated", "--address", "cart@shop.lab", "--data", '{"cart_id": "C1", "total": 30}',
             "--idempotency-key", "only once", "--json")  # fmt: skip
    first, second = town.daemon.command(*words), town.daemon.command(*words)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "known already" in second.stdout
    counted = "SELECT count(*) FROM event e JOIN contact c ON c.id = e.contact_id WHERE c.address = ? AND e.name = ?"
    assert town.daemon.rows(counted, "cart@shop.lab", "cart.updated") == [(1,)]


def test_a_marketing_flow_writes_only_to_those_who_confirmed_and_one_click_ends_it(town: LabTown) -> None:
    daemon = town.daemon
    daemon.act("flows", source=TEA_FLOW, file="tea.yaml")
    for who in ("yes", "no"):
        daemon.act("lists/subscribe", list="tea", address=f"{who}@shop.lab")
    Person().confirm(town.mail_for("yes@shop.lab"))
    for who in ("yes", "no"):
        daemon.act("events", name="cart.updated", address=f"{who}@shop.lab", data=CART, key=who)
    reminder = town.mails_for("yes@shop.lab", 2)[1]
    [refused] = daemon.until(lambda: sends(town, "no@shop.lab"))
    assert refused.startswith("refused")
    assert len(town.mails_for("no@shop.lab")) == 1

    page = Person().unsubscribe(reminder)  # RFC 8058: one POST, no page
    assert page.code == 200
    assert subscription(town, "yes@shop.lab") == "unsubscribed"
    assert consent(town, "yes@shop.lab")[-1] == ("withdrawn", "one-click")
    daemon.act("events", name="cart.updated", address="yes@shop.lab", data=CART, key="again")
    _, refused = daemon.until(lambda: (found := sends(town, "yes@shop.lab"))[1:] and found)
    assert refused.startswith("refused")
    assert len(town.mails_for("yes@shop.lab")) == 2


CART = {
    "cart_id": "C7", "currency": "EUR", "total": 42.0, "url": "https://shop.example/cart/7",
    "lines": [{"name": "Teapot", "quantity": 1, "price": 42.0}],
}  # fmt: skip
TEA_FLOW = """
name: cart-at-once
title: Cart at once
about: Remind at once, for this test.
stream: marketing
trigger: {event: cart.updated, where: event.total >= 20, key: event.cart_id}
reentry: always
steps:
  - send: cart-reminder
"""
