"""The janitor: what dead carriers held comes back, doubts are settled, old mail ends and is told, old octets go."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON, FakeClock
from house_books import message, nobody_is_suppressed
from mail_shop import Place, open_store

from deliverability.settings import RetrySettings
from engine import janitor as module
from engine.janitor import Chore, Janitor
from engine.store.groups import GroupStore
from mta.ports import StoreFull, StoreTrouble, Tx
from mta.queue import claiming, leasing, operating, queue, settling
from mta.queue.audit import audit
from mta.queue.delivery import State, Stream
from mta.queue.expiring import Late
from mta.queue.leasing import Host
from mta.queue.operating import By
from mta.queue.queue import Settled
from mta.queue.settings import QueueSettings

SETTINGS = QueueSettings()


@dataclass
class House:
    """A store with a janitor, and what it told."""

    store: GroupStore
    clock: FakeClock
    janitor: Janitor
    followed: list[Settled] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    wakes: int = 0
    gone: set[str] = field(default_factory=set)  # processes that ended

    def told_late(self, tx: Tx, found: Late) -> None:
        self.late.extend(each.delivery_id for each, _ in found.deliveries)

    async def enqueue(self, *to: str, stream: Stream = Stream.TRANSACTIONAL) -> None:
        await self.store.write(lambda tx: queue.enqueue(tx, message(*to, stream=stream), self.clock.now(), SETTINGS))

    async def carrier(self, boot_id: str = "", process: str = "") -> int:
        def work(tx: Tx) -> int:
            counter, ms = tx.lease_time()
            return leasing.register(tx, "carrier", 1, Host(boot_id or counter, ms), self.clock.now(), process)

        return await self.store.write(work)

    async def let_leases_run_out(self) -> None:
        self.clock.advance(timedelta(seconds=31))  # PostgreSQL's clock is its own
        await self.store.write(lambda tx: tx.execute("UPDATE carrier SET lease_until_ms = 2"))

    async def claim(self, owner: int, count: int = 100) -> list[int]:
        now = self.clock.now()
        claim = await self.store.write(
            lambda tx: claiming.claim(tx, "a.example", count, owner, now, nobody_is_suppressed)
        )
        return [each.delivery_id for each in claim.taken]

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.store.read(lambda tx: tx.query(sql))

    async def states(self) -> list[State]:
        return [State(row[0]) for row in await self.rows("SELECT state FROM delivery ORDER BY id")]


@pytest.fixture
async def house(place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(module, "CHUNK", 3)  # so that everything here takes several turns
    monkeypatch.setattr(module, "SPAN", 3)
    clock = FakeClock()
    store = open_store(place, clock)
    made = House(store, clock, None)  # type: ignore[arg-type]

    def follow(tx: Tx, settled: Sequence[Settled]) -> None:
        made.followed.extend(settled)

    def wake() -> None:
        made.wakes += 1

    made.janitor = Janitor(
        store, clock, SETTINGS, RetrySettings(), follow, wake, made.told_late, made.gone.__contains__
    )
    yield made
    found = await store.read(lambda tx: audit(tx, clock.now))
    assert found.balances, found
    await asyncio.to_thread(store.close)


async def test_with_nothing_to_do_it_writes_nothing(house: House) -> None:
    before = house.store.commits
    await house.janitor.round()
    assert house.store.commits == before
    assert house.wakes == 0


async def test_a_lapsed_carriers_deliveries_come_back_and_those_at_the_dot_are_doubts(house: House) -> None:
    await house.enqueue(*(f"n{number}@a.example" for number in range(8)))
    owner = await house.carrier()
    await house.claim(owner)
    for delivery_id in (2, 5):
        await house.store.write(lambda tx, each=delivery_id: settling.mark_dot(tx, each, owner))
    await house.janitor.round()
    assert await house.rows("SELECT count(*) FROM delivery WHERE owner IS NOT NULL") == [(8,)], "its lease still runs"
    await house.let_leases_run_out()
    await house.janitor.round()
    assert await house.states() == [State.QUEUED] * 8  # the doubts were settled in the same round: resent
    assert await house.rows("SELECT delivery_id, why, settled FROM doubt ORDER BY 1") == [
        (2, "orphaned", "resent"), (5, "orphaned", "resent"),
    ]  # fmt: skip
    assert house.wakes == 1


@pytest.mark.parametrize("how", ["refused", "slow"])
async def test_after_the_database_was_away_whoever_could_not_renew_a_lease_still_may(house: House, how: str) -> None:
    await house.enqueue("ann@a.example")
    await house.claim(await house.carrier())
    troubles = [StoreTrouble("away")]
    real = house.store.read
    answered = asyncio.Event()

    async def read(work: Any) -> Any:
        if troubles:
            trouble = troubles.pop()
            if how == "refused":
                raise trouble
            house.clock.advance(timedelta(seconds=6))
        answered.set()
        return await real(work)

    await house.let_leases_run_out()
    house.store.read = read  # type: ignore[method-assign]
    running = asyncio.create_task(house.janitor.run())
    while not answered.is_set():
        house.janitor.ring()
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await house.janitor.round()
    assert await house.states() == [State.IN_FLIGHT], "its carrier lives, and had nobody to renew its lease with"
    house.clock.advance(timedelta(seconds=30))
    await house.janitor.round()
    assert await house.states() == [State.QUEUED]


async def test_a_lease_that_was_taken_away_is_over_whether_the_database_was_away_or_not(house: House) -> None:
    await house.enqueue("ann@a.example")
    owner = await house.carrier()
    await house.claim(owner)
    await house.store.write(lambda tx: leasing.take_away(tx, owner))
    house.janitor._be_patient()
    await house.janitor.round()
    assert await house.states() == [State.QUEUED]


async def test_a_carrier_of_an_earlier_boot_is_done_with_at_once(house: House) -> None:
    await house.enqueue("ann@a.example")
    await house.claim(await house.carrier("the boot before"))
    await house.janitor.round()
    assert await house.states() == [State.QUEUED]


async def test_a_carrier_whose_process_is_gone_is_done_with_at_once_and_one_that_runs_is_not(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.enqueue(*(f"n{number}@a.example" for number in range(6)))
    owners = [await house.carrier(process=name) for name in ("one", "two")]
    held, kept = [await house.claim(owner, 3) for owner in owners]
    await house.store.write(lambda tx: settling.mark_dot(tx, held[0], owners[0]))
    house.gone.add("one")
    await house.janitor.round()
    wanted = dict.fromkeys(held, State.QUEUED) | dict.fromkeys(kept, State.IN_FLIGHT)
    assert await house.states() == [wanted[number] for number in sorted(wanted)]
    said = [(each.msg, vars(each).get("why")) for each in caplog.records if each.levelname == "WARNING"]
    assert said == [("swept a dead carrier", "its process is gone"), ("doubt settled", "orphaned")]
    commits = house.store.commits
    await house.janitor.round()
    assert house.store.commits == commits, "it is done with for good"


async def test_what_is_too_old_ends_is_followed_and_leaves_no_trace_in_the_queue(house: House) -> None:
    await house.enqueue(*(f"n{number}@a.example" for number in range(7)))
    await house.enqueue("bulk@a.example", stream=Stream.MARKETING)
    house.clock.advance(timedelta(days=3))
    await house.janitor.round()
    assert await house.states() == [State.QUEUED] * 7 + [State.EXPIRED]
    house.clock.advance(timedelta(days=3))
    await house.janitor.round()
    assert await house.states() == [State.EXPIRED] * 8
    assert [each.state for each in house.followed] == [State.EXPIRED] * 8
    assert house.wakes == 2


async def test_octets_go_when_their_last_delivery_ended_long_enough_ago_and_not_before(house: House) -> None:
    for number in range(10):
        await house.enqueue(f"n{number}@a.example")
    await house.enqueue("ann@a.example", "later@b.example")
    owner = await house.carrier()
    await house.claim(owner)
    await house.store.write(lambda tx: leasing.sweep(tx, owner, NOON))
    await house.store.write(lambda tx: operating.cancel(tx, list(range(1, 12)), By("ann", "a test"), NOON))
    house.clock.advance(timedelta(days=2))
    await house.enqueue("young@a.example")
    for _ in range(6):
        await house.janitor.round()
    assert len(await house.rows("SELECT 1 FROM body")) == 12
    house.clock.advance(timedelta(days=1, minutes=1))
    for _ in range(6):
        await house.janitor.round()
    assert await house.rows("SELECT message_id FROM body ORDER BY 1") == [(11,), (12,)]
    assert len(await house.rows("SELECT 1 FROM message")) == 12, "what happened stays known"


async def test_a_store_that_will_not_is_tried_again(house: House) -> None:
    troubles = [StoreFull("no room"), StoreFull("no room")]
    real = house.store.read
    looked = asyncio.Event()

    async def read(work: Any) -> Any:
        if troubles:
            raise troubles.pop()
        looked.set()
        return await real(work)

    house.store.read = read  # type: ignore[method-assign]
    running = asyncio.create_task(house.janitor.run())
    while not looked.is_set():
        house.janitor.ring()
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_late_is_told_of_once_and_what_has_ended_is_not(house: House) -> None:
    await house.enqueue(*(f"n{number}@a.example" for number in range(8)))
    house.clock.advance(SETTINGS.delay_notice - timedelta(seconds=1))
    await house.enqueue("later@a.example")
    await house.store.write(lambda tx: operating.cancel(tx, [2, 5], By("ann", ""), house.clock.now()))
    await house.store.write(lambda tx: operating.hold(tx, [3], By("ann", ""), house.clock.now()))
    await house.janitor.round()
    assert house.late == []
    house.clock.advance(timedelta(seconds=1))
    await house.janitor.round()
    told = [row[0] for row in await house.rows("SELECT id FROM delivery WHERE state < 10 ORDER BY id LIMIT 6")]
    assert house.late == told and not {2, 5} & {*told}
    house.janitor = Janitor(
        house.store,
        house.clock,
        SETTINGS,
        RetrySettings(),
        lambda *_: None,
        lambda: None,
        house.told_late,
        house.gone.__contains__,
    )
    await house.janitor.round()
    assert house.late == told, "a new front office tells nobody twice"
    house.clock.advance(SETTINGS.delay_notice)
    await house.janitor.round()
    assert [(each,) for each in house.late[6:]] == await house.rows(
        "SELECT id FROM delivery WHERE forward_path = 'later@a.example'"
    )


async def test_no_wait_means_no_notice_of_delay(house: House) -> None:
    house.janitor.settings = QueueSettings(delay_notice=timedelta(0))
    await house.enqueue("ann@a.example")
    house.clock.advance(timedelta(days=1))
    await house.janitor.round()
    assert house.late == []


async def test_a_chore_is_done_until_nothing_of_it_is_due(house: House) -> None:
    left = [1, 2, 3]
    janitor = Janitor(
        house.store, house.clock, SETTINGS, RetrySettings(), lambda *_: None, lambda: None, house.told_late,
        lambda _: False, [Chore(lambda tx, now: bool(left), lambda tx, now: left.pop())],
    )  # fmt: skip
    await janitor.round()
    assert left == []
