"""A person's own choices: looking changes nothing, choosing is kept with its words, and the arbiter obeys."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from clock import NOON
from mail_shop import OCTETS, Place, make_list
from web_door import ANN, Door, open_door

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import contact_facts, ensure_contact
from engine.audience.dossier import erase, export
from engine.audience.suppression import Reason, is_suppressed, suppress
from engine.audience.tokens import Purpose
from engine.sending.arbiter import Arbiter, Asked, Kind
from engine.sending.judging import Hold, Refuse
from engine.sending.refusals import Refusal
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:

        def more(tx: Tx) -> None:
            subscriptions.confirm(tx, 1, 1, to_ms(NOON), answer=Answer("yes", salt=b"s"), now=NOON)
            make_list(tx, "coffee")

        door.store.write_now(more)
        yield door


def path(door: Door, contact_id: int = 1) -> str:
    return "/preferences/" + door.composer.tokens.make(Purpose.PREFERENCES, (contact_id,))


def may(door: Door, stream: Stream = Stream.MARKETING) -> str:
    asked = Asked(Kind.FLOW, "news", 1, 1, ANN.key, stream)
    verdict = door.store.write_now(lambda tx: Arbiter().hear(tx, asked, door.clock.now()))
    return verdict.reason if isinstance(verdict, Hold | Refuse) else ""


def write_mail(door: Door, stream: Stream = Stream.MARKETING) -> None:
    message = NewMessage("", (Recipient(ANN),), b"Subject: x\r\n\r\n", stream, "flow")

    def work(tx: Tx) -> None:
        queued = enqueue(tx, message, door.clock.now(), QueueSettings())
        tx.execute(
            "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
            " VALUES (?,1,NULL,'','',1,'x')",
            (queued.message_id,),
        )
        asked = Asked(Kind.FLOW, "news", 1, 1, ANN.key, stream)
        Arbiter().note(tx, asked, queued.message_id, door.clock.now())

    door.store.write_now(work)


async def test_looking_changes_nothing_and_shows_how_it_is(door: Door) -> None:
    count = len(door.ledger())
    for method in ("GET", "HEAD", "GET"):
        assert (await door.ask(method, path(door)))[0] == 200
    _, page, _ = await door.ask("GET", path(door))
    assert '<input type="checkbox" name="list" value="1" checked>' in page
    assert "ann@" not in page and "Archer" not in page
    assert 'value="2"' not in page, "a list that she never asked for"
    assert len(door.ledger()) == count and door.rows("SELECT * FROM preference") == []


async def test_choices_are_kept_with_the_words_that_were_shown(door: Door) -> None:
    told = {"pace": "week", "pause": "month", "locale": "ru"}
    status, page, _ = await door.ask("POST", path(door), told)
    assert status == 200 and "Сохранено" in page
    assert door.state() == "unsubscribed"
    entry = door.ledger()[-1]
    assert entry.link.act == "withdrawn" and "[ ] Tea Letters" in entry.told["wording"]
    assert "No more than one email a week" in entry.told["wording"] and entry.told["source"] == "web"
    assert door.store.read_now(lambda tx: contact_facts(tx, 1))["locale"] == "ru"
    assert door.rows("SELECT pace FROM preference") == [("week",)]
    assert door.rows("SELECT expires_ms FROM suppression") == [(to_ms(NOON + timedelta(days=30)),)]
    [(data,)] = door.rows("SELECT data FROM event WHERE name = 'preferences.changed'")
    assert '"pace": "week"' in str(data)

    _, page, _ = await door.ask("POST", path(door), {"list": "1", "pause": "keep"})
    assert door.state() == "confirmed"
    assert [each.link.act for each in door.ledger()][-2:] == ["asked", "confirmed"]
    assert door.rows("SELECT expires_ms FROM suppression") == [(to_ms(NOON + timedelta(days=30)),)]


async def test_a_pause_stops_marketing_until_its_end_and_a_new_choice_ends_it(door: Door) -> None:
    await door.ask("POST", path(door), {"list": "1", "pause": "quarter"})
    assert may(door) == Refusal.PAUSED and may(door, Stream.TRANSACTIONAL) == ""
    _, page, _ = await door.ask("GET", path(door))
    assert "You are taking a break until" in page
    await door.ask("POST", path(door), {"list": "1", "pause": "half"})
    assert door.rows("SELECT expires_ms FROM suppression") == [(to_ms(NOON + timedelta(days=182)),)]
    await door.ask("POST", path(door), {"list": "1", "pause": ""})
    assert may(door) == ""


async def test_who_pauses_may_still_say_yes_to_another_list(door: Door) -> None:
    await door.ask("POST", path(door), {"list": "1", "pause": "month"})
    await door.ask("POST", "/subscribe/coffee", {"address": "ann@example.org"})
    token = door.composer.tokens.make(Purpose.CONFIRM, (1, 2, to_ms(NOON)))
    assert (await door.ask("POST", "/confirm/" + token))[0] == 200
    assert may(door) == Refusal.PAUSED


@pytest.mark.parametrize(("pace", "most", "days"), [("week", 1, 7), ("fortnight", 2, 30), ("month", 1, 30)])
async def test_a_pace_holds_back_what_is_more_than_wanted(door: Door, pace: str, most: int, days: int) -> None:
    await door.ask("POST", path(door), {"list": "1", "pace": pace})
    for _ in range(most):
        assert may(door) == ""
        write_mail(door)
        write_mail(door, Stream.TRANSACTIONAL)
        door.clock.advance(timedelta(minutes=1))
    assert may(door) == "more often than wanted" and may(door, Stream.TRANSACTIONAL) == ""
    door.clock.advance(timedelta(days=days))
    assert may(door) == ""


async def test_everything_can_be_left_with_one_press(door: Door) -> None:
    status, page, _ = await door.ask("POST", path(door), {"list": "1", "all": "1"})
    assert status == 200 and "You will no longer receive news and offers" in page
    assert door.state() == "unsubscribed" and may(door) == Refusal.UNSUBSCRIBE
    assert "[Stop all news and offers]" in door.ledger()[-1].told["wording"]
    _, page, _ = await door.ask("POST", path(door), {"list": "1"})
    assert "You receive no news and offers" in page
    assert door.state() == "unsubscribed", "no page brings back what was stopped"


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.HARD_BOUNCE, Reason.MANUAL])
async def test_a_suppressed_address_is_not_brought_back(door: Door, reason: Reason) -> None:
    door.store.write_now(lambda tx: subscriptions.unsubscribe(tx, 1, 1, answer=Answer("x", salt=b"s"), now=NOON))
    door.store.write_now(lambda tx: suppress(tx, ANN.key, reason, now=NOON))
    await door.ask("POST", path(door), {"list": "1"})
    assert door.state() == "unsubscribed"


@pytest.mark.parametrize(
    "told",
    [
        {"list": "2"},
        {"list": "x"},
        {"list": "-1"},
        {"pace": "often"},
        {"pause": "ever"},
        {"locale": "xx"},
        {"list": "1' --"},
    ],
)
async def test_what_the_page_does_not_offer_is_refused(door: Door, told: dict[str, str]) -> None:
    assert (await door.ask("POST", path(door), told))[0] == 400
    assert door.state() == "confirmed"


async def test_a_region_is_kept_where_its_language_is_chosen(door: Door) -> None:
    door.store.write_now(lambda tx: tx.execute("UPDATE contact SET locale = 'he-IL'"))
    _, page, _ = await door.ask("GET", path(door))
    assert re.search('<option value="he" lang="he" selected>', page)
    await door.ask("POST", path(door), {"list": "1", "locale": "he"})
    assert door.store.read_now(lambda tx: contact_facts(tx, 1))["locale"] == "he-IL"


async def test_tokens_of_other_things_and_other_people_open_nothing(door: Door) -> None:
    other = door.unsubscribe_path().rpartition("/")[2]
    for token in (other, "x", path(door)[13:-1], door.composer.tokens.make(Purpose.PREFERENCES, (99,))):
        assert [(await door.ask(method, "/preferences/" + token))[0] for method in ("GET", "POST")] == [404, 404]
    status, _, headers = await door.ask("DELETE", path(door))
    assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")


def test_preferences_are_shown_and_erased_with_the_person(door: Door) -> None:
    def work(tx: Tx) -> list[object]:
        tx.execute("INSERT INTO preference (contact_id, pace) VALUES (1, 'week')")
        shown = export(tx, 1)["preferences"]
        erase(tx, 1, ANN.key, salt=OCTETS, now=NOON)
        return [shown, tx.query("SELECT * FROM preference")]

    assert door.store.write_now(work) == [[{"pace": "week"}], []]


def test_a_pause_is_no_refusal_for_somebody_new(door: Door) -> None:
    eve = Address.parse("eve@example.org")

    def work(tx: Tx) -> dict[str, str]:
        ensure_contact(tx, eve, now=NOON)
        suppress(tx, eve.key, Reason.PAUSED, until=NOON + timedelta(days=1), now=NOON)
        return is_suppressed(tx, [eve.key], Stream.MARKETING)

    assert door.store.write_now(work) == {eve.key: "paused"}
