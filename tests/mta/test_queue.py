"""The queue: no order of events, no crash and no owner that outlived its lease loses a delivery or sends one unseen."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clock import NOON
from house_books import Books, message, nobody_is_suppressed, open_books
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Things
from hypothesis.stateful import RuleBasedStateMachine, consumes, initialize, invariant, rule

from deliverability.settings import RetrySettings
from engine.store.database import SqliteTx
from mta.ports import Tx, to_ms
from mta.queue import claiming, doubting, expiring, leasing, operating, queue, settling
from mta.queue.delivery import LIVE, TRANSITIONS, Event, IllegalTransition, State, Stream, after
from mta.queue.leasing import Host
from mta.queue.operating import By
from mta.queue.queue import Claimed, Hand, Settlement
from mta.queue.settings import DoubtPolicy, QueueSettings

if TYPE_CHECKING:
    from house_postgres import Postgres

SETTINGS = QueueSettings()
DOMAINS = ("a.example", "b.example")
ANN = By("ann", "a test")


# -- the table


def test_every_state_but_the_ends_can_reach_an_end() -> None:
    reachable = {state for state in State if state.is_end}
    while grown := {one for (one, _), other in TRANSITIONS.items() if other in reachable} - reachable:
        reachable |= grown
    assert reachable == set(State)


def test_nothing_leaves_an_end() -> None:
    assert not [state for state, _ in TRANSITIONS if state.is_end]
    assert set(LIVE) == {state for state, _ in TRANSITIONS}


@pytest.mark.parametrize(("state", "event"), sorted(set(product(State, Event)) - set(TRANSITIONS)))
def test_any_pair_outside_the_table_is_refused(state: State, event: Event) -> None:
    with pytest.raises(IllegalTransition, match=f"that is {state.word} cannot be"):
        after(state, event)


def test_only_from_the_dot_a_crash_leaves_a_doubt() -> None:
    orphans = {state: to for (state, event), to in TRANSITIONS.items() if event is Event.ORPHANED}
    assert orphans == {State.IN_FLIGHT: State.QUEUED, State.AT_THE_DOT: State.IN_DOUBT}


# -- any order of events, with crashes


@dataclass
class Owner:
    """A carrier's memory: lost when it crashes."""

    id: int
    held: dict[int, Claimed] = field(default_factory=dict)
    at_the_dot: set[int] = field(default_factory=set)

    def state_of(self, delivery_id: int) -> State:
        return State.AT_THE_DOT if delivery_id in self.at_the_dot else State.IN_FLIGHT


OUTCOMES = {
    State.IN_FLIGHT: (Event.RELEASED, Event.DEFERRED, Event.REJECTED),
    State.AT_THE_DOT: (Event.ACCEPTED, Event.DEFERRED, Event.REJECTED, Event.ANSWER_LOST, Event.RELEASED),
}
waits = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))


