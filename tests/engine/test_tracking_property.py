"""Hits in any order and in any batches end as if all had been seen at once, and the contact's figures are their sum."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOON
from house_books import Books, message, open_books
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability.address import Address
from engine.audience.contacts import ensure_contact
from engine.tracking.hits import Fetch, record
from engine.tracking.machines import Background, By, Hit, Kind, judge_all
from engine.tracking.marks import Mark
from mta.ports import Tx, to_ms
from mta.queue import queue
from mta.queue.settings import QueueSettings

MARK = Mark(41, 1, "reminder")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"


def a_mail(tx: Tx) -> None:
    ensure_contact(tx, Address.parse("ann@example.org"), now=NOON)
    queued = queue.enqueue(tx, message("ann@example.org"), NOON, QueueSettings())
    tx.execute(
        "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
        " VALUES (?,1,41,'f','reminder',1,'t')",
        (queued.message_id,),
    )
    tx.execute("UPDATE delivery SET state = 10, ended_ms = ?", (to_ms(NOON),))


_fetch = st.builds(
    lambda kind, second, number, agent: Fetch(
        kind, MARK, NOON + timedelta(seconds=second), agent, "192.0.2.7", number if kind is Kind.CLICK else 0, 4, "https://a.example/"
    ),
    st.sampled_from(Kind),
    st.integers(0, 700).map(lambda each: each / 2),
    st.integers(0, 4),
    st.sampled_from((BROWSER, BROWSER, BROWSER, "curl/8.5.0", "Mozilla/5.0")),
)  # fmt: skip


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    books = open_books(Path(tmp_path_factory.mktemp("books")))
    books.write(a_mail)
    return books


@settings(max_examples=300, deadline=None)
@given(st.lists(_fetch, max_size=14), st.lists(st.integers(1, 4), min_size=14, max_size=14))
def test_batches_and_order_change_nothing(books: Books, fetches: list[Fetch], sizes: list[int]) -> None:
    books.write(lambda tx: tx.execute("DELETE FROM event"))
    books.write(
        lambda tx: tx.execute(
            "UPDATE contact SET opens = 0, clicks = 0, opened_ms = NULL, clicked_ms = NULL, engaged_ms = NULL"
        )
    )
    fetches = sorted(fetches, key=lambda each: each.at)
    at = 0
    for size in sizes:
        books.write(lambda tx, part=fetches[at : at + size]: record(tx, part))  # type: ignore[misc]
        at += size
    hits = [Hit(each.kind, to_ms(each.at), each.agent, each.number, "192.0.2.0/24") for each in fetches]
    wanted = sorted(
        (hit.at_ms, hit.kind, str(verdict.by))
        for hit, verdict in zip(hits, judge_all(Background(to_ms(NOON), 4), hits), strict=True)
    )
    rows = books.rows("SELECT at_ms, name, data FROM event WHERE name LIKE 'mail.%'")
    assert sorted((at_ms, json.loads(data)["what"], json.loads(data)["by"]) for at_ms, _, data in rows) == wanted
    assert all((name == "mail.fetched") == (json.loads(data)["by"] != By.PERSON) for _, name, data in rows)

    [(opens, clicks, opened, clicked, engaged)] = books.rows(
        "SELECT opens, clicks, opened_ms, clicked_ms, engaged_ms FROM contact"
    )
    times = {name: [at_ms for at_ms, each, _ in rows if each == name] for name in ("mail.opened", "mail.clicked")}
    assert (opens, clicks) == (len(times["mail.opened"]), len(times["mail.clicked"]))
    assert (opened, clicked) == (max(times["mail.opened"], default=None), max(times["mail.clicked"], default=None))
    assert engaged == max([*times["mail.opened"], *times["mail.clicked"]], default=None)
