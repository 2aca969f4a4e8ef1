"""Coupons: one for a person and run, never two of one, good until their day, redeemed by orders."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.audience import dossier
from engine.audience.contacts import ensure_contact
from engine.catalogue import codes, watching
from engine.catalogue.codes import CodeError
from engine.catalogue.coupons import Empty, Taken, give, named_in, renew, take
from engine.catalogue.lasting import begun_anew, is_lost
from engine.catalogue.pools import Code, Pool, PoolError, figures, listed, load, put, read_codes
from engine.commands import run
from engine.config import load as load_config
from engine.flow.civil import Span
from engine.flow.definition import Definition, recall
from engine.flow.events import make_event
from engine.house import ensure_state
from engine.intake.recording import record
from engine.running.book import apply_flow, set_flow_state
from engine.running.unread import Returner
from engine.store.groups import GroupStore
from mta.ports import Tx

SECRET = bytes(32)
UTC = ZoneInfo("UTC")
ANN, BEN = "ann@example.org", "ben@example.org"


class Desk:
    """A store with pools and people in it."""

    def __init__(self, store: GroupStore) -> None:
        self.store = store
        self.now = NOON

    def person(self, address: str) -> int:
        return self.store.write_now(lambda tx: ensure_contact(tx, Address.parse(address), now=self.now))

    def pool(self, name: str = "spring", *texts: str, until: datetime | None = None, **rules: object) -> None:
        self.store.write_now(lambda tx: put(tx, Pool(name, **rules), SECRET, self.now))  # type: ignore[arg-type]
        if texts:
            self.store.write_now(lambda tx: load(tx, name, [Code(each, until) for each in texts]))

    def take(self, address: str = ANN, key: str = "", pool: str = "spring", **more: object) -> Taken | Empty:
        """A code, and the mail with it goes out at once."""
        contact_id = self.person(address)

        def work(tx: Tx) -> Taken | Empty:
            taken = take(tx, pool, contact_id, key, self.now, **more)  # type: ignore[arg-type]
            give(tx, contact_id, [taken.code] if isinstance(taken, Taken) else [], self.now)
            return taken

        return self.store.write_now(work)

    def code(self, address: str = ANN, key: str = "", **more: object) -> str:
        taken = self.take(address, key, **more)  # type: ignore[arg-type]
        return taken.code if isinstance(taken, Taken) else taken.reason

    def order(self, address: str = ANN, **data: object) -> None:
        event = make_event("order.placed", dict(data), at=self.now, source="http", address=Address.parse(address))
        self.store.write_now(lambda tx: record(tx, event, now=self.now))

    def events(self) -> list[tuple[str, str]]:
        return self.rows(
            "SELECT c.address, e.key FROM event e JOIN contact c ON c.id = e.contact_id"
            " WHERE e.name = 'coupon.redeemed' ORDER BY e.id"
        )

    def rows(self, sql: str) -> list[tuple[str, str]]:
        return self.store.read_now(lambda tx: tx.query(sql))

    def figures(self, pool: str = "spring") -> tuple[int, int, int, int]:
        (found,) = [each for each in self.store.read_now(figures) if each["name"] == pool]
        return found["free"], found["given"], found["redeemed"], found["over"]

    def look(self) -> None:
        """What the janitor does."""
        for is_due, do in ((watching.has_over, watching.end_over), (watching.has_news, watching.tell_news)):
            while self.store.read_now(lambda tx, is_due=is_due: is_due(tx, self.now)):  # type: ignore[misc]
                self.store.write_now(lambda tx, do=do: do(tx, self.now))  # type: ignore[misc]


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    store = open_store(place)
    yield Desk(store)
    store.close()


def test_asking_again_for_the_same_run_gives_the_same_code_and_another_run_the_next(desk: Desk) -> None:
    desk.pool("spring", "A", "B", "C")
    assert [desk.code(), desk.code(), desk.code(key="cart-2"), desk.code(BEN)] == ["A", "A", "B", "C"]
    first, again = desk.take(), desk.take()
    assert isinstance(first, Taken) and not first.is_new and first == again


def test_an_empty_pool_says_so_and_goes_on_when_codes_come(desk: Desk) -> None:
    desk.pool("spring", "A")
    assert desk.code() == "A"
    assert desk.take(BEN) == Empty(
        'the coupon pool "spring" is empty: `posthouse coupon pool load spring FILE` fills it'
    )
    desk.store.write_now(lambda tx: load(tx, "spring", [Code("B")]))
    assert desk.code(BEN) == "B"
    assert desk.take(pool="winter") == Empty(
        'there is no coupon pool "winter": `posthouse coupon pool add winter` makes one'
    )


def test_a_code_by_a_pattern_is_the_same_for_the_same_and_unlike_all_others(desk: Desk) -> None:
    desk.pool("vip", pattern="VIP-####-####")
    given_out = {desk.code(f"p{which}@example.org", pool="vip") for which in range(50)}
    assert len(given_out) == 50
    assert all(len(each) == 13 and set(each[4:]) <= set(codes.LETTERS + "-") for each in given_out)
    assert desk.code("p1@example.org", pool="vip") in given_out


def test_whoever_does_not_know_the_secret_cannot_make_the_codes() -> None:
    made = {codes.make("########", secret, 1, "", 0, 0) for secret in (SECRET, b"1" * 32, b"2" * 32)}
    assert len(made) == 3


def test_a_code_ends_on_the_contacts_clock_or_when_the_shop_stops_taking_it(desk: Desk) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before_change = datetime(2026, 3, 28, 12, tzinfo=UTC)  # clocks go forward that night
    desk.now = before_change
    desk.pool("spring", "A", "AA", until=None)
    taken = desk.take(expires=Span.parse("1d"), zone=berlin)
    assert isinstance(taken, Taken) and taken.expires == datetime(2026, 3, 29, 23, 59, 59, tzinfo=berlin), (
        "the whole day"
    )
    hours = desk.take(key="two", expires=Span.parse("1d 2h"), zone=berlin)
    assert isinstance(hours, Taken) and hours.expires == datetime(2026, 3, 29, 13, tzinfo=UTC), "to the minute"
    desk.pool("short", "B", until=before_change + timedelta(hours=2), expires="3d")
    short = desk.take(pool="short")
    assert isinstance(short, Taken) and short.expires == before_change + timedelta(hours=2)


def test_a_code_that_is_over_or_redeemed_is_not_given_a_second_time(desk: Desk) -> None:
    desk.pool("spring", "A", "B", "C", expires="3d")
    assert desk.code() == "A"
    desk.now += timedelta(days=3)
    assert desk.code() == "A", "the third day is not over"
    desk.now += timedelta(days=1)
    assert desk.code() == "B"
    desk.order(number="1", coupon="b")
    assert desk.code() == "C"


def test_a_pool_of_one_use_for_a_person_gives_what_they_have_another_when_it_is_over_and_none_when_it_was_used(
    desk: Desk,
) -> None:
    desk.pool("first", "A", "B", "C", once=True, expires="1d")
    assert [desk.code(key=each, pool="first") for each in ("one", "two")] == ["A", "A"]
    desk.now += timedelta(days=9)
    assert [desk.code(key=each, pool="first") for each in ("one", "two")] == ["B", "B"], (
        "no mail says it ended last week"
    )
    desk.order(number="1", coupon="B")
    used = Empty('the one code of "first" was used already', can_be_filled=False, is_used=True)
    assert desk.take(key="three", pool="first") == used
    assert desk.code(BEN, pool="first") == "C"


def test_an_order_redeems_the_codes_that_it_names_once_and_tells_whom_they_were_given_to(desk: Desk) -> None:
    desk.pool("spring", "A", "B", "C", "D")
    desk.take(), desk.take(BEN)
    desk.order(BEN, number="7", coupons=["a", {"code": "B"}, 5, None], coupon="D")
    assert desk.events() == [(BEN, "D"), (ANN, "A"), (BEN, "B")]
    desk.order(BEN, number="8", coupons=["A"])
    assert len(desk.events()) == 3
    assert desk.figures() == (1, 0, 3, 0)
    assert [each["order"] for each in desk.store.read_now(lambda tx: listed(tx, "spring", 0, 10))] == [
        "7",
        "7",
        "",
        "7",
    ]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_an_order_says_of_coupons_only_codes_are_taken_out(thing: object) -> None:
    for data in ({"coupon": thing}, {"coupons": thing}, {"coupons": [thing], "coupon": thing}):
        assert all(isinstance(each, str) and each for each in named_in(data))


def test_codes_whose_time_is_over_leave_the_pool_and_a_pool_that_runs_low_is_said_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "posthouse.catalogue")
    desk.pool("spring", low=3)
    desk.look()
    desk.pool("spring", "A", "B", low=3)
    desk.pool("spring", "C", until=NOON + timedelta(hours=1), low=3)
    desk.look()
    assert not caplog.records
    desk.now += timedelta(hours=1)
    desk.look(), desk.look()
    assert desk.figures() == (2, 0, 0, 1)
    desk.take(), desk.take(BEN), desk.look(), desk.look()
    assert [each.getMessage() for each in caplog.records] == ["coupons low", "coupons gone"]
    desk.pool("spring", "D", "E", "F", low=3)
    desk.look(), desk.take(key="2"), desk.look()
    assert [each.getMessage() for each in caplog.records] == ["coupons low", "coupons gone", "coupons low"]


def test_two_processes_never_give_one_code_to_two_people(place: Place) -> None:
    stores = [open_store(place) for _ in range(2)]
    desk = Desk(stores[0])
    people = [desk.person(f"p{which}@example.org") for which in range(40)]
    desk.pool("spring", *(f"C{which}" for which in range(40)))
    given_out: list[str] = []

    def go(store: GroupStore, ids: list[int]) -> None:
        for contact_id in ids:
            taken = store.write_now(lambda tx, who=contact_id: take(tx, "spring", who, "", NOON))  # type: ignore[misc]
            assert isinstance(taken, Taken)
            given_out.append(f"{contact_id} {taken.code}")

    threads = [threading.Thread(target=go, args=(each, people)) for each in stores]  # both ask for everybody
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given_out) == 80 and len(set(given_out)) == 40
    assert len({each.split()[1] for each in given_out}) == 40
    for store in stores:
        store.close()


def test_a_merged_contact_keeps_its_codes_and_an_erased_one_leaves_no_trace(desk: Desk) -> None:
    desk.pool("spring", "A", "B")
    desk.take()
    ann, ben = desk.person(ANN), desk.person(BEN)
    desk.store.write_now(lambda tx: dossier.merge(tx, ann, ben, by="test", now=desk.now))
    assert desk.code(BEN) == "A"
    assert desk.store.read_now(lambda tx: dossier.export(tx, ben))["coupons"][0]["code"] == "A"

    def erase(tx: Tx) -> None:
        dossier.erase(tx, ben, Address.parse(BEN).key, salt=b"s" * 16, now=desk.now)

    desk.store.write_now(erase)
    assert [(each["code"], each["address"]) for each in desk.store.read_now(lambda tx: listed(tx, "spring", 0, 9))] == [
        ("A", ""), ("B", ""),
    ]  # fmt: skip
    assert desk.figures() == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"name": "Spring Sale"}, "is no name of a pool"),
        ({"name": "a", "pattern": "A-####"}, "could be guessed: write at least 8 #"),
        ({"name": "a", "pattern": "A B########"}, "is no pattern"),
        ({"name": "a", "expires": "3 dyas"}, '--expires "3 dyas": a duration is expected'),
        ({"name": "a", "expires": "999999999d"}, '--expires "999999999d": a duration of at most ten years'),
        ({"name": "a", "expires": "0s"}, '--expires "0s": a duration of more than nothing'),
        ({"name": "spring", "pattern": "########"}, "has loaded codes and stays so"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_with_the_reason(desk: Desk, rules: dict[str, str], words: str) -> None:
    desk.pool("spring")
    with pytest.raises(PoolError, match=words):
        desk.store.write_now(lambda tx: put(tx, Pool(**rules), SECRET, NOON))  # type: ignore[arg-type]


def test_a_table_of_codes_is_read_with_heads_days_and_moments() -> None:
    lines = ["\ufeffcode,until\r\n", "A-1,2026-12-24\r\n", "\r\n", '"B-2", 2026-12-24T10:00:00+01:00\n', "C-3\n"]
    berlin = ZoneInfo("Europe/Berlin")
    assert list(read_codes(lines, berlin)) == [
        Code("A-1", datetime(2026, 12, 24, 22, 59, 59, tzinfo=UTC)),
        Code("B-2", datetime(2026, 12, 24, 9, tzinfo=UTC)),
        Code("C-3"),
    ]
    with pytest.raises(PoolError, match=r'line 2: "24\.12\.2026" is no day'):
        list(read_codes(["A\n", "B,24.12.2026\n"], berlin))
    with pytest.raises(PoolError, match='line 1: "A B" is no code'):
        list(read_codes(["A B\n"], berlin))


@given(st.lists(st.text(max_size=80)))
def test_whatever_a_table_holds_it_gives_codes_or_says_why_not(lines: list[str]) -> None:
    try:
        for each in read_codes(lines, UTC):
            assert codes.check_code(each.text) == each.text
    except PoolError as err:
        assert str(err).startswith("line ")


@given(st.text(max_size=80))
def test_whatever_a_code_is_it_is_one_or_refused(text: str) -> None:
    try:
        assert codes.lookup(codes.check_code(text)) == codes.lookup(text)
    except CodeError as err:
        assert str(err).isprintable()


# -- codes that nobody was told of


def set_aside(desk: Desk, address: str = ANN, *, run: str = "", key: str = "1:coupon") -> str:
    """A code for a run that goes on, or with another state; nobody is told of it."""
    contact_id = desk.person(address)

    def work(tx: Tx) -> str:
        taken = take(tx, "spring", contact_id, key, desk.now)
        assert isinstance(taken, Taken)
        if run:
            standing = json.dumps({"given": {"hook": {"status": 200}, "coupon": {"code": taken.code}}})
            tx.insert(
                "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
                " revision, standing) VALUES (1, 1, ?, ?, 'send', ?, '{}', 1, 0, 0, ?)",
                (contact_id, key, run, standing),
            )
        return taken.code

    return desk.store.write_now(work)


def walk(desk: Desk) -> None:
    """Once around, as the janitor does."""
    returner = Returner()
    while desk.store.read_now(lambda tx: returner.is_due(tx, desk.now)):
        desk.store.write_now(lambda tx: returner.do(tx, desk.now))


def test_a_code_that_nobody_was_told_of_goes_back_when_its_run_is_over(desk: Desk) -> None:
    desk.pool("spring", "A", "B", "C")
    assert [set_aside(desk, run="waiting"), set_aside(desk, BEN, run="ended"), desk.code("cat@example.org")] == [
        "A", "B", "C",
    ]  # fmt: skip
    assert [each["state"] for each in desk.store.read_now(lambda tx: listed(tx, "spring", 0, 9))] == [
        "reserved", "reserved", "given",
    ]  # fmt: skip
    walk(desk)
    assert desk.figures() == (1, 1, 0, 0), "what a run holds stays, and what was given"
    assert [(each["code"], each["state"], each["address"], each["given"]) for each in
            desk.store.read_now(lambda tx: listed(tx, "spring", 0, 9))][1] == ("B", "free", "", None)  # fmt: skip
    assert desk.code("dan@example.org") == "B"


def test_a_code_of_a_pattern_that_nobody_was_told_of_is_as_if_it_had_not_been_made(desk: Desk) -> None:
    desk.pool("spring", pattern="VIP-####-####")
    before = set_aside(desk)
    walk(desk)
    assert desk.store.read_now(lambda tx: listed(tx, "spring", 0, 9)) == []
    assert set_aside(desk) == before


def test_whoever_was_told_keeps_the_code_and_nobody_else_can_be_told_of_it(desk: Desk) -> None:
    desk.pool("spring", "A", "B", once=True)
    code, ann, ben = set_aside(desk), desk.person(ANN), desk.person(BEN)
    desk.store.write_now(lambda tx: give(tx, ben, [code], desk.now))
    assert desk.figures()[1] == 0, "it is set aside for another"
    desk.store.write_now(lambda tx: give(tx, ann, [code.lower()], desk.now))
    walk(desk)
    assert desk.figures() == (1, 1, 0, 0) and set_aside(desk, key="2:coupon") == code


def test_a_code_that_is_set_aside_is_shown_to_nobody_and_goes_back_when_its_person_is_erased(desk: Desk) -> None:
    desk.pool("spring", "A")
    set_aside(desk, run="waiting")
    ann = desk.person(ANN)
    assert desk.store.read_now(lambda tx: dossier.export(tx, ann))["coupons"] == []
    desk.store.write_now(lambda tx: dossier.erase(tx, ann, Address.parse(ANN).key, salt=b"s" * 16, now=desk.now))
    walk(desk)
    assert desk.figures() == (1, 0, 0, 0)


def test_the_time_that_begins_anew_is_of_civil_days_whatever_change_of_clocks_lies_between(desk: Desk) -> None:
    berlin, ann = ZoneInfo("Europe/Berlin"), desk.person(ANN)
    desk.pool("spring", "A")
    desk.now = datetime(2026, 3, 27, 20, tzinfo=berlin)  # clocks go forward in the night of the 29th
    span = Span.parse("3d 2h")
    taken = desk.store.write_now(lambda tx: take(tx, "spring", ann, "1:coupon", desk.now, expires=span, zone=berlin))
    assert isinstance(taken, Taken) and taken.expires == datetime(2026, 3, 30, 22, tzinfo=berlin)

    def anew(**later: int) -> Taken | None:
        desk.now += timedelta(**later)
        return desk.store.write_now(lambda tx: renew(tx, ann, "A", desk.now, berlin))

    assert anew(hours=23) is None
    assert (found := anew(hours=1)) and found.expires == datetime(2026, 3, 31, 22, tzinfo=berlin)
    assert anew() is None, "once"
    assert (found := anew(days=9)) and found.expires == datetime(2026, 4, 9, 22, tzinfo=berlin)
    desk.store.write_now(lambda tx: give(tx, ann, ["A"], desk.now))
    assert anew(days=9) is None, "whoever was told has read the day"


@pytest.mark.parametrize(
    ("zone", "begun", "ended", "now", "over"),
    [
        ("Europe/Berlin", "2026-03-27T20:00", "2026-03-30T23:59:59", "2026-03-29T09:00", "2026-04-01T23:59:59"),
        ("Europe/Berlin", "2026-03-27T20:00", "2026-03-30T20:00", "2026-03-28T20:00", "2026-03-31T23:59:59"),
        ("America/Asuncion", "2022-09-30T12:00", "2022-10-01T23:59:59", "2022-10-02T12:00", "2022-10-03T23:59:59"),
        ("Asia/Jerusalem", "2026-03-27T20:00", "2026-03-28T02:00", "2026-03-28T20:00", "2026-03-29T02:00"),
    ],
    ids=["over a change of clocks", "set aside by an older version", "a night without midnight", "six hours"],
)  # fmt: skip
def test_what_lasts_whole_days_does_so_when_it_begins_anew(
    zone: str, begun: str, ended: str, now: str, over: str
) -> None:
    at = [datetime.fromisoformat(each).replace(tzinfo=ZoneInfo(zone)) for each in (begun, ended, now, over)]
    assert is_lost(*at[:3]) and begun_anew(*at[:3], ZoneInfo(zone)) == at[3]


# -- the command


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on an installation of its own; what it printed, after its exit code where that is not 0."""
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load_config(file))
    open_store(tmp_path / "state").close()

    def call(*words: str) -> str:
        code = run(["coupon", "pool", *words])
        out, err = capsys.readouterr()
        return f"{code or ''} {out}{err}".strip()

    return call


