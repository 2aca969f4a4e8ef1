"""Lists and figures of the queue: whatever is in it, pages give every match once and in order, and figures add up."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import TypeVar, cast

import pytest
from clock import NOON
from house_books import Books, open_books
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_shop import Place

from mta.ports import Store, Tx, to_ms
from mta.queue import census, listing
from mta.queue.census import AGES, Group
from mta.queue.delivery import State, Stream
from mta.queue.listing import SORTS, Cursor, Row, Wanted

T = TypeVar("T")

NOW = to_ms(NOON)
DOMAINS = ("a.example", "b.example", "c.example")
SITES = {"a.example": "mx.big.example", "b.example": "mx.big.example"}
CAMPAIGNS = ("", "spring", "autumn")

deliveries = st.lists(
    st.tuples(
        st.sampled_from(DOMAINS), st.sampled_from(Stream), st.sampled_from(CAMPAIGNS), st.sampled_from(State),
        st.integers(0, 3_000), st.integers(-50, 50),
    ),
    max_size=40,
)  # fmt: skip
wanted = st.builds(
    Wanted, site=st.sampled_from(["", "mx.big.example", "c.example", "nowhere"]), domain=st.sampled_from(["", *DOMAINS]),
    stream=st.sampled_from([None, *Stream]), campaign=st.sampled_from(CAMPAIGNS), state=st.sampled_from([None, *State]),
    text=st.sampled_from(["", "P1", "nobody"]), accepted_before=st.sampled_from([None, NOW - 1_000 * 60_000]),
    accepted_since=st.sampled_from([None, NOW - 2_000 * 60_000]), due_before=st.sampled_from([None, NOW]),
)  # fmt: skip


def put(books: Books, sql: str, *params: object) -> None:
    books.write(lambda tx: tx.execute(sql, params))


def filled(rows: list[tuple[str, Stream, str, State, int, int]], books: Books | None = None) -> Books:
    books = books or Books()
    for domain, site in SITES.items():
        put(books, "INSERT INTO destination (domain, site, next_ms) VALUES (?,?,?)", domain, site, NOW)
    for number, (domain, stream, campaign, state, age, due) in enumerate(rows, 1):
        put(
            books,
            "INSERT INTO message (id, reverse_path, stream, origin, subject, header_from, message_id, size, needs_utf8,"
            " has_8bit, credential, recipients, received_ms) VALUES (?,'',?,'submission','Hi','','',9,0,0,'',1,?)",
            number, int(stream), NOW - age * 60_000,
        )  # fmt: skip
        put(
            books,
            "INSERT INTO delivery (id, message_id, forward_path, domain, stream, campaign, state, due_ms, expires_ms,"
            " attempts, doubts, notify, last_reply, created_ms, ended_ms) VALUES (?,?,?,?,?,?,?,?,?,0,0,'','',?,?)",
            number, number, f"p{number}@{domain}", domain, int(stream), campaign, int(state), NOW + due * 1_000,
            NOW + 1_000 * number, NOW - age * 60_000, NOW - age * 60_000 + 5 if state.is_end else None,
        )  # fmt: skip
    return books


def paged(books: Books, wanted: Wanted, sort: str, limit: int) -> list[Row]:
    found: list[Row] = []
    after: Cursor | None = None
    while True:
        page = books.write(lambda tx: listing.page(tx, wanted, sort, limit, after))  # noqa: B023
        assert len(page.rows) <= limit
        found += page.rows
        if page.after is None:
            return found
        assert page.after != after, "a page must get on"
        after = page.after


def matches(row: tuple[str, Stream, str, State, int, int], number: int, wanted: Wanted) -> bool:
    domain, stream, campaign, state, age, due = row
    return (
        wanted.site in ("", SITES.get(domain, domain))
        and wanted.domain in ("", domain)
        and wanted.stream in (None, stream)
        and wanted.campaign in ("", campaign)
        and (state is wanted.state if wanted.state is not None else not state.is_end)
        and wanted.text.casefold() in f"p{number}@{domain} hi"
        and (wanted.accepted_before is None or NOW - age * 60_000 < wanted.accepted_before)
        and (wanted.accepted_since is None or NOW - age * 60_000 >= wanted.accepted_since)
        and (wanted.due_before is None or NOW + due * 1_000 < wanted.due_before)
    )


@settings(max_examples=150, deadline=None)
@given(rows=deliveries, wanted=wanted, sort=st.sampled_from(sorted(SORTS)), limit=st.integers(1, 7), few=st.booleans())
def test_pages_give_every_match_once_and_in_order(
    rows: list[tuple[str, Stream, str, State, int, int]], wanted: Wanted, sort: str, limit: int, few: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if few:  # as in a queue of which a page sees only a part
            patch.setattr(listing, "BUDGET", 3)
            patch.setattr(listing, "CHUNK", 2)
            patch.setattr(listing, "NARROW", 2)
        found = paged(filled(rows), wanted, sort, limit)
    expected = {number for number, row in enumerate(rows, 1) if matches(row, number, wanted)}
    if sort == "next":
        expected = {number for number in expected if rows[number - 1][3] is not State.HELD or wanted.is_ended}
    assert [each.delivery_id for each in found] == sorted(expected, key=[each.delivery_id for each in found].index), (
        "each match once"
    )
    order = {"newest": lambda row: (-(row.ended_ms if wanted.is_ended else row.created_ms)),
             "oldest": lambda row: row.ended_ms if wanted.is_ended else row.created_ms,
             "next": lambda row: -row.ended_ms if wanted.is_ended else row.due_ms,
             "expiry": lambda row: -row.ended_ms if wanted.is_ended else row.expires_ms}[sort]  # fmt: skip
    keys = [order(each) for each in found]  # type: ignore[no-untyped-call]
    assert keys == sorted(keys)


def test_a_jump_lands_where_counting_would(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("a.example", Stream.MARKETING, "", State.QUEUED, number, 0) for number in range(60)]
    books = filled(rows)
    walked = paged(books, Wanted(site="mx.big.example"), "newest", 100)
    monkeypatch.setattr(listing, "JUMP", 5)
    page = books.write(lambda tx: listing.page(tx, Wanted(site="mx.big.example"), "newest", 10, None, 30))
    assert list(page.rows) == walked[30:40]


@settings(max_examples=100, deadline=None)
@given(rows=deliveries, limit=st.integers(1, 9))
def test_parts_of_any_size_count_everything_once(
    rows: list[tuple[str, Stream, str, State, int, int]], limit: int
) -> None:
    books = filled(rows)
    groups: list[Group] = []
    at: census.Key | None = census.FIRST
    while at is not None:
        found, at = books.write(lambda tx: census.part(tx, at, NOON, limit))  # type: ignore[arg-type]  # noqa: B023
        groups += found
    waiting = [row for row in rows if row[3] in (State.QUEUED, State.HELD)]
    assert sum(each.count for each in groups) == len(waiting)
    for domain in DOMAINS:
        counts = [each for each in groups if each.domain == domain]
        ages = [sum(column) for column in zip(*(each.ages for each in counts), strict=True)] or [0] * 10
        mine = [row[4] for row in waiting if row[0] == domain]
        edges = [-1, *(edge - 1 for edge in AGES), 1 << 40]
        assert ages == [sum(low < age <= high for age in mine) for low, high in pairwise(edges)]


def test_the_oldest_of_a_group_is_the_oldest_of_all_its_parts() -> None:
    books = filled([("a.example", Stream.MARKETING, "", State.QUEUED, age, 0) for age in (1, 900, 30)])
    found, _ = books.write(lambda tx: census.part(tx, census.FIRST, NOON))
    assert [each.oldest_ms for each in found] == [to_ms(NOON - timedelta(minutes=900))]


@pytest.mark.parametrize(
    ("before", "after"), [(State.QUEUED, State.IN_FLIGHT), (State.IN_FLIGHT, State.QUEUED)], ids=["taken", "given back"]
)
async def test_what_moves_while_a_short_queue_is_counted_is_counted_once(before: State, after: State) -> None:
    books = filled([("a.example", Stream.MARKETING, "", before, 1, 0)])

    class Moves:
        async def read(self, work: Callable[[Tx], T]) -> T:
            """It moves as soon as somebody has looked."""
            found = books.write(work)
            put(books, "UPDATE delivery SET state = ?", int(after))
            return found

    assert (await census.take(cast(Store, Moves()), NOON)).total == 1


def test_every_list_and_figure_can_be_asked_of_every_database(place: Place) -> None:
    some = [(domain, stream, "spring", state, 10, 0) for domain in DOMAINS for stream in Stream for state in State]
    books = filled(some, open_books(place))
    for sort in SORTS:
        for wanted in (Wanted(), Wanted(site="mx.big.example", campaign="spring"), Wanted(state=State.DELIVERED)):
            expected = sum(matches(row, number, wanted) for number, row in enumerate(some, 1))
            held = (
                0
                if sort != "next" or wanted.state is State.DELIVERED
                else 2 * len({"a", "b"} if wanted.site else DOMAINS)
            )
            assert len(paged(books, wanted, sort, 4)) == expected - held
    found, _ = books.write(lambda tx: census.part(tx, census.FIRST, NOON, 100))
    assert sum(each.count for each in found) == 12
    assert books.write(lambda tx: listing.page(tx, Wanted(site="mx.big.example"), "oldest", 2, None, 3)).rows
