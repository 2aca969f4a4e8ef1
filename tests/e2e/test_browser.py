"""A reader with a real browser, on a narrow phone, without JavaScript: sign up, confirm, choose, leave.

Pictures of every page are kept in `build/screenshots/`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from browser import Browser
from house_lab import NO_SPREAD, LabTown, lab_town
from house_process import free_port

from engine.lab.people import Person, link

pytestmark = [pytest.mark.e2e, pytest.mark.peer("chromium")]

PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
FLOW = """\
name: club
title: Club
stream: marketing
list: tea
trigger: {event: club.met}
reentry: always
steps:
  - send: cart-reminder
"""
CART = {"cart_id": "C7", "currency": "EUR", "total": 42.0, "url": "https://shop.example/cart/7", "lines": []}
WORDS = {
    "en": (
        "Please look into your mailbox",
        "One last step",
        "all set",
        "Saved",
        "unsubscribed",
        "not an email address",
    ),
    "he": ("תיבת המייל", "עוד צעד אחד", "הכול מוכן", "נשמר", "ההסרה בוצעה", "זו לא כתובת מייל"),
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    metrics = {"metrics": {"listen": [f"127.0.0.1:{free_port()}"]}}
    with lab_town(tmp_path_factory.mktemp("browser"), NO_SPREAD | metrics) as town:
        town.daemon.act("lists", name="tea", title="Tea Letters", purpose="One letter a month about tea.")
        town.daemon.act("flows", source=FLOW, file="club.yaml")
        for words in (
            ("field", "add", "shoe_size", "--kind", "number"),
            ("list", "form", "tea", "--field", "shoe_size"),
        ):
            made = town.daemon.command(*words)
            assert made.returncode == 0, made.stderr
        yield town
        assert town.daemon.audit().balances


def states(town: LabTown, address: str) -> list[str]:
    rows = town.daemon.rows(
        "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.address = ?", address
    )
    return [str(state) for (state,) in rows]


@pytest.mark.parametrize(("language", "dark"), [("en", False), ("he", True)])
def test_form_mail_confirm_preferences_and_leaving(town: LabTown, tmp_path: Path, language: str, dark: bool) -> None:
    daemon, reader = town.daemon, f"reader.{language}@shop.lab"
    asked, step, done, saved, left, wrong = WORDS[language]
    PICTURES.mkdir(parents=True, exist_ok=True)

    with Browser(tmp_path, languages=language, dark=dark) as browser:

        def see(name: str, words: str) -> None:
            assert words in browser.text, browser.text
            assert browser.get("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
            assert not browser.overflows, name
            browser.picture(PICTURES / f"{language}-{name}.png")

        browser.open(f"http://127.0.0.1:{daemon.web_port}/subscribe/tea")
        daemon.advance("1 min")  # a person reads before they type
        browser.type("#address", "reader.at.shop.lab")
        browser.type("#name", "Noa")
        browser.press("main button")
        see("form-with-a-mistake", wrong)
        assert browser.get("document.querySelector('#name').value") == "Noa"
        daemon.advance("1 min")
        browser.type("#address", reader)
        browser.type("[name='field.shoe_size']", "38")
        browser.press("main button")
        see("asked", asked)

        mail = town.mail_for(reader)
        browser.open(link(mail, "/confirm"))
        see("confirm", step)
        assert states(town, reader) == ["unconfirmed"]
        browser.press("main button")
        see("confirmed", done)
        assert states(town, reader) == ["confirmed"]
        assert daemon.rows("SELECT fields FROM contact WHERE address = ?", reader) == [('{"shoe_size": 38}',)]

        daemon.act("events", name="club.met", address=reader, data=CART)
        letter = town.mails_for(reader, 2)[1]
        preferences = {"en": "Choose what you receive", "he": "בחירת המיילים שלך"}[language]
        (tmp_path / "letter.html").write_text(letter.html, "utf-8")
        browser.open(f"file://{tmp_path}/letter.html")
        browser.picture(PICTURES / f"{language}-letter.png")
        browser.get(f"[...document.links].find(e => e.innerText.includes('{preferences}')).id = 'preferences'")
        browser.press("#preferences")
        browser.tick("[name=pace][value=week]")
        browser.choose("#pause", "month")
        browser.press("main button")
        see("preferences", saved)
        assert daemon.rows(
            "SELECT p.pace, s.reason FROM preference p JOIN contact c ON c.id = p.contact_id"
            " JOIN suppression s ON s.key = c.key WHERE c.address = ?", reader,
        ) == [("week", "paused")]  # fmt: skip

        daemon.act("events", name="club.met", address=reader, data=CART)
        paused = (
            "SELECT p.result FROM passage p JOIN enrolment e ON e.id = p.enrolment_id JOIN contact c ON c.id = e.contact_id"
            " WHERE c.address = ? AND p.kind = 'send' ORDER BY p.id DESC LIMIT 1"
        )
        daemon.until(lambda: daemon.rows(paused, reader) == [("refused: paused",)])

        browser.open(f"http://127.0.0.1:{daemon.web_port}/unsubscribe/{unsubscribe_token(letter.raw)}")
        browser.press("main button")
        see("unsubscribed", left)
    assert states(town, reader) == ["unsubscribed"]


def unsubscribe_token(raw: bytes) -> str:
    field = raw.partition(b"List-Unsubscribe: ")[2].replace(b"\r\n ", b"").replace(b"\r\n\t", b"")
    return field.partition(b"/unsubscribe/")[2].partition(b">")[0].decode()


def test_a_snippet_on_another_site_signs_people_up_and_one_click_ends_it(town: LabTown, tmp_path: Path) -> None:
    daemon, reader = town.daemon, "snippet@shop.lab"
    made = daemon.command("list", "snippet", "tea", "--locale", "he")
    assert made.returncode == 0, made.stderr
    (tmp_path / "shop.html").write_text(f"<!doctype html><meta charset=utf-8><h1>Shop</h1>{made.stdout}", "utf-8")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Browser(tmp_path, languages="en", width=1000) as browser:
        browser.open(f"file://{tmp_path}/shop.html")
        browser.picture(PICTURES / "snippet.png")
        browser.type("[name=address]", reader)
        browser.press("button")
        assert WORDS["he"][0] in browser.text
        assert browser.address.startswith(f"http://127.0.0.1:{daemon.web_port}/subscribe/tea")
    Person().confirm(town.mail_for(reader))
    daemon.act("events", name="club.met", address=reader, data=CART)
    letter = town.mails_for(reader, 2)[1]
    page = Person().unsubscribe(letter)  # RFC 8058: one POST, without cookie or redirect
    assert page.code == 200 and "set-cookie" not in page.headers
    assert states(town, reader) == ["unsubscribed"]


def test_a_monitoring_system_reads_what_was_asked_of_the_pages(town: LabTown) -> None:
    where = town.daemon.settings["metrics"]["listen"][0]

    def figures() -> dict[str, str]:
        with urlopen(f"http://{where}/metrics", timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return dict(re.findall(r"^([^#].*) ([0-9.]+)$", answer.read().decode(), re.MULTILINE))

    refused = 'posthouse_web_requests_total{path="/subscribe/{list}",method="POST",code="422"}'
    before = int(figures().get(refused, 0))
    with pytest.raises(HTTPError, match="422"):
        urlopen(f"http://127.0.0.1:{town.daemon.web_port}/subscribe/tea", b"address=nobody", timeout=60)
    found = town.daemon.until(lambda: int((now := figures()).get(refused, 0)) > before and now)
    assert (found["posthouse_up"], int(found[refused])) == ("1", before + 1)
    [(contacts,)] = town.daemon.rows("SELECT count(*) FROM contact")
    assert int(found["posthouse_contacts"]) == contacts
    with urlopen(f"http://{where}/health", timeout=60) as answer:
        assert answer.status == 200 and json.load(answer)["state"] in ("ok", "degraded")  # the doctor may have looked
    assert {name for name in found if name.startswith("posthouse_carrier_delivered_total")} == {
        f'posthouse_carrier_delivered_total{{carrier="carrier-{number}"}}' for number in (1, 2)
    }