def test_pools_are_made_loaded_and_shown_from_the_command_line(told: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("code\nA-1\nA-2\n")
    assert told("add", "spring", "--low", "3") == "spring takes codes: `posthouse coupon pool load spring FILE`"
    assert told("load", "spring", str(file)) == "2 codes loaded into spring"
    assert told("load", "spring", str(file)) == "0 codes loaded into spring, 2 known already"
    assert told("show", "spring").split() == [
        "spring",
        "2",
        "free,",
        "0",
        "set",
        "aside,",
        "0",
        "given,",
        "0",
        "redeemed,",
        "0",
        "over",
        "LOW",
    ]
    assert told("show", "spring", "--codes").split() == ["A-1", "free", "A-2", "free"]
    assert '"free": 2' in told("list", "--json")
    assert told("add", "vip", "--pattern", "VIP-########").startswith("vip makes codes by")
    assert told("load", "vip", str(file)).startswith(
        f"2 posthouse: {file}: the pool vip makes its codes by the pattern"
    )
    assert told("drop", "spring") == "spring is gone"
    made = '{"pool": "spring", "new": true, "pattern": "", "expires": "3d", "low": 5, "once": false}'
    assert told("add", "spring", "--low", "5", "--expires", "3d", "--json") == made
    assert told("drop", "spring", "--json") == '{"pool": "spring", "dropped": true}'
    assert told("show", "spring").startswith("1 posthouse: there is no pool spring")


def test_nothing_of_a_file_with_a_fault_is_loaded(told: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("A-1\n" * 3 + "A 2\n")
    told("add", "spring")
    assert 'line 4: "A 2" is no code' in told("load", "spring", str(file))
    assert "0 free" in told("show", "spring")


def test_codes_that_are_over_already_are_said_when_they_are_loaded(told: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("code,until\nA-1,2020-01-01\nA-2\nA-3,2020-01-02\n")
    told("add", "spring")
    said = told("load", "spring", str(file))
    assert said == f"3 codes loaded into spring\n2 codes of {file} are over already: nobody gets one that is over"
    assert json.loads(told("load", "spring", str(file), "--json"))["over"] == 2


@pytest.mark.parametrize(("state", "is_inside"), [("active", False), ("paused", False), ("archived", True)])
def test_a_pool_that_a_flow_takes_codes_from_stays(
    told: Callable[..., str], tmp_path: Path, state: str, is_inside: bool
) -> None:
    told("add", "spring")
    told("add", "spring-sale")
    source = (
        "name: cart\nstream: transactional\ntrigger: {event: order.placed}\nsteps:\n"
        "  - coupon: {pool: spring-sale, expires: 3d}\n    id: code\n"
    )
    definition = recall(source, "cart.yaml")
    assert isinstance(definition, Definition)
    store = open_store(tmp_path / "state")

    def apply(tx: Tx) -> None:
        made = apply_flow(tx, definition, source, NOON)
        set_flow_state(tx, "cart", state, NOON)
        if is_inside:
            tx.insert(
                "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence,"
                " entered_ms, revision) VALUES (?, ?, 1, '', 'code', 'waiting', '{}', 1, 0, 0)",
                (made.flow_id, made.version_id),
            )

    store.write_now(apply)
    said = told("drop", "spring-sale")
    assert said.startswith("1 posthouse: spring-sale stays: cart takes codes out of it")
    assert "`posthouse flow archive cart --end`" in said
    assert told("drop", "spring") == "spring is gone"
    store.write_now(lambda tx: tx.execute("UPDATE enrolment SET state = 'ended'"))
    store.write_now(lambda tx: set_flow_state(tx, "cart", "archived", NOON))
    store.close()
    assert told("drop", "spring-sale") == "spring-sale is gone"
