"""A database that is moved to the other kind: every table, compared; never two that send; clean to begin again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import Place, open_store

from engine import fence
from engine.moving import marks, rows
from engine.moving.carrying import Move, MoveError, compare, make_ready
from engine.moving.rows import LEFT, Sum, moved_shapes, pages, summed
from engine.store.groups import GroupStore
from engine.store.opening import store_at
from engine.store.shapes import all_shapes
from mta.ports import Tx

if TYPE_CHECKING:
    from house_postgres import Postgres

CHANCE = FakeChance()
pytestmark = pytest.mark.peer("postgresql")
Pair = tuple[GroupStore, GroupStore]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture(params=["to postgresql", "to sqlite"])
def pair(request: pytest.FixtureRequest, postgres: "Postgres", state: Path) -> Iterator[Pair]:
    """An old database with rows in every table, and a new one of the other kind."""
    there = store_at(postgres.empty("moving"), FakeClock()).open()
    there.migrate()
    here = open_store(state, FakeClock())
    old, new = (here, there) if request.param == "to postgresql" else (there, here)
    fill(old)
    yield old, new
    old.close()
    new.close()


def fill(store: GroupStore) -> None:
    """Three rows of every table, no two alike; what was deleted keeps its number."""
    kinds = store.read_now(_kinds)

    def work(tx: Tx) -> None:
        for shape in moved_shapes():
            names = ",".join(f'"{each}"' for each in shape.columns)
            sql = f'INSERT INTO "{shape.name}" ({names}) VALUES ({",".join("?" * len(shape.columns))})'
            for number in (1, 2, 3):
                tx.execute(sql, [value(kinds[shape.name, each], each, number) for each in shape.columns])
        tx.execute("DELETE FROM meta")
        tx.execute("UPDATE carrier SET lease_until_ms = 0")

    store.write_now(work)
    store.restart_ids({each.name: 7 if each.name == "contact" else 0 for each in moved_shapes() if each.has_ids})


def _kinds(tx: Tx) -> dict[tuple[str, str], str]:
    """What each column holds."""
    if tx.dialect == "postgresql":
        sql = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        return {(table, column): kind for table, column, kind in tx.query(sql)}
    sql = "SELECT t.name, c.name, lower(c.type) FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
    return {(table, column): kind for table, column, kind in tx.query(sql)}


def value(kind: str, column: str, number: int) -> Any:
    if kind in ("bytea", "blob"):
        return bytes([0, 255, number]) * number
    if "int" in kind:
        return number if column == "id" else (1 << 40) + number
    return f"שלום 茶 '{number}' \\ \n?" if number > 1 else "1"


def mover(pair: Pair, told: list[str] | None = None) -> Move:
    return Move(
        *pair, NOON, lambda what, table, rows: told.append(f"{what} {table} {rows}") if told is not None else None
    )


def test_every_table_of_the_schema_is_carried_and_none_twice() -> None:
    names = [each.name for each in all_shapes()]
    assert len(set(names)) == len(names) > 60
    assert set(names) > LEFT


def test_all_rows_arrive_and_their_numbers_go_on(pair: Pair, state: Path) -> None:
    old, new = pair
    told: list[str] = []
    moved = mover(pair, told).run(state, CHANCE.octets)
    assert moved.differing == ()
    assert {each.here.rows for each in moved.tables if each.name != "meta"} == {3}
    assert "copied delivery 3" in told and "compared delivery 3" in told
    assert compare(old, new, lambda *what: None).differing == ()
    assert new.write_now(lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES ('four', 'active')")) == 4
    sql = "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms) VALUES ('n', '', '', '', '', '{}', 0)"
    assert new.write_now(lambda tx: tx.insert(sql)) == 8, "an id of a row that was deleted is never given again"


def test_the_old_database_is_left_and_the_new_one_is_let_go(pair: Pair, state: Path) -> None:
    old, new = pair
    fence.enter(old.write_now, state, CHANCE.octets, NOON)
    mover(pair).run(state, CHANCE.octets)
    with pytest.raises(marks.Elsewhere, match=f"moved to {new.name}"):
        marks.check(old)
    marks.check(new)
    fence.enter(new.write_now, state, CHANCE.octets, NOON)
    assert new.read_now(fence.standing) is None
    old.write_now(lambda tx: marks.take_off(tx, marks.TO))  # a copy from before the move
    fence.enter(old.write_now, state, CHANCE.octets, NOON)
    assert old.read_now(fence.standing) is not None, "it is older than this machine's last run"


@pytest.mark.parametrize("pair", ["to postgresql"], indirect=True)
def test_a_second_move_of_the_same_database_is_refused(pair: Pair, state: Path) -> None:
    mover(pair).run(state, CHANCE.octets)
    for again in (mover(pair).look, lambda: mover(pair).run(state, CHANCE.octets)):
        with pytest.raises(MoveError, match="was moved to"):
            again()


class Cut(Exception):
    """The machine is gone."""


@pytest.mark.parametrize(
    ("pair", "place"),
    [("to postgresql", "copied act"), ("to postgresql", "compared tls_trouble"), ("to postgresql", "released"),
     ("to sqlite", "compared tls_trouble")],
    indirect=["pair"],
)  # fmt: skip
def test_a_move_that_broke_off_is_refused_by_the_daemon_and_done_again(
    pair: Pair, state: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = pair
    fence.enter(old.write_now, state, CHANCE.octets, NOON)

    def tell(what: str, table: str, rows: int) -> None:
        if f"{what} {table}" == place:
            raise Cut

    def release(*what: object) -> None:
        raise Cut

    if place == "released":
        monkeypatch.setattr(Move, "_release", release)
    with pytest.raises(Cut):
        Move(old, new, NOON, tell).run(state, CHANCE.octets)
    monkeypatch.undo()
    with pytest.raises(marks.Elsewhere, match="was not finished"):
        marks.check(new)
    if place != "released":
        marks.check(old)
        old.write_now(lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES ('late', 'active')"))  # it went on
    make_ready(new)
    assert mover(pair).run(state, CHANCE.octets).differing == ()
    marks.check(new)
    fence.enter(new.write_now, state, CHANCE.octets, NOON)
    assert new.read_now(fence.standing) is None
    assert compare(old, new, lambda *what: None).differing == ()


def test_a_row_that_changed_on_the_way_is_found_and_nothing_is_left(pair: Pair, state: Path) -> None:
    old, new = pair

    def tell(what: str, table: str, rows: int) -> None:
        if (what, table) == ("compared", "act"):
            new.write_now(lambda tx: tx.execute("UPDATE message SET subject = 'other' WHERE id = 2"))

    with pytest.raises(MoveError, match=r"is not what was read: message;"):
        Move(old, new, NOON, tell).run(state, CHANCE.octets)
    marks.check(old)
    assert [each.name for each in compare(old, new, lambda *what: None).differing] == ["message"]


@pytest.mark.parametrize("pair", ["to postgresql"], indirect=True)
def test_a_database_with_rows_or_of_others_or_that_is_being_filled_is_refused(pair: Pair, state: Path) -> None:
    _, new = pair
    new.write_now(lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES ('mine', 'active')"))
    with pytest.raises(MoveError, match=r"not empty \(table flow\)"):
        mover(pair).look()
    new.write_now(lambda tx: tx.execute("DELETE FROM flow"))
    new.write_now(lambda tx: marks.put(tx, marks.FROM, "another", NOON))
    with pytest.raises(MoveError, match="being filled from another"):
        mover(pair).look()


def test_tables_of_another_program_are_not_touched(postgres: "Postgres") -> None:
    import psycopg

    url = postgres.url("others")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS message (words TEXT)")
    there = store_at(url, FakeClock()).open()
    try:
        with pytest.raises(MoveError, match=r"tables of another program \(message\)"):
            make_ready(there)
    finally:
        there.close()


@pytest.mark.parametrize("pair", ["to postgresql"], indirect=True)
def test_nobody_may_be_at_work_on_the_old_one(pair: Pair, state: Path) -> None:
    old, _ = pair

    def lease(tx: Tx) -> None:
        counted_by, at_ms = tx.lease_time()
        sql = "UPDATE carrier SET boot_id = ?, lease_until_ms = ?, name = 'carrier-1@two', process = '' WHERE id = 1"
        tx.execute(sql, (counted_by, at_ms + 60_000))

    old.write_now(lease)
    with pytest.raises(MoveError, match="carrier-1@two still works on the old database"):
        mover(pair).look()


@pytest.mark.parametrize("pair", ["to postgresql"], indirect=True)
def test_two_moves_into_one_postgresql_at_once_do_not_mix(pair: Pair, state: Path) -> None:
    def tell(what: str, table: str, rows: int) -> None:
        if (what, table) == ("copied", "act"):
            with pytest.raises(MoveError, match="another move into"):
                mover(pair).look()

    Move(*pair, NOON, tell).run(state, CHANCE.octets)


def test_what_postgresql_can_not_hold_is_replaced_and_counted(postgres: "Postgres", state: Path) -> None:
    there, here = store_at(postgres.empty("moving"), FakeClock()).open(), open_store(state, FakeClock())
    there.migrate()
    here.write_now(lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES (?, 'active')", ("a\0b",)))
    moved = Move(here, there, NOON, lambda *what: None).run(state, CHANCE.octets)
    assert moved.replaced == 1
    assert there.read_now(lambda tx: tx.query("SELECT name FROM flow")) == [("a\ufffdb",)]
    assert compare(here, there, lambda *what: None).differing == ()
    for each in (here, there):
        each.close()


def test_a_value_that_its_column_can_not_hold_is_named(postgres: "Postgres", state: Path) -> None:
    there, here = store_at(postgres.empty("moving"), FakeClock()).open(), open_store(state, FakeClock())
    there.migrate()
    here.write_now(
        lambda tx: tx.insert("INSERT INTO refusal (forward_path, reason, credential, at_ms) VALUES ('', '', '', 'x')")
    )
    with pytest.raises(MoveError, match="refuses a row of refusal"):
        Move(here, there, NOON, lambda *what: None).run(state, CHANCE.octets)
    marks.check(here)
    for each in (here, there):
        each.close()


def test_a_page_holds_no_more_octets_than_fit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "OCTETS", 1000)
    store = open_store(place, FakeClock())
    shape = next(each for each in moved_shapes() if each.name == "body")

    def work(tx: Tx) -> None:
        for number, size in enumerate([500, 500, 1, 2000, 5, 5], 1):
            tx.put("INSERT INTO body (message_id, content) VALUES (?, ?)", (number, bytes(size)))

    def read(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        return store.read_now(lambda tx: tx.query(sql, params))

    store.write_now(work)
    assert [[row[0] for row in page] for page in pages(read, shape)] == [[1, 2], [3], [4], [5, 6]]
    assert summed(read, shape).rows == 6
    store.close()


def test_a_sum_does_not_depend_on_the_order_and_sees_a_row_twice() -> None:
    one, two, three = Sum(), Sum(), Sum()
    for numbers, found in (((1, 2), one), ((2, 1), two), ((1, 2, 2), three)):
        for number in numbers:
            found.add((number, "a", b"b", None))
    assert one == two != three
    assert len(one.digest) == 64
