"""The form of a list: asks the mailbox, keeps the words, tells nobody who is known, and is no gun to bomb with."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from clock import NOON
from mail_shop import Place, make_list
from web_door import ANN, Door, open_door

from engine.audience import consent, forms, lists, subscriptions
from engine.audience.asking import AskingSettings
from engine.audience.consent import Answer
from engine.audience.contacts import contact_facts
from engine.audience.fields import Field, FieldError, Kind, declare
from engine.audience.suppression import Reason, suppress
from engine.audience.tokens import Purpose
from engine.web.pages import Pages
from engine.web.snippet import make
from engine.web.subscribing import BEAT, form_of, to_beat
from mta.ports import Tx, to_ms

FIELDS = (
    Field("city", Kind.TEXT, "City"),
    Field("size", Kind.NUMBER, "Shoe size"),
    Field("day", Kind.DATE),
    Field("gift", Kind.FLAG, "Gift wrap?"),
    Field("tea", Kind.CHOICE, "Favourite", ("Green & <b>white</b>", "Black")),
)


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:

        def more(tx: Tx) -> None:
            for each in FIELDS:
                declare(tx, each, NOON)
            forms.arrange(tx, 1, [each.name for each in FIELDS])

        door.store.write_now(more)
        yield door


async def seen(door: Door, path: str = "/subscribe/tea") -> dict[str, str]:
    """Look at the form, and take a person's time over it: what its hidden field holds."""
    _, page, _ = await door.ask("GET", path)
    door.clock.advance(timedelta(seconds=20))
    found = re.search('name="seen" value="([^"]+)"', page)
    assert found is not None
    return {"seen": found[1]}


def messages(door: Door) -> int:
    return len(door.rows("SELECT 1 FROM message"))


async def test_looking_at_a_form_changes_nothing_and_shows_what_is_agreed_to(door: Door) -> None:
    before = [door.rows(f"SELECT count(*) FROM {table}") for table in ("contact", "message", "consent_entry")]
    for method in ("GET", "HEAD"):
        status, page, _ = await door.ask(method, "/subscribe/tea")
        assert status == 200
    _, page, _ = await door.ask("GET", "/subscribe/tea")
    assert "One letter a month." in page and "Favourite" in page
    assert "<b>white" not in page
    assert before == [door.rows(f"SELECT count(*) FROM {table}") for table in ("contact", "message", "consent_entry")]
    assert (await door.ask("GET", "/subscribe/coffee"))[0] == 404


async def test_a_form_asks_the_mailbox_and_its_words_go_into_the_ledger(door: Door) -> None:
    told = {
        "address": " bob@example.org ", "name": "Bob", "field.city": "Haifa", "field.size": "42.5", "field.gift": "yes",
        "field.day": "2026-04-01", "field.tea": "Black", **await seen(door),
    }  # fmt: skip
    status, page, _ = await door.ask("POST", "/subscribe/tea", told, **{"Accept-Language": "ru"})
    assert status == 200 and "Загляните в почту" in page
    assert messages(door) == 2 and door.woken == ["example.org"]
    [asked] = door.store.read_now(lambda tx: consent.history(tx, 2))
    assert asked.told["source"] == "form" and asked.told["locale"] == "ru" and asked.told["ip"] == "127.0.0.1"
    assert "One letter a month." in asked.told["wording"] and "[Подписаться]" in asked.told["wording"]
    assert "Favourite" in asked.told["wording"]
    assert asked.told["evidence"] == f"form tea, version {forms.version_of(asked.told['wording'])}"
    facts = door.store.read_now(lambda tx: contact_facts(tx, 2))
    assert (facts["fields"], facts["locale"]) == ({}, "ru"), "typed by anybody: not yet believed"

    token = door.composer.tokens.make(Purpose.CONFIRM, (2, 1, to_ms(door.clock.now())))
    assert (await door.ask("POST", "/confirm/" + token))[0] == 200
    facts = door.store.read_now(lambda tx: contact_facts(tx, 2))
    assert facts["fields"] == {"city": "Haifa", "size": 42.5, "gift": True, "day": "2026-04-01", "tea": "Black"}
    assert door.rows("SELECT 1 FROM form_answer") == []


