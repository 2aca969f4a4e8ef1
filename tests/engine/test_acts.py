"""The journal of acts: written down before, completed after, undone once; no secret and no erased person in it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clock import FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from engine.acts import keeping, reading, telling
from engine.acts.keeping import CantUndo, Inverse
from engine.acts.reading import Wanted
from engine.audience import suppression
from engine.audience.suppression import Reason
from engine.commands import run
from engine.config import parse
from engine.control import journal
from engine.control.acts import ACTS
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from engine.store.groups import GroupStore
from mta.ports import StoreFull

ANN = "Ann@Example.org"
KEY = Address.parse(ANN).key
RESUME = Inverse("shaping/resume", {"scope": "site", "name": "mx.example"})


class Book:
    """A store, and acts in it."""

    def __init__(self, place: Place) -> None:
        self.clock = FakeClock()
        self.store: GroupStore = open_store(place, self.clock)

    def begin(self, path: str = "shaping/suspend", *, user: str = "olga", about: str = "mx.example") -> int:
        now = self.clock.now()
        return self.store.write_now(
            lambda tx: keeping.begin(tx, path, user=user, operator=user, about=about, told="{}", now=now)
        )

    def done(self, path: str = "shaping/suspend", **said: Any) -> int:
        inverse, until = said.pop("inverse", RESUME), said.pop("until", None)
        number = self.begin(path, **said)
        now = self.clock.now()
        self.store.write_now(lambda tx: keeping.complete(tx, number, "done", now, inverse=inverse, until=until))
        return number

    def claim(self, number: int, by: int) -> keeping.Act:
        return self.store.write_now(lambda tx: keeping.claim(tx, number, by, self.clock.now()))

    def claim_newest(self, by: int) -> keeping.Act:
        return self.store.write_now(lambda tx: keeping.claim_newest(tx, "olga", by, self.clock.now()))

    def newest(self, user: str = "olga") -> int:
        return self.store.read_now(lambda tx: keeping.newest(tx, user, self.clock.now()))

    def page(self, limit: int = 100, before: int = 0, **wanted: str) -> list[reading.Told]:
        now = self.clock.now()
        return self.store.read_now(lambda tx: reading.page(tx, Wanted(**wanted), limit, before, now))[0]


@pytest.fixture
def book(place: Place) -> Iterator[Book]:
    made = Book(place)
    yield made
    made.store.close()


# -- rows


def test_an_act_is_undone_once_and_by_whom_is_kept(book: Book) -> None:
    number, first, second = book.done(), book.begin(keeping.UNDO), book.begin(keeping.UNDO)
    assert book.claim(number, first).inverse == RESUME
    with pytest.raises(CantUndo, match=f"undone already, by act {first}"):
        book.claim(number, second)
    book.store.write_now(lambda tx: keeping.complete(tx, first, "mx.example goes on", book.clock.now()))
    told = {each.number: each for each in book.page()}
    assert (told[number].state, told[number].undone_by) == ("undone", first)
    assert (told[first].undoes, told[first].about) == (number, "mx.example")


def test_what_was_done_to_several_is_one_line(book: Book) -> None:
    number = book.begin("campaigns/stop")
    told = "campaign a is stopped\ncampaign b is stopped"
    book.store.write_now(lambda tx: keeping.complete(tx, number, told, book.clock.now()))
    assert book.page()[0].done == "campaign a is stopped; campaign b is stopped"


def test_an_act_that_was_refused_is_no_act_and_frees_what_it_had_claimed(book: Book) -> None:
    number, by = book.done(), book.begin(keeping.UNDO)
    found = book.claim(number, by)
    book.store.write_now(lambda tx: keeping.release(tx, found, by))
    book.store.write_now(lambda tx: keeping.take_out(tx, by))
    assert [each.number for each in book.page()] == [number]
    assert book.page()[0].can_undo


def test_an_act_during_which_the_daemon_died_is_shown_as_not_known_and_can_not_be_undone(book: Book) -> None:
    number = book.begin()
    assert book.page()[0].state == "under way"
    book.clock.advance(keeping.LAPSE + timedelta(seconds=1))
    assert (book.page()[0].state, book.page()[0].can_undo) == ("unknown", False)
    with pytest.raises(CantUndo, match="not known whether"):
        book.claim(number, book.begin(keeping.UNDO))


def test_the_claim_of_an_undoing_during_which_the_daemon_died_lapses(book: Book) -> None:
    number = book.done()
    book.claim(number, book.begin(keeping.UNDO))
    book.clock.advance(keeping.LAPSE + timedelta(seconds=1))
    assert next(each for each in book.page() if each.number == number).state == "done"
    assert book.claim(number, book.begin(keeping.UNDO)).number == number


def test_the_newest_is_ones_own_and_not_an_hour_old_and_no_undoing(book: Book) -> None:
    with pytest.raises(CantUndo, match="olga did nothing that can be undone"):
        book.newest()
    mine = book.done()
    book.done(user="ivan")
    book.done(keeping.UNDO)
    assert book.newest() == mine
    book.clock.advance(keeping.RECENT + timedelta(seconds=1))
    with pytest.raises(CantUndo) as caught:
        book.newest()
    assert caught.value.remedy == f"name it: posthouse undo {mine}"


@pytest.mark.parametrize(
    ("newest", "why"),
    [
        ({"path": "fence/lift", "inverse": None}, "can't be undone: .* (fence/lift: done)"),
        ({"until": FakeClock().now()}, "could be undone until"),
    ],
)
def test_the_newest_is_the_newest_also_where_it_can_not_be_undone_and_none_before_it_is_instead(
    book: Book, newest: dict[str, Any], why: str
) -> None:
    mine, last = book.done(), book.done(**newest)
    by = book.begin(keeping.UNDO)
    with pytest.raises(CantUndo, match=f"act {last} {why}".replace("(", r"\(").replace(")", r"\)")) as caught:
        book.claim_newest(by)
    assert "the newest of olga" in str(caught.value)
    assert caught.value.remedy == f"before it: posthouse undo {mine} (shaping/suspend: done)"
    assert book.claim(mine, by).number == mine


def test_the_newest_that_somebody_undoes_just_now_is_no_reason_to_undo_one_before_it(book: Book) -> None:
    book.done()
    last, first, second = book.done(), book.begin(keeping.UNDO), book.begin(keeping.UNDO)
    assert book.claim_newest(first).number == last
    with pytest.raises(CantUndo, match=f"act {last} was undone already, by act {first}"):
        book.claim_newest(second)
    book.clock.advance(keeping.LAPSE + timedelta(seconds=1))  # the first broke off
    assert book.claim_newest(second).number == last


def test_undoing_an_undo_lets_the_act_be_undone_again(book: Book) -> None:
    number = book.done()
    first = book.done(keeping.UNDO)
    book.claim(number, first)
    second = book.done(keeping.UNDO)
    assert book.claim(first, second).path == keeping.UNDO
    states = {each.number: each.state for each in book.page()}
    assert states == {number: "done", first: "undone", second: "done"}
    assert book.newest() == number


def test_what_can_be_undone_for_a_time_says_when_that_was_over(book: Book) -> None:
    number = book.done(until=book.clock.now() + timedelta(seconds=60))
    assert book.page()[0].can_undo
    book.clock.advance(timedelta(seconds=61))
    assert (book.page()[0].can_undo, book.page()[0].final) == (False, "its time to be undone is over")
    with pytest.raises(CantUndo, match="could be undone until"):
        book.claim(number, book.begin(keeping.UNDO))


def test_pages_go_back_and_filters_look_for_who_what_whom_and_words(book: Book) -> None:
    first = book.done("queue/hold", user="ivan", about="gmail.com")
    book.done("queue/cancel", about="x_y%z")
    book.done("queues", about="")
    [newest] = book.page(limit=1)
    assert [each.number for each in book.page(before=newest.number)] == [newest.number - 1, newest.number - 2]
    assert [each.number for each in book.page(who="ivan")] == [first]
    assert {each.path for each in book.page(what="queue")} == {"queue/hold", "queue/cancel"}
    assert [each.number for each in book.page(about="GMAIL.com")] == [first]
    assert book.page(text="%") == [] and len(book.page(text="DONE")) == 3


def test_words_are_found_whatever_their_case_in_every_script(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", 4)
    now = book.clock.now()
    for number, words in enumerate(("Привет всем", "ÄRGER mit gmail", "Ωμέγα", "x", "x", "Привет")):
        act = book.begin("note", about="all" if number else "me")
        book.store.write_now(lambda tx, act=act, words=words: keeping.complete(tx, act, words, now))  # type: ignore[misc]
    before, found = 0, []
    for _ in range(3):
        rows, before = book.store.read_now(
            lambda tx, before=before: reading.page(tx, Wanted(text="привет"), 10, before, book.clock.now())  # type: ignore[misc]
        )
        found += [each.done for each in rows]
        if not before:
            break
    assert found == ["Привет", "Привет всем"] and not before
    assert [each.done for each in book.page(text="Привет", limit=1)] == ["Привет"]
    assert [each.done for each in book.page(text="ärger", about="all", before=4)] == ["ÄRGER mit gmail"]
    assert book.page(text="нет такого") == []


def test_a_page_walks_through_so_many_rows_and_says_where_to_go_on(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", 3)
    numbers = [book.done(user="ivan" if each == 0 else "olga") for each in range(8)]
    before, found = 0, []
    for _ in range(5):
        rows, before = book.store.read_now(
            lambda tx, before=before: reading.page(tx, Wanted(who="ivan"), 10, before, book.clock.now())  # type: ignore[misc]
        )
        found += rows
        if not before:
            break
    assert [each.number for each in found] == [numbers[0]] and not before


def test_what_is_old_is_forgotten_in_parts(book: Book) -> None:
    book.done()
    book.clock.advance(timedelta(days=2))
    kept = book.done()
    before = book.clock.now() - timedelta(days=1)
    assert book.store.read_now(lambda tx: keeping.has_old(tx, before))
    book.store.write_now(lambda tx: keeping.drop_old(tx, before))
    assert [each.number for each in book.page()] == [kept]


def test_an_act_that_erases_a_person_does_not_name_them_afterwards(book: Book) -> None:
    number = book.begin("people/erase", about=KEY)
    now = book.clock.now()
    book.store.write_now(lambda tx: keeping.forget(tx, [ANN]))
    book.store.write_now(lambda tx: keeping.complete(tx, number, f"{ANN} is forgotten", now))
    [row] = book.page()
    assert (row.state, row.done, row.about, row.final) == ("done", "", "", keeping.ERASED)


# -- what is kept of a request


def test_no_secret_no_long_text_and_no_event_s_data_is_kept() -> None:
    body = {
        "name": "order.placed", "data": {"total": 9}, "password": "hunter2", "set": {"api_token": "t", "title": "News"},
        "source": "x" * 5000, "by": "olga", "deliveries": list(range(900)),
    }  # fmt: skip
    assert json.loads(telling.told(body)) == {
        "name": "order.placed", "data": "(left out)", "password": "(left out)",
        "set": {"api_token": "(left out)", "title": "News"}, "source": "(5,000 characters)", "deliveries": "(900 entries)",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"address": ANN, "list": "news"}, KEY),
        ({"list": "News"}, "news"),
        ({"scope": "site", "name": "mx.example"}, "mx.example"),
        ({"deliveries": [7]}, "delivery 7"),
        ({"deliveries": [7, 8]}, "2 deliveries"),
        ({"address": "no\x1baddress"}, "no?address"),
        ({}, ""),
    ],
)
def test_whom_an_act_is_about_is_found_in_its_request(body: dict[str, Any], about: str) -> None:
    assert telling.about(body) == about


def test_the_words_of_a_command_are_kept_without_what_is_secret() -> None:
    words, about = telling.typed(["contact", "add", ANN, "--api-token", "abc", "--password=xyz", "--tag", "vip"])
    assert words == f"contact add {ANN} --api-token (left out) --password=(left out) --tag vip"
    assert about == KEY


# -- over the control socket


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "secret").write_bytes(SECRET)
    config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    store = open_store(tmp_path)
    yield House.build(config, store, FakeClock(), FakeChance())
    store.close()


async def act(house: House, path: str, **body: Any) -> Done:
    office = cast(Office, SimpleNamespace(tell=lambda **words: None))
    return await journal.perform(house, office, path, ACTS[path], body, "olga")


async def acts(house: House, **words: Any) -> tuple[ActRow, ...]:
    return (await journal.acts_page(house, Asked(words))).rows


def stopped(house: House) -> set[str]:
    rows = house.store.read_now(lambda tx: suppression.standing(tx, [KEY]))
    return {reason for reason, _ in rows.get(KEY, ())}


async def test_a_suppression_that_an_operator_added_is_taken_back_and_no_other(house: House) -> None:
    now = house.clock.now()
    house.store.write_now(lambda tx: suppression.suppress(tx, KEY, Reason.COMPLAINT, now=now))
    done = await act(house, "suppression/add", address=ANN, by="olga", why="asked by telephone")
    assert stopped(house) == {"complaint", "manual"}
    undone = await act(house, "acts/undo")
    assert undone.facts["undid"] == done.facts["act"]
    assert (
        undone.text == f"act {done.facts['act']} is undone: {Address.parse(ANN)} may be written to again (was: manual)."
        f" It was suppression/add: {done.text}"
    )
    assert stopped(house) == {"complaint"}
    with pytest.raises(Refusal, match="olga did nothing that can be undone"):
        await act(house, "acts/undo")
    await act(house, "acts/undo", act=undone.facts["act"])  # undoing the undo does it again
    assert stopped(house) == {"complaint", "manual"}


async def test_what_was_lifted_is_put_back_with_its_evidence_and_its_time(house: House) -> None:
    now = house.clock.now()
    house.store.write_now(
        lambda tx: suppression.suppress(tx, KEY, Reason.HARD_BOUNCE, evidence="550 5.1.1", source="relay", now=now)
    )
    before = house.store.read_now(lambda tx: suppression.about(tx, KEY))
    await act(house, "suppression/lift", address=ANN, by="olga", why="a typing error of theirs")
    assert stopped(house) == set()
    await act(house, "acts/undo")
    assert house.store.read_now(lambda tx: suppression.about(tx, KEY)) == before


async def test_what_one_reason_stopped_is_lifted_of_all_lists_or_of_one(house: House) -> None:
    now = house.clock.now()
    for number in (0, 7, 8):
        house.store.write_now(lambda tx, n=number: suppression.suppress(tx, KEY, Reason.MANUAL, list_id=n, now=now))  # type: ignore[misc]
    house.store.write_now(lambda tx: suppression.suppress(tx, KEY, Reason.COMPLAINT, now=now))
    only: dict[str, Any] = {"reason": "manual", "list_id": 7}
    done = await act(house, "suppression/lift", address=ANN, by="olga", why="x", only=only)
    assert done.facts["reasons"] == ["manual"]
    done = await act(house, "suppression/lift", address=ANN, by="olga", why="x", only={"reason": "manual"})
    assert done.facts["reasons"] == ["manual", "manual"]
    assert stopped(house) == {"complaint"}


async def test_who_is_stopped_by_the_salted_hash_of_an_erased_address_is_stopped_so_again(house: House) -> None:
    now = house.clock.now()
    house.store.write_now(lambda tx: suppression.erase(tx, KEY, salt=b"salt", now=now))
    await act(house, "suppression/lift", address=ANN, by="olga", why="they came back")
    await act(house, "acts/undo")
    [row] = house.store.read_now(lambda tx: tx.query("SELECT key, reason FROM suppression"))
    assert row[0].startswith("sha256:") and row[1] == "erased"


async def test_a_refusal_is_not_in_the_journal_and_neither_is_a_question(house: House) -> None:
    with pytest.raises(Refusal):
        await act(house, "suppression/lift", address=ANN, by="olga", why="x")
    await act(house, "segments/check", expression="contact.orders.count > 1")
    assert await acts(house) == ()


async def test_every_command_of_the_socket_is_in_the_journal_with_who_the_kernel_named_and_no_question_is(
    house: House,
) -> None:
    async def done(*_: object) -> Done:
        return Done("done")

    office = cast(Office, SimpleNamespace())
    for number, path in enumerate(sorted(ACTS)):
        for body in ({"answer": "send"}, {"dry_run": True}):
            await journal.perform(house, office, path, done, body, f"user {number}")
    named = {path: f"user {number}" for number, path in enumerate(sorted(ACTS)) if path not in journal.ASKING}
    rows = await acts(house, limit="500")
    assert len(rows) == len(named)
    assert {row.what: row.user for row in rows} == named
    assert {row.done for row in rows} == {"done"}


def test_what_is_no_act_is_a_command_that_there_is() -> None:
    assert set(ACTS) >= journal.ASKING
    assert set(journal.FINAL) <= set(ACTS) - journal.ASKING


async def test_an_undoing_that_is_refused_says_why_and_can_be_asked_for_again(house: House) -> None:
    done = await act(house, "suppression/add", address=ANN, by="olga", why="x")
    await act(house, "suppression/lift", address=ANN, by="olga", why="y")
    with pytest.raises(Refusal, match=r"act 1 can't be undone now: .* is not suppressed"):
        await act(house, "acts/undo", act=done.facts["act"])
    await act(house, "suppression/add", address=ANN, by="olga", why="z")
    await act(house, "acts/undo", act=done.facts["act"])
    assert stopped(house) == set()


async def test_what_has_no_way_back_says_why(house: House) -> None:
    done = await act(house, "events", name="order.placed", address=ANN, data={"total": 9})
    [row] = await acts(house)
    assert (row.what, row.about, row.can_undo) == ("events", KEY, False)
    assert row.why_not == "flows have seen the event"
    with pytest.raises(Refusal, match=row.why_not):
        await act(house, "acts/undo", act=done.facts["act"])


async def test_undo_behind_a_lifted_fence_takes_nothing_older_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lifted(*_: object) -> Done:
        return Done("mail goes again")

    done = await act(house, "suppression/add", address=ANN, by="olga", why="x")
    monkeypatch.setitem(cast(dict[str, Any], ACTS), "fence/lift", lifted)
    await act(house, "fence/lift", why="y")
    with pytest.raises(Refusal) as caught:
        await act(house, "acts/undo")
    assert "mail that may go has gone (fence/lift: mail goes again)" in caught.value.error
    assert f"posthouse undo {done.facts['act']} (suppression/add: " in caught.value.remedy
    assert stopped(house) == {"manual"}


async def test_a_database_that_is_full_stops_no_command_that_needs_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreFull("disk full")

    async def reload() -> None: ...

    monkeypatch.setattr(house.store, "write", full)
    office = cast(Office, SimpleNamespace(reload=reload))
    done = await journal.perform(house, office, "reload", ACTS["reload"], {}, "olga")
    assert done.text.startswith("reloaded") and "act" not in done.facts
    with pytest.raises(Refusal, match="the journal can't be written now"):
        await journal.perform(house, office, "acts/undo", ACTS["acts/undo"], {}, "olga")


# -- beside the daemon, and about people


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupStore]:
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    store = open_store(tmp_path)
    yield store
    store.close()


def rows(store: GroupStore) -> list[tuple[Any, ...]]:
    return store.read_now(lambda tx: tx.query("SELECT path, about, done, final FROM act ORDER BY id"))


def test_a_command_beside_the_daemon_is_an_act_when_it_changed_something(
    shop: GroupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["contact", "add", ANN, "--source", "fair"]) == 0
    assert run(["contact", "show", ANN]) == 0
    assert run(["contact", "add", "no address", "--source", "fair"]) == 2
    [(path, about, done, final)] = rows(shop)
    assert (path, about) == ("posthouse contact add", KEY)
    assert done == f"posthouse contact add {ANN} --source fair"
    assert final == "a command beside the daemon, and none takes it back"


def test_undo_of_a_command_beside_the_daemon_names_only_one_that_takes_back_what_it_made(
    shop: GroupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["coupon", "pool", "add", "spring"]) == 0
    assert run(["coupon", "pool", "drop", "spring"]) == 0
    assert [final for *_, final in rows(shop)] == [
        "a command beside the daemon: `posthouse coupon pool drop` takes back what it made",
        "a command beside the daemon, and none takes it back",
    ]


def test_an_erased_person_is_in_no_act(shop: GroupStore, capsys: pytest.CaptureFixture[str]) -> None:
    run(["contact", "add", ANN, "--source", "fair"])
    now = FakeClock().now()
    shop.write_now(
        lambda tx: keeping.begin(tx, "suppression/lift", user="olga", operator="", about=KEY, told="{}", now=now)
    )
    assert run(["contact", "erase", ANN, "--yes"]) == 0
    assert all("nn" not in "".join(each[1:3]).lower() for each in rows(shop))
    assert [path for path, *_ in rows(shop)] == ["posthouse contact add", "suppression/lift", "posthouse contact erase"]
