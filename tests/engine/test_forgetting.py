"""Old mail is forgotten whole and nothing else is: the books balance, no number is given twice, links still lead on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clock import NOON
from house_books import Books, message, open_books
from mail_shop import Place

from engine import forgetting as module
from engine.forgetting import LOGS, Forgetter, of_log
from mta.ports import Tx, to_ms
from mta.queue import forgetting, queue
from mta.queue.settings import QueueSettings
from mta.queue.tables import Message

AGE = timedelta(days=400)
LATER = NOON + AGE + timedelta(days=1)
SETTINGS = QueueSettings()


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    made = open_books(place)
    yield made
    made.close()


def end(books: Books, at_ms: int, *message_ids: int) -> None:
    """As if they had been delivered, each with an attempt."""
    for each in message_ids:
        for (delivery,) in books.rows("SELECT id FROM delivery WHERE message_id = ?", each):
            books.write(
                lambda tx, delivery=delivery: (
                    tx.execute("UPDATE delivery SET state = 10, ended_ms = ? WHERE id = ?", (at_ms, delivery)),
                    tx.insert(
                        "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls)"
                        " VALUES (?,?,1,'mx','192.0.2.1','dot','delivered','250 ok','')", (delivery, at_ms),
                    ),
                )
            )  # fmt: skip


def enqueue(books: Books, *to: str) -> int:
    made = books.write(lambda tx: queue.enqueue(tx, message(*to), NOON, SETTINGS))
    books.write(
        lambda tx: tx.execute("INSERT INTO sending (message_id, contact_id, flow, step, occurrence, template, variant)"
                              " VALUES (?, 1, '', '', 1, '', '')", (made.message_id,))
    )  # fmt: skip
    return made.message_id


def sweep(books: Books, forgetter: Forgetter, now: object = LATER) -> int:
    """One round of the janitor's; how many commits it took."""
    commits = 0
    while books.write(lambda tx: forgetter.is_due(tx, now)):  # type: ignore[arg-type]
        books.write(lambda tx: forgetter.do(tx, now))  # type: ignore[arg-type]
        commits += 1
    return commits


def left(books: Books) -> dict[str, int]:
    tables = ("message", "body", "delivery", "attempt", "sending")
    return {each: books.rows(f"SELECT count(*) FROM {each}")[0][0] for each in tables}


def test_a_message_goes_with_all_that_is_of_it_once_its_last_delivery_ended_long_ago(books: Books) -> None:
    old, half, _ = (
        enqueue(books, "a@x.example", "b@x.example"),
        enqueue(books, "c@x.example"),
        enqueue(books, "d@x.example"),
    )
    end(books, to_ms(NOON), old)
    assert sweep(books, Forgetter(lambda: AGE), NOON + timedelta(days=399)) == 0
    newest = enqueue(books, "e@x.example")
    end(books, to_ms(NOON), half)  # its attempt has the highest number
    assert sweep(books, Forgetter(lambda: AGE)) == 1
    assert {row[0] for row in books.rows("SELECT id FROM message")} == {half, half + 1, newest}
    assert left(books) == {"message": 3, "body": 3, "delivery": 3, "attempt": 1, "sending": 3}
    assert books.audit(LATER).balances


def test_what_still_waits_or_ended_lately_stays_however_old_it_is(books: Books) -> None:
    waiting, lately = enqueue(books, "a@x.example"), enqueue(books, "b@x.example")
    end(books, to_ms(LATER - timedelta(days=1)), lately)
    enqueue(books, "c@x.example")
    assert sweep(books, Forgetter(lambda: AGE)) == 0
    assert {row[0] for row in books.rows("SELECT id FROM message")} >= {waiting, lately}


def test_many_go_in_parts_and_the_rest_waits_for_the_next_round(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPAN", 10)
    monkeypatch.setattr(module, "PARTS", 3)
    stays = enqueue(books, "a@x.example")
    others = ", ".join(name for name in Message._meta.columns if name != "id")  # type: ignore[attr-defined]
    sql = f"INSERT INTO message (id, {others}) SELECT ?, {others} FROM message WHERE id = ?"
    numbers = range(stays + 1, stays + 45)
    books.write(lambda tx: tx.executemany(sql, [(each, stays) for each in numbers]))
    forgetter = Forgetter(lambda: AGE)
    assert sweep(books, forgetter) == 3
    assert left(books)["message"] == 1 + len(numbers) - 29  # ten a part, one of which still has a delivery
    assert sweep(books, forgetter, LATER + timedelta(seconds=2)) == 2
    assert books.rows("SELECT id FROM message ORDER BY id") == [(stays,), (numbers[-1],)]
    assert sweep(books, forgetter, LATER + timedelta(hours=2)) == 0


def test_a_part_asks_no_more_of_the_database_the_more_messages_it_has(books: Books) -> None:
    def questions(count: int) -> int:
        for _ in range(count):
            end(books, to_ms(NOON), enqueue(books, "a@x.example"))
        asked = 0

        def look(tx: Tx) -> list[int]:
            def counted(ask: Callable[..., Any]) -> Callable[..., Any]:
                def counting(*given: Any) -> Any:
                    nonlocal asked
                    asked += 1
                    return ask(*given)

                return counting

            told = SimpleNamespace(query=counted(tx.query), one=counted(tx.one))
            return forgetting.old(cast(Tx, told), 0, to_ms(LATER), 100)[1]

        assert books.write(look)
        return asked

    assert questions(3) == questions(30)


@pytest.mark.parametrize("table", LOGS)
def test_logs_let_go_of_their_oldest_rows_but_never_of_the_youngest(table: str, books: Books) -> None:
    columns = {
        "refusal": "(forward_path, reason, credential, at_ms) VALUES ('a@x.example', 'manual', '', ?)",
        "segment_change": "(segment_id, contact_id, entered, cause, at_ms) VALUES (1, 1, 1, 'look', ?)",
    }
    for day in (0, 1, 500):
        books.write(lambda tx, day=day: tx.execute(  # type: ignore[misc]
            f"INSERT INTO {table} {columns[table]}", (to_ms(NOON + timedelta(days=day)),)
        ))  # fmt: skip
    chore = of_log(table, lambda: AGE)
    far = NOON + timedelta(days=2_000)
    for now, kept in ((NOON, 3), (LATER, 2), (far, 1)):
        while books.write(lambda tx, now=now: chore.is_due(tx, now)):  # type: ignore[misc]
            books.write(lambda tx, now=now: chore.do(tx, now))  # type: ignore[misc]
        assert books.rows(f"SELECT count(*) FROM {table}") == [(kept,)]


def test_a_second_forgetting_of_the_same_is_harmless(books: Books) -> None:
    first = enqueue(books, "a@x.example")
    end(books, to_ms(NOON), first)
    enqueue(books, "b@x.example")
    for _ in range(2):
        books.write(lambda tx: forgetting.forget(tx, [first]))
    assert left(books)["message"] == 1