async def test_what_was_known_is_not_overwritten_by_what_somebody_typed(door: Door) -> None:
    door.store.write_now(lambda tx: tx.execute('UPDATE contact SET fields = \'{"city": "Acre"}\''))
    told = {"address": "ann@example.org", "name": "Eve", "field.city": "Hell", "field.size": "3", **await seen(door)}
    await door.ask("POST", "/subscribe/tea", told)
    assert (await door.ask("POST", door.confirm_path()))[0] == 200
    facts = door.store.read_now(lambda tx: contact_facts(tx, 1))
    assert (facts["name"], facts["fields"]) == ("Ann Archer", {"city": "Acre", "size": 3})


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Please enter your email address."),
        ("ann", "This is not an email address."),
        ("ann@", "This is not an email address."),
        ("ann@localhost", "This is not an email address."),
        ("ann@[192.0.2.1]", "This is not an email address."),
        ("ann@example.org\r\nBcc: eve@example.org", "This is not an email address."),
        ("ann@example.org, eve@example.org", "This is not an email address."),
        ("{{ 7 * 7 }}@", "This is not an email address."),
        ("a" * 400 + "@example.org", "This is not an email address."),
        ("ann@pаypal.com", "mixes letters that only look alike"),
        ("ann@xn--pypal-4ve.com", "mixes letters that only look alike"),
        ("ann@раусе.com", "mixes letters that only look alike"),
        ("аnn@example.org", "mixes letters that only look alike"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    door: Door, address: str, says: str
) -> None:
    told = {"address": address, "name": 'A "<b>', "field.size": "twelve", "field.tea": "Coffee", "field.day": "soon"}
    status, page, headers = await door.ask("POST", "/subscribe/tea", told | await seen(door))
    assert status == 422
    assert says in page and 'aria-describedby="wrong-address"' in page
    assert page.count('class="wrong"') == 4
    for kept in ("twelve", "soon", "A &#34;&lt;b&gt;"):
        assert f'value="{kept}"' in page
    assert messages(door) == 1
    assert "Bcc" not in str(headers)


@pytest.mark.parametrize(
    "address", ["bücher@bücher.example", "почта@пример.рф", "あい@漢字かな.example", "a@xn--bcher-kva.example"]
)
async def test_an_address_of_another_script_is_ordinary(door: Door, address: str) -> None:
    assert (await door.ask("POST", "/subscribe/tea", {"address": address}))[0] == 200
    assert messages(door) == 2


async def test_known_and_unknown_addresses_get_the_same_answer(door: Door) -> None:
    def prepare(tx: Tx) -> None:
        subscriptions.confirm(tx, 1, 1, to_ms(NOON), answer=Answer("y", salt=b"s"), now=NOON)
        suppress(tx, "dead@example.org", Reason.HARD_BOUNCE, now=NOON)

    door.store.write_now(prepare)
    answers = set()
    for address in ("ann@example.org", "dead@example.org", "new@example.org", "new@example.org", "new@example.org"):
        status, page, headers = await door.ask("POST", "/subscribe/tea", {"address": address})
        headers.pop("Date")
        answers.add((status, page, tuple(sorted(headers.items()))))
    assert len(answers) == 1
    assert messages(door) == 3, "an address is asked twice a day, whoever types it"


async def test_known_and_unknown_addresses_get_it_at_the_same_time(door: Door) -> None:
    door.store.write_now(lambda tx: suppress(tx, "dead@example.org", Reason.HARD_BOUNCE, now=NOON))
    timer = asyncio.get_running_loop().time
    for address in ("dead@example.org", "new@example.org"):
        begun = timer()
        await door.ask("POST", "/subscribe/tea", {"address": address})
        assert timer() - begun >= BEAT
    for spent in (0.0028, 0.016, 0.0999):
        assert spent + to_beat(spent) == pytest.approx(BEAT)
    assert 0.13 + to_beat(0.13) == pytest.approx(2 * BEAT)


async def test_a_list_that_believes_an_operator_does_not_believe_a_form(door: Door) -> None:
    door.store.write_now(lambda tx: make_list(tx, "news", "single"))
    await door.ask("POST", "/subscribe/news", {"address": "bob@example.org"})
    assert door.rows("SELECT state FROM subscription WHERE contact_id = 2") == [("unconfirmed",)]


async def test_a_program_that_fills_in_every_field_learns_nothing(door: Door) -> None:
    told = {"address": "bob@example.org", "website": "https://spam.example", **await seen(door)}
    status, page, _ = await door.ask("POST", "/subscribe/tea", told)
    assert (status, messages(door)) == (200, 1)
    assert "Please look into your mailbox" in page