class AnyLife(RuleBasedStateMachine):
    """Carriers, the janitor and an operator do as they like, one transaction after the other; `copies` is what the
    world received."""

    owners = Things("owners")  # alive
    ghosts = Things("ghosts")  # alive, and swept: they do not know it yet

    def __init__(self) -> None:
        super().__init__()
        self.books = self.fresh_books()
        self.now = NOON
        self.boottime_ms = 0
        self.accepted: dict[int, str] = {}
        self.copies: Counter[int] = Counter()
        self.before: dict[int, State] = {}

    def fresh_books(self) -> Books:
        return Books()

    def teardown(self) -> None:
        self.books.close()

    @property
    def host(self) -> Host:
        return Host("this boot", self.boottime_ms)

    def enqueue(self, to: list[str], stream: Stream, worth: timedelta | None) -> None:
        new = message(*to, stream=stream, expires_at=self.now + worth if worth is not None else None)
        done = self.books.write(lambda tx: queue.enqueue(tx, new, self.now, SETTINGS))
        self.accepted |= dict(zip(done.deliveries, to, strict=True))

    # -- what happens

    @initialize()
    def begin_with_mail(self) -> None:
        for domain in DOMAINS:
            self.enqueue([f"ann@{domain}"], Stream.TRANSACTIONAL, None)

    @rule(
        to=st.lists(st.sampled_from([f"{who}@{at}" for who in "xyz" for at in DOMAINS]), min_size=1, max_size=4, unique=True),
        stream=st.sampled_from(Stream), worth=st.none() | waits,
    )  # fmt: skip
    def somebody_hands_over(self, to: list[str], stream: Stream, worth: timedelta | None) -> None:
        self.enqueue(to, stream, worth)

    @rule(target=owners)
    def a_carrier_starts(self) -> Owner:
        return Owner(self.books.write(lambda tx: leasing.register(tx, "carrier", 1, self.host, self.now)))

    @rule(owner=owners | ghosts, to=st.lists(st.sampled_from([f"w@{at}" for at in DOMAINS]), min_size=1, unique=True))
    def it_accepts_and_claims_at_once(self, owner: Owner, to: list[str]) -> None:
        hand = Hand(owner.id, frozenset(DOMAINS[:1]), nobody_is_suppressed)
        done = self.books.write(lambda tx: queue.enqueue(tx, message(*to), self.now, SETTINGS, hand))
        self.accepted |= dict(zip(done.deliveries, to, strict=True))
        owner.held |= {each.delivery_id: each for each in done.claimed}

    @rule(
        owner=owners | ghosts, domain=st.sampled_from(DOMAINS), limit=st.integers(1, 4), suppressed=st.sets(st.integers(1, 9))
    )  # fmt: skip
    def it_claims(self, owner: Owner, domain: str, limit: int, suppressed: set[int]) -> None:
        def gate(tx: Tx, claimed: object) -> dict[int, str]:
            return {each.delivery_id: "hard bounce" for each in claimed if each.delivery_id in suppressed}  # type: ignore[attr-defined]

        claim = self.books.write(lambda tx: claiming.claim(tx, domain, limit, owner.id, self.now, gate))
        owner.held |= {each.delivery_id: each for each in claim.taken}
        assert len(claim.taken) + len(claim.ended) <= limit
        assert not {each.delivery_id for each in claim.taken} & suppressed

    @rule(owner=owners | ghosts, pick=st.integers(0, 9))
    def it_releases_a_dot(self, owner: Owner, pick: int) -> None:
        waiting = sorted(set(owner.held) - owner.at_the_dot)
        if not waiting:
            return
        delivery_id = waiting[pick % len(waiting)]
        if self.books.write(lambda tx: settling.mark_dot(tx, delivery_id, owner.id)):
            assert self.books.states()[delivery_id] is State.AT_THE_DOT
            owner.at_the_dot.add(delivery_id)
        else:
            owner.held.pop(delivery_id)

    @rule(owner=owners | ghosts, pick=st.integers(0, 9), outcome=st.integers(0, 9), wait=waits)
    def it_hears_an_answer(self, owner: Owner, pick: int, outcome: int, wait: timedelta) -> None:
        if not owner.held:
            return
        delivery_id = sorted(owner.held)[pick % len(owner.held)]
        each, state = owner.held.pop(delivery_id), owner.state_of(delivery_id)
        owner.at_the_dot.discard(delivery_id)
        event = OUTCOMES[state][outcome % len(OUTCOMES[state])]
        self.copies[delivery_id] += event in (Event.ACCEPTED, Event.ANSWER_LOST)
        due = to_ms(self.now + wait) if event is Event.DEFERRED else None
        came = Settlement(delivery_id, state, event, "250 words", "dot", to_ms(self.now), due_ms=due)
        mine = (delivery_id, owner.id) in self.books.rows("SELECT id, owner FROM delivery")
        settled = self.books.write(lambda tx: settling.settle(tx, each, came, owner.id, self.now))
        assert (settled is not None) == mine

    @rule(owner=owners, domain=st.sampled_from(DOMAINS))
    def all_goes_well(self, owner: Owner, domain: str) -> None:
        self.it_claims(owner, domain, 9, set())
        self.nothing_is_lost_and_nothing_leaves_an_end()
        for place in range(len(owner.held) - len(owner.at_the_dot)):
            self.it_releases_a_dot(owner, place)
        self.nothing_is_lost_and_nothing_leaves_an_end()
        while owner.at_the_dot:
            delivery_id = min(owner.at_the_dot)
            self.it_hears_an_answer(owner, sorted(owner.held).index(delivery_id), 0, timedelta(0))

    @rule(owner=consumes(owners) | consumes(ghosts))
    def a_carrier_dies(self, owner: Owner) -> None:
        self.copies.update(owner.at_the_dot)  # each of these dots may have left
        self.books.write(lambda tx: leasing.take_away(tx, owner.id))

    @rule(owner=owners)
    def a_carrier_keeps_its_lease(self, owner: Owner) -> None:
        self.books.write(lambda tx: leasing.renew(tx, owner.id, self.host))

    @rule(target=ghosts, owner=consumes(owners), limit=st.integers(1, 3))
    def a_carrier_was_stopped_for_too_long(self, owner: Owner, limit: int) -> Owner:
        self.boottime_ms += 31_000
        assert owner.id in self.books.write(lambda tx: leasing.lapsed(tx, self.host))
        while not self.books.write(lambda tx: leasing.sweep(tx, owner.id, self.now, limit)):
            pass
        assert not self.books.write(lambda tx: leasing.renew(tx, owner.id, self.host))
        return owner

    @rule(limit=st.integers(1, 3))
    def the_janitor_takes_over(self, limit: int) -> None:
        for gone in self.books.write(lambda tx: leasing.lapsed(tx, self.host)):
            if self.books.rows("SELECT 1 FROM carrier WHERE id = ? AND lease_until_ms = 1", gone):
                self.books.write(lambda tx, gone=gone: leasing.sweep(tx, gone, self.now, limit))

    @rule(policy=st.sampled_from(DoubtPolicy), limit=st.integers(1, 3))
    def doubts_are_settled(self, policy: DoubtPolicy, limit: int) -> None:
        how = SETTINGS.model_copy(update={"in_doubt_transactional": policy})
        self.books.write(lambda tx: doubting.resolve_doubts(tx, self.now, how, RetrySettings(), limit=limit))

    @rule(limit=st.integers(1, 3))
    def what_is_too_old_ends(self, limit: int) -> None:
        self.books.write(lambda tx: expiring.expire(tx, self.now, limit))

    @rule(ids=st.lists(st.integers(1, 9), max_size=3, unique=True))
    def an_operator_holds(self, ids: list[int]) -> None:
        queued = [each for each in ids if self.before.get(each) is State.QUEUED]
        assert self.books.write(lambda tx: operating.hold(tx, ids, ANN, self.now)) == len(queued)

    @rule(ids=st.lists(st.integers(1, 9), max_size=3, unique=True))
    def an_operator_lets_go(self, ids: list[int]) -> None:
        held = [each for each in ids if self.before.get(each) is State.HELD]
        assert len(self.books.write(lambda tx: operating.let_go(tx, ids, ANN, self.now))) == len(held)

    @rule(ids=st.lists(st.integers(1, 9), max_size=3, unique=True))
    def an_operator_cancels(self, ids: list[int]) -> None:
        open_ones = [each for each in ids if self.before.get(each) in (State.QUEUED, State.HELD)]
        assert self.books.write(lambda tx: operating.cancel(tx, ids, ANN, self.now)) == len(open_ones)

    @rule(site=st.sampled_from(DOMAINS))
    def an_operator_retries(self, site: str) -> None:
        for domain in self.books.write(lambda tx: operating.end_back_off(tx, site)):
            self.books.write(lambda tx, domain=domain: operating.make_due(tx, domain, self.now, 100))

    @rule(ids=st.lists(st.integers(1, 9), max_size=3, unique=True), hop=st.sampled_from(["", "hop.example:25"]))
    def an_operator_redirects(self, ids: list[int], hop: str) -> None:
        self.books.write(lambda tx: operating.redirect(tx, ids, hop, ANN, self.now))

    @rule(by=waits)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule(owner=owners, domain=st.sampled_from(DOMAINS))
    def the_power_is_cut_before_a_commit(self, owner: Owner, domain: str) -> None:
        was = self.books.snapshot()

        def cut(tx: Tx) -> None:
            queue.enqueue(tx, message(f"cut@{domain}"), self.now, SETTINGS)
            claiming.claim(tx, domain, 9, owner.id, self.now, nobody_is_suppressed)
            leasing.sweep(tx, owner.id, self.now)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.books.write(cut)
        assert self.books.snapshot() == was

    # -- what always holds

    @invariant()
    def the_books_balance(self) -> None:
        found = self.books.audit(self.now)
        assert found.balances, found

    @invariant()
    def nothing_is_lost_and_nothing_leaves_an_end(self) -> None:
        states = self.books.states()
        assert dict(self.books.rows("SELECT id, forward_path FROM delivery")) == self.accepted
        for delivery_id, was in self.before.items():
            now = states[delivery_id]
            assert now is was or now in NEXT[was], f"{was.word} became {now.word}"
        self.before = states

    @invariant()
    def a_second_copy_has_a_doubt_on_record(self) -> None:
        doubts = Counter(row[0] for row in self.books.rows("SELECT delivery_id FROM doubt"))
        for delivery_id, count in self.copies.items():
            assert count - 1 <= doubts[delivery_id]


