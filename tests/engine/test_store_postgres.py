"""The store on PostgreSQL, where it is not like a file: a server that goes away, commits whose answer is lost, sessions
that work beside each other."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from clock import NOON, FakeClock
from house_books import message, nobody_is_suppressed
from house_cut import Cable

from deliverability.address import Address
from engine.audience.contacts import ensure_contact
from engine.store import groups, postgres_tx
from engine.store.groups import GroupStore
from engine.store.lines import Unreachable
from engine.store.opening import store_at
from engine.store.postgres import Unfit
from engine.store.postgres_tx import PostgresTx, _numbered
from mta.ports import StoreBusy, StoreTrouble, Tx
from mta.queue import claiming, expiring, hints, leasing, operating, queue
from mta.queue.audit import audit
from mta.queue.delivery import State
from mta.queue.leasing import Host
from mta.queue.operating import By
from mta.queue.queue import Hand
from mta.queue.settings import QueueSettings

if TYPE_CHECKING:
    from house_postgres import Postgres

pytestmark = pytest.mark.peer("postgresql")
SETTINGS = QueueSettings()


@pytest.fixture
def stores(postgres: "Postgres") -> Iterator[Callable[[], GroupStore]]:
    """Opens stores on one empty database, as processes of several machines would."""
    url = postgres.empty("beside")
    opened: list[GroupStore] = []

    def one() -> GroupStore:
        opened.append(store_at(url, FakeClock()).open())
        opened[-1].migrate()
        return opened[-1]

    yield one
    for each in opened:
        each.close()


@pytest.fixture
def own_server() -> Iterator["Postgres"]:
    """One that a test may stop and kill."""
    from house_postgres import Postgres

    with Postgres() as server:
        yield server


def put(text: str) -> Callable[[Tx], int]:
    return lambda tx: tx.insert(
        "INSERT INTO refusal (forward_path, reason, credential, at_ms) VALUES (?, '', '', 0)", (text,)
    )


def texts(store: GroupStore) -> list[str]:
    return [row[0] for row in store.read_now(lambda tx: tx.query("SELECT forward_path FROM refusal ORDER BY id"))]


class Held:
    """A work that stops inside its transaction until it is let go."""

    def __init__(
        self, before: Callable[[Tx], object] = lambda tx: None, after: Callable[[Tx], object] = lambda tx: None
    ):
        self._before, self._after = before, after
        self.inside, self.go = threading.Event(), threading.Event()

    def __call__(self, tx: Tx) -> object:
        value = self._before(tx)
        self.inside.set()
        assert self.go.wait(60)
        self._after(tx)
        return value

    async def until_inside(self) -> None:
        assert await asyncio.to_thread(self.inside.wait, 60)


# -- a server that goes away


async def test_a_restart_between_two_writes_is_not_noticed(own_server: "Postgres") -> None:
    store = store_at(own_server.url("one"), FakeClock()).open()
    store.migrate()
    await store.write(put("before"))
    assert await store.read(lambda tx: tx.one("SELECT count(*) FROM refusal")) == (1,)
    own_server.restart()
    assert await store.read(lambda tx: tx.one("SELECT count(*) FROM refusal")) == (1,)
    await store.write(put("after"))
    assert texts(store) == ["before", "after"]
    store.close()


async def test_an_error_without_a_number_on_a_connection_that_broke_is_a_server_that_went_away(
    stores: Callable[[], GroupStore],
) -> None:
    """So libpq tells of what it could not send."""
    store = stores()
    left = [None] * 2

    def work(tx: Tx) -> int:
        if left:
            left.pop()
            assert isinstance(tx, PostgresTx)
            tx._connection.close()
            raise psycopg.DatabaseError("server closed the connection unexpectedly")
        return put("kept")(tx)

    await store.write(work)
    assert texts(store) == ["kept"]


async def test_a_server_that_is_killed_while_mail_passes_loses_nothing_and_doubles_nothing(
    own_server: "Postgres",
) -> None:
    store = store_at(own_server.url("one"), FakeClock()).open()
    store.migrate()
    promised: list[str] = []
    many = [asyncio.Event() for _ in range(2)]
    numbers = iter(range(3000))

    async def writer() -> None:
        for number in numbers:
            try:
                await store.write(put(str(number)))
                promised.append(str(number))
                for some, count in zip(many, (300, 1000), strict=True):
                    if len(promised) > count:
                        some.set()
            except StoreTrouble:
                pass

    writing = [asyncio.create_task(writer()) for _ in range(20)]
    for some in many:
        await some.wait()
        await asyncio.to_thread(own_server.crash)
        await asyncio.to_thread(own_server.start)
    await asyncio.gather(*writing)
    kept = Counter(texts(store))
    assert set(promised) <= set(kept), "250 was said and nothing is there"
    assert set(kept.values()) == {1}
    assert len(promised) > 2500, "a restart should cost patience, not mail"
    await asyncio.to_thread(store.close)


async def test_without_a_server_the_asker_is_told_in_time_and_served_when_it_is_back(
    own_server: "Postgres", monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(own_server.url("one"), FakeClock()).open()
    store.migrate()
    await store.write(put("before"))
    own_server.stop()
    with monkeypatch.context() as soon:
        soon.setattr(groups, "BUSY_SECONDS", 0.2)
        for ask in (store.write(put("lost")), store.read(lambda tx: tx.query("SELECT 1"))):
            with pytest.raises(StoreTrouble):
                await ask
    own_server.start()
    await store.write(put("after"))
    assert texts(store) == ["before", "after"]
    store.close()


async def test_closing_does_not_wait_for_a_server_that_is_away(own_server: "Postgres") -> None:
    store = store_at(own_server.url("one"), FakeClock()).open()
    store.migrate()
    await store.write(put("before"))
    own_server.stop()
    asking = asyncio.ensure_future(store.write(put("lost")))
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    with pytest.raises(StoreTrouble):
        await asking


@pytest.mark.parametrize(("before", "runs"), [(True, 2), (False, 1)])
async def test_a_commit_whose_answer_is_lost_is_found_out(postgres: "Postgres", before: bool, runs: int) -> None:
    """It had happened, or it is done again: once, and the asker hears the truth."""
    url = postgres.empty("cut")
    with Cable(postgres.port) as cable:
        store = store_at(url.replace(str(postgres.port), str(cable.port)), FakeClock()).open()
        store.migrate()
        await store.write(put("first"))
        ran = 0

        def work(tx: Tx) -> int:
            nonlocal ran
            ran += 1
            return put("second")(tx)

        cable.cut(before=before)
        assert await store.write(work) > 1
        assert cable.is_cut.wait(60)
        assert ran == runs
        assert texts(store) == ["first", "second"]
        store.close()


# -- what can't hold a Posthouse


def test_an_address_that_is_none_and_a_server_that_is_none_are_said_at_once(postgres: "Postgres") -> None:
    with pytest.raises(Unfit, match=r"database.url can't be used"):
        store_at("postgresql://[", FakeClock())
    with pytest.raises(Unreachable, match="no database server answers"):
        store_at("postgresql://posthouse@127.0.0.1:1/x", FakeClock()).open()
    with pytest.raises(Unreachable, match="no_such_database"):
        store_at(postgres.url().replace("/postgres", "/no_such_database"), FakeClock()).open()


def test_a_password_that_is_wrong_is_said_with_the_place_where_it_stands(own_server: "Postgres") -> None:
    url = own_server.url("one")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE shop LOGIN PASSWORD 'right'")
    own_server.ask_passwords_of("shop")
    with pytest.raises(Unreachable, match=r"does not let us in: password .* \"shop\": look at database.url") as refusal:
        store_at(url.replace("posthouse@", "shop:wrong@"), FakeClock()).open()
    assert "wrong" not in str(refusal.value)
    store_at(url.replace("posthouse@", "shop:right@"), FakeClock()).open().close()


async def test_too_many_connections_are_said_and_waited_for(postgres: "Postgres") -> None:
    url = postgres.empty("beside")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS few")
        connection.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    few = url.replace("posthouse@", "few@")
    with psycopg.connect(few), pytest.raises(Unreachable, match="does not let us in: too many connections"):
        store_at(few, FakeClock()).open()
    store: GroupStore | None = None
    async with asyncio.timeout(60):
        while store is None:  # whoever left is counted until the server has seen it
            await asyncio.sleep(0)
            with contextlib.suppress(Unreachable):
                store = store_at(few, FakeClock()).open()
    store.close()


async def test_a_foreign_session_that_holds_a_table_for_too_long_is_a_busy_store_and_then_no_more(
    stores: Callable[[], GroupStore], postgres: "Postgres", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_tx._SETTINGS, "lock_timeout", "100ms")
    store = stores()
    with psycopg.connect(postgres.url("beside")) as foreign:
        foreign.execute("LOCK TABLE refusal IN EXCLUSIVE MODE")
        with pytest.raises(StoreBusy, match="another session holds what is needed"):
            await store.write(put("early"))
    await store.write(put("late"))
    assert texts(store) == ["late"]


def test_a_database_that_could_not_hold_every_name_is_refused(postgres: "Postgres") -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE octets ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(Unfit, match="SQL_ASCII"):
        store_at(postgres.url().replace("/postgres", "/octets"), FakeClock()).open()


def test_no_secret_is_in_its_name() -> None:
    store = store_at("postgresql://posthouse:secret@db.example:5433/mail", FakeClock())
    assert store.name == "postgresql://db.example/mail"


async def test_two_that_migrate_at_once_do_it_once(postgres: "Postgres") -> None:
    url = postgres.url("fresh")
    both = [store_at(url, FakeClock()).open() for _ in range(2)]
    applied = await asyncio.gather(*(asyncio.to_thread(each.migrate) for each in both))
    assert sorted(map(bool, applied)) == [False, True]
    for each in both:
        each.check_schema()
        each.close()


async def test_a_strangers_nul_is_kept_as_a_mark_and_breaks_nothing(stores: Callable[[], GroupStore]) -> None:
    store = stores()
    await store.write(
        lambda tx: (put("one")(tx), put("a\0b")(tx), tx.executemany("UPDATE refusal SET reason = ?", [("\0",)]))
    )
    assert texts(store) == ["one", "a\N{REPLACEMENT CHARACTER}b"]


@pytest.mark.parametrize(
    ("sql", "numbered"),
    [
        ("INSERT INTO a (b, c) VALUES (?,'x')", ("a", "INSERT INTO a (id, b, c) VALUES (?, ?,'x')")),
        ("INSERT INTO a (b) VALUES (?) ON CONFLICT (b) DO UPDATE SET c = (1)", None),
        ("INSERT INTO a (b) SELECT b FROM c", None),
    ],
)
def test_only_a_plain_insert_gets_its_id_beforehand(sql: str, numbered: tuple[str, str] | None) -> None:
    assert _numbered(sql) == numbered


# -- beside each other


async def test_two_that_claim_one_domain_at_once_take_different_deliveries(stores: Callable[[], GroupStore]) -> None:
    one, other = stores(), stores()
    to = [f"n{number}@a.example" for number in range(10)]
    await one.write(lambda tx: queue.enqueue(tx, message(*to), NOON, SETTINGS))
    owners = [await one.write(lambda tx: leasing.register(tx, "c", 1, Host("x"), NOON)) for _ in range(2)]
    slow = Held(lambda tx: claiming.claim(tx, "a.example", 4, owners[0], NOON, nobody_is_suppressed))
    begun = asyncio.ensure_future(one.write(slow))
    await slow.until_inside()
    quick = await other.write(lambda tx: claiming.claim(tx, "a.example", 10, owners[1], NOON, nobody_is_suppressed))
    slow.go.set()
    first = await begun
    assert isinstance(first, claiming.Claim)
    taken = [each.delivery_id for each in (*first.taken, *quick.taken)]
    assert len(first.taken) == 4 and len(quick.taken) == 6
    assert len(set(taken)) == 10


@pytest.mark.parametrize("enqueue_first", [True, False])
async def test_mail_that_comes_while_its_domain_is_found_empty_is_not_forgotten(
    stores: Callable[[], GroupStore], enqueue_first: bool
) -> None:
    one, other = stores(), stores()
    await one.write(lambda tx: hints.hint(tx, "a.example", 1))
    owner = await one.write(lambda tx: leasing.register(tx, "c", 1, Host("x"), NOON))
    coming = Held(lambda tx: queue.enqueue(tx, message("ann@a.example"), NOON, SETTINGS))
    looking = Held(lambda tx: claiming.claim(tx, "a.example", 9, owner, NOON, nobody_is_suppressed))
    both = [asyncio.ensure_future(one.write(coming)), asyncio.ensure_future(other.write(looking))]
    await coming.until_inside()
    await looking.until_inside()
    for number in (0, 1) if enqueue_first else (1, 0):
        (coming, looking)[number].go.set()
        await both[number]
    found = one.read_now(lambda tx: audit(tx, lambda: NOON))
    assert found.balances, found
    assert one.read_now(lambda tx: tx.one("SELECT next_ms IS NOT NULL FROM destination")) == (True,)


@pytest.mark.parametrize("how", ["claim", "hand"])
async def test_what_a_carrier_takes_while_it_is_swept_is_swept_too(stores: Callable[[], GroupStore], how: str) -> None:
    one, janitor = stores(), stores()
    owner = await one.write(lambda tx: leasing.register(tx, "c", 1, Host("x"), NOON))
    await one.write(lambda tx: queue.enqueue(tx, message("ann@a.example"), NOON, SETTINGS))
    hand = Hand(owner, frozenset(["a.example"]), nobody_is_suppressed)

    def take(tx: Tx) -> object:
        if how == "claim":
            return claiming.claim(tx, "a.example", 9, owner, NOON, nobody_is_suppressed)
        return queue.enqueue(tx, message("bob@a.example"), NOON, SETTINGS, hand)

    taking = Held(take)
    asking = asyncio.ensure_future(one.write(taking))
    await taking.until_inside()
    sweeping = asyncio.ensure_future(janitor.write(lambda tx: leasing.sweep(tx, owner, NOON)))
    taking.go.set()
    await asking
    assert await sweeping
    assert (
        await one.write(lambda tx: claiming.claim(tx, "a.example", 9, owner, NOON, nobody_is_suppressed))
    ).taken == ()
    assert (await one.write(lambda tx: queue.enqueue(tx, message("eve@a.example"), NOON, SETTINGS, hand))).claimed == ()
    assert set(one.read_now(lambda tx: tx.query("SELECT state, owner FROM delivery"))) == {(State.QUEUED, None)}
    assert one.read_now(lambda tx: audit(tx, lambda: NOON)).balances


async def test_an_operators_cancel_and_a_claim_of_the_same_moment_do_not_both_happen(
    stores: Callable[[], GroupStore],
) -> None:
    one, other = stores(), stores()
    await one.write(lambda tx: queue.enqueue(tx, message("ann@a.example"), NOON, SETTINGS))
    owner = await one.write(lambda tx: leasing.register(tx, "c", 1, Host("x"), NOON))
    first = Held(lambda tx: claiming.claim(tx, "a.example", 9, owner, NOON, nobody_is_suppressed))
    claimed = asyncio.ensure_future(one.write(first))
    await first.until_inside()
    cancelling = asyncio.ensure_future(other.write(lambda tx: operating.cancel(tx, [1], By("ann", "why"), NOON)))
    expired = asyncio.ensure_future(other.write(lambda tx: expiring.expire(tx, NOON.replace(year=2030))))
    first.go.set()
    await claimed
    assert (await cancelling, await expired) == (0, [])
    assert one.read_now(lambda tx: tx.query("SELECT state, owner FROM delivery")) == [(State.IN_FLIGHT, owner)]


async def test_two_that_meet_one_person_at_once_make_one_contact(stores: Callable[[], GroupStore]) -> None:
    one, other = stores(), stores()
    ann = Address.parse("ann@example.org")
    first = Held(lambda tx: ensure_contact(tx, ann, now=NOON))
    meeting = asyncio.ensure_future(one.write(first))
    await first.until_inside()
    also = asyncio.ensure_future(other.write(lambda tx: (ensure_contact(tx, ann, now=NOON), put("kept")(tx))[0]))
    neighbour = asyncio.ensure_future(other.write(put("neighbour")))
    first.go.set()
    assert await meeting == await also
    await neighbour
    assert sorted(texts(one)) == ["kept", "neighbour"]


async def test_two_that_wait_for_each_other_are_both_done(stores: Callable[[], GroupStore]) -> None:
    one, other = stores(), stores()
    for name in ("a", "b"):
        await one.write(lambda tx, name=name: tx.execute("INSERT INTO meta (key, value) VALUES (?, '')", (name,)))  # type: ignore[misc]

    def add(name: str, what: str) -> Callable[[Tx], int]:
        return lambda tx: tx.execute("UPDATE meta SET value = value || ? WHERE key = ?", (what, name))

    forth, back = Held(add("a", "1"), add("b", "1")), Held(add("b", "2"), add("a", "2"))
    both = [asyncio.ensure_future(one.write(forth)), asyncio.ensure_future(other.write(back))]
    await forth.until_inside()
    await back.until_inside()
    forth.go.set()
    back.go.set()
    await asyncio.gather(*both)
    rows = one.read_now(lambda tx: tx.query("SELECT value FROM meta ORDER BY key"))
    assert sorted(rows[0][0]) == sorted(rows[1][0]) == ["1", "2"]