async def test_a_form_that_is_answered_in_no_time_or_after_days_is_shown_again(door: Door) -> None:
    for wait in (timedelta(milliseconds=300), timedelta(days=2)):
        _, page, _ = await door.ask("GET", "/subscribe/tea")
        token = re.search('name="seen" value="([^"]+)"', page)
        assert token is not None
        door.clock.advance(wait)
        told = {"address": "bob@example.org", "seen": token[1]}
        status, page, _ = await door.ask("POST", "/subscribe/tea", told)
        assert "press the button again" in page and 'value="bob@example.org"' in page
        assert (status, messages(door)) == (200, 1)
    assert (await door.ask("POST", "/subscribe/tea", {"address": "bob@example.org", "seen": "x"}))[0] == 200
    assert messages(door) == 1


async def test_a_network_can_ask_for_few_without_a_page_and_for_few_at_all(door: Door) -> None:
    for number in range(7):
        _, page, _ = await door.ask("POST", "/subscribe/tea", {"address": f"p{number}@example.org"})
    assert messages(door) == 6 and "press the button again" in page
    codes = []
    for number in range(30):
        told = {"address": f"q{number}@example.org", **await seen(door)}
        codes.append((await door.ask("POST", "/subscribe/tea", told))[0])
    assert codes[:15] == [200] * 15 and 429 in codes
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    assert (await door.ask("POST", "/subscribe/tea", {"address": "far@example.org"}, **elsewhere))[0] == 200


async def test_a_snippet_posts_from_the_shops_site_and_its_words_are_the_evidence(door: Door) -> None:
    pages = Pages(door.composer)

    def snip(tx: Tx) -> str:
        form = form_of(tx, "tea")
        assert form is not None
        return make(tx, pages, form, "https://mail.shop.example", "he", NOON)

    snippet = door.store.write_now(snip)
    assert 'action="https://mail.shop.example/subscribe/tea"' in snippet and 'dir="rtl"' in snippet
    assert "<script" not in snippet and "<style" not in snippet
    told = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', snippet))
    door.store.write_now(lambda tx: tx.execute("UPDATE list SET purpose = 'Anything at all.'"))
    other_site = {"Origin": "https://shop.example", "Referer": "https://shop.example/", "Accept-Language": "en"}
    status, page, _ = await door.ask("POST", "/subscribe/tea", told | {"address": "noa@example.org"}, **other_site)
    assert status == 200 and 'lang="he"' in page
    [asked] = door.store.read_now(lambda tx: consent.history(tx, 2))
    assert "One letter a month." in asked.told["wording"], "what she saw, not what is shown today"
    assert asked.told["evidence"] == f"form tea, version {told['version']}"


async def test_odd_bodies_are_refused_or_asked_again(door: Door) -> None:
    for body in (
        b"",
        b"\xff\xfe",
        b"address",
        b"&" * 9000,
        b"address=%00%ff&name=%0d%0aX",
        b'{"address": "a@b.example"}',
    ):
        status, page, _ = await door.ask("POST", "/subscribe/tea", body)
        assert status == 422 and "Traceback" not in page
    assert (await door.ask("POST", "/subscribe/tea", b"address=" + b"x" * 10_000_000))[0] == 413
    status, _, headers = await door.ask("PUT", "/subscribe/tea")
    assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")
    assert messages(door) == 1


def test_only_declared_fields_are_asked_for(door: Door) -> None:
    for wrong in (["none"], ["city", "city"], [f"f{n}" for n in range(30)]):
        with pytest.raises(FieldError):
            door.store.write_now(lambda tx, wrong=wrong: forms.arrange(tx, 1, wrong))  # type: ignore[misc]
    assert door.store.read_now(lambda tx: lists.get(tx, "tea")) is not None
    assert ANN.key == "ann@example.org"


async def test_a_body_that_does_not_come_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.web.desk.BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection(*door.listening.getsockname())
    writer.write(b"POST /subscribe/tea HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\naddress=eve")
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
    assert answer.startswith(b"HTTP/1.1 408")
    writer.close()
    assert messages(door) == 1


async def test_a_network_that_asked_enough_is_answered_the_same_and_nobody_is_written_to(door: Door) -> None:
    door.composer.asking = AskingSettings(per_network=1)
    pages = []
    for name in ("bob", "eve"):
        told = {"address": f"{name}@example.org", **await seen(door)}
        pages.append((await door.ask("POST", "/subscribe/tea", told))[:2])
    assert pages[0] == pages[1] and pages[0][0] == 200
    assert [address for (address,) in door.rows("SELECT address FROM contact ORDER BY id")][1:] == ["bob@example.org"]
    assert messages(door) == 2  # Ann's, and Bob's
    told = {"address": "eve@example.org", **await seen(door)}
    assert (await door.ask("POST", "/subscribe/tea", told, **{"X-Forwarded-For": "198.51.100.7"}))[:2] == pages[0]
    assert messages(door) == 3