def _reachable(state: State) -> set[State]:
    """In the one or two steps that one transaction makes."""
    one = {to for (start, _), to in TRANSITIONS.items() if start is state}
    return one | {to for (start, _), to in TRANSITIONS.items() if start in one}


NEXT = {state: _reachable(state) for state in State}
TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


# -- the same on PostgreSQL


class AnyLifeOnPostgres(AnyLife):
    """Fewer lives: each transaction asks a server."""

    server: "Postgres"  # set by the fixture

    def fresh_books(self) -> Books:
        return open_books(self.server.empty("any_life"))


@pytest.fixture(scope="module")
def any_life_server(postgres: "Postgres") -> None:
    AnyLifeOnPostgres.server = postgres


TestAnyLifeOnPostgres = pytest.mark.usefixtures("any_life_server")(
    pytest.mark.peer("postgresql")(AnyLifeOnPostgres.TestCase)
)
TestAnyLifeOnPostgres.settings = settings(
    max_examples=12, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


# -- questions that are asked every second


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (doubting.has_doubts, "delivery_open (state=?)"),
        (lambda tx: expiring.has_expired(tx, NOON), "delivery_expiry (expires_ms<?)"),
        (lambda tx: expiring.expire(tx, NOON), "delivery_expiry (expires_ms<?)"),
    ],
)
def test_what_is_asked_all_the_time_reads_no_long_queue(
    ask: Callable[[Tx], object], index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says how it would answer."""
    books = open_books(tmp_path)
    plans: list[str] = []

    def explained(self: SqliteTx, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        plans.extend(row[3] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", params))
        return []

    with monkeypatch.context() as patch:
        patch.setattr(SqliteTx, "query", explained)
        patch.setattr(SqliteTx, "one", explained)
        books.write(ask)
    assert any(index in each for each in plans), plans
    assert not any(each.startswith("SCAN") for each in plans), plans
    books.close()
