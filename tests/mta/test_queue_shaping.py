"""Shaping as the database keeps it, and what the scheduler looks at because of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import NOON
from house_books import Books, message, open_books
from mail_shop import Place

from mta.outbound.due import due_domains
from mta.outbound.sources import one_way
from mta.ports import to_ms
from mta.queue import hints, queue, shaping
from mta.queue.settings import QueueSettings
from mta.queue.shaping import GUARD, Suspension

HOUR = timedelta(hours=1)
LATER = to_ms(NOON + HOUR)
(WAY,) = one_way("", "mail.shop.example")


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    books = open_books(place)
    yield books
    books.close()


def suspension(scope: str, name: str, *, by: str = "ann", until_ms: int = LATER) -> Suspension:
    return Suspension(scope, name, until_ms, by, "because", to_ms(NOON))


def due(books: Books, *busy: str, page: tuple[int, str] = (0, "")) -> dict[str, str]:
    return {domain: site for domain, site, _ in books.write(lambda tx: due_domains(tx, to_ms(NOON), busy, page, WAY))}


def test_what_was_learnt_is_found_again_by_source_and_site(books: Books) -> None:
    for rate in (5, 7):
        books.write(lambda tx, rate=rate: shaping.keep(tx, "one", "mx.a.example", {"rate": rate}, NOON))
    found = books.write(lambda tx: shaping.learnt(tx, "one", ["mx.a.example", "mx.b.example"]))
    assert found == {"mx.a.example": {"rate": 7}}
    assert books.write(lambda tx: shaping.learnt(tx, "two", ["mx.a.example"])) == {}


def test_a_suspension_holds_until_its_time_or_until_it_is_ended(books: Books) -> None:
    for each in (suspension("site", "mx.a.example"), suspension("domain", "b.example", by=GUARD)):
        books.write(lambda tx, each=each: shaping.suspend(tx, each))
    longer = suspension("domain", "b.example", by=GUARD, until_ms=LATER + 5)
    books.write(lambda tx: shaping.suspend(tx, longer))
    assert books.write(lambda tx: shaping.suspensions(tx, NOON)) == [longer, suspension("site", "mx.a.example")]
    assert books.write(lambda tx: shaping.is_doubted(tx, "b.example", NOON))
    assert not books.write(lambda tx: shaping.is_doubted(tx, "a.example", NOON))
    assert books.write(lambda tx: shaping.drop_ended(tx, NOON + HOUR)) == 1
    assert books.write(lambda tx: [shaping.resume(tx, "domain", "b.example") for _ in range(2)]) == [True, False]


def test_a_name_stands_for_the_site_it_was_folded_into(books: Books) -> None:
    books.write(lambda tx: queue.enqueue(tx, message("ann@a.example"), NOON, QueueSettings()))
    books.write(lambda tx: hints.note_site(tx, "a.example", "mx.a.example"))
    books.write(lambda tx: shaping.keep(tx, "", "mx.b.example", {}, NOON))
    for name, site in (
        ("a.example", "mx.a.example"),
        ("mx.a.example", "mx.a.example"),
        ("mx.b.example", "mx.b.example"),
    ):
        assert books.write(lambda tx, name=name: shaping.site_of(tx, name)) == site
    assert books.write(lambda tx: shaping.site_of(tx, "nobody.example")) == ""


def test_the_poll_passes_over_what_rests_is_suspended_or_is_busy(books: Books) -> None:
    for domain in "abcd":
        books.write(lambda tx, to=f"ann@{domain}.example": queue.enqueue(tx, message(to), NOON, QueueSettings()))
        books.write(lambda tx, domain=domain: hints.note_site(tx, f"{domain}.example", f"mx.{domain}.example"))
    assert set(due(books)) == {"a.example", "b.example", "c.example", "d.example"}
    books.write(lambda tx: shaping.rest(tx, "mx.a.example", LATER, 1, "421 slow down", NOON))
    books.write(lambda tx: shaping.suspend(tx, suspension("domain", "b.example")))
    assert due(books, "mx.c.example") == {"d.example": "mx.d.example"}
    books.write(lambda tx: shaping.rest(tx, "mx.a.example", 0, 0, "", NOON))
    books.write(lambda tx: shaping.resume(tx, "domain", "b.example"))
    assert set(due(books)) == {"a.example", "b.example", "c.example", "d.example"}


def test_the_poll_goes_on_after_the_last_that_it_saw_and_a_page_loses_nothing(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mta.outbound.due.DUE_MAX", 2)
    for minutes, domain in enumerate("cab", -3):
        at = NOON + timedelta(minutes=minutes)
        for name in (f"ann@{domain}.example", f"ann@{domain}{domain}.example"):
            books.write(lambda tx, to=name, at=at: queue.enqueue(tx, message(to), at, QueueSettings()))
    seen: list[str] = []
    page = (0, "")
    while rows := books.write(lambda tx, page=page: due_domains(tx, to_ms(NOON), (), page, WAY)):
        seen += [row[0] for row in rows]
        page = (rows[-1][2], rows[-1][0])
    assert seen == ["c.example", "cc.example", "a.example", "aa.example", "b.example", "bb.example"]
